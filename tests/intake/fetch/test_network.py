"""Which addresses are connected to, names that resolve to what they should not, and TLS."""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore2
import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.fetch.fetcher import Fetched, Fetcher, FetchSettings
from musicflamingo_cli.intake.fetch.network import GuardedNetwork, is_public
from musicflamingo_cli.intake.reasons import IntakeError
from tests.intake.fetch.bad_server import WAV, BadServer, Fetch, be_quick, cut_at, reason

PEM = Path(__file__).with_name("localhost.pem")

PRIVATE = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254 172.16.0.1
172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1
239.255.255.250 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8
::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2001:10::1
2002:7f00:1::1 2002:808:808::1 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 4000::1
not-an-address
"""
PUBLIC = "8.8.8.8 1.1.1.1 93.184.216.34 172.15.0.1 172.32.0.1 100.63.0.1 2606:4700::1111 2a00:1450::1 64:ff9b::808:808"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_what_is_not_the_open_internet_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_public(address)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    be_quick(monkeypatch, tmp_path)


@pytest.fixture
def server() -> Iterator[BadServer]:
    with BadServer() as server:
        yield server


@pytest.fixture
def fetch(server: BadServer) -> Fetch:
    return Fetch(server)


def resolves(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Have each name that is resolved get the next answer; an address is itself, as it is for the real resolver."""
    real, coming = socket.getaddrinfo, iter(answers)

    def answer(host: str, port: int, *more: Any, **how: Any) -> list[Any]:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return [real(address, port, *more, **how)[0] for address in next(coming)]
        return real(host, port, *more, **how)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were connected to, in vain."""
    addresses: list[str] = []

    def refuse(sock: socket.socket, address: tuple[str, int]) -> None:
        addresses.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    return addresses


class TestGuard:
    def test_one_private_address_among_several_refuses_the_host(
        self, monkeypatch: pytest.MonkeyPatch, tried: list[str]
    ) -> None:
        resolves(monkeypatch, ["8.8.8.8", "10.0.0.1"])
        with pytest.raises(IntakeError) as caught:
            GuardedNetwork(()).connect_tcp("a.example", 80, 5.0)
        assert caught.value.failure.reason == "url_refused"
        assert tried == []

    def test_all_public_addresses_are_tried_once(self, monkeypatch: pytest.MonkeyPatch, tried: list[str]) -> None:
        resolves(monkeypatch, ["8.8.8.8", "2606:4700::1111", "8.8.8.8"])
        with pytest.raises(httpcore2.ConnectError):
            GuardedNetwork(()).connect_tcp("a.example", 80, 5.0)
        assert tried == ["8.8.8.8", "2606:4700::1111"]

    def test_a_named_host_may_be_private_on_its_port_alone(
        self, monkeypatch: pytest.MonkeyPatch, tried: list[str]
    ) -> None:
        resolves(monkeypatch, *[["10.0.0.1"]] * 3)
        network = GuardedNetwork(("Media.Lan:8000",))
        with pytest.raises(httpcore2.ConnectError):
            network.connect_tcp("media.lan", 8000, 5.0)
        assert tried == ["10.0.0.1"]
        for host, port in (("media.lan", 8001), ("other.lan", 8000), ("10.0.0.1", 8000)):
            with pytest.raises(IntakeError):
                network.connect_tcp(host, port, 5.0)
        assert tried == ["10.0.0.1"]

    def test_a_named_ipv6_host_has_brackets(self, tried: list[str]) -> None:
        with pytest.raises(httpcore2.ConnectError):
            GuardedNetwork(("[::1]:8000",)).connect_tcp("::1", 8000, 5.0)
        assert tried == ["::1"]

    @pytest.mark.parametrize(
        "text", ["localhost", "localhost:", ":80", "http://a:80", "a:80/x", "u@a:80", "a:80?x", "*:80", ""]
    )
    def test_a_host_without_its_port_is_no_permission(self, text: str) -> None:
        with pytest.raises(UsageError, match="HOST:PORT"):
            Fetcher(FetchSettings(allow_private_hosts=(text,)))

    def test_a_resolver_that_hangs_costs_no_more_than_its_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hung = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hung.wait(10) and [])
        with pytest.raises(httpcore2.ConnectTimeout):
            GuardedNetwork(()).connect_tcp("a.example", 80, 0.1)
        hung.set()

    @pytest.mark.parametrize("host", ["a.example", "a" * 64 + ".example"])
    def test_a_host_without_addresses_does_not_exist(self, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
        if host == "a.example":
            resolves(monkeypatch, [])
        with pytest.raises(httpcore2.ConnectError) as caught:
            GuardedNetwork(()).connect_tcp(host, 80, 5.0)
        assert isinstance(caught.value.args[0], socket.gaierror)


LOCAL = """
127.0.0.1 localhost [::1] 0.0.0.0 [::ffff:127.0.0.1] 127.1 0 2130706433 0x7f000001 0x7f.1 0177.0.0.1 127.0.0.1.
１２７.１
"""
"""Hosts that lead to this machine, numbers in disguise among them."""


class TestAddresses:
    @pytest.mark.parametrize("host", LOCAL.split())
    def test_local_ones_are_refused_unless_named(self, host: str, server: BadServer, fetch: Fetch) -> None:
        got = fetch(f"http://{host}:{server.port}/a", allow_private_hosts=())
        assert reason(got) == "url_refused"
        assert server.connections == 0

    def test_a_name_that_changes_its_address_is_checked_each_time(
        self, server: BadServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, tried: list[str]
    ) -> None:
        resolves(monkeypatch, ["192.0.2.1"], ["8.8.8.8"], ["127.0.0.1"])
        url = f"http://song.example:{server.port}/a"
        assert reason(fetch(url)) == "url_refused"  # 192.0.2.1 is for documentation.
        assert reason(fetch(url)) == "url_refused"  # Public, refused by nobody's port, then suddenly local.
        assert tried == ["8.8.8.8"]

    def test_a_host_that_does_not_exist_may_exist_tomorrow(self, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
        def resolve(*_: object, **__: object) -> list[object]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        assert reason(fetch("http://nowhere.example/a")) == "network"

    def test_a_closed_port_is_tried_again(self, fetch: Fetch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            name = f"127.0.0.1:{free.getsockname()[1]}"
        assert reason(fetch(f"http://{name}/a", allow_private_hosts=(name,))) == "network"


class TestTls:
    @pytest.fixture
    def safe(self) -> Iterator[BadServer]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
        with BadServer(tls=context) as server:
            server.on("/x", cut_at(5000, ETag='"a"'))
            yield server

    def test_a_certificate_that_nobody_signed_is_refused(self, safe: BadServer, fetch: Fetch) -> None:
        got = fetch(safe.url("/x"), allow_private_hosts=(safe.name,))
        assert reason(got) == "network"
        assert "certificate" in got.error  # type: ignore[union-attr]
        assert safe.connections == 1

    def test_a_trusted_one_is_accepted_for_its_name_alone(
        self, safe: BadServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
        assert isinstance(fetch(safe.url("/x"), allow_private_hosts=(safe.name,)), Fetched)
        assert fetch.body == WAV

        local = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", safe.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: local)
        name = f"other.example:{safe.port}"
        assert reason(fetch(f"https://{name}/x", allow_private_hosts=(name,))) == "network"

    def test_certificates_that_can_not_be_read_are_the_users_trouble(
        self, safe: BadServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "empty.pem").touch()
        for name in ("empty.pem", "gone.pem"):
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
            with pytest.raises(UsageError, match="SSL_CERT_FILE"):
                fetch(safe.url("/x"))

    def test_a_header_that_drips_ends_with_the_songs_time(
        self, safe: BadServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
        url = safe.on("/slow", lambda _, line: line.drip(b"HTTP/1.1 "))
        assert reason(fetch(url, allow_private_hosts=(safe.name,), total_seconds=0.6)) == "timeout"

    @pytest.mark.parametrize("talk", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x01"])
    def test_a_handshake_that_never_ends_does(self, talk: bytes, fetch: Fetch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            name = f"127.0.0.1:{listener.getsockname()[1]}"
            calls: list[socket.socket] = []

            def serve() -> None:
                while len(calls) < 3:
                    sock, _ = listener.accept()
                    calls.append(sock)
                    sock.sendall(talk)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            began = time.monotonic()
            got = fetch(f"https://{name}/x", allow_private_hosts=(name,), connect_seconds=0.3)
            assert reason(got) in ("timeout", "network")
            assert time.monotonic() - began < 3
            thread.join(5)
            for sock in calls:
                sock.close()

"""Addresses, TLS, closing, and disks that are full."""

import resource
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from musicflamingo_cli.errors import OutputError, UsageError
from musicflamingo_cli.intake.fetch.fetcher import Fetched, Fetcher, FetcherClosed, FetchSettings
from tests.intake.fetch.bad_server import HEAD, WAV, BadServer, Fetch, be_quick, cut_at, reason, song

PEM = Path(__file__).with_name("localhost.pem")


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


class TestAddresses:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1", "0"])
    def test_local_ones_are_refused_unless_named(self, host: str, server: BadServer, fetch: Fetch) -> None:
        got = fetch(f"http://{host}:{server.port}/a", allow_private_hosts=())
        assert reason(got) == "url_refused"
        assert server.connections == 0

    def test_a_name_that_changes_its_address_is_checked_each_time(
        self, server: BadServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = iter(["192.0.2.1", "8.8.8.8", "127.0.0.1"])
        tried: list[str] = []

        def resolve(*_: object, **__: object) -> list[object]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), server.port))]

        def refuse(sock: socket.socket, address: tuple[str, int]) -> None:
            tried.append(address[0])
            raise ConnectionRefusedError

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(socket.socket, "connect", refuse)
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

    def test_a_host_without_port_is_no_permission(self) -> None:
        with pytest.raises(UsageError):
            Fetcher(FetchSettings(allow_private_hosts=("localhost",)))


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


class TestClosing:
    def test_ends_what_is_going_on(self, server: BadServer) -> None:
        url = server.on("/x", lambda _, line: (line.send(HEAD + WAV[:100]), line.wait(15))[0])
        fetcher = Fetcher(FetchSettings(allow_private_hosts=(server.name,)))
        ended: list[BaseException] = []

        def work() -> None:
            try:
                fetcher.fetch(url)
            except FetcherClosed as error:
                ended.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(server.asked) < 4:
            time.sleep(0.01)
        began = time.monotonic()
        fetcher.close()
        for thread in threads:
            thread.join(5)
        assert time.monotonic() - began < 2
        assert len(ended) == 4
        fetcher.close()
        with pytest.raises(FetcherClosed):
            fetcher.fetch(url)

    def test_wakes_who_waits_for_the_next_attempt(self, server: BadServer) -> None:
        url = server.on("/x", lambda _, line: line.answer(503, Retry_After="60"))
        with Fetcher(FetchSettings(allow_private_hosts=(server.name,))) as fetcher:
            threading.Timer(0.3, fetcher.close).start()
            began = time.monotonic()
            with pytest.raises(FetcherClosed):
                fetcher.fetch(url)
            assert time.monotonic() - began < 2

    def test_wakes_who_connects(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            name = f"127.0.0.1:{deaf.getsockname()[1]}"
            crowd = [socket.socket() for _ in range(3)]
            for sock in crowd:
                sock.setblocking(False)
                sock.connect_ex(deaf.getsockname())
            with Fetcher(FetchSettings(allow_private_hosts=(name,))) as fetcher:
                threading.Timer(0.3, fetcher.close).start()
                began = time.monotonic()
                with pytest.raises(FetcherClosed):
                    fetcher.fetch(f"http://{name}/x")
                assert time.monotonic() - began < 2
            for sock in crowd:
                sock.close()


def test_a_full_disk_is_the_runs_trouble(server: BadServer) -> None:
    url = server.on("/x", song(WAV))
    with Fetcher(FetchSettings(allow_private_hosts=(server.name,))) as fetcher:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(WAV) - 1, limits[1]))
        try:
            with pytest.raises(OutputError, match="can't be kept there: File too large"):
                fetcher.fetch(url)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert isinstance(fetcher.fetch(url), Fetched)


def test_no_temporary_folder_is_the_runs_trouble(
    server: BadServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="file"):
        fetch(server.on("/x", song(WAV)))

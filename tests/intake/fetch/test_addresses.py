"""Which addresses are public, and hosts that resolve to what they should not."""

import socket
import threading

import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.fetch.addresses import AddressRules, is_public
from musicflamingo_cli.intake.reasons import Unheard

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


def patient(done: threading.Event) -> bool:
    return done.wait(5)


def names(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def answer(host: str, port: int, **_: object) -> list[object]:
        kinds = [(socket.AF_INET6 if ":" in a else socket.AF_INET, a) for a in addresses]
        return [(kind, socket.SOCK_STREAM, 6, "", (a, port, *((0, 0) if ":" in a else ()))) for kind, a in kinds]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def test_one_private_address_among_several_refuses_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "8.8.8.8", "10.0.0.1")
    with pytest.raises(Unheard) as caught:
        AddressRules(()).addresses("a.example", 80, patient)
    assert caught.value.failure.reason == "url_refused"


def test_all_public_addresses_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "8.8.8.8", "2606:4700::1111", "8.8.8.8")
    found = AddressRules(()).addresses("a.example", 80, patient)
    assert [address[0] for _, address in found] == ["8.8.8.8", "2606:4700::1111"]


def test_a_named_host_may_be_private_on_its_port_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "10.0.0.1")
    rules = AddressRules(("Media.Lan:8000",))
    assert rules.addresses("media.lan", 8000, patient)
    for host, port in (("media.lan", 8001), ("other.lan", 8000), ("10.0.0.1", 8000)):
        with pytest.raises(Unheard):
            rules.addresses(host, port, patient)


def test_a_named_ipv6_host_has_brackets() -> None:
    assert AddressRules(("[::1]:8000",)).addresses("::1", 8000, patient)


@pytest.mark.parametrize(
    "text", ["localhost", "localhost:", ":80", "http://a:80", "a:80/x", "u@a:80", "a:80?x", "*:80", ""]
)
def test_a_host_without_its_port_is_no_permission(text: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        AddressRules((text,))


def test_a_resolver_that_hangs_costs_no_more_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    hung = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hung.wait(10) and [])
    with pytest.raises(TimeoutError):
        AddressRules(()).addresses("a.example", 80, lambda done: done.wait(0.1))
    hung.set()


def test_a_host_without_addresses_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch)
    with pytest.raises(socket.gaierror):
        AddressRules(()).addresses("a.example", 80, patient)

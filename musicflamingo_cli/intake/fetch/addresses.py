"""Which network addresses a song may come from: public ones, and hosts that the user named.

A manifest is data from elsewhere; without this check a row in it could read the cloud's metadata service or a printer.
Registries: IANA IPv4 and IPv6 Special-Purpose Address Space; NAT64: RFC 6052.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.fetch.urls import Target, parse
from musicflamingo_cli.intake.reasons import Unheard

Address = tuple[socket.AddressFamily, tuple[str | int, ...]]
"""A family and what `socket.connect` takes."""

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_REFUSED = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8",  # this host
        "100.64.0.0/10",  # carrier-grade NAT
        "168.63.129.16/32",  # metadata service of Azure, on a public address
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
        "240.0.0.0/4",  # reserved and broadcast
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)


def is_public(address: str) -> bool:
    """True if an IP address is one of the open internet's, also behind the IPv6 forms that hold an IPv4 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip not in _GLOBAL_UNICAST:  # Mapped and compatible IPv4, local, link-local, multicast, discard, ...
            return False
    odd = ip.is_private or ip.is_multicast or ip.is_reserved or ip.is_loopback or ip.is_link_local or ip.is_unspecified
    return not odd and not any(ip in block for block in _REFUSED if block.version == ip.version)


class AddressRules:
    """Resolves hosts and refuses those that are not for songs."""

    def __init__(self, allow_private_hosts: Iterable[str]) -> None:
        """Take the hosts that may be private, as `HOST:PORT`. Raises `UsageError` for one without a port."""
        self._named = frozenset(_host_and_port(text) for text in allow_private_hosts)

    def addresses(self, host: str, port: int, wait: Callable[[threading.Event], bool]) -> list[Address]:
        """Every address of a host, all of them allowed.

        One that is not refuses the host as a whole: which of them a connection took would be left to chance.
        `wait` waits for the resolver's event and says if it came in time; the resolver itself can't be stopped.

        Raises:
            Unheard: `url_refused`.
            OSError: the host can't be resolved (`socket.gaierror`), or not in time (`TimeoutError`).
        """
        found = _resolve(host, port, wait)
        if (host, port) not in self._named and not all(is_public(str(address[0])) for _, address in found):
            raise Unheard(
                "url_refused",
                f"{_shown(host, port)} is a private, local or reserved address and not among --allow-private-hosts",
            )
        return found


def _resolve(host: str, port: int, wait: Callable[[threading.Event], bool]) -> list[Address]:
    found: list[Address] = []
    errors: list[OSError] = []
    done = threading.Event()

    def ask() -> None:
        try:
            for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                known: Address = (family, (str(address[0]), *address[1:]))
                if family in (socket.AF_INET, socket.AF_INET6) and known not in found:
                    found.append(known)
        except OSError as error:
            errors.append(error)
        except UnicodeError:
            errors.append(socket.gaierror(socket.EAI_NONAME, "no valid host name"))
        finally:
            done.set()

    threading.Thread(target=ask, daemon=True, name="mfq-resolve").start()
    if not wait(done):
        raise TimeoutError
    if errors:
        raise errors[0]
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    return found


def _host_and_port(text: str) -> tuple[str, int]:
    try:
        target: Target = parse(f"http://{text.strip()}")
    except Unheard:
        target = Target("http", "", 0, "/", None)
    if (
        target.path != "/"
        or target.query is not None
        or target.user is not None
        or not text.strip().endswith(f":{target.port}")
    ):
        raise UsageError(f"--allow-private-hosts: {text!r} is not HOST:PORT, as in localhost:8000 or [::1]:8000")
    return target.host, target.port


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

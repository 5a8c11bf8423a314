"""The network below the HTTP client: only public addresses, and hosts that the user named, are connected to.

A manifest is data from elsewhere; without this guard a row in it could read the cloud's metadata service or a printer.
httpcore2 takes its connections from a `NetworkBackend`, so the address that was checked is the one that is connected
to: a name that resolves otherwise a moment later changes nothing, and a redirect goes through the same door. Proxies
of the environment are not used: behind one, no address could be checked.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import httpcore2 as httpcore

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.fetch.urls import Target, parse
from musicflamingo_cli.intake.reasons import IntakeError

logging.getLogger("httpcore2").setLevel(logging.WARNING)  # At DEBUG it logs headers and queries: credentials.

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_REFUSED = tuple(
    ipaddress.ip_network(block)
    # What `is_global` of some Python lets pass; see IANA's registries of special-purpose addresses.
    for block in (
        "168.63.129.16/32",  # metadata service of Azure, on a public address
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)


def is_public(address: str) -> bool:
    """True if an IP address is one of the open internet's, also behind the IPv6 form that holds an IPv4 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip not in _GLOBAL_UNICAST:  # IPv4 in its mapped and compatible forms, local, multicast, discard, ...
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in block for block in _REFUSED)


class FetcherClosed(Exception):
    """The fetcher was closed while it worked."""


@dataclass(slots=True)
class Clock:
    """What one song may take, all attempts together."""

    until: float
    """On the monotonic clock, seconds; moved on while the song waits for others."""

    def left(self) -> float:
        """Seconds that are left, below 0 when it is over."""
        return self.until - time.monotonic()


class _Song(threading.local):
    clock = Clock(math.inf)


class GuardedNetwork(httpcore.SyncBackend):
    """Opens connections for whichever thread asks, under the clock of that thread's song."""

    def __init__(self, allow_private_hosts: Iterable[str]) -> None:
        """Take the hosts that may be private, as `HOST:PORT`. Raises `UsageError` for one without a port."""
        self._may_be_private = frozenset(_host_and_port(text.strip()) for text in allow_private_hosts)
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.song = _Song()
        """The clock that all reading of this thread ends with."""
        self.closed = threading.Event()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check and connect within `timeout` seconds; one address after the other.

        One address that is not allowed refuses the host as a whole: which of them a connection took would be left to
        chance. Raises `IntakeError` for that and httpcore's exceptions for the rest.
        """
        until = time.monotonic() + self.seconds(timeout)
        try:
            addresses = _resolve(host, port, until - time.monotonic())
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        if (host, port) not in self._may_be_private and not all(map(is_public, addresses)):
            name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            raise IntakeError(
                "url_refused", f"{name} is a private, local or reserved address and not among --allow-private-hosts"
            )
        while True:
            share = max(0.01, (until - time.monotonic()) / len(addresses))
            try:
                stream = super().connect_tcp(addresses.pop(0), port, share, local_address, socket_options)
                return GuardedStream(stream, self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if not addresses:
                    raise

    def seconds(self, timeout: float | None) -> float:
        """Seconds that one step may take. Raises `httpcore.ReadTimeout` when the song has none left."""
        if self.closed.is_set():
            raise FetcherClosed
        left = min(3600.0 if timeout is None else timeout, self.song.clock.left())
        if left <= 0:
            raise httpcore.ReadTimeout
        return left

    def know(self, sock: socket.socket) -> None:
        """Have `close` wake whoever waits for this socket."""
        with self._lock:
            self._sockets.add(sock)
        if self.closed.is_set():
            sock.close()
            raise FetcherClosed

    def close(self) -> None:
        """Wake every thread that waits for an answer; each finds the network closed."""
        self.closed.set()
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # Not SSLSocket's own, which is not thread-safe.
            except OSError:
                continue


class GuardedStream(httpcore.NetworkStream):
    """A stream of the library's that ends with the song's clock, however slowly a server drips."""

    def __init__(self, stream: httpcore.NetworkStream, network: GuardedNetwork) -> None:
        self._stream, self._network = stream, network
        network.know(stream.get_extra_info("socket"))

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, at least a byte; nothing at the end."""
        return self._stream.read(max_bytes, self._network.seconds(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all."""
        self._stream.write(buffer, self._network.seconds(timeout))

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Shake hands, verifying the certificate; returns the encrypted stream."""
        left = self._network.seconds(timeout)
        return GuardedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._network)

    def get_extra_info(self, info: str) -> Any:
        """What the library says of its stream."""
        return self._stream.get_extra_info(info)


def _resolve(host: str, port: int, seconds: float) -> list[str]:
    """All addresses of a host, at least one. Raises `OSError`, `TimeoutError` if it takes too long."""
    answer: Future[list[str]] = Future()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.set_result(list(dict.fromkeys(str(address[0]) for *_, address in found)))
        except Exception as error:
            answer.set_exception(error)

    # The resolver has no time limit that could be set: a thread that hangs in it is left behind.
    threading.Thread(target=ask, daemon=True, name="mfq-resolve").start()
    try:
        addresses = answer.result(seconds)
    except UnicodeError:  # a label of more than 63 characters
        addresses = []
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    return addresses


def _host_and_port(text: str) -> tuple[str, int]:
    try:
        target = parse(f"http://{text}")
        if target == Target("http", target.host, target.port, "/", None) and text.endswith(f":{target.port}"):
            return target.host, target.port
    except IntakeError:
        pass
    raise UsageError(f"--allow-private-hosts: {text!r} is not HOST:PORT, as in localhost:8000 or [::1]:8000")

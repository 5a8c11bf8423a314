"""The network below the HTTP client: only checked addresses, and nothing that outlasts its deadline.

httpcore2 takes its connections from a `NetworkBackend`, so the address that was checked is the one that is connected
to: a name that resolves otherwise a moment later changes nothing. Proxies of the environment are not used: behind one,
no address could be checked.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2 as httpcore

from musicflamingo_cli.intake.fetch.addresses import Address, AddressRules

logging.getLogger("httpcore2").setLevel(logging.WARNING)  # At DEBUG it logs headers and queries: credentials.

WAKE_SECONDS = 0.2
"""How often a wait for the resolver looks whether all is over."""


class FetcherClosed(Exception):
    """The fetcher was closed while it worked."""


class Clock:
    """What one song may take, all attempts together."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left, below 0 when it is over."""
        return self._until - time.monotonic()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Time in here doesn't count: the song waits for others."""
        since = time.monotonic()
        try:
            yield
        finally:
            self._until += time.monotonic() - since


class Wire(httpcore.NetworkBackend):
    """Opens connections for whichever thread asks, under that thread's clock."""

    def __init__(self, rules: AddressRules) -> None:
        self._rules = rules
        self._clocks = threading.local()
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.closed = threading.Event()

    @contextmanager
    def timed(self, clock: Clock) -> Iterator[None]:
        """All that this thread reads and writes in here ends with the clock."""
        self._clocks.now = clock
        try:
            yield
        finally:
            del self._clocks.now

    def close(self) -> None:
        """Wake every thread that waits for the network; each finds the wire closed."""
        self.closed.set()
        with self._lock:
            sockets = list(self._open)
        for sock in sockets:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # Not SSLSocket's own, which is not thread-safe.
            except OSError:
                continue

    def limit(self, seconds: float | None) -> float:
        """Seconds that one step may take. Raises `httpcore.ReadTimeout` when nothing is left."""
        if self.closed.is_set():
            raise FetcherClosed
        clock: Clock | None = getattr(self._clocks, "now", None)
        left = min(3600.0 if seconds is None else seconds, 3600.0 if clock is None else clock.left())
        if left <= 0:
            raise httpcore.ReadTimeout
        return left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check and connect within `timeout` seconds; one address after the other.

        Raises `Unheard` for a refused host and httpcore's exceptions for the rest.
        """
        until = time.monotonic() + self.limit(timeout)
        try:
            addresses = self._rules.addresses(host, port, lambda done: self._wait(done, until))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        for number, address in enumerate(addresses):
            share = (until - time.monotonic()) / (len(addresses) - number)
            try:
                return WireStream(self._connect(address, max(0.01, share)), self)
            except OSError as error:
                last = error
        failure = httpcore.ConnectTimeout if isinstance(last, TimeoutError) else httpcore.ConnectError
        raise failure(last) from last

    def _wait(self, done: threading.Event, until: float) -> bool:
        while not done.wait(min(WAKE_SECONDS, max(0.0, until - time.monotonic()))):
            if self.closed.is_set():
                raise FetcherClosed
            if time.monotonic() >= until:
                return False
        return True

    def _connect(self, address: Address, seconds: float) -> socket.socket:
        sock = socket.socket(address[0], socket.SOCK_STREAM)
        try:
            self.know(sock)
            sock.settimeout(seconds)
            sock.connect(address[1])
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            sock.close()
            raise
        return sock

    def know(self, sock: socket.socket) -> None:
        """Have `close` wake whoever waits for this socket."""
        with self._lock:
            self._open.add(sock)
        if self.closed.is_set():
            raise FetcherClosed


class WireStream(httpcore.NetworkStream):
    """One connection."""

    def __init__(self, sock: socket.socket, wire: Wire) -> None:
        self._sock, self._wire = sock, wire

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, at least a byte; nothing at the end."""
        try:
            self._sock.settimeout(self._wire.limit(timeout))
            return self._sock.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(error) from error
        except (OSError, ValueError) as error:
            raise httpcore.ReadError(error) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all."""
        try:
            view = memoryview(buffer)
            while view:
                self._sock.settimeout(self._wire.limit(timeout))
                view = view[self._sock.send(view) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(error) from error
        except (OSError, ValueError) as error:
            raise httpcore.WriteError(error) from error

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Shake hands, verifying the certificate; returns the encrypted stream."""
        sock = self._sock
        try:
            sock.settimeout(self._wire.limit(timeout))
            sock = ssl_context.wrap_socket(sock, server_hostname=server_hostname, do_handshake_on_connect=False)
            self._wire.know(sock)
            sock.do_handshake()
        except TimeoutError as error:
            sock.close()
            raise httpcore.ConnectTimeout(error) from error
        except (OSError, ValueError) as error:
            sock.close()
            raise httpcore.ConnectError(error) from error
        except BaseException:
            sock.close()
            raise
        return WireStream(sock, self._wire)

    def get_extra_info(self, info: str) -> Any:
        """What the connection pool asks for: `ssl_object`, and if a connection that is idle was ended by the server."""
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        if info == "is_readable":
            return self._is_readable()
        return None

    def _is_readable(self) -> bool:
        number = self._sock.fileno()
        if number < 0:
            return True
        watch = select.poll()  # select() fails for descriptors above 1023.
        watch.register(number, select.POLLIN)
        return bool(watch.poll(0))

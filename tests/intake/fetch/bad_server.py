"""A web server on loopback with every bad habit, each under a path of its own, and how tests fetch from it.

Bounded: nothing in it runs for ever.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest
import soundfile

from musicflamingo_cli.intake.fetch.fetcher import Fetched, Fetcher, FetchSettings
from musicflamingo_cli.intake.reasons import TRANSIENT
from musicflamingo_cli.records import Failure

MOST_SECONDS = 20.0
"""No answer goes on for longer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    target: str
    headers: dict[str, str]
    number: int
    """How often this path was asked for, from 1."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def start(self) -> int:
        """First byte that is asked for."""
        return int(self.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0])


@dataclass(slots=True)
class Line:
    """The server's side of one connection."""

    sock: socket.socket
    stopped: threading.Event
    keep: bool = True

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self, status: int, body: bytes = b"", claim: int | None = None, **headers: object) -> None:
        """Send a whole answer; `claim` is the Content-Length where it is to be wrong."""
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body) if claim is None else claim}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        self.keep = claim is None

    def wait(self, seconds: float) -> bool:
        """Wait; True if the server was stopped."""
        return self.stopped.wait(seconds)

    def drip(self, data: bytes, every: float = 0.1) -> None:
        """Send byte by byte, over and over."""
        self.keep = False
        until = time.monotonic() + MOST_SECONDS
        while time.monotonic() < until and not self.stopped.is_set():
            for byte in data:
                self.send(bytes([byte]))
                if self.wait(every):
                    return

    def flood(self, data: bytes, most: int = 1 << 30) -> None:
        """Send as fast as it goes."""
        self.keep = False
        sent = 0
        until = time.monotonic() + MOST_SECONDS
        while sent < most and time.monotonic() < until and not self.stopped.is_set():
            self.send(data)
            sent += len(data)

    def reset(self) -> None:
        """End the connection rudely (RST)."""
        self.keep = False
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


Habit = Callable[[Asked, Line], None]


@dataclass(slots=True)
class BadServer:
    """Answers each path by its habit, on a port of its own."""

    habits: dict[str, Habit] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    busiest: int = 0
    """Most requests at one time."""
    _busy: int = 0
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=512))
    _threads: list[threading.Thread] = field(default_factory=list)
    _sockets: weakref.WeakSet[socket.socket] = field(default_factory=weakref.WeakSet)

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        with self._lock:
            sockets = [self._listener, *self._sockets]
        for sock in sockets:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    @property
    def name(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def url(self, path: str) -> str:
        return f"{'https' if self.tls else 'http'}://{self.name}{path}"

    def on(self, path: str, habit: Habit) -> str:
        """Give a path a habit; returns its URL."""
        self.habits[path] = habit
        return self.url(path)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                break
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads = [t for t in self._threads if t.is_alive()] + [thread]
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(MOST_SECONDS)
        try:
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            with self._lock:
                self._sockets.add(sock)
            line = Line(sock, self._stopped)
            while line.keep and not self._stopped.is_set():
                asked = self._read(sock)
                if asked is None:
                    break
                with self._lock:
                    self.asked.append(asked)
                    self._busy += 1
                    self.busiest = max(self.busiest, self._busy)
                try:
                    self.habits.get(asked.path, lambda _, line: line.answer(404))(asked, line)
                finally:
                    with self._lock:
                        self._busy -= 1
        except OSError:
            pass
        finally:
            sock.close()

    def _read(self, sock: socket.socket) -> Asked | None:
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(65536)
            if not more:
                return None
            data += more
        first, *lines = data.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        with self._lock:
            path = target.partition("?")[0]
            self._counts[path] += 1
            return Asked(method, target, headers, self._counts[path])


def song(body: bytes, **headers: object) -> Habit:
    """A well-behaved song, that honours ranges."""

    def habit(asked: Asked, line: Line) -> None:
        if "range" in asked.headers:
            span = f"bytes {asked.start}-{len(body) - 1}/{len(body)}"
            line.answer(206, body[asked.start :], Content_Range=span, **headers)
        else:
            line.answer(200, body, **headers)

    return habit


def raw(data: bytes) -> Habit:
    """Send these bytes and hang up."""

    def habit(_: Asked, line: Line) -> None:
        line.keep = False
        line.send(data)

    return habit


def wav(samples: int = 30_000) -> bytes:
    """A song of noise."""
    file = BytesIO()
    soundfile.write(file, np.random.default_rng(1).normal(0, 0.1, samples).astype(np.float32), 22_050, format="WAV")
    return file.getvalue()


WAV = wav()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
"""Of a long answer."""


def cut_at(count: int, whole: bytes = WAV, **headers: object) -> Habit:
    """Break off the first answer there; go on from any range later."""

    def habit(asked: Asked, line: Line) -> None:
        if asked.number == 1:
            line.answer(200, whole[:count], claim=len(whole), **headers)
        else:
            song(whole, **headers)(asked, line)

    return habit


def be_quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Short pauses, temporary files where the test sees them, and a proxy that is not to be used."""
    monkeypatch.setattr("musicflamingo_cli.intake.fetch.fetcher.BACKOFF_SECONDS", 0.02)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")


@dataclass(slots=True)
class Fetch:
    """Fetches one URL with a fetcher of its own, from a server that is permitted."""

    server: BadServer
    body: bytes = b""
    """What came last."""

    def __call__(self, url: str, **settings: object) -> Fetched | Failure:
        how = {"allow_private_hosts": (self.server.name,), "read_seconds": 0.5, "total_seconds": 5.0, "retries": 2}
        with Fetcher(FetchSettings(**(how | settings))) as fetcher:  # type: ignore[arg-type]
            got = fetcher.fetch(url)
            if isinstance(got, Fetched):
                self.body = Path(got.path).read_bytes()
                assert got.temporary
        return got


def reason(got: Fetched | Failure) -> str:
    """The reason of what must be a failure."""
    assert isinstance(got, Failure)
    assert got.transient is (got.reason in TRANSIENT)
    assert got.stage == "intake"
    return got.reason

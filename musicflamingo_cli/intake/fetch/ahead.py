"""Several downloads at once, polite to each host."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from musicflamingo_cli.intake.fetch.network import Clock, FetcherClosed
from musicflamingo_cli.intake.fetch.settings import Fetched
from musicflamingo_cli.intake.fetch.urls import is_url, parse
from musicflamingo_cli.intake.reasons import IntakeError
from musicflamingo_cli.records import Failure

T = TypeVar("T")
Result = Fetched | Failure

DOWN_AFTER = 8
"""Songs in a row for which no connection came about before a host counts as down."""
PAUSE_MOST = 5.0
"""How long the other songs of a host wait with one that it asked to wait: it may mean that one alone."""
CHOICE = 16
"""Songs per thread that may be drawn to choose from, so that one busy host doesn't hold up the others."""
READY = 2
"""Songs per thread that may be on their way or wait for the consumer."""
DRAW_SECONDS = 5.0
"""How long the end waits for a song to be drawn from the input."""
END_SECONDS = 1.0
"""How long it waits for downloads: those that read are woken, one that connects or shakes hands can't be."""


class Hosts:
    """What is asked of each host at a time. Thread-safe; remembers only hosts that are busy, paused or failing."""

    def __init__(self, per_host: int, closed: threading.Event) -> None:
        self._per_host, self._closed = per_host, closed
        self._lock = threading.Lock()
        self._slots: WeakValueDictionary[str, threading.Semaphore] = WeakValueDictionary()
        self._paused: dict[str, float] = {}
        self._failed: Counter[str] = Counter()

    @contextmanager
    def slot(self, host: str, clock: Clock) -> Iterator[None]:
        """Wait for one of the host's slots, and for the end of its pause; that time doesn't count on the clock.

        Raises `FetcherClosed`.
        """
        began = time.monotonic()
        with self._lock:
            slot = self._slots.setdefault(host, threading.Semaphore(self._per_host))
        with slot:
            while (pause := self._paused.get(host, 0.0) - time.monotonic()) > 0 and not self._closed.wait(pause):
                pass
            if self._closed.is_set():
                raise FetcherClosed
            clock.until += time.monotonic() - began
            yield

    def pause(self, host: str, seconds: float) -> None:
        """Begin no request for so long."""
        now = time.monotonic()
        with self._lock:
            self._paused = {name: until for name, until in self._paused.items() if until > now}
            self._paused[host] = max(self._paused.get(host, 0.0), now + min(seconds, PAUSE_MOST))

    def note(self, host: str, *, reached: bool) -> None:
        """Remember whether a host could be reached for one song."""
        with self._lock:
            if reached:
                self._failed.pop(host, None)
            elif len(self._failed) < 10_000 or host in self._failed:
                self._failed[host] += 1

    def is_down(self, host: str) -> bool:
        """True if the last songs all failed to reach the host: then each further one tries only once."""
        return self._failed[host] >= DOWN_AFTER


class DownloadWindow(Generic[T]):
    """One iteration: songs that were drawn, those on their way, and those that wait for the consumer.

    Threads are daemons, not an executor's, which the end of the process would wait for.
    """

    def __init__(
        self, items: Iterable[tuple[T, str]], fetch: Callable[[str], Result], per_host: int, parallel: int
    ) -> None:
        self._items, self._fetch, self._per_host, self._parallel = items, fetch, per_host, parallel
        self._changed = threading.Condition()
        # All that follows is under `_changed`.
        self._drawn: deque[tuple[T, str, str]] = deque()
        """Key, URL and host of songs that were not begun."""
        self._begun: Counter[str] = Counter()
        """Songs on their way, by host; those too that wait for their next attempt."""
        self._done: deque[tuple[T, Result]] = deque()
        self._drained = False
        self._stopped = False
        self._error: BaseException | None = None
        self._threads: list[threading.Thread] = []
        self._drawing = self._start(self._draw)

    def results(self) -> Iterator[tuple[T, Result]]:
        """Yield what is done until everything is; raises what the input raised, or `FetcherClosed`."""
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._stopped or self._done or (self._drained and not self._drawn and not self._begun)
                )
                if self._stopped:
                    raise FetcherClosed
                if not self._done:
                    break
                result = self._done.popleft()
                self._begin()
            yield result
            del result
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Begin nothing more and wake all who wait; the fetcher wakes those who wait for the network."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def join(self) -> None:
        """Wait for the threads to end, but not for long: what is left ends with its next step."""
        self._drawing.join(DRAW_SECONDS)
        until = time.monotonic() + END_SECONDS
        for thread in list(self._threads):
            thread.join(max(0.0, until - time.monotonic()))

    def _draw(self) -> None:
        """Draw a song whenever there is room for one and none may begin; what is no URL is done with that."""
        try:
            for key, audio in self._items:
                with self._changed:
                    if self._error is not None:
                        break
                    if is_url(audio):
                        self._drawn.append((key, audio, _host(audio)))
                    else:
                        self._done.append((key, Fetched(audio, audio, temporary=False)))
                    self._begin()
                    self._changed.wait_for(
                        lambda: self._stopped or (self._room() and len(self._drawn) < CHOICE * self._parallel)
                    )
                    if self._stopped:
                        break
        except BaseException as error:  # For the consumer, after the songs that were drawn before.
            self._error = self._error or error
        finally:
            with self._changed:
                self._drained = True
                self._changed.notify_all()

    def _begin(self) -> None:
        """Under the lock, after any change: begin the drawn songs whose hosts may be asked for one more."""
        passed: deque[tuple[T, str, str]] = deque()
        while self._drawn and self._room() and not self._stopped:
            song = self._drawn.popleft()
            host = song[2]
            if self._begun[host] < self._per_host:
                self._begun[host] += 1
                self._start(self._work, *song)
            else:
                passed.append(song)
        self._drawn = passed + self._drawn
        self._changed.notify_all()

    def _room(self) -> bool:
        busy = self._begun.total()
        return busy < self._parallel and busy + len(self._done) < READY * self._parallel

    def _work(self, key: T, url: str, host: str) -> None:
        got: Result | BaseException
        try:
            got = self._fetch(url)
        except BaseException as error:  # The run's own trouble, or FetcherClosed: nothing more is begun.
            got = error
        with self._changed:
            if isinstance(got, BaseException):
                self._error = self._error or got
                self._drawn.clear()
            else:
                self._done.append((key, got))
            self._begun[host] -= 1
            self._begun += Counter()  # Drops what is 0.
            self._begin()

    def _start(self, work: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(target=work, args=args, daemon=True, name="mfq-fetch")
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()
        return thread


def _host(url: str) -> str:
    try:
        return parse(url).host
    except IntakeError:
        return ""

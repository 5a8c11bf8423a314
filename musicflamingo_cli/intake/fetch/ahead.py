"""Fetching many songs at once, ahead of whoever consumes them."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from musicflamingo_cli.intake.fetch.hosts import LOOK_SECONDS, HostGate
from musicflamingo_cli.intake.fetch.network import FetcherClosed
from musicflamingo_cli.intake.fetch.settings import Fetched
from musicflamingo_cli.intake.fetch.urls import is_url, parse
from musicflamingo_cli.intake.reasons import Unheard
from musicflamingo_cli.records import Failure

T = TypeVar("T")
Result = Fetched | Failure

CHOICE = 16
"""Songs per thread that may be drawn to choose from, so that one busy host doesn't hold up the others."""
READY = 2
"""Songs per thread that may wait for the consumer."""
JOIN_SECONDS = 5.0


class AheadRun(Generic[T]):
    """One iteration: its threads, the songs that were drawn, and those that wait for the consumer."""

    def __init__(
        self, items: Iterator[tuple[T, str]], fetch: Callable[[str], Result], gate: HostGate, parallel: int
    ) -> None:
        self._items, self._fetch, self._gate, self._parallel = items, fetch, gate, parallel
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        # All that follows is under `_changed`.
        self._drawn: deque[tuple[T, str, str]] = deque()
        """Key, URL and host of songs that were not begun."""
        self._done: deque[tuple[T, Result]] = deque()
        self._busy = 0
        self._begun: Counter[str] = Counter()
        """Of them, how many by host; those too that wait for their next attempt."""
        self._alive = 0
        self._drawing = False
        self._drained = False
        self._stopped = False
        self._error: BaseException | None = None

    def start(self) -> None:
        """Start the threads."""
        self._alive = self._parallel
        for _ in range(self._parallel):
            thread = threading.Thread(target=self._serve, daemon=True, name="mfq-fetch")
            self._threads.append(thread)
            thread.start()

    def results(self) -> Iterator[tuple[T, Result]]:
        """Yield what is done until everything is; raises what the input raised, or `FetcherClosed`."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._done or not self._alive or self._stopped)
                if self._stopped:
                    raise FetcherClosed
                if not self._done:
                    break
                result = self._done.popleft()
                self._changed.notify_all()
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
        """Wait for the threads to end; only an input that blocks can hold one longer."""
        until = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))

    def _serve(self) -> None:
        try:
            while True:
                task = self._next_task()
                if task is None:
                    break
                key, url, host = task
                result = self._fetch(url)
                with self._changed:
                    self._busy -= 1
                    self._begun[host] -= 1
                    self._begun += Counter()  # Drops what is 0.
                    self._done.append((key, result))
                    self._changed.notify_all()
                del key, url, task, result
        except FetcherClosed:  # It may get here before `stop` does; the input must not seem to have ended.
            self.stop()
        except BaseException as error:
            with self._changed:
                self._error = self._error or error
                self._drained = True
                self._drawn.clear()
        finally:
            with self._changed:
                self._alive -= 1
                self._changed.notify_all()

    def _next_task(self) -> tuple[T, str, str] | None:
        """A song whose host has room, drawing from the input as long as there is none; None at the end."""
        while True:
            with self._changed:
                while True:
                    if self._stopped or (self._drained and not self._drawn and not self._drawing):
                        return None
                    if self._has_room():
                        task = self._pick()
                        if task is not None:
                            self._busy += 1
                            self._begun[task[2]] += 1
                            return task
                        if not self._drained and not self._drawing and len(self._drawn) < CHOICE * self._parallel:
                            self._drawing = True
                            break
                    self._changed.wait(LOOK_SECONDS if self._drawn else None)
            self._draw()

    def _has_room(self) -> bool:
        return len(self._done) + self._busy < READY * self._parallel

    def _pick(self) -> tuple[T, str, str] | None:
        tried: set[str] = set()
        for number, task in enumerate(self._drawn):
            host = task[2]
            if host not in tried and self._begun[host] < self._gate.per_host and self._gate.has_room(host):
                del self._drawn[number]
                return task
            tried.add(host)
        return None

    def _draw(self) -> None:
        """Draw one song; what is no URL is done with that."""
        item: tuple[T, str] | None = None
        failed: BaseException | None = None
        try:
            item = next(self._items, None)
        except BaseException as error:  # For the consumer, after the songs that were drawn before.
            failed = error
        with self._changed:
            self._drawing = False
            self._error = self._error or failed
            if item is None:
                self._drained = True
            elif is_url(item[1]):
                self._drawn.append((*item, _host(item[1])))
            else:
                self._done.append((item[0], Fetched(item[1], item[1], temporary=False)))
            self._changed.notify_all()


def _host(url: str) -> str:
    try:
        return parse(url).host
    except Unheard:
        return ""

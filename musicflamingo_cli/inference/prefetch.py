"""Getting the next batch ready while the engine answers this one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.1
IDLE_SECONDS = 0.5
"""How often a consumer that waits is asked whether it still wants to."""


class Feeder(Generic[T]):
    """Runs an iterator in a thread of its own, a few items ahead of whoever consumes them.

    What the iterator raises is raised to the consumer, after the items before it. To end early: `stop`, then make the
    iterator's own source end, then `join`.
    """

    def __init__(self, ahead: int = 1) -> None:
        """`ahead`: items that may wait for the consumer, >= 1; one more is in the making."""
        self._queue: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(ahead)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._waiting = False

    @property
    def empty(self) -> bool:
        """True while the consumer waits and no item is there."""
        return self._waiting and self._queue.empty()

    def run(self, items: Iterable[T], idle: Callable[[], None] = lambda: None) -> Iterator[T]:
        """Yield the items in their order; while there is none, call `idle`, which may raise."""
        self._thread = threading.Thread(target=self._feed, args=(iter(items),), daemon=True, name="mfq-feeder")
        self._thread.start()
        return self.rest(idle)

    def rest(self, idle: Callable[[], None] = lambda: None) -> Iterator[T]:
        """Yield the items that `run` did not, after an exception of the consumer's."""
        while True:
            self._waiting = True
            try:
                item, problem = self._queue.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                if self._thread is None or not (self._thread.is_alive() or self._queue.qsize()):
                    return  # its last word went down with an exception of the consumer's
                idle()
                continue
            finally:
                self._waiting = False
            if problem is not None:
                raise problem
            if item is None:
                return
            yield item
            del item

    def stop(self) -> None:
        """Take no further item."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until the thread is gone."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _feed(self, items: Iterator[T]) -> None:
        problem: BaseException | None = None
        try:
            for item in items:
                if not self._put((item, None)):
                    return
        except BaseException as raised:
            problem = raised
        finally:
            close = getattr(items, "close", None)
            if close is not None and self._stopping.is_set():
                close()
        self._put((None, problem))

    def _put(self, what: tuple[T | None, BaseException | None]) -> bool:
        while not self._stopping.is_set():
            try:
                self._queue.put(what, timeout=POLL_SECONDS)
                return True
            except queue.Full:
                continue
        return False

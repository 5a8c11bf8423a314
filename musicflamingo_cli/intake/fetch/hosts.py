"""Manners towards hosts: so many requests at a time, pauses where one asks for them, no insisting where one is down."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

DOWN_AFTER = 8
"""Songs in a row for which no connection came about before a host counts as down."""
LOOK_SECONDS = 0.25
"""How often a song that waits for a pause to end looks again."""


class HostGate:
    """Counts what is asked of each host. Thread-safe; remembers only hosts that are busy, paused or failing."""

    def __init__(self, per_host: int, closed: threading.Event) -> None:
        self.per_host, self._closed = per_host, closed
        self._changed = threading.Condition()
        # All that follows is under `_changed`.
        self._busy: Counter[str] = Counter()
        self._paused: dict[str, float] = {}
        self._failed: Counter[str] = Counter()

    @contextmanager
    def slot(self, host: str) -> Iterator[None]:
        """Take one of the host's slots. Waits for it; gives up waiting when all is closed."""
        with self._changed:
            while not self._closed.is_set() and not self._has_room(host):
                self._changed.wait(LOOK_SECONDS)
            self._busy[host] += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy[host] -= 1
                self._busy += Counter()  # Drops what is 0.
                self._changed.notify_all()

    def has_room(self, host: str) -> bool:
        """True if a request would not wait now."""
        with self._changed:
            return self._has_room(host)

    def pause(self, host: str, seconds: float) -> None:
        """Begin no request for so long."""
        now = time.monotonic()
        with self._changed:
            self._paused = {name: until for name, until in self._paused.items() if until > now}
            self._paused[host] = max(self._paused.get(host, 0.0), now + seconds)

    def note(self, host: str, *, reached: bool) -> None:
        """Remember whether a host could be reached for one song."""
        with self._changed:
            if reached:
                self._failed.pop(host, None)
            elif len(self._failed) < 10_000 or host in self._failed:
                self._failed[host] += 1

    def is_down(self, host: str) -> bool:
        """True if the last songs all failed to reach the host: then each further one tries only once."""
        with self._changed:
            return self._failed[host] >= DOWN_AFTER

    def _has_room(self, host: str) -> bool:
        return self._busy[host] < self.per_host and self._paused.get(host, 0.0) <= time.monotonic()

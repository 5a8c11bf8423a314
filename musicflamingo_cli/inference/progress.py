"""How far a run is: songs by what became of them, and the time that it still takes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from musicflamingo_cli.inference.limits import Limits
from musicflamingo_cli.inference.time_left import TimeLeft
from musicflamingo_cli.records import Failure, LoadedAudio
from musicflamingo_cli.watch import Tick, Watch


class Progress:
    """Counts songs, from the thread that hears them and from the one that has them answered, and tells the watch."""

    def __init__(self, limits: Limits, watch: Watch) -> None:
        self._limits, self._watch = limits, watch
        self._lock = threading.Lock()
        self._left = TimeLeft(0)
        self.tick = Tick("listening", 0, 0)
        self.reasons: Counter[str] = Counter()
        """Failed songs so far, by reason."""
        self.decode_seconds: Callable[[], float] = lambda: 0.0
        """Tells what the decode workers take a song, all of them together."""

    def begin(self, entries: int, total: int, unit: str) -> None:
        """Expect `total` songs (or what `unit` calls them), of which the cache holds about `entries`."""
        self._left, self.tick = TimeLeft(entries), Tick("listening", 0, total, unit=unit)

    def loading(self, model: str | None) -> None:
        """Say that the engine is made ready."""
        self._watch.on_tick(replace(self.tick, stage="loading", model=model))

    def alive(self) -> None:
        """Say that the run goes on."""
        with self._lock:
            self._watch.on_tick(self.tick)

    def looked(self, song_id: str, path: str | None, seconds: float) -> None:
        """Count a song that was looked up, in so many seconds; `path` is given if it must be heard."""
        with self._lock:
            self._left.looked(song_id, path, seconds)

    def fetched(self) -> None:
        """Count a song that had to be downloaded, and was."""
        with self._lock:
            self._left.fetched()

    def heard(self, song_id: str, heard: LoadedAudio) -> None:
        """Count a song that was decoded."""
        with self._lock:
            self._left.heard(song_id, _used(heard))

    def answered(self, song_ids: Sequence[str], seconds: float) -> None:
        """Count a batch that the engine answered."""
        with self._lock:
            self._left.answered(song_ids, seconds)

    def finished(
        self,
        paid: str | None,
        *,
        cached: bool = False,
        failure: Failure | None = None,
        heard: LoadedAudio | None = None,
        tokens: int = 0,
    ) -> None:
        """Count a finished song, with its id if it cost more than a look-up; `heard` is what this run decoded of it.

        Raises:
            TooManyFailures: more songs failed than allowed.
        """
        failed = failure is not None
        seconds = _used(heard) if heard else 0.0
        with self._lock:
            if failure is not None:
                self.reasons[failure.reason] += 1
            if paid is not None:
                self._left.finished(paid)
            left = self._left.seconds(self.tick.total, self.decode_seconds())
            tick = self.tick = replace(self.tick.plus(cached, failed, seconds, tokens), left_seconds=left)
            self._watch.on_tick(tick)
        if failed:
            self._limits.check_failures(tick.failed, tick.total, self.reasons)


def _used(heard: LoadedAudio) -> float:
    return heard.audio_seconds if heard.used_seconds is None else heard.used_seconds

"""How long a run still takes, reckoned from what its slowest stage takes a song."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

RECENT = 100
"""Of songs that were not looked up yet, no smaller a share must be paid for than of so many before them..."""

KINDS = 20
"""So many kinds of files are told from each other."""


class TimeLeft:
    """Counts what each stage does, from when the first song is to be heard.

    Decoding, the engine, what comes in (downloads) and what comes out overlap, so that a song takes what the slowest
    of them takes. Songs count by their audio, which the sizes of their files tell once others of their kind were
    heard. Neither the start of the workers nor the first batch, which warms the engine up, counts for the others;
    songs that the cache holds cost no more than their look-up.
    """

    def __init__(self, entries: int) -> None:
        """`entries` is about how many songs the cache holds."""
        self._entries = entries
        self._looked = self._cached = 0
        self._look_seconds = 0.0
        self._pays: deque[bool] = deque(maxlen=RECENT)
        self._waiting: dict[str, tuple[str, int]] = {}
        """Id -> file suffix and bytes of the songs to be paid for that have no answer yet."""
        self._waiting_bytes: Counter[str] = Counter()
        self._waiting_songs: Counter[str] = Counter()
        self._heard: dict[str, tuple[int, int, float]] = {}
        """Suffix -> songs that were heard, their bytes, and their audio, seconds."""
        self._began: float | None = None
        self._fetched = self._finished = 0
        self._last_fetched = self._first_finished = self._last_finished = 0.0
        self._batches: list[tuple[int, float]] = [(0, 0.0), (0, 0.0)]
        """Songs and seconds of the engine's first batch, and of all others together."""

    def looked(self, song_id: str, path: str | None, seconds: float) -> None:
        """Count a song that was looked up, in so many seconds; `path` is given if it must be heard."""
        self._looked += 1
        self._look_seconds += seconds
        self._pays.append(path is not None)
        if path is None:
            self._cached += 1
            return
        suffix, size = "", 0
        with suppress(OSError, ValueError):  # a URL has no size
            size, suffix = Path(path).stat().st_size, Path(path).suffix.casefold()
        if suffix not in self._waiting_songs and len(self._waiting_songs) >= KINDS:
            suffix = ""
        self._waiting[song_id] = suffix, size
        self._waiting_bytes[suffix] += size
        self._waiting_songs[suffix] += 1
        self._began = self._began or time.monotonic()

    def heard(self, song_id: str, audio_seconds: float) -> None:
        """Count a song that was decoded."""
        suffix, size = self._waiting[song_id]
        songs, known, audio = self._heard.get(suffix, (0, 0, 0.0))
        self._heard[suffix] = songs + 1, known + size, audio + audio_seconds

    def fetched(self) -> None:
        """Count a song that had to be downloaded, and was."""
        self._fetched += 1
        self._last_fetched = time.monotonic()

    def answered(self, song_ids: Sequence[str], seconds: float) -> None:
        """Count a batch that the engine answered."""
        which = 1 if self._batches[0][0] else 0
        before, spent = self._batches[which]
        self._batches[which] = before + len(song_ids), spent + seconds
        for song_id in song_ids:
            self.finished(song_id)

    def finished(self, song_id: str) -> None:
        """Count a song that was to be paid for and costs nothing more; harmless a second time."""
        if song_id not in self._waiting:
            return
        suffix, size = self._waiting.pop(song_id)
        self._waiting_bytes[suffix] -= size
        self._waiting_songs[suffix] -= 1
        self._finished += 1
        self._last_finished = time.monotonic()
        self._first_finished = self._first_finished or self._last_finished

    def seconds(self, total: int, decode_seconds: float) -> float:
        """Return the seconds left of `total` songs; infinite while nobody can know.

        `decode_seconds` is what the decode workers take a song, all of them together.
        """
        unseen = max(0, total - self._looked)
        left = unseen * self._look_seconds / self._looked if self._looked else math.inf
        unpaid = unseen * sum(self._pays) / len(self._pays) if self._pays else 0.0
        unpaid = max(
            unpaid, unseen - max(0, self._entries - self._cached)
        )  # ...nor more be cached than the cache holds
        if not self._waiting and not unpaid:
            return left
        if not self._finished or self._began is None:
            return math.inf
        songs, seconds = self._batches[1] if self._batches[1][0] else self._batches[0]
        stages = [decode_seconds, seconds / songs if songs else 0.0]
        stages.append((self._last_fetched - self._began) / self._fetched if self._fetched else 0.0)
        if self._finished > 1:
            stages.append((self._last_finished - self._first_finished) / (self._finished - 1))
        return left + (self._equivalents() + unpaid) * max(stages)

    def _equivalents(self) -> float:
        """Return how many songs, of the mean length of those that were heard, the waiting ones amount to."""
        songs, audio = (sum(heard[n] for heard in self._heard.values()) for n in (0, 2))
        found = 0.0
        for suffix, waiting in self._waiting_songs.items():
            _, size, seconds = self._heard.get(suffix, (0, 0, 0.0))
            known = size and seconds and audio
            found += self._waiting_bytes[suffix] * seconds / size / (audio / songs) if known else waiting
        return found

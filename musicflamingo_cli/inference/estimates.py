"""How much a run would hear and how long that takes: estimates, each with what it rests on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from musicflamingo_cli.inference.batching import Batching
from musicflamingo_cli.intake.audio.load import expected_seconds
from musicflamingo_cli.records import Song
from musicflamingo_cli.urls import has_scheme

PROBED_SONGS = 1000
"""Headers of so many files are read at most; the rest is taken to be like them."""
LONGEST_SECONDS = 12 * 3600.0
"""A larger number is no song's length in seconds; what it is, nothing says."""
LENGTH_COLUMNS = {
    **dict.fromkeys(("duration", "duration_s", "duration_sec", "duration_seconds"), 1.0),
    **dict.fromkeys(("length_seconds", "audio_seconds"), 1.0),
    **dict.fromkeys(("duration_ms", "length_ms"), 0.001),
}
"""Column of a catalogue -> the seconds of its unit."""
CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):(\d{2}(?:\.\d+)?)")
"""`3:25`, `1:02:03`."""

SIGNAL_REALTIME = 50.0
"""Seconds of audio that all measures of `signal` take a second for, on one core (docs/figures.md)."""
MODEL_SONGS_PER_HOUR = {
    "scores": {8: 19_500.0},
    "json": {1: 604.0, 8: 1970.0, 16: 3490.0, 32: 6150.0},
    "text": {1: 604.0, 8: 1150.0, 16: 2530.0, 32: 4920.0},
}
"""Decode mode -> batch -> songs of three minutes an hour, of one H100 80 GB and a model of 8.27 B (docs/figures.md)."""
MEASURED_SECONDS = 180.0
DEFAULT_BATCH = 8


@dataclass(slots=True)
class Lengths:
    """What is known of how long the songs are that a run would hear."""

    most: float
    """What is heard of one song at most, seconds."""
    songs: int = 0
    """Songs that would be heard."""
    stated: int = 0
    """Songs whose length the manifest states."""
    read: int = 0
    """Songs whose length their file's header tells."""
    heard_seconds: float = 0.0
    """What would be heard of both."""
    spared_seconds: float = 0.0
    """What lies beyond `most`."""
    probed: int = 0
    """Files whose header was asked."""

    def add(self, song: Song) -> None:
        """Count a song."""
        self.songs += 1
        length = stated_seconds(song.columns)
        self.stated += length is not None
        if length is None and not has_scheme(song.path) and self.probed < PROBED_SONGS:
            self.probed += 1
            length = expected_seconds(song.path)
            self.read += length is not None
        self.heard_seconds += min(length or 0.0, self.most)
        self.spared_seconds += max(0.0, (length or 0.0) - self.most)

    def whole(self, seconds: float) -> float | None:
        """Return what holds of the songs with a known length for all of them; None if none is known."""
        known = self.stated + self.read
        return seconds / known * self.songs if known else (None if self.songs else 0.0)

    @property
    def basis(self) -> str:
        """What the hours rest on."""
        parts = [(self.stated, "by the manifest's column"), (self.read, "by their files' headers")]
        known = ", ".join(f"{count} {how}" for count, how in parts if count)
        return f"of {self.songs} songs {known}" if known else ""


def stated_seconds(columns: Mapping[str, object]) -> float | None:
    """Return the length that a row of a manifest states: a number, or text such as `215`, `215.3`, `3:35`."""
    for name, unit in LENGTH_COLUMNS.items():
        seconds = _seconds(columns.get(name), unit)
        if seconds is not None:
            return seconds
    return None


def _seconds(value: object, unit: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    clock = CLOCK.fullmatch(value.strip()) if isinstance(value, str) and unit == 1.0 else None
    if clock is not None:
        hours, minutes, seconds = clock.groups()
        found = int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
    else:
        try:
            found = float(value) * unit
        except (ValueError, OverflowError):
            return None
    return found if math.isfinite(found) and 0 < found < LONGEST_SECONDS else None


def stated_time(engine: str, decode: str, lengths: Lengths, batching: Batching) -> tuple[float, str] | None:
    """Return the seconds that a run takes by figures measured elsewhere, and by which; None if there are none."""
    audio_seconds = lengths.whole(lengths.heard_seconds)
    if audio_seconds is None:
        return None
    if engine == "signal":
        basis = f"all measures at {SIGNAL_REALTIME:.0f} x realtime a core, workers: {batching.workers}"
        return audio_seconds / SIGNAL_REALTIME / batching.workers, basis
    rates = MODEL_SONGS_PER_HOUR.get(decode) if engine == "flamingo" else None
    if rates is None:
        return None
    fits = [size for size in rates if size <= (batching.items or DEFAULT_BATCH)]
    if not fits:
        return None
    prefill = 3600 / MODEL_SONGS_PER_HOUR["scores"][DEFAULT_BATCH]
    writing = 3600 / rates[max(fits)] - prefill  # does not depend on the length of the song
    basis = f"the 8 B model on one H100 80 GB, --decode {decode}, batches of {max(fits)}"
    return lengths.songs * writing + audio_seconds / MEASURED_SECONDS * prefill, basis

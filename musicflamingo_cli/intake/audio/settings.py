"""What is wanted of every audio file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MEASURED_SECONDS = 1200.0
"""What is measured of a song: its first 20 minutes."""


@dataclass(frozen=True, slots=True)
class AudioPlan:
    """What is wanted of every file."""

    clip: bool = True
    """The engine wants samples."""
    measures: Literal["basic", "all"] = "basic"
    max_clip_seconds: float = MEASURED_SECONDS
    """Seconds that the engine can use, > 0."""
    placement: Literal["head", "middle"] = "head"
    """Which part of a longer song the engine is given."""
    min_seconds: float = 0.5
    """Clips of at most this length are `too_short`."""

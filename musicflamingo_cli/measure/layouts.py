"""Which loudspeaker each channel is for, by FFmpeg's names (FL, FR, FC, LFE, BL, ...), and what follows from that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ASSUMED: dict[int, tuple[str, ...]] = {
    1: ("FC",),
    2: ("FL", "FR"),
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
"""What a number of channels is taken for where the file does not say (libebur128 takes 4 to 6 for the same)."""
SURROUND_WEIGHT = 1.41
_BESIDE = frozenset({"SL", "SR", "SSL", "SSR", "SDL", "SDR"})
"""Surround loudspeakers at 90 to 110 degrees."""
_WIDE = frozenset({"WL", "WR"})
"""Front loudspeakers at 60 degrees."""


def positions(channels: int, told: Sequence[str] | None = None) -> tuple[str, ...]:
    """The loudspeaker of every channel: as the file tells, else as assumed; `?` where nothing can be assumed."""
    if told is not None and len(told) == channels:
        return tuple(told)
    return ASSUMED.get(channels, ("?",) * channels)


def loudness_weights(names: Sequence[str]) -> NDArray[np.float64]:
    """The weight of each channel's power, float64 [n_channels].

    ITU-R BS.1770-4, Annex 3, table 4: 1.41 from 60 to 120 degrees to either side at ear height, 1 everywhere else,
    the centre behind (180 degrees) included; the LFE does not count (Annex 1). The pair behind stands at 110 degrees
    where it is the only surround pair (BS.775), and at 135 behind a pair at the sides (BS.2051, system I).
    """
    beside = _BESIDE | _WIDE
    if not _BESIDE & set(names):
        beside |= {"BL", "BR"}
    return np.array([0.0 if is_lfe(name) else SURROUND_WEIGHT if name in beside else 1.0 for name in names])


def mono_weights(names: Sequence[str]) -> NDArray[np.float32]:
    """What makes one channel of all, float32 [n_channels]: their mean, the LFE left out as in downmixes of BS.775."""
    kept = np.array([not is_lfe(name) for name in names])
    if not kept.any():
        kept[:] = True
    weights: NDArray[np.float32] = (kept / kept.sum()).astype(np.float32)
    return weights


def is_lfe(name: str) -> bool:
    """Whether a loudspeaker is for low-frequency effects alone."""
    return name.startswith("LFE")

"""Dropouts: short gaps in the middle of the sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from musicflamingo_cli.measure.loudness import BLOCK_SAMPLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAP_SECONDS = (0.002, 0.5)
GAP_DROP_DB = 40.0
"""How far a gap lies under the sound on both sides of it."""
GAP_SIDES_DB = 15.0
"""How much the two sides may differ: a note that ends and a new one that begins are no dropout."""


def dropouts(channels: Sequence[NDArray[np.float32]], sample_rate: int, programme: float) -> tuple[float, float]:
    """Gaps per minute, and their share of the time 0..1, on any of the waves [n_samples].

    A gap is 2 to 500 ms, at least 40 dB under the sound 2 to 7 ms before and after it. `programme` is
    the mean square of the samples.
    """
    step = sample_rate / 1000
    count = int(channels[0].size / step)
    if not count:
        return 0.0, 0.0
    gap = np.zeros(count, dtype=bool)
    for wave in channels:
        gap |= _gaps(_milliseconds(wave, step, count), programme)
    edges = np.diff(np.concatenate(([False], gap, [False])).astype(np.int8))
    return float((edges == 1).sum() / (count / 60_000)), float(gap.mean())


def _milliseconds(wave: NDArray[np.float32], step: float, count: int) -> NDArray[np.float64]:
    """Mean square of every millisecond, [count]."""
    edges = np.rint(np.arange(count + 1) * step).astype(np.int64)
    power = np.empty(count)
    per_block = max(1, int(BLOCK_SAMPLES / step))
    for first in range(0, count, per_block):
        last = min(first + per_block, count)
        squares = np.square(wave[edges[first] : edges[last]], dtype=np.float64)
        sums = np.add.reduceat(squares, edges[first:last] - edges[first])
        power[first:last] = sums / np.diff(edges[first : last + 1])
    return power


def _gaps(power: NDArray[np.float64], programme: float) -> NDArray[np.bool_]:
    """Which milliseconds lie in a gap, bool [n]."""
    low = power < programme * 10 ** ((-25 - GAP_DROP_DB) / 10) + 1e-20
    edges = np.diff(np.concatenate(([False], low, [False])).astype(np.int8))
    gap = np.zeros(power.size, dtype=bool)
    for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        if not GAP_SECONDS[0] * 1000 <= stop - start <= GAP_SECONDS[1] * 1000 or start < 7 or stop > power.size - 7:
            continue
        sides = power[start - 7 : start - 1].mean(), power[stop + 1 : stop + 7].mean()
        deep = min(sides) > max(power[start:stop].mean() * 10 ** (GAP_DROP_DB / 10), programme * 10**-4.0)
        gap[start:stop] = deep and max(sides) < min(sides) * 10 ** (GAP_SIDES_DB / 10)
    return gap

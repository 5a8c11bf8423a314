"""Dropouts: short gaps in the middle of the sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from musicflamingo_cli.measure.levels import decibels
from musicflamingo_cli.measure.loudness import BLOCK_SAMPLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAP_SECONDS = (0.002, 0.5)
GAP_DROP_DB = 40.0
"""How far a gap lies under the sound on both sides of it."""
GAP_SIDES_DB = 15.0
"""How much the two sides may differ: a note that ends and a new one that begins are no dropout."""
DIP_SECONDS, DIP_DROP_DB = (0.006, 0.5), 18.0
"""Gaps that a codec filled again, and dips of worn tape, are less deep and told by their sides, which are alike."""
DIP_SIDE_SECONDS, DIP_SIDES_DB = 0.04, 6.0
DIP_LEAST_DB = -30.0
"""The sides must be louder than this, relative to the programme."""
FRAME = 2
"""Milliseconds of a frame in which dips are looked for."""
REGULAR, REGULAR_FROM = 0.06, 6
"""So many dips whose distances are multiples of the least one, but for this share of it in the mean, are a rhythm."""


def dropouts(channels: Sequence[NDArray[np.float32]], sample_rate: int, programme: float) -> tuple[float, float]:
    """Gaps per minute, and their share of the time 0..1, on any of the waves [n_samples].

    A gap is 2 to 500 ms, at least 40 dB under the sound 2 to 7 ms before and after it; or 6 to 500 ms, 18 dB under
    the 40 ms on either side, which differ by less than 6 dB. `programme` is the mean square of the samples.
    """
    step = sample_rate / 1000
    count = int(channels[0].size / step)
    if not count:
        return 0.0, 0.0
    gap = np.zeros(count, dtype=bool)
    together = np.zeros(count)
    for wave in channels:
        power = _milliseconds(wave, step, count)
        gap |= _gaps(power, programme)
        together += power
    gap |= _dips(together)
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


def _dips(power: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which milliseconds lie in a dip, bool [n]; none where the dips come in time, as of a gate or a tremolo."""
    dips = np.zeros(power.size, dtype=bool)
    level = decibels(power[: power.size // FRAME * FRAME].reshape(-1, FRAME).mean(axis=1) + 1e-14)
    side = round(DIP_SIDE_SECONDS * 1000 / FRAME)
    if level.size < 4 * side:
        return dips
    shortest, longest = (round(seconds * 1000 / FRAME) for seconds in DIP_SECONDS)
    before = np.full(level.size, -np.inf)  # The sound of the 40 ms that end here.
    before[side:] = np.median(np.lib.stride_tricks.sliding_window_view(level[:-1], side), axis=1)
    least = float(decibels(float(power.mean()))) + DIP_LEAST_DB
    low = (level < before - DIP_DROP_DB) & (before > least)
    found: list[tuple[int, int]] = []
    for start in (np.flatnonzero(low[1:] & ~low[:-1]) + 1).tolist():
        back = level[start : start + longest + 1] >= before[start] - DIP_DROP_DB
        stop = start + int(back.argmax())
        if (
            not back.any()
            or stop - start < shortest
            or stop + 2 + side > level.size
            or (found and start < found[-1][1])
        ):
            continue
        if abs(np.median(level[stop + 2 : stop + 2 + side]) - before[start]) < DIP_SIDES_DB:
            found.append((start, stop))
    if len(found) >= REGULAR_FROM:
        between = np.diff([start for start, _ in found]).astype(np.float64)
        between /= between.min()
        if np.abs(between - np.rint(between)).mean() < REGULAR:
            return dips
    for start, stop in found:
        dips[start * FRAME : stop * FRAME] = True
    return dips

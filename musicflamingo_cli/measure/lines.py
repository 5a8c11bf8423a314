"""Steady narrow lines: whine, buzz, and the comb of peaks that upsampling layers leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import rfft
from scipy.ndimage import median_filter
from scipy.signal.windows import blackmanharris

from musicflamingo_cli.measure.levels import decibels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from musicflamingo_cli.measure.recording import Recording

WINDOW_SECONDS = 0.37
"""Long enough for lines of some 10 Hz. No music holds its partials to the decibel over many windows."""
MOST_WINDOWS = 240
"""Of a long recording so many windows are taken, evenly: steady lines are in all of them."""
LEAST_WINDOWS = 12
NEIGHBOURS = 61
"""Bins around a line that say what the music has there, some 160 Hz."""
OVER_NEIGHBOURS_DB, BETWEEN_HALVES_DB, WITHIN_DB = 16.0, 2.5, 4.5
LOWEST_HZ = 200.0
QUIET = 0.15
"""The quantile over time at which a line is looked for: where the music leaves it alone."""


def lines(recording: Recording) -> float | None:
    """Power of all steady lines relative to the programme, dB; None without any, or under 5 s.

    A line stands 16 dB over its surroundings in the quiet moments of both halves of the recording, differs by less
    than 2.5 dB between the halves and by less than 4.5 dB over most of the time. A held note of a synthesiser that
    does all of this can't be told from it.
    """
    size = 1 << round(np.log2(WINDOW_SECONDS * recording.sample_rate))
    count = min(MOST_WINDOWS, (recording.size - size) // (size // 2) + 1)
    if count < LEAST_WINDOWS:
        return None
    starts = np.linspace(0, recording.size - size, count).astype(np.int64)
    window = blackmanharris(size, sym=False).astype(np.float32)
    levels = np.empty((count, size // 2 + 1), np.float32)
    for row, start in enumerate(starts):
        spectrum = rfft(recording.mono(int(start), int(start) + size) * window)
        levels[row] = spectrum.real**2 + spectrum.imag**2
    programme = float(levels.mean(axis=0, dtype=np.float64).sum())
    sounding = levels[levels.sum(axis=1) > 1e-4 * levels.sum(axis=1).mean()]
    if programme <= 0 or sounding.shape[0] < LEAST_WINDOWS:
        return None
    halves = [_quantiles(half) for half in np.array_split(sounding, 2)]
    low = np.minimum(halves[0][0], halves[1][0])
    stands_out = low > median_filter(low, NEIGHBOURS) * 10 ** (OVER_NEIGHBOURS_DB / 10)
    steady = np.abs(decibels(halves[0][0]) - decibels(halves[1][0])) < BETWEEN_HALVES_DB
    for quiet, common in halves:
        steady &= decibels(common) - decibels(quiet) < WITHIN_DB
    found = stands_out & steady
    found[: int(LOWEST_HZ / recording.sample_rate * size)] = False
    if not found.any():
        return None
    return float(decibels(float(low[found].sum(dtype=np.float64)) / programme))


def _quantiles(levels: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The quiet and the common level of every bin, [n_bins] each."""
    at = [int(QUIET * levels.shape[0]), int((1 - 1.67 * QUIET) * levels.shape[0])]
    ordered = np.partition(levels, at, axis=0)[at].astype(np.float64) + 1e-30
    return ordered[0], ordered[1]

"""Rumble: noise under what music has, of wind, turntables and handling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soxr
from scipy.fft import rfft

from musicflamingo_cli.measure.levels import decibels

if TYPE_CHECKING:
    from numpy.typing import NDArray

BAND_HZ = (3.0, 16.0)
RATE = 100
SEGMENT_SECONDS = 20
SHORTEST_SECONDS = 4
MEDIAN_OF_NOISE = float(np.log(2))
"""The median of the bins of a noise's periodogram, relative to their mean."""


def rumble(wave: NDArray[np.float32], sample_rate: int) -> float | None:
    """Power of a noise between 3 and 16 Hz, dB relative to the programme; None under 4 s.

    The median of the fine bins, so that drums in time, whose power lies in few of them, do not count.
    """
    if wave.size < SHORTEST_SECONDS * sample_rate:
        return None
    programme = float(np.mean(np.square(wave, dtype=np.float64)))
    if programme <= 1e-16:
        return None
    slow = soxr.resample(wave, sample_rate, RATE).astype(np.float64)
    floors = []
    for part in np.array_split(slow, max(1, round(slow.size / (SEGMENT_SECONDS * RATE)))):
        window = np.hanning(part.size)
        power = np.abs(rfft((part - part.mean()) * window)) ** 2 * 2 / (part.size * np.sum(window**2))
        low, high = (round(hertz * part.size / RATE) for hertz in BAND_HZ)
        floors.append(float(np.median(power[low:high])) / MEDIAN_OF_NOISE * (high - low))
    return float(decibels(float(np.mean(floors)) / programme))

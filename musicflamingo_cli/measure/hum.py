"""Mains hum: lines of constant frequency, level and phase at 50 or 60 Hz and their harmonics."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import soxr

from musicflamingo_cli.measure.levels import decibels

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAINS_HZ = (50, 60)
HARMONICS = 6
RATE = 1000
"""Hz; the sixth harmonic of 60 Hz lies at 360."""
SEGMENT_WINDOWS = 80
"""Windows of 1 s, 0.25 s apart, over which the phase of the mains is taken to hold: 20 s."""
DRIFT_HZ = np.arange(-5, 6) * 0.02
"""Where a line may lie around its nominal frequency. European grids keep within 0.05 Hz most of the time."""
CONTROL_HZ = np.array([-2.0, -1.5, -1.0, -0.6, 0.6, 1.0, 1.5, 2.0])
"""Beside a line: a bass note near it shows as strongly there."""
NEAR_HZ = np.array([-7.0, -6.0, -5.0, -4.0, -3.0, 3.0, 4.0, 5.0, 6.0, 7.0])
"""What the music around a line has at each moment: quiet moments count for more."""
OVER_CONTROL, OVER_CHANCE = 1.1, 4.0
"""A line must be larger than its controls (in amplitude) and than what chance leaves of the music (in power)."""
MOST_DEVIATION = 0.8
"""What the windows may hold besides the line, relative to its power, by the same weights: hum stays below 0.3 in the
quiet moments, a bass note that comes and goes lies above 1."""


def hum(wave: NDArray[np.float32], sample_rate: int) -> float | None:
    """Level of the hum relative to the programme, dB; None where no hum stands out or the sound is under 1 s.

    Every window is weighted by the inverse of the music's power around the line, turned back to a common phase and
    summed, so that only what keeps its phase over the whole segment adds up. Loud bass masks hum here as it does for
    listeners; a synthesiser's drone at exactly 50 or 60 Hz can't be told from it.
    """
    slow = soxr.resample(wave, sample_rate, RATE)
    if slow.size < RATE:
        return None
    programme = float(np.mean(np.square(slow, dtype=np.float64)))
    if programme <= 1e-16:
        return None
    taper = np.hanning(RATE + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(slow, RATE)[:: RATE // 4] * (2 * taper / taper.sum()).astype("f4")
    best = 0.0
    for mains in MAINS_HZ:
        lines = [_line(frames, mains * harmonic, programme) for harmonic in range(1, HARMONICS + 1)]
        if lines[0] or lines[1]:
            best = max(best, sum(lines))
    if best <= 0:
        return None
    return float(decibels(best / float(np.mean(np.square(wave, dtype=np.float64)))))


@cache
def _oscillators(frequency: float) -> NDArray[np.complex64]:
    """What a window of 1 s is multiplied with for the frequencies at a line, and for those around it, [RATE, n]."""
    at = np.concatenate((DRIFT_HZ, CONTROL_HZ, NEAR_HZ)) + frequency
    waves: NDArray[np.complex64] = np.exp(-2j * np.pi * np.outer(np.arange(RATE) / RATE, at)).astype(np.complex64)
    return waves


def _line(frames: NDArray[np.float32], frequency: float, programme: float) -> float:
    """Power of one line, 0 if there is none."""
    at = np.concatenate((DRIFT_HZ, CONTROL_HZ)) + frequency
    starts = np.arange(frames.shape[0]) / 4
    both = frames @ _oscillators(frequency)
    found, beside = both[:, : at.size], both[:, at.size :]
    around = (np.abs(beside) ** 2).mean(axis=1).astype(np.float64) + 1e-9 * programme
    rows = []
    for part in np.array_split(np.arange(frames.shape[0]), max(1, round(frames.shape[0] / SEGMENT_WINDOWS))):
        weight = 1 / around[part]
        weight /= weight.sum()
        turned = found[part] * np.exp(-2j * np.pi * np.outer(starts[part], at))
        amplitude = np.abs((turned * weight[:, None]).sum(axis=0))
        # Neighbouring windows overlap by three quarters, so that there are about half as many independent ones.
        chance = 2 * float((weight**2 * around[part]).sum())
        best = int(amplitude[: DRIFT_HZ.size].argmax())
        rest = np.abs(turned[:, best] - (turned[:, best] * weight).sum()) ** 2
        control = float(amplitude[DRIFT_HZ.size :].max())
        rows.append((amplitude[best], control, chance, float((weight * rest).sum())))
    line, control, chance, deviation = np.median(np.array(rows), axis=0)
    certain = line > OVER_CONTROL * control and line**2 > OVER_CHANCE * chance
    if not certain or deviation > MOST_DEVIATION * line**2:
        return 0.0
    return float(line**2 - max(control**2, chance)) / 2

"""Tempo from the periodicity of the onsets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import maximum_filter1d, uniform_filter1d

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from musicflamingo_cli.measure.spectrum import Spectrogram

LOG_COMPRESSION = 100.0
"""Levels are compressed by log(1 + 100 x), x relative to the programme. Of 100 to 100 000 this found most tempi."""
SHORTEST_SECONDS = 4.0
"""Two periods of 30 BPM; shorter sounds have no tempo here."""
BPM = (30.0, 300.0)
PRIOR_BPM, PRIOR_OCTAVES = 135.0, 0.9
"""Log-normal preference for moderate tempi (Ellis 2007), for choosing between octaves. At 115 BPM most of the misses
were half the tempo of songs at 150 to 200."""
LEAST_CONFIDENCE, LEAST_CONFIDENCE_SECONDS = 0.06, 0.2
"""White noise reaches 0.05 in 10 s and longer, 0.09 in 6 s: the least is 0.06 + 0.2 / seconds."""


def onset_strength(spectrum: Spectrogram) -> NDArray[np.float64]:
    """Half-wave rectified rise of the compressed band levels, summed over the bands, [n_frames]."""
    count, n_bands = spectrum.density.shape
    programme = float(spectrum.density.mean())
    strength = np.zeros(count)
    groups = np.unique(np.rint(np.geomspace(1, n_bands, 28)).astype(np.int64))
    starts = np.concatenate(([0], groups[:-1]))
    previous: NDArray[np.float32] | None = None
    for first in range(0, count, 4096):
        power = spectrum.density[first : first + 4096] * spectrum.widths_hz.astype(np.float32)
        block = np.add.reduceat(power, starts, axis=1)
        block /= max(programme * float(spectrum.edges_hz[-1]), 1e-30)
        logs = np.log1p(LOG_COMPRESSION * block)
        head = logs[:1] if previous is None else previous
        rise = np.diff(np.concatenate((head, logs)), axis=0)
        strength[first : first + block.shape[0]] = np.maximum(rise, 0).sum(axis=1)
        previous = logs[-1:]
    return strength


def onset_rate(strength: NDArray[np.float64], frame_seconds: float) -> float:
    """Onsets per second: peaks of the onset strength over their surroundings."""
    if strength.size < 8:
        return 0.0
    around = uniform_filter1d(strength, max(3, round(0.5 / frame_seconds)))
    peaks = (strength >= maximum_filter1d(strength, max(3, round(0.06 / frame_seconds)))) & (
        strength > around * 1.5 + 0.1 * strength.std() + 0.3
    )
    return float(peaks.sum() / (strength.size * frame_seconds))


def tempo(strength: NDArray[np.float64], frame_seconds: float) -> tuple[float | None, float | None]:
    """BPM and confidence 0..1; None and None where no beat stands out or the sound is too short.

    Autocorrelation of the onset strength, summed over the multiples of each beat period and weighted by the prior. The
    confidence is the autocorrelation at the chosen beat, 1 for onsets that repeat exactly.
    """
    if strength.size * frame_seconds < SHORTEST_SECONDS:
        return None, None
    local = strength - uniform_filter1d(strength, round(1.0 / frame_seconds))
    local = np.maximum(local, 0)
    local -= local.mean()
    size = next_fast_len(2 * local.size)
    longest = int(min(12.0 / frame_seconds, local.size * 0.75))
    power = rfft(local, size)
    auto = irfft(power * power.conj(), size)[: longest + 1]
    if auto[0] <= 1e-9 * local.size:
        return None, None
    auto = auto / auto[0] * (local.size / (local.size - np.arange(auto.size)))
    auto[0] = 1.0
    candidates = np.geomspace(BPM[0], BPM[1], 800)
    period = 60 / candidates / frame_seconds
    lags = period[:, None] * np.arange(1, 5)
    inside = lags < auto.size - 1
    at = np.where(inside, np.interp(lags, np.arange(auto.size), auto), 0.0)
    comb = at.sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    prior = np.exp(-0.5 * (np.log2(candidates / PRIOR_BPM) / PRIOR_OCTAVES) ** 2)
    score = np.where(inside[:, 0], np.maximum(comb, 0) * prior, 0)
    best = int(score.argmax())
    confidence = float(np.clip(comb[best], 0, 1))
    if confidence < LEAST_CONFIDENCE + LEAST_CONFIDENCE_SECONDS / (strength.size * frame_seconds):
        return None, None
    return _refined(auto, float(candidates[best]), frame_seconds), confidence


def _refined(auto: NDArray[np.float64], bpm: float, frame_seconds: float) -> float:
    """The tempo read from the highest multiple of the beat period that still has a peak nearby."""
    period = 60 / bpm / frame_seconds
    for multiple in (1, 2, 4, 8):
        lag = period * multiple
        reach = max(2, round(0.03 * period * (1 if multiple == 1 else 1.5)))
        low, high = round(lag) - reach, round(lag) + reach
        if low < 1 or high >= auto.size - 1:
            break
        peak = low + int(auto[low : high + 1].argmax())
        left, middle, right = auto[peak - 1 : peak + 2]
        if middle <= 0 or middle < left or middle < right:
            break
        bend = left - 2 * middle + right
        period = (peak + (0.5 * (left - right) / bend if bend < 0 else 0.0)) / multiple
    return float(60 / period / frame_seconds)

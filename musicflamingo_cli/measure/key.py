"""Key from the pitch classes of spectral peaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import rfft

if TYPE_CHECKING:
    from numpy.typing import NDArray

TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
RATE = 8000
"""Hz the wave is taken at: peaks are looked for up to 2 kHz."""
WINDOW = 2048
PEAKS_HZ = (100.0, 2000.0)
SHORTEST_SECONDS = 3.0
LEAST_CONFIDENCE = 0.15
LEAST_PITCH_CLASSES = 3.0
"""A lone tone, with the notes that it may be a harmonic of, weighs like 1.7."""
HARMONICS, HARMONIC_DECAY = 4, 0.8
"""A peak also speaks for the notes whose 2nd to 4th harmonic it may be (Gómez 2006); without that, fifths win."""
MAJOR = np.array([0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081])
"""Albrecht and Shanahan (2013), The use of large corpora to train a new type of key-finding algorithm."""
MINOR = np.array([0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052])


def chroma(wave: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Weight of every pitch class from C, [12], summing to 1 (0 without peaks).

    Spectral peaks, with their frequencies interpolated, are folded by semitone around the recording's own tuning.
    Every moment counts the same, however loud.
    """
    bins = np.zeros(120)
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    low, high = (int(f * WINDOW / sample_rate) for f in PEAKS_HZ)
    if wave.size < WINDOW:
        return np.zeros(12)
    frames = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[:: WINDOW // 2]
    loudest = 0.0
    for first in range(0, frames.shape[0], 1024):
        spectrum = np.abs(rfft(frames[first : first + 1024] * window, axis=1))[:, : high + 2].astype(np.float64)
        loudest = max(loudest, float(spectrum.max(initial=0.0)))
        centre = spectrum[:, low : high + 1]
        left, right = spectrum[:, low - 1 : high], spectrum[:, low + 1 : high + 2]
        row, column = np.nonzero((centre > left) & (centre >= right) & (centre > 1e-3 * loudest))
        a, b, c = (np.log(x[row, column] + 1e-30) for x in (left, centre, right))
        bend = np.minimum(a - 2 * b + c, -1e-9)
        frequency = (column + low + 0.5 * (a - c) / bend) * sample_rate / WINDOW
        weight = centre[row, column]
        weight = weight / np.bincount(row, weights=weight, minlength=centre.shape[0])[row]
        for harmonic in range(HARMONICS):
            pitch = np.rint(120 * np.log2(frequency / (harmonic + 1) / 440.0) + 690).astype(np.int64)
            bins += np.bincount(pitch % 120, weights=weight * HARMONIC_DECAY**harmonic, minlength=120)
    if not bins.any():
        return np.zeros(12)
    angle = np.angle((bins * np.exp(2j * np.pi * np.arange(120) / 10)).sum()) / (2 * np.pi) * 10
    turned = np.roll(bins, 5 - round(float(angle)))
    folded = turned.reshape(12, 10).sum(axis=1)
    weights: NDArray[np.float64] = folded / folded.sum()
    return weights


def pitch_entropy(weights: NDArray[np.float64]) -> float:
    """Entropy of the pitch classes, 0 (one note) to 1 (all twelve the same)."""
    used = weights[weights > 0]
    return float(-(used * np.log(used)).sum() / np.log(12)) if used.size else 0.0


def key(weights: NDArray[np.float64], seconds: float) -> tuple[str | None, str | None, float | None]:
    """Tonic, mode and confidence 0..1; None where no key stands out.

    Correlation with the profiles of the 24 keys. The confidence is that correlation, less where the next best key is
    as good, and less where all pitch classes weigh nearly the same (noise).
    """
    if seconds < SHORTEST_SECONDS or weights.std() < 1e-6 or 12 ** pitch_entropy(weights) < LEAST_PITCH_CLASSES:
        return None, None, None
    profiles = np.array([[np.roll(profile, tonic) for tonic in range(12)] for profile in (MAJOR, MINOR)])
    profiles -= profiles.mean(axis=2, keepdims=True)
    centred = weights - weights.mean()
    fits = profiles @ centred / (np.linalg.norm(profiles, axis=2) * np.linalg.norm(centred))
    mode, tonic = (int(i) for i in np.unravel_index(fits.argmax(), fits.shape))
    best = float(fits[mode, tonic])
    others = fits.copy()
    others[mode, tonic] = -1
    margin = best - float(others.max())
    flatness = float(weights.std() / weights.mean())
    confidence = float(np.clip(best * min(1.0, margin / 0.15 + 0.25) * min(1.0, flatness / 0.3), 0, 1))
    if best < 0.5 or confidence < LEAST_CONFIDENCE:
        return None, None, None
    return TONICS[tonic], "minor" if mode else "major", confidence

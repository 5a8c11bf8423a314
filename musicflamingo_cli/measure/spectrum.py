"""One short-time Fourier pass over the whole recording, folded into bands: what most other figures are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import rfft

from musicflamingo_cli.measure.loudness import BLOCK_SAMPLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW_SECONDS = 2048 / 44_100
TINY = 1e-20
LOUD_FRAME_DB = -40.0
"""Frames this far under the loudest one and further say nothing about the bandwidth."""


@dataclass(frozen=True, slots=True)
class Spectrogram:
    """Power of the recording over time and frequency; the loudest sample is 1, channels are averaged."""

    frame_seconds: float
    """Time from one frame to the next, about 0.012 s."""
    edges_hz: NDArray[np.float64]
    """Edges of the bands, [n_bands + 1], from 0 to half the sample rate; 500 Hz wide from 4 to 24 kHz."""
    density: NDArray[np.float32]
    """Power per Hz, [n_frames, n_bands]."""
    bin_hz: float
    """Distance of the bins of `long_term`."""
    long_term: NDArray[np.float64]
    """Mean power of every bin, [n_bins]."""
    bass_correlation: float | None
    """Correlation of two channels between 20 and 300 Hz, -1..1; None for one channel or without bass in both."""

    @property
    def centres_hz(self) -> NDArray[np.float64]:
        """Centre of every band, [n_bands]."""
        return (self.edges_hz[1:] + self.edges_hz[:-1]) / 2

    @property
    def widths_hz(self) -> NDArray[np.float64]:
        """Width of every band, [n_bands]."""
        return np.diff(self.edges_hz)


def band_bins(n_bins: int, bin_hz: float) -> NDArray[np.int64]:
    """First bin of every band: 100 Hz wide to 1 kHz, 200 to 2 kHz, 250 to 4, 500 to 24, then a quarter octave."""
    grid = np.concatenate((np.arange(0, 1000, 100), np.arange(1000, 2000, 200), np.arange(2000, 4000, 250)))
    top = n_bins * bin_hz
    grid = np.concatenate((grid, np.arange(4000, min(max(top, 4001), 24_000), 500)))
    if top > 24_000:
        grid = np.concatenate((grid, np.geomspace(24_000, top, 4 * int(np.log2(top / 24_000) + 1) + 1)))
    bins = np.unique(np.rint(grid / bin_hz).astype(np.int64))
    return bins[bins < n_bins - 1]


def spectrogram(channels: Sequence[NDArray[np.float32]], sample_rate: int, peak: float) -> Spectrogram:
    """Take the power spectrogram of one or two waves [n_samples], scaled by 1 / `peak` (linear, above 0)."""
    size = 1 << max(7, round(np.log2(WINDOW_SECONDS * sample_rate)))
    hop = size // 4
    if channels[0].size < size:
        channels = [np.pad(wave, (0, size - wave.size)) for wave in channels]
    count = (channels[0].size - size) // hop + 1
    bin_hz = sample_rate / size
    starts = band_bins(size // 2 + 1, bin_hz)
    sizes = np.diff(np.append(starts, size // 2 + 1)).astype(np.float32)
    window = np.hanning(size + 1)[:-1]
    scale = np.float32(2 / (sample_rate * np.sum(window**2)) / len(channels))
    window = window / peak
    density = np.empty((count, starts.size), np.float32)
    bass = slice(max(1, int(20 / bin_hz)), int(300 / bin_hz) + 2)
    bass_power = np.zeros(3)
    long_term = np.zeros(size // 2 + 1)
    per_block = max(1, BLOCK_SAMPLES // size)
    for first in range(0, count, per_block):
        last = min(first + per_block, count)
        block = [wave[first * hop : (last - 1) * hop + size] for wave in channels]
        power, crossed = _block_power(block, window, hop, bass)
        bass_power += crossed
        long_term += power.sum(axis=0, dtype=np.float64)
        density[first:last] = np.add.reduceat(power, starts, axis=1) * (scale / sizes)
    density += np.float32(TINY)
    edges = np.append(starts, size // 2) * bin_hz
    return Spectrogram(hop / sample_rate, edges, density, bin_hz, long_term / count, _correlation(bass_power))


def band_levels(spectrum: Spectrogram) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Power of every frame, [n_frames]; mean power per Hz of every band in the loud frames; power of the programme."""
    power = (spectrum.density @ spectrum.widths_hz.astype(np.float32)).astype(np.float64)
    loud = power >= power.max() * 10 ** (LOUD_FRAME_DB / 10)
    return power, spectrum.density[loud].mean(axis=0, dtype=np.float64), float(power.mean())


def spectral_entropy(spectrum: Spectrogram) -> float:
    """Entropy of the power over 24 bands of equal ratio, in the mean loud frame, 0 (one band) to 1 (all the same)."""
    power, _, _ = band_levels(spectrum)
    rows = np.flatnonzero(power >= power.max() * 10 ** (LOUD_FRAME_DB / 10))
    starts = np.unique(np.rint(np.geomspace(1, spectrum.density.shape[1], 25)).astype(np.int64) - 1)[:-1]
    widths = spectrum.widths_hz.astype(np.float32)
    total = 0.0
    for first in range(0, rows.size, 4096):
        bands = np.add.reduceat(spectrum.density[rows[first : first + 4096]] * widths, starts, axis=1)
        share = bands / bands.sum(axis=1, keepdims=True)
        total += float(-(share * np.log(np.maximum(share, 1e-12))).sum(dtype=np.float64))
    return min(1.0, max(0.0, total / rows.size / float(np.log(max(2, starts.size)))))


def _block_power(
    block: Sequence[NDArray[np.float32]], window: NDArray[np.float64], hop: int, bass: slice
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Sum over the channels of the power of every bin [n_frames, n_bins]; bass power of both channels, and crossed."""
    spectra = []
    for wave in block:
        frames = np.lib.stride_tricks.sliding_window_view(np.ascontiguousarray(wave), window.size)[::hop]
        spectra.append(rfft((frames * window).astype(np.float32), axis=1))
    first, last = spectra[0], spectra[-1]
    power: NDArray[np.float32] = first.real**2 + first.imag**2
    if len(spectra) == 1:
        return power, np.zeros(3)
    other: NDArray[np.float32] = last.real**2 + last.imag**2
    crossed = (first[:, bass] * last[:, bass].conj()).real
    sums = np.array([a.sum(dtype=np.float64) for a in (power[:, bass], other[:, bass], crossed)])
    return power + other, sums


def _correlation(bass_power: NDArray[np.float64]) -> float | None:
    left, right, crossed = bass_power
    if min(left, right) < 1e-6 * max(left, right) or max(left, right) < 1e-12:
        return None
    return float(np.clip(crossed / np.sqrt(left * right), -1.0, 1.0))

"""Loudness, loudness range and true peak, block by block.

Sources: ITU-R BS.1770-4 (K-weighting, gates, true peak), EBU R 128, EBU Tech 3342 (loudness range). The K-weighting
is designed anew for every sample rate from 32 kHz on from the analogue prototype behind the 48 kHz table of BS.1770.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import soxr
from scipy.signal import sosfilt

from musicflamingo_cli.measure.layouts import loudness_weights, positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_SAMPLES = 1 << 20
"""Samples (frames x channels) that one block may hold: 8 MB as float64."""
LEAST_RATE, WEIGHTED_RATE = 32_000, 48_000
"""Hz. Below the first the bilinear transform shifts the K-weighting: the same noise reads 0.06 LU louder at 22 kHz and
0.35 at 8. Slower recordings are weighted at the second."""
ABSOLUTE_GATE_LUFS = -70.0
TRUE_PEAK_RATE = 176_400
"""Peaks are read at this rate or above; BS.1770 asks for 192 kHz from 48 kHz, which is the same factor of 4."""


def spans(n_frames: int, n_channels: int, multiple: int = 1) -> Iterator[tuple[int, int]]:
    """First and last+1 frame of each block; every block but the last is a multiple of `multiple` frames."""
    size = max(BLOCK_SAMPLES // n_channels // multiple, 1) * multiple
    for start in range(0, n_frames, size):
        yield start, min(start + size, n_frames)


def k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """Second-order sections [2, 6] of the K-weighting: a high shelf of +4 dB, then a high-pass at 38 Hz."""
    k = np.tan(np.pi * 1681.974450955533 / sample_rate)
    q, gain = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle = gain**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = [
        (gain + middle * k / q + k * k) / a0,
        2 * (k * k - gain) / a0,
        (gain - middle * k / q + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / q + k * k) / a0,
    ]
    k, q = np.tan(np.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]
    return np.array([shelf, high_pass])


def tenths(
    samples: NDArray[np.float32], sample_rate: int, weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """K-weighted, channel-weighted mean square of every whole tenth of a second, float64 [n_tenths].

    `weights` are those of the channels, float64 [n_channels]; None for what that many channels are taken for.
    """
    n_channels = samples.shape[1]
    if weights is None:
        weights = loudness_weights(positions(n_channels))
    rate = WEIGHTED_RATE if sample_rate < LEAST_RATE else sample_rate
    sections = k_weighting(rate)
    state = np.zeros((2, n_channels, 2))
    parts = [np.empty(0)]
    at, rest = 0, np.empty((n_channels, 0))
    for fresh in _blocks(samples, sample_rate, rate):
        block = np.concatenate((rest, fresh), axis=1)
        # The whole tenths of this block, counted from the start: a tenth need not be a whole number of samples.
        first = round(at * 10 / rate)
        edges = np.rint(np.arange(first, int((at + block.shape[1]) * 10 / rate) + 1) * rate / 10).astype(np.int64) - at
        if edges.size < 2:
            rest = block
            continue
        rest, block = block[:, edges[-1] :], block[:, : edges[-1]]
        at += int(edges[-1])
        weighted, state = sosfilt(sections, block, axis=1, zi=state)
        np.square(weighted, out=weighted)
        parts.append(weights @ np.add.reduceat(weighted, edges[:-1], axis=1) / np.diff(edges))
    power: NDArray[np.float64] = np.concatenate(parts)
    return power


def _blocks(samples: NDArray[np.float32], sample_rate: int, rate: int) -> Iterator[NDArray[np.float64]]:
    """The samples block by block at a rate, float64 [n_channels, n]."""
    n_frames, n_channels = samples.shape
    stream = None
    if rate != sample_rate:
        stream = soxr.ResampleStream(sample_rate, rate, n_channels, dtype="float32", quality="HQ")
    for start, stop in spans(n_frames, n_channels * -(-rate // sample_rate)):
        block = np.ascontiguousarray(samples[start:stop])
        if stream is not None:
            block = stream.resample_chunk(block, last=stop == n_frames).reshape(-1, n_channels)
        yield np.ascontiguousarray(block.T, dtype=np.float64)


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return -0.691 + 10 * np.log10(np.maximum(power, 1e-40))


def _windows(power: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Mean of every run of `length` tenths, one tenth apart."""
    if power.size < length:
        return np.empty(0)
    means: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(power, length).mean(axis=1)
    return means


def _gated(power: NDArray[np.float64], relative_gate: float) -> NDArray[np.float64]:
    """The windows above the absolute gate and above the mean of those plus `relative_gate` LU."""
    heard = power[_lufs(power) > ABSOLUTE_GATE_LUFS]
    if not heard.size:
        return heard
    return heard[_lufs(heard) > _lufs(heard.mean(keepdims=True)) + relative_gate]


def integrated_loudness(power: NDArray[np.float64]) -> float | None:
    """LUFS over 400 ms windows gated at -70 LUFS and -10 LU; None where nothing passes the gates (or under 0.4 s)."""
    heard = _gated(_windows(power, 4), -10.0)
    return float(_lufs(heard.mean(keepdims=True))[0]) if heard.size else None


def loudness_range(power: NDArray[np.float64]) -> float | None:
    """LU between the 10th and 95th percentile of 3 s windows gated at -70 LUFS and -20 LU; None under 3 s."""
    heard = _gated(_windows(power, 30), -20.0)
    if not heard.size:
        return None
    low, high = np.percentile(_lufs(heard), (10, 95))
    return float(high - low)


def true_peak(samples: NDArray[np.float32], sample_rate: int) -> float:
    """Largest magnitude of the waveform between the samples too, linear, full scale = 1."""
    n_frames, n_channels = samples.shape
    factor = 1
    while factor < 4 and sample_rate * factor < TRUE_PEAK_RATE:
        factor *= 2
    peak = 0.0
    stream = soxr.ResampleStream(sample_rate, sample_rate * factor, n_channels, dtype="float32", quality="HQ")
    for start, stop in spans(n_frames, n_channels):
        block = np.ascontiguousarray(samples[start:stop])
        peak = max(peak, _magnitude(block))
        if factor > 1:
            peak = max(peak, _magnitude(stream.resample_chunk(block, last=stop == n_frames)))
    return peak


def _magnitude(block: NDArray[np.float32]) -> float:
    return max(float(block.max()), -float(block.min())) if block.size else 0.0

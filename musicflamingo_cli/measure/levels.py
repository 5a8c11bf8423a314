"""What frames of 10 ms say: silence, noise floor, DC, stereo image, and how the file ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from musicflamingo_cli.measure.loudness import BLOCK_SAMPLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAMES_PER_SECOND = 100
SILENT_PEAK_DBFS = -80.0
"""A frame below this is silent in any file: coded or dithered silence lies at -83 to -98 dBFS."""
LOUD_SILENCE_DBFS = -70.0
"""A frame above this is never called silent."""
SILENCE_BELOW_LOUDEST_DB = 60.0
"""Between those two, silence is 60 dB under the loudest frame, so that turning a file down adds none to it."""
WINDOW_FRAMES = 3 * FRAMES_PER_SECOND
END_DROP_DB = 20.0
"""Music whose last 50 ms lie less than this under its last 3 s did not decay (a decay of 60 dB in 0.5 s drops 6 dB)."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What one pass over the samples says."""

    frame_power: NDArray[np.float64]
    """Mean square of every 10 ms, [n_frames, n_channels]; the last frame may be shorter."""
    mean: NDArray[np.float64]
    """Mean of every channel (DC), [n_channels]."""
    cross_power: float
    """Mean product of the first two channels, about their means; 0 for mono."""
    frame_peak: NDArray[np.float64]
    """Largest magnitude of a sample on any channel in every 10 ms, [n_frames], full scale = 1."""

    @property
    def peak(self) -> float:
        """Largest magnitude of a sample, full scale = 1."""
        return float(self.frame_peak.max())

    @property
    def power(self) -> NDArray[np.float64]:
        """Mean square of every channel, [n_channels]."""
        mean: NDArray[np.float64] = self.frame_power.mean(axis=0)
        return mean


def levels(samples: NDArray[np.float32], sample_rate: int) -> Levels:
    """Walk float32 [n_samples, n_channels] once, in blocks."""
    n_samples, n_channels = samples.shape
    step = sample_rate / FRAMES_PER_SECOND
    count = max(1, int(n_samples / step))
    edges = np.rint(np.arange(count + 1) * step).astype(np.int64)
    edges[-1] = n_samples
    per_block = max(1, int(BLOCK_SAMPLES / n_channels / step))
    power = np.empty((count, n_channels))
    peaks = np.empty(count)
    total, cross = np.zeros(n_channels), 0.0
    for first in range(0, count, per_block):
        last = min(first + per_block, count)
        block = np.ascontiguousarray(samples[edges[first] : edges[last]].T, dtype=np.float64)
        total += block.sum(axis=1)
        starts = edges[first:last] - edges[first]
        high, low = np.maximum.reduceat(block, starts, axis=1), np.minimum.reduceat(block, starts, axis=1)
        peaks[first:last] = np.maximum(high, -low).max(axis=0)
        if n_channels > 1:
            cross += float(block[0] @ block[1])
        np.square(block, out=block)
        sums = np.add.reduceat(block, starts, axis=1)
        power[first:last] = (sums / np.diff(edges[first : last + 1])).T
    mean = total / n_samples
    return Levels(power, mean, cross / n_samples - float(mean[0] * mean[-1]) * (n_channels > 1), peaks)


def decibels(power: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """10 log10, with a floor at -400 dB in the place of minus infinity."""
    return 10 * np.log10(np.maximum(np.asarray(power, dtype=np.float64), 1e-40))


def silent_frames(taken: Levels) -> NDArray[np.bool_]:
    """Which frames are silent on all channels, bool [n_frames]."""
    level = decibels(taken.frame_power.max(axis=1))
    threshold = max(SILENT_PEAK_DBFS, min(LOUD_SILENCE_DBFS, float(level.max()) - SILENCE_BELOW_LOUDEST_DB))
    return level < threshold


def silence(taken: Levels) -> tuple[float, float, float]:
    """Share of the time in silence 0..1, leading seconds, trailing seconds (all of it both ways if nothing sounds)."""
    silent = silent_frames(taken)
    sounding = np.flatnonzero(~silent)
    if not sounding.size:
        return 1.0, silent.size / FRAMES_PER_SECOND, silent.size / FRAMES_PER_SECOND
    trailing = silent.size - 1 - int(sounding[-1])
    return float(silent.mean()), int(sounding[0]) / FRAMES_PER_SECOND, trailing / FRAMES_PER_SECOND


def noise_floor(taken: Levels) -> float | None:
    """5th percentile of the levels of 100 ms, dBFS, digital silence left out; None where that is all there is."""
    power = taken.frame_power.mean(axis=1)
    tenths = power[: power.size // 10 * 10].reshape(-1, 10)
    sounding = tenths.min(axis=1) > 1e-14
    return float(decibels(np.percentile(tenths[sounding].mean(axis=1), 5))) if sounding.any() else None


def stereo(taken: Levels) -> tuple[float | None, float | None]:
    """Correlation of the first two channels -1..1, and side energy over mid plus side 0..1.

    None and None for mono; no correlation where one of the channels is silent.
    """
    if taken.mean.size < 2:
        return None, None
    left, right = np.maximum(taken.power[:2] - taken.mean[:2] ** 2, 0.0)
    if left + right < 1e-12:
        return None, None
    width = float(np.clip(0.5 - taken.cross_power / (left + right), 0.0, 1.0))
    if min(left, right) < 1e-12:
        return None, width
    return float(np.clip(taken.cross_power / np.sqrt(left * right), -1.0, 1.0)), width


def balance(taken: Levels) -> float | None:
    """Level of the first channel over the second, dB, -100..100; None for mono and for silence."""
    if taken.mean.size < 2:
        return None
    left, right = np.maximum(taken.power[:2] - taken.mean[:2] ** 2, 0.0)
    if left + right < 1e-12:
        return None
    return float(np.clip(decibels(left) - decibels(right), -100.0, 100.0))


def short_term_crest(taken: Levels) -> float | None:
    """Peak over RMS of windows of 3 s, dB, in their median; None for silence.

    What clips or limits takes from the peaks and leaves the RMS, and no later coding, resampling or noise gives that
    back. Windows 20 dB under the loudest and lower don't count.
    """
    length = min(WINDOW_FRAMES, taken.frame_peak.size)
    starts = np.arange(0, taken.frame_peak.size - length + 1, FRAMES_PER_SECOND)
    power = np.array([taken.frame_power[start : start + length].mean() for start in starts])
    peak = np.array([taken.frame_peak[start : start + length].max() for start in starts])
    loud = power > max(0.01 * power.max(), 1e-20)
    return float(np.median(decibels(peak[loud] ** 2) - decibels(power[loud]))) if loud.any() else None


def abrupt_end(taken: Levels) -> bool | None:
    """True if the last 50 ms of sound are about as loud as the 3 s before them; None under 1 s of sound."""
    sounding = np.flatnonzero(~silent_frames(taken))
    if not sounding.size or sounding[-1] - sounding[0] < FRAMES_PER_SECOND:
        return None
    stop = int(sounding[-1]) + 1
    power = taken.frame_power.mean(axis=1)
    before = power[max(int(sounding[0]), stop - 300) : stop]
    return bool(decibels(before[-5:].mean()) > decibels(before.mean()) - END_DROP_DB)

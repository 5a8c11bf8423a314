"""What can be measured on the samples themselves. Pure functions; numpy, scipy and soxr only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from musicflamingo_cli.measure import clipping, levels, loudness
from musicflamingo_cli.records import MEASURES_VERSION, Measures

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MEASURES_VERSION", "measure"]


def measure(samples: NDArray[np.float32], sample_rate: int, level: Literal["basic", "all"]) -> Measures:
    """Measure one recording at its own rate and channels.

    Args:
        samples: float32 [n_frames, n_channels], finite, full scale = 1; at least one frame and one channel.
        sample_rate: Hz, 4000..768000.
        level: `basic` takes the cheap figures only; `all` adds spectrum, damage, tempo and key.
    """
    taken = levels.levels(samples, sample_rate)
    tenths = loudness.tenths(samples, sample_rate)
    peak = loudness.true_peak(samples, sample_rate)
    share, leading, trailing = levels.silence(taken)
    correlation, width = levels.stereo(taken)
    return Measures(
        loudness_lufs=loudness.integrated_loudness(tenths),
        true_peak_dbtp=float(levels.decibels(peak**2)) if peak > 1e-10 else None,
        clipped_share=clipping.clipped_share(samples, sample_rate),
        silence_share=share,
        leading_silence_seconds=leading,
        trailing_silence_seconds=trailing,
        dc_offset=float(taken.mean[np.abs(taken.mean).argmax()]),
        loudness_range_lu=loudness.loudness_range(tenths),
        noise_floor_dbfs=levels.noise_floor(taken),
        stereo_correlation=correlation,
        stereo_width=width,
        abrupt_end=levels.abrupt_end(taken),
    )

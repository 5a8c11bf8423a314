"""Clicks: samples that linear prediction from their neighbours does not expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import irfft, rfft
from scipy.ndimage import maximum_filter1d

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from musicflamingo_cli.measure.recording import Recording

BLOCK = 8192
ORDER = 24
OUTLIER_SIGMA = 12.0
"""How far the residual must lie beyond its own spread in the block (by the median, which clicks don't move)."""
NEAR_SECONDS = 0.004
OVER_NEAR = 6.0
"""And beyond the RMS of the residual right before and after: the attack of a note is no click, it goes on."""
GOES_ON = 2.0
"""How much louder it may be afterwards than before."""


def clicks(recording: Recording) -> float:
    """Clicks per second: ticks, lost samples, joints.

    A block of 8192 samples is predicted by 24 of its own coefficients (autocorrelation method). A click is an outlier
    of the residual, alone among its neighbours of 4 ms. Hi-hats and synthetic drums can make up to 5 a second.
    """
    count = recording.size // BLOCK
    if not count:
        return 0.0
    near = max(8, int(NEAR_SECONDS * recording.sample_rate))
    found = 0
    for first in range(0, count, 64):
        blocks = recording.mono(first * BLOCK, min(first + 64, count) * BLOCK).reshape(-1, BLOCK)
        for residual in _residuals(blocks):
            found += _outliers(residual, near)
    return float(found / (count * BLOCK / recording.sample_rate))


def _residuals(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """What linear prediction leaves of each block, [n_blocks, BLOCK]."""
    spectrum = rfft(blocks, 2 * BLOCK, axis=1)
    auto = irfft(spectrum.real**2 + spectrum.imag**2, axis=1)[:, : ORDER + 1].astype(np.float64)
    auto[:, 0] = auto[:, 0] * (1 + 1e-9) + 1e-12
    lags = np.abs(np.arange(ORDER)[:, None] - np.arange(ORDER))
    ahead = np.linalg.solve(auto[:, lags], auto[:, 1:, None])[:, :, 0]
    filters = np.concatenate((np.ones((len(blocks), 1)), -ahead), axis=1).astype(np.float32)
    residual: NDArray[np.float32] = irfft(spectrum * rfft(filters, 2 * BLOCK, axis=1), axis=1)[:, :BLOCK]
    return residual


def _outliers(residual: NDArray[np.float32], near: int) -> int:
    size = np.abs(residual)
    size[:ORDER] = 0
    spread = float(np.median(size[ORDER::4])) / 0.6745
    threshold = OUTLIER_SIGMA * spread
    if spread <= 0 or size.max() < threshold:
        return 0
    at = np.flatnonzero((size > threshold) & (size == maximum_filter1d(size, 2 * near + 1)))
    found = 0
    for place in at[(at >= near) & (at < BLOCK - near)]:
        guard = near // 8
        before, after = size[place - near : place - guard], size[place + guard + 1 : place + near + 1]
        sides = np.sqrt(np.mean(before**2)), np.sqrt(np.mean(after**2))
        found += bool(size[place] > OVER_NEAR * max(sides) and sides[1] < GOES_ON * sides[0] + spread)
    return found

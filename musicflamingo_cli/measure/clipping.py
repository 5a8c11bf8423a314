"""Clipping: runs of samples that lie flat at the waveform's own ceiling, wherever that ceiling is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from musicflamingo_cli.measure.loudness import spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLATNESS = 1e-4
"""Samples this close to the ceiling, relative to it, are at it: room for the dither of 16 bits."""
CORNER = 1e-3
"""The wave must reach the ceiling at an angle. The rounded top of a 50 Hz sine drops 4e-4 where its flat part ends."""
INTERIOR = (0.05, 0.97)
"""Levels, relative to the ceiling, at which flat runs speak for a synthesiser's steps or for coarse quantisation."""
INTERIOR_SHARE = 0.25
"""How much may be flat there, relative to the ceiling, before nothing is called clipped."""


def clipped_share(samples: NDArray[np.float32], sample_rate: int) -> float:
    """Share of the samples of all channels in flat runs at the ceiling of their channel and sign, 0..1.

    A run is 3 samples or longer at 44.1 kHz (68 us; 3 samples below that, as many more above). It works after the
    file was turned down, but not after resampling, equalising, lossy coding or noise, which round the corners; such
    clipping can't be told from music here. Waves that are flat at other levels too (square waves in a mix, 8 bits)
    are not called clipped, and neither is a lone wave that does nothing but jump from ceiling to ceiling.
    """
    n_frames, n_channels = samples.shape
    run = max(3, round(3 * sample_rate / 44_100))
    clipped = 0
    for channel in range(n_channels):
        clipped += _clipped_in(samples[:, channel], run)
    return float(clipped / (n_frames * n_channels))


def _clipped_in(wave: NDArray[np.float32], run: int) -> int:
    """Number of clipped samples of one channel."""
    ceilings = float(wave.max()), -float(wave.min())
    top = max(ceilings)
    if top < 1e-30:
        return 0
    at_ceiling, interior, jumps, runs = 0, 0, 0, 0
    for start, stop in spans(wave.size, 1):
        low, high = max(0, start - run - 1), min(wave.size, stop + run + 1)
        block = np.ascontiguousarray(wave[low:high], dtype=np.float32) / np.float32(top)
        for sign, ceiling in zip((1, -1), ceilings, strict=True):
            if ceiling > 0.05 * top:
                found = _runs(block * np.float32(sign), ceiling / top, run, (start - low, stop - low))
                at_ceiling, runs, jumps = at_ceiling + found[0], runs + found[1], jumps + found[2]
        interior += _flat_inside(block, run, (start - low, stop - low), (ceilings[0] / top, ceilings[1] / top))
    if interior > INTERIOR_SHARE * at_ceiling or (runs and jumps > 0.95 * runs and at_ceiling > 0.5 * wave.size):
        return 0
    return at_ceiling


def _runs(wave: NDArray[np.float32], ceiling: float, run: int, own: tuple[int, int]) -> tuple[int, int, int]:
    """Samples in flat runs that begin inside `own`, number of those runs, and how many of them were jumped to."""
    where = np.flatnonzero(wave >= ceiling * (1 - FLATNESS))
    if where.size < run:
        return 0, 0, 0
    breaks = np.flatnonzero(np.diff(where) > 1)
    firsts = where[np.concatenate(([0], breaks + 1))]
    lasts = where[np.concatenate((breaks, [where.size - 1]))]
    step = max(1, run // 3)
    before, after = wave[np.maximum(firsts - step, 0)], wave[np.minimum(lasts + step, wave.size - 1)]
    corner = np.minimum(before, after) < ceiling * (1 - CORNER)
    kept = (lasts - firsts + 1 >= run) & corner & (firsts >= own[0]) & (firsts < own[1])
    jumped = kept & (before < -0.8 * ceiling)
    return int((lasts - firsts + 1)[kept].sum()), int(kept.sum()), int(jumped.sum())


def _flat_inside(wave: NDArray[np.float32], run: int, own: tuple[int, int], ceilings: tuple[float, float]) -> int:
    """Samples in the middle of flat runs well under both ceilings (the upper and the lower one) and over silence."""
    same = wave[1:] == wave[:-1]
    flat = np.flatnonzero(same[1:] & same[:-1]) + 1
    flat = flat[(flat >= own[0]) & (flat < own[1])]
    level = wave[flat]
    inside = (np.abs(level) > INTERIOR[0]) & (level < INTERIOR[1] * ceilings[0]) & (level > -INTERIOR[1] * ceilings[1])
    return int(inside.sum()) * 3 // run

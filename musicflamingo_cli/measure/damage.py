"""What damage leaves behind: a lack of bandwidth, and dropouts. All relative to the programme, so gain is no matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from musicflamingo_cli.measure.levels import decibels
from musicflamingo_cli.measure.loudness import BLOCK_SAMPLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from musicflamingo_cli.measure.spectrum import Spectrogram

CONTENT_DB = -98.0
"""Power per Hz, relative to the programme's power, under which a band counts as empty. White noise 55 dB under the
programme lies there; sound recordings of full bandwidth stay above it up to 16-20 kHz, what codecs and steep filters
remove falls far below it."""
QUANTISATION_DBFS = -140.0
"""Power per Hz, dBFS, that counts as empty in any file: just above the rounding noise of 16 bits at 44.1 kHz."""
COVERED = 4.0
"""What rises above a steady noise by this factor is not covered by it."""
LOUD_FRAME_DB = -40.0
"""Frames this far under the loudest one and further are not asked for their bandwidth."""
GAP_SECONDS = (0.002, 0.5)
GAP_DROP_DB = 40.0
"""How far a gap lies under the sound on both sides of it."""
GAP_SIDES_DB = 15.0
"""How much the two sides may differ: a note that ends and a new one that begins are no dropout."""


def band_levels(spectrum: Spectrogram) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Power of every frame, [n_frames]; mean power per Hz of every band in the loud frames; power of the programme."""
    power = (spectrum.density @ spectrum.widths_hz.astype(np.float32)).astype(np.float64)
    loud = power >= power.max() * 10 ** (LOUD_FRAME_DB / 10)
    return power, spectrum.density[loud].mean(axis=0, dtype=np.float64), float(power.mean())


def empty_below(programme: float, peak: float) -> float:
    """Power per Hz under which a band is empty, in the scale of the spectrogram (loudest sample = 1)."""
    return float(max(programme * 10 ** (CONTENT_DB / 10), 10 ** (QUANTISATION_DBFS / 10) / peak**2))


def bandwidth(spectrum: Spectrogram, peak: float, hiss: float | None) -> tuple[float | None, float | None]:
    """Highest frequency of the long-term spectrum, and of the mean loud frame, that is not empty, Hz.

    The second one also falls where a codec drops its upper bands now and then, though not always, and where a steady
    noise (`hiss`, power per Hz) covers them.
    """
    power, mean, programme = band_levels(spectrum)
    threshold = empty_below(programme, peak)
    filled = np.flatnonzero(mean > threshold)
    if not filled.size:
        return None, None
    loud = power >= power.max() * 10 ** (LOUD_FRAME_DB / 10)
    upper = spectrum.edges_hz[1:]
    highest = 0.0
    rows = np.flatnonzero(loud)
    for first in range(0, rows.size, 4096):
        above = spectrum.density[rows[first : first + 4096]] > max(threshold, COVERED * (hiss or 0.0))
        last = above.shape[1] - 1 - np.argmax(above[:, ::-1], axis=1)
        highest += float(np.where(above.any(axis=1), upper[last], 0.0).sum())
    return float(upper[filled[-1]]), highest / rows.size


def edge_slope(spectrum: Spectrogram, peak: float) -> float | None:
    """How steeply the long-term spectrum ends at its bandwidth, dB per octave; None where it reaches the top.

    Music falls by 10 to 30 dB per octave there, what an equaliser or an old microphone takes adds 6 to 12; codecs and
    anti-aliasing filters end it at 60 and more.
    """
    _, mean, programme = band_levels(spectrum)
    threshold = empty_below(programme, peak)
    filled = np.flatnonzero(mean > threshold)
    if not filled.size or filled[-1] + 2 >= mean.size:
        return None
    centres, level = spectrum.centres_hz, decibels(mean)
    edge = int(filled[-1])
    inside = (centres >= centres[edge] * 2**-0.4) & (centres <= centres[edge] * 2**-0.2)
    if not inside.any():
        return None
    outside = min(int(np.searchsorted(centres, max(centres[edge] * 2**0.05, centres[edge + 1]))), mean.size - 1)
    octaves = float(np.log2(centres[outside]) - np.log2(centres[inside]).mean())
    # Deeper than 12 dB under "empty" is the rounding of the file's format, not the edge.
    return (float(level[inside].mean()) - max(float(level[outside]), float(decibels(threshold)) - 12)) / octaves


def edge_flatness(spectrum: Spectrogram, bandwidth_hz: float) -> float | None:
    """How densely the half octave below the bandwidth is filled over time, dB: 0 to -6 for music, -15 for lone tones.

    Geometric over arithmetic mean of the long-term spectrum. A few partials that end somewhere are no band limit.
    """
    first, last = (int(f / spectrum.bin_hz) for f in (bandwidth_hz * 2**-0.5, bandwidth_hz))
    bins = spectrum.long_term[first:last]
    if bins.size < 4 or bins.sum() <= 0:
        return None
    return float(np.mean(decibels(bins)) - decibels(bins.mean()))


def dropouts(channels: Sequence[NDArray[np.float32]], sample_rate: int, programme: float) -> tuple[float, float]:
    """Gaps per minute, and their share of the time 0..1, on any of the waves [n_samples].

    A gap is 2 to 500 ms, at least 40 dB under the sound 2 to 7 ms before and after it. `programme` is
    the mean square of the samples.
    """
    step = sample_rate / 1000
    count = int(channels[0].size / step)
    if not count:
        return 0.0, 0.0
    gap = np.zeros(count, dtype=bool)
    for wave in channels:
        gap |= _gaps(_milliseconds(wave, step, count), programme)
    edges = np.diff(np.concatenate(([False], gap, [False])).astype(np.int8))
    return float((edges == 1).sum() / (count / 60_000)), float(gap.mean())


def _milliseconds(wave: NDArray[np.float32], step: float, count: int) -> NDArray[np.float64]:
    """Mean square of every millisecond, [count]."""
    edges = np.rint(np.arange(count + 1) * step).astype(np.int64)
    power = np.empty(count)
    per_block = max(1, int(BLOCK_SAMPLES / step))
    for first in range(0, count, per_block):
        last = min(first + per_block, count)
        squares = np.square(wave[edges[first] : edges[last]], dtype=np.float64)
        sums = np.add.reduceat(squares, edges[first:last] - edges[first])
        power[first:last] = sums / np.diff(edges[first : last + 1])
    return power


def _gaps(power: NDArray[np.float64], programme: float) -> NDArray[np.bool_]:
    """Which milliseconds lie in a gap, bool [n]."""
    low = power < programme * 10 ** ((-25 - GAP_DROP_DB) / 10) + 1e-20
    edges = np.diff(np.concatenate(([False], low, [False])).astype(np.int8))
    gap = np.zeros(power.size, dtype=bool)
    for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        if not GAP_SECONDS[0] * 1000 <= stop - start <= GAP_SECONDS[1] * 1000 or start < 7 or stop > power.size - 7:
            continue
        sides = power[start - 7 : start - 1].mean(), power[stop + 1 : stop + 7].mean()
        deep = min(sides) > max(power[start:stop].mean() * 10 ** (GAP_DROP_DB / 10), programme * 10**-4.0)
        gap[start:stop] = deep and max(sides) < min(sides) * 10 ** (GAP_SIDES_DB / 10)
    return gap


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

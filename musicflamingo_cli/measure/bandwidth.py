"""How far up the spectrum reaches, how it ends there, and whether its top was filled by something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from musicflamingo_cli.measure.levels import decibels
from musicflamingo_cli.measure.spectrum import LOUD_FRAME_DB, band_levels

if TYPE_CHECKING:
    from musicflamingo_cli.measure.spectrum import Spectrogram

CONTENT_DB = -98.0
"""Power per Hz, relative to the programme's power, under which a band counts as empty. White noise 55 dB under the
programme lies there; sound recordings of full bandwidth stay above it up to 16-20 kHz, what codecs and steep filters
remove falls far below it."""
QUANTISATION_DBFS = -140.0
"""Power per Hz, dBFS, that counts as empty in any file: just above the rounding noise of 16 bits at 44.1 kHz."""
COVERED = 4.0
"""What rises above a steady noise by this factor is not covered by it."""
RISE_HZ = (3000.0, 20_500.0)
RISE_BANDS = 3


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


def treble_rise(spectrum: Spectrogram) -> float | None:
    """How far the long-term spectrum rises again above 3 kHz, dB, over 1.5 kHz; None under some 5 kHz of bandwidth.

    The spectrum of music falls, with bumps of a few dB. Mirrored into the upper half, as upsampling without a filter
    does (neural vocoders, sample-and-hold), its loud part comes out on top.
    """
    _, mean, _ = band_levels(spectrum)
    inside = (spectrum.centres_hz > RISE_HZ[0]) & (spectrum.centres_hz < RISE_HZ[1])
    if inside.sum() < 2 * RISE_BANDS:
        return None
    level = np.convolve(decibels(mean[inside]), np.ones(RISE_BANDS) / RISE_BANDS, "valid")
    return float((level - np.minimum.accumulate(level)).max())

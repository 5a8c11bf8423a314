"""Steady noise, from the quietest moments of every band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from musicflamingo_cli.measure.bandwidth import empty_below
from musicflamingo_cli.measure.levels import decibels
from musicflamingo_cli.measure.spectrum import band_levels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from musicflamingo_cli.measure.spectrum import Spectrogram

BANDS_HZ = (1000.0, 16_000.0)
BELOW_EDGE = 0.85
"""Where the spectrum ends early, its slope there says nothing about noise; what lies below this share of it does."""
TOP, TOP_TO_HALF_RATE = 0.8, 0.9
"""From this share of the edge on, only noise is left where there is a hiss; music hardly comes near half the rate."""
STEADY = 0.5
"""Noise varies little: its quietest 0.1 s hold more than this share of its mean power."""
LEVEL_DB = 4.0
"""And it is even: its bands differ by less than this. Music that goes on and on still falls towards the top."""
SMOOTH_SECONDS = 0.1
SLOPE_HZ = (5000.0, 11_000.0)
"""Where the slope of the floor is taken: above what music keeps up, below what codecs take away."""
EVEN_DB_PER_OCTAVE = (6.0, 12.0)
"""White and pink noise fall by up to 8, coded too; music by 9 to 25."""
ROUGH_DB = (1.5, 2.5)
"""How far the bands' floors may lie off that slope: spread at which they begin to be music, and are."""
SPREAD_DB, SPREAD_FROM_DB, SPREAD_PER_DB, SPREAD_WIDTH_DB = 1.0, -20.0, 0.1, 1.2
"""From the 5th to the 25th percentile over time noise rises by 1 dB where it is as loud as -20 dB, by 0.1 dB more for
each dB less, since music covers more of it; what rises by 1.2 dB more than that is the music's own floor."""
LOW_QUANTILE = 0.25
"""Of the bands' floors, the one that counts in noise: codecs empty some of the bands in quiet moments."""


@dataclass(frozen=True, slots=True)
class Noise:
    """What is known of steady noise."""

    level_db: float
    """Upper bound of a white noise over 22 kHz (or half the sample rate), dB relative to the programme's power."""
    hiss: float | None
    """Power per Hz of a noise that fills the upper end of the spectrum, scaled as the spectrogram; None without one."""
    evenness: float
    """How even and steady the floor is from 5 to 11 kHz, 1 (as noise) to 0 (as music, or nothing is there)."""


def steady_noise(spectrum: Spectrogram, peak: float) -> Noise | None:
    """Find steady noise; None under 0.4 s or without anything above 1 kHz.

    Minimum statistics (after Martin 2001): the 5th percentile over time of the power in 0.1 s, band by band. The
    lowest band between 1 and 16 kHz that is not empty says how much white noise there can be at most. That is a bound:
    dense music without pauses can hide a noise, or seem to hold one at -45 dB.
    """
    power, mean, programme = band_levels(spectrum)
    centres = spectrum.centres_hz
    filled = mean > empty_below(programme, peak)
    if not filled.any():
        return None
    half_rate = float(spectrum.edges_hz[-1])
    edge = float(spectrum.edges_hz[1:][filled].max())
    lower = TOP_TO_HALF_RATE if edge > 0.97 * half_rate else TOP
    if edge < BELOW_EDGE * half_rate:
        edge *= BELOW_EDGE
    bands = filled & (centres > BANDS_HZ[0]) & (centres < min(BANDS_HZ[1], edge))
    length = max(1, round(SMOOTH_SECONDS / spectrum.frame_seconds))
    count = power.size // length
    if not bands.any() or count < 4:
        return None
    smooth = spectrum.density[: count * length].reshape(count, length, -1).mean(axis=1)
    sounding = power[: count * length].reshape(count, length).mean(axis=1) > power.max() * 1e-6
    floor, quiet = np.percentile(smooth[sounding], (5, 25), axis=0)
    lowest = decibels(np.quantile(floor[bands], [0.0, LOW_QUANTILE]))
    at_least, typical = lowest + float(decibels(min(half_rate, 22_050.0) / programme))
    even = bands & (centres > SLOPE_HZ[0]) & (centres < SLOPE_HZ[1])
    evenness = 0.0
    if even.sum() >= 4:
        evenness = _evenness(centres[even], decibels(floor[even]), decibels(quiet[even]), float(typical))
    level = max(float(at_least + evenness * (typical - at_least)), float(decibels(1e-15 / programme)))
    top = filled & (centres > lower * edge) & (centres < edge)
    hiss = None
    if top.any() and np.median(floor[top] / mean[top]) > STEADY and np.ptp(decibels(mean[top])) < LEVEL_DB:
        hiss = float(np.median(mean[top]))
    return Noise(level, hiss, evenness)


def _evenness(
    hertz: NDArray[np.float64], floor: NDArray[np.float64], quiet: NDArray[np.float64], level_db: float
) -> float:
    """How much the floor of some bands, dB, and what lies over it at the 25th percentile, are as of noise, 0..1."""
    octaves = np.log2(hertz)
    slope, offset = np.polyfit(octaves, floor, 1)
    allowed = SPREAD_DB + max(0.0, SPREAD_FROM_DB - level_db) * SPREAD_PER_DB
    gentle, steep = EVEN_DB_PER_OCTAVE
    shares = (
        (steep + slope) / (steep - gentle),
        (ROUGH_DB[1] - float(np.std(floor - slope * octaves - offset))) / (ROUGH_DB[1] - ROUGH_DB[0]),
        1 - (float(np.median(quiet - floor)) - allowed) / SPREAD_WIDTH_DB,
    )
    return float(np.prod(np.clip(shares, 0.0, 1.0)))

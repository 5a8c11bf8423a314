"""Steady noise, from the quietest moments of every band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from musicflamingo_cli.measure.bandwidth import empty_below
from musicflamingo_cli.measure.levels import decibels
from musicflamingo_cli.measure.spectrum import band_levels

if TYPE_CHECKING:
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
    """How even the floor is from 5 to 11 kHz, 1 (as noise) to 0 (it falls as music does, or nothing is there)."""


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
    floor = np.percentile(smooth[sounding], 5, axis=0)
    even = bands & (centres > SLOPE_HZ[0]) & (centres < SLOPE_HZ[1])
    evenness = 0.0
    if even.sum() >= 4:
        slope = float(np.polyfit(np.log2(centres[even]), decibels(floor[even]), 1)[0])
        gentle, steep = EVEN_DB_PER_OCTAVE
        evenness = float(np.clip((steep + slope) / (steep - gentle), 0.0, 1.0))
    lowest = decibels(np.quantile(floor[bands], [0.0, LOW_QUANTILE]))
    at_least, typical = lowest + float(decibels(min(half_rate, 22_050.0) / programme))
    level = max(float(at_least + evenness * (typical - at_least)), float(decibels(1e-15 / programme)))
    top = filled & (centres > lower * edge) & (centres < edge)
    hiss = None
    if top.any() and np.median(floor[top] / mean[top]) > STEADY and np.ptp(decibels(mean[top])) < LEVEL_DB:
        hiss = float(np.median(mean[top]))
    return Noise(level, hiss, evenness)

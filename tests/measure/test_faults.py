"""Faults with a level that is known by hand: lines, clicks, rumble, images, limited peaks, a missing side."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from musicflamingo_cli.measure import measure
from musicflamingo_cli.measures import Measures

RATE = 44_100


def rms(wave: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))


def every(wave: NDArray[np.floating]) -> Measures:
    return measure(wave.astype(np.float32), RATE, "all")


def test_a_clean_song_has_none_of_them(song):
    found = every(song)
    assert found.lines_db is None
    assert found.clicks_per_second < 3  # Its twenty chords begin as abruptly as joints.
    assert found.rumble_db < -30
    assert found.treble_rise_db < 12
    assert found.short_term_crest_db > 11
    assert abs(found.balance_db) < 2


def test_the_crest_of_a_sine_and_of_a_square_wave(sine):
    assert every(sine(1000, -6)).short_term_crest_db == pytest.approx(3.01, abs=0.05)
    assert every(np.sign(sine(1000, -6))).short_term_crest_db == pytest.approx(0, abs=0.05)


def test_clipping_lowers_the_crest_and_no_filter_brings_it_back(song):
    clipped = np.clip(song, -0.18, 0.18)
    rounded = signal.resample_poly(signal.resample_poly(clipped, 160, 147, axis=0), 147, 160, axis=0)
    assert measure(rounded.astype(np.float32), RATE, "all").clipped_share == 0
    assert every(rounded).short_term_crest_db < every(song).short_term_crest_db - 3


@pytest.mark.parametrize(("gain", "known"), [(1.0, 0.0), (0.1, 20.0), (0.0, 100.0)])
def test_balance_is_the_ratio_of_the_sides(sine, gain, known):
    assert every(sine(440, -6) * np.array([1, gain])).balance_db == pytest.approx(known, abs=0.01)
    assert every(sine(440, -6, channels=1)).balance_db is None


@pytest.mark.parametrize("level", [-40, -25])
@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_a_whine_is_found_at_its_level(song, level, gain):
    tone = np.sin(2 * np.pi * 9000 * np.arange(len(song)) / RATE)[:, None]
    wave = (song + tone / rms(tone) * rms(song) * 10 ** (level / 20)) * gain
    assert every(wave).lines_db == pytest.approx(level, abs=2)


def test_a_tone_that_comes_and_goes_is_no_line(song):
    seconds = np.arange(len(song)) / RATE
    tone = np.sin(2 * np.pi * 3000 * seconds) * (seconds % 2 < 1) * 0.1
    assert every(song + tone[:, None]).lines_db is None


@pytest.mark.parametrize("per_second", [5, 20])
def test_clicks_are_counted(song, per_second):
    wave = song.copy()
    rng = np.random.default_rng(3)
    count = per_second * len(song) // RATE
    at = np.linspace(2000, len(song) - 2000, count).astype(int) + rng.integers(-500, 500, count)
    wave[at] += 0.4
    more = every(wave).clicks_per_second - every(song).clicks_per_second
    assert more == pytest.approx(per_second, rel=0.25)


def test_rumble_is_found_at_its_level_and_a_beat_is_not(song):
    low = signal.butter(4, [3, 16], "band", fs=RATE, output="sos")
    noise = signal.sosfilt(low, np.random.default_rng(0).standard_normal((len(song), 1)), axis=0)
    assert every(song + noise / rms(noise) * rms(song) * 10 ** (-10 / 20)).rumble_db == pytest.approx(-10, abs=3)
    beat = np.repeat(np.sin(2 * np.pi * 50 * np.arange(len(song)) / RATE)[:, None], 2, axis=1)
    beat *= np.exp(-10 * (np.arange(len(song)) / RATE % 0.5))[:, None]
    assert every(song + beat).rumble_db < -20


def test_images_make_the_treble_rise():
    brown = signal.lfilter([1], [1, -0.98], np.random.default_rng(0).standard_normal((RATE * 2, 2)), axis=0)
    stuffed = np.zeros((2 * len(brown), 2))
    stuffed[::2] = brown / np.abs(brown).max()
    # It falls by 6 dB an octave and comes back from 11 kHz on: at 19 kHz stands what was at 3 kHz.
    assert every(stuffed).treble_rise_db > 8
    assert every(brown / np.abs(brown).max()).treble_rise_db < 1

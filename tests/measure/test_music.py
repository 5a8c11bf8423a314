from __future__ import annotations

import numpy as np
import pytest

from musicflamingo_cli.measure import measure
from musicflamingo_cli.measure.key import TONICS

RATE = 44_100


def test_tempo_and_key_of_a_song(song):
    found = measure(song, RATE, "all")
    assert found.tempo_bpm == pytest.approx(120, rel=0.01)
    assert (found.key_tonic, found.key_mode) == ("C", "major")
    assert 0.1 < found.tempo_confidence <= 1
    assert 0.1 < found.key_confidence <= 1


@pytest.mark.parametrize("bpm", [75, 100, 140])
def test_tempo_of_clicks(bpm):
    wave = np.zeros((RATE * 12, 1), np.float32)
    for beat in np.arange(0, 12, 60 / bpm):
        start = int(beat * RATE)
        wave[start : start + 200, 0] = np.random.default_rng(0).uniform(-0.5, 0.5, wave[start : start + 200].shape[0])
    assert measure(wave, RATE, "all").tempo_bpm == pytest.approx(bpm, rel=0.01)


@pytest.mark.parametrize("tuning", [440.0, 447.0])
@pytest.mark.parametrize("tonic", [0, 5, 10])
@pytest.mark.parametrize(("mode", "third"), [("major", 4), ("minor", 3)])
def test_key_of_a_cadence(tonic, mode, third, tuning):
    def chord(*notes: int) -> np.ndarray:
        seconds = np.arange(RATE) / RATE
        pitches = [tuning * 2 ** ((60 + tonic + note - 69) / 12) for note in notes]
        tones = sum(np.sin(2 * np.pi * f * k * seconds) / k**2 for f in pitches for k in (1, 2, 3))
        return tones * np.exp(-2 * seconds)

    tonic_chord, fourth = chord(0, third, 7), chord(5, 5 + third, 12)
    wave = np.concatenate([tonic_chord, fourth, chord(7, 11, 14), tonic_chord] * 2)[:, None]
    found = measure((wave / np.abs(wave).max()).astype(np.float32), RATE, "all")
    assert (found.key_tonic, found.key_mode) == (TONICS[tonic], mode)


@pytest.mark.parametrize("seconds", [5, 20])
def test_noise_has_neither(seconds):
    wave = np.random.default_rng(5).standard_normal((RATE * seconds, 2)).astype(np.float32) * 0.1
    found = measure(wave, RATE, "all")
    assert (found.tempo_bpm, found.tempo_confidence) == (None, None)
    assert (found.key_tonic, found.key_mode, found.key_confidence) == (None, None, None)


def test_a_lone_tone_has_no_key(sine):
    assert measure(sine(440, -6, 6), RATE, "all").key_tonic is None


def test_where_nothing_begins_there_is_no_tempo():
    seconds = np.arange(RATE * 10) / RATE
    drone = sum(np.sin(2 * np.pi * f * seconds) for f in (110, 165, 220.3)) / 4
    found = measure(drone[:, None].astype(np.float32), RATE, "all")
    assert (found.tempo_bpm, found.tempo_confidence) == (None, None)


def test_a_second_of_music_has_neither(song):
    found = measure(song[:RATE], RATE, "all")
    assert (found.tempo_bpm, found.key_tonic) == (None, None)
    assert found.mean_bandwidth_hz is not None

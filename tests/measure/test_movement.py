"""What is music and what is not, by how it moves."""

from __future__ import annotations

import numpy as np
import pytest

from musicflamingo_cli.engines.signal import not_music, technical_scores
from musicflamingo_cli.measure import measure
from musicflamingo_cli.measures import Measures

RATE = 44_100
SECONDS = np.arange(RATE * 8) / RATE
WHITE = np.random.default_rng(0).standard_normal(SECONDS.size)


def coloured(exponent: float) -> np.ndarray:
    spectrum, hertz = np.fft.rfft(WHITE), np.fft.rfftfreq(SECONDS.size, 1 / RATE)
    return np.fft.irfft(spectrum * np.maximum(hertz, 20) ** (-exponent / 2), SECONDS.size)


def every(wave: np.ndarray) -> Measures:
    return measure((wave / np.abs(wave).max() * 0.7).astype(np.float32)[:, None], RATE, "all")


def ticks() -> np.ndarray:
    wave = np.zeros(SECONDS.size)
    for start in range(0, SECONDS.size, RATE // 2):
        wave[start : start + 100] = np.hanning(100)
    return wave


NO_MUSIC = {
    "sine": np.sin(2 * np.pi * 440 * SECONDS),
    "low sine": np.sin(2 * np.pi * 50 * SECONDS),
    "square": np.sign(np.sin(2 * np.pi * 220 * SECONDS)),
    "glide": np.sin(2 * np.pi * (100 * SECONDS + 500 * SECONDS**2)),
    "white": WHITE,
    "pink": coloured(1),
    "brown": coloured(2),
    "blue": coloured(-1),
    "ticks": ticks(),
    "frozen": np.tile(WHITE[:4410], 80),
}


@pytest.mark.parametrize("name", NO_MUSIC)
def test_what_is_no_music_gets_no_score(name):
    found = every(NO_MUSIC[name])
    assert not_music(found)
    assert set(technical_scores(found).values()) == {None}


@pytest.mark.parametrize("seed", range(3))
def test_pieces_without_order_are_no_music(song, seed):
    pieces = song[: len(song) // 2205 * 2205].reshape(-1, 2205, 2)
    shuffled = pieces[np.random.default_rng(seed).permutation(len(pieces))].reshape(-1, 2)
    assert "shuffled" in str(not_music(measure(shuffled, RATE, "all")))


def test_a_drone_that_moves_and_noise_with_a_form_are_music():
    speeds = {110.0: 0.31, 165.0: 0.37, 220.3: 0.27, 331.0: 0.43}
    drone = sum(
        np.sin(2 * np.pi * f * SECONDS) * (1 + 0.6 * np.sin(2 * np.pi * s * SECONDS)) for f, s in speeds.items()
    )
    assert not_music(every(drone)) is None
    assert not_music(every(coloured(1) * (1 + 0.8 * np.sin(2 * np.pi * 0.3 * SECONDS)))) is None


def test_drums_alone_are_music():
    beat = SECONDS % 0.5
    kick = np.sin(2 * np.pi * 60 * beat) * np.exp(-12 * beat)
    snare = WHITE * np.exp(-15 * ((SECONDS + 0.25) % 0.5)) * 0.5
    assert not_music(every(kick + snare)) is None


def test_music_is_music(song):
    assert not_music(measure(song, RATE, "all")) is None


def test_under_5_s_nothing_is_said():
    assert (
        measure(np.sin(2 * np.pi * 440 * SECONDS[: RATE * 4]).astype(np.float32)[:, None], RATE, "all").change_db
        is None
    )


def test_noise_adds_no_complexity(song):
    level = np.sqrt(np.mean(song**2)) * 10 ** (-15 / 20)
    noisy = measure(
        (song + np.random.default_rng(0).standard_normal(song.shape) * level).astype(np.float32), RATE, "all"
    )
    complexity = [technical_scores(one)["production_complexity"] for one in (measure(song, RATE, "all"), noisy)]
    assert complexity[1] < complexity[0]

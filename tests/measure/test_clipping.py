from __future__ import annotations

import numpy as np
import pytest

from musicflamingo_cli.measure import measure
from musicflamingo_cli.measure.clipping import clipped_share

RATE = 44_100


def test_known_share_of_a_clipped_sine(sine):
    # |sin| > 0.5 for two thirds of the time.
    wave = np.clip(sine(100, 0), -0.5, 0.5)
    assert clipped_share(wave, RATE) == pytest.approx(2 / 3, abs=0.01)


@pytest.mark.parametrize("gain", [0.9, 0.1])
def test_turned_down_after_clipping_and_written_with_16_bits(song, gain):
    clipped = np.clip(song * 3, -0.7, 0.7)
    turned_down = (np.round(clipped * gain * 32767) / 32768).astype(np.float32)
    known = float((np.abs(clipped) == np.float32(0.7)).mean())
    assert known > 0.001
    assert clipped_share(turned_down, RATE) == pytest.approx(known, rel=0.35)


@pytest.mark.parametrize("frequency", [30, 50, 440, 5000])
def test_sines_are_not_clipped(sine, frequency):
    wave = sine(frequency, -1)
    assert clipped_share(wave, RATE) == 0
    assert clipped_share((np.round(wave * 32767) / 32768).astype(np.float32), RATE) == 0


def test_music_is_not_clipped(song):
    assert measure(song, RATE, "basic").clipped_share == 0


def test_square_waves_are_not_called_clipped():
    seconds = np.arange(RATE * 2) / RATE
    square = np.sign(np.sin(2 * np.pi * 220 * seconds))
    mixed = 0.5 * square + 0.3 * np.sign(np.sin(2 * np.pi * 331 * seconds))
    for wave in (square * 0.8, mixed):
        assert clipped_share(np.stack((wave, wave), axis=1).astype(np.float32), RATE) == 0


def test_a_few_bits_are_not_called_clipped(song):
    assert clipped_share((np.round(song * 8) / 8).astype(np.float32), RATE) == 0


def test_one_clipped_channel_of_two(sine):
    wave = sine(100, -6)
    wave[:, 0] = np.clip(wave[:, 0], -0.25, 0.25)
    assert clipped_share(wave, RATE) == pytest.approx(1 / 3, abs=0.01)


def test_only_the_tops(sine):
    wave = np.minimum(sine(100, 0), 0.5)
    assert clipped_share(wave, RATE) == pytest.approx(1 / 3, abs=0.01)


def test_clipping_does_not_depend_on_the_block(sine):
    wave = np.clip(sine(441, 0, seconds=30, channels=1), -0.5, 0.5)
    assert clipped_share(wave, RATE) == pytest.approx(2 / 3, abs=0.01)

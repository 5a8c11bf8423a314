from __future__ import annotations

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest

from musicflamingo_cli.measure import MEASURES_VERSION, measure
from musicflamingo_cli.measures import Measures

RATE = 44_100


def honest(found: Measures) -> None:
    for field in dataclasses.fields(found):
        value = getattr(found, field.name)
        assert value is None or type(value) in (float, bool, str), field.name
        assert not isinstance(value, float) or math.isfinite(value), field.name


@pytest.mark.parametrize("level", ["basic", "all"])
@pytest.mark.parametrize("rate", [4000, 11_025, 48_000, 768_000])
@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_any_rate_and_channels(sine, rate, channels, level):
    honest(measure(sine(440, -6, 0.5, channels, rate), rate, level))


HOSTILE = {
    "one frame": np.full((1, 2), 0.5, np.float32),
    "two frames": np.full((2, 1), 0.5, np.float32),
    "zeros": np.zeros((RATE, 2), np.float32),
    "direct current": np.full((RATE, 2), 0.5, np.float32),
    "denormal": np.full((RATE, 2), 1e-40, np.float32),
    "one huge sample": np.eye(1, RATE, 5, dtype=np.float32).T * np.float32(1e38),
    "huge noise": np.random.default_rng(0).uniform(-3e38, 3e38, (RATE, 2)).astype(np.float32),
    "alternating": np.tile(np.array([[1, -1], [-1, 1]], np.float32), (RATE, 1)),
    "one dead channel": np.random.default_rng(0).uniform(-1, 1, (RATE, 2)).astype(np.float32) * np.array([1, 0], "f4"),
    "255 channels": np.random.default_rng(0).uniform(-1, 1, (4000, 255)).astype(np.float32),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_waves_give_finite_figures(name):
    for level in ("basic", "all"):
        honest(measure(HOSTILE[name], RATE, level))


def test_any_memory_layout_and_read_only(song):
    wave = song[: 2 * RATE]
    expected = measure(wave, RATE, "all")
    for other in (np.asfortranarray(wave), np.repeat(wave, 2, axis=1)[:, ::2]):
        other.setflags(write=False)
        assert measure(other, RATE, "all") == expected


def test_basic_is_a_part_of_all(song):
    basic, everything = measure(song, RATE, "basic"), measure(song, RATE, "all")
    for field in dataclasses.fields(basic):
        value = getattr(basic, field.name)
        assert value is None or value == getattr(everything, field.name)
    assert basic.mean_bandwidth_hz is None


def test_the_samples_are_left_as_they_were(song):
    before = song.copy()
    measure(song, RATE, "all")
    assert np.array_equal(song, before)


def test_heavy_libraries_stay_out():
    heavy = "{'torch', 'librosa', 'pandas', 'soundfile', 'av'}"
    code = f"import sys, musicflamingo_cli.measure; sys.exit(bool({heavy} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_version_is_text():
    assert isinstance(MEASURES_VERSION, str)
    assert MEASURES_VERSION

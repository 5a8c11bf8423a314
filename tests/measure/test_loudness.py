from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest

from musicflamingo_cli.measure import measure
from musicflamingo_cli.measure.loudness import integrated_loudness, loudness_range, tenths


def test_997_hz_at_minus_23_dbfs_in_stereo_is_minus_23_lufs(sine):
    # EBU Tech 3341, case 1.
    assert measure(sine(997, -23), 44_100, "basic").loudness_lufs == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("rate", [8000, 48_000, 96_000, 192_000])
def test_loudness_is_the_same_at_every_rate(sine, rate):
    assert measure(sine(997, -23, rate=rate), rate, "basic").loudness_lufs == pytest.approx(-23.0, abs=0.25)


def test_one_channel_is_3_lu_quieter_than_two(sine):
    # BS.1770: 0 dBFS at 997 Hz in one channel reads -3.01 LKFS.
    assert measure(sine(997, 0, channels=1), 44_100, "basic").loudness_lufs == pytest.approx(-3.01, abs=0.05)


def test_the_relative_gate_leaves_quiet_parts_out(sine):
    # EBU Tech 3341, case 3: 10 s at -36, 60 s at -23, 10 s at -36 reads -23.
    wave = np.concatenate((sine(997, -36, 10), sine(997, -23, 60), sine(997, -36, 10)))
    assert measure(wave, 44_100, "basic").loudness_lufs == pytest.approx(-23.0, abs=0.1)


def test_loudness_range_of_two_levels_is_their_distance(sine):
    # EBU Tech 3342, case 1: 20 s at -20, 20 s at -30 reads 10 LU.
    wave = np.concatenate((sine(1000, -20, 20), sine(1000, -30, 20)))
    assert measure(wave, 44_100, "basic").loudness_range_lu == pytest.approx(10, abs=1)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_agrees_with_pyloudnorm(rate):
    rng = np.random.default_rng(3)
    steps = np.repeat(10 ** (rng.uniform(-30, 0, 24) / 20), rate)[:, None]
    wave = (np.cumsum(rng.standard_normal((24 * rate, 2)), axis=0) % 1 - 0.5) * steps
    meter = pyloudnorm.Meter(rate, filter_class="DeMan")
    power = tenths(wave.astype(np.float32), rate)
    assert integrated_loudness(power) == pytest.approx(meter.integrated_loudness(wave), abs=0.1)
    assert loudness_range(power) == pytest.approx(meter.loudness_range(wave), abs=0.5)


def test_short_or_silent_sounds_have_no_loudness(sine):
    assert measure(sine(997, -10, 0.3), 44_100, "basic").loudness_lufs is None
    assert measure(sine(997, -10, 2), 44_100, "basic").loudness_range_lu is None
    assert measure(np.zeros((44_100, 2), np.float32), 44_100, "basic").loudness_lufs is None


def test_true_peak_lies_between_the_samples():
    # A sine at a quarter of the rate, sampled 45 degrees off its peaks: samples at -3.01 dBFS, peaks at 0 dBTP.
    wave = np.sin(np.pi / 2 * np.arange(48_000) + np.pi / 4)
    ramp = np.minimum(1, np.minimum(np.arange(48_000), np.arange(48_000)[::-1]) / 4800)
    found = measure((wave * ramp)[:, None].astype(np.float32), 48_000, "basic")
    assert found.true_peak_dbtp == pytest.approx(0.0, abs=0.2)


def test_true_peak_is_that_of_the_loudest_channel(sine):
    wave = sine(100, -40)
    wave[:, 1] = sine(100, -6)[:, 1]
    assert measure(wave, 44_100, "basic").true_peak_dbtp == pytest.approx(-6, abs=0.1)


def test_the_lfe_of_5_1_is_left_out(sine):
    wave = np.zeros((44_100 * 2, 6), np.float32)
    wave[:, 3] = sine(60, -3, 2)[:, 0]
    assert measure(wave, 44_100, "basic").loudness_lufs is None

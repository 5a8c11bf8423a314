from __future__ import annotations

import numpy as np
import pyebur128
import pytest
import soxr

from musicflamingo_cli.measure import measure


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


MODES = pyebur128.MeasurementMode
ALL_MODES = MODES.MODE_I | MODES.MODE_LRA | MODES.MODE_TRUE_PEAK


def reference(wave: np.ndarray, rate: int) -> pyebur128.R128State:
    state = pyebur128.R128State(wave.shape[1], rate, ALL_MODES)
    state.add_frames(np.ascontiguousarray(wave, dtype=np.float64).ravel(), len(wave))
    return state


def bursts(rate: int, seconds: float = 40.0) -> np.ndarray:
    """Noise in stereo, softer in the treble, whose level swings by some 16 dB."""
    at = np.arange(int(rate * seconds)) / rate
    white = np.random.default_rng(3).standard_normal((at.size + 3, 2)) * 0.05
    noise = (white[:-3] + white[1:-2] + white[2:-1] + white[3:]) / 2
    return (noise * 10 ** (-0.4 + 0.4 * np.sin(2 * np.pi * at / 11))[:, None]).astype(np.float32)


@pytest.mark.parametrize("rate", [32_000, 44_100, 48_000, 96_000])
def test_agrees_with_libebur128(rate):
    wave = bursts(rate)
    found, known = measure(wave, rate, "basic"), reference(wave, rate)
    assert found.loudness_lufs == pytest.approx(pyebur128.get_loudness_global(known), abs=0.02)
    assert found.loudness_range_lu == pytest.approx(pyebur128.get_loudness_range(known), abs=0.6)
    peak = max(pyebur128.get_true_peak(known, channel) for channel in range(2))
    assert found.true_peak_dbtp == pytest.approx(20 * np.log10(peak), abs=0.1)


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050])
def test_low_rates_are_as_loud_as_the_same_at_48_khz(rate):
    wave = bursts(rate)
    known = reference(soxr.resample(wave, rate, 48_000), 48_000)
    loudness = pyebur128.get_loudness_global(known)
    assert measure(wave, rate, "basic").loudness_lufs == pytest.approx(loudness, abs=0.1)


EBU_3341 = {
    1: [(-23.0, 20)],
    2: [(-33.0, 20)],
    3: [(-36.0, 10), (-23.0, 60), (-36.0, 10)],
    4: [(-72.0, 10), (-36.0, 10), (-23.0, 60), (-36.0, 10), (-72.0, 10)],
    5: [(-26.0, 20), (-20.0, 20.1), (-26.0, 20)],
}
"""Test cases of EBU Tech 3341: (level in dBFS, seconds) of a 1 kHz sine in stereo."""
EBU_3342 = {
    1: ([(-20.0, 20), (-30.0, 20)], 10),
    2: ([(-20.0, 20), (-15.0, 20)], 5),
    3: ([(-40.0, 20), (-20.0, 20)], 20),
    4: ([(-50.0, 20), (-35.0, 20), (-20.0, 20), (-35.0, 20), (-50.0, 20)], 15),
}
"""Test cases of EBU Tech 3342, and the loudness range in LU."""


@pytest.mark.parametrize("case", EBU_3341)
def test_the_vectors_of_ebu_3341(sine, case):
    wave = np.concatenate([sine(1000, level, seconds, rate=48_000) for level, seconds in EBU_3341[case]])
    known = -33.0 if case == 2 else -23.0
    assert measure(wave, 48_000, "basic").loudness_lufs == pytest.approx(known, abs=0.1)


def test_ebu_3341_case_6_weighs_the_surrounds(sine):
    levels = {0: -28, 1: -28, 2: -24, 4: -30, 5: -30}
    wave = np.zeros((20 * 48_000, 6), np.float32)
    for channel, level in levels.items():
        wave[:, channel] = sine(1000, level, 20, 1, 48_000)[:, 0]
    assert measure(wave, 48_000, "basic").loudness_lufs == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(
    ("divisor", "phase", "amplitude", "known"),
    [
        (4, 0, 0.5, -6.0),
        (4, 45, 0.5, -6.0),
        (6, 60, 0.5, -6.0),
        (8, 67.5, 0.5, -6.0),
        (4, 45, 1.41, 3.0),
    ],
)
def test_the_true_peaks_of_ebu_3341(divisor, phase, amplitude, known):
    at = np.arange(48_000)
    fade = np.minimum(1, np.minimum(at, at[::-1]) / 4800)
    wave = amplitude * np.sin(2 * np.pi * at / divisor + np.deg2rad(phase)) * fade
    found = measure(np.stack((wave, wave), axis=1).astype(np.float32), 48_000, "basic").true_peak_dbtp
    assert known - 0.4 <= found <= known + 0.2


@pytest.mark.parametrize("case", EBU_3342)
def test_the_vectors_of_ebu_3342(sine, case):
    steps, known = EBU_3342[case]
    wave = np.concatenate([sine(1000, level, seconds, rate=48_000) for level, seconds in steps])
    assert measure(wave, 48_000, "basic").loudness_range_lu == pytest.approx(known, abs=1)


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

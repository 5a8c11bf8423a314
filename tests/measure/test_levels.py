from __future__ import annotations

import numpy as np
import pytest

from musicflamingo_cli.measure import measure

RATE = 44_100


def silence(seconds: float, channels: int = 2) -> np.ndarray:
    return np.zeros((int(seconds * RATE), channels), np.float32)


def test_silence_at_both_ends_and_between(sine):
    wave = np.concatenate((silence(1), sine(440, -10, 2), silence(2), sine(440, -10, 2), silence(3)))
    found = measure(wave, RATE, "basic")
    assert found.leading_silence_seconds == pytest.approx(1, abs=0.02)
    assert found.trailing_silence_seconds == pytest.approx(3, abs=0.02)
    assert found.silence_share == pytest.approx(0.6, abs=0.01)


def test_nothing_but_silence(sine):
    found = measure(silence(2), RATE, "all")
    assert found.silence_share == 1
    assert (found.true_peak_dbtp, found.noise_floor_dbfs, found.tempo_bpm, found.key_tonic) == (None,) * 4


def test_dither_is_silence_and_a_very_quiet_tone_is_not(sine):
    rng = np.random.default_rng(0)
    dither = (np.round(rng.uniform(-1, 1, (RATE, 2)) + rng.uniform(-0.5, 0.5, (RATE, 2))) / 32768).astype(np.float32)
    assert measure(dither, RATE, "basic").silence_share == 1
    assert measure(sine(440, -60), RATE, "basic").silence_share == 0


def test_dc_offset_is_the_largest_of_the_channels(sine):
    wave = sine(441, -20) + np.array([0.01, -0.05], np.float32)
    assert measure(wave, RATE, "basic").dc_offset == pytest.approx(-0.05, abs=1e-4)


def test_noise_floor_is_the_level_of_the_pauses(sine):
    rng = np.random.default_rng(1)
    wave = np.concatenate((sine(440, -6, 4), silence(1), sine(440, -6, 4)))
    wave = wave + rng.standard_normal(wave.shape).astype(np.float32) * np.float32(10 ** (-60 / 20))
    assert measure(wave, RATE, "basic").noise_floor_dbfs == pytest.approx(-60, abs=0.5)


@pytest.mark.parametrize(
    ("right", "correlation", "width"),
    [(1.0, 1.0, 0.0), (-1.0, -1.0, 1.0), (0.5, 1.0, 0.1), (0.0, None, 0.5)],
)
def test_stereo_of_scaled_copies(sine, right, correlation, width):
    # Side over mid plus side for L = 1, R = r: (1 - r)^2 / (2 + 2 r^2).
    found = measure(sine(440, -6) * np.array([1, right], np.float32), RATE, "basic")
    assert found.stereo_width == pytest.approx(width, abs=1e-4)
    assert found.stereo_correlation == (None if correlation is None else pytest.approx(correlation, abs=1e-4))


def test_a_quarter_period_apart_is_uncorrelated(sine):
    wave = np.stack((np.sin(np.arange(RATE) / 10), np.cos(np.arange(RATE) / 10)), axis=1).astype(np.float32)
    assert measure(wave, RATE, "basic").stereo_correlation == pytest.approx(0, abs=1e-3)


def test_mono_has_no_stereo_image(sine):
    found = measure(sine(440, -6, channels=1), RATE, "all")
    assert (found.stereo_correlation, found.stereo_width, found.bass_correlation) == (None, None, None)


def test_the_end(sine):
    tone = sine(440, -6, 4)
    fade = np.linspace(1, 0, len(tone), dtype=np.float32)[:, None]
    assert measure(tone, RATE, "basic").abrupt_end is True
    assert measure(np.concatenate((tone, silence(1))), RATE, "basic").abrupt_end is True
    assert measure(tone * fade**2, RATE, "basic").abrupt_end is False
    assert measure(tone[: RATE // 2], RATE, "basic").abrupt_end is None

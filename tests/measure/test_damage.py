from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from musicflamingo_cli.measure import measure

RATE = 44_100


def rms(wave):
    return np.sqrt(np.mean(np.square(wave, dtype=np.float64)))


@pytest.mark.parametrize("cutoff", [3500, 8000, 15_000])
def test_bandwidth_is_where_a_steep_filter_cuts(cutoff):
    rng = np.random.default_rng(0)
    low_pass = signal.firwin(1001, cutoff, fs=RATE)[:, None]
    bursts = rng.standard_normal((RATE * 4, 2)) * 0.1 ** (1 + np.arange(RATE * 4)[:, None] / RATE % 0.5 * 4)
    wave = signal.oaconvolve(bursts, low_pass, axes=0)
    found = measure(wave.astype(np.float32), RATE, "all")
    assert found.bandwidth_hz == pytest.approx(cutoff, abs=600)
    assert found.mean_bandwidth_hz == pytest.approx(cutoff, abs=600)
    assert found.band_edge_db_per_octave > 60


def test_white_noise_reaches_the_top():
    wave = np.random.default_rng(0).standard_normal((RATE * 2, 1)).astype(np.float32) * 0.1
    found = measure(wave, RATE, "all")
    assert found.bandwidth_hz == RATE / 2
    assert found.band_edge_db_per_octave is None


@pytest.mark.parametrize("snr", [10, 25, 40])
def test_steady_noise_is_found_under_music(song, snr):
    noise = np.random.default_rng(0).standard_normal(song.shape) * rms(song) * 10 ** (-snr / 20)
    assert measure((song + noise).astype(np.float32), RATE, "all").steady_noise_db == pytest.approx(-snr, abs=2)


@pytest.mark.parametrize("mains", [50, 60])
def test_hum_is_found_under_music(song, mains):
    seconds = np.arange(len(song)) / RATE
    tone = np.sin(2 * np.pi * mains * seconds) + 0.5 * np.sin(4 * np.pi * mains * seconds)
    wave = song + (tone / rms(tone) * rms(song) * 10 ** (-25 / 20))[:, None]
    assert measure(wave.astype(np.float32), RATE, "all").hum_db == pytest.approx(-25, abs=1.5)
    assert measure(song, RATE, "all").hum_db is None


def test_dropouts_are_counted(song):
    wave = song.copy()
    starts = (np.array([1.05, 2.55, 4.05, 5.55, 7.05]) * RATE).astype(int)
    for start in starts:
        wave[start : start + RATE // 50] = 0
    found = measure(wave, RATE, "all")
    assert found.dropouts_per_minute == pytest.approx(5 * 6, abs=0.1)
    assert found.dropout_share == pytest.approx(5 * 0.02 / 10, rel=0.15)
    assert measure(song, RATE, "all").dropouts_per_minute == 0


def test_pauses_between_notes_are_no_dropouts():
    seconds = np.arange(RATE // 2) / RATE
    note = np.sin(2 * np.pi * 330 * seconds) * np.exp(-12 * seconds) * (seconds < 0.3)
    wave = np.tile(note, 16)[:, None].astype(np.float32)
    assert measure(wave, RATE, "all").dropouts_per_minute == 0


@pytest.mark.parametrize("depth", [25, 60])
def test_soft_dips_are_dropouts(depth):
    pad = np.random.default_rng(0).standard_normal((RATE * 10, 2)) * 0.1
    level = np.ones(len(pad))
    dip = 1 - (1 - 10 ** (-depth / 20)) * signal.windows.tukey(int(0.06 * RATE), 0.4)
    for second in (1.05, 2.55, 4.05, 5.6, 7.2, 8.05):
        level[int(second * RATE) :][: dip.size] = dip
    found = measure((pad * level[:, None]).astype(np.float32), RATE, "all")
    assert found.dropouts_per_minute == pytest.approx(6 * 6, abs=0.1)
    assert found.dropout_share == pytest.approx(6 * 0.045 / 10, rel=0.3)


def test_a_gate_in_time_is_no_dropout():
    seconds = np.arange(RATE * 8) / RATE
    pad = sum(np.sin(2 * np.pi * f * seconds) for f in (220, 277, 330, 440)) / 8
    gated = pad * np.where(seconds % 0.25 < 0.2, 1, 10 ** (-25 / 20))
    assert measure(gated[:, None].astype(np.float32), RATE, "all").dropouts_per_minute == 0


@pytest.mark.parametrize("snr", [20, 35])
def test_noise_is_known_as_such_below_the_edge_of_a_codec(song, snr):
    noise = np.random.default_rng(0).standard_normal(song.shape) * rms(song) * 10 ** (-snr / 20)
    low_pass = signal.firwin(1001, 16_000, fs=RATE)[:, None]
    found = measure(signal.oaconvolve(song + noise, low_pass, axes=0).astype(np.float32), RATE, "all")
    assert found.steady_noise_db == pytest.approx(-snr, abs=2)
    assert found.noise_evenness > 0.7


def test_inverting_one_channel_turns_the_bass_correlation(song):
    before = measure(song, RATE, "all")
    after = measure(song * np.array([1, -1], np.float32), RATE, "all")
    assert after.bass_correlation == pytest.approx(-before.bass_correlation, abs=1e-3)
    assert (after.key_tonic, after.key_mode) == (before.key_tonic, before.key_mode)


def test_an_old_recording_is_known_as_one(song):
    rng = np.random.default_rng(0)
    horn = signal.butter(2, [120, 5000], "band", fs=RATE, output="sos")
    mono = signal.sosfilt(horn, song.mean(1, keepdims=True), axis=0)
    hissing = mono + rng.standard_normal(mono.shape) * rms(mono) * 10 ** (-42 / 20)
    assert measure(hissing.astype(np.float32), RATE, "all").old_recording is True
    assert measure(song, RATE, "all").old_recording is False
    telephone = signal.butter(4, [300, 3400], "band", fs=RATE, output="sos")
    voice = signal.sosfilt(telephone, hissing, axis=0)
    assert measure(voice.astype(np.float32), RATE, "all").old_recording is False

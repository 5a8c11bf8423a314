from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.signal import SignalEngine, losses, technical_scores
from musicflamingo_cli.measures import MEASURES_VERSION, Measures
from musicflamingo_cli.records import Failure, Fingerprint, LoadedAudio, Pack, Reply, Request

SOUND = Measures(
    loudness_lufs=-14.0,
    clipped_share=0.0,
    silence_share=0.0,
    mean_bandwidth_hz=20_000.0,
    bandwidth_hz=21_000.0,
    steady_noise_db=-70.0,
    steady_hiss=True,
    dropouts_per_minute=0.0,
    dropout_share=0.0,
    stereo_correlation=0.5,
    bass_correlation=0.9,
    stereo_width=0.25,
    onset_rate_hz=3.5,
    spectral_entropy=0.55,
    pitch_entropy=0.9,
)


def quality(**changed: object) -> float:
    value = technical_scores(replace(SOUND, **changed))["production_quality"]
    assert value is not None
    return value


def request(measures: Measures = SOUND, seconds: float = 30.0, measured: str = "all") -> Request:
    heard = LoadedAudio(Fingerprint("/a", 1, 1, "0"), seconds, 44_100, 2, measures=measures, measured=measured)
    return Request("song", "prompt", heard)


def engine() -> SignalEngine:
    return SignalEngine(EngineSettings(pack=Pack("technical", "1", (), "")))


def test_a_sound_recording_is_close_to_1():
    assert quality() > 0.97


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("clipped_share", np.geomspace(1e-6, 0.5, 40)),
        ("mean_bandwidth_hz", np.linspace(18_400, 2000, 40)),
        ("steady_noise_db", np.linspace(-60, 0, 40)),
        ("hum_db", np.linspace(-60, 0, 40)),
        ("dropouts_per_minute", np.linspace(0, 200, 40)),
        ("dropout_share", np.linspace(0, 0.3, 40)),
        ("bass_correlation", np.linspace(-0.5, -1, 40)),
        ("silence_share", np.linspace(0.31, 0.89, 40)),
        ("short_term_crest_db", np.linspace(20, 2, 40)),
        ("treble_rise_db", np.linspace(14.1, 25.9, 40)),
        ("rumble_db", np.linspace(-16.9, -5.1, 40)),
        ("lines_db", np.linspace(-70, -5, 40)),
        ("clicks_per_second", np.linspace(2.1, 60, 40)),
        ("balance_db", np.linspace(-5.1, -14.9, 40)),
    ],
)
def test_quality_falls_with_every_fault(name, values):
    found = [losses(replace(SOUND, **{name: float(value)})) for value in values]
    left = [np.prod([1 - loss for loss in each.values()]) for each in found]
    assert (np.diff(left) < 0).all()
    assert 0 <= min(left) <= max(left) <= 1


@pytest.mark.parametrize("changed", [{"loudness_lufs": -60.0}, {"true_peak_dbtp": -30.0}, {"dc_offset": 0.01}])
def test_what_is_no_fault_costs_nothing(changed):
    assert quality(**changed) == quality()


def test_an_old_recording_is_not_punished():
    mono = {"stereo_correlation": None, "bass_correlation": None, "stereo_width": None}
    assert (
        quality()
        - quality(**mono, mean_bandwidth_hz=6000.0, steady_noise_db=-38.0, steady_hiss=True, old_recording=True)
        < 0.02
    )
    assert quality() - quality(**mono, mean_bandwidth_hz=9000.0, band_edge_db_per_octave=28.0) < 0.03
    assert quality() - quality(**mono, mean_bandwidth_hz=9000.0, band_edge_db_per_octave=90.0) > 0.15
    assert quality() - quality(mean_bandwidth_hz=22_050.0, steady_noise_db=-36.0, steady_hiss=True) > 0.05


def test_an_inverted_channel_is_damage():
    assert quality(stereo_correlation=-0.5, bass_correlation=-0.9) < quality() - 0.4


def test_complexity_grows_with_what_happens():
    plain = replace(SOUND, onset_rate_hz=0.5, spectral_entropy=0.3, pitch_entropy=0.6, stereo_width=0.0)
    rich = replace(SOUND, onset_rate_hz=8.0, spectral_entropy=0.8, pitch_entropy=0.97, stereo_width=0.4)
    low, middle, high = (technical_scores(m)["production_complexity"] for m in (plain, SOUND, rich))
    assert low is not None and middle is not None and high is not None
    assert 0 <= low < middle < high <= 1


def test_quality_is_the_product_of_what_the_faults_leave():
    scores = technical_scores(replace(SOUND, clipped_share=0.01, balance_db=10.0, clicks_per_second=12.0))
    # 0.85 (1 - e^-sqrt(0.01 / 0.014)) = 0.485; half of 0.5; 0.6 (1 - 1 / e) = 0.3793.
    assert scores["loss_clipping"] == pytest.approx(0.485, abs=0.001)
    assert scores["loss_balance"] == pytest.approx(0.25)
    assert scores["loss_clicks"] == pytest.approx(0.3793, abs=0.0001)
    left = [1 - value for name, value in scores.items() if name.startswith("loss_") and value is not None]
    assert scores["production_quality"] == pytest.approx(np.prod(left), abs=1e-4)


def test_what_was_not_measured_gives_no_number():
    assert set(technical_scores(Measures()).values()) == {None}
    assert technical_scores(replace(SOUND, pitch_entropy=None))["production_complexity"] is None
    assert technical_scores(replace(SOUND, pitch_entropy=None))["production_quality"] == quality()


def test_replies_in_order():
    silent = replace(SOUND, loudness_lufs=None, silence_share=1.0)
    requests = [request(), request(silent), request(seconds=0.8), request(measured="basic"), request(seconds=1.0)]
    replies = engine().reply(requests)
    assert [type(reply) for reply in replies] == [Reply, Failure, Failure, Failure, Reply]
    assert [reply.reason for reply in replies if isinstance(reply, Failure)] == ["silent", "too_brief", "not_measured"]
    first = replies[0]
    assert isinstance(first, Reply)
    assert json.loads(first.text) == technical_scores(SOUND)
    assert first.measured
    assert first.finish_reason == "stop"


def test_identity_tells_every_version():
    identity = engine().identity()
    assert identity["engine"] == "signal"
    assert identity["measures_version"] == MEASURES_VERSION
    assert json.loads(json.dumps(identity)) == identity


def test_no_measure_library_is_loaded():
    code = "import sys, musicflamingo_cli.engines.signal; bad = {'numpy', 'scipy', 'soxr', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code + "; sys.exit(bool(bad))"], check=True)


def test_a_lone_steady_tone_has_no_band_limit():
    assert quality(mean_bandwidth_hz=800.0, onset_rate_hz=0.0) > 0.97
    assert quality(mean_bandwidth_hz=2500.0, band_edge_flatness_db=-35.0) > 0.97
    assert quality(mean_bandwidth_hz=2500.0, band_edge_flatness_db=-10.0) < 0.2

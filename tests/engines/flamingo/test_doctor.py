"""The points of `mfq doctor` that concern the model."""

import re

import pytest

from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.flamingo import session
from musicflamingo_cli.engines.flamingo.cuda_graph import CaptureFailed
from musicflamingo_cli.engines.flamingo.doctor import _step, check_engine
from musicflamingo_cli.intake.packs import load_pack


def points(**changes):
    return {check.name: check for check in check_engine(EngineSettings(**{"pack": load_pack("quality"), **changes}))}


@pytest.mark.parametrize("decode", ["json", "scores"])
def test_a_checkpoint_that_works_passes_every_point(checkpoints, decode):
    found = points(model=str(checkpoints["musicflamingo"]), device="cpu", decode=decode)
    assert all(check.ok is not False for check in found.values())
    assert {"packages", "imports", "checkpoint", "device", "load", "step", "reply"} <= set(found)
    assert found["step"].says.startswith("eager")
    assert "float32, sdpa" in found["device"].says
    assert '{"' in found["reply"].says


@pytest.mark.parametrize("broken", [False, True])
def test_a_step_is_measured_where_it_is_replayed(engine, monkeypatch, broken):
    """One song of three minutes, and as many as a batch takes, here 2."""
    one = engine("json")
    one.network.fixed = one.network.replays = True
    one.batch_seconds, rows = 400.0, []

    def captured(work, device):
        if broken:
            raise CaptureFailed("not here")
        return lambda: rows.append(1) or work()

    monkeypatch.setattr(session, "capture", captured)
    found = _step(one)
    assert (found.name, found.ok) == ("step", None)
    path = "eager" if broken else "graph"
    assert re.match(rf"{path}: [\d.]+ ms for 1 of 3 min .*, [\d.]+ ms for 2 of 3 min", found.says)
    assert ("not here" in found.says) is broken
    assert len(rows) == (0 if broken else 42)


def test_a_batch_for_which_a_step_finds_no_room_is_no_fault(engine, monkeypatch):
    import torch

    def timed(network, songs, positions):
        if songs > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 0.5, 0.02

    one = engine("json")
    one.network.fixed = one.network.replays = True
    one.batch_seconds = 400.0
    monkeypatch.setattr(session, "time_step", timed)
    found = _step(one)
    assert found.ok is None
    assert found.says.startswith("graph: 20.0 ms for 1 of 3 min (the first one 0.50 s), 2 of 3 min do not fit at once")


def test_parity_is_a_point_of_its_own(checkpoints):
    settings = EngineSettings(load_pack("quality"), str(checkpoints["musicflamingo"]), device="cpu", decode="scores")
    last = list(check_engine(settings, songs=3))[-1]
    assert (last.name, last.ok) == ("parity", None)
    assert last.says.startswith(
        "alone against in a batch: 3 of 3 replies alike; expected scores differ by at most 0.0000"
    )


def test_parity_of_free_text_says_nothing_of_scores(checkpoints):
    model = str(checkpoints["musicflamingo"])
    settings = EngineSettings(load_pack("quality"), model, device="cpu", decode="text", max_tokens=5)
    assert list(check_engine(settings, songs=2))[-1].says == "alone against in a batch: 2 of 2 replies alike"


def test_without_weights_and_gpu_both_are_said_and_nothing_is_downloaded(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    found = points()
    assert (found["checkpoint"].ok, found["device"].ok) == (False, False)
    assert "hf download" in found["checkpoint"].says
    assert "no GPU" in found["device"].says
    assert "load" not in found


def test_a_package_that_is_missing_ends_the_checkup(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    found = points()
    assert found["imports"].ok is False
    assert "device" not in found

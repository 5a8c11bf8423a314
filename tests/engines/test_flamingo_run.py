"""`mfq score --engine flamingo` on a tiny checkpoint: resume, memory that runs out, a GPU that dies."""

import signal
import subprocess
import sys
import time

import pytest

from musicflamingo_cli.engines.network import Network

STABLE = ("song_id", "status", "reason", "overall_quality_score", "production_quality", "content_enjoyment")


@pytest.fixture
def score(bench, checkpoints):
    def run(*words, decode="scores"):
        model = ("--model", checkpoints["musicflamingo"], "--device", "cpu", "--decode", decode)
        return bench.score(*model, "--min-number-mass", 0, "--batch-size", 2, *words, engine="flamingo")

    return run


def stable(bench):
    return [{name: row[name] for name in STABLE} for row in bench.result()]


def entries(bench):
    return {path: path.stat().st_mtime_ns for path in bench.folder.glob("cache/*/??/*.json")}


def test_scores_end_in_the_table_and_a_second_run_loads_no_model(bench, score, monkeypatch):
    bench.songs(3)
    assert score() == 0
    first = stable(bench)
    assert all(row["status"] == "ok" and 0 <= row["overall_quality_score"] <= 1 for row in first)
    row = bench.result()[0]
    detail = row["production_quality_detail"]
    assert (detail["obtained"], row["production_quality"]) == ("distribution", detail["expected"])
    assert 0 < detail["mass"] <= 1
    assert (row["engine"], row["decode_mode"]) == ("flamingo", "scores")

    def never(*arguments):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr("musicflamingo_cli.engines.flamingo.load", never)
    assert score() == 0
    assert stable(bench) == first


def test_scores_and_json_are_not_mixed_in_one_cache(bench, score):
    bench.songs(1)
    assert score() == 0
    assert score("--max-tokens", 220, decode="json") == 0
    assert len(list(bench.folder.glob("cache/*/run.json"))) == 2


def test_memory_that_runs_out_halves_the_batches_and_loses_nothing(bench, score, monkeypatch):
    import torch

    bench.songs(4)
    assert score() == 0
    calm = stable(bench)
    plain = Network.prompt
    tried = []

    def tight(self, tensors):
        tried.append(len(tensors["input_ids"]))
        if len(tensors["input_ids"]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, tensors)

    monkeypatch.setattr(Network, "prompt", tight)
    assert score("--refresh") == 0
    assert stable(bench) == calm
    assert tried.count(1) == 4
    assert tried.count(2) <= 2


def test_a_song_that_does_not_fit_alone_fails_by_name(bench, score, monkeypatch):
    import torch

    bench.songs(2)

    def full(self, tensors):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Network, "prompt", full)
    assert score() == 1
    assert [(row["status"], row["reason"]) for row in bench.result()] == [("failed", "out_of_memory")] * 2


def test_a_gpu_that_dies_ends_the_run_with_3_and_the_next_goes_on_from_there(bench, score, monkeypatch):
    bench.songs(5)
    plain, calls = Network.prompt, []

    def dying(self, tensors):
        calls.append(len(tensors["input_ids"]))
        if len(calls) == 3:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return plain(self, tensors)

    monkeypatch.setattr(Network, "prompt", dying)
    assert score() == 3
    assert "the GPU can't go on" in bench.stderr()
    kept = entries(bench)
    assert len(kept) == sum(calls[:2])
    monkeypatch.setattr(Network, "prompt", plain)
    assert score() == 0
    assert [row["status"] for row in bench.result()] == ["ok"] * 5
    assert kept.items() <= entries(bench).items()


def test_killed_and_started_again_pays_for_no_song_twice(bench, score, checkpoints):
    bench.songs(6)
    words = [
        "score",
        bench.manifest,
        "--engine",
        "flamingo",
        "--model",
        checkpoints["musicflamingo"],
        "--device",
        "cpu",
    ]
    words += ["--decode", "scores", "--min-number-mass", 0, "--batch-size", 1, "--workers", 1]
    words += ["--cache-dir", bench.folder / "cache", "-o", bench.table]
    code = "import sys; from musicflamingo_cli.cli import main; sys.exit(main(sys.argv[1:]))"
    run = subprocess.Popen([sys.executable, "-c", code, *map(str, words)], stderr=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + 240
        while not entries(bench) and run.poll() is None and time.monotonic() < ends:
            time.sleep(0.02)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    kept = entries(bench)
    assert kept
    assert score() == 0
    assert [row["status"] for row in bench.result()] == ["ok"] * 6
    assert kept.items() <= entries(bench).items()

"""`mfq score --engine flamingo` on a tiny checkpoint: resume, memory that runs out, a GPU that dies."""

import csv
import json
import signal
import subprocess
import sys
import time

import pytest

from musicflamingo_cli.engines.flamingo.model import Network

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

    monkeypatch.setattr("musicflamingo_cli.engines.flamingo.engine.load", never)
    assert score() == 0
    assert stable(bench) == first


WITHOUT_TORCH = """
import json, sys
for name in ("torch", "transformers", "huggingface_hub", "llguidance", "tokenizers"):
    sys.modules[name] = None
from musicflamingo_cli.cli import main
print(json.dumps([main(words) for words in json.loads(sys.argv[1])]))
"""


def test_without_torch_what_is_cached_is_read_and_what_is_not_fails_at_once(bench, score, checkpoints):
    bench.songs(2)
    assert score() == 0
    words = ["score", bench.manifest, "--cache-dir", bench.folder / "cache", "-o", bench.folder / "again.parquet"]
    same = ["--model", checkpoints["musicflamingo"], "--device", "cpu", "--decode", "scores", "--min-number-mass", 0]
    runs = [
        [*words, *same],
        [*words, *same, "--offline"],
        [*words, *same, "--dry-run"],
        [*words, "--dry-run"],
        words,
        ["caption", bench.manifest, "--no-cache", "-o", bench.folder / "captions.parquet"],
        [*words, "--offline"],
    ]
    told = json.dumps([[str(word) for word in run] for run in runs])
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, told], capture_output=True, text=True, check=False, timeout=300
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [0, 0, 0, 0, 3, 3, 2], done.stderr
    assert done.stderr.count("--engine signal needs no model; mfq doctor says what is here") == 2
    assert "no replies of --engine flamingo with these settings" in done.stderr
    assert "model musicflamingo (asked: nvidia/music-flamingo-2601-hf)" in done.stderr


@pytest.mark.parametrize("command", ["score", "caption"])
def test_the_default_engine_needs_a_gpu_and_says_so_before_any_song_is_touched(bench, monkeypatch, command):
    bench.songs(2)
    monkeypatch.setattr("musicflamingo_cli.inference.runner.DecodePool", None)
    out = bench.folder / "out.parquet"
    assert bench.mfq(command, bench.manifest, "--cache-dir", bench.folder / "cache", "-o", out) == 3
    told = bench.stderr()
    assert "no GPU is at hand" in told
    assert "--engine signal" in told
    assert "mfq doctor" in told
    assert not out.exists()
    assert entries(bench) == {}


def test_replies_that_were_asked_for_again_are_counted_in_the_summary(bench, score):
    import pyarrow.parquet as pq

    bench.songs(2)
    score("--max-tokens", 5, decode="text")
    # Each reply of five tokens hit the cap, was asked for again with care, and then within the schema.
    assert "could not be read: 4" in bench.stderr()
    card = json.loads(pq.read_metadata(bench.table).metadata[b"mfq.run"])
    assert card["counts"]["reruns"] == 4
    assert "non-commercial" in card["settings"]["licence"].lower()
    assert {"device", "dtype", "attention", "commit", "torch", "transformers"} <= set(card["settings"]["used"])


def test_captions_of_a_model_end_in_both_tables(bench, checkpoints):
    bench.songs(2)
    words = ["caption", bench.manifest, "--engine", "flamingo", "--model", checkpoints["musicflamingo"]]
    words += ["--device", "cpu", "--max-tokens", 20, "--workers", 1, "--cache-dir", bench.folder / "cache"]
    bench.mfq(*words, "-o", bench.folder / "captions.parquet")
    bench.mfq(*words, "-o", bench.folder / "captions.csv")
    import pyarrow.parquet as pq

    rows = pq.read_table(bench.folder / "captions.parquet").to_pylist()
    assert [row["decode_mode"] for row in rows] == ["text", "text"]
    with (bench.folder / "captions.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines == [["id", "caption"], *([row["song_id"], row["text"]] for row in rows if row["text"])]


def test_a_part_of_long_songs_is_heard_and_the_dry_run_says_what_that_spares(bench, score, monkeypatch):
    bench.tone("long.wav", seconds=40.3)
    bench.tone("short.wav", seconds=5.0)
    bench.rows([{"id": "long", "audio": "long.wav"}, {"id": "short", "audio": "short.wav"}])
    assert score("--dry-run") == 0
    assert "not heard" not in bench.capture.readouterr().out
    assert score("--max-audio-seconds", 10, "--dry-run") == 0
    told = bench.capture.readouterr().out
    assert "0.01 h, 67% of the audio, is beyond the limit" in told
    heads = {}
    for part in ("head", "middle"):
        assert score("--max-audio-seconds", 10, "--long-audio", part) == 0
        rows = {row["song_id"]: row for row in bench.result()}
        assert [(row["used_seconds"], row["truncated"]) for row in rows.values()] == [(10.0, True), (5.0, False)]
        heads[part] = rows
    names = ("production_quality", "content_enjoyment")
    apart = [[heads[part][song][name] for name in names] for song in ("long", "short") for part in ("head", "middle")]
    assert apart[0] != apart[1]
    assert apart[2] == apart[3]


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

    def tight(self, tensors, cache):
        tried.append(len(tensors["input_ids"]))
        if len(tensors["input_ids"]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, tensors, cache)

    monkeypatch.setattr(Network, "prompt", tight)
    assert score("--refresh") == 0
    assert stable(bench) == calm
    assert tried.count(1) == 4
    assert tried.count(2) <= 2


def test_a_song_that_does_not_fit_alone_fails_by_name(bench, score, monkeypatch):
    import torch

    bench.songs(2)

    def full(self, tensors, cache):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Network, "prompt", full)
    assert score() == 1
    assert [(row["status"], row["reason"]) for row in bench.result()] == [("failed", "out_of_memory")] * 2


def test_a_gpu_that_dies_ends_the_run_with_3_and_the_next_goes_on_from_there(bench, score, monkeypatch):
    bench.songs(5)
    plain, calls = Network.prompt, []

    def dying(self, tensors, cache):
        calls.append(len(tensors["input_ids"]))
        if len(calls) == 3:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return plain(self, tensors, cache)

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

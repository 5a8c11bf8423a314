"""`mfq score` with everything that goes wrong at night."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.engines.fake import FakeEngine

CODE = "import sys; from musicflamingo_cli.cli import main; sys.exit(main())"


def start(bench: Any, *words: object) -> subprocess.Popen[str]:
    command = ["score", bench.manifest, "--engine", "fake", "-o", bench.table, "--cache-dir", bench.folder / "cache"]
    code, channel = bench.fork_server.share()
    command = [sys.executable, "-c", f"{code}; {CODE}", *command, "--workers", "1", *words]
    return subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True, pass_fds=[channel])


def run(bench: Any, *words: object) -> tuple[int, str]:
    process = start(bench, *words)
    _, told = process.communicate(timeout=120)
    return process.returncode, told


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def statuses(bench: Any) -> list[tuple[str, str | None]]:
    return [(row["status"], row["reason"]) for row in bench.result()]


def test_a_song_that_brings_the_engine_down_is_found_and_set_aside(bench: Any, script: Any, asked: Any) -> None:
    bench.songs(5)
    script({"song-2": {"crash": True}})
    assert run(bench, "--batch-size", 5)[0] == -11
    assert asked() == []
    code, _ = run(bench, "--batch-size", 5)
    assert code == -11
    assert "song-2" not in asked()
    assert run(bench, "--batch-size", 5)[0] == 1
    assert statuses(bench) == [("ok", None)] * 2 + [("failed", "engine_crash")] + [("ok", None)] * 2
    assert sorted(asked()) == ["song-0", "song-1", "song-3", "song-4"]
    script({})
    assert run(bench)[0] == 1
    assert run(bench, "--retry", "all")[0] == 0


def test_a_hang_becomes_the_same(bench: Any, script: Any, asked: Any) -> None:
    bench.songs(2)
    script({"song-0": {"hang": True}})
    for _ in range(2):
        code, told = run(bench, "--batch-timeout", 1, "--batch-size", 1)
        assert code == 3 and "--batch-timeout" in told
    assert run(bench, "--batch-timeout", 1, "--batch-size", 1)[0] == 1
    assert statuses(bench) == [("failed", "engine_crash"), ("ok", None)]


def in_model(bench: Any) -> tuple[int, list[str]]:
    """Return which journal there is (each run makes a new one), and the songs that are in the model by it."""
    for path in bench.folder.glob("cache/*/attempts.jsonl"):
        last = json.loads(path.read_text().splitlines()[-1])
        return path.stat().st_ino, last.get("songs", [])
    return 0, []


def test_kills_from_outside_condemn_no_song_and_stop_no_other(bench: Any, script: Any, asked: Any) -> None:
    """As when the kernel kills for want of memory, or the machine goes down, whenever one song is in the model."""
    bench.songs(3)
    script({"song-1": {"hang": True}})
    journal = 0
    for _ in range(5):
        process = start(bench, "--batch-size", 3)
        wait_for(lambda older=journal: in_model(bench)[0] != older and "song-1" in in_model(bench)[1])
        journal = in_model(bench)[0]
        process.kill()
        process.communicate()
    assert sorted(asked()) == ["song-0", "song-2"]
    script({})
    code, told = run(bench, "--batch-size", 3)
    assert code == 0
    assert "tried alone, for they were in the model when an earlier run died: song-1" in told
    assert statuses(bench) == [("ok", None)] * 3


def test_a_second_run_is_refused_and_told_who_holds_the_cache(bench: Any, script: Any, asked: Any) -> None:
    bench.songs(2)
    script({"song-1": {"hang": True}})
    first = start(bench, "--batch-size", 1)
    wait_for(lambda: in_model(bench)[1] == ["song-1"])
    code, told = run(bench)
    assert code == 75 and f"process {first.pid}" in told
    script({})
    waiting = start(bench, "--wait")
    first.kill()
    first.communicate()
    waiting.communicate(timeout=120)
    assert waiting.returncode == 0
    assert sorted(asked()) == ["song-0", "song-1"]


def test_shards_together_are_the_whole(bench: Any, asked: Any) -> None:
    bench.songs(6)
    found = []
    for number in (1, 2):
        assert bench.score("--shard", f"{number}/2") == 0
        found += [row["song_id"] for row in bench.result()]
    assert sorted(found) == [f"song-{n}" for n in range(6)]
    assert bench.score() == 0
    assert len(asked()) == 6


def test_merged_shards_equal_the_whole(bench: Any) -> None:
    def told(table: str) -> list[dict[str, Any]]:
        changing = ("scored_at", "engine_seconds", "cached")
        rows = pq.read_table(bench.folder / table).to_pylist()
        return [{k: v for k, v in row.items() if k not in changing} for row in rows]

    bench.songs(7)
    broken = [{"id": "gone", "audio": "gone.wav"}, {"audio": "0.wav"}, {"id": "silent"}, {"id": "song-1"}, "no row"]
    with bench.manifest.open("a") as manifest:
        manifest.writelines(json.dumps(row) + "\n" for row in broken)
    shards = []
    for number in (3, 1, 2):
        shards.append(bench.folder / f"{number}.parquet")
        code = bench.mfq("score", bench.manifest, "--engine", "fake", "--workers", 1, "--shard", f"{number}/3",
                         "-o", shards[-1], "--cache-dir", bench.folder / "shards")  # fmt: skip
        assert code in (0, 1)
    assert bench.mfq("merge", *shards, "-o", bench.folder / "merged.parquet") == 0
    assert bench.score() == 1
    assert told("merged.parquet") == told("scores.parquet")
    assert [row["reason"] for row in told("merged.parquet")] == [None] * 7 + [
        "not_found", "no_id", "no_audio", "bad_row",
    ]  # fmt: skip
    card = json.loads(pq.read_schema(bench.folder / "merged.parquet").metadata[b"mfq.run"])
    assert (card["counts"]["rows"], card["settings"]["shard"], len(card["merged"])) == (11, None, 3)


@pytest.mark.parametrize("allowed", ["1", "30%"])
def test_more_failures_than_allowed_stop_the_run_early(bench: Any, script: Any, asked: Any, allowed: str) -> None:
    bench.songs(6)
    script({"default": {"out_of_memory_above": 0}})
    assert bench.score("--max-failures", allowed, "--batch-size", 1) == 1
    told = bench.stderr()
    assert "songs failed (out_of_memory 2), more than --max-failures allows" in told
    assert not bench.table.exists()


def test_fewer_failures_than_allowed_are_well(bench: Any, script: Any) -> None:
    bench.songs(3)
    script({"song-0": {"out_of_memory_above": 0}})
    assert bench.score("--max-failures", "34%") == 0
    assert [status for status, _ in statuses(bench)].count("failed") == 1


def test_the_deadline_stops_before_the_next_batch_and_can_leave_a_part(bench: Any, script: Any, asked: Any) -> None:
    bench.songs(4)
    script({"default": {"delay_seconds": 2.0}})
    assert bench.score("--time-budget", "8s", "--batch-size", 1, "--partial-output") == 75
    assert "to go on: mfq score" in bench.stderr()
    assert 0 < len(asked()) < 4
    assert statuses(bench).count(("failed", "not_cached")) == 4 - len(asked())
    script({})
    assert bench.score() == 0
    assert len(asked()) == 4


def test_status_and_stats_tell_how_it_went(bench: Any) -> None:
    bench.songs(3)
    stats, log = bench.folder / "run.json", bench.folder / "log.jsonl"
    assert bench.score("--stats", stats, "--log-file", log) == 0
    told = json.loads(stats.read_text())
    assert (told["state"], told["answered"], told["status"]) == ("done", 3, {"ok": 3})
    assert [json.loads(line)["event"] for line in log.read_text().splitlines()][:1] == ["start"]
    bench.capture.readouterr()
    for where in (stats, bench.folder / "cache", next((bench.folder / "cache").iterdir())):
        assert bench.mfq("status", where) == 0
        assert "fake quality: done" in bench.capture.readouterr().out
    assert bench.mfq("status", bench.folder / "nowhere") == 2
    assert bench.mfq("status", stats, "--json") == 0
    assert json.loads(bench.capture.readouterr().out)[0]["peak_memory_bytes"] > 0


def test_only_audio_that_was_heard_counts(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three songs of 2 s a second each is heard, and nothing of what can't be decoded or is cached."""
    monkeypatch.setattr(FakeEngine, "clip_seconds", 1.0, raising=False)
    bench.songs(3)
    (bench.folder / "bad.wav").write_bytes(b"no audio")
    with bench.manifest.open("a") as manifest:
        manifest.writelines(json.dumps({"id": n, "audio": f"{n}.wav"}) + "\n" for n in ("gone", "bad"))
    stats = bench.folder / "run.json"
    for heard in (3.0, 0.0):
        assert bench.score("--stats", stats) == 1
        assert json.loads(stats.read_text())["audio_seconds"] == heard
        assert f"for {heard / 60:.1f} min of audio heard" in bench.stderr()


def test_loading_is_a_stage_that_the_status_names(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = []

    def load(self: FakeEngine) -> None:
        stages.extend(json.loads(path.read_text())["stage"] for path in bench.folder.glob("cache/*/status.json"))

    monkeypatch.setattr(FakeEngine, "load", load)
    bench.songs(1)
    assert bench.score() == 0
    assert stages == ["loading"]
    bench.capture.readouterr()
    assert bench.mfq("status", bench.folder / "cache", "--json") == 0
    told = json.loads(bench.capture.readouterr().out)[0]
    assert (told["stage"], told["left_seconds"]) == ("writing", None)


def test_the_dry_run_estimates_from_the_last_run(bench: Any) -> None:
    bench.songs(3)
    assert bench.score("--limit", 1) == 0
    bench.capture.readouterr()
    assert bench.score("--dry-run", "--gpu-hour-price", 2) == 0
    told = bench.capture.readouterr().out
    assert "at the last run's rate" in told and "cost" in told


def test_a_killed_run_leaves_no_part_files_after_the_next(bench: Any, script: Any) -> None:
    bench.songs(2)
    script({"default": {"delay_seconds": 30}})
    process = start(bench)
    wait_for(lambda: any((bench.folder / "cache").glob("*/lock")))
    time.sleep(0.5)
    process.kill()
    process.communicate()
    folder = next((bench.folder / "cache").iterdir())
    (folder / "00").mkdir(exist_ok=True)
    (folder / "00" / ".x.json.0123abcd.part").touch()
    Path(f"{bench.folder}/.scores.parquet.0123abcd.part").touch()
    script({})
    assert bench.score() == 0
    assert list(bench.folder.rglob("*.part")) == []


def test_the_deadline_holds_while_no_audio_comes(bench: Any) -> None:
    stats = bench.folder / "run.json"
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes connections and says nothing
        host = f"127.0.0.1:{deaf.getsockname()[1]}"
        bench.rows([{"id": f"u{n}", "audio": f"http://{host}/{n}.wav"} for n in range(3)])
        began = time.monotonic()
        assert bench.score("--time-budget", "2s", "--stats", stats, "--allow-private-hosts", host) == 75
        assert time.monotonic() - began < 10
    told = json.loads(stats.read_text())
    assert told["state"] == "stopped" and "own deadline" in told["error"]


def test_waiting_for_another_run_ends_at_the_deadline(bench: Any, script: Any) -> None:
    bench.songs(1)
    script({"default": {"delay_seconds": 60}})
    first = start(bench)
    wait_for(lambda: any((bench.folder / "cache").glob("*/lock")))
    wait_for(lambda: next((bench.folder / "cache").glob("*/lock")).stat().st_size > 0)
    code, told = run(bench, "--wait", "--time-budget", "2s")
    first.kill()
    first.communicate()
    assert code == 75
    assert "waiting for another run" in told and f"process {first.pid}" in told and "when the deadline came" in told


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--stats", "scores.parquet"], "also -o"),
        (["--log-file", "./scores.parquet"], "also -o"),
        (["--stats", "songs.jsonl"], "also what is read"),
        (["--log-file", "link.jsonl"], "also what is read"),
        (["--stats", "new.json", "--log-file", "new.json"], "also --stats"),
    ],
)
def test_no_two_files_share_a_name(bench: Any, monkeypatch: pytest.MonkeyPatch, words: list[str], named: str) -> None:
    monkeypatch.chdir(bench.folder)
    bench.songs(1)
    (bench.folder / "link.jsonl").symlink_to("songs.jsonl")
    assert bench.score() == 0
    before = {path: path.read_bytes() for path in (bench.table, bench.manifest)}
    assert bench.score(*words) == 2
    assert named in bench.stderr()
    assert {path: path.read_bytes() for path in before} == before


def test_what_stopped_a_run_and_why_songs_failed_stands_in_its_status(bench: Any, script: Any) -> None:
    bench.songs(3)
    stats = bench.folder / "run.json"
    script({"default": {"out_of_memory_above": 0}})
    assert bench.score("--max-failures", 1, "--batch-size", 1, "--stats", stats) == 1
    told = json.loads(stats.read_text())
    assert (told["state"], told["reasons"]) == ("stopped", {"failed: out_of_memory": 2})
    assert told["error"].startswith("TooManyFailures: 2 of 3 songs failed")
    script({"default": {"hang": True}})
    log = bench.folder / "log.jsonl"
    assert run(bench, "--batch-timeout", 1, "--stats", stats, "--log-file", log)[0] == 3
    told = json.loads(stats.read_text())
    assert told["state"] == "stopped" and "--batch-timeout" in told["error"]
    assert json.loads(log.read_text().splitlines()[-1])["event"] == "stopped"


def test_the_dry_run_of_a_shard_takes_the_rate_of_shards(bench: Any) -> None:
    bench.songs(4)
    assert bench.score("--shard", "1/2") == 0
    bench.capture.readouterr()
    assert bench.score("--shard", "2/2", "--dry-run") == 0
    assert "at the last run's rate" in bench.capture.readouterr().out


@pytest.mark.parametrize(
    "text", ['{"state": {}, "seconds": 1}', '{"state": "done", "seconds": 1, "settings": []}', "7"]
)
def test_a_file_that_is_no_status_is_refused(bench: Any, text: str) -> None:
    path = bench.folder / "status.json"
    path.write_text(text)
    assert bench.mfq("status", path) == 2
    assert bench.mfq("status", "~no-such-user/cache") == 2


def test_a_cache_in_passing_is_gone_after_the_next_run(
    bench: Any, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.songs(1)
    passing = bench.folder / "tmp"
    passing.mkdir()
    monkeypatch.setenv("TMPDIR", str(passing))
    monkeypatch.setattr("tempfile.tempdir", None)
    script({"default": {"crash": True}})
    assert run(bench, "--no-cache")[0] == -11
    assert len(list(passing.iterdir())) == 1
    script({})
    assert bench.score("--no-cache") == 0
    assert list(passing.iterdir()) == []

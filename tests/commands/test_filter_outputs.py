"""What `mfq filter` writes: whole, in order, and the same for the same rows."""

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main
from musicflamingo_cli.results.write import parquet


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def mfq(*words: object) -> int:
    return main(["filter", *map(str, words)])


def write(name: str, columns: dict[str, object]) -> str:
    pq.write_table(pa.table(columns), name)
    return name


def many(count: int, groups: int) -> str:
    rng = np.random.default_rng(0)
    genres = [f"g{k}" for k in rng.integers(0, groups, count)]
    columns = {"song_id": np.arange(count), "overall_quality_score": rng.random(count), "genre": genres}
    return write("many.parquet", columns)


def digest(folder: str) -> dict[str, str]:
    return {str(p): hashlib.md5(p.read_bytes()).hexdigest() for p in sorted(Path(folder).rglob("*.parquet"))}


def test_two_expressions_may_name_different_columns() -> None:
    write("s.parquet", {"song_id": ["a", "b", "c"], "tempo": [90.0, 90.0, 20.0], "genre": ["rock", "spoken", "rock"]})
    assert mfq("s.parquet", "--where", "tempo > 50", "--where", "genre <> 'spoken'", "-o", "kept.parquet") == 0
    assert pq.read_table("kept.parquet")["song_id"].to_pylist() == ["a"]


@pytest.mark.parametrize(("groups", "open_files"), [(3, 256), (7, 2)])
def test_partitions_keep_the_order_and_are_the_same_every_time(
    monkeypatch: pytest.MonkeyPatch, groups: int, open_files: int
) -> None:
    monkeypatch.setattr(parquet, "OPEN_FILES", open_files)
    songs = many(400_000, groups)
    for name, threads in (("one", 1), ("two", 4)):
        assert mfq(songs, "--min", 0.2, "--partition-by", "genre", "-o", name, "--threads", threads) == 0
    first, second = digest("one"), digest("two")
    assert list(first.values()) == list(second.values())
    assert len(first) == groups
    for path in first:
        ids = pq.ParquetFile(path).read()["song_id"].to_numpy()
        assert (np.diff(ids) > 0).all()


def test_more_partitions_than_folders_should_be_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parquet, "MOST_PARTITIONS", 2)
    assert mfq(many(50, 3), "--partition-by", "genre", "-o", "kept") == 2
    assert "3 values, more than 2" in capsys.readouterr().err
    assert {p.name for p in Path.cwd().iterdir()} == {"many.parquet"}


def test_json_by_id_is_keyed_by_the_id_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    columns = {"track": [7, 8, 9, None], "overall_quality_score": [0.9, 0.8, None, 0.7]}
    write("s.parquet", columns)
    assert mfq("s.parquet", "--on", "track", "--missing", "keep", "--min", 0.1, "-o", "kept.json") == 0
    assert list(json.loads(Path("kept.json").read_text())) == ["7", "8"]
    assert "kept.json: 2 rows are left out" in capsys.readouterr().err
    assert mfq("s.parquet", "--min", 0.1, "-o", "none.json") == 2
    assert "no id column" in capsys.readouterr().err
    write("twice.parquet", {"id": ["x", "x"], "overall_quality_score": [0.9, 0.8]})
    assert mfq("twice.parquet", "--min", 0.1, "-o", "none.json") == 2
    assert "the id x stands there twice" in capsys.readouterr().err
    assert mfq("s.parquet", "--min", 0.1, "--dropped", "dropped.json") == 2
    assert "holds scores only" in capsys.readouterr().err
    assert not Path("none.json").exists()


def test_csv_that_mfq_wrote_is_read_as_it_was() -> None:
    texts = ["-abc", "=1+1", "'=x", "''-y", "'plain", "@me"]
    write("s.parquet", {"song_id": texts, "title": texts, "overall_quality_score": [0.5] * len(texts)})
    assert mfq("s.parquet", "-o", "kept.csv", "--dry-run") == 0
    assert mfq("s.parquet", "-o", "kept.csv") == 0
    assert mfq("kept.csv", "-o", "again.parquet") == 0
    assert pq.read_table("again.parquet").to_pydict() == pq.read_table("s.parquet").to_pydict()


def test_objects_without_a_key_are_text() -> None:
    Path("s.jsonl").write_text('{"song_id": "a", "n": 1, "metadata": {}, "list": [{}]}\n')
    for name in ("kept.jsonl", "kept.parquet"):
        assert mfq("s.jsonl", "--min", "n=1", "-o", name) == 0
    assert json.loads(Path("kept.jsonl").read_text()) == json.loads(Path("s.jsonl").read_text())
    text = {"song_id": "a", "n": 1, "metadata": "{}", "list": "[{}]"}
    assert pq.read_table("kept.parquet").to_pylist() == [text]


def test_a_sweep_counts_without_ranks(capsys: pytest.CaptureFixture[str]) -> None:
    write("s.parquet", {"song_id": list("abcd"), "overall_quality_score": [0.1, 0.5, 0.6, 0.9]})
    assert mfq("s.parquet", "--min", 0.5, "--top", 1, "--sweep", "overall_quality_score", "--dry-run") == 0
    said = capsys.readouterr()
    assert "0.00\t4\t0" in said.out
    assert "0.50\t3\t1" in said.out
    assert "without --top" in said.err


@pytest.mark.parametrize(("missing", "low", "high"), [("drop", "2\t2", "1\t3"), ("keep", "3\t1", "2\t2")])
def test_a_sweep_counts_all_rows_with_the_other_rules_in_force(
    missing: str, low: str, high: str, capsys: pytest.CaptureFixture[str]
) -> None:
    genres = ["x", "x", "x", "y"]
    write("s.parquet", {"song_id": list("abcd"), "overall_quality_score": [0.4, 0.7, None, 0.9], "genre": genres})
    rules = ("--where", "genre = 'x'", "--min", 0.6, "--missing", missing)
    assert mfq("s.parquet", *rules, "--sweep", "overall_quality_score", "--report-json", "r.json") == 0
    rows = dict(line.split("\t", 1) for line in capsys.readouterr().out.splitlines())
    assert (rows["0.40"], rows["0.45"]) == (low, high)
    sweep = json.loads(Path("r.json").read_text())["sweep"]
    assert (sweep["rows_in"], sweep["missing"]) == (4, 1)


def test_parts_of_a_living_run_are_left_alone_and_those_of_dead_ones_are_not() -> None:
    write("s.parquet", {"song_id": ["a"], "overall_quality_score": [0.5]})
    living, dead = Path(".kept.parquet.0123abcd.part"), Path(".kept.parquet.4567abcd.part")
    living.touch()
    dead.touch()
    with living.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert mfq("s.parquet", "--min", 0.1, "-o", "kept.parquet") == 0
    assert living.exists()
    assert not dead.exists()


def test_a_folder_that_a_killed_run_had_set_aside_comes_back() -> None:
    write("s.parquet", {"song_id": ["a"], "overall_quality_score": [0.5], "genre": ["x"]})
    run = ("s.parquet", "--min", 0.1, "--partition-by", "genre", "-o", "kept")
    assert mfq(*run) == 0
    Path("kept").rename(".kept.0123abcd.part.old.part")
    assert mfq(*run, "--expect-min-rows", 2) == 1
    assert Path("kept/genre=x/part-0.parquet").exists()
    assert mfq(*run) == 0
    assert {p.name for p in Path.cwd().iterdir()} == {"s.parquet", "kept"}


def test_a_signal_in_the_join_ends_it_with_the_signals_code() -> None:
    code = (
        "import sys, threading, os, signal\n"
        "from pathlib import Path\n"
        "from musicflamingo_cli.signals import Stops\n"
        "from musicflamingo_cli.errors import Stopped\n"
        "from musicflamingo_cli.results.sandbox import Limits, Sandbox, work_folder\n"
        "try:\n"
        "    with Stops(print, ''), work_folder() as work, Sandbox(work, [], Limits()) as sandbox:\n"
        "        print('ready', flush=True)\n"
        "        sandbox.rows('SELECT sum(hash(a.range + b.range)) FROM range(10000000) a, range(1000000) b')\n"
        "except Stopped as stop:\n"
        "    sys.exit(stop.code)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=dict(os.environ)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143

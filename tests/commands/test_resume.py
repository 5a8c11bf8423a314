"""Killed and resumed: nothing is asked twice but what was in the model when it died."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CODE = "import sys; from musicflamingo_cli.cli import main; sys.exit(main())"


def start(bench: Any) -> subprocess.Popen[bytes]:
    words = ["score", bench.manifest, "--engine", "fake", "-o", bench.table, "--cache-dir", bench.folder / "cache"]
    command = [sys.executable, "-c", CODE, *map(str, words), "--workers", "1", "--batch-size", "1"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(done: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def children_of(pid: int) -> set[int]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.add(int(stat.parent.name))
        except (OSError, IndexError, ValueError):
            continue
    return found


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_goes_on_where_it_was(
    bench: Any, script: Any, asked: Callable[[], list[str]], number: signal.Signals, code: int
) -> None:
    bench.songs(6)
    script({"default": {"delay_seconds": 0.3}})
    run = start(bench)
    wait_for(lambda: bool(children_of(run.pid)))
    children = children_of(run.pid)
    wait_for(lambda: len(asked()) >= 2)
    run.send_signal(number)
    assert run.wait(30) == code
    assert not bench.table.exists()
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children), 5.0)
    script({})
    assert bench.score("--batch-size", 1) == 0
    counts = [asked().count(f"song-{n}") for n in range(6)]
    assert sum(counts) <= 7 and min(counts) == 1
    assert [row["status"] for row in bench.result()] == ["ok"] * 6
    assert list(bench.folder.rglob("*.part")) == []


def test_a_crash_of_the_engine_costs_its_batch_only(bench: Any, script: Any, asked: Callable[[], list[str]]) -> None:
    bench.songs(3)
    script({"song-1": {"crash": True}})
    assert start(bench).wait(60) == -signal.SIGSEGV
    before = asked()
    script({})
    assert bench.score() == 0
    assert asked()[: len(before)] == before
    assert sorted(asked()) == ["song-0", "song-1", "song-2"]


@pytest.mark.parametrize("words", [(), ("--offline",)])
def test_a_cached_run_reads_each_entry_at_most_twice(bench: Any, monkeypatch: pytest.MonkeyPatch, words: Any) -> None:
    """Once to look it up, once for the table; and nothing but entries more often for more songs."""
    bench.songs(1)
    bench.rows([{"id": f"song-{n}", "audio": "0.wav"} for n in range(20)])
    assert bench.score() == 0
    real_open, opened = os.open, Counter[str]()

    def counting(path: Any, *how: Any, **more: Any) -> int:
        opened[Path(os.fspath(path)).suffix if isinstance(path, str | Path) else ""] += 1
        return real_open(path, *how, **more)

    monkeypatch.setattr(os, "open", counting)
    counts = []
    for songs in (10, 20):
        opened.clear()
        bench.rows([{"id": f"song-{n}", "audio": "0.wav"} for n in range(songs)])
        assert bench.score(*words) == 0
        counts.append(opened[".json"])
    assert counts[1] - counts[0] == 10 * (1 if words else 2)

"""A signal ends a run politely wherever it is, and the command that it names goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.signals import command_line

CODE = "import sys; sys.argv[0] = 'mfq'; from musicflamingo_cli.cli import main; sys.exit(main())"
GO_ON = "to go on: "


def start(bench: Any, *words: object) -> subprocess.Popen[str]:
    command = ["score", bench.manifest.name, "--engine", "fake", "--cache-dir", "cache", "--batch-size", 1]
    command = [sys.executable, "-c", CODE, *command, "--workers", 1, *words]
    return subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True, cwd=bench.folder)


@pytest.fixture(autouse=True)
def hangups_are_heard() -> Iterator[None]:
    """Whoever runs the tests may do so under nohup, which children inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def go_on(bench: Any, told: str) -> int:
    """Run the command that was named, as a person would paste it."""
    (line,) = [line for line in told.splitlines() if line.startswith(GO_ON)]
    mfq = bench.folder / "mfq"
    mfq.write_text(f"#!{sys.executable}\nimport sys\nfrom musicflamingo_cli.cli import run\nrun()\n")
    mfq.chmod(0o755)
    path = os.environ | {"PATH": f"{bench.folder}:{os.environ['PATH']}"}
    return subprocess.run(["bash", "-c", line[len(GO_ON) :]], env=path, cwd=bench.folder, check=False).returncode


def test_a_batch_that_does_not_end_is_not_waited_for_long(bench: Any, script: Any, asked: Any) -> None:
    bench.songs(3)
    script({"song-1": {"hang": True}})
    run = start(bench, "-o", "odd 'name'\n.parquet", "--partial-output")
    wait_for(lambda: asked() == ["song-0"])
    time.sleep(0.5)
    began = time.monotonic()
    run.send_signal(signal.SIGTERM)
    _, told = run.communicate(timeout=60)
    assert run.returncode == 143
    assert time.monotonic() - began < 10
    assert "waiting up to 6 s for the song in the model" in told
    rows = pq.read_table(bench.folder / "odd 'name'\n.parquet").to_pylist()
    assert [row["reason"] for row in rows] == [None, "not_cached", "not_cached"]
    script({})
    assert go_on(bench, told) == 0
    rows = pq.read_table(bench.folder / "odd 'name'\n.parquet").to_pylist()
    assert [row["status"] for row in rows] == ["ok"] * 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_second_signal_stops_at_once(bench: Any, script: Any, asked: Any, number: signal.Signals, code: int) -> None:
    bench.songs(2)
    script({"song-1": {"hang": True}})
    run = start(bench, "-o", "t.parquet")
    wait_for(lambda: asked() == ["song-0"])
    time.sleep(0.5)
    began = time.monotonic()
    for _ in range(2):
        run.send_signal(number)
        time.sleep(0.3)
    _, told = run.communicate(timeout=60)
    assert run.returncode == code
    assert time.monotonic() - began < 5
    assert told.count(GO_ON) == 1
    assert not (bench.folder / "t.parquet").exists()


def test_waiting_for_another_run_can_be_stopped(bench: Any, script: Any) -> None:
    bench.songs(1)
    script({"song-0": {"hang": True}})
    first = start(bench, "-o", "a.parquet")
    wait_for(lambda: any(path.stat().st_size for path in (bench.folder / "cache").glob("*/lock")))
    second = start(bench, "-o", "b.parquet", "--wait")
    time.sleep(3)
    began = time.monotonic()
    second.send_signal(signal.SIGHUP)
    _, told = second.communicate(timeout=60)
    assert second.returncode == 129 and GO_ON in told
    assert time.monotonic() - began < 5
    first.kill()
    first.communicate()
    script({})
    assert go_on(bench, told) == 0


def test_a_run_under_nohup_outlives_its_terminal(bench: Any, script: Any, asked: Any) -> None:
    bench.songs(2)
    script({"default": {"delay_seconds": 1.0}})
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = start(bench, "-o", "t.parquet")
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_for(lambda: len(asked()) == 1)
    run.send_signal(signal.SIGHUP)
    run.communicate(timeout=60)
    assert run.returncode == 0


@pytest.mark.parametrize(
    "word",
    ["plain", "", "two words", "it's", '"$HOME" `x` \\', "a\nb\tc", "\x1b[31m0", "\u202eabc1", "\udcff\udcfe9", "é"],
)
def test_a_command_survives_the_shell(word: str, tmp_path: Path) -> None:
    typed = command_line(["printf", "%s", word])
    assert typed.isprintable()
    done = subprocess.run(["bash", "-c", typed], capture_output=True, check=True)
    assert done.stdout == os.fsencode(word)

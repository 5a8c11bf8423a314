"""A signal ends mfq with the code it is promised from the first imports to the last, without a traceback."""

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from musicflamingo_cli.errors import Stopped, UsageError
from musicflamingo_cli.signals import Stops

CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
AT_IMPORT = """
import os, sys, time

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["AT_MODULE"] and self in sys.meta_path:
            {first}
            os.kill(os.getpid(), int(os.environ["AT_SIGNAL"]))
            {then}

sys.meta_path.insert(0, Interrupting())
"""
ONCE = AT_IMPORT.format(first="sys.meta_path.remove(self)", then="")
FOR_EVER = AT_IMPORT.format(first="", then="[time.sleep(0.01) for _ in iter(int, 1)]")


def interrupted(
    bench: Any, module: str, number: signal.Signals, *words: object, how: str = ONCE
) -> subprocess.CompletedProcess[str]:
    """Run the program, and send it a signal as soon as it begins to import a module."""
    stub = bench.folder / "stub"
    stub.mkdir()
    (stub / "sitecustomize.py").write_text(how)
    environment = os.environ | {"PYTHONPATH": str(stub), "AT_MODULE": module, "AT_SIGNAL": str(int(number))}

    def heard() -> None:
        for one, _ in CODES:  # Whoever runs the tests may do so under nohup, or in the background of a shell.
            signal.signal(one, signal.SIG_DFL)

    code = "from musicflamingo_cli.__main__ import run; run()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=heard,
        timeout=60,
    )


@pytest.mark.parametrize(("number", "code"), CODES)
@pytest.mark.parametrize("module", ["musicflamingo_cli.cli", "typer", "pyarrow.lib", "duckdb", "numpy"])
def test_while_a_module_is_imported(bench: Any, module: str, number: signal.Signals, code: int) -> None:
    bench.rows([{"id": "a", "overall_quality_score": 0.5}])
    run = interrupted(bench, module, number, "filter", bench.manifest, "--min", "0.4", "-o", bench.folder / "kept.csv")
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr and "stopped" in run.stderr
    assert not (bench.folder / "kept.csv").exists()


def test_an_import_that_does_not_end_is_not_waited_for(bench: Any) -> None:
    bench.rows([{"id": "a", "overall_quality_score": 0.5}])
    words = ("filter", bench.manifest, "--min", "0.4", "-o", bench.folder / "kept.csv")
    run = interrupted(bench, "duckdb", signal.SIGTERM, *words, how=FOR_EVER)
    assert run.returncode == 143 and "Traceback" not in run.stderr


def test_a_manifest_is_listened_to_no_further(bench: Any, asked: Any) -> None:
    """A signal while the engine's room is imported counts before the first song, and the table is written if asked."""
    bench.songs(2)
    words = ("score", bench.manifest, "--engine", "fake", "--no-cache", "-o", bench.table, "--partial-output")
    run = interrupted(bench, "musicflamingo_cli.inference.runner", signal.SIGTERM, *words)
    assert run.returncode == 143 and "Traceback" not in run.stderr
    assert [row["reason"] for row in bench.result()] == ["not_cached"] * 2 and asked() == []


@pytest.fixture
def said() -> list[str]:
    return []


def test_what_a_destructor_swallowed_comes_again(said: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    class Swallows:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped) as stopped, Stops(said.append, "go on"):
        Swallows()
        while True:
            signal.pause()
    assert stopped.value.code == 143
    assert "Stopped" not in capfd.readouterr().err


@pytest.mark.parametrize("other", [RuntimeError("Query interrupted"), UsageError("no column"), None])
def test_what_a_library_made_of_it_counts_as_the_stop(said: list[str], other: Exception | None) -> None:
    with pytest.raises(Stopped) as stopped, Stops(said.append, "go on"):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        except Stopped:
            if other is not None:
                raise other from None
    assert stopped.value.code == 143


def test_no_dear_work_begins_after_a_signal(said: list[str]) -> None:
    stops = Stops(said.append, "go on")
    with pytest.raises(Stopped), stops:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        except Stopped:
            with stops.holding("a song"):
                said.append("begun")
    assert said == []

"""The command line around the commands: completion, version, `python -m`, and the package as notebooks see it."""

import subprocess
import sys
from pathlib import Path

import pytest

import musicflamingo_cli
from musicflamingo_cli.cli import main
from musicflamingo_cli.commands import options
from musicflamingo_cli.engines.registry import ENGINES
from musicflamingo_cli.intake.packs import pack_names
from tests.conftest import Bench


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("mfq ", ["score", "caption", "rank", "doctor", "report", "show", "status", "eval", "tune", "filter", "merge"]),
        ("mfq score --engine ", ["flamingo", "signal", "fake"]),
        ("mfq doctor --engine s", ["signal"]),
        ("mfq caption --prompt ", pack_names()),
        ("mfq merge --missing ", ["null", "renormalise"]),
        ("mfq filter --missing k", ["keep"]),
        ("mfq score --no-", ["--no-cache", "--no-config"]),
    ],
)
def test_a_shell_completes(
    typed: str, completed: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_MFQ_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    assert main([]) == 0
    assert capsys.readouterr().out.split() == completed


def test_the_engines_that_are_offered_are_those_that_there_are() -> None:
    assert set(options.EngineName.__args__) == set(ENGINES)  # type: ignore[attr-defined]


def test_the_package_names_what_it_has_and_runs_as_a_module() -> None:
    assert {"score_songs", "QualityFilter", "parse_reply", "__version__"} <= set(dir(musicflamingo_cli))
    ran = subprocess.run(
        [sys.executable, "-m", "musicflamingo_cli", "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"mfq {musicflamingo_cli.__version__}\n"


def test_status_without_a_place_is_about_the_cache(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.songs(1)
    assert bench.score() == 0
    monkeypatch.setenv("MFQ_CACHE_DIR", str(bench.folder / "cache"))
    assert bench.mfq("status") == 0
    assert "fake quality: done" in bench.capture.readouterr().out
    monkeypatch.setenv("MFQ_CACHE_DIR", str(bench.folder / "none"))
    assert bench.mfq("status") == 2
    assert bench.mfq("status", bench.folder / "cache") == 0
    monkeypatch.delenv("MFQ_CACHE_DIR")
    monkeypatch.setenv("HOME", str(bench.folder))
    assert bench.mfq("status") == 2
    assert f"{bench.folder}/.cache/mfq: no run" in bench.stderr()


@pytest.mark.parametrize("words", [["score", "songs"], ["filter", "a.parquet", "--dry-run"], ["report", "a.parquet"]])
def test_a_working_folder_that_was_removed_is_said(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(words) == 2
    assert capsys.readouterr().err == "mfq: the working folder was removed; call mfq from another one\n"

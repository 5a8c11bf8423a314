"""No process of ours takes a module from the working folder, whatever it is called and however mfq is started."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from musicflamingo_cli.processes import module_path, python_environment

OTHERS = ("av", "duckdb", "httpcore2", "jinja2", "matplotlib", "numpy", "orjson", "pandas", "pyarrow", "rich", "scipy")
OTHERS += ("soundfile", "soxr", "torch", "tqdm", "transformers", "typer", "usercustomize", "sitecustomize", "cffi")
PYTHONS_OWN = subprocess.run(
    [sys.executable, "-P", "-c", "import runpy, sys; print(*sys.modules)"], capture_output=True, text=True, check=True
).stdout.split()
"""What `python -m` itself imports, with the working folder first, before any line of ours runs."""
RUN = "from musicflamingo_cli.__main__ import run; run()"


@pytest.fixture
def poisoned(bench: Any) -> Path:
    """Return a folder in which a file of every module's name writes down that it was run."""
    folder, witness = bench.folder / "working", bench.folder / "witness"
    folder.mkdir()
    witness.mkdir()
    for name in {*sys.stdlib_module_names, *OTHERS} - {"__main__"}:
        seen = str(witness / name)
        (folder / f"{name}.py").write_text(
            f"import posix\nposix.close(posix.open({seen!r}, {os.O_CREAT | os.O_WRONLY}))"
        )
    return Path(folder)


def started(folder: Path, how: list[str], *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
    run = subprocess.run(
        [sys.executable, *how, *map(str, words)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert list((folder.parent / "witness").iterdir()) == [], run.stderr
    return run


def test_every_command_of_the_program(bench: Any, poisoned: Path) -> None:
    bench.songs(2)
    mfq, cache, table = bench.folder / "bin" / "mfq", bench.folder / "cache", bench.folder / "t.parquet"
    mfq.parent.mkdir()
    mfq.write_text(RUN)
    score = ("score", bench.manifest, "--engine", "signal", "--cache-dir", cache, "-o", table, "--workers", 2)
    for words in (
        score,
        (*score, "--offline"),
        ("filter", table, "--min", "0", "-o", bench.folder / "kept.csv"),
        ("merge", table, "-o", bench.folder / "merged.parquet"),
        ("report", table, "-o", bench.folder / "report.html"),
        ("show", "song-0", "--cache-dir", cache),
        ("status", cache),
        ("doctor", "--engine", "signal"),
    ):
        run = started(poisoned, [str(mfq)], *words)
        assert run.returncode == 0, (words, run.stderr)


@pytest.mark.parametrize("path", [":", "/usr/nothing:", ".:/usr/nothing"])
def test_an_empty_or_relative_part_of_pythonpath(bench: Any, poisoned: Path, path: str) -> None:
    """What the interpreter imports before the program is not ours: those names are taken away."""
    for name in (*PYTHONS_OWN, "sitecustomize", "usercustomize"):
        (poisoned / f"{name}.py").unlink(missing_ok=True)
    bench.songs(1)
    words = ("score", bench.manifest, "--engine", "signal", "--no-cache", "-o", bench.folder / "t.parquet")
    run = started(poisoned, ["-P", "-m", "musicflamingo_cli"], *words, PYTHONPATH=path)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("how", [["-m", "musicflamingo_cli"], ["-c", RUN]])
def test_started_where_python_looks_into_the_working_folder(bench: Any, poisoned: Path, how: list[str]) -> None:
    for name in PYTHONS_OWN:
        (poisoned / f"{name}.py").unlink(missing_ok=True)
    bench.songs(1)
    words = ("score", bench.manifest, "--engine", "signal", "--no-cache", "-o", bench.folder / "t.parquet")
    run = started(poisoned, how, *words)
    assert run.returncode == 0, run.stderr


def test_processes_that_read_back(bench: Any, poisoned: Path, script: Any) -> None:
    bench.songs(3)
    script({})
    assert bench.score() == 0
    code = (
        "import sys; from musicflamingo_cli import pipeline, rescore; from musicflamingo_cli.cli import main\n"
        "pipeline.os.cpu_count = lambda: 2; rescore.MANY_ROWS = rescore.CHUNK_ROWS = 1\n"
        "began = rescore._Helpers._start; made = []\n"
        "rescore._Helpers._start = lambda self: made.append(began(self)) or made[-1]\n"
        "code = main(sys.argv[1:]); print(len(made), {child.returncode for child in made}); sys.exit(code)\n"
    )
    path = bench.folder / "several.py"
    path.write_text(code)
    words = ("score", bench.manifest, "--engine", "fake", "--cache-dir", bench.folder / "cache", "--offline")
    run = started(poisoned, [str(path)], *words, "-o", bench.folder / "t.parquet")
    assert run.returncode == 0, run.stderr
    assert run.stdout.split()[0] == "2"


def test_a_library_call_from_a_notebook_in_that_folder(bench: Any, poisoned: Path) -> None:
    """The notebook's own imports are its affair; those of our processes are not."""
    for name in (*sys.stdlib_module_names, *OTHERS):
        if name != "json":
            (poisoned / f"{name}.py").unlink(missing_ok=True)
    bench.songs(1)
    code = (
        "import sys; sys.path.remove(''); import json, musicflamingo_cli.api, musicflamingo_cli.pipeline\n"
        "sys.path.insert(0, ''); from musicflamingo_cli import score_songs\n"
        f"print(len(score_songs({str(bench.manifest)!r}, engine='signal')))"
    )
    run = started(poisoned, ["-c", code])
    assert run.stdout == "1\n", run.stderr


def test_folders_that_are_meant_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = str(Path(os.__file__).parent)
    here = str(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", here, "/a", library, "/site-packages", here])
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert module_path() == ["/a", library, "/site-packages", here]
    monkeypatch.setenv("PYTHONPATH", f"{here}/:.:")
    assert module_path() == [here, here, "/a", library, "/site-packages", here]
    assert python_environment()["PYTHONPATH"] == f"{here}/"
    monkeypatch.setenv("PYTHONPATH", ":.")
    assert "PYTHONPATH" not in python_environment()


def test_a_working_folder_that_holds_the_library_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    library = str(Path(os.__file__).parent)
    monkeypatch.chdir(library)
    monkeypatch.setattr(sys, "path", ["", library, f"{library}/lib-dynload"])
    assert library in module_path()


def test_what_runs_before_the_path_is_clean_imports_nothing_else() -> None:
    code = (
        "import runpy, sys; before = {*sys.modules}; import musicflamingo_cli.__main__; print(*{*sys.modules} - before)"
    )
    made = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    assert {name.split(".")[0] for name in made.split()} == {"musicflamingo_cli"}

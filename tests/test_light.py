"""Cheap commands load nothing dear, whatever is installed; who uses the package from Python keeps all of it."""

import subprocess
import sys
from typing import Any

import pytest

HEAVY = {"pandas", "torch", "transformers", "scipy", "matplotlib", "jinja2", "av", "soundfile", "soxr", "librosa"}
CODE = (
    "import sys; from musicflamingo_cli.cli import main; code = main(sys.argv[1:]); print(); print(code, *sys.modules)"
)


def loaded(*words: object, code: str = CODE) -> set[str]:
    """Run a command, which must go well, and return the modules that it loaded."""
    run = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=True)
    exit_code, *names = run.stdout.splitlines()[-1].split()
    assert exit_code == "0", run.stderr
    return set(names)


@pytest.fixture
def scored(bench: Any) -> Any:
    bench.songs(2)
    assert bench.score() == 0
    (bench.folder / "t.csv").write_text("song_id,x\na,1\nb,2.5\n")
    (bench.folder / "t.jsonl").write_text('{"song_id": "a", "x": [1, null]}\n{"song_id": "b", "x": [2]}\n')
    return bench


@pytest.mark.parametrize(
    "words",
    [
        ("score", "{songs}", "--engine", "fake", "--cache-dir", "{cache}", "--offline", "-o", "{out}.parquet"),
        ("score", "{songs}", "--engine", "fake", "--cache-dir", "{cache}", "-o", "{out}.csv"),
        ("score", "{songs}", "--engine", "fake", "--cache-dir", "{cache}", "--dry-run"),
        ("filter", "{table}", "--min", "0", "-o", "{out}.csv"),
        ("filter", "{folder}/t.csv", "--min", "x=2", "-o", "{out}.jsonl"),
        ("filter", "{folder}/t.jsonl", "--where", "len(x) > 1", "-o", "{out}.parquet"),
        ("filter", "{folder}/t.csv", "--scores", "{table}", "--top", "1", "-o", "{out}.parquet"),
        ("merge", "{table}", "-o", "{out}.parquet"),
        ("merge", "{folder}/t.csv", "--with", "a={table}", "--combine", "a=1", "-o", "{out}.csv"),
        ("report", "{table}"),
        ("report", "{table}", "--against", "{table}"),
        ("show", "song-0", "--cache-dir", "{cache}"),
        ("status", "{cache}"),
        ("filter", "--help"),
    ],
    ids=" ".join,
)
def test_a_cheap_command(scored: Any, words: tuple[str, ...]) -> None:
    folder = scored.folder
    names = {
        "songs": scored.manifest,
        "cache": folder / "cache",
        "table": scored.table,
        "out": folder / "o",
        "folder": folder,
    }
    assert loaded(*(word.format(**names) for word in words)) & HEAVY == set()


def test_a_page_draws_without_pandas(scored: Any) -> None:
    assert "pandas" not in loaded("report", scored.table, "--against", scored.table, "-o", scored.folder / "r.html")


def test_a_plan_for_the_model_loads_no_model_library(scored: Any) -> None:
    words = ("score", scored.manifest, "--engine", "flamingo", "--cache-dir", scored.folder / "cache", "--dry-run")
    assert loaded(*words) & {"torch", "transformers", "pandas"} == set()


def test_the_help_loads_what_it_shows() -> None:
    assert (
        loaded("--help") & {*HEAVY, "numpy", "pyarrow", "duckdb", "orjson", "tqdm", "httpcore2", "importlib.metadata"}
        == set()
    )


def test_who_calls_it_from_python_keeps_pandas(scored: Any) -> None:
    code = (
        "import sys; from musicflamingo_cli.cli import main; words = sys.argv[1:]; sys.argv[1:] = []\n"
        "code = main(words); import pandas as pd, pyarrow as pa\n"
        "assert pa.array(pd.Series([1.0, None])).null_count == 1; print(); print(code, *sys.modules)"
    )
    assert "pandas" in loaded("filter", scored.table, "--min", "0", "-o", scored.folder / "o.csv", code=code)


def test_the_program_may_still_import_pandas() -> None:
    code = "import sys; from musicflamingo_cli.processes import leave_out_pandas as l; l(); l()"
    code = f"{code}; import pandas; print(0, *sys.modules)"
    assert "pandas" in loaded(code=code)

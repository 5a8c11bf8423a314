"""`mfq report` as a user types it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.results.report.report_tables import CARD, five_songs, write


@pytest.fixture
def scored(bench: Any) -> Any:
    bench.songs(3, genre="rock")
    assert bench.score("--keep", "genre") == 0
    bench.capture.readouterr()
    return bench


def test_a_page_of_what_score_wrote(scored: Any) -> None:
    page = scored.folder / "report.html"
    assert scored.mfq("report", scored.table, "-o", page, "--audio-root", scored.folder) == 0
    told = scored.capture.readouterr()
    assert told.out == ""
    assert f"report: {page}" in told.err
    text = page.read_text("utf-8")
    assert "Song 2" in text
    assert f'src="{(scored.folder / "2.wav").as_uri()}"' in text


def test_without_output_it_prints(scored: Any) -> None:
    assert scored.mfq("report", scored.table) == 0
    out = scored.capture.readouterr().out
    assert "3 rows" in out
    assert "threshold on overall_quality_score" in out
    assert "Song 1" in out


def test_a_page_goes_to_standard_output(scored: Any) -> None:
    code = "from musicflamingo_cli.cli import run; run()"
    words = [sys.executable, "-c", code, "report", str(scored.table), "-o", "-"]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"<!DOCTYPE html>")
    assert done.stdout.rstrip().endswith(b"</html>")


def test_the_printed_form_needs_no_plotting_library(scored: Any) -> None:
    code = (
        "import sys; from musicflamingo_cli.cli import main; code = main(['report', sys.argv[1]]); "
        "assert code == 0; assert not {'matplotlib', 'jinja2', 'torch', 'soundfile', 'av', 'scipy'} & set(sys.modules)"
    )
    environment = {**os.environ, "COLUMNS": "60"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(scored.table)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) == 60


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.parquet"], "nowhere.parquet: there is no such file"),
        (["{table}", "-o", "{folder}/page.pdf"], "call it something.html"),
        (["{table}", "-o", "{folder}/none/page.html"], "there is no folder"),
        (["{table}", "-o", "{folder}/dir.html"], "is a folder"),
        (["{table}", "--score", "nothing"], "no column 'nothing' for --score"),
        (["{table}", "--songs", "-1"], "--songs"),
        (["{table}", "--against", "nowhere.parquet"], "nowhere.parquet: there is no such file"),
        (["{folder}/torn.parquet"], "torn.parquet: not a whole table"),
        (["{folder}/empty.parquet"], "is empty"),
    ],
)
def test_wrong_use_ends_with_2_and_words(words: list[str], said: str, bench: Any) -> None:
    (bench.folder / "dir.html").mkdir()
    (bench.folder / "torn.parquet").write_bytes(b"PAR1 and then nothing")
    (bench.folder / "empty.parquet").touch()
    write(bench.table, five_songs(), CARD)
    filled = [word.format(table=bench.table, folder=bench.folder) for word in words]
    assert bench.mfq("report", *filled) == 2
    assert said in bench.stderr()


def test_a_table_called_html_is_not_overwritten(bench: Any) -> None:
    table = bench.folder / "scores.html"
    write(table, five_songs(), CARD)
    before = table.read_bytes()
    assert bench.mfq("report", table, "-o", table) == 2
    assert table.read_bytes() == before


def test_a_failed_report_leaves_the_older_page(bench: Any) -> None:
    page = bench.folder / "page.html"
    page.write_text("older")
    assert bench.mfq("report", bench.folder / "none.parquet", "-o", page) == 2
    assert page.read_text() == "older"
    assert [p.name for p in bench.folder.iterdir() if p.name.startswith(".page")] == []


def test_the_older_run_is_compared(bench: Any) -> None:
    old, new = five_songs(), five_songs()
    new["overall_quality_score"] = [0.2, 0.7, 0.6, 0.9, None]
    write(bench.folder / "old.parquet", old, CARD)
    write(bench.table, new, CARD)
    assert bench.mfq("report", bench.table, "--against", bench.folder / "old.parquet") == 0
    out = bench.capture.readouterr().out
    assert "5 songs in both, 0 new, 0 gone" in out
    assert "gained a score: 1, lost it: 0" in out


def test_control_sequences_are_not_printed(bench: Any) -> None:
    columns = five_songs()
    columns["title"] = ["\x1b[31mred\x07"] * 5
    write(bench.table, columns, CARD)
    assert bench.mfq("report", bench.table) == 0
    out = bench.capture.readouterr().out
    assert "red" in out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_songs_says_how_many(bench: Any, tmp_path: Path) -> None:
    write(bench.table, five_songs(), CARD)
    page = tmp_path / "p.html"
    assert bench.mfq("report", bench.table, "-o", page, "--songs", 0) == 0
    assert '<li class="card song">' not in page.read_text("utf-8")


def test_a_terminal_without_unicode_is_no_error(bench: Any) -> None:
    write(bench.table, five_songs() | {"title": ["民謡", "\ud7ff", "é", "d", "e"]}, CARD)
    code = "from musicflamingo_cli.cli import run; run()"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(
        [sys.executable, "-c", code, "report", str(bench.table)], capture_output=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u6c11" in done.stdout

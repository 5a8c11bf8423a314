"""`--null-values`: what other tools write for no value is null, in every form and wherever a table is read."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main
from musicflamingo_cli.intake.manifest.manifest import ManifestOptions, open_manifest
from musicflamingo_cli.nulls import null_words

ROWS = [
    {"song_id": "a", "audio": "a.wav", "overall_quality_score": "0.75", "genre": "rock", "note": "ERRORS"},
    {"song_id": "b", "audio": "FAILED_RENDER", "overall_quality_score": " FAILED\u3000", "genre": "ERROR", "note": "x"},
    {"song_id": "ERROR", "audio": "c.wav", "overall_quality_score": "0.5", "genre": "error", "note": " ERROR "},
]
WORDS = ("--null-values", "FAILED_RENDER, ERROR,FAILED")
GENRES, NOTES = ["rock", None, "error"], ["ERRORS", "x", None]
FORMS = (
    *("csv", "quoted.csv", "tsv", "jsonl", "json", "songs.json", "by_id.json", "split.json", "columns.json"),
    *("parquet", "required.parquet", "large.parquet", "words.parquet"),
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(form: str) -> str:
    name = f"t.{form}"
    if form.endswith("parquet"):
        kind = {
            "large.parquet": pa.large_string(),
            "words.parquet": pa.dictionary(pa.int32(), pa.string()),
        }.get(form, pa.string())
        fields = [pa.field(column, kind, nullable=form != "required.parquet") for column in ROWS[0]]
        arrays = [pa.array([row[column] for row in ROWS], pa.string()).cast(kind) for column in ROWS[0]]
        pq.write_table(pa.table(arrays, schema=pa.schema(fields)), name)
    elif form.endswith(("csv", "tsv")):
        with Path(name).open("w", newline="") as file:
            # Our reader takes quotes for telling only where the header needs none.
            file.write(("\t" if form == "tsv" else ",").join(ROWS[0]) + "\n")
            quoting = csv.QUOTE_ALL if form == "quoted.csv" else csv.QUOTE_MINIMAL
            separator = "\t" if form == "tsv" else ","
            csv.writer(file, delimiter=separator, quoting=quoting).writerows(row.values() for row in ROWS)
    else:
        columns = list(ROWS[0])
        documents: dict[str, Any] = {
            "json": ROWS,
            "songs.json": {"songs": ROWS},
            "by_id.json": {row["song_id"]: {k: v for k, v in row.items() if k != "song_id"} for row in ROWS},
            "split.json": {"columns": columns, "index": [0, 1, 2], "data": [list(row.values()) for row in ROWS]},
            "columns.json": {c: {str(i): row[c] for i, row in enumerate(ROWS)} for c in columns},
        }
        lines = "\n".join(map(json.dumps, ROWS)) if form == "jsonl" else json.dumps(documents[form])
        Path(name).write_text(lines + "\n")
    return name


def column(name: str, table: str = "out.parquet") -> list[Any]:
    return pq.read_table(table).column(name).to_pylist()


@pytest.mark.parametrize("form", FORMS)
def test_a_filter_takes_the_words_for_null(form: str) -> None:
    name = write(form)
    assert main(["filter", name, "--where", "true", "-o", "out.parquet", *WORDS]) == 0
    assert column("song_id") == ["a", "b", None]
    assert (column("genre"), column("note")) == (GENRES, NOTES)
    assert [None if v is None else float(v) for v in column("overall_quality_score")] == [0.75, None, 0.5]
    assert main(["filter", name, "--where", "genre is null", "--ids", "ids.txt", *WORDS]) == 0
    assert Path("ids.txt").read_text() == "b\n"
    assert main(["filter", name, "--where", "true", "-o", "out.csv", *WORDS]) == 0
    with Path("out.csv").open(newline="") as file:
        assert [row["genre"] for row in csv.DictReader(file)] == ["rock", "", "error"]
    assert main(["filter", name, "--where", "genre is null", "-o", "none.jsonl"]) == 0
    assert Path("none.jsonl").read_text() == ""


@pytest.mark.parametrize("form", FORMS)
def test_a_row_without_an_id_meets_no_song(form: str) -> None:
    name = write(form)
    Path("songs.jsonl").write_text('{"song_id": "a"}\n{"song_id": "ERROR"}\n')
    assert main(["filter", "songs.jsonl", "--scores", name, "--where", "true", "-o", "out.parquet", *WORDS]) == 0
    assert (column("song_id"), column("note")) == (["a", None], ["ERRORS", None])
    assert main(["merge", name, "-o", "out.parquet", "--rejects", "rejects.jsonl", *WORDS]) == 0
    assert column("song_id") == ["a", "b"]
    assert [None if v is None else float(v) for v in column("overall_quality_score")] == [0.75, None]
    (reject,) = map(json.loads, Path("rejects.jsonl").read_text().splitlines())
    assert (reject["reason"], reject["place"]) == ("no_id", "row 3")
    assert main(["merge", "songs.jsonl", "--with", f"x={name}", "-o", "out.parquet", *WORDS]) == 0
    assert (column("song_id"), column("genre")) == (["a", None], ["rock", None])


def test_a_merge_names_the_option_where_a_word_stands_in_a_column_of_numbers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pq.write_table(pa.table({"song_id": ["c"], "status": ["ok"], "overall_quality_score": [0.25]}), "a.parquet")
    Path("t.csv").write_text("song_id,status,overall_quality_score\na,ok,0.5\nb,ok,n/a\n")
    assert main(["merge", "a.parquet", "t.csv", "-o", "out.parquet"]) == 2
    told = capsys.readouterr().err
    assert "t.csv row 2: column 'overall_quality_score' holds 'n/a'" in told
    assert "--null-values n/a" in told
    assert main(["merge", "a.parquet", "t.csv", "-o", "out.parquet", "--null-values", "n/a"]) == 0
    assert column("overall_quality_score") == [0.25, 0.5, None]


def test_a_word_that_looks_like_a_formula_is_found_in_our_own_csv() -> None:
    Path("t.jsonl").write_text('{"song_id": "a", "mood": "-"}\n{"song_id": "b", "mood": "-1"}\n')
    assert main(["filter", "t.jsonl", "--where", "true", "-o", "t.csv"]) == 0
    assert main(["filter", "t.csv", "--where", "true", "-o", "out.parquet", "--null-values", "-"]) == 0
    assert column("mood") in ([None, "-1"], [None, -1])


def test_a_column_of_numbers_and_words_is_one_of_numbers() -> None:
    Path("t.jsonl").write_text(
        '{"song_id": "a", "n": 0.5}\n{"song_id": "b", "n": "N/A"}\n{"song_id": "c", "n": 0.75}\n'
    )
    assert main(["filter", "t.jsonl", "--min", "n=0.6", "-o", "out.parquet", "--null-values", "N/A"]) == 0
    assert (column("song_id"), column("n")) == (["c"], [0.75])


def test_a_folder_named_by_a_word_has_no_value() -> None:
    for genre in ("rock", "ERROR"):
        Path("t", f"genre={genre}").mkdir(parents=True)
        pq.write_table(pa.table({"song_id": [genre]}), f"t/genre={genre}/x.parquet")
    assert main(["filter", "t", "--where", "genre is null", "-o", "out.parquet", *WORDS]) == 0
    assert (column("song_id"), column("genre")) == ([None], [None])


def test_lists_and_numbers_are_no_words() -> None:
    Path("t.jsonl").write_text('{"song_id": "a", "tags": ["ERROR"], "n": -1}\n')
    assert main(["filter", "t.jsonl", "--where", "true", "-o", "out.jsonl", "--null-values", "ERROR,-1"]) == 0
    assert json.loads(Path("out.jsonl").read_text()) == {"song_id": "a", "tags": ["ERROR"], "n": -1}


def test_a_report_counts_them_as_missing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text("song_id,overall_quality_score\na,0.5\nb,n/a\nc,0.75\n")
    Path("old.csv").write_text("song_id,overall_quality_score\na,0.25\nb,n/a\nc,0.75\n")
    assert main(["report", "t.csv", "--against", "old.csv", "--null-values", "n/a"]) == 0
    assert "overall_quality_score" in capsys.readouterr().out
    assert main(["report", "t.csv", "--score", "overall_quality_score"]) == 2


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("split.json", "columns.json")])
def test_a_manifest_takes_the_words_for_null(form: str) -> None:
    options = ManifestOptions(columns=("genre", "note"), nulls=null_words(WORDS[1]))
    with open_manifest(write(form), options) as manifest:
        found = [(row.song_id, row.audio, *row.columns.values()) for row in manifest.rows()]
    told = zip(["a", "b", None], ["a.wav", None, "c.wav"], GENRES, NOTES, strict=True)
    assert found == list(told)


def test_a_run_says_why_such_rows_are_not_heard() -> None:
    words = ("--engine", "fake", "--no-cache", "--keep", "note", *WORDS)
    assert main(["score", write("csv"), "-o", "out.parquet", *words]) == 1
    assert (column("reason"), column("note")) == (["not_found", "no_audio", "no_id"], NOTES)


def test_captions_and_settings_take_the_words_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFQ_NULL_VALUES", "ERROR")
    assert main(["caption", write("csv"), "-o", "out.parquet", "--engine", "fake", "--no-cache"]) == 1
    assert column("song_id") == ["a", "b", None]

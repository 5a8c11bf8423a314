import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.errors import OutputError, UsageError
from musicflamingo_cli.results.write.formats import Layout, check_output, format_of, output, sweep_parts, write_table

SCHEMA = pa.schema(
    [
        ("song_id", pa.string()),
        ("title", pa.string()),
        ("overall_quality_score", pa.float64()),
        ("good", pa.float64()),
        ("audio_flags", pa.list_(pa.string())),
    ]
)
LAYOUT = Layout(SCHEMA, ("good",), lambda: {"rows": 2})
ROWS: list[dict[str, Any]] = [
    {"song_id": "a", "title": "=1+1", "overall_quality_score": 0.5, "good": 0.25, "audio_flags": ["clipped"]},
    {"song_id": "-b", "title": "x\ny", "overall_quality_score": None},
]


def written(form: str) -> bytes:
    file = io.BytesIO()
    write_table(iter(ROWS), LAYOUT, file, form)
    return file.getvalue()


def test_parquet_holds_the_rows_and_the_card() -> None:
    table = pq.read_table(io.BytesIO(written("parquet")))
    assert table.to_pylist()[1] == {
        "song_id": "-b",
        "title": "x\ny",
        "overall_quality_score": None,
        "good": None,
        "audio_flags": None,
    }
    assert json.loads(table.schema.metadata[b"mfq.run"]) == {"rows": 2}


def test_an_empty_table_is_a_table() -> None:
    for form in ("parquet", "jsonl", "csv", "json"):
        file = io.BytesIO()
        write_table(iter([]), LAYOUT, file, form)
        if form == "parquet":
            assert pq.read_table(io.BytesIO(file.getvalue())).schema.names == SCHEMA.names
        if form == "json":
            assert json.loads(file.getvalue()) == {}


def test_json_lines_name_every_column() -> None:
    lines = [json.loads(line) for line in written("jsonl").splitlines()]
    assert [list(line) for line in lines] == [SCHEMA.names] * 2


def test_csv_neutralises_formulas_and_keeps_line_breaks() -> None:
    cells = list(csv.reader(io.StringIO(written("csv").decode(), newline="")))
    assert cells[1] == ["a", "'=1+1", "0.5", "0.25", '["clipped"]']
    assert cells[2] == ["'-b", "x\ny", "", "", ""]


def test_a_negative_number_is_no_formula() -> None:
    file = io.BytesIO()
    write_table(iter([{"song_id": "a", "good": -1.5}]), LAYOUT, file, "csv")
    assert b",-1.5," in file.getvalue()


def test_old_json_holds_only_songs_with_scores() -> None:
    assert json.loads(written("json")) == {
        "a": {"song_id": "a", "title": "=1+1", "scores": {"good": 0.25, "overall_quality_score": 0.5}}
    }


@pytest.mark.parametrize(
    ("path", "wanted", "form"),
    [
        ("a.parquet", None, "parquet"),
        ("a.CSV", None, "csv"),
        ("a", None, "parquet"),
        ("-", None, "jsonl"),
        ("a.csv", "json", "json"),
    ],
)
def test_the_suffix_tells_the_format(path: str, wanted: str | None, form: str) -> None:
    assert format_of(path, wanted) == form


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UsageError, match=r"can't tell the format from '\.xlsx'"):
        format_of("a.xlsx", None)


def test_outputs_that_can_not_be_are_refused_early(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="standard output"):
        check_output("-", "parquet")
    with pytest.raises(UsageError, match="is a folder"):
        check_output(str(tmp_path), "csv")
    with pytest.raises(UsageError, match="there is no folder"):
        check_output(str(tmp_path / "no" / "x.csv"), "csv")
    source = tmp_path / "songs.csv"
    source.touch()
    (tmp_path / "link.csv").symlink_to(source)
    with pytest.raises(UsageError, match="is what is read"):
        check_output(str(tmp_path / "link.csv"), "csv", ("-", str(source)))


def test_an_output_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    target.write_text("old")
    with pytest.raises(OutputError, match=r"x\.csv: No space"), output(str(target)) as file:
        file.write(b"half")
        raise OSError(28, "No space left on device")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]
    with output(str(target)) as file:
        file.write(b"new")
    assert target.read_text() == "new"


def test_sweeping_takes_only_this_outputs_part_files(tmp_path: Path) -> None:
    for name in (".x[1].csv.0123abcd.part", ".y.csv.0123abcd.part"):
        (tmp_path / name).touch()
    sweep_parts(str(tmp_path / "x[1].csv"))
    assert [p.name for p in tmp_path.iterdir()] == [".y.csv.0123abcd.part"]

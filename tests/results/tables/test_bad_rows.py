"""Rows of CSV that can't be read: named by their line, and set aside where --rejects is given."""

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main

HEAD = b"song_id,overall_quality_score,note\n"
FIRST = b'a,0.5,"two\nlines"\n'
"""Lines 2 and 3."""
LAST = b"c,0.75,x\nd,0.25,x\n"
BAD = {
    "short": (b"b,0.5\n", "2 cells, but the header has 3"),
    "long": (b"b,0.5,x,y\n", "4 cells, but the header has 3"),
    "encoding": (b"b,0.5,M\xfcnchen\n", "not UTF-8"),
    "open quote": (b'b,0.5,"x\n', "a quote that is never closed"),
    "open quote in a short row": (b'b,"0.5\n', "a quote that is never closed"),
}
ASIDE = ("-o", "out.parquet", "--rejects", "r.jsonl")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ids() -> list[str]:
    return pq.read_table("out.parquet").column("song_id").to_pylist()


def rejects() -> list[tuple[str, str, str]]:
    found = [json.loads(line) for line in Path("r.jsonl").read_text().splitlines()]
    assert {one["table"] for one in found} <= {"s.csv", "s.tsv", "s.csv.gz"}
    return [(one["place"], one["reason"], one["error"]) for one in found]


@pytest.mark.parametrize("row", BAD)
@pytest.mark.parametrize("form", ["csv", "tsv", "csv.gz", "crlf", "bom"])
def test_a_row_that_cannot_be_read_is_a_reject_with_its_line(
    row: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, why = BAD[row]
    whole = HEAD + FIRST + bad + LAST
    name = {"crlf": "s.csv", "bom": "s.csv"}.get(form, f"s.{form}")
    whole = whole.replace(b",", b"\t") if form == "tsv" else whole
    whole = whole.replace(b"\n", b"\r\n") if form == "crlf" else whole
    whole = b"\xef\xbb\xbf" + whole if form == "bom" else whole
    Path(name).write_bytes(gzip.compress(whole) if form == "csv.gz" else whole)
    assert main(["merge", name, "-o", "out.parquet"]) == 2
    told = capsys.readouterr().err
    assert f"{name} line 4: " in told
    assert why in told
    assert "--rejects FILE" in told
    assert not Path("out.parquet").exists()
    assert main(["merge", name, *ASIDE]) == 0
    assert ids() == ["a", "c", "d"]
    ((place, reason, error),) = rejects()
    assert (place, reason) == ("line 4", "bad_row")
    assert why in error
    assert "1 rejected as bad_row (first: " in capsys.readouterr().err
    assert main(["merge", "--with", f"x={name}", *ASIDE]) == 0
    assert len(rejects()) == 1
    assert main(["filter", name, "--where", "true", "-o", "kept.parquet"]) == 2
    told = capsys.readouterr().err
    assert f"{name} line 4: " in told
    assert "--rejects" not in told


def test_values_and_types_are_those_of_the_rows_that_can_be_read() -> None:
    Path("s.csv").write_bytes(HEAD + FIRST + b"nonsense\n,,,,\n" + LAST + b'e,1,"None"\nf,1,None\n')
    assert main(["merge", "s.csv", *ASIDE]) == 0
    assert [place for place, _, _ in rejects()] == ["line 4", "line 5"]
    table = pq.read_table("out.parquet").to_pydict()
    assert table["overall_quality_score"] == [0.5, 0.75, 0.25, 1.0, 1.0]
    assert table["note"] == ["two\nlines", "x", "x", "None", None]


def test_a_bad_row_far_into_a_file_has_its_line() -> None:
    rows = b"".join(b"s%d,0.5,%s\n" % (i, b"x" * 100) for i in range(50_000))
    assert len(rows) > 5 << 20
    Path("s.csv").write_bytes(HEAD + rows + b"torn\n" + LAST)
    assert main(["merge", "s.csv", *ASIDE]) == 0
    assert [place for place, _, _ in rejects()] == ["line 50002"]
    assert len(ids()) == 50_002


def test_several_lines_in_the_last_cell_are_no_trouble() -> None:
    Path("s.csv").write_bytes(HEAD + LAST + b'e,1,"two\nlines"\n')
    assert main(["merge", "s.csv", *ASIDE]) == 0
    assert (ids(), rejects()) == (["c", "d", "e"], [])
    assert main(["merge", "s.csv", "-o", "out.parquet"]) == 0


def test_a_file_of_which_no_row_can_be_read_has_no_rows() -> None:
    Path("s.csv").write_bytes(HEAD + b"torn\n")
    assert main(["merge", "s.csv", *ASIDE]) == 0
    assert (ids(), len(rejects())) == ([], 1)


def test_a_row_of_pandas_table_orient_that_is_no_object_is_a_reject() -> None:
    song = {"song_id": "a", "overall_quality_score": 0.5}
    document = {"schema": {"fields": [], "primaryKey": ["index"]}, "data": [{"index": 0, **song}, 7]}
    Path("s.json").write_text(json.dumps(document))
    assert main(["merge", "s.json", *ASIDE]) == 0
    assert ids() == ["a"]
    assert json.loads(Path("r.jsonl").read_text())["place"] == "element 2"

"""CSV: any table of text comes back as it was, from our reader and from others', and no cell of it is a formula."""

import csv
import io
import json
import re
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from musicflamingo_cli.cli import main
from musicflamingo_cli.results.csv_text import unguarded
from musicflamingo_cli.results.tables.csv_table import stage_csv
from musicflamingo_cli.results.write.formats import Layout, write_table

WORD = "word"
"""In a row of its own, so that every column is one of text."""
NO_WIDTH = "\u200b\u200e\u2060\ufeff\xad"
HARD = ["\r\n", *NO_WIDTH, *"\r\n\",;\t'=+-@＝ \0\x85\x0b\u2028"]
CELL = st.one_of(
    st.none(),
    st.sampled_from(["", " ", "nan", "None", "null", "NaT", " nan ", "FAILED", "true", "1e5", "007", '""', "'", "''="]),
    st.lists(st.one_of(st.sampled_from(HARD), st.text(max_size=3)), max_size=5).map("".join),
)
Rows = list[tuple[str | None, ...]]


def written(names: list[str], rows: Rows) -> bytes:
    file = io.BytesIO()
    layout = Layout(pa.schema([(name, pa.string()) for name in names]), (), dict)
    write_table((dict(zip(names, row, strict=True)) for row in rows), layout, file, "csv")
    return file.getvalue()


def is_live(cell: str) -> bool:
    """Return whether a spreadsheet may run a cell: by what stands first, once all that it may drop is gone.

    A mere number, `-1`, is none that it runs.
    """
    if re.fullmatch(r"[+-](\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", cell, re.ASCII):
        return False
    seen = "".join(c for c in cell if unicodedata.category(c) not in ("Cc", "Zs", "Zl", "Zp") and c not in NO_WIDTH)
    return seen.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) or cell.startswith(("\t", "\r", "\n"))


@given(st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[CELL] * width), min_size=1, max_size=4)))
@example([("x\r=HYPERLINK(1)", "\r=1"), ("=1", "'=1"), (" =1", "''=1"), ("\ufeff+1", "\u200b@x"), (None, "")])
@example([("a;b", "c|d"), ("\x1cx", "x\u2029"), ("None", "a\r\n")])
@settings(max_examples=200, deadline=None)
def test_any_table_of_text_comes_back(rows: Rows) -> None:
    names = [f"c{i}" for i in range(len(rows[0]))]
    rows = [*rows, (WORD,) * len(names)]
    raw = written(names, rows)
    bare = [names, *([cell or "" for cell in row] for row in rows)]
    python = list(csv.reader(io.StringIO(raw.decode(), newline="")))
    assert [[unguarded(cell) for cell in row] for row in python] == bare
    assert not [cell for row in python for cell in row if is_live(cell)]
    pandas = pd.read_csv(io.BytesIO(raw), header=None, dtype=str, keep_default_na=False)
    assert pandas.to_numpy().tolist() == python
    with TemporaryDirectory() as folder:
        (work := Path(folder) / "t.csv").write_bytes(raw)
        (table,) = stage_csv(str(work), Path(folder)).batches()
        # A line that holds nothing is no row, so a null alone in its row has to be written as a text.
        alone = [tuple(cell or "" for cell in row) for row in rows] if len(names) == 1 else rows
        assert list(zip(*table.to_pydict().values(), strict=True)) == alone


@pytest.mark.parametrize("name", ["a\rb", "=1+1", "\ufeffa", "a;b,c", "", "'=x", "None", " a "])
def test_a_name_comes_back_whatever_it_holds(name: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for names in ([name, "b"], ["b", name]):
        path.write_bytes(written(names, [("x", None), ("y", "")]))
        table = stage_csv(str(path), tmp_path)
        assert table.schema.names == names
        assert next(iter(table.batches())).to_pydict() == {names[0]: ["x", "y"], names[1]: [None, ""]}


def test_a_filtered_table_of_odd_cells_is_read_again(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "a": "x\r=HYPERLINK(1)", "b": None},
        {"id": "2", "a": "", "b": " y"},
        {"id": "3", "a": "nan", "b": ""},
    ]
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = [tmp_path / name for name in ("k.csv", "again.csv", "back.jsonl")]
    for source, target in zip([tmp_path / "s.jsonl", *out], out, strict=False):
        assert main(["filter", str(source), "-o", str(target)]) == 0
    assert out[0].read_bytes() == out[1].read_bytes()
    assert [json.loads(line) for line in out[2].read_text().splitlines()] == rows


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC, csv.QUOTE_MINIMAL])
def test_where_all_is_in_quotes_they_say_nothing(quoting: int, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    columns = {"id": ["1", "2"], "genre": ["rock", None], "bpm": [90.5, None]}
    pd.DataFrame(columns).to_csv(path, quoting=quoting, index=False)
    (table,) = stage_csv(str(path), tmp_path).batches()
    assert table.to_pydict() == columns

"""Rows that pass come out as they went in, while rules read numbers as numbers."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicflamingo_cli.cli import main
from musicflamingo_cli.results.spelling import is_held, twins_for
from musicflamingo_cli.results.tables.open import open_table
from musicflamingo_cli.results.tables.table import Reading
from musicflamingo_cli.results.write.parquet import write_text

SONGS = """id,ver,n,flag,bpm,long,title,plays,date
1,10.10,1e5,TRUE,120.0,0.1234567890123456789012,None,nan,2024-01-02
2,10.1,+5,false,98.50,0.5,"None",3,2024-01-03
3,10.100,-0.0,True,.5,1e-3,"x, y",FAILED,2024-01-04
007,1_000,5.,FALSE,5e0,2,,1,
"""
LONG = "0.1234567890123456789012"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("songs.csv").write_text(SONGS)


def mfq(*words: object) -> int:
    return main(list(map(str, words)))


RULES = ("--where", "n >= -1 AND bpm > 0.25 AND long <= 2", "--min", "bpm=0.5", "--max", "n=1e5")


def test_csv_rows_come_out_as_they_were_written() -> None:
    assert mfq("filter", "songs.csv", *RULES, "-o", "kept.csv") == 0
    assert Path("kept.csv").read_text() == SONGS
    assert mfq("filter", "songs.csv", "--min", "bpm=98.5", "-o", "kept.csv", "--dropped", "dropped.csv") == 0
    assert Path("kept.csv").read_text().splitlines() == SONGS.splitlines()[:3]
    assert Path("dropped.csv").read_text().splitlines()[1].startswith(SONGS.splitlines()[3])


def test_a_merge_leaves_cells_as_they_were_written() -> None:
    lines = SONGS.splitlines(keepends=True)
    Path("a.csv").write_text("".join(lines[:3]))
    Path("b.csv").write_text("".join([lines[0], *lines[3:]]))
    assert mfq("merge", "a.csv", "b.csv", "-o", "merged.csv") == 0
    assert Path("merged.csv").read_text() == SONGS
    Path("more.csv").write_text("id,ver,energy\n1,2.50,1e-1\n007,3.0,+0.20\n")
    assert mfq("merge", "songs.csv", "--with", "aes=more.csv", "-o", "merged.csv") == 0
    rows = list(csv.DictReader(io.StringIO(Path("merged.csv").read_text())))
    assert [(r["ver"], r["ver_aes"], r["energy"]) for r in rows] == [
        ("10.10", "2.50", "1e-1"),
        ("10.1", "", ""),
        ("10.100", "", ""),
        ("1_000", "3.0", "+0.20"),
    ]
    assert rows[0] == {**rows[0], "n": "1e5", "long": LONG}


def test_in_json_lines_a_number_keeps_its_digits() -> None:
    assert mfq("filter", "songs.csv", "-o", "kept.jsonl") == 0
    rows = [json.loads(line, parse_float=str) for line in Path("kept.jsonl").read_text().splitlines()]
    assert [row["n"] for row in rows] == ["1e5", "5.0", "-0.0", "5.0"]
    assert [row["long"] for row in rows] == [LONG, "0.5", "1e-3", 2]
    assert [(row["title"], row["plays"], row["flag"]) for row in rows[:2]] == [(None, None, True), ("None", 3, False)]


def test_parquet_holds_every_digit_or_the_text() -> None:
    assert mfq("filter", "songs.csv", *RULES, "-o", "kept.parquet", "--dropped", "none.csv") == 0
    table = pq.read_table("kept.parquet")
    assert table.schema.names == SONGS.splitlines()[0].split(",")
    assert table["long"].to_pylist() == [Decimal(LONG), Decimal("0.5"), Decimal("0.001"), Decimal(2)]
    assert table["bpm"].to_pylist() == [120.0, 98.5, 0.5, 5.0]
    assert table["ver"].to_pylist() == ["10.10", "10.1", "10.100", "1_000"]
    assert mfq("filter", "kept.parquet", "--max", "long=0.2", "-o", "again.jsonl") == 0
    assert LONG in Path("again.jsonl").read_text()
    Path("odd.csv").write_text(f"id,x\n1,{LONG}\n2,1e300\n")
    assert mfq("filter", "odd.csv", "--min", "x=0.1", "-o", "odd.parquet") == 0
    assert pq.read_table("odd.parquet")["x"].to_pylist() == [LONG, "1e300"]


ROWS = [
    {"id": 1, "big": 2**53 + 1, "huge": 12345678901234567890123, "mix": 1, "o": {"a": 1, "b": [1, "x"]}, "i": 1},
    {"id": 2, "big": 3, "huge": 5, "mix": "a", "o": {"b": 2}, "i": 2.5},
    {"id": 3, "big": 3, "huge": -5, "mix": [True], "o": {}, "i": 2**53 + 1},
]


@pytest.mark.parametrize("command", [("filter",), ("filter", "--min", "i=1", "--where", "huge < 1e30"), ("merge",)])
@pytest.mark.parametrize("form", ["lines", "list"])
def test_json_values_keep_their_digits_and_types(command: tuple[str, ...], form: str) -> None:
    name = "s.jsonl" if form == "lines" else "s.json"
    Path(name).write_text("\n".join(map(json.dumps, ROWS)) if form == "lines" else json.dumps(ROWS))
    verb, *rules = command
    assert mfq(verb, name, *rules, "-o", "out.jsonl") == 0
    found = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert found == ([{**row, "id": str(row["id"])} for row in ROWS] if verb == "merge" else ROWS)
    assert mfq(verb, name, *rules, "-o", "out.parquet") == 0
    table = pq.read_table("out.parquet")
    assert table["huge"].to_pylist() == [row["huge"] for row in ROWS]
    assert table["i"].to_pylist() == [Decimal(1), Decimal("2.5"), Decimal(2**53 + 1)]


def test_a_long_number_of_json_comes_out_whole() -> None:
    Path("s.json").write_text(f'{{"songs": [{{"id": "a", "x": {LONG}}}, {{"id": "b", "x": 1e-3}}]}}')
    assert mfq("filter", "s.json", "--max", "x=0.2", "-o", "kept.csv") == 0
    assert Path("kept.csv").read_text() == f"id,x\na,{LONG}\nb,0.001\n"


def test_numbers_among_text_come_out_as_written_also_below_zero() -> None:
    cells = ["-14.2", "n/a", "+5", "-.5e3", "'-14.2 LUFS", "'+49 30", "'-1-1", "'--1"]
    text = "id,loudness\n" + "".join(f"s{i},{cell}\n" for i, cell in enumerate(cells))
    Path("s.csv").write_text(text)
    assert mfq("filter", "s.csv", "-o", "kept.csv") == 0
    assert Path("kept.csv").read_text() == text


@pytest.mark.parametrize(
    "number",
    ["9007199254740993.0", "0.12345678901234567", "1234567890123456.7", "9007199254740993e0", "-9223372036854775809"],
)
@pytest.mark.parametrize("form", ['{{"id": "a", "x": {0}}}', '{{ "id":"\\u00e9",\t"x": [{{"y" : {0}}}] }}'])
def test_a_json_number_that_no_double_holds_keeps_its_digits(number: str, form: str) -> None:
    Path("s.jsonl").write_text(form.format(number) + "\n")
    assert mfq("filter", "s.jsonl", "-o", "kept.jsonl") == 0
    assert number in Path("kept.jsonl").read_text()


@pytest.mark.parametrize(
    ("digits", "held"),
    [
        ("0.1", True),
        ("0.30000000000000004", True),
        ("2.999999999999999889e-01", True),  # 0.3 as numpy.savetxt writes it
        ("0.30000001192092895508", True),  # float32 0.3, to 20 places
        (LONG, False),
        ("9007199254740993", False),
        ("1e999", False),
        ("0.0", True),
        ("5e-324", True),
    ],
)
def test_what_a_double_holds(digits: str, held: bool) -> None:
    assert is_held(digits, float(digits)) is held


CELLS = st.sampled_from(["1", "007", "1.50", "1e5", "+5", ".5", "-0", "TRUE", "false", "nan", "", "x", "-1", "1e-400"])
NUMBERS = st.one_of(CELLS, st.decimals(allow_nan=False, allow_infinity=False).map(str), st.integers().map(str))
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text("ab\r")
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)),
    max_leaves=4,
)


def passed(name: str, text: str, form: str) -> str:
    """Return what becomes of a file that is staged and written again as it is."""
    with TemporaryDirectory() as folder:
        (path := Path(folder) / name).write_text(text)
        table = open_table(str(path), Path(folder), Reading(twins_for([form])))
        file = io.BytesIO()
        write_text(table.files[0], file, form, ())
        return file.getvalue().decode()


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_cells_of_csv_pass_as_written(rows: list[tuple[str, str]]) -> None:
    text = "id,a,b\n" + "".join(f"{i},{a},{b}\n" for i, (a, b) in enumerate(rows))
    found = list(csv.reader(io.StringIO(passed("t.csv", text, "csv"))))
    # What spreadsheets run as a formula is guarded where it is no number.
    assert [[c.removeprefix("'") for c in row] for row in found] == list(csv.reader(io.StringIO(text)))


@given(st.lists(st.fixed_dictionaries({"id": st.just("x"), "a": VALUES, "b": VALUES}), min_size=2, max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_values_of_json_pass_as_they_are(rows: list[dict[str, object]]) -> None:
    lines = [json.dumps({name: row[name] for name in ("id", "a", "b")}) for row in rows]
    found = passed("t.jsonl", "\n".join(lines), "jsonl").splitlines()
    assert [json.dumps(json.loads(line)) for line in found] == lines

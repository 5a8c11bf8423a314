"""Tables that pandas writes from ours are read by filter, merge and report, in every form that it has."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main
from musicflamingo_cli.results.schema import DETAIL, TIME

NOTHING = {"obtained": None, "written": None, "expected": None, "std": None, "mass": None}
ROWS = [
    {
        "song_id": song_id,
        "status": "ok" if score is not None else "failed",
        "reason": None if score is not None else "missing",
        "overall_quality_score": score,
        "prompt_tokens": None if score is None else 100,
        "truncated": None if score is None else True,
        "scored_at": datetime(2026, 12, 1, 3, 44, 53, 453000, UTC),
        "repairs": repairs,
        "quality": score,
        "quality_detail": None if score is None else {**NOTHING, "obtained": "json", "written": score},
    }
    for song_id, score, repairs in (("a", 0.75, []), ("b, c", None, ["closed", "it's"]), ("7", 0.5, ["x", "closed"]))
]
KINDS = {
    **{name: pa.string() for name in ("song_id", "status", "reason")},
    "overall_quality_score": pa.float64(),
    "prompt_tokens": pa.int64(),
    "truncated": pa.bool_(),
    "scored_at": TIME,
    "repairs": pa.list_(pa.string()),
    "quality": pa.float64(),
    "quality_detail": DETAIL,
}
SCHEMA = pa.schema(list(KINDS.items()))
Write = Callable[[pd.DataFrame], object]
ORIENTS = ("records", "columns", "index", "split", "table")


def as_json(name: str, orient: str, date_format: str = "epoch", **more: object) -> Write:
    date_format = "iso" if orient == "table" else date_format
    return lambda t: t.to_json(name, orient=orient, date_format=date_format, **more)


def by_id(write: Write) -> Write:
    return lambda t: write(t.set_index("song_id"))


def some(write: Write) -> Write:
    return lambda t: write(t[t.song_id != "a"])


FORMS: dict[str, Write] = {
    "plain.csv": lambda t: t.to_csv("plain.csv", index=False),
    "index.csv": lambda t: t.to_csv("index.csv"),
    "named.csv": by_id(lambda t: t.to_csv("named.csv")),
    "filtered.csv": some(lambda t: t.to_csv("filtered.csv")),
    "lines.jsonl": as_json("lines.jsonl", "records", lines=True),
    "iso.json": as_json("iso.json", "records", "iso"),
    "micro.json": as_json("micro.json", "records", date_unit="us"),
    **{f"{orient}.json": as_json(f"{orient}.json", orient) for orient in ORIENTS},
    **{f"by_id_{o}.json": by_id(as_json(f"by_id_{o}.json", o)) for o in ORIENTS if o != "records"},
    **{f"filtered_{o}.json": some(as_json(f"filtered_{o}.json", o)) for o in ORIENTS},
    "plain.parquet": lambda t: t.to_parquet("plain.parquet", index=False),
    "index.parquet": lambda t: t.to_parquet("index.parquet", index=True),
    "filtered.parquet": some(lambda t: t.to_parquet("filtered.parquet")),
    "named.parquet": by_id(lambda t: t.to_parquet("named.parquet")),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.Table.from_pylist(ROWS, schema=SCHEMA), "ours.parquet")


def mfq(*words: object) -> int:
    return main(list(map(str, words)))


@pytest.mark.filterwarnings("ignore:'epoch' date format")
@pytest.mark.parametrize("name", FORMS)
def test_a_table_that_pandas_wrote_is_ours(name: str) -> None:
    frame = pd.read_parquet("ours.parquet")
    # A list with an apostrophe in it is printed with other quotes; only then no reader could tell its ends.
    frame["repairs"] = [[word.replace("'", "") for word in words] for words in frame["repairs"]]
    FORMS[name](frame)
    want = [{**row, "repairs": [word.replace("'", "") for word in row["repairs"]]} for row in ROWS]
    want = [row for row in want if not (name.startswith("filtered") and row["song_id"] == "a")]
    assert mfq("merge", name, "-o", "merged.parquet") == 0
    table = pq.read_table("merged.parquet").select(SCHEMA.names)
    assert table.schema.field("scored_at").type == TIME
    assert table.to_pylist() == want
    assert mfq("filter", name, "--min", 0.5, "--where", "status = 'ok'", "-o", "kept.jsonl") == 0
    kept = [json.loads(line)["song_id"] for line in Path("kept.jsonl").read_text().splitlines()]
    assert [str(song_id) for song_id in kept] == [row["song_id"] for row in want if row["status"] == "ok"]
    assert mfq("filter", "ours.parquet", "--scores", name, "--min", "scores.quality=0.5", "-o", "kept.jsonl") == 0
    assert mfq("report", name) == 0


DETAIL_PRINTED = "{'obtained': 'json', 'written': 1e-05, 'expected': nan, 'std': None, 'mass': nan}"


def test_numpy_prints_lists_without_commas() -> None:
    pd.read_parquet("ours.parquet").head(0).to_csv("plain.csv", index=False)
    row = "a,ok,,0.5,3.0,True,2026-12-01 03:44:53.453000+00:00,"
    row += f"\"['x' 'clo'\n 'y']\",0.5,\"{DETAIL_PRINTED}\"\n"
    Path("plain.csv").write_text(Path("plain.csv").read_text() + row)
    assert mfq("merge", "plain.csv", "-o", "merged.parquet") == 0
    (found,) = pq.read_table("merged.parquet").to_pylist()
    assert found["repairs"] == ["x", "clo", "y"]
    assert found["quality_detail"] == {**NOTHING, "obtained": "json", "written": 1e-05}
    assert found["prompt_tokens"] == 3


@pytest.mark.parametrize("orient", ORIENTS)
def test_a_row_without_an_id_gets_none(orient: str) -> None:
    table = pd.DataFrame({"id": [None, 1.0, 0.0], "overall_quality_score": [0.5, 0.6, 0.7]})
    table.to_json("t.json", orient=orient)
    assert mfq("filter", "t.json", "-o", "kept.jsonl") == 0
    kept = [json.loads(line) for line in Path("kept.jsonl").read_text().splitlines()]
    assert [row.get("song_id", row.get("id")) for row in kept] == [None, 1, 0]


@pytest.mark.parametrize("command", [("filter",), ("merge",), ("report",), ("merge", "ours.parquet", "--with")])
def test_values_without_names_are_refused_in_plain_words(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    pd.read_parquet("ours.parquet").to_json("values.json", orient="values", date_format="iso")
    last = "x=values.json" if command[-1] == "--with" else "values.json"
    assert mfq(*command, last, *([] if command == ("report",) else ["-o", "out.csv"])) == 2
    said = capsys.readouterr().err
    assert "values.json: rows without the names of their columns" in said
    assert "orient='records'" in said


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("repairs", '"[\'a\', ""it\'s""]"'),
        ("prompt_tokens", "many"),
        ("quality_detail", "<object>"),
        ("scored_at", "soon"),
    ],
)
@pytest.mark.parametrize("more", [(), ("ours.parquet",)])
def test_a_cell_that_cannot_be_read_is_named(
    column: str, cell: str, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    cells = {**dict.fromkeys(SCHEMA.names, ""), "song_id": "z", "status": "ok", column: cell}
    Path("bad.csv").write_text(f"{','.join(cells)}\na{',' * (len(cells) - 1)}\n{','.join(cells.values())}\n")
    assert mfq("merge", "bad.csv", *more, "-o", "out.parquet") == 2
    assert f"bad.csv row 2: column '{column}' holds" in capsys.readouterr().err
    assert not Path("out.parquet").exists()

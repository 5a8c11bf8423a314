"""One id is one text: in manifests, in SQL, in a caller's own values and in what is written."""

import json
import math
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.ids import id_text
from musicflamingo_cli.intake.manifest.manifest import ManifestOptions, open_manifest
from musicflamingo_cli.results.sandbox import Limits, Sandbox, work_folder
from musicflamingo_cli.results.tables.ids import id_sql
from musicflamingo_cli.results.tables.table import Part, Table

Columns = list[tuple[pa.Array, list[str | None]]]
IDS: Columns = [
    (pa.array([1.0, -0.0, 0.1, 1e-7, 2.0**53 - 1, None, math.nan, math.inf, -7.0, 123456.789]),
     ["1", "0", "0.1", "1e-07", "9007199254740991", None, None, None, "-7", "123456.789"]),
    (pa.array([0.1, 3.0, 16777216.0, None], pa.float32()), ["0.1", "3", "16777216", None]),
    (pa.array([np.float16(2), np.float16(0.5)], pa.float16()), ["2", "0.5"]),
    (pa.array([1, -5, 2**63 - 1, None]), ["1", "-5", "9223372036854775807", None]),
    (pa.array([2**64 - 1, 2**53 + 1], pa.uint64()), ["18446744073709551615", "9007199254740993"]),
    (pa.array([Decimal("1.00"), Decimal("1.50"), Decimal("-20.00"), None], pa.decimal128(12, 2)),
     ["1", "1.50", "-20", None]),
    (pa.array([Decimal(10**37 + 1)], pa.decimal128(38, 0)), [str(10**37 + 1)]),
    (pa.array(["1.0", " a", "nan", "", "ä", None]), ["1.0", " a", "nan", None, "ä", None]),
    (pa.array(["x", "y", "x", None]).dictionary_encode(), ["x", "y", "x", None]),
    (pa.array([2.0, 2.0, None]).dictionary_encode(), ["2", "2", None]),
    (pa.array([b"a", b"", None], pa.binary()), ["a", None, None]),
    (pa.array([date(2026, 1, 31)]), ["2026-01-31"]),
]  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("values", "texts"), IDS, ids=lambda v: str(v.type) if isinstance(v, pa.Array) else "")
def test_an_id_is_one_text_in_a_manifest_in_a_table_and_in_python(values: pa.Array, texts: list[str | None]) -> None:
    if not pa.types.is_dictionary(values.type) and not pa.types.is_floating(values.type):
        assert [id_text(value) for value in values.to_pylist()] == texts
    pq.write_table(pa.table({"id": values, "audio": ["a.wav"] * len(values)}), "m.parquet")
    with open_manifest("m.parquet", ManifestOptions()) as manifest:
        told = [row.song_id for row in manifest.rows()]
    assert told == [text for i, text in enumerate(texts) if text is None or text not in texts[:i]]
    with work_folder() as work:
        path = Path("m.parquet")
        schema = pq.read_schema(path)
        table = Table("m.parquet", (Part(path, len(values), schema),), schema)
        with Sandbox(work, [path], Limits()) as sandbox:
            key = id_sql("x0", schema.field(0).type, "m.parquet: column 'id'")
            assert [row[0] for row in sandbox.rows(f"SELECT {key} FROM ({table.relation(sandbox, [0], 'x')})")] == texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((1.0, "1"), (np.float64(1), "1"), (np.float32(0.1), "0.1"), (np.int64(2**60), str(2**60))),
        *((10**30, "1" + "0" * 30), (Decimal("1E+3"), "1000"), (Decimal("NaN"), None)),
        *((math.nan, None), (pd.NA, None), (pd.NaT, None), (None, None), ("", None), (True, None), (np.True_, None)),
        *((2.0**53, None), (1e20, None), (b"\xff", None), ([1], None)),
    ],
)  # fmt: skip
def test_ids_of_a_caller(value: object, text: str | None) -> None:
    assert id_text(value) == text


@pytest.mark.parametrize("kind", [pa.bool_(), pa.timestamp("us"), pa.list_(pa.int64()), pa.duration("s")])
def test_what_can_be_no_id_is_refused_by_name(kind: pa.DataType) -> None:
    with pytest.raises(UsageError, match=r"m\.csv: column 'id' holds .* write it as text"):
        id_sql("x0", kind, "m.csv: column 'id'")


def scores(name: str, ids: list[object], kind: pa.DataType | None = None) -> str:
    overall = [round(0.1 * (i + 1), 1) for i in range(len(ids))]
    table = pa.table({"song_id": pa.array(ids, kind), "status": ["ok"] * len(ids), "overall_quality_score": overall})
    pq.write_table(table, name)
    return name


def test_a_merge_of_float_ids_joins_with_its_sources_here_and_in_pandas() -> None:
    """What pandas makes of the ids 1, 2 and none."""
    scores("floats.parquet", [1.0, 2.0, None], pa.float64())
    scores("ints.parquet", [2, 3])
    assert main(["merge", "floats.parquet", "ints.parquet", "-o", "out.parquet"]) == 0
    merged = pq.read_table("out.parquet")
    assert merged.column("song_id").to_pylist() == ["1", "2", "3"]
    texts = pd.DataFrame({"song_id": ["1", "2", "3"], "title": ["a", "b", "c"]})
    joined = merged.to_pandas().merge(texts, on="song_id")
    assert list(joined["title"]) == ["a", "b", "c"]
    rule = ["--min", "scores.overall_quality_score=0"]
    assert main(["filter", "floats.parquet", "--scores", "out.parquet", *rule, "-o", "k.parquet"]) == 0
    assert pq.read_table("k.parquet").column("song_id").to_pylist() == [1.0, 2.0]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_text_has_the_whole_number_that_a_float_id_is(kind: str) -> None:
    scores("floats.parquet", [1.0, None, 2.5], pa.float64())
    out = f"out.{kind}"
    assert main(["filter", "floats.parquet", "--min", "0", "-o", out, "--ids", "ids.txt"]) == 0
    assert Path("ids.txt").read_text() == "1\n2.5\n"
    if kind == "csv":
        assert [line.split(",")[0] for line in Path(out).read_text().splitlines()[1:]] == ["1", "", "2.5"]
    else:
        assert [json.loads(line)["song_id"] for line in Path(out).read_text().splitlines()] == [1, None, 2.5]


def test_a_report_shows_the_text_of_a_float_id(capsys: pytest.CaptureFixture[str]) -> None:
    scores("floats.parquet", [41.0, 42.0, None], pa.float64())
    assert main(["report", "floats.parquet"]) == 0
    told = capsys.readouterr().out
    assert "42" in told
    assert "42.0" not in told


def test_a_rounded_number_is_no_song(capsys: pytest.CaptureFixture[str]) -> None:
    scores("floats.parquet", [1.0, 1e20], pa.float64())
    assert main(["merge", "floats.parquet", "-o", "out.parquet", "--rejects", "r.jsonl"]) == 0
    assert pq.read_table("out.parquet").column("song_id").to_pylist() == ["1"]
    assert json.loads(Path("r.jsonl").read_text())["place"] == "row 2"
    assert "1 rejected as no_id" in capsys.readouterr().err


SONGS = [str(i) for i in range(10)]


@pytest.mark.parametrize(("matched", "warns"), [(0, True), (4, True), (5, False), (10, False)])
def test_a_join_of_few_rows_says_so(matched: int, warns: bool, capsys: pytest.CaptureFixture[str]) -> None:
    scores("songs.parquet", SONGS)
    scores("other.parquet", [*SONGS[:matched], *(f"s/{i}.mp3" for i in range(10 - matched))])
    commands = (
        ["filter", "songs.parquet", "--scores", "other.parquet", "--where", "true", "-o", "k.parquet"],
        ["merge", "songs.parquet", "--with", "mf=other.parquet", "-o", "m.parquet"],
        ["report", "songs.parquet", "--against", "other.parquet"],
        ["report", "songs.parquet", "--against", "other.parquet", "-o", "page.html"],
    )
    for command in commands:
        assert main(command) == 0
        told = capsys.readouterr().err
        assert ("warning: only" in told) is warns, command
        if warns:
            assert f"only {matched} of the 10 rows of songs.parquet are in other.parquet" in told
            assert f"songs.parquet has '{matched}', '{matched + 1}' and other.parquet has 's/0.mp3', 's/1.mp3'" in told


def test_sources_without_a_catalogue_that_share_few_ids_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    scores("a.parquet", SONGS)
    scores("b.parquet", [f"s/{i}.mp3" for i in range(5)])
    assert main(["merge", "--with", "a=a.parquet", "--with", "b=b.parquet", "-o", "m.parquet"]) == 0
    assert "warning: only 0 of the 5 rows of b.parquet are in a.parquet" in capsys.readouterr().err
    scores("b.parquet", SONGS[:3])
    assert main(["merge", "--with", "a=a.parquet", "--with", "b=b.parquet", "-o", "m.parquet"]) == 0
    assert "warning" not in capsys.readouterr().err

"""`--keep` carries columns of a Parquet manifest along with their types."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from musicflamingo_cli.cli import main
from musicflamingo_cli.intake.manifest.parquet_typed import duration_text

MOMENT = datetime(2024, 7, 1, 3, 4, 5, 678, UTC)
KEPT = {
    "day": (pa.date32(), date(2024, 1, 2)),
    "at": (pa.timestamp("us"), MOMENT.replace(tzinfo=None)),
    "berlin": (pa.timestamp("us", "Europe/Berlin"), MOMENT.astimezone(ZoneInfo("Europe/Berlin"))),
    "ms": (pa.timestamp("ms", "UTC"), MOMENT.replace(microsecond=1000)),
    "clock": (pa.time64("us"), time(1, 2, 3, 4)),
    "price": (pa.decimal128(12, 2), Decimal("10.10")),
    "digits": (pa.decimal128(38, 20), Decimal("0.12345678901234567890")),
    "plays": (pa.uint64(), 2**64 - 1),
    "small": (pa.int16(), -5),
    "flag": (pa.bool_(), True),
    "tags": (pa.list_(pa.string()), ["x", None]),
    "nested": (
        pa.struct([("n", pa.int64()), ("days", pa.list_(pa.date32()))]),
        {"n": 2**53 + 1, "days": [date(2024, 1, 1)]},
    ),
    "map": (pa.map_(pa.string(), pa.int32()), [("k", 1)]),
    "empty": (pa.date32(), None),
}
NAMES = ",".join(KEPT)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", np.zeros(16_000, np.float32), 16_000)
    # A repeated id and a row without audio: kept cells go by the row's place in the manifest.
    ids = {"id": pa.array(["a", "a", "b", "c"]), "audio": pa.array(["a.wav", "a.wav", None, "a.wav"])}
    columns = {name: pa.array([value, None, None, value], kind) for name, (kind, value) in KEPT.items()}
    more = {
        "took": pa.array(
            [timedelta(days=1, seconds=5, microseconds=7), None, None, -timedelta(hours=30)], pa.duration("us")
        ),
        "tick": pa.array([1, None, None, 2], pa.duration("ns")),
        "exact": pa.array([1704164645000000001, None, None, 1], pa.timestamp("ns")),
        "style": pa.array(["rock", "x", "nan", "pop"]).dictionary_encode(),
    }
    pq.write_table(pa.table({**ids, **columns, **more}), "m.parquet")
    return


def score(output: str, keep: str) -> int:
    return main(
        ["score", "m.parquet", "--engine", "fake", "--workers", "1", "--no-cache", "--keep", keep, "-o", output]
    )


def test_types_of_parquet_are_kept_through_the_table_filter_and_merge() -> None:
    assert score("scores.parquet", NAMES) == 0
    assert main(["filter", "scores.parquet", "-o", "kept.parquet"]) == 0
    assert main(["merge", "kept.parquet", "-o", "merged.parquet"]) == 0
    for name in ("scores.parquet", "kept.parquet", "merged.parquet"):
        table = pq.read_table(name)
        assert table["song_id"].to_pylist() == ["a", "b", "c"]
        for column, (kind, value) in KEPT.items():
            want = pa.timestamp("us", "UTC") if column == "berlin" else kind
            assert (column, table.schema.field(column).type) == (column, want)
            assert (column, table[column].to_pylist()) == (column, [value, None, value])


def test_what_parquet_has_no_form_for_is_text() -> None:
    assert score("scores.parquet", "took,tick,exact,style") == 0
    table = pq.read_table("scores.parquet")
    assert table["took"].to_pylist() == ["24:00:05.000007", None, "-30:00:00"]
    assert table["tick"].to_pylist() == ["00:00:00.000000001", None, "00:00:00.000000002"]
    assert table["exact"].cast(pa.int64()).to_pylist() == [1704164645000000001, None, 1]
    assert table["style"].to_pylist() == ["rock", None, "pop"]


def test_text_forms_hold_all_digits() -> None:
    for name in ("scores.jsonl", "scores.csv"):
        assert score(name, f"{NAMES},took,exact") == 0
    first = json.loads(Path("scores.jsonl").read_text().splitlines()[0], parse_float=str)
    assert (first["price"], first["digits"], first["plays"]) == ("10.10", "0.12345678901234567890", 2**64 - 1)
    assert (first["day"], first["clock"], first["exact"]) == (
        "2024-01-02",
        "01:02:03.000004",
        "2024-01-02 03:04:05.000000001",
    )
    assert first["nested"] == {"n": 2**53 + 1, "days": ["2024-01-01"]}
    line = Path("scores.csv").read_text().splitlines()[1]
    assert "10.10,0.12345678901234567890,18446744073709551615,-5,true," in line


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "00:00:00"), (360_061 * 10**9, "100:01:01"), (-1, "-00:00:00.000000001")],
)
def test_a_duration_is_text_that_databases_read(nanoseconds: int, text: str) -> None:
    assert duration_text(nanoseconds) == text


def test_types_outlive_a_merge_with_a_table_that_lacks_them() -> None:
    took = pa.array([timedelta(hours=1), None], pa.duration("us"))
    clock = pa.array([time(1, 2), None], pa.time32("s"))
    pq.write_table(pa.table({"song_id": ["a", "b"], "took": took, "clock": clock}), "one.parquet")
    pq.write_table(pa.table({"song_id": ["c"]}), "two.parquet")
    assert main(["merge", "one.parquet", "two.parquet", "-o", "merged.parquet"]) == 0
    table = pq.read_table("merged.parquet")
    assert table["took"].to_pylist() == [timedelta(hours=1), None, None]
    assert table["clock"].to_pylist() == [time(1, 2), None, None]


def test_a_float32_is_text_as_it_was_written() -> None:
    pq.write_table(pa.table({"song_id": ["a"], "x": pa.array([0.1], pa.float32())}), "t.parquet")
    assert main(["filter", "t.parquet", "--min", "x=0.1", "-o", "out.csv"]) == 0
    assert Path("out.csv").read_text() == "song_id,x\na,0.1\n"


@pytest.mark.parametrize("verb", ["filter", "merge"])
def test_nanoseconds_of_parquet_pass_into_text(verb: str) -> None:
    at = pa.array([1704164645000000001, None], pa.timestamp("ns"))
    inside = pa.StructArray.from_arrays([at], ["at"])
    columns = {
        "song_id": ["a", "b"],
        "at": at,
        "inside": inside,
        "took": pa.array([1500000000, None], pa.duration("ns")),
    }
    pq.write_table(pa.table(columns if verb == "filter" else {k: columns[k] for k in ("song_id", "at")}), "t.parquet")
    for name in ("out.csv", "out.jsonl"):
        assert main([verb, "t.parquet", "-o", name]) == 0
    first = json.loads(Path("out.jsonl").read_text().splitlines()[0])
    assert first["at"] == "2024-01-02 03:04:05.000000001"
    assert first["at"] in Path("out.csv").read_text()
    if verb == "filter":
        assert first["inside"] == {"at": first["at"]}
        assert first["took"] == 1.5

"""Parquet manifests: the kinds that writers make, and what only claims to be one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest import parquet
from musicflamingo_cli.intake.manifest.manifest import ManifestOptions, open_manifest
from musicflamingo_cli.records import RejectedRow, Song


def read(source: Path | str, **options: object) -> list[Song | RejectedRow]:
    with open_manifest(str(source), ManifestOptions(**options)) as manifest:  # type: ignore[arg-type]
        return list(manifest.rows())


def refusal(source: Path | str, **options: object) -> str:
    with pytest.raises(UsageError) as caught:
        open_manifest(str(source), ManifestOptions(**options))  # type: ignore[arg-type]
    return str(caught.value)


def test_parquet_columns_of_every_kind(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": pa.array([1.0, 2.0, None, 4.0]),
            "audio": pa.array(["a", "nan", "c", None], pa.large_string()),
            "title": pa.array(["x", None, "x", "None"]).dictionary_encode(),
            "when": pa.array([0, 1, None, 3], pa.timestamp("ns")),
            "tags": pa.array([["p", "q"], [], None, ["r"]]),
            "raw": pa.array([b"ok", b"\xff", None, b""], pa.binary()),
            "score": pa.array([np.nan, np.inf, 0.5, None]),
            "price": pa.array([None, None, None, None], pa.null()),
        }
    )
    path = tmp_path / "t"
    pq.write_table(table, path, row_group_size=3)
    rows = read(path, columns=("when", "tags", "score", "price"))
    assert [(row.song_id, row.audio, row.title) for row in rows] == [
        ("1", "a", "x"), ("2", None, None), (None, "c", "x"), ("4", None, None)
    ]  # fmt: skip
    assert [row.columns["tags"] for row in rows] == ['["p", "q"]', "[]", None, '["r"]']
    assert str(rows[0].columns["when"]).startswith("1970-01-01 00:00:00")
    assert [row.columns["score"] for row in rows] == [None, None, 0.5, None]
    reasons = [row.reason for row in read(path, columns=("raw",)) if isinstance(row, RejectedRow)]
    assert reasons == ["bad_row", "no_id", "no_audio"]
    assert "row 3" in next(row.error for row in rows if row.song_id is None and isinstance(row, RejectedRow))


@pytest.mark.parametrize(
    ("kind", "values", "ids"),
    [
        (pa.int64(), [1, -2], ["1", "-2"]),
        (pa.uint64(), [2**64 - 1, 0], [str(2**64 - 1), "0"]),
        (pa.decimal128(20, 2), ["1.00", "2.50"], ["1", "2.50"]),
        (pa.binary(), [b"x", "é".encode()], ["x", "é"]),
        (pa.dictionary(pa.int8(), pa.int64()), [5, 6], ["5", "6"]),
        (pa.string_view(), ["v", "w"], ["v", "w"]),
    ],
    ids=str,
)
def test_parquet_ids_of_every_kind(tmp_path: Path, kind: pa.DataType, values: list[object], ids: list[str]) -> None:
    if pa.types.is_dictionary(kind):
        column = pa.array(values).dictionary_encode()
    else:
        column = pa.array(values).cast(kind) if pa.types.is_decimal(kind) else pa.array(values, kind)
    pq.write_table(pa.table({"id": column, "audio": ["a", "b"]}), tmp_path / "t")
    assert [row.song_id for row in read(tmp_path / "t")] == ids


def test_parquet_reads_only_the_wanted_columns(tmp_path: Path) -> None:
    path = tmp_path / "t"
    table = pa.table({"id": ["1", "2"], "blob": ["x" * 1000, "y" * 1000], "audio": ["a", "b"]})
    pq.write_table(table, path, compression="none", use_dictionary=False)
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(1)
    torn = bytearray(path.read_bytes())
    torn[chunk.data_page_offset : chunk.data_page_offset + chunk.total_compressed_size] = (
        b"\xff" * chunk.total_compressed_size
    )
    path.write_bytes(torn)
    assert [row.song_id for row in read(path)] == ["1", "2"]
    assert "blob" in refusal(path, columns=("blob",))


@pytest.mark.parametrize("dictionary", [True, False])
def test_long_parquet_cells_make_bad_rows(tmp_path: Path, dictionary: bool) -> None:
    titles = ["t", "x" * 1_000_001, "u", "x" * 1_000_001, "y" * 1_000_000]
    table = pa.table(
        {"id": list("abcde"), "audio": ["f"] * 5, "title": titles, "tags": [["x" * 1_000_001], [], [], [], []]}
    )
    pq.write_table(table, tmp_path / "t", use_dictionary=dictionary)
    rows = read(tmp_path / "t")
    assert [(row.song_id, isinstance(row, Song)) for row in rows] == list(zip("abcde", [1, 0, 1, 0, 1], strict=True))
    assert isinstance(read(tmp_path / "t", columns=("tags",))[0], RejectedRow)


def test_a_list_of_too_many_values_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MAX_LIST_VALUES", 100)
    pq.write_table(pa.table({"id": ["1"], "audio": ["a"], "tags": [[0] * 101]}), tmp_path / "t")
    with open_manifest(str(tmp_path / "t"), ManifestOptions()) as manifest:
        assert manifest.scan.songs == 1
    with pytest.raises(UsageError, match="101 values in lists"):
        open_manifest(str(tmp_path / "t"), ManifestOptions(columns=("tags",)))


def test_parquet_data_that_is_torn_is_refused_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "t"
    ids = [str(number) for number in range(20_000)]
    pq.write_table(pa.table({"id": ids, "audio": ids}), path, row_group_size=10_000, compression="zstd")
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(1)
    data = bytearray(path.read_bytes())
    end = chunk.data_page_offset + 60
    data[end : end + 200] = os.urandom(200)
    path.write_bytes(data)
    assert "broken" in refusal(path)


@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("long", [2000, 40_000])
def test_batches_are_bounded_by_what_a_row_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dictionary: bool, long: int
) -> None:
    """Of 1000 rows in one row group: what a batch of them takes in memory."""
    taken = []
    read_batches = pq.ParquetFile.iter_batches

    def counted(self: pq.ParquetFile, *args: object, **options: object) -> Iterator[pa.RecordBatch]:
        for batch in read_batches(self, *args, **options):
            taken.append(batch.get_total_buffer_size())
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    titles = [f"{number % 30:02}" * (long // 2) for number in range(1000)]
    tags = [[title, title] for title in titles]
    ids = [str(number) for number in range(1000)]
    table = pa.table({"id": ids, "audio": ids, "title": titles, "tags": tags})
    pq.write_table(table, tmp_path / "t", use_dictionary=dictionary)
    rows = read(tmp_path / "t", columns=("tags",))
    assert [row.title for row in rows] == titles
    assert [row.columns["tags"] for row in rows] == [f'["{title}", "{title}"]' for title in titles]
    assert max(taken) < 40 << 20


def test_a_footer_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t"
    pq.write_table(pa.table({"id": ["1"], "audio": ["a"], "tags": [["x"]]}), path, store_schema=False)
    before, _, after = path.read_bytes().rpartition(b"\x04list")
    path.write_bytes(before + b"\x04lost" + after)
    assert "t: broken Parquet" in refusal(path, columns=("tags",))

"""SONGS read beside what a query found of them."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.join import in_order
from musicflamingo_cli.results.tables.open import open_table
from musicflamingo_cli.results.tables.table import Table


@pytest.fixture
def songs(tmp_path: Path) -> Table:
    """Rows 0 to 2 and 3 to 4, in two files."""
    folder = tmp_path / "songs"
    folder.mkdir()
    pq.write_table(pa.table({"song_id": ["a", "b", "c"]}), folder / "1.parquet")
    pq.write_table(pa.table({"song_id": ["d", "e"]}), folder / "2.parquet")
    return open_table(str(folder), tmp_path)


def batches(*rows: list[int]) -> Iterator[pa.RecordBatch]:
    return iter(
        [pa.record_batch({"mfq_row": pa.array(some, pa.int64()), "x": [10 * n for n in some]}) for some in rows]
    )


@pytest.mark.parametrize(
    ("found", "rows"),
    [
        ([[0, 1, 2, 3, 4]], [("a", 0), ("b", 10), ("c", 20), ("d", 30), ("e", 40)]),
        ([[0], [2, 3]], [("a", 0), ("c", 20), ("d", 30)]),
        ([[4]], [("e", 40)]),
        ([[0, 1], [2]], [("a", 0), ("b", 10), ("c", 20)]),
        ([], []),
    ],
)
def test_rows_that_were_found_come_with_their_songs(
    songs: Table, found: list[list[int]], rows: list[tuple[str, int]]
) -> None:
    pairs = [
        pair
        for some, table in in_order(songs, batches(*found))
        for pair in zip(some["song_id"].to_pylist(), table["x"].to_pylist(), strict=True)
    ]
    assert pairs == rows


def test_a_row_behind_the_last_song_is_refused(songs: Table) -> None:
    with pytest.raises(UsageError, match="it grew while it was read"):
        list(in_order(songs, batches([1, 5])))

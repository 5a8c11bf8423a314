"""A joined result, handed out in pieces that go with the rows of SONGS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from musicflamingo_cli.results.join import Joined
from musicflamingo_cli.results.sandbox import QueryError, Sandbox


class Aligned:
    """A streamed result, sorted by `mfq_row`, which counts SONGS' rows from 0 without a gap or a repetition."""

    def __init__(self, batches: Iterator[pa.RecordBatch], joined: Joined, sandbox: Sandbox) -> None:
        self._batches = batches
        self._joined = joined
        self._sandbox = sandbox
        self._rest: pa.RecordBatch | None = None
        self._row = 0

    def take(self, count: int) -> pa.Table:
        """Return the next `count` rows. Raises `UsageError` for an id that a side table has twice."""
        pieces, lacking = [], count
        while lacking:
            batch = self._rest if self._rest is not None else next(self._batches, None)
            if batch is None:
                raise self._wrong("it lost rows while it was read")
            pieces.append(batch.slice(0, lacking))
            self._rest = batch.slice(lacking) if len(batch) > lacking else None
            lacking -= len(pieces[-1])
        table = pa.Table.from_batches(pieces)
        if not np.array_equal(numbers_of(table, "mfq_row"), np.arange(self._row, self._row + count)):
            raise self._wrong("its rows changed while it was read")
        self._row += count
        return table

    def finish(self) -> None:
        """Check that nothing is left over: a repeated id on the last row would be."""
        if self._rest is not None or any(len(batch) for batch in self._batches):
            raise self._wrong("it grew while it was read")

    def _wrong(self, why: str) -> QueryError:
        """Say which id is repeated; if none is, something else is wrong with the table."""
        self._joined.refuse_repeats(self._sandbox, exact=True)
        return QueryError(f"{self._joined.songs.name}: {why}; is something writing it?")


def column_of(table: pa.Table, name: str) -> pa.Array:
    """Return a column as one array."""
    chunks = table.column(name).chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def numbers_of(table: pa.Table, name: str) -> NDArray[Any]:
    """Return a column of whole numbers without nulls; not through `to_numpy`, which imports pandas."""
    return np.from_dlpack(column_of(table, name))


class Selected:
    """A streamed result that begins with counts (`mfq_row` below 0) and goes on with some of SONGS' rows, in order."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._rest: pa.RecordBatch | None = None

    def take(self, end: int) -> pa.Table | None:
        """Return the next rows, as far as their `mfq_row` is below `end`; None for no row."""
        pieces = []
        while True:
            batch = self._rest if self._rest is not None else next(self._batches, None)
            if batch is None:
                break
            count = int(np.searchsorted(np.from_dlpack(batch.column("mfq_row")), end))
            pieces.append(batch.slice(0, count))
            self._rest = batch.slice(count) if count < len(batch) else None
            if self._rest is not None:
                break
        return pa.Table.from_batches(pieces) if pieces else None

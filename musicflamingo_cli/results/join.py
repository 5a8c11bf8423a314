"""SONGS with the scores at its side: which columns there are, what they are called, and the statement that joins them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.rules import Column, Columns
from musicflamingo_cli.results.sandbox import QueryError, Sandbox
from musicflamingo_cli.results.sources import OVERALL, Table, id_column, id_sql

PREFIX = {"songs": "mfq_s", "scores": "mfq_q"}
"""How columns are called inside a statement, so that no name of a user's can hide another."""
EXACT_ROWS = 2_000_000
"""Up to so many rows, every id of a joined table is compared; above, a sample, and every song's match."""
SAMPLE = 32


@dataclass(frozen=True, slots=True)
class Side:
    """A table that is joined to SONGS."""

    table: Table
    id_position: int
    suffix: str = "scores"
    """What a column's name gets (`_scores`) where SONGS has that name already."""


@dataclass(frozen=True, slots=True)
class Joined:
    """SONGS, and the scores at its side if there are any."""

    songs: Table
    songs_id: int
    side: Side | None

    def columns(self) -> Columns:
        """Return all columns by the names that the output has."""
        taken = set(self.songs.schema.names)
        found = [*_columns(self.songs, "songs", {})]
        if self.side is not None:
            names = added_names(self.side, taken)
            found += _columns(self.side.table, "scores", names)
        return Columns(found)

    def added(self) -> list[Column]:
        """Return the columns that SONGS gets, in their order."""
        return [c for c in self.columns().all if c.side == "scores"]

    def renamed(self) -> dict[str, str]:
        """Return the scores' columns that have another name in the output, as theirs is taken."""
        return {c.plain: c.name for c in self.added() if c.plain != c.name}

    def schema(self, extra: Sequence[pa.Field] = ()) -> pa.Schema:
        """Return the schema of the output: SONGS' own columns unchanged, then the added ones."""
        fields = [*self.songs.schema, *(pa.field(c.name, c.kind) for c in self.added()), *extra]
        metadata = dict(self.songs.schema.metadata or {})
        if self.side is not None:
            metadata |= {k: v for k, v in (self.side.table.schema.metadata or {}).items() if k == b"mfq.run"}
        return pa.schema(fields, metadata)

    def statement(self, sandbox: Sandbox, needed: Iterable[Column]) -> str:
        """Return a query of `mfq_row`, `mfq_id`, `mfq_matched` (null without a match) and the columns needed."""
        songs = [c for c in dict.fromkeys(needed) if c.side == "songs"]
        left = _selection(self.songs, self.songs_id, "songs", songs, sandbox)
        if self.side is None:
            return f"SELECT row AS mfq_row, id AS mfq_id, row AS mfq_matched{_listed(songs)} FROM ({left})"
        scores = [c for c in dict.fromkeys(needed) if c.side == "scores"]
        right = _selection(self.side.table, self.side.id_position, "scores", scores, sandbox)
        return (
            f"SELECT l.row AS mfq_row, l.id AS mfq_id, r.row AS mfq_matched{_listed(songs)}{_listed(scores)} "
            f"FROM ({left}) l LEFT JOIN (SELECT * FROM ({right}) WHERE id IS NOT NULL) r ON l.id = r.id"
        )

    def refuse_repeats(self, sandbox: Sandbox, *, exact: bool = False) -> None:
        """Refuse a side table that has an id more than once. Raises `UsageError` naming some."""
        if self.side is None:
            return
        table = self.side.table
        ids = _selection(table, self.side.id_position, "scores", [], sandbox)
        some = "" if exact or table.rows <= EXACT_ROWS else f"AND (hash(id) % {SAMPLE} = 0 OR row % {SAMPLE} = 0)"
        query = f"SELECT id FROM ({ids}) WHERE id IS NOT NULL {some} GROUP BY id HAVING count(*) > 1"
        found = sandbox.rows(f"SELECT * FROM ({query}) ORDER BY id LIMIT 4")
        if found:
            names = ", ".join(str(row[0]) for row in found[:3]) + (", ..." if len(found) > 3 else "")
            raise UsageError(
                f"{table.name} has ids more than once ({names}); mfq merge {table.name} makes one row of each"
            )


def join_tables(songs: Table, scores: Table | None, on: str | None, suffix: str = "scores") -> Joined:
    """Find the ids of two tables: `on` is a column of both, or `left=right`. Raises `UsageError`."""
    left, equals, right = (on or "").partition("=")
    wanted = left or None
    songs_id = id_column(songs, wanted)
    if scores is None:
        return Joined(songs, songs_id, None)
    other = right if equals else wanted
    if other is not None and not equals and other not in scores.schema.names and "song_id" in scores.schema.names:
        other = None
    return Joined(songs, songs_id, Side(scores, id_column(scores, other), suffix))


def added_names(side: Side, taken: set[str]) -> dict[int, str]:
    """Return the output name of each of a side's columns, by position; its id is not among them."""
    names: dict[int, str] = {}
    for i, name in enumerate(side.table.schema.names):
        if i == side.id_position:
            continue
        free = name
        while free in taken:
            free = f"{free}_{side.suffix}"
        taken.add(free)
        names[i] = free
    return names


def _columns(table: Table, side: Literal["songs", "scores"], names: dict[int, str]) -> Iterator[Column]:
    ranges = table.ranges()
    for i, one in enumerate(table.schema):
        if side == "scores" and i not in names:
            continue
        span = ranges.get(one.name)
        yield Column(names.get(i, one.name), one.name, side, one.type, f"{PREFIX[side]}{i}", span, span is not None)


def _listed(columns: Sequence[Column]) -> str:
    return "".join(f", {c.internal}" for c in columns)


def _selection(
    table: Table, id_position: int, side: Literal["songs", "scores"], columns: Sequence[Column], sandbox: Sandbox
) -> str:
    prefix = PREFIX[side]
    positions = sorted({id_position, *(int(c.internal.removeprefix(prefix)) for c in columns)})
    one = table.schema.field(id_position)
    key = id_sql(f"{prefix}{id_position}", one.type, f"{table.name}: column '{one.name}'")
    return f"SELECT nullif({key}, '') AS id, row{_listed(columns)} FROM ({table.relation(sandbox, positions, prefix)})"


class Aligned:
    """A streamed result, handed out in pieces that go with the rows of SONGS."""

    def __init__(self, batches: Iterator[pa.RecordBatch], repeats: Joined, sandbox: Sandbox) -> None:
        self._batches = batches
        self._rest: list[pa.RecordBatch] = []
        self._row = 0
        self._joined = repeats
        self._sandbox = sandbox

    def take(self, count: int) -> pa.Table:
        """Return the next `count` rows; their first column is checked to be SONGS' row numbers."""
        pieces, missing = [], count
        while missing:
            batch = self._rest.pop() if self._rest else next(self._batches, None)
            if batch is None:
                raise QueryError(f"{self._joined.songs.name}: it lost rows while it was read; is something writing it?")
            if len(batch) > missing:
                self._rest.append(batch.slice(missing))
                batch = batch.slice(0, missing)
            pieces.append(batch)
            missing -= len(batch)
        table = pa.Table.from_batches(pieces) if pieces else pa.table({})
        if count and not np.array_equal(table.column(0).to_numpy(), np.arange(self._row, self._row + count)):
            self._joined.refuse_repeats(self._sandbox, exact=True)
            raise QueryError(f"{self._joined.songs.name}: its rows changed while it was read; is something writing it?")
        self._row += count
        return table

    def finish(self) -> None:
        """Check that nothing is left over: a repeated id on the last row would be."""
        if self._rest or next((b for b in self._batches if len(b)), None) is not None:
            self._joined.refuse_repeats(self._sandbox, exact=True)
            raise QueryError(f"{self._joined.songs.name}: it grew while it was read; is something writing it?")

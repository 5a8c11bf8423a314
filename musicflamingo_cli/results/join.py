"""SONGS with the scores at its side: which columns there are, their names, and the statement that joins them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.columns import Column, Columns, comes_back
from musicflamingo_cli.results.run_card import CARD_KEY
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.spelling import is_twin, mark_of, own_name
from musicflamingo_cli.results.tables.cells import nullable
from musicflamingo_cli.results.tables.ids import ID_NAMES, few_match, id_column, id_sql
from musicflamingo_cli.results.tables.table import Table

EXACT_ROWS = 250_000
"""Ids of a joined table that are compared before the join. Further on, a repeated id shows when it meets its song;
these are to keep one that is repeated a million times from filling the disk first."""
INTERNAL = re.compile(r"(?:w_)?(mfq_s\d+|mfq_q\d+_\d+)")
"""How columns are called inside a statement, so that no name of a user's can hide another."""


@dataclass(frozen=True, slots=True)
class Side:
    """A table that is joined to SONGS."""

    table: Table
    id_position: int
    name: str = "scores"
    """Its columns are `<name>.<column>` in rules; where SONGS has that column too, they become `<column>_<name>`."""


@dataclass(frozen=True, slots=True)
class Joined:
    """SONGS, and the tables at its side."""

    songs: Table
    songs_id: int | None
    """Position of the id; None where there is none, and nothing is joined."""
    sides: tuple[Side, ...] = ()

    def columns(self) -> Columns:
        """Return all columns by the names that the output has."""
        taken = set(self.songs.schema.names)
        own = {i: name for i, name in enumerate(self.songs.schema.names) if not is_twin(name)}
        found = list(_columns(self.songs, "songs", "mfq_s", None, own))
        for k, side in enumerate(self.sides):
            found += _columns(side.table, side.name, f"mfq_q{k}_", f"mfq_m{k}", added_names(side, taken))
        return Columns(found)

    def added(self) -> list[Column]:
        """Return the columns that SONGS gets, in their order."""
        return [c for c in self.columns().all if c.matched is not None]

    def renamed(self) -> dict[str, str]:
        """Return the added columns that have another name in the output, by `<side>.<column>`."""
        return {f"{c.side}.{c.plain}": c.name for c in self.added() if c.plain != c.name and not is_twin(c.name)}

    def schema(self, extra: Sequence[pa.Field] = ()) -> pa.Schema:
        """Return the schema of the output: SONGS' own columns unchanged, then the added ones."""
        fields = [*self.songs.schema, *(pa.field(c.name, c.kind) for c in self.added()), *extra]
        metadata = dict(self.songs.schema.metadata or {})
        for side in reversed(self.sides):
            metadata |= {k: v for k, v in (side.table.schema.metadata or {}).items() if k == CARD_KEY.encode()}
        return pa.schema(fields, metadata)

    def statement(self, sandbox: Sandbox, needed: Iterable[Column]) -> str:
        """Return a query of `mfq_row`, `mfq_id`, `mfq_m0`, ... (null without a match) and the columns needed."""
        chosen = list(dict.fromkeys(needed))
        left = selection(self.songs, self.songs_id, "mfq_s", [c for c in chosen if c.matched is None], sandbox)
        query = f"FROM ({left}) l"
        found = ["l.row AS mfq_row", "l.id AS mfq_id"]
        for k, side in enumerate(self.sides):
            theirs = [c for c in chosen if c.matched == f"mfq_m{k}"]
            right = selection(side.table, side.id_position, f"mfq_q{k}_", theirs, sandbox)
            query += f" LEFT JOIN (SELECT * FROM ({right}) WHERE id IS NOT NULL) r{k} ON l.id = r{k}.id"
            found.append(f"r{k}.row AS mfq_m{k}")
        return f"SELECT {', '.join(found)}{_listed(chosen)} {query}"

    def refuse_repeats(self, sandbox: Sandbox, *, exact: bool = False) -> None:
        """Refuse a side table that has an id more than once. Raises `UsageError` naming some."""
        for side in self.sides:
            table = side.table
            ids = selection(table, side.id_position, "mfq_q", [], sandbox)
            some = "" if exact else f"AND row < {EXACT_ROWS}"
            query = f"SELECT id FROM ({ids}) WHERE id IS NOT NULL {some} GROUP BY id HAVING count(*) > 1"
            found = sandbox.rows(f"SELECT * FROM ({query}) ORDER BY id LIMIT 4")
            if found:
                names = ", ".join(str(row[0]) for row in found[:3]) + (", ..." if len(found) > 3 else "")
                raise UsageError(
                    f"{table.name} has ids more than once ({names}); mfq merge {table.name} makes one row of each"
                )

    def check_rows(self, sandbox: Sandbox, rows: int) -> None:
        """Refuse a join that came to other than SONGS' rows, for an id that a side table has twice if there is one."""
        if rows != self.songs.rows:
            self.refuse_repeats(sandbox, exact=True)
            raise UsageError(f"{self.songs.name}: its rows changed while it was read; is something writing it?")

    def unknown(self, sandbox: Sandbox, side: Side) -> tuple[int, list[str]]:
        """Return how many ids of a side table SONGS does not have, and the first few."""
        ids = selection(side.table, side.id_position, "mfq_q", [], sandbox)
        ours = selection(self.songs, self.songs_id, "mfq_s", [], sandbox)
        return lacking(ids, ours, sandbox)

    def few_match(self, sandbox: Sandbox, side: Side, matched: int) -> str | None:
        """Return a warning where under half of SONGS' rows have a row in a side table."""
        if 2 * matched >= self.songs.rows:
            return None
        theirs = selection(side.table, side.id_position, "mfq_q", [], sandbox)
        ours = selection(self.songs, self.songs_id, "mfq_s", [], sandbox)
        some = [lacking(*pair, sandbox)[1] for pair in ((ours, theirs), (theirs, ours))]
        return few_match(matched, self.songs.rows, (self.songs.name, some[0]), (side.table.name, some[1]))


def lacking(ids: str, others: str, sandbox: Sandbox) -> tuple[int, list[str]]:
    """Return how many ids of one query are not among another's, and the first few."""
    query = (
        f"SELECT id FROM ({ids}) WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM ({others}) WHERE id IS NOT NULL)"
    )
    count = int(sandbox.rows(f"SELECT count(*) FROM ({query})")[0][0])
    return count, [str(row[0]) for row in sandbox.rows(f"SELECT id FROM ({query}) ORDER BY id LIMIT 3")]


def join_tables(songs: Table, scores: Table | None, on: str | None) -> Joined:
    """Find the ids of SONGS and its scores: `on` is a column of both, or `left=right`. Raises `UsageError`."""
    left, equals, right = (on or "").partition("=")
    if scores is None and not on and not set(ID_NAMES) & set(songs.schema.names):
        return Joined(songs, None)
    songs_id = id_column(songs, left or None)
    if scores is None:
        return Joined(songs, songs_id)
    return Joined(songs, songs_id, (Side(scores, side_id(scores, right if equals else left, bool(equals))),))


def side_id(table: Table, wanted: str, stated: bool) -> int:
    """Return a side table's id: the column named like SONGS' own if it has that, else `song_id` or `id`."""
    return id_column(table, wanted if stated or wanted in table.schema.names else None)


def added_names(side: Side, taken: set[str]) -> dict[int, str]:
    """Return the output name of each of a side's columns, by position; its id is not among them."""
    names: dict[int, str] = {}
    places = {name: i for i, name in enumerate(side.table.schema.names)}
    for name, i in places.items():
        if i == side.id_position:
            continue
        if is_twin(name):
            owner = places[own_name(name)]
            if owner in names:
                names[i] = mark_of(name) + names[owner]
            continue
        free = name
        while free in taken:
            free = f"{free}_{side.name}"
        taken.add(free)
        names[i] = free
    return names


def _columns(table: Table, side: str, prefix: str, matched: str | None, names: dict[int, str]) -> Iterator[Column]:
    ranges = table.ranges()
    for i, name in names.items():
        one = table.schema.field(i)
        kind = nullable(one.type) if matched else one.type
        yield Column(name, one.name, side, kind, f"{prefix}{i}", matched, ranges.get(one.name), table.name)


def _listed(columns: Sequence[Column]) -> str:
    return "".join(f", {c.internal}" for c in columns)


def selection(table: Table, id_position: int | None, prefix: str, columns: Sequence[Column], sandbox: Sandbox) -> str:
    """Return a query of `id` (text; null for none), `row` and the columns of one table."""
    positions = {int(c.internal.removeprefix(prefix)) for c in columns}
    key = "NULL::VARCHAR"
    if id_position is not None:
        one = table.schema.field(id_position)
        positions.add(id_position)
        key = id_sql(f"{prefix}{id_position}", one.type, f"{table.name}: column '{one.name}'")
    return f"SELECT {key} AS id, row{_listed(columns)} FROM ({table.relation(sandbox, sorted(positions), prefix)})"


def check_types(given: pa.Schema, columns: Sequence[Column], joined: Joined) -> None:
    """Refuse a column that DuckDB does not give back as what it was. Raises `UsageError` naming it."""
    tables = {side.name: side.table.name for side in joined.sides}
    for column in columns:
        if not comes_back(given.field(column.internal).type, column.kind):
            where = f"{tables.get(column.side, column.side)}: column '{column.plain}'"
            raise UsageError(f"{where} holds {column.kind}, which can't be joined; leave it out")


def in_order(songs: Table, found: Iterator[pa.RecordBatch]) -> Iterator[tuple[pa.RecordBatch, pa.Table]]:
    """Yield some of SONGS' rows at a time, as Arrow reads them, with what a query found of them.

    Args:
        songs: All of it is read, and so checked.
        found: Sorted by `mfq_row`, the position in SONGS from 0; none comes twice.
    """
    start, rest = 0, None
    for batch in songs.batches():
        end, pieces = start + len(batch), []
        while rest is not None or (rest := next(found, None)) is not None:
            count = int(np.searchsorted(np.from_dlpack(rest.column("mfq_row")), end))
            pieces.append(rest.slice(0, count))
            if count < len(rest):
                rest = rest.slice(count)
                break
            rest = None
        table = pa.Table.from_batches(pieces) if pieces else None
        if table is not None and table.num_rows:
            places = np.from_dlpack(column_of(table, "mfq_row")) - start
            yield batch if len(places) == len(batch) else batch.take(pa.array(places)), table
        start = end
    if rest is not None or next(found, None) is not None:
        raise UsageError(f"{songs.name}: it grew while it was read; is something writing it?")


def column_of(table: pa.Table, name: str) -> pa.Array:
    """Return a column as one array."""
    chunks = table.column(name).chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)

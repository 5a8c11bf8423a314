"""Rows that are none, with the reason; and cells of a text format that are not what their column holds in a merge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.merge.columns import STAGED, unreadable
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.tables.csv_file import CsvFile
from musicflamingo_cli.results.tables.ids import id_sql
from musicflamingo_cli.results.tables.json_table import json_lines_of_rows
from musicflamingo_cli.results.tables.table import Reject, Table
from musicflamingo_cli.results.write.formats import rows_format
from musicflamingo_cli.results.write.outputs import Outputs
from musicflamingo_cli.results.write.parquet import write_rows

REJECTS = pa.schema([(name, pa.string()) for name in ("table", "place", "song_id", "reason", "error")])
SHOWN = 8


def write_rejects(name: str, rejects: Sequence[Reject], outputs: Outputs, work: Path) -> None:
    """Write what was no row, with its reason."""
    listed = [
        {"table": r.table, "place": r.place, "song_id": r.song_id, "reason": r.reason, "error": r.error}
        for r in rejects
    ]
    batch = pa.RecordBatch.from_pylist(listed, schema=REJECTS)
    write_rows(iter([batch]), REJECTS, outputs.part(name, work), rows_format("--rejects", name), work)


def places_of(table: Table, rows: Sequence[int]) -> list[str]:
    """Return where rows (from 0, ascending) of a staged table stand in its file: on which lines, or else as rows."""
    is_csv = table.form == "csv"
    lines = CsvFile.of(Path(table.name)).lines_of_rows() if is_csv else json_lines_of_rows(table.name)
    wanted = set(rows)
    found = {row: f"line {line}" for row, line in enumerate(lines) if row in wanted}
    return [found.get(row, f"row {row + 1}") for row in rows]


def reject_lines(rejects: Sequence[Reject], written: str | None) -> Iterator[str]:
    """Say how many rejects there are, by reason, and the first of each."""
    first: dict[str, Reject] = {}
    for one in rejects:
        first.setdefault(one.reason, one)
    for reason, one in first.items():
        count = sum(r.reason == reason for r in rejects)
        where = f"; {written} lists them" if written else ""
        yield f"{count} rejected as {reason} (first: {one.table} {one.place}: {one.error}){where}"


@dataclass(frozen=True, slots=True)
class BadCells:
    """The rows of one table that hold such cells."""

    where: str = ""
    """SQL that tells them."""
    rejects: tuple[Reject, ...] = ()
    """One for each of them."""


def bad_cells(table: Table, id_position: int, schema: pa.Schema, sandbox: Sandbox, *, set_aside: bool) -> BadCells:
    """Find them in a table that is merged into `schema`. Raises `UsageError` for the first one unless `set_aside`."""
    own = table.schema if table.form in STAGED else pa.schema([])
    kinds = {i: schema.field(one.name).type for i, one in enumerate(own) if one.name in schema.names}
    odd = {i: kind for i, kind in kinds.items() if kind not in (own.field(i).type, pa.string())}
    if not odd:
        return BadCells()
    failing = {i: unreadable(table, i, kind) for i, kind in odd.items()}
    where = " OR ".join(failing.values())
    cells = ", ".join(f"CASE WHEN {lost} THEN left(x{i}::VARCHAR, 60) END" for i, lost in failing.items())
    query = (
        f"SELECT row, {id_in(table, id_position)}, {cells} "
        f"FROM ({table.relation(sandbox, sorted({id_position, *odd}), 'x')}) WHERE {where} ORDER BY row"
    )
    found = sandbox.rows(query if set_aside else f"{query} LIMIT 1")
    if not found:
        return BadCells()
    told = [
        [
            (own.names[i], f"holds {cell!r}, which can't be read as {kind}", cell)
            for (i, kind), cell in zip(odd.items(), held, strict=True)
            if cell is not None
        ]
        for _, _, *held in found
    ]
    if not set_aside:
        name, why, cell = told[0][0]
        remedy = f"--null-values {cell} makes such cells null, --rejects FILE sets such rows aside"
        raise UsageError(f"{table.name} row {found[0][0] + 1}: column '{name}' {why}; {remedy}")
    places = places_of(table, [int(row[0]) for row in found])
    rejects = (
        Reject(table.name, place, song_id, "bad_cell", "; ".join(f"column '{name}' {why}" for name, why, _ in cells))
        for place, (_, song_id, *_), cells in zip(places, found, told, strict=True)
    )
    return BadCells(where, tuple(rejects))


def id_in(table: Table, position: int) -> str:
    """Return SQL for the id, as text, in a relation of the table whose columns begin with `x`."""
    return id_sql(f"x{position}", table.schema.field(position).type, f"{table.name}: its id")

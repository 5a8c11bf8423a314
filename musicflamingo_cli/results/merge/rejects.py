"""Rows that are none, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from musicflamingo_cli.results.tables.csv_file import CsvFile
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

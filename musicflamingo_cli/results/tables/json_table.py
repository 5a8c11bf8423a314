"""Staging: JSON lines and JSON become Parquet in the work folder, each column of the type that holds all its values."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.spelling import EXACT, JSON, exact_type, exact_values, own_name
from musicflamingo_cli.results.tables.cells import nulled_song
from musicflamingo_cli.results.tables.json_columns import JsonColumn, loads, text_of
from musicflamingo_cli.results.tables.score_documents import LEGACY, lift, rows_of_caches, rows_of_document
from musicflamingo_cli.results.tables.staging import BLOCK, BOM, check_columns, readable, suffix_of, write_staged
from musicflamingo_cli.results.tables.table import PLAIN, NothingLeft, Reading, Reject, Table

ROWS = 20_000
"""Rows of JSON that are turned into columns at a time."""


def stage_json(name: str, work: Path, how: Reading) -> Table:
    """Stage JSON lines, or JSON of any form that scores came in (a list, `{"songs": [...]}`, id to scores).

    A line that is no object is a reject with `how.set_aside`, and else an error.
    """
    with readable(name):
        rejects: list[Reject] = []

        def rows() -> Iterator[dict[str, Any]]:
            rejects.clear()
            if _is_lines(name):
                return (row for _, row in _json_lines(name, rejects, how))
            with pa.input_stream(name) as stream:
                raw = stream.read().removeprefix(BOM)
            try:
                document = loads(raw)
            except (ValueError, RecursionError) as problem:
                raise UsageError(f"{name}: not a whole JSON document ({problem})") from None
            return rows_of_document(name, document, rejects, how.nulls)

        return _stage_rows(name, work, rows, rejects, "json", how)


def stage_caches(name: str, work: Path, files: Sequence[Path]) -> Table:
    """Stage the caches of the older script."""
    rejects: list[Reject] = []
    rows = list(rows_of_caches(name, files, rejects))
    return _stage_rows(name, work, lambda: iter(rows), rejects, LEGACY, PLAIN)


def _stage_rows(
    name: str,
    work: Path,
    rows: Callable[[], Iterator[dict[str, Any]]],
    rejects: Sequence[Reject],
    form: str,
    how: Reading,
) -> Table:
    columns: dict[str, JsonColumn] = {}
    for group in _groups(rows()):
        for key in dict.fromkeys(key for row in group for key in row):
            columns.setdefault(key, JsonColumn(key)).see([row.get(key) for row in group])
    if rejects and not columns:
        raise NothingLeft(f"{name}: no column and no row in it", rejects)
    check_columns(name, list(columns))
    own = [(key, column.type) for key, column in columns.items()]
    more = [(JSON + key, pa.string()) for key, column in columns.items() if JSON in how.twins and column.is_respelled]
    for key, column in columns.items():
        if EXACT in how.twins and column.is_longer:
            values = (row.get(key) for row in rows())
            more.append((EXACT + key, exact_type(text_of(value) for value in values if value is not None)))
    schema = pa.schema([*own, *more])

    def batches() -> Iterator[pa.RecordBatch]:
        for group in _groups(rows()):
            arrays = [columns[key].array([row.get(key) for row in group]) for key, _ in own]
            for twin, kind in more:
                values = [row.get(own_name(twin)) for row in group]
                texts = [None if value is None else text_of(value) for value in values]
                arrays.append(exact_values(texts, kind))
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return Table(name, (write_staged(work, schema, batches()),), schema, tuple(rejects), form)


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while group := list(islice(rows, ROWS)):
        yield group


def _is_lines(name: str) -> bool:
    """Return whether each line of a file stands for itself: the first one is an object, and another follows it."""
    if suffix_of(Path(name)) in (".jsonl", ".ndjson"):
        return True
    with pa.input_stream(name) as stream:
        head = stream.read(8 << 20)
    lines = [line for line in head.removeprefix(BOM).split(b"\n") if line.strip()]
    try:
        return len(lines) > 1 and isinstance(loads(lines[0]), dict)
    except ValueError:
        return False


def json_lines_of_rows(name: str) -> Iterator[int]:
    """Return the line of each row that `stage_json` makes of a file; of none, if the file is one document."""
    if _is_lines(name):
        yield from (line for line, _ in _json_lines(name, [], Reading(set_aside=True)))


def _json_lines(name: str, rejects: list[Reject], how: Reading) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the rows of a file of JSON lines, each with its line."""
    for number, line in _parsed_lines(name):
        if not isinstance(line, dict):
            torn = isinstance(line, Torn)
            why = str(line) if torn else "not an object"
            if not how.set_aside:
                raise UsageError(f"{name} line {number}: {why}{how.remedy}")
            rejects.append(Reject(name, f"line {number}", None, "torn_line" if torn else "not_an_object", why))
            continue
        song = nulled_song(line, how.nulls)
        row = lift(name, f"line {number}", song, rejects) if isinstance(song.get("scores"), dict) else song
        if row is not None:
            yield number, row


def json_values(name: str) -> Iterator[tuple[int, Any]]:
    """Read a file of JSON lines as (line number, value). Raises `UsageError` for a line that is no JSON."""
    for number, value in _parsed_lines(name):
        if isinstance(value, Torn):
            raise UsageError(f"{name} line {number}: {value}")
        yield number, value


class Torn(str):
    """Why a line is no JSON value."""

    __slots__ = ()


def _parsed_lines(name: str) -> Iterator[tuple[int, Any]]:
    """Read a file of JSON lines as (line number, value or `Torn`)."""
    with pa.input_stream(name) as raw:
        for number, line in enumerate(io.BufferedReader(raw, BLOCK), 1):
            bare = (line.removeprefix(BOM) if number == 1 else line).strip()
            if bare:
                try:
                    yield number, loads(bare)
                except (ValueError, RecursionError) as problem:
                    yield number, Torn(f"not a whole JSON value ({problem})")

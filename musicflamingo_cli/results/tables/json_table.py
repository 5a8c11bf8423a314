"""Staging: JSON lines and JSON become Parquet in the work folder, each column of the type that holds all its values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.spelling import EXACT, JSON, exact_type, exact_values, own_name
from musicflamingo_cli.results.tables.csv_file import COMPRESSED
from musicflamingo_cli.results.tables.csv_table import check_columns, readable, write_staged
from musicflamingo_cli.results.tables.json_columns import JsonColumn, float_of, text_of
from musicflamingo_cli.results.tables.reading import PLAIN, Reading, nulled_song
from musicflamingo_cli.results.tables.table import NothingLeft, Reject, Table

LONG, AS_LONG = b"0" * 16, bytes.maketrans(b"123456789.", b"0" * 10)
"""A number, perhaps, that has more digits than any double is sure to hold: how it looks once translated."""
BLANKS = b" \t\r\n"
ROWS = 20_000
"""Rows of JSON that are turned into columns at a time."""


def stage_json(name: str, work: Path, how: Reading) -> Table:
    """Stage JSON lines, or JSON of any form that scores came in (a list, `{"songs": [...]}`, id to scores).

    A line that is no object is a reject with `how.set_aside`, and else an error.
    """
    from musicflamingo_cli.results.tables.score_documents import rows_of_document

    with readable(name):
        rejects: list[Reject] = []

        def rows() -> Iterator[dict[str, Any]]:
            rejects.clear()
            if _is_lines(name):
                return (row for _, row in _json_lines(name, rejects, how))
            return rows_of_document(name, _load(name), rejects, how.nulls)

        return _stage_rows(name, work, rows, rejects, "json", how)


def stage_rows(name: str, work: Path, rows: Iterable[dict[str, Any]], rejects: Sequence[Reject], form: str) -> Table:
    """Stage rows that are at hand."""
    listed = list(rows)
    return _stage_rows(name, work, lambda: iter(listed), rejects, form, PLAIN)


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
    group: list[dict[str, Any]] = []
    for row in rows:
        group.append(row)
        if len(group) == ROWS:
            yield group
            group = []
    if group:
        yield group


def loads(raw: bytes) -> Any:
    """Read JSON, also what Python's `json` writes beyond it: NaN and Infinity as None, lone surrogates written out.

    A whole number is an `int` of any size, and one that a double does not hold a `LongFloat`.
    """
    try:
        value = orjson.loads(raw)
        # orjson makes a double of every long number; what it writes again as it was has lost nothing.
        if LONG not in raw.translate(AS_LONG) or _squeezed(orjson.dumps(value)) == _squeezed(raw):
            return value
    except ValueError:
        pass
    value = json.loads(raw.decode("utf-8-sig"), parse_constant=lambda _: None, parse_float=float_of)
    return _plain(value) if b"\\ud" in raw.lower() else value


def _squeezed(raw: bytes) -> bytes:
    return raw.translate(None, BLANKS)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return {_plain(k): _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def _is_lines(name: str) -> bool:
    """Return whether each line of a file stands for itself: the first one is an object, and another follows it."""
    with pa.input_stream(name) as stream:
        head = stream.read(8 << 20)
    lines = [line for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    suffixes = [s.lower() for s in Path(name).suffixes if s.lower() not in COMPRESSED]
    if suffixes[-1:] in ([".jsonl"], [".ndjson"]):
        return True
    try:
        first = loads(lines[0])
    except ValueError:
        return False
    return isinstance(first, dict) and len(lines) > 1


def json_lines_of_rows(name: str) -> Iterator[int]:
    """Return the line of each row that `stage_json` makes of a file; of none, if the file is one document."""
    if _is_lines(name):
        yield from (line for line, _ in _json_lines(name, [], Reading(set_aside=True)))


def _json_lines(name: str, rejects: list[Reject], how: Reading) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the rows of a file of JSON lines, each with its line."""
    from musicflamingo_cli.results.tables.score_documents import lift

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
        number = 0
        for number, line in enumerate(_lines(raw), 1):
            stripped = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
            if not stripped:
                continue
            try:
                value = loads(stripped)
            except (ValueError, RecursionError) as problem:
                value = Torn(f"not a whole JSON value ({problem})")
            yield number, value


def _lines(stream: Any) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(1 << 20):
        pieces = (rest + block).split(b"\n")
        rest = pieces.pop()
        yield from pieces
    if rest:
        yield rest


def _load(name: str) -> Any:
    with pa.input_stream(name) as stream:
        raw = stream.read()
    try:
        return loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as problem:
        raise UsageError(f"{name}: not a whole JSON document ({problem})") from None

"""Staging: JSON lines and JSON become Parquet in the work folder, each column of the type that holds all its values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.csv_file import COMPRESSED
from musicflamingo_cli.results.ids import ID_NAMES
from musicflamingo_cli.results.on_disk import Reject, Table
from musicflamingo_cli.results.staging import check_columns, readable, write_staged

ROWS = 20_000
"""Rows of JSON that are turned into columns at a time."""


def stage_json(name: str, work: Path) -> Table:
    """Stage JSON lines, or JSON of any form that scores came in (a list, `{"songs": [...]}`, id to scores)."""
    from musicflamingo_cli.results.legacy import rows_of_document

    with readable(name):
        rejects: list[Reject] = []

        def rows() -> Iterator[dict[str, Any]]:
            rejects.clear()
            if _is_lines(name):
                return _json_lines(name, rejects)
            return rows_of_document(name, _load(name), rejects)

        return _stage_rows(name, work, rows, rejects, "json")


def stage_rows(name: str, work: Path, rows: Iterable[dict[str, Any]], rejects: Sequence[Reject], form: str) -> Table:
    """Stage rows that are at hand."""
    listed = list(rows)
    return _stage_rows(name, work, lambda: iter(listed), rejects, form)


def _stage_rows(
    name: str, work: Path, rows: Callable[[], Iterator[dict[str, Any]]], rejects: Sequence[Reject], form: str
) -> Table:
    schema = pa.schema([])
    mixed: set[str] = set()
    for group in _groups(rows()):
        schema = _widened(schema, group, mixed)
    mixed |= {f.name for f in schema if _holds_nothing(f.type)}
    fields = [(f.name, pa.string() if f.name in mixed else f.type) for f in schema]
    check_columns(name, [n for n, _ in fields])
    schema = pa.schema(fields)

    def batches() -> Iterator[pa.RecordBatch]:
        for group in _groups(rows()):
            arrays = [_array(n, [row.get(n) for row in group], t, n in mixed) for n, t in fields]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return Table(name, (write_staged(work, schema, batches()),), schema, tuple(rejects), form)


def _widened(schema: pa.Schema, group: list[dict[str, Any]], mixed: set[str]) -> pa.Schema:
    for column in dict.fromkeys(key for row in group for key in row):
        try:
            seen = pa.array([row.get(column) for row in group]).type
            schema = pa.unify_schemas([schema, pa.schema([(column, seen)])], promote_options="permissive")
        except (pa.ArrowException, OverflowError):
            mixed.add(column)
            if column not in schema.names:
                schema = schema.append(pa.field(column, pa.string()))
    return schema


def _holds_nothing(kind: pa.DataType) -> bool:
    """Return whether a type holds an object without a key, which Parquet has no form for."""
    if pa.types.is_struct(kind):
        return kind.num_fields == 0 or any(_holds_nothing(kind.field(i).type) for i in range(kind.num_fields))
    return bool(pa.types.is_list(kind)) and _holds_nothing(kind.value_type)


def _array(name: str, values: list[Any], kind: pa.DataType, mixed: bool) -> pa.Array:
    if mixed:
        if name in ID_NAMES:
            values = [int(v) if isinstance(v, float) and v.is_integer() else v for v in values]
        values = [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
    return pa.array(values, kind)


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
    """Read JSON, also what Python's `json` writes beyond it: NaN and Infinity as None, lone surrogates written out."""
    try:
        return orjson.loads(raw)
    except ValueError:
        return _plain(json.loads(raw.decode("utf-8-sig"), parse_constant=lambda _: None))


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


def _json_lines(name: str, rejects: list[Reject]) -> Iterator[dict[str, Any]]:
    from musicflamingo_cli.results.legacy import lift

    for number, line in json_values(name):
        if not isinstance(line, dict):
            raise UsageError(f"{name} line {number}: not an object")
        row = lift(name, f"line {number}", line, rejects) if isinstance(line.get("scores"), dict) else line
        if row is not None:
            yield row


def json_values(name: str) -> Iterator[tuple[int, Any]]:
    """Read a file of JSON lines as (line number, value). Raises `UsageError` for a line that is no JSON."""
    with pa.input_stream(name) as raw:
        number = 0
        for number, line in enumerate(_lines(raw), 1):
            stripped = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
            if not stripped:
                continue
            try:
                yield number, loads(stripped)
            except (ValueError, RecursionError) as problem:
                raise UsageError(f"{name} line {number}: not a whole JSON value ({problem})") from None


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

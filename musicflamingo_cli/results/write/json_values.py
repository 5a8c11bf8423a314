"""Rows for text formats: what JSON and CSV have no word for becomes text or a number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from musicflamingo_cli.results.tables.cells import mapped, widened


def plain_rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Return rows that can be written as JSON or CSV: bytes, times and durations made plain."""
    batch = _for_python(batch)
    odd = [one.name for one in batch.schema if _is_odd(one.type)]
    for row in batch.to_pylist(maps_as_pydicts=None):
        for name in odd:
            row[name] = plain(row[name])
        yield row


def _for_python(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows in which what Python has no type for is another: nanoseconds text, or seconds, float32 as written."""
    columns = []
    for column in batch.columns:
        if pa.types.is_duration(column.type) and column.type.unit == "ns":
            columns.append(pc.divide(column.cast(pa.int64()).cast(pa.float64(), safe=False), 1e9))
        elif pa.types.is_float32(column.type):
            columns.append(widened(column, pa.float64()))
        else:
            kind = mapped(column.type, _as_text)
            columns.append(column if kind == column.type else column.cast(kind))
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _as_text(kind: pa.DataType) -> pa.DataType:
    is_moment = pa.types.is_timestamp(kind) or pa.types.is_time(kind)
    return pa.string() if is_moment and kind.unit == "ns" else kind


def _is_odd(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.DictionaryType):
        return _is_odd(kind.value_type)
    if pa.types.is_nested(kind):
        return True
    simple = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return not (simple or pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_timestamp(kind))


def plain(value: Any) -> Any:
    """Return a value that JSON has a word for, or `writers` one."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(plain(k)): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value

"""Rows for text formats: what JSON and CSV have no word for becomes text or a number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time, timedelta
from typing import Any

import pyarrow as pa


def plain_rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Return rows that can be written as JSON or CSV: bytes, times and durations made plain."""
    odd = [one.name for one in batch.schema if _is_odd(one.type)]
    for row in batch.to_pylist(maps_as_pydicts=None):
        for name in odd:
            row[name] = plain(row[name])
        yield row


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

"""Columns of a Parquet manifest with their types, for a table that keeps them: a date as a date, not as its text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa

from musicflamingo_cli.intake.manifest.cells import Oversize
from musicflamingo_cli.intake.manifest.parquet import ParquetRows

NANOSECONDS = 10**9


class TypedColumns:
    """Some columns of a Parquet manifest, row by row."""

    def __init__(self, table: ParquetRows, names: Mapping[str, str]) -> None:
        self._table = table
        kinds = {asked: table.type_of(name) for asked, name in names.items()}
        self._names = {n: names[n] for n, kind in kinds.items() if _is_kept(kind) or _is_duration(kind)}
        text = {n for n in self._names if _is_duration(kinds[n])}
        self.types: dict[str, pa.DataType] = {n: pa.string() if n in text else kinds[n] for n in self._names}
        """By the name asked for. Durations are text; other text is not here, nor what Parquet has no form for."""

    def rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield every row's number and cells, null for one that is too long."""
        for number, cells, _ in self._table.rows(tuple(dict.fromkeys(self._names.values())), typed=True):
            yield number, {asked: _cell((cells or {})[name]) for asked, name in self._names.items()}


def _cell(value: Any) -> Any:
    if isinstance(value, Oversize) or (isinstance(value, pa.Scalar) and not value.is_valid):
        return None
    if isinstance(value, pa.Scalar) and _is_duration(value.type):
        return duration_text(value.value)
    if isinstance(value, timedelta):
        return duration_text(value // timedelta(microseconds=1) * 1000)
    return value


def duration_text(nanoseconds: int) -> str:
    """Return a duration as pandas, PostgreSQL and DuckDB read it: `26:00:00.5`."""
    seconds, rest = divmod(abs(nanoseconds), NANOSECONDS)
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    sign = "-" if nanoseconds < 0 else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


def _is_duration(kind: pa.DataType) -> bool:
    return bool(pa.types.is_duration(kind))


def _is_kept(kind: pa.DataType) -> bool:
    """Return whether a column keeps its type: not text and bytes, and not what Parquet has no form of its own for."""
    types = pa.types
    if types.is_struct(kind):
        return kind.num_fields > 0 and all(_is_part(kind.field(i).type) for i in range(kind.num_fields))
    if types.is_list(kind) or types.is_large_list(kind):
        return _is_part(kind.value_type)
    if types.is_map(kind):
        return _is_part(kind.key_type) and _is_part(kind.item_type)
    moment = types.is_date(kind) or types.is_time(kind) or types.is_timestamp(kind)
    number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    return bool(moment or number or types.is_boolean(kind))


def _is_part(kind: pa.DataType) -> bool:
    nanoseconds = getattr(kind, "unit", "") == "ns"  # inside a list, Python would round them
    return (_is_kept(kind) and not nanoseconds) or bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

"""Columns of joined tables, by the names that a person may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.sandbox import quoted
from musicflamingo_cli.results.tables.ids import nearest


@dataclass(frozen=True, slots=True)
class Column:
    """One column that rules can name."""

    name: str
    """Its name in the output."""
    plain: str
    """Its name in its own table."""
    side: str
    """`songs`, or what the joined table is called."""
    kind: pa.DataType
    internal: str
    """Its name inside a statement."""
    matched: str | None = None
    """What is null, inside a statement, where its table has no row for the song; None for SONGS' own."""
    span: tuple[float, float] | None = None
    """Lowest and highest value that it can have, where that is known: it is a score."""
    table: str = ""
    """Its table, as a person named it."""


class Columns:
    """The columns of SONGS and of the scores, by the names that a person may use for them."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.all = tuple(columns)
        self._names = [c.name for c in columns]

    def find(self, name: str, flag: str) -> Column:
        """Return the column of a name; `songs.` or `scores.` before it says which side. Raises `UsageError`."""
        exact = [c for c in self.all if c.name == name]
        if exact:
            return self._unambiguous(exact[0], name, flag)
        side, dot, plain = name.partition(".")
        if dot:
            found = [c for c in self.all if c.side == side and c.plain == plain]
            if found:
                return found[0]
        loose = [c for c in self.all if c.name.lower() == name.lower()]
        if len(loose) == 1:
            return self._unambiguous(loose[0], name, flag)
        if loose:
            raise UsageError(f"{flag}: '{name}' may be {' or '.join(c.name for c in loose)}; write it as it is")
        raise UsageError(f"{flag}: no column '{name}'{nearest(name, self._names)}")

    def number(self, name: str, flag: str) -> Column:
        """Return a column that holds numbers. Raises `UsageError`."""
        column = self.find(name, flag)
        kind = column.kind.value_type if isinstance(column.kind, pa.DictionaryType) else column.kind
        if not (is_number(kind) or pa.types.is_null(kind)):
            raise UsageError(f"{flag}: column '{column.name}' of {column.table} holds {column.kind}, not numbers")
        return column

    def path(self, names: list[str], flag: str) -> tuple[Column, list[str]]:
        """Return the column that a dotted name begins with, and what is left of the name."""
        own = any(c.name == names[0] for c in self.all)
        if len(names) > 1 and not own and any(c.side == names[0] for c in self.all):
            return self.find(".".join(names[:2]), flag), names[2:]
        return self.find(names[0], flag), names[1:]

    def _unambiguous(self, column: Column, name: str, flag: str) -> Column:
        """Refuse the plain name of a score that both tables hold: one of the two would be the wrong one."""
        twins = [c for c in self.all if c.plain == column.plain]
        if len(twins) > 1 and column.name == column.plain and any(c.span for c in twins):
            either = " or ".join(f"{c.side}.{c.plain}" for c in twins)
            raise UsageError(f"{flag}: more than one table has '{name}'; say {either}")
        return column


def is_number(kind: pa.DataType) -> bool:
    """Return whether a type is one of numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def clean(sql: str, kind: pa.DataType, span: tuple[float, float] | None) -> str:
    """Return SQL in which NaN, infinite and out-of-range numbers are null, also inside structs and lists."""
    if pa.types.is_floating(kind):
        inside = f" AND {sql} BETWEEN {span[0]!r} AND {span[1]!r}" if span else ""
        return f"CASE WHEN isfinite({sql}){inside} THEN {sql} END"
    if span and (pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        return f"CASE WHEN {sql} BETWEEN {span[0]!r} AND {span[1]!r} THEN {sql} END"
    if not _holds_floats(kind):
        return sql
    if pa.types.is_struct(kind):
        inner = ", ".join(f"{quoted(f.name)} := {clean(f'{sql}.{quoted(f.name)}', f.type, None)}" for f in kind)
        return f"CASE WHEN {sql} IS NOT NULL THEN struct_pack({inner}) END"
    return f"list_transform({sql}, lambda e: {clean('e', kind.value_type, None)})"


def _holds_floats(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(_holds_floats(one.type) for one in kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _holds_floats(kind.value_type)
    return bool(pa.types.is_floating(kind))


def cast(values: Any, kind: pa.DataType) -> Any:
    """Return values in a type."""
    return values if values.type == kind else values.cast(kind)


def comes_back(given: pa.DataType, kind: pa.DataType) -> bool:
    """Return whether what DuckDB gives for a column can be cast to the type that it had."""
    if isinstance(kind, pa.BaseExtensionType):
        return False
    try:
        cast(pa.array([], given), kind)
    except pa.ArrowException:
        return False
    return True

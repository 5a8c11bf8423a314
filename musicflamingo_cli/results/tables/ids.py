"""Ids: which columns hold them, and how those of two tables are compared, as text."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.ids import EXACT
from musicflamingo_cli.results.spelling import without_twins
from musicflamingo_cli.results.tables.table import Table

ID_NAMES = ("song_id", "id")
"""Columns that hold the id unless a person names another."""


def nearest(name: str, names: Sequence[str]) -> str:
    """Return a remark on what a wrong column name may have meant, or which columns there are."""
    import difflib

    names = without_twins(names)
    lower = {n.lower(): n for n in names}
    close = [lower[n] for n in difflib.get_close_matches(name.lower(), lower, 3, 0.5)]
    if close:
        return f" (did you mean {', '.join(close)}?)"
    return f" (columns: {', '.join(names[:30])}{', ...' if len(names) > 30 else ''})"


def id_column(table: Table, wanted: str | None, flag: str = "--on") -> int:
    """Return the position of the id column: the one named, else `song_id`, else `id`. Raises `UsageError`."""
    names = table.schema.names
    if wanted is not None:
        if wanted in names:
            return int(names.index(wanted))
        raise UsageError(f"{table.name}: no column '{wanted}'{nearest(wanted, names)}")
    for name in ID_NAMES:
        if name in names:
            return int(names.index(name))
    raise UsageError(f"{table.name}: no column 'song_id'{nearest('song_id', names)}; name the id with {flag}")


def can_be_id(kind: pa.DataType) -> bool:
    """Return whether values of a type can be ids: text, numbers, dates and bytes."""
    moment = pa.types.is_temporal(kind) and not pa.types.is_date(kind)
    return not (pa.types.is_nested(kind) or pa.types.is_boolean(kind) or moment)


def id_sql(column: str, kind: pa.DataType, name: str) -> str:
    """Return SQL that gives an id as text, null for none, as `ids.id_text` does. Raises `UsageError` naming `name`."""
    types = pa.types
    if isinstance(kind, pa.DictionaryType):
        kind = kind.value_type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return f"nullif({column}, '')"
    if types.is_floating(kind):
        text = f"CASE WHEN {column} = trunc({column}) THEN {column}::BIGINT::VARCHAR ELSE {column}::VARCHAR END"
        return f"CASE WHEN isfinite({column}) AND abs({column}) < {EXACT} THEN {text} END"
    if types.is_decimal(kind):
        return f"regexp_replace({column}::VARCHAR, '\\.0+$', '')"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return f"nullif(TRY(decode({column})), '')"
    if not can_be_id(kind):
        raise UsageError(f"{name} holds {kind}, which can't be an id; write it as text")
    return f"{column}::VARCHAR"


def few_match(
    matched: int, rows: int, ours: tuple[str, Sequence[str]], theirs: tuple[str, Sequence[str]]
) -> str | None:
    """Return a warning where under half of a table's rows are in another one.

    Args:
        matched: Rows that have one.
        rows: All rows.
        ours: Name of the table, and some of its ids that are not in the other.
        theirs: Name of the other table, and some of its ids that are not in this one.
    """
    if 2 * matched >= rows:
        return None
    sides = [
        f"{name} has {', '.join(repr(i) for i in some[:2]) if some else 'no such id'}" for name, some in (ours, theirs)
    ]
    return (
        f"warning: only {matched} of the {rows} rows of {ours[0]} are in {theirs[0]}; do their ids mean the same? "
        f"Of ids that the other lacks, {' and '.join(sides)}"
    )

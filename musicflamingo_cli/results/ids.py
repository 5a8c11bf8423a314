"""Ids: which columns hold them, and how those of two tables are compared, as text."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from musicflamingo_cli.errors import UsageError

ID_NAMES = ("song_id", "id")
"""Columns that hold the id unless a person names another."""


def nearest(name: str, names: Sequence[str]) -> str:
    """Return a remark on what a wrong column name may have meant, or which columns there are."""
    import difflib

    lower = {n.lower(): n for n in names}
    close = [lower[n] for n in difflib.get_close_matches(name.lower(), lower, 3, 0.5)]
    if close:
        return f" (did you mean {', '.join(close)}?)"
    return f" (columns: {', '.join(names[:30])}{', ...' if len(names) > 30 else ''})"


def id_sql(column: str, kind: pa.DataType, name: str) -> str:
    """Return SQL that gives the id as text: whole numbers without a point, everything else unchanged."""
    if isinstance(kind, pa.DictionaryType):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column
    if pa.types.is_floating(kind):
        whole = f"{column} = trunc({column}) AND abs({column}) < 9007199254740992"
        text_of = f"CASE WHEN {whole} THEN {column}::BIGINT::VARCHAR ELSE {column}::VARCHAR END"
        return f"CASE WHEN isfinite({column}) THEN {text_of} END"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return f"TRY(decode({column}))"
    if pa.types.is_nested(kind) or pa.types.is_boolean(kind):
        raise UsageError(f"{name} holds {kind}, which can't be an id")
    return f"{column}::VARCHAR"

"""Cells of a column, in Arrow and in SQL: which are null, and what becomes of types that differ between files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from musicflamingo_cli.nulls import BLANKS, is_null_word
from musicflamingo_cli.results.sandbox import text


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column's cells may be null words."""
    kind = kind.value_type if isinstance(kind, pa.DictionaryType) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def are_null_words(cells: pa.Array, words: frozenset[str]) -> pa.Array:
    """Return which of some text cells are null words."""
    plain = cells.cast(cells.type.value_type) if isinstance(cells.type, pa.DictionaryType) else cells
    return pc.is_in(pc.utf8_trim(plain, characters=BLANKS), pa.array(sorted(words), plain.type))


def nulled(cells: pa.Array, words: frozenset[str]) -> pa.Array:
    """Return a column with null for null words."""
    return pc.if_else(are_null_words(cells, words), None, cells) if words and is_text(cells.type) else cells


def nulled_sql(sql: str, kind: pa.DataType, words: frozenset[str]) -> str:
    """Return SQL for `nulled`."""
    if not words or not is_text(kind):
        return sql
    listed = ", ".join(map(text, sorted(words)))
    return f"CASE WHEN trim({sql}, {text(BLANKS)}) IN ({listed}) THEN NULL ELSE {sql} END"


def nulled_song(song: Any, words: frozenset[str]) -> Any:
    """Return what a JSON file holds of a song, an object or a mere value, with null for null words; in `scores` too."""
    if not words or not isinstance(song, dict):
        return None if is_null_word(song, words) else song
    return {
        key: nulled_song(cell, words) if key == "scores" or isinstance(cell, str) else cell
        for key, cell in song.items()
    }


def widened(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return values in a wider type; a float32 as the decimal number that it was written from, so that 0.7 stays it."""
    if pa.types.is_float32(values.type) and pa.types.is_float64(kind):
        values = values.cast(pa.string())
    return values if values.type == kind else values.cast(kind)


def widened_sql(sql: str, own: pa.DataType, kind: pa.DataType) -> str:
    """Return SQL for a column in a wider type; see `widened`."""
    return f"{sql}::VARCHAR::DOUBLE" if pa.types.is_float32(own) and pa.types.is_float64(kind) else sql


def without_views(schema: pa.Schema) -> pa.Schema:
    """Return a schema with plain text for views of text, which Arrow can't take rows of."""

    def plain(kind: pa.DataType) -> pa.DataType:
        return pa.string() if pa.types.is_string_view(kind) else pa.binary() if pa.types.is_binary_view(kind) else kind

    return pa.schema([one.with_type(mapped(one.type, plain)) for one in schema], schema.metadata)


def mapped(kind: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Return a type in which the types of single values are changed, wherever they stand."""
    if pa.types.is_struct(kind):
        return pa.struct([one.with_type(mapped(one.type, change)) for one in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        make = pa.list_ if pa.types.is_list(kind) else pa.large_list
        return make(kind.value_field.with_type(mapped(kind.value_type, change)))
    return change(kind)


def nullable(kind: pa.DataType) -> pa.DataType:
    """Return a type whose parts may be null: a song without a row has none of them, whatever its table promises."""
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(one.name, nullable(one.type), metadata=one.metadata) for one in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        make = pa.list_ if pa.types.is_list(kind) else pa.large_list
        return make(kind.value_field.with_type(nullable(kind.value_type)).with_nullable(True))
    return pa.map_(kind.key_type, nullable(kind.item_type)) if pa.types.is_map(kind) else kind


def repeated_part(kind: pa.DataType) -> str | None:
    """Return the name of a struct's field that stands there twice, or is empty, wherever in a type; else None."""
    if not pa.types.is_nested(kind):
        return None
    fields = [kind.field(i) for i in range(kind.num_fields)]
    names = [one.name for one in fields] if pa.types.is_struct(kind) else []
    wrong = next((name for name in names if not name or names.count(name) > 1), None)
    return (
        wrong if wrong is not None else next((n for one in fields if (n := repeated_part(one.type)) is not None), None)
    )

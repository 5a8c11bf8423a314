"""Types of columns: what becomes of those that differ between files, and of views, which Arrow can't take rows of."""

from __future__ import annotations

import pyarrow as pa


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
    for i, one in enumerate(schema):
        schema = schema.set(i, one.with_type(_plain(one.type)))
    return schema


def nullable(kind: pa.DataType) -> pa.DataType:
    """Return a type whose parts may be null: a song without a row has none of them, whatever its table promises."""
    if pa.types.is_struct(kind):
        fields = (kind.field(i) for i in range(kind.num_fields))
        return pa.struct([pa.field(one.name, nullable(one.type), metadata=one.metadata) for one in fields])
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


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_struct(kind):
        return pa.struct([one.with_type(_plain(one.type)) for one in (kind.field(i) for i in range(kind.num_fields))])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_plain(kind.value_type)))
    return kind

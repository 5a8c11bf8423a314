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

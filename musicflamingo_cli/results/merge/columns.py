"""The columns of tables that are merged: one type for each, from those that the tables have."""

from __future__ import annotations

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.sandbox import quoted, text
from musicflamingo_cli.results.schema import DETAIL, HEAD
from musicflamingo_cli.results.spelling import CSV, JSON
from musicflamingo_cli.results.tables.cells import nullable, widened_sql
from musicflamingo_cli.results.tables.score_documents import WEIGHTS
from musicflamingo_cli.results.tables.table import OVERALL, Table

STAGED = ("csv", "json")
"""Forms whose types were only guessed."""


def score_names(schema: pa.Schema) -> list[str]:
    """Return the columns that hold scores: the overall, and every number that has a `<name>_detail`."""
    names = set(schema.names)
    detailed = [f.name for f in schema if f"{f.name}_detail" in names and pa.types.is_floating(f.type)]
    known = [f.name for f in schema if pa.types.is_floating(f.type) and f.name in WEIGHTS]
    return list(dict.fromkeys(([OVERALL] if OVERALL in names else []) + detailed + known))


def together(name: str, one: tuple[pa.DataType, Table], other: tuple[pa.DataType, Table]) -> tuple[pa.DataType, Table]:
    """Return the type that a column of two tables has in one."""
    if one[0] == other[0]:
        return one
    sure = [(kind, table) for kind, table in (one, other) if table.form not in STAGED]
    if len(sure) == 1:
        return sure[0]
    try:
        schemas = [pa.schema([(name, kind)]) for kind, _ in (one, other)]
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type, one[1]
    except pa.ArrowException:
        if not sure:
            return pa.string(), one[1]
        raise UsageError(
            f"column '{name}' is {one[0]} in {one[1].name} but {other[0]} in {other[1].name}; they can't be one column"
        ) from None


def known(name: str, kind: pa.DataType, names: set[str]) -> pa.DataType:
    """Return the type that a column has in a table of ours, if this is one; text formats have lost it."""
    if not {"song_id", "status", "reason", OVERALL} <= names:
        return kind
    if name.endswith("_detail") and name.removesuffix("_detail") in names:
        return DETAIL
    return HEAD.get(name, kind)


def read_as(table: Table, position: int, kind: pa.DataType) -> str:
    """Return SQL that gives a column (`x<position>`) of a table in a type."""
    own = table.schema.field(position).type
    if nullable(own) == kind:
        return f"x{position}"
    if pa.types.is_string(own) and pa.types.is_nested(kind):
        return f"CAST(CAST({_as_json(f'x{position}')} AS JSON) AS {sql_type(kind)})"
    if pa.types.is_timestamp(kind) and (pa.types.is_integer(own) or pa.types.is_floating(own)):
        return f"CAST({_moment(f'x{position}')} AS {sql_type(kind)})"
    return f"CAST({widened_sql(f'x{position}', own, kind)} AS {sql_type(kind)})"


def unreadable(table: Table, position: int, kind: pa.DataType) -> str:
    """Return SQL that tells whether a type can't hold what a column (`x<position>`) of a table holds."""
    sql, name = f"x{position}", table.schema.names[position]
    lost = f"TRY({read_as(table, position, kind)}) IS NULL"
    if pa.types.is_integer(kind) and not {CSV + name, JSON + name} & set(table.schema.names):
        # DuckDB would round 1.5 to 2; a column that is written with the cells as they were loses nothing.
        number = f"TRY_CAST({sql} AS DOUBLE)"
        lost = f"({lost} OR {number} <> trunc({number}))"
    return f"({sql} IS NOT NULL AND {lost})"


PYTHON_TEXTS = r"\[(\s*'[^'\\]*'\s*,?)*\s*\]"
"""A list of texts as Python or numpy prints it."""
PYTHON_OBJECT = r"\{('\w+': ('\w*'|None|nan|-?[0-9][0-9.eE+-]*)(, )?)*\}"
"""An object of words and numbers as Python prints it."""


def _as_json(sql: str) -> str:
    """Return SQL that gives the JSON of a cell, also where pandas' `to_csv` has written what Python prints."""
    texts = f"""to_json(regexp_extract_all({sql}, {text("'([^']*)'")}, 1))::VARCHAR"""
    words = f"""regexp_replace(replace({sql}, {text("'")}, {text('"')}), ': (None|nan)\\b', ': null', 'g')"""
    return (
        f"CASE WHEN regexp_full_match({sql}, {text(PYTHON_TEXTS)}) THEN {texts} "
        f"WHEN regexp_full_match({sql}, {text(PYTHON_OBJECT)}) THEN {words} ELSE {sql} END"
    )


def _moment(sql: str) -> str:
    """Return SQL for the moment that a number of seconds, milli-, micro- or nanoseconds since 1970 stands for.

    Its size tells which, for all moments between 1973 and 5138. pandas' `to_json` writes milliseconds.
    """
    scale = f"WHEN abs({sql}) < 1e11 THEN 1000000 WHEN abs({sql}) < 1e14 THEN 1000 ELSE 1"
    return f"make_timestamp((CASE WHEN abs({sql}) < 1e17 THEN {sql} * CASE {scale} END ELSE {sql} / 1000 END)::BIGINT)"


def sql_type(kind: pa.DataType) -> str:
    """Return DuckDB's name of a type. Raises `UsageError` for one that it does not have."""
    if isinstance(kind, pa.DictionaryType):
        return sql_type(kind.value_type)
    if pa.types.is_struct(kind):
        return f"STRUCT({', '.join(f'{quoted(f.name)} {sql_type(f.type)}' for f in kind)})"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pa.types.is_map(kind):
        return f"MAP({sql_type(kind.key_type)}, {sql_type(kind.item_type)})"
    if pa.types.is_decimal128(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        nanoseconds = kind.unit == "ns"
        return (
            ("TIMESTAMPTZ_NS" if nanoseconds else "TIMESTAMPTZ")
            if kind.tz
            else ("TIMESTAMP_NS" if nanoseconds else "TIMESTAMP")
        )
    if pa.types.is_duration(kind):
        return "BIGINT"  # which is what DuckDB reads of one
    found = PLAIN_TYPES.get(str(kind))
    if found is None:
        raise UsageError(f"holds {kind}, which can't be merged; write it as another type")
    return found


PLAIN_TYPES = {
    "bool": "BOOLEAN",
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "uint8": "UTINYINT",
    "uint16": "USMALLINT",
    "uint32": "UINTEGER",
    "uint64": "UBIGINT",
    "halffloat": "FLOAT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "large_string": "VARCHAR",
    "string_view": "VARCHAR",
    "binary": "BLOB",
    "large_binary": "BLOB",
    "date32[day]": "DATE",
    "date64[ms]": "DATE",
    "time32[s]": "TIME",
    "time32[ms]": "TIME",
    "time64[us]": "TIME",
    "null": "INTEGER",
}

"""What a person names of a table: a column, a field in one, a part of a path; as SQL over the table's relation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.columns import clean, is_number
from musicflamingo_cli.results.sandbox import quoted, text
from musicflamingo_cli.results.tables.ids import ID_NAMES, id_sql, nearest
from musicflamingo_cli.results.tables.table import Table


@dataclass(frozen=True, slots=True)
class Picked:
    """A column of a table, or a field of one."""

    places: tuple[int, ...]
    """Of the columns that it takes, from 0."""
    sql: str
    """Over the columns `t0`, `t1`, ... of the table's relation."""
    kind: pa.DataType


def pick(table: Table, name: str) -> Picked:
    """Find a column, or with `column.field` a field of its structs, or of each struct in its lists.

    Raises:
        UsageError: There is none of that name.
    """
    names = table.schema.names
    if name in names:
        place = names.index(name)
        return Picked((place,), f"t{place}", table.schema.field(place).type)
    column, _, inner = name.partition(".")
    struct = table.schema.field(column).type if column in names else pa.null()
    in_list = pa.types.is_list(struct) or pa.types.is_large_list(struct)
    if in_list:
        struct = struct.value_type
    if not pa.types.is_struct(struct) or struct.get_field_index(inner) < 0:
        raise UsageError(f"{table.name}: no column '{name}'{nearest(name, names)}")
    place, kind = names.index(column), struct.field(inner).type
    if in_list:
        return Picked((place,), f"list_transform(t{place}, lambda x: x.{quoted(inner)})", pa.list_(kind))
    return Picked((place,), f"t{place}.{quoted(inner)}", kind)


def pick_columns(scores: Table, named: Sequence[str]) -> list[str]:
    """Return columns of numbers by their names or by patterns; none named: every score, the overall first.

    Raises:
        UsageError: One is not there or holds no numbers, or there is none.
    """
    numbers = [one.name for one in scores.schema if is_number(one.type) and one.name not in ID_NAMES]
    found = dict.fromkeys(() if named else scores.ranges())
    for name in named:
        fits = [name] if name in numbers else [column for column in numbers if fnmatchcase(column, name)]
        if not fits:
            pick(scores, name)
            raise UsageError(f"{scores.name}: column '{name}' holds no numbers")
        found |= dict.fromkeys(fits)
    if not found:
        raise UsageError(f"{scores.name}: its run card tells of no scores; name columns with --columns")
    return list(found)


def has_column(table: Table, words: str) -> bool:
    """Return whether words name a column, a field of one, or what matches in one."""
    return not {words, words.partition(":")[0].partition(".")[0]}.isdisjoint(table.schema.names)


def pick_score(table: Table, column: str) -> Picked:
    """Find a score, as a DOUBLE that is null where it is missing to `mfq filter`: not finite, or out of its range."""
    found = pick(table, column)
    if not is_number(found.kind):
        raise UsageError(f"{table.name}: column '{column}' holds no numbers")
    return replace(found, sql=f"{clean(found.sql, found.kind, table.ranges().get(column))}::DOUBLE")


def pick_ratings(table: Table, column: str) -> Picked:
    """Find labels, as a list of finite numbers, which may be empty."""
    found = pick(table, column)
    is_list = pa.types.is_list(found.kind) or pa.types.is_large_list(found.kind)
    numbers = f"list_transform({found.sql if is_list else f'[{found.sql}]'}, lambda x: TRY_CAST(x AS DOUBLE))"
    return replace(found, sql=f"list_filter({numbers}, lambda x: isfinite(x))")


def pick_text(table: Table, names: str) -> Picked:
    """Find what a column says of a song, as text, or with `+` several columns, a space between them; null for none."""
    columns = [names] if names in table.schema.names else names.split("+")
    found = [pick(table, name) for name in columns]
    words = [_words(one) for one in found]
    return Picked(tuple(place for one in found for place in one.places), " || ' ' || ".join(words), pa.string())


def _words(found: Picked) -> str:
    if is_number(found.kind):
        return f"round({found.sql}, 3)::VARCHAR"
    is_list = pa.types.is_list(found.kind) or pa.types.is_large_list(found.kind)
    whole = f"array_to_string({found.sql}, '; ')" if is_list else f"{found.sql}::VARCHAR"
    return f"nullif(trim({whole}), '')"


def pick_group(table: Table, words: str) -> Picked:
    """Find what a song belongs to, as text: a column, or with `column:pattern` what matches in it; null for none."""
    column, colon, pattern = (words, "", "") if words in table.schema.names else words.partition(":")
    found = pick(table, column)
    whole = f"{found.sql}::VARCHAR"
    return replace(found, sql=f"nullif(regexp_extract({whole}, {text(pattern)}), '')" if colon else whole)


def pick_id(table: Table, words: str) -> Picked:
    """Find ids, as text: a column, or of a path in it `column:stem` or the last N parts, `column:N`.

    Raises:
        UsageError: There is no such column, or no such part.
    """
    column, colon, part = (words, "", "") if words in table.schema.names else words.partition(":")
    found = pick(table, column)
    whole = id_sql(found.sql, found.kind, f"{table.name}: column '{column}'")
    pieces = f"string_split(replace({whole}, '\\', '/'), '/')"
    if not colon:
        return replace(found, sql=whole)
    if part == "stem":
        return replace(found, sql=f"regexp_replace({pieces}[-1], '\\.[^.]*$', '')")
    if re.fullmatch("[1-9][0-9]{0,3}", part):
        return replace(found, sql=f"array_to_string({pieces}[-{part}:], '/')")
    raise UsageError(f"--label-id {words}: behind the colon stands stem, or how many last parts of a path count")

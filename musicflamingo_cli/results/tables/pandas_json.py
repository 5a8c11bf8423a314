"""The forms that pandas' `to_json` gives a table, by its `orient`; rows and lines of them are plain JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.schema import HEAD
from musicflamingo_cli.results.tables.ids import ID_NAMES


def pandas_rows(name: str, document: Any) -> Iterator[dict[str, Any]] | None:
    """Return the rows of a document in orient `split`, `table` or `columns`; None for any other document.

    The index is the id where no column is one and it is more than a count; pandas has then written away its name.
    Raises `UsageError` for `values`, which has no names.
    """
    if isinstance(document, list) and document and all(isinstance(row, list) for row in document):
        raise UsageError(
            f"{name}: rows without the names of their columns, as pandas' to_json(orient='values') writes them; "
            "write it with orient='records'"
        )
    if not isinstance(document, dict):
        return None
    columns, data, schema = document.get("columns"), document.get("data"), document.get("schema")
    if isinstance(data, list) and isinstance(columns, list):
        return _split(name, [str(column) for column in columns], document.get("index"), data)
    if isinstance(data, list) and isinstance(schema, dict) and "fields" in schema:
        counted = schema.get("primaryKey") == ["index"]
        return (
            {k: v for k, v in row.items() if not (counted and k == "index")} if isinstance(row, dict) else row
            for row in data
        )
    return _columns(document) if _is_columns(document) else None


def _split(name: str, columns: Sequence[str], index: Any, data: Sequence[Any]) -> Iterator[dict[str, Any]]:
    ids = _ids(columns, index if isinstance(index, list) and len(index) == len(data) else range(len(data)))
    for number, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            raise UsageError(f"{name}: 'data' element {number + 1} is no list of {len(columns)} values, one a column")
        yield {**ids(number), **dict(zip(columns, row, strict=True))}


def _is_columns(document: Mapping[str, Any]) -> bool:
    """Return whether an object holds columns, not songs: our columns' names stand outside, and not inside."""
    shapes = {tuple(values) if isinstance(values, dict) else None for values in document.values()}
    known = {*HEAD, *ID_NAMES}
    return len(shapes) == 1 and None not in shapes and bool(known & set(document)) and not known & set(*shapes)


def _columns(document: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    index = list(next(iter(document.values())))
    ids = _ids(list(document), index)
    for number, key in enumerate(index):
        yield {**ids(number), **{name: values[key] for name, values in document.items()}}


def _ids(columns: Sequence[str], index: Sequence[Any]) -> Any:
    counted = all(str(key) == str(number) for number, key in enumerate(index))
    named = bool(set(ID_NAMES) & set(columns)) or counted
    return lambda number: {} if named else {"song_id": index[number]}

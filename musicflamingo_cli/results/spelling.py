"""What rows were written as, beside what they mean: twin columns that travel with them.

Rules compare numbers as numbers, but a row that only passes comes out as it went in: `10.10` is not `10.1`, and no
double holds 20 digits. So a column whose values don't tell how its cells were written has a twin with their text,
and one whose numbers a double can't hold has another, a decimal or text, for forms that have types.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.csv_text import Cell, in_quotes, quoted_cell, unguarded

CSV, JSON, EXACT = "\x1fcsv\x1f", "\x1fjson\x1f", "\x1fexact\x1f"
"""How the name of a twin begins: the cell of a CSV file, the JSON of a value, the value with all its digits."""
MARKS = (CSV, JSON, EXACT)
TEXT_FORMS = ("csv", "jsonl")
MOST_DIGITS = 38
"""Of a decimal128."""
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def twins_for(forms: Iterable[str]) -> frozenset[str]:
    """Return which twins the outputs of some forms need."""
    found: set[str] = set()
    for form in forms:
        found |= {CSV, JSON} if form in TEXT_FORMS else {EXACT} if form in ("parquet", "folder") else set()
    return frozenset(found)


def is_twin(name: str) -> bool:
    """Return whether a column is a twin."""
    return name.startswith(MARKS)


def own_name(name: str) -> str:
    """Return the name of the column that a twin belongs to; of any other column its own."""
    return name[name.index("\x1f", 1) + 1 :] if is_twin(name) else name


def mark_of(name: str) -> str:
    """Return what a twin's name begins with; "" for any other column."""
    return name.removesuffix(own_name(name)) if is_twin(name) else ""


def without_twins(names: Iterable[str]) -> list[str]:
    """Return the names that a person knows."""
    return [name for name in names if not is_twin(name)]


def is_held(digits: str, value: float) -> bool:
    """Return whether a double says a number to as many digits as it was written with."""
    written = Decimal(digits)
    if not written.is_finite():
        return True
    count = len(written.as_tuple().digits)
    return Decimal(repr(value)) == written or Decimal(f"{value:.{max(count, 1) - 1}e}") == written


def exact_type(digits: Iterable[str]) -> pa.DataType:
    """Return the type that holds all of some numbers, written out: a decimal, or text if there is none."""
    whole = scale = 0
    for one in digits:
        number = Decimal(one)
        if not number.is_finite():
            return pa.string()
        _, figures, exponent = number.as_tuple()
        whole = max(whole, len(figures) + int(exponent))
        scale = max(scale, -int(exponent))
    return pa.decimal128(max(whole + scale, 1), scale) if 0 < whole + scale <= MOST_DIGITS else pa.string()


def exact_values(digits: Iterable[str | None], kind: pa.DataType) -> pa.Array:
    """Return numbers, written out, as `exact_type` holds them."""
    if pa.types.is_decimal(kind):
        return pa.array([None if one is None else Decimal(one) for one in digits], kind)
    return pa.array(list(digits), kind)


def typed_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema of `typed`."""
    kinds = {own_name(one.name): one.type for one in schema if one.name.startswith(EXACT)}
    fields = [one.with_type(kinds.get(one.name, one.type)) for one in schema if not is_twin(one.name)]
    return pa.schema(fields, schema.metadata)


def typed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows without twins, for a form with types: with all digits where a double does not hold them.

    Raises `UsageError` for a column that no type holds.
    """
    schema = typed_schema(batch.schema)
    if schema.equals(batch.schema):
        return batch
    columns = []
    for one in schema:
        column = batch.column(one.name)
        if EXACT + one.name in batch.schema.names:
            exact = batch.column(EXACT + one.name)
            rest = column.filter(exact.is_null()).cast(pa.string())
            others = iter(exact_values(rest.to_pylist(), pa.string()).to_pylist())
            digits = [next(others) if value is None else str(value) for value in exact.to_pylist()]
            try:
                column = exact_values(digits, one.type)
            except pa.ArrowException:
                raise UsageError(
                    f"column '{one.name}': no type of Parquet holds all digits of its numbers; write .csv or .jsonl"
                ) from None
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def spelled(rows: Iterable[dict[str, Any]], names: Sequence[str], form: str) -> Iterator[dict[str, Any]]:
    """Return rows for CSV or JSON lines, each cell as it was written."""
    known = set(names)
    twins = [(own_name(n), n, mark_of(n)) for n in names if n.startswith((CSV, JSON)) and own_name(n) in known]
    for row in rows:
        for name, twin, mark in twins:
            value, text = row[name], row[twin]
            if text is None:
                continue
            if form != "csv":
                row[name] = _json(value, text, mark)
            elif mark == CSV and type(value) is float:
                # Digits, point, sign and exponent: nothing in them asks for quotes, and these are most cells.
                row[name] = Cell(text)
            else:
                row[name] = _cell(value, text, mark)
        yield row


def _cell(value: Any, text: str, mark: str) -> Any:
    if value is None and mark == JSON:
        return None
    if isinstance(value, str) and (mark == CSV or text.startswith('"')):
        return unguarded(text) if mark == CSV else value
    if value is None:
        return Cell(text if text and quoted_cell(f"x{text}x") == f"x{text}x" else in_quotes(text))
    return Cell(quoted_cell(text))


def _json(value: Any, text: str, mark: str) -> Any:
    if mark == JSON:
        return orjson.Fragment(text)
    if isinstance(value, str):
        return unguarded(text)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return orjson.Fragment(text) if is_number and _JSON_NUMBER.fullmatch(text) else value

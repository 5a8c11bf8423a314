"""JSON values with all their digits, and columns of them: which type holds all, and whether it tells how they were."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pyarrow as pa

from musicflamingo_cli.ids import EXACT as EXACT_INT
from musicflamingo_cli.results.spelling import MOST_DIGITS, is_held
from musicflamingo_cli.results.tables.ids import ID_NAMES

INT64 = 2**63
HUGE = 10**MOST_DIGITS
LONG, AS_LONG = b"0" * 16, bytes.maketrans(b"123456789.", b"0" * 10)
"""A number, perhaps, that has more digits than any double is sure to hold: how it looks once translated."""
BLANKS = b" \t\r\n"


class LongFloat(float):
    """A number with more digits than a double holds."""

    __slots__ = ("digits",)
    digits: str


def _float(digits: str) -> float:
    """Read a JSON number with a point or an exponent."""
    value = float(digits)
    if repr(value) == digits or is_held(digits, value):
        return value
    long = LongFloat(value)
    long.digits = digits
    return long


def loads(raw: bytes) -> Any:
    """Read JSON, also what Python's `json` writes beyond it: NaN and Infinity as None, lone surrogates written out.

    A whole number is an `int` of any size, and one that a double does not hold a `LongFloat`.
    """
    try:
        value = orjson.loads(raw)
        # orjson makes a double of every long number; what it writes again as it was has lost nothing.
        if LONG not in raw.translate(AS_LONG) or _squeezed(orjson.dumps(value)) == _squeezed(raw):
            return value
    except ValueError:
        pass
    value = json.loads(raw.decode("utf-8-sig"), parse_constant=lambda _: None, parse_float=_float)
    return _plain(value) if b"\\ud" in raw.lower() else value


def _squeezed(raw: bytes) -> bytes:
    return raw.translate(None, BLANKS)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return {_plain(k): _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def text_of(value: Any) -> str:
    """Return the JSON of a value, with all digits of its numbers."""
    try:
        return orjson.dumps(value, default=_long, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return _text(value)


def _long(value: Any) -> Any:
    if isinstance(value, LongFloat):
        return orjson.Fragment(value.digits)
    raise TypeError


def _text(value: Any) -> str:
    """Return JSON as `text_of` does, for whole numbers past 64 bits, which orjson refuses."""
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_text(str(k))}:{_text(v)}" for k, v in value.items()) + "}"
    is_huge = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_huge else text_of(value)


class JsonColumn:
    """What the values of a column say of its type."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._kinds: set[type] = set()
        self._least = self._most = 0
        """Of the whole numbers."""
        self._nested: pa.DataType | None = None
        self._unlike = False
        """Whether its objects and lists are of no one type."""
        self._reshaped = False
        """Whether their type makes something else of them, such as a null of a key that is not there."""

    def see(self, values: list[Any]) -> None:
        """Take more values into account."""
        kinds = set(map(type, values)) - {type(None)}
        self._kinds |= kinds
        if int in kinds:
            whole = [value for value in values if type(value) is int]
            self._least, self._most = min(self._least, *whole), max(self._most, *whole)
        if kinds & {dict, list} and not self._unlike:
            self._see_nested(values)

    def _see_nested(self, values: list[Any]) -> None:
        try:
            array = pa.array(values)
            both = [pa.schema([("", kind)]) for kind in (self._nested or array.type, array.type)]
            kind = pa.unify_schemas(both, promote_options="permissive").field(0).type
        except (pa.ArrowException, OverflowError):
            self._unlike = True
            return
        same = kind == (self._nested or kind) == array.type
        self._reshaped = self._reshaped or not same or text_of(array.to_pylist()) != text_of(values)
        self._nested = kind

    @property
    def type(self) -> pa.DataType:
        """The type that the column gets."""
        kinds = self._kinds
        if not kinds:
            return pa.null()
        if kinds == {int}:
            fits = self._least >= -INT64 and self._most < INT64
            huge = max(self._most, -self._least) >= HUGE
            return pa.int64() if fits else pa.string() if huge else pa.decimal128(MOST_DIGITS, 0)
        if kinds <= {int, float, LongFloat}:
            return pa.float64()
        if kinds == {bool}:
            return pa.bool_()
        nested = kinds <= {dict, list} and not self._unlike and not _holds_nothing(self._nested)
        return self._nested if nested else pa.string()

    @property
    def is_respelled(self) -> bool:
        """Whether its values don't tell how they were written. The id is one text everywhere."""
        if self.name in ID_NAMES or self._kinds == {str}:
            return False
        mixed = len(self._kinds) > 1 or LongFloat in self._kinds
        return mixed or self._reshaped or (self.type == pa.string() and bool(self._kinds))

    @property
    def is_longer(self) -> bool:
        """Whether it is a column of numbers with more digits than a double holds."""
        big = max(self._most, -self._least) > EXACT_INT
        return self.type == pa.float64() and (LongFloat in self._kinds or (int in self._kinds and big))

    def array(self, values: list[Any]) -> pa.Array:
        """Return values in the column's type."""
        kind = self.type
        if kind == pa.float64():
            return pa.array([None if value is None else float(value) for value in values], kind)
        if kind == pa.string() and self._kinds != {str}:
            if self.name in ID_NAMES:
                values = [int(v) if isinstance(v, float) and v.is_integer() else v for v in values]
            values = [v if v is None or isinstance(v, str) else text_of(v) for v in values]
        return pa.array(values, kind)


def _holds_nothing(kind: pa.DataType) -> bool:
    """Return whether a type holds an object without a key, which Parquet has no form for."""
    if pa.types.is_struct(kind):
        return kind.num_fields == 0 or any(_holds_nothing(one.type) for one in kind)
    return bool(pa.types.is_list(kind)) and _holds_nothing(kind.value_type)

"""How large the pages of a Parquet column chunk are, read from their headers alone.

A reader decompresses a page at a time, so the largest one says how much memory a column takes. The footer holds only
totals, and a page of 2 GB packs into a few kilobytes. Format: https://github.com/apache/parquet-format (PageHeader in
parquet.thrift, Thrift compact protocol).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

_HEADER_BYTES = 1 << 12
_LONGEST_HEADER_BYTES = 1 << 24
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = (4, 5, 6)
_DEEPEST = 8
_VALUE_HEADERS = (5, 7, 8)
"""Fields of a page header that hold a structure whose field 1 is the number of values."""
_DICTIONARY_HEADER = 7


class PageError(ValueError):
    """The bytes are no page header."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a column chunk."""

    unpacked_bytes: int
    values: int
    """Rows, for a flat column."""
    dictionary: bool


class _Compact:
    """A reader of Thrift compact structures that keeps the numbers of the two upper levels."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def _byte(self) -> int:
        if self.at >= len(self._data):
            raise IndexError
        self.at += 1
        return self._data[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 63:
                raise PageError("a number is too long")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def structure(self, depth: int = 0) -> dict[int, object]:
        """Field number to integer, or to a dict for a structure; other kinds are stepped over."""
        if depth > _DEEPEST:
            raise PageError("it is nested too deeply")
        found: dict[int, object] = {}
        field = 0
        while True:
            head = self._byte()
            kind = head & 0x0F
            if kind == _STOP:
                return found
            field = field + (head >> 4) if head >> 4 else self._integer()
            found[field] = True if kind in (_TRUE, _FALSE) else self._value(kind, depth)

    def _value(self, kind: int, depth: int) -> object:
        if kind in _INTEGERS:
            return self._integer()
        if kind == _STRUCT:
            return self.structure(depth + 1)
        if kind == _BINARY:
            self._step(self._varint())
        elif kind == _DOUBLE:
            self._step(8)
        elif kind in (_BYTE, _TRUE, _FALSE):
            self._step(1)
        elif kind in (_LIST, _SET):
            head = self._byte()
            for _ in range(head >> 4 if head >> 4 < 15 else self._varint()):
                self._value(head & 0x0F, depth + 1)
        else:
            raise PageError(f"kind {kind} has no place in it")
        return None

    def _step(self, count: int) -> None:
        self.at += count
        if self.at > len(self._data):
            raise IndexError


def read_pages(file: IO[bytes], start: int, length: int) -> Iterator[Page]:
    """The pages of the column chunk of `length` bytes that begins at byte `start`. Raises `PageError`."""
    at = start
    while at < start + length:
        fields, header_bytes = _read_header(file, at)
        sizes = [fields.get(number) for number in (2, 3)]
        if not all(isinstance(size, int) and 0 <= size < 1 << 31 for size in sizes):
            raise PageError("it has no sizes")
        counts = [number for number in _VALUE_HEADERS if isinstance(fields.get(number), dict)]
        values = 0
        for number in counts:
            inner = fields[number]
            count = inner.get(1) if isinstance(inner, dict) else None
            values = count if isinstance(count, int) else 0
        unpacked, packed = (size if isinstance(size, int) else 0 for size in sizes)
        yield Page(unpacked, values, _DICTIONARY_HEADER in counts)
        at += header_bytes + packed


def _read_header(file: IO[bytes], at: int) -> tuple[dict[int, object], int]:
    wanted = _HEADER_BYTES
    while wanted <= _LONGEST_HEADER_BYTES:
        file.seek(at)
        data = file.read(wanted)
        compact = _Compact(data)
        try:
            return compact.structure(), compact.at
        except IndexError:
            if len(data) < wanted:
                break
            wanted *= 16
    raise PageError("it does not end")

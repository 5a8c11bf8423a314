"""CSV record by record, each with its line: for manifests, and for tables in which a row can't be read."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator

MAX_ROW_BYTES = 16 << 20
"""A longer row is skipped over and rejected: parsed, 16 MiB of hostile JSON can take 30 times as much memory."""

Line = tuple[int, bytes | None]
"""Line number from 1, and the line without its end, or None if it is longer than `MAX_ROW_BYTES`."""


def read_lines(blocks: Iterable[bytes], newline: bytes) -> Iterator[Line]:
    """Split blocks into lines, holding at most one line of `MAX_ROW_BYTES` and one block."""
    number = 1
    pending: list[bytes] = []
    size = 0
    for block in blocks:
        *ended, rest = block.split(newline)
        for part in ended:
            if pending:
                size += len(part)
                pending.append(part)
                yield number, b"".join(pending) if size <= MAX_ROW_BYTES else None
                pending, size = [], 0
            else:
                yield number, part
            number += 1
        size += len(rest)
        if size <= MAX_ROW_BYTES:
            pending.append(rest)
        elif pending:
            pending = [b""]
    if size > MAX_ROW_BYTES:
        yield number, None
    elif size:
        yield number, b"".join(pending)


class CsvReader:
    """Reads a CSV or TSV file record by record; one broken record never takes its neighbours along."""

    def __init__(self, lines: Iterator[Line], delimiter: str) -> None:
        csv.field_size_limit(MAX_ROW_BYTES)
        self._lines = lines
        self._again: deque[Line] = deque()
        self._record: list[Line] = []
        self._bytes = 0
        self._undecodable = False
        self._delimiter = delimiter
        self._strict = csv.reader(self, delimiter=delimiter, strict=True)

    def __iter__(self) -> CsvReader:
        return self

    def __next__(self) -> str:
        """The next physical line, for `csv`."""
        number, line = self._again.popleft() if self._again else next(self._lines)
        self._record.append((number, line))
        if line is None or self._bytes + len(line) > MAX_ROW_BYTES:
            raise csv.Error("too long")
        self._bytes += len(line)
        try:
            return line.decode() + "\n"
        except UnicodeDecodeError:
            self._undecodable = True
            return line.decode("utf-8", "replace") + "\n"

    @property
    def lines(self) -> list[bytes]:
        """The physical lines of the record that came last."""
        return [line or b"" for _, line in self._record]

    def records(self, width: int | None = None) -> Iterator[tuple[int, list[str] | None, str]]:
        """(line number, cells or None, what is wrong). With `width`, a record of another width is wrong."""
        while True:
            self._record, self._bytes, self._undecodable = [], 0, False
            problem, cells = "", []
            try:
                cells = next(self._strict)
            except StopIteration:
                return
            except csv.Error as error:
                problem = str(error)
                if len(self._record) == 1 and "expected after" in problem:
                    # Quotes inside a quoted cell, not doubled: read it as pandas does.
                    problem, cells = "", self._parse_alone(self._record[0][1])
            place = self._record[0][0]
            if problem:
                self._again.extendleft(reversed(self._record[1:]))
                yield place, None, _said(problem, len(self._record))
            elif self._undecodable:
                yield place, None, "the line is not UTF-8"
            elif width is None or len(cells) == width:
                if cells:
                    yield place, cells, ""
            elif not cells or (len(cells) == 1 and not cells[0].strip()):
                continue
            else:
                if len(self._record) > 1 and self._is_row(self._record[1][1], width):
                    self._again.extendleft(reversed(self._record[1:]))
                yield place, None, f"{len(cells)} cells, but the header has {width}"

    def _is_row(self, line: bytes | None, width: int) -> bool:
        """True if a line that a quote swallowed is a row by itself."""
        return line is not None and line.count(b'"') % 2 == 0 and len(self._parse_alone(line)) == width

    def _parse_alone(self, line: bytes | None) -> list[str]:
        try:
            return next(csv.reader([(line or b"").decode("utf-8", "replace")], delimiter=self._delimiter), [])
        except csv.Error:
            return []


def _said(problem: str, lines: int) -> str:
    if "too long" in problem or "field larger" in problem:
        what = f"a row longer than {MAX_ROW_BYTES >> 20} MiB"
        return what if lines == 1 else f"{what}, perhaps a quote that is never closed"
    if "unexpected end" in problem or lines > 1:
        return "a quote that is never closed, or quotes inside a quoted cell that are not doubled"
    return f"broken CSV ({problem})"

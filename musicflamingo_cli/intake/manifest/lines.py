"""Manifests of lines: JSONL, CSV and TSV."""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import orjson

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.rows import Raw

MAX_ROW_BYTES = 16 << 20
"""A longer row is skipped over and rejected: parsed, 16 MiB of hostile JSON can take 30 times as much memory."""

Line = tuple[int, bytes | None]
"""Line number from 1, and the line without its end, or None if it is longer than `MAX_ROW_BYTES`."""

_CONTAINERS = (dict, list)
_INT64 = 2.0**63
_BOM = b"\xef\xbb\xbf"
_LONG_NUMBER = re.compile(rb"[0-9]{17}")
_DECODER = json.JSONDecoder(strict=False)


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


def jsonl_rows(lines: Iterable[Line]) -> Iterator[Raw]:
    """The rows of a JSONL file; blank lines are none."""
    for number, line in lines:
        if line is None:
            yield number, None, f"the line is longer than {MAX_ROW_BYTES >> 20} MiB"
            continue
        if not line or line.isspace():
            continue
        value, problem = parse_line(line)
        if isinstance(value, dict):
            yield number, value, ""
        else:
            yield number, None, problem or f"expected a JSON object, found {json_kind(value)}"


def json_kind(value: object) -> str:
    """What a JSON value is, for messages."""
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list):
        return "a list"
    return "null" if value is None else "a truth value" if isinstance(value, bool) else "a number"


def parse_line(line: bytes) -> tuple[object, str]:
    """One JSON value, as Python's `json` writes it, and what is wrong where there is none."""
    try:
        value = orjson.loads(line)
        if not _is_rounded(value, line):
            return value, ""
    except orjson.JSONDecodeError:
        pass  # NaN, lone surrogates, control characters, or truly broken: json says which
    try:
        text = line.removeprefix(_BOM).decode().strip(" \t\r\n")
    except UnicodeDecodeError as error:
        return None, f"the line is not UTF-8 (byte {error.start + 1})"
    try:
        return _DECODER.decode(text), ""
    except json.JSONDecodeError as error:
        return None, f"broken JSON at column {error.pos + 1} ({error.msg})"
    except RecursionError:
        return None, "the JSON is nested too deeply"
    except ValueError:
        return None, "the JSON holds a number of thousands of digits"


def _is_rounded(value: object, line: bytes) -> bool:
    """True if orjson, which makes floats of integers over 64 bits, may have changed a number."""
    if not isinstance(value, dict):
        return False
    for cell in value.values():
        if isinstance(cell, float):
            if not -_INT64 < cell < _INT64:
                return True
        elif isinstance(cell, _CONTAINERS) and cell and _LONG_NUMBER.search(line):
            return True
    return False


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


def csv_header(lines: Iterator[Line], delimiter: str, name: str) -> tuple[list[str], CsvReader]:
    """The column names, and the reader that stands behind them."""
    reader = CsvReader(lines, delimiter)
    for place, cells, problem in reader.records():
        if cells is None:
            raise UsageError(f"{name} line {place}: the header can't be read: {problem}")
        if any(cell.strip() for cell in cells):
            return cells, reader
    return [], reader


def csv_rows(lines: Iterator[Line], delimiter: str, name: str, wanted: tuple[str, ...]) -> Iterator[Raw]:
    """The rows of a CSV file with a header; only the wanted columns travel."""
    header, reader = csv_header(lines, delimiter, name)
    places = [(column, header.index(column)) for column in wanted]
    for place, cells, problem in reader.records(len(header)):
        row: Mapping[str, object] | None = None
        if cells is not None:
            row = {column: cells[index] for column, index in places}
        yield place, row, problem

"""Manifests of lines: JSONL, CSV and TSV."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence

import orjson

from musicflamingo_cli.csv_records import MAX_ROW_BYTES, CsvReader, Line
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.rows import Raw, Table

_CONTAINERS = (dict, list)
_INT64 = 2.0**63
_BOM = b"\xef\xbb\xbf"
_LONG_NUMBER = re.compile(rb"[0-9]{17}")
_DECODER = json.JSONDecoder(strict=False)


def jsonl_table(lines: Callable[[], Iterator[Line]]) -> Table:
    """A JSONL file; blank lines are no rows."""

    def rows(wanted: Sequence[str]) -> Iterator[Raw]:
        for number, line in lines():
            if line is None:
                yield number, None, f"the line is longer than {MAX_ROW_BYTES >> 20} MiB"
            elif line and not line.isspace():
                value, problem = parse_line(line)
                if isinstance(value, dict):
                    yield number, value, ""
                else:
                    yield number, None, problem or f"expected a JSON object, found {json_kind(value)}"

    return None, rows


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


def csv_header(lines: Iterator[Line], delimiter: str, name: str) -> tuple[list[str], CsvReader]:
    """The column names, and the reader that stands behind them."""
    reader = CsvReader(lines, delimiter)
    for place, cells, problem in reader.records():
        if cells is None:
            raise UsageError(f"{name} line {place}: the header can't be read: {problem}")
        if any(cell.strip() for cell in cells):
            return cells, reader
    return [], reader


def csv_table(lines: Callable[[], Iterator[Line]], delimiter: str, name: str) -> Table:
    """A CSV file with a header; only the wanted columns travel."""

    def rows(wanted: Sequence[str]) -> Iterator[Raw]:
        header, reader = csv_header(lines(), delimiter, name)
        places = [(column, header.index(column)) for column in wanted]
        for place, cells, problem in reader.records(len(header)):
            row = None if cells is None else {column: cells[index] for column, index in places}
            yield place, row, problem

    return tuple(csv_header(lines(), delimiter, name)[0]), rows

"""Reading a CSV or TSV file as text cells: which separator it has, what its quotes tell, and which cell is none."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from musicflamingo_cli.csv_records import CsvReader, Line, read_lines
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.csv_text import FORMULA, in_quotes, quoted_cell, unguarded
from musicflamingo_cli.results.tables.cells import are_null_words
from musicflamingo_cli.results.tables.staging import BLOCK, BOM, suffix_of

TAB = "\t"
GUARDED = f"^'({FORMULA})"
"""A text cell that was kept from being a formula: with an apostrophe more than it had."""


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file with a header."""

    path: Path
    separator: str
    columns: tuple[str, ...]
    """As the header has them."""
    quotes_tell: bool
    """Whether quotes part a text that looks like nothing from nothing. Not where a writer puts all in quotes, which it
    shows by a header in quotes that needs none."""
    nulls: frozenset[str]
    """Words that are null in quotes too: those of `--null-values`."""

    @classmethod
    def of(cls, path: Path, nulls: frozenset[str] = frozenset()) -> CsvFile:
        """Read the header. Raises `OSError`, and `UsageError` if there is none."""
        with pa.input_stream(str(path)) as stream:
            head = stream.read(65536).removeprefix(BOM)
        separator = _separator(path, head.split(b"\n")[0])
        with pa.input_stream(str(path)) as stream:
            columns = _header(path, CsvReader(_lines(stream), separator))
        quoted = separator.join(map(in_quotes, columns))
        needless = quoted != separator.join(map(quoted_cell, columns))
        return cls(path, separator, columns, not (needless and head.startswith(quoted.encode())), nulls)

    @property
    def names(self) -> list[str]:
        """The columns' names; one that was kept from being a formula as it was."""
        return [unguarded(column) for column in self.columns]

    def batches(self, nothing: Collection[str] = ("",)) -> Iterator[list[pa.Array]]:
        """Read all rows, as one array of text a column; the cells `nothing` are null, unless quotes tell otherwise.

        The same rows come in the same pieces each time. Raises `pyarrow.ArrowInvalid` for a row that can't be read.
        """
        options = pcsv.ConvertOptions(
            column_types=dict.fromkeys(self.columns, pa.string()),
            null_values=list(nothing),
            strings_can_be_null=True,
            quoted_strings_can_be_null=not self.quotes_tell,
            auto_dict_encode=False,
        )
        parse = pcsv.ParseOptions(delimiter=self.separator, newlines_in_values=True)
        read = pcsv.ReadOptions(block_size=BLOCK)
        with (
            pa.input_stream(str(self.path)) as stream,
            pcsv.open_csv(stream, read_options=read, parse_options=parse, convert_options=options) as reader,
        ):
            for batch in reader:
                yield [self._nulled(cells) for cells in batch.columns]

    def without_bad_rows(self, work: Path) -> tuple[CsvFile, list[tuple[int, str]]]:
        """Copy the rows that can be read; return their file, and (line, what is wrong) of the others."""
        name = f"whole{len(list(work.glob('whole*')))}{'.tsv' if self.separator == TAB else '.csv'}"
        bad: list[tuple[int, str]] = []
        with pa.input_stream(str(self.path)) as stream, (work / name).open("wb") as copy:
            reader = CsvReader(_lines(stream), self.separator)
            _header(self.path, reader)
            copy.write(b"\n".join(reader.lines) + b"\n")
            for line, cells, problem in reader.records(len(self.columns)):
                if cells is None:
                    bad.append((line, problem))
                else:
                    copy.write(b"\n".join(reader.lines) + b"\n")
        return replace(self, path=work / name), bad

    def lines_of_rows(self) -> Iterator[int]:
        """Return the line on which each row that can be read begins."""
        with pa.input_stream(str(self.path)) as stream:
            reader = CsvReader(_lines(stream), self.separator)
            _header(self.path, reader)
            yield from (line for line, cells, _ in reader.records(len(self.columns)) if cells is not None)

    def _nulled(self, cells: pa.Array) -> pa.Array:
        if not self.nulls:
            return cells
        bare = pc.replace_substring_regex(cells, pattern=GUARDED, replacement=r"\1")
        return pc.if_else(are_null_words(bare, self.nulls), None, cells)


def _lines(stream: Any) -> Iterator[Line]:
    first = stream.read(BLOCK).removeprefix(BOM)
    newline = b"\r" if b"\r" in first and b"\n" not in first else b"\n"
    return read_lines(chain([first], iter(lambda: stream.read(BLOCK), b"")), newline)


def _header(path: Path, reader: CsvReader) -> tuple[str, ...]:
    line, cells, problem = next(reader.records(), (1, [], ""))
    if cells is None:
        raise UsageError(f"{path} line {line}: the header can't be read: {problem}")
    return tuple(cells)


def _separator(path: Path, header: bytes) -> str:
    if suffix_of(path) == ".tsv":
        return TAB
    return ";" if b";" in header and b"," not in header else (TAB if b"\t" in header and b"," not in header else ",")

"""Reading a CSV or TSV file as text cells: which separator it has, what its quotes tell, and which cell is none."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.csv_text import FORMULA, in_quotes, quoted_cell, unguarded
from musicflamingo_cli.results.tables.reading import are_null_words

COMPRESSED = (".gz", ".zst")
BLOCK = 4 << 20
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
        """Read the header. Raises `OSError` and `pyarrow.ArrowInvalid`."""
        with pa.input_stream(str(path)) as stream:
            head = stream.read(65536).removeprefix(b"\xef\xbb\xbf")
        separator = _separator(path, head.split(b"\n")[0])
        options = pcsv.ConvertOptions(check_utf8=False)
        with pa.input_stream(str(path)) as stream, _open(stream, separator, options, None) as reader:
            columns = tuple(str(name) for name in reader.schema.names)
        quoted = separator.join(map(in_quotes, columns))
        needless = quoted != separator.join(map(quoted_cell, columns))
        return cls(path, separator, columns, not (needless and head.startswith(quoted.encode())), nulls)

    @property
    def names(self) -> list[str]:
        """The columns' names; one that was kept from being a formula as it was."""
        return [unguarded(column) for column in self.columns]

    def batches(self, nothing: Collection[str] = ("",)) -> Iterator[list[pa.Array]]:
        """Read all rows, as one array of text a column; the cells `nothing` are null, unless quotes tell otherwise.

        The same rows come in the same pieces each time. Raises `UsageError` for a row of another width.
        """
        bad: list[str] = []

        def ragged(row: Any) -> str:
            where = f"row {row.number}" if row.number is not None else "a row"
            bad.append(f"{self.path} {where}: {row.actual_columns} cells where the header has {row.expected_columns}")
            return "error"

        options = pcsv.ConvertOptions(
            column_types=dict.fromkeys(self.columns, pa.string()),
            null_values=list(nothing),
            strings_can_be_null=True,
            quoted_strings_can_be_null=not self.quotes_tell,
            auto_dict_encode=False,
        )
        with (
            pa.input_stream(str(self.path)) as stream,
            _open(stream, self.separator, options, ragged) as reader,
        ):
            try:
                for batch in reader:
                    yield [self._nulled(cells) for cells in batch.columns]
            except pa.ArrowInvalid:
                if bad:
                    raise UsageError(bad[0]) from None
                raise

    def _nulled(self, cells: pa.Array) -> pa.Array:
        if not self.nulls:
            return cells
        bare = pc.replace_substring_regex(cells, pattern=GUARDED, replacement=r"\1")
        return pc.if_else(are_null_words(bare, self.nulls), None, cells)


def _open(stream: Any, separator: str, options: pcsv.ConvertOptions, ragged: Any) -> pcsv.CSVStreamingReader:
    parse = pcsv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=ragged)
    return pcsv.open_csv(
        stream, read_options=pcsv.ReadOptions(block_size=BLOCK), parse_options=parse, convert_options=options
    )


def _separator(path: Path, header: bytes) -> str:
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in COMPRESSED]
    if suffixes[-1:] == [".tsv"]:
        return "\t"
    return ";" if b";" in header and b"," not in header else ("\t" if b"\t" in header and b"," not in header else ",")

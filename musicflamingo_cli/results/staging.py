"""Staging: CSV becomes Parquet in the work folder, each column typed by all of its cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.csv_file import CsvFile
from musicflamingo_cli.results.csv_text import FORMULA, NOTHING
from musicflamingo_cli.results.ids import ID_NAMES
from musicflamingo_cli.results.on_disk import Part, Table

FAILURES = ("FAILED_RENDER", "FAILED", "ERROR")
"""What older scripts write in a column of numbers where there is none."""
WHOLE = r"^(0|-?[1-9][0-9]{0,17})$"
NUMBER = r"^[+-]?((0|[1-9][0-9]{0,14})(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$|^[+-]?(?i:inf|infinity|nan)$"
TRUTH = r"^(?i:true|false)$"
GUARDED = f"^'({FORMULA})"
"""A text cell that was kept from being a formula: with an apostrophe more than it had."""


def stage_csv(name: str, work: Path) -> Table:
    """Stage a CSV or TSV table. Whole numbers, numbers and truth values are told by all cells; the id stays text."""
    with readable(name):
        file = CsvFile.of(Path(name))
        check_columns(name, file.names)
        columns = [_Column(column, "text" if column in ID_NAMES else "") for column in file.names]
        for cells in file.batches():
            for column, some in zip(columns, cells, strict=True):
                column.see(some)
        schema = pa.schema([(column.name, column.type) for column in columns])
        part = write_staged(work, schema, _cast_batches(file, columns, schema))
        return Table(name, (part,), schema, form="csv")


def _cast_batches(file: CsvFile, columns: Sequence[_Column], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    worded = any(column.worded for column in columns)
    pieces = zip(file.batches(), file.batches(NOTHING), strict=True) if worded else ((c, c) for c in file.batches())
    for cells, said in pieces:
        arrays = [c.cast(b if c.worded else a) for c, a, b in zip(columns, cells, said, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


class _Column:
    """What the cells of a column say of its kind."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind
        """The narrowest that holds all cells so far: "" < bool, int < float < text."""
        self._nothing = False
        self._quoted = False
        """Whether there are quotes around nothing, which are of a text where no number stands."""

    @property
    def worded(self) -> bool:
        """Whether it is a text column, not the id, in which a word for nothing stands."""
        return self.type == pa.string() and self.name not in ID_NAMES and self._nothing

    @property
    def type(self) -> pa.DataType:
        """The type that the column gets."""
        if not self.kind:
            return pa.string() if self._quoted else pa.null()
        return {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}.get(self.kind, pa.string())

    def see(self, cells: pa.Array) -> None:
        """Take more cells into account."""
        cells = cells.drop_null()
        nothing = _is_nothing(cells)
        self._nothing = self._nothing or bool(pc.any(nothing).as_py())
        self._quoted = self._quoted or bool(pc.any(pc.equal(cells, "")).as_py())
        if self.kind == "text":
            return
        full = cells.filter(pc.invert(nothing))
        full = full.filter(pc.invert(pc.is_in(full, pa.array(FAILURES))))
        if not len(full):
            return
        for name, pattern in (("bool", TRUTH), ("int", WHOLE), ("float", NUMBER)):
            if _covers(name, self.kind) and pc.all(pc.match_substring_regex(full, pattern)).as_py():
                self.kind = "float" if self.kind == "float" and name == "int" else name
                return
        self.kind = "text"

    def cast(self, cells: pa.Array) -> pa.Array:
        """Return cells in the column's type."""
        kind = self.type
        if pa.types.is_null(kind):
            return pa.nulls(len(cells))
        if kind == pa.string():
            return pc.replace_substring_regex(cells, pattern=GUARDED, replacement=r"\1")
        nothing = pc.or_(_is_nothing(cells), pc.is_in(cells, pa.array(FAILURES)))
        kept = pc.if_else(nothing, None, cells)
        if kind == pa.bool_():
            return pc.equal(pc.utf8_lower(kept), "true")
        if kind == pa.float64():
            kept = pc.replace_substring_regex(kept, pattern=r"^\+", replacement="")
        return kept.cast(kind)


def _covers(name: str, kind: str) -> bool:
    return kind in ("", name) or (name == "float" and kind == "int") or (name == "int" and kind == "float")


def _is_nothing(cells: pa.Array) -> pa.Array:
    return pc.is_in(pc.utf8_trim_whitespace(cells), pa.array(NOTHING))


def write_staged(work: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Part:
    """Write batches to a Parquet file in the work folder."""
    number = len(list(work.glob("staged*.parquet")))
    path, rows = work / f"staged{number}.parquet", 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            rows += len(batch)
            writer.write_batch(batch)
    return Part(path, rows, schema)


def check_columns(name: str, columns: Sequence[str]) -> None:
    """Refuse a table without a column, or with two of one name. Raises `UsageError`."""
    twice = sorted({c for c in columns if columns.count(c) > 1})
    if twice:
        raise UsageError(f"{name}: column '{twice[0]}' stands there twice")
    if not columns:
        raise UsageError(f"{name}: no column and no row in it")


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn trouble with reading a file into a `UsageError` that names it."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{name}: {str(problem).strip().splitlines()[0]}") from None

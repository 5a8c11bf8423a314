"""Staging: CSV becomes Parquet in the work folder, each column typed by all of its cells."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.nulls import FAILURES, NOTHING
from musicflamingo_cli.results.spelling import CSV, EXACT, exact_type, exact_values, is_held, own_name
from musicflamingo_cli.results.tables.csv_file import GUARDED, CsvFile
from musicflamingo_cli.results.tables.ids import ID_NAMES
from musicflamingo_cli.results.tables.staging import check_columns, readable, write_staged
from musicflamingo_cli.results.tables.table import PLAIN, Reading, Reject, Table

WORDS, NO_NUMBERS = pa.array(sorted(NOTHING)), pa.array(sorted(FAILURES))
WHOLE = r"^(0|-?[1-9][0-9]{0,17})$"
NUMBER = r"^[+-]?((0|[1-9][0-9]{0,14})(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$|^[+-]?(?i:inf|infinity|nan)$"
SHORT = r"^[+-]?[0-9.]{1,16}([eE][+-]?[0-9]{1,2})?$"
"""A number that a double is sure to hold: of 15 digits, and neither huge nor tiny."""
TRUTH = r"^(?i:true|false)$"


def stage_csv(name: str, work: Path, how: Reading = PLAIN) -> Table:
    """Stage a CSV or TSV table. Whole numbers, numbers and truth values are told by all cells; the id stays text.

    A row that can't be read is a reject with `how.set_aside`, and else an error.
    """
    with readable(name):
        file = CsvFile.of(Path(name), how.nulls)
        check_columns(name, file.names)
        columns, bad = None, list[tuple[int, str]]()
        with suppress(pa.ArrowInvalid):
            columns = _seen(file)
        if columns is None:
            file, bad = file.without_bad_rows(work)
            if bad and not how.set_aside:
                raise UsageError(f"{name} line {bad[0][0]}: {bad[0][1]}{how.remedy}")
            columns = _seen(file, is_whole=True) or []
        if any(column.nothing_else for column in columns):
            for cells in file.batches(NOTHING):
                for column, some in zip(columns, cells, strict=True):
                    column.see_quotes(some)
        more = _twins(file, columns, how.twins)
        schema = pa.schema([*((column.name, column.type) for column in columns), *more.items()])
        part = write_staged(work, schema, _cast_batches(file, columns, schema))
        rejects = tuple(Reject(name, f"line {line}", None, "bad_row", problem) for line, problem in bad)
        return Table(name, (part,), schema, rejects, "csv")


def _seen(file: CsvFile, *, is_whole: bool = False) -> list[_Column] | None:
    """Return the columns after a look at all cells; None if the last row may be others behind a quote left open."""
    columns = [_Column(column, "text" if column in ID_NAMES else "") for column in file.names]
    last: list[pa.Array] = []
    for cells in file.batches():
        for column, some in zip(columns, cells, strict=True):
            column.see(some)
        last = cells if len(cells[0]) else last
    may_be_open = any("\n" in (cells[-1].as_py() or "") for cells in last)
    return None if may_be_open and not is_whole else columns


def _twins(file: CsvFile, columns: Sequence[_Column], wanted: Collection[str]) -> dict[str, pa.DataType]:
    found = {CSV + column.name: pa.string() for column in columns if CSV in wanted and column.is_respelled}
    for i, column in enumerate(columns):
        if EXACT in wanted and column.is_longer:
            digits = (cell for cells in file.batches() for cell in column.kept(cells[i]).drop_null().to_pylist())
            found[EXACT + column.name] = exact_type(digits)
    return found


def _cast_batches(file: CsvFile, columns: Sequence[_Column], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    worded = any(column.worded for column in columns)
    pieces = zip(file.batches(), file.batches(NOTHING), strict=True) if worded else ((c, c) for c in file.batches())
    for cells, said in pieces:
        arrays = [c.cast(b if c.worded else a) for c, a, b in zip(columns, cells, said, strict=True)]
        raw = {column.name: (column, some) for column, some in zip(columns, cells, strict=True)}
        for twin in schema.names[len(columns) :]:
            column, some = raw[own_name(twin)]
            exact = twin.startswith(EXACT)
            arrays.append(exact_values(column.kept(some).to_pylist(), schema.field(twin).type) if exact else some)
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


class _Column:
    """What the cells of a column say of its kind."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind
        """The narrowest that holds all cells so far: "" < bool, int < float < text."""
        self._nothing = False
        """Whether a word for nothing stands there, or one of those that older scripts write."""
        self._quoted = False
        """Whether there are quotes around a word for nothing, which are of a text where no number stands."""
        self._odd_truth = False
        self._long = False
        """Whether a double holds less than was written."""

    @property
    def nothing_else(self) -> bool:
        """Whether all cells so far are words for nothing."""
        return self._nothing and not self.kind

    @property
    def worded(self) -> bool:
        """Whether it is a text column, not the id, in which a word for nothing stands."""
        return self.type == pa.string() and self.name not in ID_NAMES and self._nothing

    @property
    def is_respelled(self) -> bool:
        """Whether its values don't tell how the cells were written."""
        odd = self.kind == "float" or (self.kind == "bool" and self._odd_truth)
        return odd or (self._nothing and self.name not in ID_NAMES)

    @property
    def is_longer(self) -> bool:
        """Whether it is a column of numbers with more digits than a double holds."""
        return self.kind == "float" and self._long

    @property
    def type(self) -> pa.DataType:
        """The type that the column gets."""
        if not self.kind:
            return pa.string() if self._quoted else pa.null()
        return {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}.get(self.kind, pa.string())

    def see(self, cells: pa.Array) -> None:
        """Take more cells into account."""
        cells = cells.drop_null()
        full = self.kept(cells).drop_null()
        self._nothing = self._nothing or len(full) < len(cells)
        if self.kind == "text" or not len(full):
            return
        for name, pattern in (("bool", TRUTH), ("int", WHOLE), ("float", NUMBER)):
            if _covers(name, self.kind) and pc.all(pc.match_substring_regex(full, pattern)).as_py():
                self.kind = "float" if self.kind == "float" and name == "int" else name
                self._look_closely(full, name)
                return
        self.kind = "text"

    def see_quotes(self, cells: pa.Array) -> None:
        """Look for words for nothing among cells that are null where one stands without quotes."""
        self._quoted = self._quoted or bool(pc.any(pc.is_in(cells.drop_null(), WORDS)).as_py())

    def _look_closely(self, full: pa.Array, kind: str) -> None:
        if kind == "bool":
            self._odd_truth = self._odd_truth or not pc.all(pc.is_in(full, pa.array(["true", "false"]))).as_py()
        elif not self._long:
            long = full.filter(pc.invert(pc.match_substring_regex(full, SHORT)))
            long = long.filter(pc.not_equal(_numbers(long).cast(pa.string()), long))
            values = _numbers(long).to_pylist()
            self._long = not all(is_held(cell, value) for cell, value in zip(long.to_pylist(), values, strict=True))

    def kept(self, cells: pa.Array) -> pa.Array:
        """Return cells with null for those that hold nothing."""
        nothing = pc.is_in(pc.utf8_trim_whitespace(cells), WORDS)
        return pc.if_else(pc.or_(nothing, pc.is_in(cells, NO_NUMBERS)), None, cells)

    def cast(self, cells: pa.Array) -> pa.Array:
        """Return cells in the column's type."""
        kind = self.type
        if pa.types.is_null(kind):
            return pa.nulls(len(cells))
        if kind == pa.string():
            return pc.replace_substring_regex(cells, pattern=GUARDED, replacement=r"\1")
        kept = self.kept(cells)
        if kind == pa.bool_():
            return pc.equal(pc.utf8_lower(kept), "true")
        return _numbers(kept) if kind == pa.float64() else kept.cast(kind)


def _numbers(cells: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(cells, pattern=r"^\+", replacement="").cast(pa.float64())


def _covers(name: str, kind: str) -> bool:
    return kind in ("", name) or (name == "float" and kind == "int") or (name == "int" and kind == "float")

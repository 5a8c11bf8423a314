"""A table on disk: its Parquet files in their order, its columns, and what its file held that is no row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.run_card import card_of, stated_scores
from musicflamingo_cli.results.sandbox import BATCH, QueryError, Sandbox, text
from musicflamingo_cli.results.tables.cells import nulled, nulled_sql, widened, widened_sql
from musicflamingo_cli.results.tables.damage import TROUBLE, damaged, damaged_column, unreadable

OVERALL = "overall_quality_score"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is read."""

    twins: Collection[str] = ()
    """What its rows have to carry of how they were written: marks of `spelling`."""
    set_aside: bool | None = None
    """Whether what can't be a row is a reject, and not an error; None: an error, where no --rejects is at hand."""
    nulls: frozenset[str] = frozenset()
    """Words of `--null-values`."""

    @property
    def remedy(self) -> str:
        """What an error over a row that can't be read ends in."""
        return "" if self.set_aside is None else "; --rejects FILE sets such rows aside"


PLAIN = Reading()


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of a table."""

    path: Path
    rows: int
    schema: pa.Schema
    """With the types of the file, but for views."""
    fixed: Mapping[str, str | None] = field(default_factory=dict)
    """Columns that the folder's name gives (`genre=rock`)."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table on disk, as Parquet, in the order of its rows."""

    name: str
    """As a person named it."""
    parts: tuple[Part, ...]
    schema: pa.Schema
    """Of all parts together; the folder's columns stand last."""
    rejects: tuple[Reject, ...] = ()
    """What the file held that is no row."""
    form: str = "parquet"
    """`parquet`, `csv`, `json`, `legacy` or `audiobox`."""
    spans: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value of columns that no run card tells of."""
    nulls: frozenset[str] = frozenset()
    """Words in its files that are null."""

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(part.rows for part in self.parts)

    @property
    def files(self) -> list[Path]:
        """Where it is read from."""
        return [part.path for part in self.parts]

    @property
    def card(self) -> Mapping[str, Any]:
        """The run card in its metadata; empty if it has none."""
        return card_of(self.schema)

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the lowest and highest value that each score can have, by column, as its run card states them."""
        stated = {name: ends for name, ends in (stated_scores(self.card) or {}).items() if ends}
        known = {OVERALL: (0.0, 1.0), **self.spans, **stated}
        return {name: ends for name, ends in known.items() if name in self.schema.names}

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read all rows in order, each batch with `schema`. Raises `UsageError` naming a file that can't be read."""
        for part in self.parts:
            try:
                yield from self._read(part)
            except TROUBLE as problem:
                raise damaged(part.path, part.path, problem) from None

    def _read(self, part: Part) -> Iterator[pa.RecordBatch]:
        rows = 0
        with pq.ParquetFile(part.path, pre_buffer=False, page_checksum_verification=True) as file:
            for batch in file.iter_batches(BATCH):
                batch.validate(full=True)
                rows += len(batch)
                yield self._whole(batch, part)
        if rows != part.rows:
            raise ValueError(f"it says that it has {part.rows} rows, and has {rows}")

    def verify(self) -> None:
        """Read everything once, against the checksums of its pages, which DuckDB does not look at.

        Raises:
            UsageError: Naming the file that is damaged.
        """
        for _ in self.batches():
            pass

    def _whole(self, batch: pa.RecordBatch, part: Part) -> pa.RecordBatch:
        if not part.fixed and batch.schema.equals(self.schema, check_metadata=False):
            return self._batch(batch.columns)
        there = {name: batch.column(i) for i, name in enumerate(batch.schema.names)}
        columns = []
        for one in self.schema:
            if one.name in part.fixed:
                columns.append(pa.repeat(pa.scalar(part.fixed[one.name], one.type), len(batch)))
            elif one.name in there:
                columns.append(widened(there[one.name], one.type))
            else:
                columns.append(pa.nulls(len(batch), one.type))
        return self._batch(columns)

    def _batch(self, columns: Sequence[pa.Array]) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([nulled(cells, self.nulls) for cells in columns], schema=self.schema)

    def relation(self, sandbox: Sandbox, columns: Sequence[int], prefix: str) -> str:
        """Return a query of the columns (by position) as `<prefix>0`, `<prefix>1`, ... and `row`, counted from 0."""
        selects, start = [], 0
        for part in self.parts:
            names = part.schema.names
            shape = ", ".join(f"p{i}" for i in range(len(names)))
            wanted = [f"{self._pick(part, i)} AS {prefix}{i}" for i in columns]
            wanted.append(f"file_row_number::BIGINT + {start} AS row")
            source = f"read_parquet({sandbox.link(part.path)}, hive_partitioning = false) AS t({shape})"
            selects.append(f"SELECT {', '.join(wanted)} FROM {source}")
            start += part.rows
        return " UNION ALL ".join(selects)

    def _pick(self, part: Part, column: int) -> str:
        name = self.schema.names[column]
        if name in part.fixed:
            value = part.fixed[name]
            return "NULL::VARCHAR" if value is None else text(value)
        if name not in part.schema.names:
            return "NULL"
        place = part.schema.names.index(name)
        kind = self.schema.field(column).type
        return nulled_sql(widened_sql(f"p{place}", part.schema.field(place).type, kind), kind, self.nulls)


@dataclass(frozen=True, slots=True)
class Reject:
    """Something in a table's file that can't be a row."""

    table: str
    place: str
    """Line or file, as far as known."""
    song_id: str | None
    reason: str
    """`no_id`, `legacy_failure`, `not_an_object`, `not_a_number`, `out_of_range`, `torn_line`, `bad_row`,
    `bad_cell`."""
    error: str


class NothingLeft(UsageError):
    """A file in which nothing is a row; `rejects` say why."""

    def __init__(self, words: str, rejects: Sequence[Reject]) -> None:
        super().__init__(words)
        self.rejects = tuple(rejects)


@contextmanager
def naming_damage(tables: Sequence[Table]) -> Iterator[None]:
    """Turn trouble with what tables hold into a `UsageError` with file and column; a query's own errors stay."""
    try:
        yield
    except QueryError:
        found = _damage(tables, values=False)
        if found is None:
            raise
    except TROUBLE as problem:
        found = None if isinstance(problem, OSError) else _damage(tables, values=True)
        if found is None and isinstance(problem, pa.ArrowException | UnicodeDecodeError) and tables:
            found = unreadable(", ".join(table.name for table in tables), problem)
        if found is None:
            raise
    else:
        return
    raise found


def _damage(tables: Sequence[Table], *, values: bool) -> UsageError | None:
    files = (
        (part.path, part.path if table.form == "parquet" else table.name) for table in tables for part in table.parts
    )
    found = (damaged_column(path, name, values=values) for path, name in files)
    return next((one for one in found if one is not None), None)

"""Opening a table of any form: Parquet, a folder of it, CSV, JSON lines, old JSON, a folder of old caches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.files import PART
from musicflamingo_cli.results.card import CARD_KEY
from musicflamingo_cli.results.ids import ID_NAMES, id_sql, nearest
from musicflamingo_cli.results.kinds import widened, widened_sql, without_views
from musicflamingo_cli.results.sandbox import BATCH, Sandbox, text

__all__ = ["ID_NAMES", "OVERALL", "Part", "Reject", "Table", "id_column", "id_sql", "nearest", "open_table"]

OVERALL = "overall_quality_score"
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
MAGIC = b"PAR1"
ARROW_KEYS = (b"ARROW:schema",)


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
        known = {OVERALL: (0.0, 1.0)}
        fields = self.card.get("settings", {}).get("fields", ())
        for one in fields if isinstance(fields, list) else ():
            if (
                isinstance(one, dict)
                and one.get("kind") == "score"
                and _number(one.get("low"))
                and _number(one.get("high"))
            ):
                known[str(one.get("name"))] = (float(one["low"]), float(one["high"]))
        return {name: ends for name, ends in known.items() if name in self.schema.names}

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read all rows in order, each batch with `schema`. Raises `UsageError` naming a file that can't be read."""
        for part in self.parts:
            try:
                with pq.ParquetFile(part.path, pre_buffer=False, page_checksum_verification=True) as file:
                    for batch in file.iter_batches(BATCH):
                        yield self._whole(batch, part)
            except (pa.ArrowException, OSError) as problem:
                raise unreadable(part.path, problem) from None

    def verify(self) -> None:
        """Read everything once, against the checksums of its pages, which DuckDB does not look at.

        Raises:
            UsageError: Naming the file that is damaged.
        """
        for _ in self.batches():
            pass

    def _whole(self, batch: pa.RecordBatch, part: Part) -> pa.RecordBatch:
        if not part.fixed and batch.schema.equals(self.schema, check_metadata=False):
            return pa.RecordBatch.from_arrays(batch.columns, schema=self.schema)
        there = {name: batch.column(i) for i, name in enumerate(batch.schema.names)}
        columns = []
        for one in self.schema:
            if one.name in part.fixed:
                columns.append(pa.repeat(pa.scalar(part.fixed[one.name], one.type), len(batch)))
            elif one.name in there:
                columns.append(widened(there[one.name], one.type))
            else:
                columns.append(pa.nulls(len(batch), one.type))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

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
        return widened_sql(f"p{place}", part.schema.field(place).type, self.schema.field(column).type)


@dataclass(frozen=True, slots=True)
class Reject:
    """Something in a table's file that can't be a row."""

    table: str
    place: str
    """Line or file, as far as known."""
    song_id: str | None
    reason: str
    """`no_id`, `legacy_failure`, `not_an_object`, `not_a_number`, `out_of_range`."""
    error: str


def card_of(schema: pa.Schema) -> dict[str, Any]:
    """Return the run card of a schema's metadata; empty if there is none that can be read."""
    try:
        found = orjson.loads((schema.metadata or {})[CARD_KEY.encode()])
    except (KeyError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def unreadable(path: Path, problem: BaseException) -> UsageError:
    """Return the error for a file that is no whole table."""
    lines = str(problem).strip().splitlines() or [type(problem).__name__]
    return UsageError(f"{path}: not a whole table, it may be torn or still being written ({lines[0]})")


def open_table(name: str, work: Path) -> Table:
    """Open a table; what is no Parquet is staged as Parquet in `work`. Raises `UsageError` naming the file."""
    from musicflamingo_cli.results.legacy import is_cache_folder, read_cache_folder

    if not name:
        raise UsageError("the name of a table is empty")
    path = Path(name)
    if path.name.endswith(PART):
        raise UsageError(f"{name} is a part file: its writer is at work, or died")
    if path.is_dir():
        files = parquet_files(path)
        if not files and is_cache_folder(path):
            return read_cache_folder(name, work)
        if not files:
            raise UsageError(f"{name}: no Parquet file in this folder")
        return _parquet(name, files, path)
    if not path.exists():
        raise UsageError(f"{name}: there is no such file or folder")
    if not path.is_file():
        raise UsageError(f"{name} is no regular file")
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as problem:
        raise UsageError(f"{name}: {problem.strerror}") from None
    if not head:
        raise UsageError(f"{name} is empty: not even a header")
    if head.startswith(MAGIC):
        return _parquet(name, [path], None)
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in (".gz", ".zst")]
    suffix = suffixes[-1] if suffixes else ""
    if suffix in (".parquet", ".pq"):
        raise unreadable(path, ValueError("it does not begin as Parquet does"))
    from musicflamingo_cli.results.staging import stage_csv
    from musicflamingo_cli.results.staging_json import stage_json

    if suffix in (".csv", ".tsv"):
        return stage_csv(name, work)
    return stage_json(name, work)


def parquet_files(folder: Path) -> list[Path]:
    """Return the Parquet files under a folder, sorted by path; hidden ones and part files are left out."""
    found = [p for p in folder.rglob("*") if p.suffix.lower() in (".parquet", ".pq") and p.is_file()]
    inside = [p for p in found if not any(piece.startswith((".", "_")) for piece in p.relative_to(folder).parts)]
    return sorted(inside, key=lambda p: p.relative_to(folder).parts)


def _parquet(name: str, files: list[Path], root: Path | None) -> Table:
    parts = []
    for path in files:
        try:
            with pq.ParquetFile(path) as file:
                schema, rows = without_views(file.schema_arrow), file.metadata.num_rows
        except (pa.ArrowException, OSError) as problem:
            raise unreadable(path, problem) from None
        repeated = sorted({n for n in schema.names if schema.names.count(n) > 1})
        if repeated:
            raise UsageError(f"{path}: column '{repeated[0]}' stands there twice")
        fixed = _hive(path, root) if root else {}
        parts.append(Part(path, rows, schema, {k: v for k, v in fixed.items() if k not in schema.names}))
    return Table(name, tuple(parts), _unified(parts))


def _hive(path: Path, root: Path) -> dict[str, str | None]:
    fixed: dict[str, str | None] = {}
    for piece in path.relative_to(root).parts[:-1]:
        key, equals, value = piece.partition("=")
        if equals:
            fixed[unquote(key)] = None if value == HIVE_NULL else unquote(value)
    return fixed


def _unified(parts: Sequence[Part]) -> pa.Schema:
    schema = parts[0].schema
    for part in parts[1:]:
        try:
            both = [schema, part.schema.remove_metadata()]
            schema = pa.unify_schemas(both, promote_options="permissive")
        except pa.ArrowException as problem:
            raise UsageError(f"{part.path}: its columns don't go with {parts[0].path}: {problem}") from None
    for name in dict.fromkeys(name for part in parts for name in part.fixed):
        if name not in schema.names:
            schema = schema.append(pa.field(name, pa.string()))
    return schema


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def id_column(table: Table, wanted: str | None, flag: str = "--on") -> int:
    """Return the position of the id column: the one named, else `song_id`, else `id`. Raises `UsageError`."""
    names = table.schema.names
    if wanted is not None:
        if wanted in names:
            return int(names.index(wanted))
        raise UsageError(f"{table.name}: no column '{wanted}'{nearest(wanted, names)}")
    for name in ID_NAMES:
        if name in names:
            return int(names.index(name))
    raise UsageError(f"{table.name}: no column 'song_id'{nearest('song_id', names)}; name the id with {flag}")

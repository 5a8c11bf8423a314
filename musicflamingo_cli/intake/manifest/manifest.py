"""The manifest: which songs there are, read as a stream in flat memory.

A first pass (`open_manifest`) reads everything, counts, and refuses what can't be used; `Manifest.rows` then reads it
again as often as asked. Forms: a JSON array, ``{"songs": [...]}``, an object keyed by id, JSONL, CSV, TSV and Parquet,
each also as .gz and .zst, from a file or standard input; a folder, a glob pattern or a single file of audio.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.rows import ManifestOptions, RowReader, plan_columns
from musicflamingo_cli.intake.manifest.seen_ids import SeenIds
from musicflamingo_cli.intake.manifest.source import Source, check_columns, open_source
from musicflamingo_cli.records import RejectedRow, Song

if TYPE_CHECKING:
    from musicflamingo_cli.intake.manifest.parquet_typed import TypedColumns

__all__ = ["Manifest", "ManifestOptions", "ManifestScan", "open_manifest"]

_NAMED_REPEATS = 20
_MOST_COLUMNS = 1000
_LONGEST_COLUMN = 1000


@dataclass(frozen=True, slots=True)
class ManifestScan:
    """What the first pass counted."""

    rows: int
    """Table rows; rows with an id that was seen before are not among them."""
    songs: int
    """Rows that can be listened to."""
    skipped: int
    """Rows without audio."""
    rejected: int
    """Rows that can't be read, or have no id."""
    repeated: int
    """Rows left out because their id was seen before."""
    repeated_ids: tuple[str, ...]
    """The first 20 different ids among those."""
    columns: tuple[str, ...]
    """Column names in the order seen (of rows without a header the first 1000)."""
    form: str
    """`json`, `jsonl`, `csv`, `tsv`, `parquet`, `folder`, `glob` or `audio`."""


class Manifest:
    """An open manifest whose rows can be read again and again; closing it removes what was spooled."""

    def __init__(self, source: Source, options: ManifestOptions) -> None:
        self.name = source.name
        self._source = source
        self._limit = options.limit
        self._reader = RowReader(source.name, source.unit, source.options, source.root)
        self._repeats = array("Q")
        try:
            self.scan = self._scanned()
        except BaseException:
            source.close()
            raise

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and remove spools; rows can't be read any more."""
        self._source.close()

    def rows(self) -> Iterator[Song | RejectedRow]:
        """The table rows in manifest order, without repeated ids and up to the limit.

        Can be called again, and several at once. Raises `UsageError` if the file was changed since it was opened.
        """
        self._source.container.check_unchanged()
        left = self.scan.rows
        repeats = iter(self._repeats)
        next_repeat = next(repeats, 0)
        for number, raw in enumerate(self._source.rows(), 1):
            if number == next_repeat:
                next_repeat = next(repeats, 0)
                continue
            yield self._reader.read(number, raw)
            left -= 1
            if not left:
                break
        self._source.container.check_unchanged()
        if left:
            raise UsageError(f"{self.name} ended {left} rows early; was it changed while it was being read?")

    def typed(self, names: Sequence[str]) -> TypedColumns | None:
        """The types and cells of some of the further columns, where the form has types."""
        table = self._source.typed
        if table is None:
            return None
        from musicflamingo_cli.intake.manifest.parquet_typed import TypedColumns  # Arrow, as Parquet has needed anyway

        found = {asked: name for asked, name in plan_columns(table.columns, self._source.options).columns if name}
        wanted = {asked: found[asked] for asked in names if asked in found}
        return TypedColumns(table, wanted)

    def _scanned(self) -> ManifestScan:
        seen = SeenIds()
        columns = _Columns(self._source.columns)
        tally = dict.fromkeys(("songs", "skipped", "rejected"), 0)
        repeated_ids: dict[str, None] = {}
        first_error = ""
        rows = 0
        for number, raw in enumerate(self._source.rows(), 1):
            columns.add(raw[1])
            row = self._reader.read(number, raw)
            if row.song_id is not None and not seen.add(row.song_id):
                self._repeats.append(number)
                if len(repeated_ids) < _NAMED_REPEATS:
                    repeated_ids[row.song_id] = None
                continue
            rows += 1
            if isinstance(row, Song):
                tally["songs"] += 1
            else:
                tally["skipped" if row.status == "skipped" else "rejected"] += 1
                first_error = first_error or row.error
            if rows == self._limit:
                break
        self._check(rows, tally["rejected"], columns.names, first_error)
        return ManifestScan(
            rows=rows,
            repeated=len(self._repeats),
            repeated_ids=tuple(repeated_ids),
            columns=columns.names,
            form=self._source.form,
            **tally,
        )

    def _check(self, rows: int, rejected: int, columns: tuple[str, ...], first_error: str) -> None:
        """Refuse a manifest from which nothing can be heard. A limit that cut it short shows too little to say so."""
        if not rows:
            raise UsageError(f"{self.name} has no rows; add songs, or name another manifest")
        if columns:
            check_columns(self.name, columns, self._source.options)
        if rejected == rows and rows != self._limit:
            raise UsageError(f"{self.name}: none of its {rows} rows can be read; the first: {first_error}")


class _Columns:
    """Column names in the order seen; of rows without a header a bounded number."""

    def __init__(self, header: tuple[str, ...] | None) -> None:
        self._fixed = header is not None
        self._names: dict[str, None] = dict.fromkeys(header or ())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._names)

    def add(self, cells: Mapping[str, object] | None) -> None:
        if self._fixed or cells is None or cells.keys() <= self._names.keys():
            return
        for name in cells:
            if len(self._names) < _MOST_COLUMNS and len(name) <= _LONGEST_COLUMN:
                self._names.setdefault(name)


def open_manifest(source: str, options: ManifestOptions) -> Manifest:
    """Open and check the manifest `source`: a path, a glob pattern, or ``-`` for standard input.

    Raises:
        UsageError: it is no manifest, its container or header is broken, it has no id or audio column, or no row of
            it can be read. The message names the file, the line, row or byte, and what to do.
    """
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit {options.limit}: must be at least 1")
    return Manifest(open_source(source, options), options)

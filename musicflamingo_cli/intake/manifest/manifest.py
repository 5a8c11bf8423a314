"""The manifest: which songs there are, read as a stream in flat memory.

A first pass (`open_manifest`) reads everything, counts, and refuses what can't be used; `Manifest.rows` then reads it
again as often as asked. Forms: a JSON array, ``{"songs": [...]}``, an object keyed by id, JSONL, CSV, TSV and Parquet,
each also as .gz and .zst, from a file or standard input; a folder, a glob pattern or a single file of audio.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.columns import ManifestOptions, checked_plan
from musicflamingo_cli.intake.manifest.seen_ids import SeenIds
from musicflamingo_cli.intake.manifest.source import Source, open_source
from musicflamingo_cli.records import RejectedRow, Song

if TYPE_CHECKING:
    from musicflamingo_cli.intake.manifest.parquet_typed import TypedColumns

__all__ = ["Manifest", "ManifestOptions", "ManifestScan", "open_manifest"]

_NAMED_REPEATS = 20


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

    def __init__(self, source: Source, options: ManifestOptions, stack: ExitStack) -> None:
        """Count and check the rows; then what `stack` closes is this manifest's to close."""
        self.name = source.container.name
        self._source = source
        self._repeats = array("Q")
        self.scan = self._scanned(options)
        self._stack = stack.pop_all()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and remove spools; rows can't be read any more."""
        self._stack.close()

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
            yield self._source.reader.read(number, raw)
            left -= 1
            if not left:
                break
        self._source.container.check_unchanged()
        if left:
            raise UsageError(f"{self.name} ended {left} rows early; was it changed while it was being read?")

    def typed(self, names: Sequence[str]) -> TypedColumns | None:
        """The types and cells of some of the further columns, where the form has types."""
        table, plan = self._source.typed, self._source.plan
        if table is None or plan is None:
            return None
        from musicflamingo_cli.intake.manifest.parquet_typed import TypedColumns  # Arrow, as Parquet has needed anyway

        return TypedColumns(table, {asked: name for asked, name in plan.columns if name and asked in names})

    def _scanned(self, options: ManifestOptions) -> ManifestScan:
        source = self._source
        seen = SeenIds()
        tally = dict.fromkeys(("songs", "skipped", "rejected"), 0)
        repeated_ids: dict[str, None] = {}
        first_error = ""
        rows = 0
        for number, raw in enumerate(source.rows(), 1):
            row = source.reader.read(number, raw)
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
            if rows == options.limit:
                break
        if not rows:
            raise UsageError(f"{self.name} has no rows; add songs, or name another manifest")
        columns = tuple(dict.fromkeys(source.reader.columns if source.columns is None else source.columns))
        if source.plan is None and columns:
            checked_plan(self.name, columns, options)
        # A limit that cut the manifest short shows too little to say that none can be read.
        if tally["rejected"] == rows and rows != options.limit:
            raise UsageError(f"{self.name}: none of its {rows} rows can be read; the first: {first_error}")
        return ManifestScan(
            rows=rows,
            repeated=len(self._repeats),
            repeated_ids=tuple(repeated_ids),
            columns=columns,
            form=source.form,
            **tally,
        )


def open_manifest(source: str, options: ManifestOptions) -> Manifest:
    """Open and check the manifest `source`: a path, a glob pattern, or ``-`` for standard input.

    Raises:
        UsageError: it is no manifest, its container or header is broken, it has no id or audio column, or no row of
            it can be read. The message names the file, the line, row or byte, and what to do.
    """
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit {options.limit}: must be at least 1")
    with ExitStack() as stack:
        return Manifest(open_source(source, options, stack), options, stack)

"""Writing a table: Parquet, JSON lines, CSV and the JSON that older recommenders read. Whole or not at all."""

from __future__ import annotations

import errno
import glob
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from musicflamingo_cli.errors import OutputError, UsageError
from musicflamingo_cli.files import PART, sweep_part, sync_folder, whole_file
from musicflamingo_cli.results.csv_text import Cell, quoted_cell, text_cell
from musicflamingo_cli.results.run_card import CARD_KEY
from musicflamingo_cli.results.write.json_values import plain

FORMATS = ("parquet", "jsonl", "csv", "json")
ROW_GROUP = 8192
STDOUT = ("-", "/dev/stdout")
"""Names of standard output."""


def format_of(path: str, wanted: str | None) -> str:
    """Return the format of an output: as asked, else by its suffix, else Parquet. Raises `UsageError`."""
    if wanted is not None:
        if wanted not in FORMATS:
            raise UsageError(f"--format {wanted}: no such format (formats: {', '.join(FORMATS)})")
        return wanted
    suffix = Path(path).suffix.lower().lstrip(".")
    if suffix in FORMATS:
        return suffix
    if path in STDOUT:
        return "jsonl"
    if suffix in ("", "pq"):
        return "parquet"
    raise UsageError(f"{path}: can't tell the format from '.{suffix}'; say --format {'|'.join(FORMATS)}")


def rows_format(flag: str, path: str) -> str:
    """Return the format of an output that holds more of a row than its scores. Raises `UsageError`."""
    form = format_of(path, None)
    if form == "json":
        raise UsageError(f"{flag} {path}: JSON by id holds scores only; name a .jsonl, .csv or .parquet")
    return form


def check_output(path: str, form: str, sources: Sequence[str] = ()) -> None:
    """Refuse an output that can't be written, or would replace a source, before anything dear happens.

    Raises `UsageError`.
    """
    if path in STDOUT:
        if form == "parquet":
            raise UsageError("Parquet can't go to standard output; name a file with -o, or say --format jsonl|csv|json")
        return
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"-o {path} is a folder; name a file in it")
    if target.exists() and any(Path(s).exists() and target.samefile(s) for s in sources):
        raise UsageError(f"-o {path} is what is read; name another file")
    if not target.parent.is_dir():
        raise UsageError(f"-o {path}: there is no folder {target.parent}; make it first")


@contextmanager
def output(path: str) -> Iterator[BinaryIO]:
    """Open an output that appears whole or not at all; `-` is standard output. Raises `OutputError` with the path."""
    try:
        if path in STDOUT:
            if sys.stdout is None:
                raise OSError(errno.EBADF, "it is closed")
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        target = Path(path).resolve()
        with whole_file(target) as file:
            yield file
        sync_folder(target.parent)
    except OSError as problem:
        where = "standard output" if path in STDOUT else path
        raise OutputError(f"could not write {where}: {problem.strerror or problem}") from None


def sweep_parts(path: str) -> None:
    """Remove the part files that killed runs left beside an output."""
    if path not in STDOUT:
        for part in stale_parts(Path(path).resolve()):
            with suppress(OSError):
                sweep_part(part)


def stale_parts(target: Path) -> list[Path]:
    """Return the part files beside an output that have its name, and not those of `<its name>.<more>`."""
    stem = f".{glob.escape(target.name[:60])}.{'[0-9a-f]' * 8}{PART}"
    return [*target.parent.glob(stem), *target.parent.glob(f"{stem}.old{PART}")]


@dataclass(frozen=True, slots=True)
class Layout:
    """What a writer must know of the rows."""

    schema: pa.Schema
    scores: tuple[str, ...]
    """The columns that hold a pack's scores."""
    card: Callable[[], Mapping[str, Any]]
    """Asked for the run card after the last row."""


def write_table(rows: Iterable[dict[str, Any]], layout: Layout, file: BinaryIO, form: str) -> None:
    """Write rows in their order, in one of `FORMATS`."""
    names = layout.schema.names
    if form == "parquet":
        _parquet(rows, layout, file)
    elif form == "jsonl":
        for row in rows:
            file.write(orjson.dumps({n: row.get(n) for n in names}, default=_json) + b"\n")
    elif form == "csv":
        _csv(rows, names, file)
    else:
        _scores_json(rows, layout.scores, file)


def _parquet(rows: Iterable[dict[str, Any]], layout: Layout, file: BinaryIO) -> None:
    with pq.ParquetWriter(
        file, layout.schema, compression="zstd", store_schema=False, write_page_checksum=True
    ) as writer:
        ahead = iter(rows)
        while group := list(islice(ahead, ROW_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=layout.schema))
        writer.add_key_value_metadata({CARD_KEY: orjson.dumps(layout.card(), default=_json).decode()})


def _csv(rows: Iterable[dict[str, Any]], names: list[str], file: BinaryIO) -> None:
    lines = chain([dict(zip(names, names, strict=True))], rows)
    for row in lines:
        # A line without anything on it is no row to most readers.
        file.write((",".join(_cell(row.get(name)) for name in names) or '""').encode() + b"\n")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value if isinstance(value, Cell) else text_cell(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list | tuple):
        return quoted_cell(orjson.dumps(value, default=_json).decode())
    if isinstance(value, pa.Scalar):
        return str(value.cast(pa.string()).as_py())
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _scores_json(rows: Iterable[dict[str, Any]], names: Sequence[str], file: BinaryIO) -> None:
    before = b"{"
    for row in rows:
        if row.get("overall_quality_score") is None or row.get("song_id") is None:
            continue
        stated = {n: row[n] for n in (*names, "overall_quality_score") if row.get(n) is not None}
        song = {"song_id": row["song_id"], "title": row.get("title"), "scores": stated}
        file.write(before + b"\n" + orjson.dumps(row["song_id"]) + b": " + orjson.dumps(song, default=_json))
        before = b","
    file.write((b"{}" if before == b"{" else b"\n}") + b"\n")


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    if isinstance(value, bytes | timedelta):
        return plain(value)
    if isinstance(value, pa.Scalar):
        return value.cast(pa.string()).as_py()
    raise TypeError(f"{type(value).__name__} is no JSON")

"""Where the rows of a filter or a merge go: files and folders that appear whole, all of them or none."""

from __future__ import annotations

import filecmp
import os
import secrets
import shutil
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.files import PART, sync_folder
from musicflamingo_cli.results.plain import plain_rows
from musicflamingo_cli.results.writers import STDOUT, Layout, stale_parts, write_table

ROW_GROUP = 122_880
CODEC = "snappy"
"""Encodes twice as fast as zstd, for a quarter more bytes."""
QUEUED = 2
"""Batches that may wait for the encoder."""


class ParquetSink:
    """Record batches into one Parquet file, encoded on a thread of its own; the same batches give the same bytes."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.schema = schema
        self._writer: pq.ParquetWriter | None = None
        self._thread = ThreadPoolExecutor(1, "parquet")
        self._writing: deque[Future[None]] = deque()

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows; returns before they are encoded, unless two batches wait already."""
        if len(batch):
            while len(self._writing) >= QUEUED:
                self._writing.popleft().result()
            self._writing.append(self._thread.submit(self._encode, batch))

    def close(self, metadata: dict[str, str] | None = None) -> None:
        """Finish the file."""
        while self._writing:
            self._writing.popleft().result()
        self._thread.shutdown()
        writer = self._opened(None)
        if metadata:
            writer.add_key_value_metadata(metadata)
        writer.close()

    def abandon(self) -> None:
        """Stop writing, after trouble elsewhere."""
        self._thread.shutdown(cancel_futures=True)

    def _encode(self, batch: pa.RecordBatch) -> None:
        self._opened(batch).write_batch(batch, row_group_size=ROW_GROUP)

    def _opened(self, batch: pa.RecordBatch | None) -> pq.ParquetWriter:
        if self._writer is None:
            repeating = True if batch is None else _repeating(batch)
            self._writer = pq.ParquetWriter(
                self.path, self.schema, compression=CODEC, use_dictionary=repeating, write_page_checksum=True
            )
        return self._writer


def _repeating(batch: pa.RecordBatch) -> list[str]:
    """Return the leaf columns that are worth a dictionary: one whose values hardly repeat is written faster without."""
    head = batch.slice(0, 4096)
    unique = set()
    for name, column in zip(head.schema.names, head.columns, strict=True):
        plain = not (pa.types.is_nested(column.type) or isinstance(column.type, pa.DictionaryType | pa.ExtensionType))
        if plain and len(head) >= 1024 and pc.count_distinct(column).as_py() > len(head) / 2:
            unique.add(name)
    empty = pa.BufferOutputStream()
    with pq.ParquetWriter(empty, batch.schema):
        pass
    leaves = pq.ParquetFile(pa.BufferReader(empty.getvalue())).schema
    return [leaf.path for leaf in (leaves.column(i) for i in range(len(leaves))) if leaf.path not in unique]


def write_text(source: Path, file: BinaryIO, form: str, scores: Sequence[str]) -> None:
    """Write the rows of a Parquet file as JSON lines, CSV or the older JSON (`scores` are its scores)."""
    with pq.ParquetFile(source) as table:

        def rows() -> Iterator[dict[str, Any]]:
            for batch in table.iter_batches(8192):
                yield from plain_rows(batch)

        write_table(rows(), Layout(table.schema_arrow, tuple(scores), dict), file, form)


def write_partitions(source: Path, folder: Path, column: str) -> None:
    """Write the rows of a Parquet file, in order, as `column=value/part-0.parquet`."""
    import pyarrow.dataset as ds

    with pq.ParquetFile(source) as table:
        schema = table.schema_arrow
        kind = schema.field(column).type
        plain = pa.string() if isinstance(kind, pa.DictionaryType) else kind
        scheme = ds.partitioning(pa.schema([(column, plain)]), flavor="hive")
        at = schema.names.index(column)
        schema = schema.set(at, pa.field(column, plain))
        batches = (b.set_column(at, column, b.column(at).cast(plain)) for b in table.iter_batches(ROW_GROUP))
        folder.mkdir(exist_ok=True)
        ds.write_dataset(
            (pa.RecordBatch.from_arrays(b.columns, schema=schema) for b in batches),
            folder,
            schema=schema,
            format="parquet",
            partitioning=scheme,
            basename_template="part-{i}.parquet",
            max_partitions=100_000,
            max_open_files=256,
            use_threads=False,
            file_options=ds.ParquetFileFormat().make_write_options(compression="zstd", write_page_checksum=True),
        )


class Outputs:
    """Files and folders that are written under part names and take their places together at the end.

    Leaving with an exception removes the parts; whatever stood there before is untouched.
    """

    def __init__(self, *, if_changed: bool = False) -> None:
        self._if_changed = if_changed
        self._waiting: list[tuple[Path, Path]] = []
        self._straight: list[tuple[Path, str]] = []
        self.unchanged: list[str] = []
        """Outputs that stayed as they were, as they were equal."""

    def part(self, name: str, work: Path) -> Path:
        """Return where to write an output; one for standard output, a device or a FIFO is spooled in `work`."""
        target = Path(name).resolve()
        if name in STDOUT or (target.exists() and not target.is_file() and not target.is_dir()):
            # Renaming would put a file in the place of the device.
            spool = work / f"straight{len(self._straight)}"
            self._straight.append((spool, name))
            return spool
        for old in stale_parts(target):
            _remove(old)
        part = target.with_name(f".{target.name[:60]}.{secrets.token_hex(4)}{PART}")
        self._waiting.append((part, target))
        return part

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, _: TracebackType | None
    ) -> None:
        where = ", ".join(str(target) for _, target in self._waiting) or "the output"
        try:
            if isinstance(problem, OSError) and not isinstance(problem, BrokenPipeError):
                raise problem
            if kind is None:
                for part, target in self._waiting:
                    where = str(target)
                    self._settle(part, target)
                for spool, name in self._straight:
                    where = "standard output" if name in STDOUT else name
                    _pour(spool, name)
        except BrokenPipeError:
            raise
        except OSError as trouble:
            raise OutputError(f"could not write {where}: {trouble.strerror or trouble}") from None
        finally:
            for part, _target in self._waiting:
                _remove(part)

    def _settle(self, part: Path, target: Path) -> None:
        if self._if_changed and _same(part, target):
            self.unchanged.append(str(target))
            return
        for path in [part, *part.rglob("*")] if part.is_dir() else [part]:
            _sync(path)
        old = part.with_name(f"{part.name}.old{PART}")
        if part.is_dir() and target.is_dir():
            target.rename(old)
        try:
            part.replace(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
        _remove(old)
        sync_folder(target.parent)


def _pour(spool: Path, name: str) -> None:
    with spool.open("rb") as file:
        if name in STDOUT:
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        with Path(name).open("wb") as straight:
            shutil.copyfileobj(file, straight)


def _same(one: Path, other: Path) -> bool:
    if one.is_file():
        return other.is_file() and filecmp.cmp(one, other, shallow=False)
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    if not other.is_dir() or files != sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file()):
        return False
    return all(filecmp.cmp(one / p, other / p, shallow=False) for p in files)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

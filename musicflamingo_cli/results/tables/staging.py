"""Staging: what every form that is no Parquet goes through to become Parquet in the work folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.tables.table import Part

BLOCK = 4 << 20
"""Bytes of a file that are read at a time."""
BOM = b"\xef\xbb\xbf"


def suffix_of(path: Path) -> str:
    """Return a file's suffix in small letters, that of a compression left out."""
    suffixes = [suffix for one in path.suffixes if (suffix := one.lower()) not in (".gz", ".zst")]
    return suffixes[-1] if suffixes else ""


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

"""Which column of a Parquet file can't be read: looked for once something has gone wrong, one column after another."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.sandbox import first_line, text

TROUBLE = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError, NotImplementedError, KeyError)
"""What pyarrow raises over damaged files: its own errors, and Python's where a value or type has no form in Python."""


def unreadable(path: Path | str, problem: BaseException) -> UsageError:
    """Return the error for a file that is no whole table."""
    return UsageError(f"{path}: not a whole table, it may be torn or still being written ({_brief(problem)})")


def damaged(path: Path, name: Path | str, problem: BaseException) -> UsageError:
    """Return the error for a file whose rows can't be read, with the column if it is one.

    Args:
        path: The file.
        name: What a person calls it.
        problem: What was raised when it was read.
    """
    return damaged_column(path, name) or unreadable(name, problem)


def damaged_column(path: Path, name: Path | str, *, values: bool = False) -> UsageError | None:
    """Return the error for the first column that can't be read, None if all can.

    Args:
        path: The file.
        name: What a person calls it.
        values: Whether each value must have a form in Python too, as for JSON and CSV.
    """
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
    except TROUBLE as problem:
        return unreadable(name, problem)
    why = _duckdb_trouble(path, "1", len(names))
    if why is not None:
        return unreadable(name, ValueError(why))
    for i, column in enumerate(names):
        why = _arrow_trouble(path, column, values) or _duckdb_trouble(path, f"max(hash(p{i}))", len(names))
        if why is not None:
            return UsageError(f"{name}: column '{column}' can't be read, the file may be damaged ({why})")
    return None


def _arrow_trouble(path: Path, column: str, values: bool) -> str | None:
    try:
        with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            for batch in file.iter_batches(columns=[column]):
                batch.validate(full=True)
                if values and "[ns" not in str(batch.schema.types):  # Python has no type for nanoseconds
                    batch.to_pylist(maps_as_pydicts=None)
    except TROUBLE as problem:
        return _brief(problem)
    return None


def _duckdb_trouble(path: Path, wanted: str, count: int) -> str | None:
    import duckdb

    shape = ", ".join(f"p{i}" for i in range(count))
    source = f"read_parquet({text(str(path.absolute()))}, hive_partitioning = false) AS t({shape})"
    # Some errors put a whole connection out of use.
    with duckdb.connect(config={"autoload_known_extensions": False}) as connection:
        try:
            connection.execute(f"SELECT {wanted} FROM {source}{' LIMIT 0' if wanted == '1' else ''}").fetchall()
        except (duckdb.Error, OSError, UnicodeDecodeError) as problem:
            return first_line(problem).replace(str(path), "it")
    return None


def _brief(problem: BaseException) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]

"""The locked-down DuckDB that joins, sorts and evaluates: it sees the files it was given and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from musicflamingo_cli.errors import OutputError, UsageError
from musicflamingo_cli.work_folder import WorkFolder

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
BATCH = 122_880
"""Rows of a record batch, as in a row group of DuckDB's."""
SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([KMGT]i?B?|B|%)?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the join may use."""

    memory: str = "4GB"
    """Bytes with a unit (`500MB`, `4GB`) or a share of the machine's memory (`50%`)."""
    threads: int | None = None
    """None: as many as there are cores."""

    def check(self) -> None:
        """Raise `UsageError` unless `memory` is an amount."""
        found = SIZE.match(self.memory)
        amount = float(found.group(1)) if found and found.group(2) else 0.0
        if not found or amount <= 0 or (found.group(2) == "%" and amount > 100):
            raise UsageError(f"--memory-limit {self.memory}: say an amount such as 500MB, 4GB or 50%")


@contextmanager
def work_folder() -> Iterator[Path]:
    """Make a folder for staged tables and for what the join spills; it is gone afterwards. `TMPDIR` says where."""
    with WorkFolder() as work:
        folder = work.new_path(".join")
        folder.mkdir()
        yield folder.resolve()


class Sandbox:
    """One connection that reads `files`, spills into the folder `work` and can't be talked into anything else.

    No other file, no network, no extension, no setting: external access is off and the configuration is locked.
    Tables are linked into `work` under plain names, so that no name is a glob, a partition or a quoting trick.
    Queries run on a thread of their own: on the main one, DuckDB swallows what a signal's handler raises.
    """

    def __init__(self, work: Path, files: Iterable[Path], limits: Limits) -> None:
        import duckdb

        limits.check()
        settings = {
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
            "enable_progress_bar": False,
            "ieee_floating_point_ops": False,
            "error_on_division_by_zero": False,
            "TimeZone": "UTC",
            "memory_limit": limits.memory,
            "threads": limits.threads or os.cpu_count() or 1,
            "temp_directory": str(work / "spill"),
            "allowed_directories": [str(work)],
            "allowed_paths": sorted({str(path.resolve()) for path in files}),
            "enable_external_access": False,
            "lock_configuration": True,
        }
        self._duckdb = duckdb
        self._work = work
        self._links: dict[Path, str] = {}
        self._thread = ThreadPoolExecutor(1, "duckdb")
        self._connection = duckdb.connect()
        for name, value in settings.items():
            self._connection.execute(f"SET {name} = {_literal(value)}")

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self._connection.close()

    def link(self, path: Path) -> str:
        """Make a Parquet file readable; return its name as an SQL literal."""
        name = self._links.get(path)
        if name is None:
            link = self._work / f"table{len(self._links)}.parquet"
            link.symlink_to(path.absolute())
            name = self._links[path] = text(str(link))
            # So that what DuckDB can't make of the file is not taken for a mistake in a rule.
            self.rows(f"SELECT 1 FROM read_parquet({name}, hive_partitioning = false) LIMIT 0")
        return name

    def run(self, statement: str) -> None:
        """Execute a statement without a result."""
        self._do(lambda: self._connection.execute(statement))

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a small result."""
        return self._do(lambda: self._connection.execute(statement, list(values)).fetchall())

    def schema(self, statement: str) -> pa.Schema:
        """Return the Arrow schema that a query would give."""
        query = f"SELECT * FROM ({statement}) LIMIT 0"
        return self._do(lambda: self._connection.sql(query).to_arrow_reader(1).schema)

    def batches(self, statement: str) -> Iterator[pa.RecordBatch]:
        """Stream the result of a query."""
        reader = self._do(lambda: self._connection.sql(statement).to_arrow_reader(BATCH))
        while (batch := self._do(lambda: next(reader, None))) is not None:
            yield batch

    def parse(self, text: str) -> str:
        """Return the syntax tree of a statement as JSON text, without running any of it."""
        return str(self.rows("SELECT json_serialize_sql(?::VARCHAR)", [text])[0][0])

    def unparse(self, tree: str) -> str:
        """Return the statement that a syntax tree stands for."""
        return str(self.rows("SELECT json_deserialize_sql(?::JSON)", [tree])[0][0])

    def has_comment(self, text: str) -> bool:
        """Return whether SQL text holds a comment."""
        return any(kind == self._duckdb.token_type.comment for _, kind in self._duckdb.tokenize(text))

    def _do(self, work: Callable[[], T]) -> T:
        with self._trouble():
            future = self._thread.submit(work)
            try:
                return future.result()
            except BaseException:
                if not future.done():
                    self._connection.interrupt()
                raise

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except self._duckdb.OutOfMemoryException as problem:
            raise OutputError(
                f"the join ran out of memory or disk ({first_line(problem)}); raise --memory-limit"
            ) from None
        except (self._duckdb.Error, OSError) as problem:
            values = (self._duckdb.ConversionException, self._duckdb.OutOfRangeException)
            told = first_line(problem)
            for path, name in self._links.items():
                told = told.replace(f'"{name[1:-1]}"', str(path)).replace(name[1:-1], str(path))
            raise QueryError(told, of_values=isinstance(problem, values)) from None


class QueryError(UsageError):
    """DuckDB refused a query or could not read a table; the message is its own first line."""

    def __init__(self, message: str, *, of_values: bool = False) -> None:
        super().__init__(message)
        self.of_values = of_values
        """Whether an expression failed on what a row holds."""


def first_line(problem: BaseException) -> str:
    """Return the first line of an error of DuckDB's, with internal column names left as they are."""
    return re.sub(
        r"^[A-Z][A-Za-z ]+ Error: ", "", str(problem).strip().splitlines()[0] if str(problem).strip() else "error"
    )


def quoted(name: str) -> str:
    """Return an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return an SQL text literal."""
    return "'" + value.replace("'", "''") + "'"


def _literal(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, bool | int):
        return str(value).lower()
    return text(str(value))

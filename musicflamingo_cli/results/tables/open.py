"""Opening a table of any form: Parquet, a folder of it, CSV, JSON lines, old JSON, a folder of old caches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.files import PART
from musicflamingo_cli.nulls import is_null_word
from musicflamingo_cli.results.tables.cells import is_text, repeated_part, without_views
from musicflamingo_cli.results.tables.damage import TROUBLE, unreadable
from musicflamingo_cli.results.tables.staging import suffix_of
from musicflamingo_cli.results.tables.table import PLAIN, Part, Reading, Table

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
MAGIC = b"PAR1"


def open_table(name: str, work: Path, how: Reading = PLAIN) -> Table:
    """Open a table; what is no Parquet is staged as Parquet in `work`.

    Args:
        name: As a person named it.
        work: Where to stage.
        how: How it is read.

    Raises:
        UsageError: Naming the file.
    """
    if not name:
        raise UsageError("the name of a table is empty")
    path = Path(name)
    if path.name.endswith(PART):
        raise UsageError(f"{name} is a part file: its writer is at work, or died")
    if path.is_dir():
        if files := _parquet_files(path):
            return _parquet(name, files, path, how.nulls)
        from musicflamingo_cli.results.tables.json_table import stage_caches
        from musicflamingo_cli.results.tables.score_documents import cache_files

        if files := cache_files(path):
            return stage_caches(name, work, files)
        raise UsageError(f"{name}: no Parquet file in this folder")
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
        return _parquet(name, [path], None, how.nulls)
    suffix = suffix_of(path)
    if suffix in (".parquet", ".pq"):
        raise unreadable(path, ValueError("it does not begin as Parquet does"))
    from musicflamingo_cli.results.tables.csv_table import stage_csv
    from musicflamingo_cli.results.tables.json_table import stage_json

    return (stage_csv if suffix in (".csv", ".tsv") else stage_json)(name, work, how)


def _parquet_files(folder: Path) -> list[Path]:
    """Return the Parquet files under a folder, sorted by path; hidden ones and part files are left out."""
    found = [p for p in folder.rglob("*") if p.suffix.lower() in (".parquet", ".pq") and p.is_file()]
    inside = [p for p in found if not any(piece.startswith((".", "_")) for piece in p.relative_to(folder).parts)]
    return sorted(inside, key=lambda p: p.relative_to(folder).parts)


def _parquet(name: str, files: list[Path], root: Path | None, nulls: frozenset[str]) -> Table:
    parts = []
    for path in files:
        try:
            with pq.ParquetFile(path) as file:
                schema, rows = without_views(file.schema_arrow), file.metadata.num_rows
        except UnicodeDecodeError as problem:
            raise UsageError(f"{path}: the column name {problem.object!r} is not UTF-8; write another") from None
        except TROUBLE as problem:
            raise unreadable(path, problem) from None
        if not schema.names:
            raise UsageError(f"{path}: no column in it")
        repeated = sorted({n for n in schema.names if schema.names.count(n) > 1})
        if repeated:
            raise UsageError(f"{path}: column '{repeated[0]}' stands there twice")
        for one in schema:
            part = repeated_part(one.type)
            if part is not None:
                raise UsageError(
                    f"{path}: column '{one.name}' has a part '{part}' twice or without a name; leave it out"
                )
        fixed = {k: None if is_null_word(v, nulls) else v for k, v in (_hive(path, root) if root else {}).items()}
        parts.append(Part(path, rows, schema, {k: v for k, v in fixed.items() if k not in schema.names}))
    schema = _unified(parts)
    if nulls:
        schema = pa.schema([f.with_nullable(f.nullable or is_text(f.type)) for f in schema], schema.metadata)
    return Table(name, tuple(parts), schema, nulls=nulls)


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

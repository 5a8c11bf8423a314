"""Staging: CSV, JSON lines and JSON become Parquet in the work folder, typed by all of their values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.sources import ID_NAMES, Part, Reject, Table

SENTINELS = ("", "nan", "NaN", "None", "null", "NULL", "<NA>", "NaT")
"""Cells that hold no value, as in a manifest; blanks around them apart."""
FAILURES = ("FAILED_RENDER", "FAILED", "ERROR")
"""What older scripts write in a column of numbers where there is none."""
WHOLE = r"^(0|-?[1-9][0-9]{0,17})$"
NUMBER = r"^[+-]?((0|[1-9][0-9]{0,14})(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$|^[+-]?(?i:inf|infinity|nan)$"
TRUTH = r"^(?i:true|false)$"
ROWS = 20_000
"""Rows of JSON that are turned into columns at a time."""
COMPRESSED = (".gz", ".zst")


def stage_csv(name: str, work: Path) -> Table:
    """Stage a CSV or TSV table. Whole numbers, numbers and truth values are told by all cells; the id stays text."""
    path = Path(name)
    separator = _separator(path)
    with _readable(name):
        columns = [str(c) for c in next(iter(_csv_batches(path, separator, None))).schema.names]
        _check_columns(name, columns)
        kinds = dict.fromkeys(columns, "")
        for batch in _csv_batches(path, separator, columns):
            for column, kind in kinds.items():
                if column not in ID_NAMES:
                    kinds[column] = _narrow(kind, batch.column(column))
        types = {column: _csv_type("text" if column in ID_NAMES else kinds[column]) for column in columns}
        schema = pa.schema(list(types.items()))
        batches = (
            pa.RecordBatch.from_arrays([_csv_cast(c, b.column(c), t) for c, t in types.items()], schema=schema)
            for b in _csv_batches(path, separator, columns)
        )
        return Table(name, (_write(work, schema, batches),), schema, form="csv")


def _separator(path: Path) -> str:
    suffixes = [s.lower() for s in path.suffixes if s.lower() not in COMPRESSED]
    if suffixes[-1:] == [".tsv"]:
        return "\t"
    with pa.input_stream(str(path)) as stream:
        header = stream.read(65536).split(b"\n")[0]
    return ";" if b";" in header and b"," not in header else ("\t" if b"\t" in header and b"," not in header else ",")


def _csv_batches(path: Path, separator: str, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    bad: list[str] = []

    def ragged(row: Any) -> str:
        where = f"row {row.number}" if row.number is not None else "a row"
        bad.append(f"{path} {where}: {row.actual_columns} cells where the header has {row.expected_columns}")
        return "error"

    convert = pcsv.ConvertOptions(strings_can_be_null=False, null_values=[], auto_dict_encode=False)
    if columns is not None:
        convert.column_types = {name: pa.string() for name in columns}
    else:
        convert = pcsv.ConvertOptions(column_types={}, null_values=[], strings_can_be_null=False, check_utf8=False)
    parse = pcsv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=ragged)
    with (
        pa.input_stream(str(path)) as stream,
        pcsv.open_csv(
            stream, read_options=pcsv.ReadOptions(block_size=4 << 20), parse_options=parse, convert_options=convert
        ) as reader,
    ):
        if columns is None:
            yield pa.RecordBatch.from_arrays([pa.nulls(0, f.type) for f in reader.schema], schema=reader.schema)
            return
        try:
            yield from reader
        except pa.ArrowInvalid:
            if bad:
                raise UsageError(bad[0]) from None
            raise


def _narrow(kind: str, cells: pa.Array) -> str:
    """Return the narrowest kind that holds both what came before and these cells: "" < bool, int < float < text."""
    if kind == "text":
        return kind
    full = cells.filter(pc.invert(_is_null(cells)))
    full = full.filter(pc.invert(pc.is_in(full, pa.array(FAILURES))))
    if not len(full):
        return kind
    for name, pattern in (("bool", TRUTH), ("int", WHOLE), ("float", NUMBER)):
        if _covers(name, kind) and pc.all(pc.match_substring_regex(full, pattern)).as_py():
            return "float" if kind == "float" and name == "int" else name
    return "text"


def _covers(name: str, kind: str) -> bool:
    return kind in ("", name) or (name == "float" and kind == "int") or (name == "int" and kind == "float")


def _is_null(cells: pa.Array) -> pa.Array:
    return pc.is_in(pc.utf8_trim_whitespace(cells), pa.array(SENTINELS))


def _csv_type(kind: str) -> pa.DataType:
    return {"": pa.null(), "bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}.get(kind, pa.string())


def _csv_cast(name: str, cells: pa.Array, kind: pa.DataType) -> pa.Array:
    if name in ID_NAMES:
        return pc.if_else(pc.equal(cells, ""), None, cells)
    nothing = _is_null(cells)
    if kind != pa.string():
        nothing = pc.or_(nothing, pc.is_in(cells, pa.array(FAILURES)))
    if pa.types.is_null(kind):
        return pa.nulls(len(cells))
    kept = pc.if_else(nothing, None, cells)
    if kind == pa.bool_():
        return pc.equal(pc.utf8_lower(kept), "true")
    if kind == pa.float64():
        kept = pc.replace_substring_regex(kept, pattern=r"^\+", replacement="")
    return kept.cast(kind)


def stage_json(name: str, work: Path) -> Table:
    """Stage JSON lines, or JSON of any form that scores came in (a list, `{"songs": [...]}`, id to scores)."""
    from musicflamingo_cli.results.legacy import rows_of_document

    with _readable(name):
        rejects: list[Reject] = []

        def rows() -> Iterator[dict[str, Any]]:
            rejects.clear()
            if _is_lines(name):
                return _json_lines(name)
            return rows_of_document(name, _load(name), rejects)

        return _stage_rows(name, work, rows, rejects, "json")


def stage_rows(name: str, work: Path, rows: Iterable[dict[str, Any]], rejects: Sequence[Reject], form: str) -> Table:
    """Stage rows that are at hand."""
    listed = list(rows)
    return _stage_rows(name, work, lambda: iter(listed), rejects, form)


def _stage_rows(
    name: str, work: Path, rows: Callable[[], Iterator[dict[str, Any]]], rejects: Sequence[Reject], form: str
) -> Table:
    schema = pa.schema([])
    mixed: set[str] = set()
    for group in _groups(rows()):
        schema = _widened(schema, group, mixed)
    fields = [(f.name, pa.string() if f.name in mixed else f.type) for f in schema]
    _check_columns(name, [n for n, _ in fields])
    schema = pa.schema(fields)

    def batches() -> Iterator[pa.RecordBatch]:
        for group in _groups(rows()):
            arrays = [_array([row.get(n) for row in group], t, n in mixed) for n, t in fields]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return Table(name, (_write(work, schema, batches()),), schema, tuple(rejects), form)


def _widened(schema: pa.Schema, group: list[dict[str, Any]], mixed: set[str]) -> pa.Schema:
    for column in dict.fromkeys(key for row in group for key in row):
        try:
            seen = pa.array([row.get(column) for row in group]).type
            schema = pa.unify_schemas([schema, pa.schema([(column, seen)])], promote_options="permissive")
        except (pa.ArrowException, OverflowError):
            mixed.add(column)
            if column not in schema.names:
                schema = schema.append(pa.field(column, pa.string()))
    return schema


def _array(values: list[Any], kind: pa.DataType, mixed: bool) -> pa.Array:
    if mixed:
        values = [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
    return pa.array(values, kind)


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    for row in rows:
        group.append(row)
        if len(group) == ROWS:
            yield group
            group = []
    if group:
        yield group


def loads(raw: bytes) -> Any:
    """Read JSON, also what Python's `json` writes beyond it: NaN and Infinity as None, lone surrogates written out."""
    try:
        return orjson.loads(raw)
    except ValueError:
        return _plain(json.loads(raw.decode("utf-8-sig"), parse_constant=lambda _: None))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return {_plain(k): _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def _is_lines(name: str) -> bool:
    """Return whether each line of a file stands for itself: the first one is an object, and another follows it."""
    with pa.input_stream(name) as stream:
        head = stream.read(8 << 20)
    lines = [line for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    suffixes = [s.lower() for s in Path(name).suffixes if s.lower() not in COMPRESSED]
    if suffixes[-1:] in ([".jsonl"], [".ndjson"]):
        return True
    try:
        first = loads(lines[0])
    except ValueError:
        return False
    return isinstance(first, dict) and len(lines) > 1


def _json_lines(name: str) -> Iterator[dict[str, Any]]:
    for number, line in json_values(name):
        if not isinstance(line, dict):
            raise UsageError(f"{name} line {number}: not an object")
        yield line


def json_values(name: str) -> Iterator[tuple[int, Any]]:
    """Read a file of JSON lines as (line number, value). Raises `UsageError` for a line that is no JSON."""
    with pa.input_stream(name) as raw:
        number = 0
        for number, line in enumerate(_lines(raw), 1):
            stripped = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
            if not stripped:
                continue
            try:
                yield number, loads(stripped)
            except (ValueError, RecursionError) as problem:
                raise UsageError(f"{name} line {number}: not a whole JSON value ({problem})") from None


def _lines(stream: Any) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(1 << 20):
        pieces = (rest + block).split(b"\n")
        rest = pieces.pop()
        yield from pieces
    if rest:
        yield rest


def _load(name: str) -> Any:
    with pa.input_stream(name) as stream:
        raw = stream.read()
    try:
        return loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as problem:
        raise UsageError(f"{name}: not a whole JSON document ({problem})") from None


def _write(work: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Part:
    number = len(list(work.glob("staged*.parquet")))
    path, rows = work / f"staged{number}.parquet", 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            rows += len(batch)
            writer.write_batch(batch)
    return Part(path, rows, schema)


def _check_columns(name: str, columns: Sequence[str]) -> None:
    twice = sorted({c for c in columns if columns.count(c) > 1})
    if twice:
        raise UsageError(f"{name}: column '{twice[0]}' stands there twice")
    if not columns:
        raise UsageError(f"{name}: no column and no row in it")


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{name}: {str(problem).strip().splitlines()[0]}") from None

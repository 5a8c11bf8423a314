"""Staging: CSV becomes Parquet in the work folder, each column typed by all of its cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.ids import ID_NAMES
from musicflamingo_cli.results.on_disk import Part, Table

SENTINELS = ("", "nan", "NaN", "None", "null", "NULL", "<NA>", "NaT")
"""Cells that hold no value, as in a manifest; blanks around them apart."""
FAILURES = ("FAILED_RENDER", "FAILED", "ERROR")
"""What older scripts write in a column of numbers where there is none."""
WHOLE = r"^(0|-?[1-9][0-9]{0,17})$"
NUMBER = r"^[+-]?((0|[1-9][0-9]{0,14})(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$|^[+-]?(?i:inf|infinity|nan)$"
TRUTH = r"^(?i:true|false)$"
QUOTED_FORMULA = r"^'('*[=+\-@\t\r\n＝＋－＠])"
"""A text cell that was kept from being a formula: with an apostrophe more than it had."""
COMPRESSED = (".gz", ".zst")


def stage_csv(name: str, work: Path) -> Table:
    """Stage a CSV or TSV table. Whole numbers, numbers and truth values are told by all cells; the id stays text."""
    path = Path(name)
    separator = _separator(path)
    with readable(name):
        columns = [str(c) for c in next(iter(_csv_batches(path, separator, None))).schema.names]
        check_columns(name, columns)
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
        return Table(name, (write_staged(work, schema, batches),), schema, form="csv")


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
    if kind == pa.string():
        cells = pc.replace_substring_regex(cells, pattern=QUOTED_FORMULA, replacement=r"\1")
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

"""Parquet as a manifest: only the wanted columns, in batches sized by the footer's totals."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.cells import MAX_CELL_BYTES, Oversize
from musicflamingo_cli.intake.manifest.container import shown
from musicflamingo_cli.intake.manifest.rows import Raw

MOST_ROWS = 1_000_000_000
MAX_LIST_VALUES = 1 << 26
BOMB_BYTES = 256 << 20
BOMB_RATIO = 100
"""A chunk may be one page, which unpacks whole: over `BOMB_BYTES` at over this times the packed size is a bomb."""
_BATCH_ROWS = 4096
_BATCH_BYTES = 1 << 20
"""What a batch holds on the average: cells that are longer than that may all stand together."""
_BATCH_ENTRY_BYTES = 32 << 20
"""What a batch may hold if every cell is the longest text of its dictionary, which the footer's totals count once."""
_BUFFER_BYTES = 1 << 18
_OVERSIZE = Oversize()
_BROKEN = (pa.ArrowException, OSError, ValueError, KeyError, MemoryError)
"""What reading a torn file may raise."""


class ParquetRows:
    """A Parquet file whose rows can be read again and again."""

    def __init__(self, open_reader: Callable[[], io.BufferedReader], name: str) -> None:
        self._open = open_reader
        self._name = name
        try:
            file = self._file([])
            self._schema: pa.Schema = file.schema_arrow
            self._metadata = file.metadata
            self._leaves = file.schema
        except (pa.ArrowException, OSError, ValueError) as error:
            raise UsageError(f"{name}: broken Parquet footer ({_brief(error)}); write or copy it again") from error
        if self._metadata.num_rows > MOST_ROWS:
            raise UsageError(f"{name} claims {self._metadata.num_rows} rows; at most {MOST_ROWS} are read")
        self.columns: tuple[str, ...] = tuple(self._schema.names)

    def check_text(self, name: str) -> None:
        """Raise `UsageError` if column `name` holds lists, structures or the like instead of one value a row."""
        kind = self.type_of(name)
        if pa.types.is_nested(kind):
            raise UsageError(
                f"{self._name}: column {name!r} holds {shown(kind)}, not text; name another one with --id-column or "
                "--audio-column"
            )

    def type_of(self, name: str) -> pa.DataType:
        """The type of a column."""
        return self._schema.field(self.columns.index(name)).type

    def rows(self, wanted: Sequence[str], *, typed: bool = False) -> Iterator[Raw]:
        """Every row, with the wanted columns only, and its number from 1.

        Dates, times and durations are text, unless they are wanted `typed`.
        """
        number = group = 0
        try:
            for group in range(self._metadata.num_row_groups):
                for batch in self._batches(group, wanted):
                    columns = [_values(batch.column(batch.schema.names.index(name)), typed) for name in wanted]
                    for cells in zip(*columns, strict=True):
                        number += 1
                        yield number, dict(zip(wanted, cells, strict=True)), ""
        except _BROKEN as error:
            where = f"after row {number}{self._broken_column(group, wanted)}"
            raise UsageError(
                f"{self._name}: broken Parquet data {where} ({_brief(error)}); write or copy it again"
            ) from error

    def _batches(self, group: int, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        dictionaries, rows = self._reading(group, wanted)
        file = self._file(dictionaries, self._metadata)
        yield from file.iter_batches(batch_size=rows, row_groups=[group], columns=list(wanted), use_threads=False)

    def _broken_column(self, group: int, wanted: Sequence[str]) -> str:
        for name in wanted:
            try:
                for _ in self._batches(group, [name]):
                    pass
            except _BROKEN:
                return f" in column {name!r}"
        return ""

    def _file(self, dictionaries: Sequence[str], metadata: pq.FileMetaData | None = None) -> pq.ParquetFile:
        return pq.ParquetFile(
            self._open(),
            metadata=metadata,
            read_dictionary=list(dictionaries),
            buffer_size=_BUFFER_BYTES,
            pre_buffer=False,
        )

    def _reading(self, group: int, wanted: Sequence[str]) -> tuple[list[str], int]:
        """Which columns of a row group to read as dictionaries, and how many rows a batch. Raises `UsageError`."""
        row_group = self._metadata.row_group(group)
        rows = max(1, row_group.num_rows)
        dictionaries: list[str] = []
        average = longest = 1.0
        for index in range(row_group.num_columns):
            chunk, leaf = row_group.column(index), self._leaves.column(index)
            path, unpacked = chunk.path_in_schema, chunk.total_uncompressed_size
            name = next((name for name in wanted if path == name or path.startswith(f"{name}.")), None)
            if name is None:
                continue
            where = f"{self._name}: row group {group + 1}, column {path!r}"
            if unpacked > max(BOMB_BYTES, BOMB_RATIO * chunk.total_compressed_size):
                raise UsageError(
                    f"{where} unpacks to {unpacked >> 20} MiB from {chunk.total_compressed_size} bytes, over "
                    f"{BOMB_RATIO} times as much: keep such cells out of the manifest"
                )
            if leaf.max_repetition_level and chunk.num_values > MAX_LIST_VALUES:
                raise UsageError(
                    f"{where} has {chunk.num_values} values in lists, over {MAX_LIST_VALUES}: keep such lists out of "
                    "the manifest"
                )
            average += max(0, unpacked) / rows
            if chunk.has_dictionary_page and leaf.physical_type == "BYTE_ARRAY":
                entry = self._longest_entry(group, path, name)
                if entry * _BATCH_ROWS > _BATCH_ENTRY_BYTES and unpacked <= BOMB_BYTES:
                    # Long texts that recur are then held once, not once a row.
                    dictionaries.append(path)
                else:
                    longest = max(longest, entry)
        return dictionaries, int(max(1, min(_BATCH_ROWS, _BATCH_BYTES / average, _BATCH_ENTRY_BYTES / longest)))

    def _longest_entry(self, group: int, path: str, name: str) -> int:
        """Bytes of the longest text in a column's dictionary; of a nested column those of the whole dictionary."""
        file = self._file([path], self._metadata)
        for batch in file.iter_batches(batch_size=1, row_groups=[group], columns=[name], use_threads=False):
            array = batch.column(batch.schema.names.index(name))
            if pa.types.is_dictionary(array.type) and _has_length(array.type.value_type):
                return int(pc.max(pc.binary_length(array.dictionary)).as_py() or 0)
            return int(batch.get_total_buffer_size())
        return 0


def _values(array: pa.Array, typed: bool = False) -> list[object]:
    """Python values, with `Oversize` in the place of long lists, which are never made."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        # A batch carries the whole dictionary; only the entries in use are worth making, once each.
        used = pc.unique(array.indices).drop_null()
        made = dict(zip(used.to_pylist(), _values(array.dictionary.take(used)), strict=True))
        return [None if place is None else made[place] for place in array.indices.to_pylist()]
    if isinstance(array, pa.ExtensionArray) and pa.types.is_nested(array.storage.type):
        array = array.storage
    if pa.types.is_temporal(kind) and typed and getattr(kind, "unit", "") == "ns":
        return list(array)  # Python has no nanoseconds
    if pa.types.is_temporal(kind) and not typed:
        array = array.cast(pa.string())
    elif pa.types.is_float16(kind) or pa.types.is_float32(kind):
        # As the decimal number that it was written from, so that an id of 0.1 stays it.
        array = array.cast(pa.float32()).cast(pa.string()).cast(pa.float64())
    elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        long = _list_bytes(array) > MAX_CELL_BYTES
        if long.any():
            made = iter(array.filter(pa.array(~long)).to_pylist())
            return [_OVERSIZE if is_long else next(made) for is_long in long.tolist()]
    try:
        values: list[object] = array.to_pylist()
    except UnicodeDecodeError:
        # Some text is not UTF-8: the cells decode it one by one.
        values = array.cast(pa.large_binary() if pa.types.is_large_string(array.type) else pa.binary()).to_pylist()
    return values


def _list_bytes(array: pa.Array) -> NDArray[np.int64]:
    """About how long each list is as JSON: two characters an element, and the bytes of texts."""
    items = array.flatten()
    each = np.full(len(items), 2)
    if pa.types.is_dictionary(items.type) and _has_length(items.type.value_type):
        each += pc.take(pc.binary_length(items.dictionary), items.indices).fill_null(0).to_numpy()
    elif _has_length(items.type):
        each += pc.binary_length(items).fill_null(0).to_numpy()
    ends = np.cumsum(pc.list_value_length(array).fill_null(0).to_numpy())
    totals: NDArray[np.int64] = np.concatenate([[0], np.cumsum(each)])[ends]
    return np.diff(totals, prepend=0)


def _has_length(kind: pa.DataType) -> bool:
    types = pa.types
    text = types.is_string(kind) or types.is_large_string(kind)
    return bool(text or types.is_binary(kind) or types.is_large_binary(kind))


def _brief(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return shown(lines[0], 160) if lines else type(error).__name__

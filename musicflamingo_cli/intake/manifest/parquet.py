"""Parquet as a manifest: only the wanted columns, a few pages at a time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.cells import MAX_CELL_BYTES, Oversize
from musicflamingo_cli.intake.manifest.container import shown
from musicflamingo_cli.intake.manifest.parquet_pages import PageError, read_pages
from musicflamingo_cli.intake.manifest.rows import Raw

MOST_ROWS = 1_000_000_000
MAX_PAGE_BYTES = 256 << 20
"""A page is decompressed whole: a larger one is refused. Writers make pages of about 1 MB."""
MAX_PAGE_VALUES = 1 << 26
MAX_LIST_VALUES = 1 << 26
MAX_DICTIONARY_BYTES = 320 << 20
"""A text column chunk of up to this size is read as a dictionary, which may grow to all of it."""
_BATCH_BYTES = 32 << 20
_BATCH_ROWS = 4096
_BUFFER_BYTES = 1 << 18
_NESTED_ROW_BYTES = 1 << 20
"""How many values a row of a list column has is not in a page's header: such columns are read a few rows at a time."""
_OVERSIZE = Oversize()


@dataclass(frozen=True, slots=True)
class _ChunkSizes:
    widest: float
    """The most bytes that a row takes, on the average of a page."""
    dictionary: int
    """Bytes of the dictionary; 0: none."""
    unpacked: int
    """Bytes of all pages."""


@dataclass(frozen=True, slots=True)
class _Reading:
    dictionaries: tuple[str, ...]
    """The text columns to read as dictionaries."""
    batch_rows: int


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
        kind = self._schema.field(self.columns.index(name)).type
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
        number = 0
        try:
            for group in range(self._metadata.num_row_groups):
                reading = self._reading(group, wanted)
                batches = self._file(reading.dictionaries, self._metadata).iter_batches(
                    batch_size=reading.batch_rows, row_groups=[group], columns=list(wanted), use_threads=False
                )
                for batch in batches:
                    columns = [_values(batch.column(batch.schema.names.index(name)), typed) for name in wanted]
                    for cells in zip(*columns, strict=True):
                        number += 1
                        yield number, dict(zip(wanted, cells, strict=True)), ""
        except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
            raise UsageError(
                f"{self._name}: broken Parquet data after row {number} ({_brief(error)}); write or copy it again"
            ) from error

    def _file(self, dictionaries: Sequence[str], metadata: pq.FileMetaData | None = None) -> pq.ParquetFile:
        return pq.ParquetFile(
            self._open(),
            metadata=metadata,
            read_dictionary=list(dictionaries),
            buffer_size=_BUFFER_BYTES,
            pre_buffer=False,
        )

    def _reading(self, group: int, wanted: Sequence[str]) -> _Reading:
        """How to read a row group within bounds. Raises `UsageError` for pages that are bombs."""
        row_group = self._metadata.row_group(group)
        dictionaries: list[str] = []
        widest = 1.0
        with self._open() as reader:
            for index in range(row_group.num_columns):
                chunk, leaf = row_group.column(index), self._leaves.column(index)
                path = chunk.path_in_schema
                name = next((name for name in wanted if path == name or path.startswith(f"{name}.")), None)
                if name is None:
                    continue
                sizes = self._chunk_sizes(reader, group, chunk)
                if leaf.max_repetition_level and chunk.num_values > MAX_LIST_VALUES:
                    raise UsageError(
                        f"{self._name}: row group {group + 1}, column {path!r} has {chunk.num_values} values in lists, "
                        f"over {MAX_LIST_VALUES}: keep such lists out of the manifest"
                    )
                flat = path == name and leaf.max_repetition_level == 0
                longest = 0
                if sizes.dictionary and leaf.physical_type == "BYTE_ARRAY":
                    longest = self._longest_entry(group, path, name) if flat else sizes.dictionary
                    if longest * _BATCH_ROWS > _BATCH_BYTES and sizes.unpacked <= MAX_DICTIONARY_BYTES:
                        # Long texts that recur are then held once, not once a row.
                        dictionaries.append(path)
                        longest = 0
                widest = max(widest, sizes.widest if flat else _NESTED_ROW_BYTES, longest)
        return _Reading(tuple(dictionaries), int(max(1, min(_BATCH_ROWS, _BATCH_BYTES / widest))))

    def _longest_entry(self, group: int, path: str, name: str) -> int:
        """Bytes of the longest text in the dictionary of a flat column."""
        file = self._file([path], self._metadata)
        for batch in file.iter_batches(batch_size=1, row_groups=[group], columns=[name], use_threads=False):
            array = batch.column(batch.schema.names.index(name))
            if pa.types.is_dictionary(array.type) and _has_length(array.type.value_type):
                return int(pc.max(pc.binary_length(array.dictionary)).as_py() or 0)
            break
        return 0

    def _chunk_sizes(self, reader: io.BufferedReader, group: int, chunk: pq.ColumnChunkMetaData) -> _ChunkSizes:
        start = chunk.data_page_offset
        if chunk.dictionary_page_offset:
            start = min(start, chunk.dictionary_page_offset)
        where = f"{self._name}: row group {group + 1}, column {chunk.path_in_schema!r}"
        widest, dictionary, unpacked = 1.0, 0, 0
        try:
            for page in read_pages(reader, start, chunk.total_compressed_size):
                if page.unpacked_bytes > MAX_PAGE_BYTES or page.values > MAX_PAGE_VALUES:
                    raise UsageError(
                        f"{where} has a page of {page.unpacked_bytes >> 20} MiB and {page.values} values, over "
                        f"{MAX_PAGE_BYTES >> 20} MiB or {MAX_PAGE_VALUES}: keep such cells out of the manifest"
                    )
                unpacked += page.unpacked_bytes
                if page.dictionary:
                    dictionary = max(dictionary, page.unpacked_bytes)
                else:
                    widest = max(widest, page.unpacked_bytes / max(1, page.values))
        except PageError as error:
            raise UsageError(f"{where}: broken page header ({error}); write or copy it again") from error
        return _ChunkSizes(widest, dictionary, unpacked)


def _values(array: pa.Array, typed: bool = False) -> list[object]:
    """Python values, with `Oversize` in the place of long cells, which are never made."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _dictionary_values(array)
    if isinstance(array, pa.ExtensionArray) and pa.types.is_nested(array.storage.type):
        array = array.storage
    if pa.types.is_temporal(kind) and typed:
        return list(array) if getattr(kind, "unit", "") == "ns" else _made(array)  # Python has no nanoseconds
    if pa.types.is_temporal(kind):
        array = array.cast(pa.string())
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):
        # As the decimal number that it was written from, so that an id of 0.1 stays it.
        array = array.cast(pa.float32()).cast(pa.string()).cast(pa.float64())
    long = _long_cells(array)
    if long is None or not long.any():
        return _made(array)
    made = iter(_made(array.filter(pa.array(~long))))
    return [_OVERSIZE if is_long else next(made) for is_long in long.tolist()]


def _dictionary_values(array: pa.DictionaryArray) -> list[object]:
    # A batch carries the whole dictionary; only the entries in use are worth making.
    used = pc.unique(array.indices).drop_null()
    entries = _values(array.dictionary.take(used))
    made = dict(zip(used.to_pylist(), entries, strict=True))
    return [None if place is None else made[place] for place in array.indices.to_pylist()]


def _made(array: pa.Array) -> list[object]:
    try:
        values: list[object] = array.to_pylist()
    except UnicodeDecodeError:
        # Some text is not UTF-8: the cells decode it one by one.
        values = array.cast(pa.large_binary() if pa.types.is_large_string(array.type) else pa.binary()).to_pylist()
    return values


def _long_cells(array: pa.Array) -> NDArray[np.bool_] | None:
    """Which cells are over `MAX_CELL_BYTES`; None for types of a fixed size."""
    if _has_length(array.type):
        lengths = pc.binary_length(array)
    elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        lengths = _list_bytes(array)
    else:
        return None
    return np.asarray(pc.greater(lengths, MAX_CELL_BYTES).fill_null(False), dtype=np.bool_)


def _list_bytes(array: pa.Array) -> pa.Array:
    """About how long each list is as JSON: two characters an element, and the bytes of texts."""
    items = array.flatten()
    if pa.types.is_dictionary(items.type) and _has_length(items.type.value_type):
        each = pc.take(pc.binary_length(items.dictionary), items.indices)
    elif _has_length(items.type):
        each = pc.binary_length(items)
    else:
        return pc.multiply(pc.list_value_length(array), 2)
    ends = np.cumsum(pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False))
    totals = np.concatenate([[0], np.cumsum(each.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64) + 2)])
    return pa.array(np.diff(totals[ends], prepend=0))


def _has_length(kind: pa.DataType) -> bool:
    types = pa.types
    text = types.is_string(kind) or types.is_large_string(kind)
    return bool(text or types.is_binary(kind) or types.is_large_binary(kind))


def _brief(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return shown(lines[0], 160) if lines else type(error).__name__

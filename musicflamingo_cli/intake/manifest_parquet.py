"""Parquet as a manifest: only the wanted columns, a few pages at a time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.containers import shown
from musicflamingo_cli.intake.manifest_cells import MAX_CELL_BYTES, Oversize
from musicflamingo_cli.intake.manifest_pages import PageError, read_pages
from musicflamingo_cli.intake.rows import Raw

MOST_ROWS = 1_000_000_000
MAX_PAGE_BYTES = 256 << 20
"""A page is decompressed whole: a larger one is refused. Writers make pages of about 1 MB."""
MAX_PAGE_VALUES = 1 << 26
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

    def rows(self, wanted: Sequence[str]) -> Iterator[Raw]:
        """Every row, with the wanted columns only, and its number from 1."""
        number = 0
        try:
            for group in range(self._metadata.num_row_groups):
                reading = self._reading(group, wanted)
                batches = self._file(reading.dictionaries, self._metadata).iter_batches(
                    batch_size=reading.batch_rows, row_groups=[group], columns=list(wanted), use_threads=False
                )
                for batch in batches:
                    columns = [_values(batch.column(batch.schema.names.index(name))) for name in wanted]
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
                if not any(path == name or path.startswith(f"{name}.") for name in wanted):
                    continue
                sizes = self._chunk_sizes(reader, group, chunk)
                text = leaf.physical_type == "BYTE_ARRAY"
                flat = leaf.max_repetition_level == 0 and path in wanted
                if text and flat and sizes.dictionary and sizes.unpacked <= MAX_DICTIONARY_BYTES:
                    # A long text that recurs is then held once, not once a row.
                    dictionaries.append(path)
                    continue
                widest = max(widest, sizes.widest if flat else _NESTED_ROW_BYTES, sizes.dictionary if text else 0)
        return _Reading(tuple(dictionaries), int(max(1, min(_BATCH_ROWS, _BATCH_BYTES / widest))))

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


def _values(array: pa.Array) -> list[object]:
    """Python values, with `Oversize` in the place of long cells, which are never made."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _dictionary_values(array)
    if isinstance(array, pa.ExtensionArray):
        array = array.storage if pa.types.is_nested(array.type.storage_type) else array
    if pa.types.is_temporal(kind):
        array = array.cast(pa.string())
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
        values = array.cast(pa.large_binary() if pa.types.is_large_string(array.type) else pa.binary()).to_pylist()
    return values


def _long_cells(array: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
    """Which cells are over `MAX_CELL_BYTES`; None for types that have no length."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_bytes(kind):
        too_long = pc.greater(pc.binary_length(array), MAX_CELL_BYTES)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        # In JSON an element takes two characters at least.
        too_long = pc.greater(pc.list_value_length(array), MAX_CELL_BYTES // 2)
    else:
        return None
    return np.asarray(too_long.fill_null(False))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _brief(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return shown(lines[0], 160) if lines else type(error).__name__

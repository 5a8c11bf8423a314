"""Where the rows of a filter or a merge go: Parquet, text, and folders of partitions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.ids import id_text
from musicflamingo_cli.results.spelling import is_twin, own_name, spelled, typed, typed_schema
from musicflamingo_cli.results.tables.table import OVERALL
from musicflamingo_cli.results.write.formats import Layout, write_table
from musicflamingo_cli.results.write.json_values import plain_rows

ROW_GROUP = 122_880
CODEC = "snappy"
"""Encodes twice as fast as zstd, for a quarter more bytes."""
OPEN_FILES = 256
"""Partitions that are written at a time."""
MOST_PARTITIONS = 100_000
QUEUED = 2
"""Batches that may wait for the encoder."""


class ParquetSink:
    """Record batches into one Parquet file, encoded on a thread of its own; the same batches give the same bytes."""

    def __init__(self, path: Path, schema: pa.Schema, *, typed: bool = False) -> None:
        self.path = path
        self.schema = schema
        self._typed = typed
        """Whether this is where the rows end: without twins."""
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
        batch = typed(batch) if self._typed else batch
        self._opened(batch).write_batch(batch, row_group_size=ROW_GROUP)

    def _opened(self, batch: pa.RecordBatch | None) -> pq.ParquetWriter:
        if self._writer is None:
            repeating = True if batch is None else _repeating(batch)
            schema = typed_schema(self.schema) if self._typed else self.schema
            self._writer = pq.ParquetWriter(
                self.path, schema, compression=CODEC, use_dictionary=repeating, write_page_checksum=True
            )
        return self._writer


def write_batches(batches: Iterator[pa.RecordBatch], schema: pa.Schema, path: Path, *, typed: bool = False) -> None:
    """Write batches to a Parquet file; `typed` as in `ParquetSink`."""
    sink = ParquetSink(path, schema, typed=typed)
    for batch in batches:
        sink.write(batch)
    sink.close()


def write_rows(batches: Iterator[pa.RecordBatch], schema: pa.Schema, path: Path, form: str, work: Path) -> None:
    """Write batches in a form that keeps all columns; for text by way of a Parquet file in the folder `work`."""
    rows = path if form == "parquet" else work / f"{path.name}.parquet"
    write_batches(batches, schema, rows)
    if form != "parquet":
        with path.open("wb") as file:
            write_text(rows, file, form, ())


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


def write_text(source: Path, file: BinaryIO, form: str, scores: Sequence[str], id_name: str | None = None) -> int:
    """Write the rows of a Parquet file as JSON lines, CSV or the older JSON.

    Args:
        source: The Parquet file.
        file: Where to.
        form: `jsonl`, `csv` or `json`.
        scores: The columns that are scores.
        id_name: The column that holds the id; needed for `json`.

    Returns:
        How many rows are left out: the older JSON has no place for one without an id or an overall score.

    Raises:
        UsageError: The older JSON is asked for, and there is no id column, or an id stands there twice.
    """
    with pq.ParquetFile(source) as table:
        schema = table.schema_arrow
        layout = Layout(pa.schema([one for one in schema if not is_twin(one.name)]), tuple(scores), dict)
        plain = (row for batch in table.iter_batches(8192) for row in plain_rows(batch))
        if id_name is not None and pa.types.is_floating(layout.schema.field(id_name).type):
            plain = ({**row, id_name: _whole(row[id_name])} for row in plain)
        if form != "json":
            names = [name for name in schema.names if own_name(name) != id_name]
            write_table(spelled(plain, names, form), layout, file, form)
            return 0
        if id_name is None:
            raise UsageError("--format json is id to scores, and there is no id column; name it with --on")
        skipped = 0

        def keyed() -> Iterator[dict[str, Any]]:
            nonlocal skipped
            seen: set[str] = set()
            for row in plain:
                song_id = id_text(row[id_name])
                if not song_id or row.get(OVERALL) is None:
                    skipped += 1
                    continue
                if song_id in seen:
                    raise UsageError(
                        f"--format json: the id {song_id} stands there twice, and JSON has one place for it"
                    )
                seen.add(song_id)
                yield {**row, "song_id": song_id}

        write_table(keyed(), layout, file, form)
        return skipped


def _whole(song_id: float | None) -> int | float | None:
    """Return an id of a float column as the whole number that it is: `1.0` in a text would be another id than `1`."""
    text = id_text(song_id)
    return int(text) if text is not None and text.lstrip("-").isdigit() else song_id


def left_out(name: str | None, rows: int) -> str:
    """Say that the older JSON lacks some rows."""
    return f"{name}: {rows} rows are left out, as they have no id or no overall score"


def write_partitions(source: Path, folder: Path, column: str) -> None:
    """Write the rows of a Parquet file, in order, as `column=value/part-0.parquet`: one file a value.

    With more than `OPEN_FILES` values the source is read several times, since a file that is closed too early has to be
    gone on with in another. Raises `UsageError` for more than `MOST_PARTITIONS`.
    """
    import pyarrow.dataset as ds

    folder.mkdir(exist_ok=True)
    with pq.ParquetFile(source) as table:
        schema = table.schema_arrow
        at = schema.names.index(column)
        kind = schema.field(column).type
        plain = pa.string() if isinstance(kind, pa.DictionaryType) else kind
        schema = schema.set(at, pa.field(column, plain))
        values = pc.unique(table.read([column]).column(0).cast(plain))
        if len(values) > MOST_PARTITIONS:
            raise UsageError(f"--partition-by {column}: {len(values)} values, more than {MOST_PARTITIONS} folders")
        for start in range(0, len(values), OPEN_FILES):
            some = values.slice(start, OPEN_FILES) if len(values) > OPEN_FILES else None
            ds.write_dataset(
                _rows_of(table, schema, at, some),
                folder,
                schema=schema,
                format="parquet",
                partitioning=ds.partitioning(pa.schema([(column, plain)]), flavor="hive"),
                basename_template="part-{i}.parquet",
                existing_data_behavior="overwrite_or_ignore",
                max_partitions=OPEN_FILES,
                max_open_files=OPEN_FILES,
                use_threads=False,
                preserve_order=True,
                file_options=ds.ParquetFileFormat().make_write_options(compression="zstd", write_page_checksum=True),
            )


def _rows_of(table: pq.ParquetFile, schema: pa.Schema, at: int, some: pa.Array | None) -> Iterator[pa.RecordBatch]:
    """Yield the rows whose column `at` holds one of some values; None for all rows."""
    for batch in table.iter_batches(ROW_GROUP):
        values = batch.column(at).cast(schema.field(at).type)
        whole = pa.RecordBatch.from_arrays([*batch.columns[:at], values, *batch.columns[at + 1 :]], schema=schema)
        yield whole if some is None else whole.filter(pc.is_in(values, some))

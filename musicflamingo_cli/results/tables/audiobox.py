"""Audiobox Aesthetics' own output: four axes from 1 to 10, a JSON a line, in the order of its input, without ids."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.ids import id_text
from musicflamingo_cli.results.spelling import own_name
from musicflamingo_cli.results.tables.ids import ID_NAMES
from musicflamingo_cli.results.tables.json_table import json_values
from musicflamingo_cli.results.tables.staging import write_staged
from musicflamingo_cli.results.tables.table import Table

AXES = {
    "CE": "content_enjoyment",
    "CU": "content_usefulness",
    "PC": "production_complexity",
    "PQ": "production_quality",
}
"""Audiobox's axes and the scores of ours that mean the same (Tjandra et al. 2025, arXiv:2502.05139)."""
SCALE = (1.0, 10.0)
AUDIOBOX = "audiobox"
"""Form of a table that holds the axes as our scores, in 0..1."""
AUDIO_NAMES = ("path", "audio_path", "audio", "file", "wav_path", "audio_url")


def axis(column: str | None) -> str | None:
    """Return what an axis is called here, by Audiobox's name or ours; None if a column is none of them."""
    return AXES.get(column or "") or (column if column in AXES.values() else None)


def is_audiobox(table: Table) -> bool:
    """Return whether a table holds the four axes under Audiobox's names."""
    return set(AXES) <= set(table.schema.names)


def read_audiobox(table: Table, inputs: str | None, scale: tuple[float, float], work: Path) -> Table:
    """Return the axes as our scores in 0..1, with ids: the table's own, or those of Audiobox's input file.

    Raises:
        UsageError: There are no ids, or the input has another number of lines.
    """
    own = next((name for name in ID_NAMES if name in table.schema.names), None)
    if own is None and inputs is None:
        raise UsageError(f"{table.name}: Audiobox's output has no ids; name its input file with --input")
    ids = iter(()) if own else _ids(str(inputs), table)
    others = [n for n in table.schema.names if own_name(n) not in (*AXES, own, *AXES.values())]
    fields = [pa.field("song_id", pa.string()), *(pa.field(n, pa.float64()) for n in AXES.values())]
    schema = pa.schema([*fields, *(table.schema.field(n) for n in others)])

    def batches() -> Iterator[pa.RecordBatch]:
        low, high = scale
        for batch in table.batches():
            found = map(id_text, batch.column(own).to_pylist()) if own else islice(ids, len(batch))
            axes = [_scaled(batch.column(axis), low, high, f"{table.name}: {axis}") for axis in AXES]
            columns = [pa.array(list(found), pa.string()), *axes, *(batch.column(n) for n in others)]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    part = write_staged(work, schema, batches())
    spans = dict.fromkeys(AXES.values(), (0.0, 1.0))
    return Table(table.name, (part,), schema, table.rejects, AUDIOBOX, spans)


def _scaled(values: pa.Array, low: float, high: float, name: str) -> pa.Array:
    """Map low..high to 0..1; what lies outside is null, since it is on another scale."""
    try:
        numbers = values.cast(pa.float64())
    except pa.ArrowException:
        raise UsageError(f"{name} holds {values.type}, not numbers") from None
    inside = pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high))
    scaled = pc.divide(pc.subtract(numbers, low), high - low)
    return pc.if_else(pc.and_(inside, pc.is_finite(numbers)), scaled, None)


def _ids(inputs: str, table: Table) -> Iterator[str | None]:
    if not Path(inputs).is_file():
        raise UsageError(f"--input {inputs}: there is no such file")
    count = sum(1 for _ in json_values(inputs))
    if count != table.rows:
        raise UsageError(
            f"--input {inputs} has {count} lines but {table.name} has {table.rows}; they must go line by line"
        )
    return (_id(inputs, number, line) for number, line in json_values(inputs))


def _id(inputs: str, number: int, line: object) -> str | None:
    if isinstance(line, str):
        return PurePosixPath(line).stem or None
    if isinstance(line, dict):
        for name in ID_NAMES:
            if line.get(name) is not None and not isinstance(line[name], bool | dict | list):
                return id_text(line[name])
        for name in AUDIO_NAMES:
            if isinstance(line.get(name), str):
                return PurePosixPath(urlsplit(line[name]).path).stem or None
    raise UsageError(f"--input {inputs} line {number}: neither an id nor a path in it")

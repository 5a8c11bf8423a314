"""The scores table: its schema, and what it keeps of a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.measures import MEASURE_NAMES, Measures
from musicflamingo_cli.records import CLAIMS, Field, Pack
from musicflamingo_cli.results.outcome_rows import RowForm, finite, measure_column

TIME = pa.timestamp("us", tz="UTC")
DETAIL = pa.struct(
    [
        ("obtained", pa.string()),
        ("written", pa.float64()),
        ("expected", pa.float64()),
        ("std", pa.float64()),
        ("mass", pa.float64()),
    ]
)
HEAD = {
    "song_id": pa.string(),
    "manifest_row": pa.int64(),
    "title": pa.string(),
    "audio": pa.string(),
    "status": pa.string(),
    "reason": pa.string(),
    "error": pa.string(),
    "overall_quality_score": pa.float64(),
    "coverage": pa.float64(),
    "engine": pa.string(),
    "model": pa.string(),
    "revision": pa.string(),
    "prompt": pa.string(),
    "prompt_hash": pa.string(),
    "decode_mode": pa.string(),
    "cached": pa.bool_(),
    "scored_at": TIME,
    "engine_seconds": pa.float64(),
    "prompt_tokens": pa.int64(),
    "generated_tokens": pa.int64(),
    "finish_reason": pa.string(),
    "repairs": pa.list_(pa.string()),
    "audio_seconds": pa.float64(),
    "used_seconds": pa.float64(),
    "truncated": pa.bool_(),
    "sample_rate": pa.int32(),
    "channels": pa.int32(),
    "audio_flags": pa.list_(pa.string()),
}
"""The columns that every table has, before the measured ones."""
MEASURE_TYPES = {"bool": pa.bool_(), "str": pa.string(), "float": pa.float64()}


def measure_type(name: str) -> pa.DataType:
    """Return the column type of a measure."""
    return MEASURE_TYPES[str(Measures.__annotations__[name]).split(" ")[0]]


@dataclass(frozen=True, slots=True)
class TableForm:
    """What decides the columns of one table."""

    pack: Pack
    keep: Mapping[str, pa.DataType]
    """The manifest columns that are carried along, by their name there, and their types."""
    words: bool = False
    """Whether the whole text of each reply has a column, and its thinking another."""
    every_measure: bool = True
    """Whether all measures are shown, or only those that are always taken."""

    def rows(self) -> RowForm:
        """Return what decides a row's other columns."""
        return RowForm(self.pack, self.words, self.every_measure)

    def kept_name(self, name: str) -> str:
        """Return the column that holds a kept manifest column: its own name, or `manifest_<name>` if that is taken."""
        return f"manifest_{name}" if name in self._own() else name

    def schema(self) -> pa.Schema:
        """Return the schema: fixed columns, the pack's, then the kept ones. All but `manifest_row` may be null."""
        kept = {self.kept_name(name): kind for name, kind in self.keep.items()}
        return pa.schema([pa.field(n, t, nullable=n != "manifest_row") for n, t in {**self._own(), **kept}.items()])

    def check(self) -> None:
        """Raise `UsageError` if a field of the pack would hide a column that every table has."""
        shown = {f.measure for f in self.pack.fields if f.measure}
        taken = {*HEAD, *(measure_column(n) for n in MEASURE_NAMES if n not in shown)}
        taken |= {"text", "thinking"} if self.words else set()
        names = {f.name for f in self.pack.fields}
        clash = sorted(names & taken) or sorted(n for n in names if n.endswith("_detail") and n[:-7] in names)
        if clash:
            raise UsageError(
                f"pack {self.pack.name}: a field can't be named '{clash[0]}', every table has such a column"
            )

    def _claims(self, field: Field) -> Mapping[str, str]:
        names = {f.name for f in self.pack.fields}
        claims = CLAIMS.get(field.name, {}) if field.kind == "text" else {}
        return {name: kind for name, kind in claims.items() if name not in names}

    def _own(self) -> dict[str, pa.DataType]:
        shown = {f.measure for f in self.pack.fields if f.measure}
        columns = dict(HEAD)
        columns |= {measure_column(n): measure_type(n) for n in MEASURE_NAMES if n not in shown}
        if self.words:
            columns |= {"text": pa.string(), "thinking": pa.string()}
        for field in self.pack.fields:
            shown_type = measure_type(field.measure) if field.measure else None
            columns[field.name] = shown_type or (pa.string() if field.kind == "text" else pa.float64())
            columns[f"{field.name}_detail"] = DETAIL
            columns |= {n: MEASURE_TYPES[kind] for n, kind in self._claims(field).items()}
        return columns


def kept_cells(columns: Mapping[str, object], form: TableForm) -> dict[str, Any]:
    """Return the cells of the kept columns of a manifest row."""
    return {form.kept_name(name): _cast(columns.get(name), kind) for name, kind in form.keep.items()}


def _cast(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_floating(kind):
        return finite(float(value))
    if kind == pa.string() and not isinstance(value, str):
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return value


def column_type(seen: set[type]) -> pa.DataType:
    """Return the type of a kept column from the Python types of its values: bool, int64, float64 or text."""
    if seen == {bool}:
        return pa.bool_()
    if seen == {int}:
        return pa.int64()
    if seen and seen <= {int, float}:
        return pa.float64()
    return pa.string()


CAPTIONS = pa.schema([("id", pa.string()), ("caption", pa.string())])
"""What trainers of other projects read."""


def captions(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the id and the words of each song that has any."""
    return ({"id": row["song_id"], "caption": row["text"]} for row in rows if row.get("text"))

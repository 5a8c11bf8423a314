"""The scores table: its schema and its rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.records import BASIC_MEASURES, CLAIMS, MEASURE_NAMES, Field, Measures, Outcome, Pack, RejectedRow

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
RENAMED = {
    name: f"measured_{name}" for name in ("tempo_bpm", "tempo_confidence", "key_tonic", "key_mode", "key_confidence")
}
"""Measures whose plain name is left to what a model claims."""
MEASURE_TYPES = {"bool": pa.bool_(), "str": pa.string(), "float": pa.float64()}


def measure_type(name: str) -> pa.DataType:
    """Return the column type of a measure."""
    return MEASURE_TYPES[str(Measures.__annotations__[name]).split(" ")[0]]


def measure_column(name: str) -> str:
    """Return the column that a measure has when no field of the pack shows it."""
    return RENAMED.get(name, name)


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


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is the same in every row of a run."""

    engine: str
    model: str | None
    revision: str | None
    prompt_hash: str
    decode_mode: str
    scored_at: datetime
    """When this run began, UTC."""


def rejected_row(row: RejectedRow, form: TableForm, facts: RunFacts) -> dict[str, Any]:
    """Return the table row of a manifest row that was never listened to."""
    return {
        **_run_part(form, facts),
        "song_id": row.song_id,
        "manifest_row": row.manifest_row,
        "title": row.title,
        "audio": row.audio,
        "status": row.status,
        "reason": row.reason,
        "error": row.error,
        "cached": False,
        **_kept(row.columns, form),
    }


def outcome_row(outcome: Outcome, form: TableForm, facts: RunFacts) -> dict[str, Any]:
    """Return the table row of a song."""
    song, answer, failure = outcome.song, outcome.answer, outcome.failure
    row: dict[str, Any] = {
        **_run_part(form, facts),
        "song_id": song.song_id,
        "manifest_row": song.manifest_row,
        "title": song.title,
        "audio": song.audio,
        "status": answer.status if answer else "failed",
        "reason": failure.reason if failure else (answer.reason if answer else None),
        "error": failure.error if failure else _unanswered(outcome),
        "cached": outcome.cached,
        **_kept(song.columns, form),
    }
    if outcome.score:
        row["overall_quality_score"] = _finite(outcome.score.overall)
        row["coverage"] = outcome.score.coverage
    if outcome.reply:
        row["engine_seconds"] = 0.0 if outcome.cached else outcome.reply.seconds
        row["prompt_tokens"] = outcome.reply.prompt_tokens
        row["generated_tokens"] = outcome.reply.generated_tokens
        row["finish_reason"] = outcome.reply.finish_reason
    row |= _heard_part(outcome, form)
    if answer:
        row["repairs"] = list(answer.repairs)
        row |= answer.claims
        if form.words:
            row |= {"text": answer.words, "thinking": answer.thinking}
        for name, one in answer.fields.items():
            row[name] = _finite(one.value)
            row[f"{name}_detail"] = {
                "obtained": one.obtained,
                "written": _finite(one.written),
                "expected": _finite(one.expected),
                "std": _finite(one.std),
                "mass": _finite(one.mass),
            }
    return row


def _unanswered(outcome: Outcome) -> str | None:
    """Say in a sentence what a reply leaves open."""
    answer = outcome.answer
    missing = (
        [f"{n} ({one.reason or 'missing'})" for n, one in answer.fields.items() if one.value is None] if answer else []
    )
    return f"the reply gives no value for {', '.join(missing)}; mfq show prints it" if missing else None


def _heard_part(outcome: Outcome, form: TableForm) -> dict[str, Any]:
    heard = outcome.heard
    if heard is None:
        return {}
    used = heard.used_seconds
    row: dict[str, Any] = {
        "audio_seconds": heard.audio_seconds,
        "used_seconds": used,
        "truncated": used is not None and used < heard.audio_seconds - 0.02,
        "sample_rate": heard.sample_rate,
        "channels": heard.channels,
        "audio_flags": [f for f in heard.flags if form.every_measure or f not in MEASURE_NAMES],
    }
    shown = {f.measure: f.name for f in form.pack.fields if f.measure}
    for name in MEASURE_NAMES:
        asked = form.every_measure or name in BASIC_MEASURES
        value = _finite(getattr(heard.measures, name)) if asked else None
        row[shown.get(name) or measure_column(name)] = value
        if name in shown:
            plain = value if isinstance(value, float) else None
            row[f"{shown[name]}_detail"] = None if value is None else {"obtained": "measured", "written": plain}
    return row


def _run_part(form: TableForm, facts: RunFacts) -> dict[str, Any]:
    return {
        "engine": facts.engine,
        "model": facts.model,
        "revision": facts.revision,
        "prompt": form.pack.name,
        "prompt_hash": facts.prompt_hash,
        "decode_mode": facts.decode_mode,
        "scored_at": facts.scored_at,
    }


def _kept(columns: Mapping[str, object], form: TableForm) -> dict[str, Any]:
    return {form.kept_name(name): _cast(columns.get(name), kind) for name, kind in form.keep.items()}


def _cast(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if kind == pa.float64():
        return _finite(float(value))
    if kind == pa.string() and not isinstance(value, str):
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return value


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


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

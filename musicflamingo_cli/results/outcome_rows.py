"""From what became of a song to its table row. Nothing here knows Arrow, so that many processes can make rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from musicflamingo_cli.measures import BASIC_MEASURES, MEASURE_NAMES
from musicflamingo_cli.records import Outcome, Pack, RejectedRow

RENAMED = {
    name: f"measured_{name}" for name in ("tempo_bpm", "tempo_confidence", "key_tonic", "key_mode", "key_confidence")
}
"""Measures whose plain name is left to what a model claims."""


def measure_column(name: str) -> str:
    """Return the column that a measure has when no field of the pack shows it."""
    return RENAMED.get(name, name)


@dataclass(frozen=True, slots=True)
class RowForm:
    """What decides which columns a row has, but for the manifest's own."""

    pack: Pack
    words: bool = False
    """Whether the whole text of each reply has a column, and its thinking another."""
    every_measure: bool = True
    """Whether all measures are shown, or only those that are always taken."""


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


def rejected_row(row: RejectedRow, form: RowForm, facts: RunFacts) -> dict[str, Any]:
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
    }


def outcome_row(outcome: Outcome, form: RowForm, facts: RunFacts) -> dict[str, Any]:
    """Return the table row of a song; what is not there is null."""
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
    }
    if outcome.score:
        row["overall_quality_score"] = finite(outcome.score.overall)
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
            row[name] = finite(one.value)
            row[f"{name}_detail"] = {
                "obtained": one.obtained,
                "written": finite(one.written),
                "expected": finite(one.expected),
                "std": finite(one.std),
                "mass": finite(one.mass),
            }
    return row


def _unanswered(outcome: Outcome) -> str | None:
    """Say in a sentence what a reply leaves open."""
    answer = outcome.answer
    missing = (
        [f"{n} ({one.reason or 'missing'})" for n, one in answer.fields.items() if one.value is None] if answer else []
    )
    return f"the reply gives no value for {', '.join(missing)}; mfq show prints it" if missing else None


def _heard_part(outcome: Outcome, form: RowForm) -> dict[str, Any]:
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
    for name in MEASURE_NAMES if form.every_measure else BASIC_MEASURES:
        value = finite(getattr(heard.measures, name))
        if value is None:
            continue
        row[shown.get(name) or measure_column(name)] = value
        if name in shown:
            plain = value if isinstance(value, float) else None
            row[f"{shown[name]}_detail"] = {"obtained": "measured", "written": plain}
    return row


def _run_part(form: RowForm, facts: RunFacts) -> dict[str, Any]:
    return {
        "engine": facts.engine,
        "model": facts.model,
        "revision": facts.revision,
        "prompt": form.pack.name,
        "prompt_hash": facts.prompt_hash,
        "decode_mode": facts.decode_mode,
        "scored_at": facts.scored_at,
    }


def finite(value: Any) -> Any:
    """Return a value, or None in place of a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""One reply in, one answer out: what the model stated, field by field, and nothing that it did not."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from musicflamingo_cli.records import Answer, Field, FieldAnswer


def parse_reply(
    text: str,
    fields: Sequence[Field],
    prompt: str = "",
    finish_reason: str | None = None,
    *,
    assume_scale: float | None = None,
) -> Answer:
    """Read the asked fields out of a reply that is one plain JSON object."""
    asked = [f for f in fields if f.kind != "measure"]
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError):
        loaded = None
    found = loaded if isinstance(loaded, dict) else {}
    answers = {f.name: _field_answer(f, found.get(f.name), assume_scale) for f in asked}
    obtained = sum(a.value is not None for a in answers.values())
    if obtained == len(asked):
        return Answer(answers, "ok")
    return Answer(answers, "partial" if obtained else "failed", "missing" if text.strip() else "empty")


def _field_answer(field: Field, value: object, assume_scale: float | None) -> FieldAnswer:
    if field.kind == "text":
        return FieldAnswer(value, "json") if isinstance(value, str) and value else FieldAnswer(reason="missing")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return FieldAnswer(reason="missing")
    number = float(value)
    scaled = number if assume_scale is None else number / assume_scale
    if (field.low is not None and scaled < field.low) or (field.high is not None and scaled > field.high):
        return FieldAnswer(reason="out_of_range", written=number)
    return FieldAnswer(scaled, "json" if assume_scale is None else "rescaled", written=number)

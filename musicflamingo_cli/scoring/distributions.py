"""From the probabilities of the numbers to the value that a score uses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import mul
from typing import Literal

from musicflamingo_cli.records import Answer, Distribution, Field, FieldAnswer

LOW_NUMBER_MASS = "low_number_mass"
"""The model hardly thought of a number here: what it would have written is noise."""


def with_distributions(
    answer: Answer,
    scores: Mapping[str, Distribution],
    fields: Sequence[Field],
    *,
    min_number_mass: float = 0.5,
    score_from: Literal["expected", "written"] = "expected",
) -> Answer:
    """Lay the distributions of a reply's scores over what was parsed from its text.

    Each asked score that has a distribution gets

    - `expected` and `std`: mean and standard deviation of the distribution *given that a number is written*, which is
      to say normalised by its mass, in the units of the field's range;
    - `mass`: the probability that a valid number is written at all, 0..1;
    - `written`: what greedy decoding wrote;
    - `value`: `expected` (obtained `distribution`), or `written` (obtained `json`), as `score_from` says;
    - or no value, with the reason `low_number_mass`, where the mass is below `min_number_mass` or there is none.

    Fields without a distribution stay as they were parsed. The status is judged again over `fields`, the asked ones.

    Args:
        answer: what the parser read.
        scores: by field name, from `Reply.scores`; names that were not asked are ignored.
        fields: the fields that pack and decode mode ask for.
        min_number_mass: 0..1; 0 lets every score with any mass pass.
        score_from: which figure becomes the value.
    """
    laid = dict(answer.fields)
    for field in fields:
        spread = scores.get(field.name)
        if field.kind == "score" and spread is not None:
            laid[field.name] = _field_answer(spread, min_number_mass, score_from)
    asked = [laid[f.name].value is not None for f in fields if f.kind != "measure" and f.name in laid]
    status: Literal["ok", "partial", "failed"] = "ok" if asked and all(asked) else "partial" if any(asked) else "failed"
    return replace(answer, fields=laid, status=status, reason=_reason(answer, laid, status))


def moments(spread: Distribution) -> tuple[float, float] | None:
    """Return (mean, standard deviation) of a distribution given that a number is written; None without any mass."""
    chances, values = spread.probabilities, spread.values
    if len(chances) != len(values):
        raise ValueError(f"{len(chances)} probabilities for {len(values)} values")
    mass = sum(chances)
    if not (math.isfinite(mass) and mass > 0.0):
        return None
    origin = values[chances.index(max(chances))] if spread.written is None else spread.written
    offsets, squares, low, high = _from(origin, values)
    offset = sum(map(mul, chances, offsets)) / mass
    # Seen from where a large share lies, little cancels out here, and a distribution of one value has no spread.
    variance = sum(map(mul, chances, squares)) / mass - offset * offset
    return min(max(origin + offset, low), high), math.sqrt(max(0.0, variance))


@lru_cache(512)
def _from(origin: float, values: tuple[float, ...]) -> tuple[list[float], list[float], float, float]:
    """Return how far values lie from one of them, the squares of that, the least and the largest value.

    A run's replies share their few grids.
    """
    offsets = [value - origin for value in values]
    return offsets, [offset * offset for offset in offsets], min(values), max(values)


def _field_answer(spread: Distribution, least: float, score_from: Literal["expected", "written"]) -> FieldAnswer:
    found = moments(spread)
    if found is None or not spread.mass >= least:
        mean, std = found or (None, None)
        return FieldAnswer(None, None, LOW_NUMBER_MASS, spread.written, mean, std, spread.mass)
    mean, std = found
    if score_from == "written":
        if spread.written is None:
            return FieldAnswer(None, None, "missing", None, mean, std, spread.mass)
        return FieldAnswer(spread.written, "json", None, spread.written, mean, std, spread.mass)
    return FieldAnswer(mean, "distribution", None, spread.written, mean, std, spread.mass)


def _reason(answer: Answer, laid: Mapping[str, FieldAnswer], status: str) -> str | None:
    """Keep the parser's reason while it holds; a score that lost its value to its mass is named first."""
    if any(one.reason == LOW_NUMBER_MASS for one in laid.values()):
        return LOW_NUMBER_MASS
    if status == "ok":
        return answer.reason if answer.status == "ok" else None
    reasons = [one.reason for one in laid.values() if one.value is None]
    is_of_field = any(one.reason == answer.reason for one in answer.fields.values())
    if not is_of_field or answer.reason in reasons:
        return answer.reason
    return next((reason for reason in reasons if reason != "missing"), "missing")

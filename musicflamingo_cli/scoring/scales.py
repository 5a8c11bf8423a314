"""Scales that a label, a name or a person states for bare numbers, and what a literal is worth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from musicflamingo_cli.records import Field

LITERAL = r"[+-]?(?:\d+(?:[.,]\d+)*|[.,]\d+(?:[.,]\d+)*)(?:[eE][+-]?\d+)?"
"""A number as written, with every digit group, so that `1.2.3` is seen to be none."""
METRE = r"(?<![\d.,/])\d{1,2}/(?:4|8|16)(?![\d/])"
"""A time signature: `4/4`, `6/8`."""
MAX_DIGITS = 60
"""Longer literals are loops, not scores."""

RANGE = re.compile(rf"({LITERAL})\s{{0,3}}(?:-|–|—|to|through|\.{{2,3}})\s{{0,3}}({LITERAL})", re.IGNORECASE)
"""Two numbers that are the ends of a range."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale that a label or a person states for bare numbers."""

    top: float | None = None
    """The number that stands for the field's highest value; None where nothing is stated."""
    unclear: bool = False
    """True if a scale is stated that cannot be mapped exactly, such as 1 to 10 onto 0 to 1."""
    loose: bool = False
    """True if it is stated for all scores, in a sentence, a heading or beside them, but for proper fractions."""
    own: bool = False
    """True if the field's own range is stated: nobody's word about bare numbers changes it."""

    @property
    def is_other(self) -> bool:
        """Whether it is, or may be, another scale than the field's."""
        return self.unclear or self.top is not None


NO_SCALE = Scale()
OWN_SCALE = Scale(own=True)
_DIGITS = {"one": "1", "five": "5", "ten": "10", "twenty": "20", "hundred": "100"}
_WORDS = re.compile(
    r"\b(?:(?:an?|one)\s+(?=hundred))?(one(?=\s+(?:to|through)\s+(?:five|ten|\d))|five|ten|twenty|hundred)\b",
    re.IGNORECASE,
)
_PERCENT = re.compile(
    r"(?:(?:in|as)\s+)?(?:an?\s+)?(?:%|percents?|percentages?|per\s+cent|pct\.?)(?:\s+scale)?", re.IGNORECASE
)


def digits_of(text: str) -> str:
    """The same text with the tops of scales that are written out in digits: `out of ten`."""
    return _WORDS.sub(lambda word: _DIGITS[word.group(1).lower()], text)


def to_decimal(literal: str) -> Decimal | None:
    """The value of a literal, or None where separators make it ambiguous (`1.2.3`, `1,000`)."""
    if len(literal) > MAX_DIGITS:
        return None
    body = literal.lower().partition("e")[0]
    marks = body.count(".") + body.count(",")
    if marks > 1:
        return None
    if "," in body:
        whole, fraction = body.lstrip("+-").split(",")
        if len(fraction) == 3 and whole.strip("0"):
            return None
    try:
        value = Decimal(literal.replace(",", "."))
    except InvalidOperation:
        return None
    return value if -400 < value.adjusted() <= MAX_DIGITS else None


def scale_of(label: str, field: Field) -> Scale:
    """The scale that an annotation such as `0-1`, `out of 10`, `/10` or `%` states; nothing for other words."""
    text = digits_of(label.strip().strip("()[]").strip())
    if not text or field.high is None:
        return NO_SCALE
    if _PERCENT.fullmatch(text):
        return Scale(100.0)
    if re.search(r"weight|confiden|importance", text, re.IGNORECASE):
        return NO_SCALE
    if pair := RANGE.search(text):
        return scale_of_pair(pair, field)
    if out := re.search(rf"(?:out\s+of|/|\bmax(?:imum)?\b[\s:=]*(?:of)?|\bof)\s*({LITERAL})", text, re.IGNORECASE):
        return _scale_of_top(out.group(1), field)
    if out := re.fullmatch(
        rf"({LITERAL})\s*(?:max(?:imum)?|total|possible|points?(?:\s+max(?:imum)?)?)", text, re.IGNORECASE
    ):
        return _scale_of_top(out.group(1), field)
    if "scale" in text.lower() or "point" in text.lower():
        return Scale(unclear=True)
    return NO_SCALE


def scale_of_pair(pair: re.Match[str], field: Field) -> Scale:
    """The scale whose ends a match of `RANGE` holds: exact only from 0, or where it is the field's own range."""
    low, high = to_decimal(pair.group(1)), to_decimal(pair.group(2))
    if low is None or high is None or field.high is None:
        return Scale(unclear=True)
    if float(low) == (field.low or 0.0) and float(high) == field.high:
        return OWN_SCALE
    return Scale(float(high)) if low == 0 and high > 0 and not field.low else Scale(unclear=True)


def _scale_of_top(literal: str, field: Field) -> Scale:
    top = to_decimal(literal)
    if top is None or top <= 0:
        return Scale(unclear=True)
    return OWN_SCALE if float(top) == field.high else Scale(float(top))

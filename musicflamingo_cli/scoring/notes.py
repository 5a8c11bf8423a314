"""Notes on a scale, beside a key, a column or an object: `0-1`, `out of 10`, `%`, `min 1, max 10`.

What such a note says is either understood whole or makes every bare number under it doubtful; nothing is guessed.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.scales import LITERAL, NO_SCALE, OWN_SCALE, Scale, to_decimal

UNCLEAR = Scale(unclear=True)
_NOTE_WORDS = frozenset(
    """a an and as at be best between decimal decimals each five float from highest hundred in inclusive integer is it
    likert lowest max maximum min minimum number numeric of on out over per percent percentage pct point points possible
    range rated rating real scale score scored scores star stars ten the to top total up upto value where x db with
    weight weighting worst""".split()  # noqa: SIM905
)
"""Words of which a note in brackets behind a field's name may consist."""
_WEIGHT = re.compile(
    r"(?:weight(?:ing|ed)?\b[\s:=]{0,4}(?:of\s)?)?"
    r"\d{0,3}\.?\d{1,4}\s?%?(?:\s(?:of total|weight(?:ing)?))?",
    re.IGNORECASE,
)
"""The weight that belongs to a field, with its number: the value under the key is still the score."""
_UNITS = re.compile(
    r"%|\b(?:percent\w*|pct|points?|pts|stars?|five|ten|hundred|thousand|scale|likert|max|maximum|min|minimum|range"
    r"|out of|of|db|lufs|dimensionless)\b|[/⁄∕÷]",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"%|\bpercent\w*|\bpct\b", re.IGNORECASE)
_PAIR = re.compile(
    rf"(?:\bmin(?:imum)?[\s:=]{{1,3}})?({LITERAL})\s{{0,3}}(?:-|–|—|−|~|,|;|:|\bto\b|\bthrough\b|\band\b"
    rf"|\.{{2,3}}|…)\s{{0,3}}"
    rf"(?:(?:to|max(?:imum)?)[\s:=]{{1,3}})?({LITERAL})",
    re.IGNORECASE,
)
_TOP = re.compile(
    r"(?:\bout\s+of|[/⁄∕÷]|\b(?:max(?:imum)?|best|top|highest|up\s?to|total|possible)\b\.?[\s:=]{0,3}(?:of)?"
    r"|\bof|\bover|\bper)"
    rf"\s{{0,3}}({LITERAL})(?!\s?[-–])|({LITERAL})\s{{0,3}}(?:max(?:imum)?|possible)\b|\bscale\s+of\s+({LITERAL})",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\d.])\d+(?:[.,]\d+)?")
_PLAIN_WORDS = re.compile(r"[^\W\d_]+")


def stated_scale(text: str, field: Field) -> Scale:
    """The scale that a note states for bare numbers: none where it speaks of none, unclear where it can't be told."""
    return NO_SCALE if not text or field.high is None else _stated(text[:120], field)


@lru_cache(maxsize=1024)
def _stated(text: str, field: Field) -> Scale:
    text = unicodedata.normalize("NFKC", text).replace("_", " ").strip().strip("()[]{} ")
    if _WEIGHT.fullmatch(text) and text.rstrip("%") not in ("100", "0"):
        return NO_SCALE if re.search(r"%|weight", text, re.IGNORECASE) else UNCLEAR
    text = re.sub(r"(?<=\d)\s{0,3}\.{2,3}\s{0,3}(?=\d)", " to ", text)
    numbers = [to_decimal(found) for found in _NUMBER.findall(re.sub(r"(?<=\d)\.{2,3}(?=\d)", " to ", text))]
    if not numbers and _UNITS.search(text) is None:
        return NO_SCALE
    if _PERCENT.search(text):
        return Scale(100.0) if all(n in (0, 100) for n in numbers) else UNCLEAR
    if len(numbers) == 2 and (pair := _PAIR.search(text)):
        return _between(pair.group(1), pair.group(2), field)
    top = _TOP.search(text) if len(numbers) == 1 else None
    if top is None or re.search(r"\bmin|\blowest|\bworst", text, re.IGNORECASE):
        return UNCLEAR
    return _between(str(field.low or 0), top.group(1) or top.group(2) or top.group(3), field)


def _between(low: str, high: str, field: Field) -> Scale:
    bottom, top = to_decimal(low), to_decimal(high)
    if bottom is None or top is None or top <= 0:
        return UNCLEAR
    if float(bottom) == (field.low or 0.0) and float(top) == field.high:
        return OWN_SCALE
    return Scale(float(top)) if bottom == 0 and not field.low else UNCLEAR


@lru_cache(maxsize=1024)
def is_note(text: str) -> bool:
    """Whether a note in brackets behind a field's name speaks of its scale or weight, so that the name stays its own.

    `(0-1)`, `(out of 10)`, `(score)`, `(weight 30%)` do; `(weight)`, `(vocals)`, `(previous)` make another name of it.
    """
    text = unicodedata.normalize("NFKC", text[:120]).strip().lower()
    if not text:
        return True
    words = _PLAIN_WORDS.findall(text.replace("_", " "))
    numbers = _NUMBER.findall(text)
    if any(word.startswith("weight") for word in words):
        return bool(numbers) and _WEIGHT.fullmatch(text) is not None
    if not words:
        return re.search(r"%|/|\d\s{0,3}(?:-|–|—|−|\.{2,3}|…|,|~|:)\s{0,3}\d", text) is not None
    if not numbers and all(
        word in ("max", "maximum", "min", "minimum", "best", "worst", "top", "total") for word in words
    ):
        return False
    return all(word in _NOTE_WORDS for word in words)

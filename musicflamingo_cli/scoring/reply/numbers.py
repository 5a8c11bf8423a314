"""The one grammar of a number: `0.85`, `.9`, `0,85`, `85%`, `8/10`, `8 out of 10`, and nothing beside it."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import NamedTuple

from musicflamingo_cli.records import Field

_LITERAL = r"(?:[0-9]++(?:[.,][0-9]++)?|[.][0-9]++)(?:[eE][+-]?[0-9]{1,3})?"
NUMBER = rf"[+-]?{_LITERAL}(?:\s?(?:%|percent\b)|\s?(?:/|\(?out\sof\b)\s?{_LITERAL}\)?)?"
"""A number with its unit, as a part of other patterns."""
_NUMBER = re.compile(
    rf"(?P<number>[+-]?{_LITERAL})(?:\s?(?P<percent>%|percent)|\s?(?P<of>/|\(?out\sof)\s?(?P<top>{_LITERAL})\)?)?",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"[01](?:\.[0-9]{1,16})?")
_EMPHASIS = " \t\r\n*_`\"'“”"
_NOTHING = frozenset(("", "null", "none", "undefined", "n/a"))
PLACEHOLDER = re.compile(
    r"\s*+(?:\.{2,}|…|<[^<>]{0,80}>|\[[\w .-]{0,30}\]|string|text|str|number|float)\s*+", re.IGNORECASE
)
"""What a template has where a value is to come."""
_METRES = frozenset((2.0, 4.0, 8.0, 16.0))
"""Whole numbers over one of these are time signatures, as `4/4` under `rhythm`."""
_RANGE = re.compile(
    r"(?:(?:float|number|score|scale|range|rated?|between|from)\b[:,]?\s?)*"
    r"(?P<low>-?[0-9]+(?:\.[0-9]+)?)\s?(?:-|–|—|to|and|\.\.\.?)\s?(?P<top>[0-9]+(?:\.[0-9]+)?)(?:\sscale)?"
)
_TOP = re.compile(r"(?:(?:score|rated?)\s)?(?:out\sof|/|of|max(?:imum)?\.?:?)\s?(?P<top>[0-9]+(?:\.[0-9]+)?)")


class Scale(NamedTuple):
    """What a label or a key says of the numbers behind it."""

    low: float = 0.0
    top: float | None = None
    """None: nothing is said."""


NO_SCALE = Scale()


class Reading(NamedTuple):
    """What a stretch of text says where a number is asked."""

    value: float | None = None
    """In the field's range."""
    reason: str | None = None
    """Why there is no value."""
    written: float | None = None
    """The number as it is written."""
    rescaled: bool = False
    """True if a unit or a scale turned the written number into the value."""
    whole: bool = False
    """True for a bare 1 or 0, which may be on another scale than it seems."""


def read_number(text: str, field: Field, scale: Scale = NO_SCALE, assume: float | None = None) -> Reading:
    """Read the number that `text` is, in the field's range. Nothing is clamped, no scale is guessed.

    Args:
        text: All that stands where the number is asked.
        field: What is asked, with its range.
        scale: What the label said of the numbers behind it.
        assume: A person's word for the scale of bare scores; None for none.
    """
    if scale is NO_SCALE and assume is None and _PLAIN.fullmatch(text):
        plain = float(text)
        return _within(plain, plain, field, len(text) == 1 and field.high == 1)
    text = text.strip(_EMPHASIS)
    found = _NUMBER.fullmatch(text)
    if found is None:
        return Reading(reason=_why_none(text))
    number, top = _value(found["number"]), 100.0 if found["percent"] else _value(found["top"])
    if number is None or (found["top"] and not top):
        return Reading(reason="ambiguous")
    if found["top"] and top is not None and not top.is_integer() and top != field.high:
        return Reading(reason="ambiguous")  # `0.8/0.9` are two numbers: no scale ends at a fraction
    if found["of"] == "/" and top in _METRES and number.is_integer() and top != field.high:
        return Reading(reason="ambiguous")
    if top is not None and top > 1 and top != field.high and 0 < number < 1:  # 0.8 out of 10 is hardly meant
        return Reading(reason="unclear_scale", written=number)
    if top is None and scale.top is not None and (scale.low, scale.top) != (field.low, field.high):
        if scale.low or 0 < number < 1:  # nor is it here; and 1 to 10 maps onto 0 to 1 in two ways
            return Reading(reason="unclear_scale", written=number)
        top = scale.top
    elif top is None and scale.top is None and field.kind == "score":
        top = assume
    if top is None or top == field.high:
        is_whole = top is None and field.high == 1 and number in (0, 1) and found["number"].lstrip("+-").isdigit()
        return _within(number, number, field, is_whole)
    if field.high is None or field.low or not 0 < top < math.inf:
        return Reading(reason="unclear_scale", written=number)
    scaled = float(Decimal(repr(number)) / Decimal(repr(top)) * Decimal(repr(field.high)))
    return _within(scaled, number, field)


def _within(value: float, written: float, field: Field, is_whole: bool = False) -> Reading:
    low, high = field.low, field.high
    if (low is not None and value < low) or (high is not None and value > high) or not math.isfinite(value):
        return Reading(reason="out_of_range", written=written if math.isfinite(written) else None)
    return Reading(value + 0.0, None, written, value != written, is_whole)


def _value(literal: str | None) -> float | None:
    """What a literal is worth; None where its comma may part thousands."""
    if literal is None:
        return None
    whole, comma, part = literal.partition(",")
    if comma and len(part) == 3 and whole.strip("+-0"):
        return None
    return float(f"{whole}.{part}" if comma else literal)


def _why_none(text: str) -> str:
    if text.lower() in _NOTHING:
        return "missing"
    if PLACEHOLDER.fullmatch(text):
        return "placeholder"
    return "ambiguous" if re.search("[0-9]", text) else "not_a_number"


def scale_of(note: str) -> Scale | None:
    """The scale that a note behind a name states: `0-10`, `out of 10`, `%`. None if it is no such note."""
    note = note.strip().lower()
    if note in ("score", "rating", "float", "number"):
        return NO_SCALE
    if note in ("%", "percent", "in percent", "in %"):
        return Scale(0.0, 100.0)
    found = _RANGE.fullmatch(note)
    if found is not None:
        return Scale(float(found["low"]), float(found["top"]))
    found = _TOP.fullmatch(note)
    return None if found is None else Scale(0.0, float(found["top"]))


def agreed(readings: list[Reading]) -> Reading:
    """What several statements on one field come to: `ambiguous` where two state it differently.

    Words that state no number (`Production Quality: the mix is clean`) contradict none.
    """
    if len(readings) == 1:
        return readings[0]
    stating = [one for one in readings if one.value is not None or one.reason not in ("missing", "not_a_number")]
    if not stating:
        return readings[-1]
    first = stating[0]
    if any((one.value, one.reason) != (first.value, first.reason) for one in stating):
        return Reading(reason="ambiguous")
    return first

"""What the value under a field's key comes to: a number, or words. Knows no syntax."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from musicflamingo_cli.records import Field, FieldAnswer
from musicflamingo_cli.scoring.reply.names import BESIDE, LOWS, SUBJECTS, TOPS, VALUES, joined
from musicflamingo_cli.scoring.reply.numbers import PLACEHOLDER, Reading, Scale, agreed, read_number, scale_of
from musicflamingo_cli.scoring.reply.tree import Array, Node, Scalar, Value

DIGIT = re.compile("[0-9]")
_MOST_TEXTS = 16
"""Statements on one text that are looked at; only a loop has more, each perhaps within the one before."""
NO_TEXT = frozenset(("null", "none", "nan", "true", "false", "undefined", "", "nil"))
"""Words without quotes that are no text."""
_RAN_ON = re.compile(
    r"^\"\"|\"\s{0,4}\+\s{0,4}\"|[\"'“”]\s{0,4}:|[}\]]\s{0,4},\s{0,4}[{\[\"]|\n\s{0,16}[\"']?\w{1,40}[\"']?\s{0,2}:"
)
"""Signs of JSON in what should be a text: it ran on into what follows."""
_IN_A_ROW = re.compile(r"[\"”]\s{0,2},\s{0,2}[\"“]")


class Statement(NamedTuple):
    """What stands under a field's name."""

    value: Value
    scale: Scale
    """What the name, or that of an object around it, says of the numbers under it."""


def read_field(
    field: Field, statements: Sequence[Statement], is_repaired: bool, assume: float | None
) -> Reading | FieldAnswer:
    """What statements on one field come to: a reading of a number, or the words of a text."""
    if field.kind == "text":
        answers = [_words(one.value, is_repaired) for one in statements[:_MOST_TEXTS]]
        return next((one for one in answers if one.value is not None), answers[0])
    return agreed([_number(one.value, field, one.scale, assume) for one in statements])


def _number(value: Value, field: Field, scale: Scale, assume: float | None) -> Reading:
    if isinstance(value, Scalar):
        if value.fault is not None:
            return Reading(reason=value.fault)
        return read_number(value.text, field, scale, assume)
    if isinstance(value, Array):
        if len(value.members) == 1 and value.closed and isinstance(value.members[0][1], Scalar):
            return _number(value.members[0][1], field, scale, assume)
        return Reading(reason="ambiguous" if value.members else "missing")
    return _number_of_object(value, field, scale, assume)


def _number_of_object(value: Node, field: Field, scale: Scale, assume: float | None) -> Reading:
    """The number in the object of one field: its one `score`, on the scale beside it; no other number counts."""
    held = [one for key, one in value.members if joined(key) in VALUES]
    lows = [one.text for key, one in value.members if joined(key) in LOWS and isinstance(one, Scalar)]
    tops = [one for key, one in value.members if joined(key) in TOPS]
    if len(held) != 1 or not isinstance(held[0], Scalar):
        return Reading(reason="ambiguous" if held else "missing")
    for key, one in value.members:
        name = joined(key)
        if name in VALUES or name in TOPS or name in BESIDE or name in LOWS or name in SUBJECTS:
            continue
        if isinstance(one, Array) or (isinstance(one, Scalar) and not one.quoted and DIGIT.search(one.text)):
            return Reading(reason="ambiguous")
    if any(read_number(low, field).value != (field.low or 0.0) for low in lows):
        return Reading(reason="unclear_scale")
    if len(tops) == 1 and isinstance(tops[0], Scalar):
        top = tops[0].text.strip()
        told = scale_of(top) or scale_of("/" + top)
        if told is None:
            return Reading(reason="unclear_scale")
        scale = told
    elif tops:
        return Reading(reason="unclear_scale")
    elif not value.closed and isinstance(held[0], Scalar) and held[0].text.strip().isdigit():
        return Reading(reason="cut_off")
    return _number(held[0], field, scale, assume)


def _words(value: Value, is_repaired: bool) -> FieldAnswer:
    """The words under a key; a list becomes one text."""
    if not isinstance(value, Scalar):
        told = [one for key, one in value.members if joined(key) in ("value", "text", "description")]
        value = told[0] if told else value
    if isinstance(value, Scalar):
        if value.fault == "cut_off":
            return FieldAnswer(reason="cut_off")
        if not value.quoted and value.text.strip().lower() in NO_TEXT:
            return FieldAnswer(reason="missing")
    text = ", ".join(_leaves(value))
    if '"' in text or "”" in text:
        text = _IN_A_ROW.sub(", ", text)
    if not text.strip():
        return FieldAnswer(reason="missing")
    if PLACEHOLDER.fullmatch(text):
        return FieldAnswer(reason="placeholder")
    if is_repaired and _RAN_ON.search(text):
        return FieldAnswer(reason="ambiguous")
    return FieldAnswer(text, "repaired" if is_repaired else "json")


def _leaves(value: Value) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Scalar):
            if item.text.strip():
                yield item.text
        else:
            stack += [one for _, one in reversed(item.members)]

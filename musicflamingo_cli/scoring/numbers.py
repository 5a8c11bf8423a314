"""Numbers as models write them: `0.85`, `.9`, `0,85`, `85%`, `8/10`, `8 out of 10`; and what only looks like one.

Every pattern here is linear in its input, and no number is read that the end of an unfinished text cuts off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.folding import fold
from musicflamingo_cli.scoring.scales import LITERAL, NO_SCALE, RANGE, Scale, scale_of_pair, to_decimal

_PLAIN = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,20})?")
_OPENERS = r"[\s\"'“”‘’`*_(\[{=:]{0,12}"
_HEDGE = (
    r"(?:(?:about|approximately|approx\.?|around|roughly|circa|ca\.|score|rating|value)\b[\s:=]{0,4}"
    r"|[~≈≅]\s{0,3}){0,3}"
)
_START = re.compile(rf"{_OPENERS}{_HEDGE}[\"'*_(\[]{{0,3}}({LITERAL})", re.IGNORECASE)
_GLUED = re.compile(
    r"(?!(?:percent|pct|per cent|out of)\b)[A-Za-z_$€£#@\\&](?<!&)"
    r"|(?![\s‐-―−’”“‘‛„»«›‹…→⇒×÷±≤≥≈⁄✓✔。，、；：！）］】」』〉》])[^\x00-\x7f]",
    re.IGNORECASE,
)
"""Letters and signs that touch a number: `0.8x`, `0·82`, `1½` are no 0.8, 0 and 1."""
_PERCENT = re.compile(r"[\s*_]{0,4}(?:%|percent\b|per cent\b|pct\b)", re.IGNORECASE)
_FRACTION = re.compile(
    rf"[\s*_]{{0,4}}(?:[/⁄]|[(\[]?\s{{0,2}}out\s{{1,3}}of\s{{1,3}}(?:a\s+(?:possible|maximum|total)\s+(?:of\s+)?)?)[\s*_]{{0,4}}({LITERAL})",
    re.IGNORECASE,
)
_CONNECTED = re.compile(
    r"[\s\"'”’`*_)\]%]{0,6}(?:(?:[-–—~±/×*+^=<>≤≥:;,…→&|]|\.{2,3}|\b(?:to|or|and|through|thru|until|till|up|vs\.?|versus|"
    r"maybe|perhaps|possibly|then|now|but|not|even|plus|minus|times|x)(?![a-z]))[\s\"'“*_(\[]{0,4}){0,4}[\s(\[]{0,3}[~≈]?\s?"
    rf"({LITERAL})",
    re.IGNORECASE,
)
_OPERATOR = re.compile(r"[ \t]{0,3}(?:[+±^×<>≤≥]|\*(?=\s?\w)|x\b)", re.IGNORECASE)
_OTHER_UNIT = re.compile(
    r"[\s-]{0,3}[★☆⭐]|[\s-]{0,3}(?:stars?|bpm|k?hz|db|lufs|s|secs?|seconds?|ms|min|minutes?|bars?|beats?|times|higher|lower|more|less"
    r"|better|worse|above|below|greater|fewer|points?\s+(?:higher|lower|more|less|better|worse|above|below)"
    r"|[- ]?point\s+scale|k|x|max(?:imum)?|min(?:imum)?|or\s+(?:more|less|higher|lower|above|below|so|better|worse)"
    r"|at\s+(?:most|least|best|worst)|needed|required)\b",
    re.IGNORECASE,
)
_WEIGHT = re.compile(
    r"\s{0,3}(?:%|percent)?\s{0,3}(?:weight|\(\s{0,3}(?:weight(?:ing|ed)?\s{0,3}\)|default|placeholder|example|e\.g))",
    re.IGNORECASE,
)
_POINTS = re.compile(r"\s{0,3}(?:points?|pts?|marks?)\b", re.IGNORECASE)
_COUNTED = re.compile(
    r"\s{0,3}(?!(?:because|as|since|due|given|for|with|but|and|in my|overall|on|out|i)\b)[^\W\d_]", re.IGNORECASE
)
"""What makes a whole number a count: `1 issue`, `0 of them`."""
_LIST_MARK = re.compile(r"[.)]\s+\w")
_ASIDE = re.compile(
    r"[(\[]?\s{0,2}\b(?:weight(?:ed|ing)?|confidence|certainty)\b[^\d\n(]{0,16}[\d.]{1,6}\s?%?\s{0,2}[)\]]?"
    r"|[(\[]?\s{0,2}[\d.]{1,6}\s?%?\s{0,2}(?:weight(?:ing)?|confidence)\b\s{0,2}[)\]]?",
    re.IGNORECASE,
)
_SCALE_WORDS = re.compile(r"\bscale\b|\bout\s+of\b|\brange\b|-point\b", re.IGNORECASE)
_OTHER = re.compile(rf"(?<![\w.,])({LITERAL})(?![\w])")
_LATER = (
    *("/", "-", "–", "—", "~", "±", "→", "->", "=>", "to ", "or ", "and ", "vs.", "versus", "through ", "until "),
    *("till ", "up to", "then ", "now ", "but ", "maybe", "perhaps", "possibly", "plus", "minus", "percent"),
    *("per cent", "higher", "lower", "more", "less", "better", "worse", "above", "below", "greater", "fewer"),
    *("db", "seconds"),
)
_LATER_WHOLE = ("(", "[", "*", "×", "+", ".", ")", ":", "(out of", "[out of", "(/")
"""What could still turn a number into something else when the text breaks off inside it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one stretch of text says where a number is asked."""

    value: float | None = None
    """In the field's own range; None if there is none to be had."""
    written: float | None = None
    """The number as it stands there."""
    rescaled: bool = False
    """True if a unit or a stated scale made `value` differ from `written`."""
    reason: str | None = None
    """Why there is no value: `missing`, `not_a_number`, `ambiguous`, `cut_off`, `unclear_scale`, `out_of_range`."""


def read_number(raw: str, field: Field, cut: bool, scale: Scale = NO_SCALE, assume: float | None = None) -> Reading:
    """Read the number that `raw` begins with, in the field's range.

    Args:
        raw: The stretch of text; words may follow the number, another number that could be meant may not.
        field: What is asked; `low` and `high` are its range.
        cut: True if `raw` ends where an unfinished text ends: a number that touches that end may be a prefix.
        scale: What the label says of the scale.
        assume: A scale that a person states for bare numbers.
    """
    if assume is None and scale is NO_SCALE and not cut and (plain := _PLAIN.fullmatch(raw)):
        return in_range(Decimal(plain.group()), None, field)
    raw = fold(raw)
    start = _START.match(raw)
    if start is None:
        return Reading(reason="missing" if not raw.strip() else "not_a_number")
    literal, rest = start.group(1), raw[start.end() :]
    if cut and (is_cut(literal, rest) or _is_open(raw[: start.start(1)], rest)):
        return Reading(reason="cut_off")
    number = to_decimal(literal)
    if number is None:
        return Reading(reason="ambiguous")
    top: Decimal | None = None
    if unit := _PERCENT.match(rest):
        top, rest = Decimal(100), rest[unit.end() :]
    elif unit := _FRACTION.match(rest):
        top, rest = to_decimal(unit.group(1)), rest[unit.end() :]
        if cut and (not rest or (rest.strip() and is_cut(unit.group(1), rest))):
            return Reading(reason="cut_off")
        if top is None or top <= 0:
            return Reading(reason="ambiguous")
    if reason := _spoiled(literal, rest, field, top):
        return Reading(reason=reason)
    if top is None:
        rest, stated = _stated_scale(rest, field)
        scale = stated if stated.unclear or stated.top is not None else scale
        if scale.unclear:
            return Reading(reason="unclear_scale", written=float(number))
        if scale.top is not None:
            top = Decimal(str(scale.top))
        elif assume is not None and field.kind == "score":
            top = Decimal(str(assume))
    reading = in_range(number, top, field)
    return Reading(reason="ambiguous") if _rivalled(rest, reading, field) else reading


def is_cut(literal: str, rest: str) -> bool:
    """Whether more text could still change this number, given that `rest` is all that follows it."""
    if not rest:
        return True
    whole = literal.lstrip("+-").isdigit()
    tail = rest.strip(" \t").lower()
    if "\n" in rest:
        return False
    if not tail:
        return whole or literal in ("0.0", "1.0")
    if tail in (".", ",") and rest[0] == tail:
        return whole
    if tail in ("e", "e+", "e-") or (whole and tail.isalpha()) or tail.startswith("point"):
        return True
    tail = tail.lstrip(",;:").lstrip() or tail
    return len(tail) < 16 and any(word.startswith(tail) for word in (_LATER + _LATER_WHOLE if whole else _LATER))


def _is_open(before: str, rest: str) -> bool:
    """Whether the number stands in a bracket that is not closed yet: a range or a list may still follow."""
    return any(before.count(opener) and closer not in rest for opener, closer in ("()", "[]"))


def in_range(number: Decimal, top: Decimal | None, field: Field) -> Reading:
    """Map a number with the scale that was stated for it into the field's range; what lies outside has no value."""
    written = float(number)
    scaled = number
    if top is not None:
        if field.high is None or (field.low and top != Decimal(str(field.high))):
            return Reading(written=written, reason="unclear_scale")
        scaled = number if top == Decimal(str(field.high)) else number / top * Decimal(str(field.high))
    value = float(scaled) + 0.0
    if value in (float("inf"), float("-inf")):
        return Reading(reason="out_of_range")
    if (field.low is not None and value < field.low) or (field.high is not None and value > field.high):
        return Reading(written=written, reason="out_of_range")
    return Reading(value, written, value != written)


def _spoiled(literal: str, rest: str, field: Field, top: Decimal | None) -> str | None:
    """Why what follows directly shows that this is not the number that is asked."""
    if top is None and _GLUED.match(rest):
        return "not_a_number"
    if _OPERATOR.match(rest):
        return "ambiguous"
    if _WEIGHT.match(rest):
        return "not_a_number"
    whole = literal.lstrip("+-").isdigit()
    if field.kind == "score":
        if _OTHER_UNIT.match(rest) or (whole and top is None and _POINTS.match(rest)):
            return "not_a_number"
        if whole and top is None and (_LIST_MARK.match(rest) or _COUNTED.match(rest)):
            return "ambiguous"
    return None


def _stated_scale(rest: str, field: Field) -> tuple[str, Scale]:
    """What follows a bare number, without the scale that it may name, and that scale."""
    if not _SCALE_WORDS.search(rest) and not re.match(r"\s{0,3}[(\[]", rest):
        return rest, NO_SCALE
    pair = RANGE.search(rest)
    if pair is not None and pair.start() < 48:
        plain_brackets = re.fullmatch(r"[\s(\[]{0,4}", rest[: pair.start()]) is not None
        if plain_brackets or _SCALE_WORDS.search(rest[: pair.end() + 12]):
            return rest[: pair.start()] + rest[pair.end() :], scale_of_pair(pair, field)
    if _SCALE_WORDS.search(rest[:48]):
        return rest, Scale(unclear=True)
    return rest, NO_SCALE


def _rivalled(rest: str, reading: Reading, field: Field) -> bool:
    """Whether another number follows that could be the one that is meant."""
    rest = _ASIDE.sub(" ", rest[:400])
    linked = _CONNECTED.match(rest)
    for other in _OTHER.finditer(rest):
        number = to_decimal(other.group(1))
        is_linked = linked is not None and linked.end(1) == other.end(1)
        if number is None:
            if is_linked:
                return True
            continue
        tail, top = rest[other.end() :], None
        if _PERCENT.match(tail):
            top = Decimal(100)
        elif part := _FRACTION.match(tail):
            top = to_decimal(part.group(1))
        elif field.kind == "score" and _OTHER_UNIT.match(tail):
            continue
        second = in_range(number, top, field) if top is None or top > 0 else Reading()
        if second.value is not None and second.value == reading.value:
            continue
        if is_linked or (second.value is not None and field.kind == "score"):
            return True
    return linked is not None and not _OTHER.search(rest)

"""Numbers as models write them: `0.85`, `.9`, `0,85`, `85%`, `8/10`, `8 out of 10`; and what only looks like one.

Every pattern here is linear in its input, and no number is read that the end of an unfinished text cuts off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.cuts import is_cut, is_open
from musicflamingo_cli.scoring.folding import fold
from musicflamingo_cli.scoring.scales import LITERAL, NO_SCALE, RANGE, Scale, scale_of_pair, to_decimal
from musicflamingo_cli.scoring.tails import EMOJI, spoiled_by

_PLAIN = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,20})?")
_OPENERS = rf"(?:{EMOJI}|[\s\"'“”‘’`*_(\[{{=:]){{0,12}}"
_HEDGE = (
    r"(?:(?:about|approximately|approx\.?|around|roughly|circa|ca\.|score|rating|value)\b[\s:=]{0,4}"
    r"|[~≈≅]\s{0,3}){0,3}"
)
_START = re.compile(rf"{_OPENERS}{_HEDGE}[\"'*_(\[]{{0,3}}({LITERAL})", re.IGNORECASE)
_PERCENT = re.compile(r"[\s*_]{0,4}(?:%|percent\b|per cent\b|pct\b)", re.IGNORECASE)
_FRACTION = re.compile(
    rf"[\s*_]{{0,4}}(?:[/⁄]|(?:[,(\[\"“]{{0,2}}\s{{0,2}}out\s{{1,3}}of\s{{1,3}}|[(\[]\s?(?:/|of\s))"
    rf"(?:a\s+(?:possible|maximum|total)\s+(?:of\s+)?)?)[\s*_]{{0,4}}({LITERAL})",
    re.IGNORECASE,
)
_CONNECTED = re.compile(
    r"[\s\"'”’`*_)\]%]{0,6}(?:(?:[^\w\s(\[\"'“*]|\.{2,3}|\b(?:to|or|and|through|thru|until|till|up|vs\.?|versus|"
    r"maybe|perhaps|possibly|then|now|but|not|even|plus|minus|times"
    r"|x)(?![a-z]))[\s\"'“*_(\[]{0,4}){0,4}[\s(\[]{0,3}[~≈]?\s?"
    rf"({LITERAL})",
    re.IGNORECASE,
)
_AGAIN = re.compile(
    rf"[\s,;(]{{0,4}}(?:=|≈|or|i\.e\.,?)\s{{0,3}}({LITERAL})(\s?%|\s?/\s?({LITERAL}))?(?![\w%/]|[.,]\d)\)?",
    re.IGNORECASE,
)
"""The same number in another unit. Groups: literal, unit, top."""
_OPERATOR = re.compile(r"[ \t]{0,3}(?:[+±^×<>≤≥]|\*(?=\s?\w)|x\b)", re.IGNORECASE)
_OTHER_UNIT = re.compile(
    r"[\s-]{0,3}[★☆⭐]|(?:\s{0,3}|-)(?:stars?|bpm|k?hz|db|lufs|s|secs?|seconds?|ms|min|minutes?|bars?|beats?|times"
    r"|higher|lower|more|less"
    r"|better|worse|above|below|greater|fewer|points?\s+(?:higher|lower|more|less|better|worse|above|below)"
    r"|[- ]?point\s+(?:scale|deduction|penalty|bonus|difference)|k|x|max(?:imum)?|min(?:imum)?|or\s+(?:more|less"
    r"|higher|lower|above|below|so|better|worse)"
    r"|at\s+(?:most|least|best|worst)|needed|required)\b",
    re.IGNORECASE,
)
_WEIGHT = re.compile(r"\s{0,3}(?:%|percent)?\s{0,3}(?:weight|\(\s{0,3}weight(?:ing|ed)?\s{0,3}\))", re.IGNORECASE)
_POINTS = re.compile(r"\s{0,3}(?:points?|pts?|marks?)\b", re.IGNORECASE)
_SHARES = re.compile(r"[\s*_-]{0,4}(?:stars?\b|points?\b(?!\s+\w+er\b)|[★☆⭐]\ufe0f?)", re.IGNORECASE)
"""What a fraction of a scale may count: `4 out of 5 stars`."""
_CJK_POINTS = re.compile(r"\A\s?[分点](?![\d之钟鐘钱])")
_STARS = re.compile(r"\A[\s(]{0,2}[★☆⭐✩✮]{3,10}[\s)]?")
_STARS_FIRST = re.compile(r"\A[\s*_]{0,4}[★☆⭐✩✮]{3,10}[\s*_:–-]{1,4}(?=[\d.(])")
_RHYTHM = re.compile(
    r"(?:\b|_)(?:rhythm\w*|meter|metre|groove|drum\w*|beat|feel|bass|percussion|time|pulse|swing|tempo)(?:\b|_)",
    re.IGNORECASE,
)
"""Fields for which `4/4` and `6/8` are time signatures."""
_NEGATIVE = re.compile(r"[\s*_]{0,4}[(\[,–—-]\s?(?:negative|minus)\b", re.IGNORECASE)
_LIST_MARK = re.compile(r"[.)]\s+\w")
_ASIDE = re.compile(
    r"[(\[]?\s{0,2}\b(?:weight(?:ed|ing)?|confidence|certainty)\b[^\d\n(]{0,16}[\d.]{1,6}\s?%?\s{0,2}[)\]]?"
    r"|[(\[]?\s{0,2}[\d.]{1,6}\s?%?\s{0,2}(?:weight(?:ing)?|confidence)\b\s{0,2}[)\]]?",
    re.IGNORECASE,
)
_SCALED = re.compile(
    rf"[\s(\[,;\"'*_–—-]{{0,6}}(?:[(\[]\s?|(?=(?:on|in|using|within|scale|range|from)\b))(?:(?:on|in|using|within)\s+)?"
    rf"(?:(?:an?|the|my)\s+)?(?:(?:scale|range)\b\s{{0,3}})?(?:(?:of|from|is)\s+"
    rf"|:\s?)?{RANGE.pattern}(?:[\s-]?(?:scale|range))?\s{{0,2}}[)\]]?",
    re.IGNORECASE,
)
"""The scale after a number: `(0-1)`, `on a scale of 0 to 10`. Groups: both ends."""
_SCALE_WORDS = re.compile(
    r"\bout\s+of\b(?!\s+\d+\s+(?!points?|stars?|marks?)[a-z]{3,})|-point\b"
    r"|(?<!hz )(?<!minor )(?<!major )(?<!pentatonic )"
    r"(?<!blues )(?<!octave )(?<!upper )(?<!lower )(?<!mid )(?<!high )(?<!low )(?<!pitch )"
    r"(?<!dynamic )(?<!frequency )(?<!tonal )(?<!stereo )(?<!wide )(?<!full )(?<!vocal )"
    r"(?<!large )(?<!grand )(?<!small )\b(?:scale|range)\b",
    re.IGNORECASE,
)
_ESCAPED = re.compile(r"\\(?=[./%,+()\[\]-])")
"""A backslash of Markdown before a sign that belongs to a number: `0\\.82`."""
_RANGE_ECHO = re.compile(r"[\s\"'*]{0,4}(?:in\s|∈)?\s?[\[({]\s?[01]\s?,\s?(?:1|5|10|100)\s?[\])}]")
"""A range as it is written in mathematics: `[0,1]`."""
_INDEXED = re.compile(r"[^\n\d]{0,24}[A-Za-z_]\[\d{1,3}\]")
"""An item of a list: `scores[1]`."""
_OTHER = re.compile(rf"(?<![\w.,])({LITERAL})(?![\w])")
_COUNTS = re.compile(
    r"-[a-z]{2,}|[ \t]{1,2}(?!out\b|percent\b|points?\b|stars?\b|max\b|possible\b)[A-Za-z]{3,}", re.IGNORECASE
)
_REMARKS = re.compile(r"[\s*_]{0,4}(?:[(\[]|[–—]\s|-\s|,\s)")
"""A remark behind a number, and what it counts: `0.7 (12 layers)`, `0.7 – 16-bit crunch`."""
SENTENCE = re.compile(r"(?<=[.!])\s(?=[A-Z])")
_CLOCK = re.compile(r"(?<=[\s(])\d{1,2}:\d\d(?!\d)")
"""A time of the clock."""
_METRE = re.compile(
    r"(?<=[\s(])\d{1,2}/(?:4|8|16)\s+(?:over\s+\d{1,2}/(?:4|8|16)|beat|groove|time|feel|met(?:re|er)|rhythm|signature"
    r"|pulse|pattern|swing|drum\w*|kick)",
    re.IGNORECASE,
)
"""A time signature that a word shows to be one."""
_OF_THINGS = re.compile(
    r"\s+(?!points?\b|stars?\b|marks?\b|for\b|on\b|in\b|overall\b|and\b|but\b|so\b)[a-z]{3,}", re.IGNORECASE
)
"""What so many out of so many are: `3 out of 4 playlists`."""
_COUNTED = re.compile(r":\d|[ \t]{1,2}[A-Za-z]{3,}")
"""What makes a whole number behind a score a time of the clock or a count: `the drop at 1:30`, `with 1 guitar`."""


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
    raw = _ESCAPED.sub("", fold(raw))
    raw = _STARS_FIRST.sub("", raw)
    if _RANGE_ECHO.match(raw) or _INDEXED.match(raw):
        return Reading(reason="ambiguous")
    start = _START.match(raw)
    if start is None:
        return Reading(reason="missing" if not raw.strip() else "not_a_number")
    literal, rest = start.group(1), raw[start.end() :]
    if cut and (is_cut(literal, rest) or is_open(raw[: start.start(1)], rest)):
        return Reading(reason="cut_off")
    number = to_decimal(literal)
    if number is None:
        return Reading(reason="ambiguous")
    rest = _CLOCK.sub("time", rest)
    if 0 < number < 1:
        rest = _METRE.sub("metre", rest)
    top: Decimal | None = None
    if unit := _PERCENT.match(rest):
        top, rest = Decimal(100), rest[unit.end() :]
    elif unit := _FRACTION.match(rest):
        top, rest = to_decimal(unit.group(1)), rest[unit.end() :]
        if top in (4, 8, 16) and _RHYTHM.search(field.name):
            return Reading(reason="ambiguous")
        if cut and (not rest or (rest.strip(" ,") and is_cut(unit.group(1), rest))):
            return Reading(reason="cut_off")
        if top is None or top <= 0:
            return Reading(reason="ambiguous")
        rest = rest[share.end() :] if (share := _SHARES.match(rest)) else rest
    if field.low is not None and field.low < 0 and number > 0 and _NEGATIVE.match(rest):
        return Reading(reason="ambiguous")
    rest = _without_marks(rest, number, literal if top is None else "")
    stated = NO_SCALE
    rest = _without_repeat(rest, number, top, field)
    if top is None:
        rest, stated = _stated_scale(rest, field)
        scale = stated if stated != NO_SCALE else scale
    reason = "unclear_scale" if stated.unclear else _spoiled(literal, rest, field, top)
    if top is None and scale.unclear and reason != "not_a_number":
        reason = "unclear_scale"
    if reason is not None:
        return Reading(written=float(number) if reason == "unclear_scale" else None, reason=reason)
    if top is None:
        if scale.loose and scale.top is not None and 0 < number < 1:
            return Reading(written=float(number), reason="unclear_scale")
        if scale.top is not None:
            top = Decimal(str(scale.top))
        elif assume is not None and field.kind == "score" and not (scale.own or stated.own):
            top = Decimal(str(assume))
    reading = in_range(number, top, field)
    return Reading(reason="ambiguous") if _rivalled(rest, reading, field) else reading


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
    return Reading(value, written, value != written or (top is not None and top != Decimal(str(field.high))))


def _without_marks(rest: str, number: Decimal, bare: str) -> str:
    """What follows a number, without the word for points that Chinese and Japanese have, and without a row of stars
    that shows a number between 0 and 1 once more."""
    if not bare.isdigit():
        rest = _CJK_POINTS.sub("", rest, count=1)
    return _STARS.sub(" ", rest, count=1) if 0 <= number <= 1 or not bare else rest


def _without_repeat(rest: str, number: Decimal, top: Decimal | None, field: Field) -> str:
    """What follows a number, without the same value in another unit: `8/10 = 0.8`."""
    again = _AGAIN.match(rest)
    if again is None or (other := to_decimal(again.group(1))) is None:
        return rest
    unit = again.group(2)
    other_top = Decimal(100) if unit and "%" in unit else to_decimal(again.group(3)) if unit else None
    if other_top is not None and other_top <= 0:
        return rest
    same = in_range(other, other_top, field).value
    return rest[again.end() :] if same is not None and same == in_range(number, top, field).value else rest


def _spoiled(literal: str, rest: str, field: Field, top: Decimal | None) -> str | None:
    """Why what follows directly shows that this is not the number that is asked."""
    if rest[:1].isalpha():
        return "not_a_number"
    if _OPERATOR.match(rest):
        return "ambiguous"
    if _WEIGHT.match(rest):
        return "not_a_number"
    whole = top is None and literal.lstrip("+-").isdigit()
    if field.kind != "score":
        return spoiled_by(rest, whole, None)
    if _OTHER_UNIT.match(rest) or (whole and _POINTS.match(rest)):
        return "not_a_number"
    if whole and _LIST_MARK.match(rest) and ((field.high or 0) <= 1 or re.search(r"\b\d{1,2}[.)]\s", rest)):
        return "ambiguous"
    return spoiled_by(rest, whole, top is not None)


def _stated_scale(rest: str, field: Field) -> tuple[str, Scale]:
    """What follows a bare number, without the scale that it may name, and that scale."""
    pair = _SCALED.match(rest)
    if pair is not None:
        return rest[pair.end() :], scale_of_pair(pair, field)
    if _SCALE_WORDS.search(SENTENCE.split(rest[:48], maxsplit=1)[0]):
        return rest, Scale(unclear=True)
    return rest, NO_SCALE


def _rivalled(rest: str, reading: Reading, field: Field) -> bool:
    """Whether another number follows that could be the one that is meant."""
    rest = _ASIDE.sub(" ", SENTENCE.split(rest[:400], maxsplit=1)[0])
    linked = _CONNECTED.match(rest)
    for other in _OTHER.finditer(rest):
        number = to_decimal(other.group(1))
        is_linked = linked is not None and linked.end(1) == other.end(1)
        if number is None:
            if is_linked:
                return True
            continue
        if is_linked and other.group(1).isdigit() and _COUNTS.match(rest, other.end()) and _REMARKS.match(rest):
            continue
        tail, top = rest[other.end() :], None
        if _PERCENT.match(tail):
            top = Decimal(100)
        elif part := _FRACTION.match(tail):
            if not is_linked and other.group(1).isdigit() and _OF_THINGS.match(tail, part.end()):
                continue
            top = to_decimal(part.group(1))
        elif field.kind == "score" and (
            _OTHER_UNIT.match(tail) or (not is_linked and other.group(1).isdigit() and _COUNTED.match(tail))
        ):
            continue
        second = in_range(number, top, field) if top is None or top > 0 else Reading()
        if second.value is not None and second.value == reading.value:
            continue
        if is_linked or (second.value is not None and field.kind == "score"):
            return True
    return linked is not None and not _OTHER.search(rest)

"""What the value under a key is worth: a number in the field's range, words, or neither."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.bounds import is_bound, scale_from, scale_notes
from musicflamingo_cli.scoring.keys import VALUE_NAMES, is_other_name, read_key
from musicflamingo_cli.scoring.nodes import Arr, Bare, Cut, Obj, Torn
from musicflamingo_cli.scoring.notes import stated_scale
from musicflamingo_cli.scoring.numbers import Reading, read_number
from musicflamingo_cli.scoring.remarks import speaks_of_scale
from musicflamingo_cli.scoring.scales import NO_SCALE, Scale

_HARMLESS = frozenset(
    """id index order position start end timestamp duration year page no bpm tempo stars_given version line
    improvement improvements potential goal gap agreement roomforimprovement""".split()  # noqa: SIM905
)
"""Numbers that may stand beside a score in its object and are none."""
_RIVAL = re.compile(
    r"final|adjust|revis|correct|actual|new|updat|weight|normal|raw|total|overall|average|mean|median|scor"
    r"|rat(?:ing|ed)|out|of|max|top"
    r"|scale|number|points|old|prev|value|estimat|predict|true|real|alt|second|other"
)
"""Names of numbers that may be meant instead of the score beside them."""
_BROKEN = re.compile(
    r"[\s\"'“”‘’`~≈]{0,8}[+-]?(?:\d{0,80}[.,](?=\s*\Z|[A-Za-z_])"
    r"|(?:\d{1,80}[.,]?\d{0,80}|[.,]\d{1,80})\s{0,3}(?:[\\{}&]|[|;](?!\s)"
    r"|[\"'“”‘’`´]+(?=\s{0,3}[^\s\"'“”‘’`´])(?!\s{1,3}[A-Za-z][^\d%/]*\Z)))"
)
"""A number that is broken off, or with more behind a quote, brace or backslash: `0.`, `0"."82`, `0.5}, {`."""
_STRINGS_IN_A_ROW = re.compile(r"[^\":\n]{1,80}(?:\", \"[^\":\n]{1,80})+")
"""Several strings where one was asked, without the brackets of a list: `piano", "strings`."""
_LONE_NUMBER = re.compile(r"\s*[+-]?[.,]?\d[\d.,/%\s]*")
_NEXT_MEMBER = re.compile(r"[\"'“”]\s{0,8}:|[}\]]\s{0,8},\s{0,8}[{\[\"']")
"""A string that ran on into the members after it, because its closing quote is damaged."""
_SWALLOWS = re.compile(r"[}\]]\s{0,8},?\s{0,8}[\"'“”]?\w[\w ]{0,60}[\"'“”]?\s{0,8}[:=]\s{0,8}[{\[]")
"""A string that ran on into the object of the next field."""
_NULLS = frozenset(("", "null", "none", "nil", "undefined"))
_NO_WORDS = _NULLS | {"nan", "na", "true", "false"}
_PLACEHOLDER = re.compile(
    r"\s*(?:\.{2,}|…|(?![<\[]/?(?:think|answer))(?:<[^<>]{0,80}>|\[[\w ]{0,30}\])|\{[\w ]{0,30}\}|_{2,}|x{3,}"
    r"|(?:a |the |your )?(?:string|str|text|placeholder|tbd|(?:short |plain )(?:string|text|number)|0\.x+"
    r"|insert [^\n]{1,60}|(?:\w+ ){1,3}here))\s*",
    re.IGNORECASE,
)
_PLACEHOLDER_RUN_ON = re.compile(r"\s*(?:\.{2,}|…|<[^<>]{0,80}>|string)[\"'”’]\s{0,4}[,:;}]", re.IGNORECASE)
"""The same with a damaged quote, so that it runs on into the next member."""
_NUMERIC = re.compile(
    r"[^\w]{0,12}(?:(?:about|approx\w*|around|roughly|circa|ca|score|rating|value|number|is|of|a|an|the|solid"
    r"|maybe|likely"
    r"|probably|overall|final|my|only|at|over|under|nearly|almost|exactly)\b\.?[ :=]{1,3}){0,3}[^\w]{0,4}\d",
    re.IGNORECASE,
)
_LITERALS = _NULLS | {"nan", "true", "false", "infinity", "-infinity", "-nan"}


@dataclass(slots=True)
class Member:
    """What stands under one key."""

    value: object
    key: str
    exact: bool
    """True if the key is the field's own name."""
    notes: tuple[str, ...] = ()
    """What the object that holds it, or its name, says of the scale, e.g. `0-10`."""


def bears(value: object, number: bool) -> bool:
    """Whether a value is an answer, if perhaps an unreadable one, rather than words about the answer."""
    if not number:
        return _text(value) is not None
    if isinstance(value, Obj):
        keys = {read_key(key).joined for key, _ in value.pairs}
        return any(key in keys for key in VALUE_NAMES)
    if isinstance(value, Arr | list):
        items = value.items if isinstance(value, Arr) else value
        return any(bears(item, True) for item in items[:8])
    if isinstance(value, str):
        return _NUMERIC.match(value) is not None
    if isinstance(value, Cut):
        return False
    if isinstance(value, Bare):
        return _NUMERIC.match(value.raw) is not None or value.raw.strip().lower() in _LITERALS
    return True


def read_score(member: Member, field: Field, assume: float | None) -> Reading:
    """The number under a key."""
    scale = stated_scale(read_key(member.key).annotation, field)
    if scale is NO_SCALE and member.notes:
        scale = replace(scale_from(member.notes, field), loose=True)
    return _read_value(member.value, field, scale, assume)


def _read_value(value: object, field: Field, scale: Scale, assume: float | None) -> Reading:
    if isinstance(value, Bare):
        if value.raw.strip().lower() in _NULLS:
            return Reading(reason="missing")
        if _BROKEN.match(value.raw):
            return Reading(reason="cut_off" if value.cut else "ambiguous")
        return read_number(value.raw, field, value.cut, scale, assume)
    if isinstance(value, str):
        if _BROKEN.match(value) or _NEXT_MEMBER.search(value):
            return Reading(reason="ambiguous")
        return read_number(value, field, False, scale, assume)
    if isinstance(value, Cut):
        return Reading(reason="cut_off")
    if isinstance(value, Torn):
        return Reading(reason="ambiguous")
    if isinstance(value, Obj):
        return _read_object(value, field, scale, assume)
    if isinstance(value, Arr | list):
        items = value.items if isinstance(value, Arr) else value
        if (
            len(items) == 2
            and isinstance(items[0], Bare)
            and isinstance(items[1], str)
            and not _LONE_NUMBER.match(items[1])
        ):
            items = items[:1]
        if len(items) != 1 or (isinstance(value, Arr) and not value.closed) or isinstance(items[0], Obj | Arr | list):
            return Reading(reason="not_a_number" if items else "missing")
        return _read_value(items[0], field, scale, assume)
    return Reading(reason="missing" if value is None else "not_a_number")


def _read_object(obj: Obj, field: Field, scale: Scale, assume: float | None) -> Reading:
    """A number with its own object: ``{"score": 8, "out_of": 10, "reason": ...}``."""
    own = read_key(field.name).joined
    if any(
        "{" in key or "}" in key or (isinstance(value, str) and _SWALLOWS.search(value)) for key, value in obj.pairs
    ):
        return Reading(reason="ambiguous")
    held: list[tuple[str, object]] = []
    rival = told = False
    names = {"score", "value", "rating"} & {read_key(key).joined for key, _ in obj.pairs}
    for key, value in obj.pairs:
        joined = read_key(key).joined
        if joined in VALUE_NAMES or joined == own:
            held.append((key, value))
        elif isinstance(value, Bare | str) and not (is_bound(key) or is_other_name(key) or joined in _HARMLESS):
            told = told or (isinstance(value, str) and speaks_of_scale(value))
            is_rival = not names or _RIVAL.search(joined) is not None
            written = value.raw if isinstance(value, Bare) else value
            rival = rival or (is_rival and _LONE_NUMBER.fullmatch(written) is not None)
    notes = scale_notes(obj.pairs, own=True)
    scale = scale_from(notes, field) if notes else scale
    plain = [(key, value) for key, value in held if not isinstance(value, Obj)]
    readings = [_read_value(value, field, _joint(scale, key, field), assume) for key, value in plain]
    if not readings:
        return Reading(reason="missing")
    if rival or len({r.value for r in readings}) > 1:
        return Reading(reason="ambiguous")
    if readings[0].written is not None and readings[0].written == int(readings[0].written):
        if not obj.closed and not readings[0].rescaled:
            return Reading(reason="cut_off")
        if told and not notes:
            return Reading(reason="unclear_scale", written=readings[0].written)
    return readings[0]


def _joint(scale: Scale, key: str, field: Field) -> Scale:
    own = stated_scale(read_key(key).annotation, field)
    return own if own != NO_SCALE else scale


def read_text(member: Member) -> tuple[str | None, str | None]:
    """The words under a key, or why there are none."""
    if isinstance(member.value, Cut):
        return None, "cut_off"
    text = _text(member.value)
    if text is None:
        return None, "cut_off" if isinstance(member.value, Bare) and member.value.cut else "missing"
    if _STRINGS_IN_A_ROW.fullmatch(text):
        text = text.replace('", "', ", ")
    return (None, "placeholder") if is_placeholder(text, member.key) else (text, None)


def is_placeholder(text: str, key: str = "") -> bool:
    """Whether a string only marks the place of an answer: `...`, `<genre>`, `string`."""
    if _PLACEHOLDER.fullmatch(text) or _PLACEHOLDER.fullmatch(text.strip(" *_`\"'")) or _PLACEHOLDER_RUN_ON.match(text):
        return True
    return bool(key) and read_key(text).joined == read_key(key).joined


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Bare):
        no_words = value.cut or value.text.lower() in _NO_WORDS
        return None if no_words else clean_text(value.text)
    if isinstance(value, Obj | Arr | list):
        if isinstance(value, Obj | Arr) and not value.closed:
            return None
        parts = list(_leaves(value))
        return clean_text(", ".join(parts)) if parts else None
    return None


_TELLING = ("value", "text", "answer")


def _told(obj: Obj) -> list[object]:
    """The values of an object that tell something, last first: no name beside a `value`, no confidence."""
    keys = {read_key(key).joined for key, _ in obj.pairs}
    if len(keys) > 1 and (told := [child for key, child in obj.pairs if read_key(key).joined in _TELLING]):
        return told[:1]
    return [child for key, child in reversed(obj.pairs) if not (isinstance(child, Bare) and is_other_name(key))]


def _leaves(value: object) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Obj):
            stack.extend(_told(item))
        elif isinstance(item, Arr | list):
            stack.extend(reversed(item.items if isinstance(item, Arr) else item))
        elif isinstance(item, str) and item.strip():
            yield item
        elif isinstance(item, Bare) and item.text.lower() not in _NULLS:
            yield item.text


def clean_text(text: str) -> str | None:
    """Words that any table can hold: lone surrogates are replaced; nothing but space is no words."""
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text if text.strip() else None

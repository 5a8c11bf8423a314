"""What JSON and things like it are made of, and the strict reader."""

from __future__ import annotations

import json
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Page:
    """A text to read from."""

    text: str
    """As it was written."""
    folded: str
    """The same length, with look-alike characters folded to ASCII; this is what is parsed."""
    stopped: bool
    """True if nothing is missing at its end."""


@dataclass(frozen=True, slots=True)
class Bare:
    """A value without quotes: a number, a literal, unquoted words."""

    raw: str
    """As it stands, up to the next delimiter, with look-alike characters folded."""
    text: str
    """The same, unfolded."""
    cut: bool = False
    """True if it ends where the text ends."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A string that was never closed."""

    text: str


@dataclass(frozen=True, slots=True)
class Torn:
    """A value that what follows it makes doubtful: `0.3, 0.4`, `1, out of 10`."""

    text: str


@dataclass(slots=True)
class Arr:
    """A list."""

    items: list[object] = field(default_factory=list)
    closed: bool = False
    """True if its closing bracket was there."""


@dataclass(slots=True)
class Obj:
    """An object: its members in order, duplicates kept."""

    pairs: list[tuple[str, object]] = field(default_factory=list)
    closed: bool = False
    """True if its closing brace was there."""


def _strict_object(pairs: list[tuple[str, object]]) -> Obj:
    return Obj(pairs, closed=True)


def _strict_bare(raw: str) -> Bare:
    return Bare(raw, raw)


_STRICT = {
    "object_pairs_hook": _strict_object,
    "parse_float": _strict_bare,
    "parse_int": _strict_bare,
    "parse_constant": _strict_bare,
}
_DECODER = json.JSONDecoder(**_STRICT)  # type: ignore[arg-type]
_CONTROL_DECODER = json.JSONDecoder(strict=False, **_STRICT)  # type: ignore[arg-type]


def is_strict(text: str) -> bool:
    """Whether a text is one valid JSON value."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


@dataclass(slots=True)
class Budget:
    """How many characters strict attempts may still go over in vain, so that they stay linear in the text."""

    left: int


def words_of(value: object) -> str:
    """A string, or what stands without quotes, as it was written; nothing for objects and lists."""
    if isinstance(value, Bare):
        return value.text
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else ""


def read_strict(text: str, start: int, budget: Budget) -> tuple[Obj, int, bool] | None:
    """Read one JSON object at `start`: the object, its end, whether raw control characters stood in its strings."""
    for decoder in (_DECODER, _CONTROL_DECODER):
        if budget.left <= 0:
            return None
        try:
            value, end = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            budget.left -= error.pos - start + error.pos // 64 + 16
            if not error.msg.startswith("Invalid control character"):
                return None
        except (ValueError, RecursionError):
            budget.left -= len(text)
            return None
        else:
            return (value, end, decoder is _CONTROL_DECODER) if isinstance(value, Obj) else None
    return None


def strict_spans(text: str) -> list[tuple[int, int]]:
    """Where valid JSON objects stand: what looks like a mark in one of them stands in a string and marks nothing."""
    spans: list[tuple[int, int]] = []
    budget, at = Budget(2 * len(text) + 4096), text.find("{")
    while at >= 0 and budget.left > 0:
        strict = read_strict(text, at, budget)
        if strict is not None:
            spans.append((at, strict[1]))
        at = text.find("{", strict[1] if strict is not None else at + 1)
    return spans

"""Whether the end of an unfinished text cuts a number off, or what would turn it into something else."""

from __future__ import annotations

import re

_LATER = (
    *("/", "-", "–", "—", "~", "±", "→", "->", "=>", "to ", "or ", "and ", "vs.", "versus", "through ", "until "),
    *("till ", "up to", "then ", "now ", "but ", "maybe", "perhaps", "possibly", "plus", "minus", "percent"),
    *("per cent", "higher", "lower", "more", "less", "better", "worse", "above", "below", "greater", "fewer"),
    *("db", "seconds"),
)
_LATER_WHOLE = ("(", "[", "*", "×", "+", ".", ")", ":", "(out of", "[out of", "(/", "_")
"""What could still turn a number into something else when the text breaks off inside it."""


_OPEN_TAIL = re.compile(
    r"[\s*_\"'`%]{0,6}(?:[(\[]\s{0,3}([^)\]\n]*)|(?:and|for|in|on|at|with)\b([^,.;:!?)\n]*))\Z", re.IGNORECASE
)
"""A remark right behind a number that the end of the text cuts off: `0.8 (voc`, `0.8 for the in`."""
_TELLS_NOTHING = frozenset(
    """a an the its my only just mainly for in on of at lead backing background live first second last out
    up scale""".split()  # noqa: SIM905
)
"""Words of a remark that leave open what it is about."""
_TURNS = (
    *(
        [
            "vocals",
            "drums",
            "bass",
            "guitars",
            "keys",
            "synths",
            "strings",
            "brass",
            "percussion",
            "intro",
            "outro",
            "verses",
            "choruses",
            "bridge",
            "hook",
            "solo",
        ]
    ),
    *("drop demo remix remaster original cover album beat lyrics melody start beginning end ending half part".split()),  # noqa: SIM905
    *("section hours hrs minutes mins seconds secs db lufs hz khz bpm units stars genre weight default".split()),  # noqa: SIM905
    *("placeholder example template baseline threshold confidence certainty hypothetically benchmark estimate".split()),  # noqa: SIM905
    *("dummy not average industry typically others elsewhere previously formerly old target minimum maximum".split()),  # noqa: SIM905
    *("prior sample reference percentage if unless wrong before until more less under over above below".split()),  # noqa: SIM905
)
"""Words with which a remark makes the number before it something else."""


def _may_turn(remark: str) -> bool:
    """Whether a remark that breaks off may still become one that turns the decimal before it into something else."""
    words = remark.lower().strip("\"'*_ \t~≈").split()
    telling = [word for word in words if word not in _TELLS_NOTHING]
    if not telling:
        return True
    if remark[-1:].isspace():
        return telling == [telling[0]] and telling[0] in _TURNS
    last = words[-1]
    return not last.isalpha() or (telling == [last] and any(w.startswith(last) for w in (*_TURNS, *_TELLS_NOTHING)))


_ENDED = re.compile(r"[.!?|][\s*_\"')]|[.!?]\Z|<[/|]")
"""The end of a sentence, behind which a remark no longer changes a whole number."""


def is_cut(literal: str, rest: str) -> bool:
    """Whether more text could still change this number, given that `rest` is all that follows it."""
    if not rest:
        return True
    whole = literal.lstrip("+-").isdigit()
    tail = rest.strip(" \t").lower()
    if "\n" in rest:
        return False
    if whole and not _ENDED.search(rest) and not re.match(r"\s*(?:%|[/⁄]|[(\[,]?\s?out\s+of\s)", rest, re.IGNORECASE):
        return True
    if not tail:
        return whole or literal in ("0.0", "1.0")
    if (open_tail := _OPEN_TAIL.match(rest)) and (whole or _may_turn(open_tail.group(1) or open_tail.group(2) or "")):
        return True
    if tail in (".", ",") and rest[0] == tail:
        return whole
    if tail in ("e", "e+", "e-") or (whole and tail.isalpha()) or tail.startswith("point"):
        return True
    tail = tail.lstrip(",;:").lstrip() or tail
    return len(tail) < 16 and any(word.startswith(tail) for word in (_LATER + _LATER_WHOLE if whole else _LATER))


def is_open(before: str, rest: str) -> bool:
    """Whether the number stands in a bracket that is not closed yet: a range or a list may still follow."""
    return any(before.count(opener) and closer not in rest for opener, closer in ("()", "[]"))

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


_OPEN_TAIL = re.compile(r"[\s*_\"'`%]{0,6}(?:[(\[][^)\]\n]*|(?:and|for|in|on|at|with)\b[^,.;:!?)\n]*)\Z", re.IGNORECASE)
"""A remark right behind a number that the end of the text cuts off: `0.8 (voc`, `0.8 for the in`."""


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
    if _OPEN_TAIL.match(rest):
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

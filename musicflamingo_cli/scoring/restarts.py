"""Lines on which a reply says that it begins once more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from musicflamingo_cli.scoring.keys import OTHER_LABEL, FieldIndex
from musicflamingo_cli.scoring.parents import standing_of

_INTERJECTION = (
    r"(?:(?:oh|ok(?:ay)?|(?:i'm\s+|i\s+am\s+)?sorry|(?:my\s+)?apologies|oops|wait|hmm|no|actually)[,.!:-]{0,3}\s+){0,3}"
)
_WHAT = (
    r"(?:answer|response|reply|result|output|json|evaluation|assessment|analysis|review|ratings?|scores?|version|object"
    r"|table|list)"
)
_IT = rf"(?:\s+(?:this|it|that|all|everything|(?:the|my)\s+(?:(?:whole|full|complete|entire|json|final)\s+)?{_WHAT}))?"
_ANEW = re.compile(
    rf"^[ \t*_#>-]{{0,8}}{_INTERJECTION}(?:"
    r"(?:let\s+me|let's|i(?:'ll|\s+will|\s+should|\s+must|\s+need\s+to|\s+have\s+to)|allow\s+me\s+to)\s+(?:please\s+)?"
    rf"(?:(?:start|begin|try|do|write|say|answer){_IT}\s+(?:again|over(?:\s+again)?|anew|afresh|once\s+more"
    rf"|from\s+scratch"
    rf"|from\s+the\s+(?:start|beginning|top)|properly)|(?:redo|restart|retry|rewrite|repeat){_IT})"
    r"|(?:starting|beginning|trying)\s+(?:again|over|anew|afresh)|(?:once\s+more|again|second\s+(?:attempt|try))"
    rf"|here\s+it\s+is\s+(?:again|once\s+more)|here(?:'s|\s+is)\s+(?:the|my)\s+(?:\w+\s+)?{_WHAT}\s+(?:again"
    rf"|once\s+more)"
    r")[ \t]{0,2}[.:!]{0,3}[ \t*_]{0,4}$",
    re.IGNORECASE | re.MULTILINE,
)
"""What says that all before it is to be forgotten."""
_WHOLE = re.compile(
    rf"^[ \t*_#>-]{{0,8}}{_INTERJECTION}here(?:'s|\s+is)\s+(?:the|my)\s+(?:complete|full|whole|entire|finished"
    rf"|proper|valid)\s+{_WHAT}"
    r"[ \t]{0,2}[.:!]{0,3}[ \t*_]{0,4}$",
    re.IGNORECASE | re.MULTILINE,
)
"""What says so only behind an answer that broke off."""
_NUMBER = re.compile(
    r"(?:\s?\([^()\n]{0,24}\))?\W{1,8}(?:(?:score|value|rating)\W{1,8})?(\d{1,3}(?:\.\d{1,9})?)(?![\w.])", re.IGNORECASE
)
"""What follows a key that has a number, or an object with one."""
_HOLDER = re.compile(r"[\"']([\w -]{1,60})[\"']\s{0,8}:\s{0,8}[\[{]")
_HINTS = (
    *(
        "again",
        "over",
        "anew",
        "afresh",
        "once more",
        "scratch",
        "restart",
        "redo",
        "retry",
        "rewrite",
        "repeat",
        "properly",
    ),
    *("beginning", "attempt", "second try", "complete", "full", "whole", "entire", "finished", "proper", "valid"),
    *("from the start", "from the top"),
)
"""Words one of which every such line has: most replies have none."""
_MOST = 64
"""More such lines only a loop has."""


@dataclass(frozen=True, slots=True)
class Restart:
    """A line on which a reply begins its answer once more."""

    start: int
    end: int
    forgets: bool
    """True if all before it is to be forgotten, and not only an answer that broke off."""


def last_restart(text: str) -> Restart | None:
    """The last such line in a text whose quotes are folded."""
    lowered = text.lower()
    if not any(word in lowered for word in _HINTS):
        return None
    lines = [Restart(*one.span(), forgets=True) for one in islice(_ANEW.finditer(text), _MOST)]
    lines += [Restart(*one.span(), forgets=False) for one in islice(_WHOLE.finditer(text), _MOST)]
    return max(lines, key=lambda line: line.start, default=None)


def said_otherwise(text: str, stated: Mapping[str, float], index: FieldIndex) -> frozenset[str]:
    """The fields of an object that breaks off which the rest of the text gives other numbers: the answer begins anew.

    Args:
        text: From the beginning of the object.
        stated: What was read from it, as it was written, by field.
        index: The asked fields.
    """
    if OTHER_LABEL.search(text) or any(standing_of(one.group(1)) == "other" for one in _HOLDER.finditer(text)):
        return frozenset()
    last: dict[str, float] = {}
    for name in index.label.finditer(text):
        number = _NUMBER.match(text, name.end()) if name.lastindex else None
        if number is not None:
            last[index.named(name).name] = float(number.group(1))
    return frozenset(name for name, value in stated.items() if last.get(name, value) != value)

"""Scores in brackets between a name and its words: `**Production Quality** (0.85): clean`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from musicflamingo_cli.scoring.keys import FieldIndex
from musicflamingo_cli.scoring.phrases import DECIMAL
from musicflamingo_cli.scoring.statements import Name

_BRACKET = re.compile(r"[*_ ]{0,4}\([ \t]?(0?\.\d{1,4}|[01]\.\d{1,4})[ \t]?\)[*_ ]{0,4}:(?=[*_ \t]{0,4}[A-Za-z])")
_WEIGHING = re.compile(r"weigh|importan|confiden|certain", re.IGNORECASE)


def are_bracketed(body: str, names: Sequence[Name], index: FieldIndex) -> bool:
    """Whether such brackets can only hold the scores.

    True if every field that asks for a number has one with a decimal, no other decimal stands in the text, nothing
    speaks of weights, and the numbers do not sum to 1, as weights would.
    """
    found: dict[str, re.Match[str]] = {}
    for name in names:
        bracket = _BRACKET.match(body, name.end)
        if bracket is not None and name.field.kind != "text":
            if name.field.name in found:
                return False
            found[name.field.name] = bracket
    if len(found) < 2 or found.keys() != index.scored or _WEIGHING.search(body):
        return False
    if abs(sum(float(bracket.group(1)) for bracket in found.values()) - 1) < 0.02:
        return False
    at, rest = 0, []
    for bracket in sorted(found.values(), key=lambda one: one.start()):
        rest.append(body[at : bracket.start()])
        at = bracket.end()
    return DECIMAL.search(" ".join([*rest, body[at:]])) is None

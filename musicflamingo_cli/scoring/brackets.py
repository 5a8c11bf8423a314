"""Scores in brackets between a name and its words: `**Production Quality** (0.85): clean`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from musicflamingo_cli.scoring.claims import Name
from musicflamingo_cli.scoring.keys import FieldIndex
from musicflamingo_cli.scoring.phrases import DECIMAL
from musicflamingo_cli.scoring.scales import METRE

_BRACKET = re.compile(
    r"[*_ ]{0,4}\([ \t]?(?:(?:score|rating)[ \t:=]{1,3})?(?:(?P<decimal>0?\.\d{1,4}|[01]\.\d{1,4})"
    r"|(?P<percent>\d{1,3}(?:\.\d)?)[ \t]?%"
    r"|(?P<part>\d{1,3}(?:\.\d{1,2})?)[ \t]?(?:/|out[ \t]of)[ \t]?(?P<top>\d{1,3}(?:\.0)?))[ \t]?\)[*_ ]{0,4}"
    r"(?:[:–—-](?=[*_ \t]{0,4}[^\s\d.,*_-]|\n)|(?=\n|\Z))",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"(?<![\d.,])0(?:\.0+)?\s?(?:-|–|to|and|到|至|a|à|bis)\s?1(?:\.0+)?(?![\d.,])|" + METRE)
"""The fields' own range, and time signatures."""
_WEIGHING = re.compile(
    r"\b(?:weights|weighted|weightings?|importances?|confidences?|certaint(?:y|ies)|weight(?=[^\w\s]|\s(?:in|is"
    r"|of)\b))\b",
    re.IGNORECASE,
)


def are_bracketed(body: str, names: Sequence[Name], index: FieldIndex) -> bool:
    """Whether such brackets can only hold the scores.

    True if every field that asks for a number has one of the same kind, no other decimal stands in the text (beside
    plain decimals), nothing speaks of weights, and the numbers neither sum to the whole, as weights would, nor count
    up (`1/5`, `2/5`), as numbering does.
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
    ordered = sorted(found.values(), key=lambda one: one.start())
    kinds = {one.lastgroup for one in ordered}
    values = [float(one.group("decimal") or one.group("percent") or one.group("part")) for one in ordered]
    if len(kinds) > 1 or (kinds == {"percent"} and abs(sum(values) - 100) < 2):
        return False
    if kinds != {"decimal"}:
        return values != [float(n) for n in range(1, len(values) + 1)]
    if abs(sum(values) - 1) < 0.02:
        return False
    at, rest = 0, []
    for bracket in ordered:
        rest.append(body[at : bracket.start()])
        at = bracket.end()
    return DECIMAL.search(_HARMLESS.sub(" ", " ".join([*rest, body[at:]]))) is None

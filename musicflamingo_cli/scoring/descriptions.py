"""The words that prose gives under a field's label: `**Genre:** indie rock`, or a list under `Instruments:`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from musicflamingo_cli.scoring.keys import FieldIndex
from musicflamingo_cli.scoring.phrases import ANNOTATED, SEPARATOR
from musicflamingo_cli.scoring.values import clean_text, is_placeholder

_NEXT_LABEL = re.compile(r"[*_\"' ]{0,4}(?:\([^()\n]{0,24}\))?[*_\"' ]{0,4}[:=]")
_LIST_ITEM = re.compile(r"\s{0,12}[-*•+]\s{1,4}(\S[^\n]*)")
_MOST_LISTED = 2000


@dataclass(frozen=True, slots=True)
class Description:
    """The words under a label."""

    text: str | None = None
    reason: str | None = None
    """Why there are none: `cut_off`, `placeholder`."""


def read_description(
    body: str, name: tuple[str, int], following: Iterable[tuple[int, int]], index: FieldIndex
) -> Description | None:
    """The words after a label, up to the end of its line or to the next label on it.

    Args:
        body: The prose. Words that touch its end may be cut off and don't count.
        name: The field's name, and where the label ends.
        following: Where the next names of fields begin and end.
        index: The asked fields.
    """
    line_end = body.find("\n", name[1])
    stop = line_end if line_end >= 0 else len(body)
    annotated = ANNOTATED.match(body, name[1], stop)
    separator = SEPARATOR.match(body, annotated.end() if annotated else name[1], stop)
    if separator is None:
        return None
    for start, end in following:
        if start >= stop:
            break
        if _NEXT_LABEL.match(body, end):
            stop = start
            break
    if stop == len(body):
        return Description(reason="cut_off")
    text = body[separator.end() : stop].strip(" \t\r*_\"'`,;|-•") or _listed(body, stop, index)
    cleaned = clean_text(text)
    if cleaned is None or cleaned.lower() in ("null", "none", "n/a"):
        return None
    return Description(reason="placeholder") if is_placeholder(cleaned, name[0]) else Description(cleaned)


def _listed(body: str, start: int, index: FieldIndex) -> str:
    """The items of a list under a label, joined."""
    items: list[str] = []
    for line in body[start : start + _MOST_LISTED].split("\n")[1:-1]:
        item = _LIST_ITEM.match(line)
        if item is None or index.label.match(item.group(1)):
            break
        items.append(item.group(1).strip())
    return ", ".join(items)

"""Where in a reply the answer stands: what is thinking, and what follows its end."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(
    r"(?:<|&lt;|\[|◁)[ \t]{0,4}(/?)[ \t]{0,4}\|?"
    r"(?:(think|thinking|thoughts?|reasoning|reflection|scratchpad)|(answer|final_answer|final))\b"
    r"[^<>\[\]▷&\n]{0,64}(?:>|&gt;|\]|▷)",
    re.IGNORECASE,
)
OUTSIDE, AFTER, ANSWER = 1, 2, 3
"""Ranks: outside all thinking; after the end of thinking; inside an answer tag."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a reply that is not thinking."""

    start: int
    end: int
    rank: int
    """`OUTSIDE`, `AFTER` or `ANSWER`; the highest that holds an answer counts."""


def answer_stretches(text: str) -> list[Stretch]:
    """The parts of a reply that are not thinking, in order.

    An opener that is never closed makes all that follows it thinking, unless an answer tag ends it; a closer without an
    opener makes all that precedes it thinking.
    """
    tags = list(_TAG.finditer(text))
    last_closer = max((i for i, tag in enumerate(tags) if tag.group(2) and tag.group(1)), default=-1)
    found: list[Stretch] = []
    state, start, outside = "outside", 0, OUTSIDE
    for index, tag in enumerate(tags):
        closing, thinking = bool(tag.group(1)), bool(tag.group(2))
        if thinking and closing:
            if state != "thinking":
                found.clear()
            state, start, outside = "outside", tag.end(), AFTER
        elif thinking:
            if state != "thinking":
                found.append(Stretch(start, tag.start(), ANSWER if state == "answer" else outside))
            state = "thinking"
        elif state == "thinking" and (closing or index < last_closer):
            continue
        elif closing:
            found.append(Stretch(start, tag.start(), ANSWER))
            state, start = "outside", tag.end()
        else:
            if state != "thinking":
                found.append(Stretch(start, tag.start(), ANSWER if state == "answer" else outside))
            state, start = "answer", tag.end()
    if state != "thinking":
        found.append(Stretch(start, len(text), ANSWER if state == "answer" else outside))
    return [s for s in found if s.end > s.start]


def thinking_of(text: str) -> str | None:
    """The thinking of a reply, for a column of its own; None where it holds none."""
    kept = answer_stretches(text)
    if len(kept) == 1 and kept[0].start == 0 and kept[0].end == len(text):
        return None
    parts, at = [], 0
    for stretch in kept:
        parts.append(text[at : stretch.start])
        at = stretch.end
    parts.append(text[at:])
    thinking = " ".join(" ".join(_TAG.sub(" ", part).split()) for part in parts if part)
    return thinking.strip() or None


def final_words(text: str) -> str | None:
    """What a reply says besides thinking, whole: the answer tag's text, else what follows or surrounds the thinking."""
    kept = answer_stretches(text)
    best = max((stretch.rank for stretch in kept), default=OUTSIDE)
    words = "\n".join(text[s.start : s.end].strip() for s in kept if s.rank == best)
    return words.strip() or None

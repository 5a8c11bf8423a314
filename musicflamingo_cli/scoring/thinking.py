"""Where in a reply the answer stands: what is thinking, and what follows its end."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(
    r"(?:<|&lt;|\[|◁)[ \t]{0,4}\|?[ \t]{0,4}(?P<closing>/|end[_ -](?:of[_ -])?)?[ \t]{0,4}\|?"
    r"(?:(?:begin|start)[_ -](?:of[_ -])?|\w{1,12}:)?"
    r"(?:(?P<thinking>think|thinking|thoughts?|reasoning|reflection|scratchpad|(?<=<)analysis|(?<=/)analysis"
    r"|chain_of_thought|cot|internal|monologue|thinking[_-]process|think-aloud|plan(?=>)|inner_monologue)|answer|final_answer|final|solution)"
    r"(?:[_ -](?:(?P<end>end)|start|begin))?(?![\w-])[^<>\[\]▷&\n]{0,64}(?:>|&gt;|\]|▷)"
    r"|<\|channel\|>[ \t]{0,4}(?:(?P<channel>analysis|commentary)|final)\b[^<>\n]{0,40}<\|message\|>"
    r"|^[ \t]{0,4}(?P<begun>Thinking)\.\.\.[ \t]{0,4}$"
    r"|^[ \t]{0,4}(?P<done>\.\.\.[ \t]?done)[ \t](?:thinking)\.?[ \t]{0,4}$",
    re.IGNORECASE | re.MULTILINE,
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
    last_closer = max((i for i, tag in enumerate(tags) if _is_thinking(tag) and _is_closing(tag)), default=-1)
    found: list[Stretch] = []
    state, start, outside = "outside", 0, OUTSIDE
    for index, tag in enumerate(tags):
        closing, thinking = _is_closing(tag), _is_thinking(tag)
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


def _is_closing(tag: re.Match[str]) -> bool:
    return bool(tag.group("closing") or tag.group("end") or tag.group("done"))


def _is_thinking(tag: re.Match[str]) -> bool:
    return bool(tag.group("thinking") or tag.group("channel") or tag.group("begun") or tag.group("done"))


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

"""Where in a reply the answer stands: what is thinking, and what follows its end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from musicflamingo_cli.scoring.nodes import strict_spans
from musicflamingo_cli.scoring.spans import Spans

_TAG = re.compile(
    r"(?:<|&lt;|\[|◁)[ \t]{0,4}\|?[ \t]{0,4}(?P<closing>/|end[_ -](?:of[_ -])?)?[ \t]{0,4}\|?"
    r"(?:(?:begin|start)[_ -](?:of[_ -])?|\w{1,12}:)?"
    r"(?:(?P<thinking>think|thinking|thoughts?|reasoning|reflection|scratchpad|(?<=<)analysis|(?<=/)analysis"
    r"|chain_of_thought|cot|internal|monologue|internal_monologue|thinking[_-]process|think-aloud|plan(?=>)"
    r"|inner_monologue)|answer|final_answer|final|solution)"
    r"(?:[_ -](?:(?P<end>end)|start|begin))?(?![\w-])[^<>\[\]▷&\n]{0,64}(?:>|&gt;|\]|▷)"
    r"|<\|channel\|>[ \t]{0,4}(?:(?P<channel>analysis|commentary)|final)\b[^<>\n]{0,40}<\|message\|>"
    r"|^[ \t]{0,4}(?P<begun>Thinking)\.\.\.[ \t]{0,4}$"
    r"|^[ \t]{0,4}(?P<done>\.\.\.[ \t]?done)[ \t](?:thinking)\.?[ \t]{0,4}$",
    re.IGNORECASE | re.MULTILINE,
)


def _misspelt(word: str) -> Iterator[str]:
    """The patterns of a word with a sign or space in it, or with a letter lost, swapped or added at its end."""
    for at in range(1, len(word)):
        yield word[:at] + r"[^\w\n]" + word[at:]
        yield word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
        yield word[:at] + word[at + 1 :] + r"(?=[ \t]{0,2}>)"
    yield word[1:] + r"(?=[ \t]{0,2}>)"
    yield word + r"\w?(?=[ \t]{0,2}>)"
    yield word + r"(?!\w|-\w)-?"


_DAMAGED = re.compile(
    r"(?<!\w)(?=[th])(?<!\w-)"
    rf"(?:{'|'.join(p for word in ('think', 'thinking') for p in _misspelt(word))}|(?<=<)think)[ \t/]{{0,3}}>?",
    re.IGNORECASE,
)
"""A mark of thinking with one sign or letter of it damaged: `t<hink>`, `<thnk>`, `<think`, `think>`."""
_FENCE = re.compile(
    r"^[ \t]{0,3}(```|~~~)[`~]{0,5}[ \t]{0,4}(?:think(?:ing)?|thoughts?|reasoning|scratchpad)\b[^\n`]{0,40}$",
    re.IGNORECASE | re.MULTILINE,
)
"""The beginning of a fence that holds thinking."""
_OTHER_TAG = re.compile(
    r"\s*<(rationale|reason|draft|planning|notes?|critique|deliberation|brainstorm(?:ing)?|working|reflect"
    r"|observations?)>",
    re.IGNORECASE,
)
"""A tag with which a reply begins that holds thinking under another name."""
_HEADING = re.compile(
    r"^[ \t]{0,3}(?:#{1,4}[ \t]+)?(?:\*\*|__)?(?:(?P<thinking>reasoning|thinking(?: process)?|thoughts?(?: process)?"
    r"|chain[ -]of[ -]thought|scratchpad)|(?:final )?answer|final (?:scores?|ratings?|result|output|json|evaluation))"
    r"(?:\*\*|__)?[ \t]{0,2}(?::(?:\*\*|__)?|$)",
    re.IGNORECASE | re.MULTILINE,
)
"""A heading or label over thinking, and one over the answer."""
_BEFORE = re.compile(r"[<>/\\|]?[^\w\s>]{0,2}[ \t]{0,4}\Z")
OUTSIDE, AFTER, ANSWER = 1, 2, 3
"""Ranks: outside all thinking; after the end of thinking; inside an answer tag."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a reply that is not thinking."""

    start: int
    end: int
    rank: int
    """`OUTSIDE`, `AFTER` or `ANSWER`; the highest that holds an answer counts."""


@dataclass(frozen=True, slots=True)
class _Tag:
    """A mark of where thinking, or an answer, begins or ends."""

    start: int
    end: int
    closing: bool = False
    thinking: bool = False
    slashed: bool = False
    """True if a slash stands right before it, which a closer may have lost."""


def answer_stretches(text: str) -> list[Stretch]:
    """The parts of a reply that are not thinking, in order.

    An opener that is never closed makes all that follows it thinking, unless an answer tag ends it; a closer without an
    opener makes all that precedes it thinking.
    """
    tags = _tags_of(text)
    last_closer = max((i for i, tag in enumerate(tags) if tag.thinking and tag.closing), default=-1)
    found: list[Stretch] = []
    state, start, outside = "outside", 0, OUTSIDE
    for index, tag in enumerate(tags):
        closing = tag.closing or (tag.slashed and state == "thinking")
        if tag.thinking and closing:
            if state != "thinking":
                found.clear()
            state, start, outside = "outside", tag.end, AFTER
        elif tag.thinking:
            if state != "thinking":
                found.append(Stretch(start, tag.start, ANSWER if state == "answer" else outside))
            state = "thinking"
        elif state == "thinking" and (closing or index < last_closer):
            continue
        elif closing:
            found.append(Stretch(start, tag.start, ANSWER))
            state, start = "outside", tag.end
        else:
            if state != "thinking":
                found.append(Stretch(start, tag.start, ANSWER if state == "answer" else outside))
            state, start = "answer", tag.end
    if state != "thinking":
        found.append(Stretch(start, len(text), ANSWER if state == "answer" else outside))
    return [s for s in found if s.end > s.start]


def _is_mentioned(text: str, tag: _Tag) -> bool:
    """Whether a mark is only spoken of: in quotes, closed at once, or before the word `tag`."""
    before, after = text[max(0, tag.start - 1) : tag.start], text[tag.end : tag.end + 8]
    quoted = before in tuple("`\"'“") and after[:1] in tuple("`\"'”")
    return (
        quoted or text[tag.start : tag.end].endswith("/>") or re.match(r"\s(?:tag|block|mark)s?\b", after) is not None
    )


def _tags_of(text: str) -> list[_Tag]:
    """Every mark of thinking and of an answer, in order."""
    tags = [
        _Tag(
            *tag.span(),
            closing=bool(tag.group("closing") or tag.group("end") or tag.group("done")),
            thinking=bool(tag.group("thinking") or tag.group("channel") or tag.group("begun") or tag.group("done")),
            slashed=text[max(0, tag.start() - 1) : tag.start()] == "/",
        )
        for tag in _TAG.finditer(text)
    ]
    tags = [tag for tag in tags if not _is_mentioned(text, tag)]
    taken = Spans((tag.start, tag.end) for tag in tags)
    for broken in _DAMAGED.finditer(text) if "<" in text or ">" in text else ():
        before = _BEFORE.search(text[max(0, broken.start() - 8) : broken.start()])
        start = broken.start() - (len(before.group()) if before else 0)
        if re.search("[<>]", text[start : broken.end()]) and not taken.hold(broken.start()):
            tags.append(_Tag(start, broken.end(), closing="/" in text[start : broken.start()], thinking=True))
    tags += _other_tags(text)
    pos = 0
    while fence := _FENCE.search(text, pos):
        end = re.compile(rf"^[ \t]{{0,3}}{fence.group(1)[:3]}[`~]*[ \t]*$", re.MULTILINE).search(text, fence.end())
        tags.append(_Tag(*fence.span(), thinking=True))
        if end is None:
            break
        tags.append(_Tag(*end.span(), closing=True, thinking=True))
        pos = end.end()
    if tags and "{" in text:
        quoted = Spans(strict_spans(text))
        tags = [tag for tag in tags if not quoted.hold(tag.start)]
    return sorted(tags, key=lambda tag: tag.start)


def _other_tags(text: str) -> list[_Tag]:
    """Thinking between a heading of its own and that of the answer, or in a tag of another name that comes first."""
    begun: re.Match[str] | None = None
    for heading in _HEADING.finditer(text):
        if heading.group("thinking"):
            begun = begun or heading
        elif begun is not None:
            return [_Tag(*begun.span(), thinking=True), _Tag(*heading.span(), closing=True, thinking=True)]
    if (tag := _OTHER_TAG.match(text)) is None:
        return []
    end = text.lower().find(f"</{tag.group(1).lower()}>", tag.end())
    closer = [_Tag(end, end + len(tag.group(1)) + 3, closing=True, thinking=True)] if end >= 0 else []
    return [_Tag(*tag.span(), thinking=True), *closer]


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

"""The words that prose gives under a field's label: `**Genre:** indie rock`, a list under `Instruments:`, or the
paragraphs under `## Description`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from musicflamingo_cli.scoring.keys import FieldIndex
from musicflamingo_cli.scoring.phrases import ANNOTATED, LEAD_MARKS, QUOTES, SEPARATOR
from musicflamingo_cli.scoring.values import clean_text, is_placeholder

_NEXT_LABEL = re.compile(r"[*_\"' ]{0,4}(?:\([^()\n]{0,24}\))?[*_\"' ]{0,4}[:=]")
_LIST_ITEM = re.compile(r"\s{0,12}[-*•+]\s{1,4}(\S[^\n]*)")
_OTHER_LABEL = re.compile(r"[-*•+]?[ \t]{0,4}[A-Z][\w /&-]{1,30}[ *_]{0,4}:(?=[\s*_])")
"""What looks like the label of something that is not asked."""
_FOLD = re.compile(r"[|>][+-]?")
"""The mark with which YAML begins a text of several lines."""
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_SHORT = frozenset(("genre", "subgenre", "tempo", "bpm", "key", "mode", "title", "artist", "language"))
"""Fields whose words never go on below the line of their label."""
_LONGEST = 20_000
"""Characters of a description of several paragraphs; more only a loop has."""
_ALONE = re.compile(r"[\s*_#:\"'`]{0,12}\Z")
_EDGES = " \t\r\n*_\"'`,;|-•"
_SPACES = " \t\r\n"
_BEFORE_MARK = re.compile(r"(?<=\S) {1,8}(?=[,.;)\]](?:\s|\Z))")


@dataclass(frozen=True, slots=True)
class Description:
    """The words under a label."""

    text: str | None = None
    reason: str | None = None
    """Why there are none: `cut_off`, `placeholder`."""


@dataclass(frozen=True, slots=True)
class Label:
    """A field's name that heads words."""

    name: str
    end: int
    is_last: bool
    """True if no other field's name heads words behind it: what other labels head then belongs to it."""
    is_closing: bool = False
    """True if every other field has had its words before it: what any label heads then belongs to it."""


def read_description(
    body: str, label: Label, following: Iterable[tuple[int, int]], index: FieldIndex
) -> Description | None:
    """The words after a label, up to the end of its line or to the next label on it; the paragraph under a heading.

    Where a pack asks for no numbers, words go on to the next label or heading, over as many lines as it takes.

    Args:
        body: The prose. Words that touch its end may be cut off and don't count.
        label: The field's name where it is a label or a heading.
        following: Where the next names of fields begin and end.
        index: The asked fields.
    """
    line_end = body.find("\n", label.end)
    stop = line_end if line_end >= 0 else len(body)
    annotated = ANNOTATED.match(body, label.end, stop)
    separator = SEPARATOR.match(body, annotated.end() if annotated else label.end, stop)
    if separator is None:
        heads = line_end >= 0 and _ALONE.match(body, label.end, stop) is not None
        return told(_paragraphs(body, line_end + 1, index, label), label.name) if heads else None
    for start, end in following:
        if start >= stop:
            break
        if _NEXT_LABEL.match(body, end):
            stop = start
            break
    if stop == len(body):
        return Description(reason="cut_off")
    begins = separator.start() + len(separator.group().rstrip(QUOTES))
    text = _tidy(body[begins:stop])
    text = "" if _FOLD.fullmatch(body[separator.end() : stop].strip()) else text
    if not text:
        return told(_paragraphs(body, stop + 1, index, label), label.name) if stop == line_end else None
    if stop < line_end or index.scored or (label.name in _SHORT and not label.is_closing):
        return told(text, label.name)
    more = _paragraphs(body, stop + 1, index, label)
    gap = "\n\n" if _BLANK_LINE.match(body, stop) else "\n"
    return told(None if more is None else text + gap + more, label.name)


def told(text: str | None, name: str) -> Description | None:
    """What a text under a label is worth; None where it says that there is nothing. None for a text is a cut one."""
    if text is None:
        return Description(reason="cut_off")
    cleaned = clean_text(_tidy(text))
    if cleaned is None or cleaned.lower() in ("null", "none", "n/a"):
        return None
    return Description(reason="placeholder") if is_placeholder(cleaned, name) else Description(cleaned)


def _tidy(text: str) -> str:
    """Words without the marks around them, and without the gaps that marks of Markdown among them leave.

    A quotation mark goes only with its partner: `"dark" and cold` keeps both.
    """
    bare = text.strip(_SPACES)
    stripped = bare.strip(_EDGES)
    at = bare.find(stripped)
    before, after = bare[:at], bare[at + len(stripped) :]
    if stripped and any(mark in before + after and mark in stripped for mark in "\"'"):
        stripped = bare.strip(_EDGES.translate({34: None, 39: None}))
    if stripped.endswith((" (", " /", " [")):
        stripped = stripped[:-2].rstrip()
    return _collapse(stripped)


def _collapse(text: str) -> str:
    return _BEFORE_MARK.sub("", re.sub(r"[ \t]{2,}", " ", text))


def _paragraphs(body: str, start: int, index: FieldIndex, label: Label) -> str | None:
    """The lines from `start` to the next label or heading, or, beside numbers, to the end of a paragraph or list.

    Lines that are all items of a list are joined by commas. None where the text breaks off in them.
    """
    lines: list[str] = []
    items: list[str] = []
    pos, end = start, min(len(body), start + _LONGEST)
    while pos < end:
        stop = body.find("\n", pos)
        line = body[pos : stop if stop >= 0 else len(body)].strip()
        if (line and not line.strip("-*_= ")) and (lines or len(line) < 3):
            break
        if line and not line.strip("-*_= "):
            pos = stop + 1 if stop >= 0 else end
            continue
        is_labelled = not label.is_closing and _is_label(line, index)
        if line.startswith("#") or is_labelled or (not label.is_last and _OTHER_LABEL.match(line)):
            break
        item = _LIST_ITEM.match(line)
        is_list_over = item is None and len(items) == len(lines)
        if index.scored and lines and (not line or is_list_over):
            break
        if stop < 0 and line:
            return None
        if line or lines:
            lines.append(_collapse(line))
        items += [_tidy(item.group(1))] if item else []
        pos = stop + 1 if stop >= 0 else end
    told = [line for line in lines if line]
    return ", ".join(items) if len(items) == len(told) else "\n".join(lines).strip()


def _is_label(line: str, index: FieldIndex) -> bool:
    """Whether a line begins with the label of a field, or is nothing but its name."""
    marks = LEAD_MARKS.match(line)
    name = index.label.match(line, marks.end() if marks else 0)
    if name is None:
        return False
    annotated = ANNOTATED.match(line, name.end())
    after = annotated.end() if annotated else name.end()
    return after >= len(line) or SEPARATOR.match(line, after) is not None

"""The prose of a reply as one text, without marks, tags and what they set apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from musicflamingo_cli.scoring.keys import FieldIndex, is_other_name
from musicflamingo_cli.scoring.nodes import Page
from musicflamingo_cli.scoring.parents import standing_of
from musicflamingo_cli.scoring.spans import Spans
from musicflamingo_cli.scoring.thinking import Stretch

_TAG = re.compile(r"<(/?)([A-Za-z][\w -]{0,60})(?:\s[^<>\n]{0,200})?/?>")
_OPENING = re.compile(r"<([A-Za-z][\w-]{0,60})>")
_CLOSER = re.compile(r"</([A-Za-z][\w -]{0,60})")
_DECORATION = re.compile(
    r"\*{2,}|__+|`+|(?<!\S)\*(?=\S)|(?<=\S)\*(?=[\s:,.;)]|\Z)|(?<=:)\*(?=\S)|&nbsp;"
    r"|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)"
)
_ESCAPED = re.compile(r"\\(?=[_.\-/%+()\[\]:,=\n])|<\|\w{1,40}\|>")
"""A backslash of Markdown, which never ends the text, and tokens that are no words: `<|im_end|>`."""
_STRUCK = re.compile(r"<(s|del|strike)>[^<>\n]{0,120}</\1>|~~[^~\n]{1,120}~~", re.IGNORECASE)
"""What a reply strikes out."""
_TEX = re.compile(
    r"\$\s?\\boxed\{([^{}$\n]{1,16})\}\s?\$|\\boxed\{([^{}$\n]{1,16})\}|\$\s?([\d.,/]{1,12}(?:\\?%)?)\s?\$"
)
"""A number in the marks of TeX."""
_BLANK = re.compile(r"(?<![\d.,])(\d[.,])(_{1,16})")
"""Digits to be filled in: `0.__`."""
_MARKS_PLACE = re.compile(r"[\s\"'*_,]{0,4}(?:\n|\Z)")
_AFTER_LABEL = re.compile(r"[:=][\s\"'*_]{0,6}\Z")
"""Around `<genre>` where it stands for an answer: `genre: <genre>`."""
_HTML = frozenset(
    """a b br code div em font h1 h2 h3 h4 h5 h6 hr i li ol p pre small span strong sub sup table tbody td th thead
    tr u ul""".split()  # noqa: SIM905
)
_GLUED_TITLE = re.compile(
    r"(?<=[^\s|>*#-])[ \t]{0,4}\*\*([A-Za-z][\w ]{2,24})\*\*(?=[ \t]{0,4}\n)"
    r"|(?<=\n)\*\*([A-Za-z][\w ]{2,24})\*\*[^\w\s*:]{0,3}(?=[ \t]?[-•][ \t])"
)
"""A bold title such as `**Weights**` that lost its newline, before it or behind it."""


def prose_body(page: Page, stretches: Sequence[Stretch], blanked: Spans, index: FieldIndex, prompt: str) -> str:
    """The prose as one text. Nothing is ever taken from its end: a number that touches it may be cut off."""
    parts: list[str] = []
    for stretch in stretches:
        for start, end in blanked.pieces(stretch.start, stretch.end):
            parts.append(page.folded[start:end] + ("" if end == len(page.folded) else "\n"))
    body = re.sub(r"\r\n?", "\n", "".join(parts))
    if "**" in body:
        body = _GLUED_TITLE.sub(_on_its_own_line, body)
    if "~~" in body or "</" in body:
        body = _STRUCK.sub(" ", body)
    if "$" in body:
        body = _TEX.sub(lambda tex: tex.group(1) or tex.group(2) or tex.group(3), body)
    if "<" in body:
        body = _without_other_tags(body)
        closed = frozenset(_CLOSER.findall(body))
        body = _TAG.sub(lambda tag: _plain_tag(tag, index, closed), body)
    if prompt:
        known = _lines_of(prompt)
        lines = body.split("\n")
        body = "\n".join(" " if line.strip() and " ".join(line.split()) in known else line for line in lines)
    body = _BLANK.sub(lambda blank: blank.group(1) + "?" * len(blank.group(2)), body)
    return _DECORATION.sub(
        lambda mark: " " * len(mark.group()), _ESCAPED.sub(lambda m: " " if len(m.group()) > 1 else "", body)
    )


def _on_its_own_line(found: re.Match[str]) -> str:
    title = found.group(1) or found.group(2)
    return f"\n{title}:\n" if is_other_name(title) else found.group()


@lru_cache(maxsize=64)
def _lines_of(prompt: str) -> frozenset[str]:
    return frozenset(" ".join(line.split()) for line in prompt.splitlines())


def _without_other_tags(body: str) -> str:
    """The text without what stands in tags such as `<weight>` or `<previous_scores>`, up to its end if one is not
    closed."""
    parts: list[str] = []
    at = 0
    for tag in _OPENING.finditer(body):
        name = tag.group(1)
        if tag.start() < at or not _is_other_tag(name):
            continue
        end = body.find(f"</{name}>", tag.end())
        parts.append(body[at : tag.start()])
        at = end + len(name) + 3 if end >= 0 else len(body)
    return "".join([*parts, body[at:]]) if parts else body


@lru_cache(maxsize=256)
def _is_other_tag(name: str) -> bool:
    return standing_of(name) == "other"


def _plain_tag(tag: re.Match[str], index: FieldIndex, closed: frozenset[str]) -> str:
    """XML-like tags named after a field become its label; others become space."""
    is_value = _AFTER_LABEL.search(tag.string[max(0, tag.start() - 8) : tag.start()]) is not None
    if index.known(tag.group(2)) and is_value and _MARKS_PLACE.match(tag.string, tag.end()):
        return tag.group()
    if index.known(tag.group(2)):
        return "\n" if tag.group(1) else f"\n{tag.group(2)}: "
    if re.search(r"\s\d", tag.group(2)):
        return tag.group()
    if tag.group(2).lower() not in _HTML and not tag.group(1) and tag.group(2) not in closed:
        return tag.group()
    return "\n" if tag.group(2).lower() in ("br", "p", "li", "tr", "div", "ul", "ol") else " "

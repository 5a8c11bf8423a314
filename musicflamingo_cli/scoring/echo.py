"""The prompt, repeated in a reply: blanked out, so that its examples are nobody's answer."""

from __future__ import annotations

import re
from functools import lru_cache

from musicflamingo_cli.scoring.nodes import Page

_MIN_ECHO = 48
"""Shorter coincidences with the prompt are no echo."""


def without_echo(page: Page, prompt: str) -> Page:
    """The page with the prompt blanked out wherever the reply repeats it, whole or (at its beginning) in part."""
    prompt = prompt.strip()
    if len(prompt) < _MIN_ECHO:
        return page
    spans: list[tuple[int, int]] = []
    at = page.text.find(prompt)
    while at >= 0:
        spans.append((at, at + len(prompt)))
        at = page.text.find(prompt, at + len(prompt))
    spans = spans or _partial_echo(page.text, prompt)
    if not spans:
        return page
    return Page(_blanked(page.text, spans), _blanked(page.folded, spans), page.stopped)


def _partial_echo(text: str, prompt: str) -> list[tuple[int, int]]:
    """The beginning of the prompt at the beginning of the reply, up to the last line or sentence that is the same."""
    start = len(text) - len(text.lstrip())
    end = start
    limit = min(len(text), start + len(prompt))
    while end < limit and text[end] == prompt[end - start]:
        end += 1
    if end - start < _MIN_ECHO:
        return []
    if text[end:].strip():
        end = max(text.rfind("\n", 0, end), text.rfind(". ", 0, end))
        brace = text.rfind("{", start, end)
        end = brace if brace > text.rfind("}", start, end) else end
    return [(start, end)] if end > start else []


@lru_cache(maxsize=64)
def bare_words(text: str) -> str:
    """A text without case, space and signs, by which the same key and number can be written differently."""
    return re.sub(r"[^\w.%/]|_", "", text).lower()


def is_told_by(prompt: str, name: str, words: str) -> bool:
    """Whether the prompt has these words, three or more, right behind a field's name: then they are its own."""
    said = bare_words(words[:400]).rstrip(".")
    return len(words.split()) > 2 and bare_words(name) + said in bare_words(prompt)


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += [text[at:start], "\n", " " * (end - start - 1)]
        at = end
    return "".join([*parts, text[at:]])

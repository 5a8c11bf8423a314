"""What was done to a reply as a whole: escapes, entities, marks of quotation, the prompt repeated before it."""

from __future__ import annotations

import html
import json
import re

_ENTITY = re.compile(r"&(?:quot|apos|lcub|colon|#(?:34|39|123|58|x22|x27|x7b|x3a));", re.IGNORECASE)
_ESCAPED = re.compile(r"[{,]\s{0,8}(?:\\[nrt]\s{0,8}){0,4}\\\"")
_PROPER = re.compile(r"[{,]\s*+\"")
_QUOTED_LINES = re.compile(r"^[ \t]{0,3}>[ \t]{0,3}(?:```\w{0,8}\s*\n[ \t]{0,3}>)?\s{0,3}\{", re.MULTILINE)


def decoded(text: str) -> tuple[str, tuple[str, ...]]:
    """Undo what was done to a text as a whole (entities, escapes, marks of quotation), and say what it was."""
    repairs: list[str] = []
    bare = text.strip("`\ufeff \t\r\n")
    if bare[:1] == '"' and bare[-1:] == '"' and "{" in bare[:24]:
        try:
            inner = json.loads(bare, strict=False)
        except ValueError:
            inner = None
        if isinstance(inner, str):
            text = inner + "\n"
            repairs.append("escaped_quotes")
    if "&" in text and _ENTITY.search(text) and not _PROPER.search(text):
        text = html.unescape(text)
        repairs.append("html_entities")
    if "\\" in text and _ESCAPED.search(text) and not _PROPER.search(text):
        text = re.sub(r"\\+([\"nrt])", lambda found: '"' if found[1] == '"' else "\n", text)
        repairs.append("escaped_quotes")
    if ">" in text and _QUOTED_LINES.search(text):
        text = re.sub(r"^[ \t]{0,3}>", " ", text, flags=re.MULTILINE)
        repairs.append("quoted_lines")
    return text, tuple(repairs)


def without_prompt(text: str, prompt: str) -> str:
    """The text without the prompt where it is repeated, whole or from its beginning on."""
    prompt = prompt.strip()
    if len(prompt) < 48:
        return text
    if prompt in text:
        return text.replace(prompt, "\n")
    start = len(text) - len(text.lstrip())
    if not text.startswith(prompt[:48], start):
        return text
    same = next((i for i, (a, b) in enumerate(zip(text[start:], prompt, strict=False)) if a != b), len(prompt))
    end = min(len(text), start + same)
    if not text[end:].strip():
        return ""
    return text[max(text.rfind("\n", 0, end), text.rfind(". ", 0, end), start) :]

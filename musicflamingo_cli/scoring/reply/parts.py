"""A reply as text: what is thinking, what follows it, what stands in an answer tag; escapes and echoes undone."""

from __future__ import annotations

import html
import json
import re
from difflib import get_close_matches
from typing import Literal, NamedTuple

import orjson

_TAG = re.compile(
    r"(?:<|\[|◁)\s{0,2}\|?(?P<closing>/|end_(?:of_)?)?\|?(?:(?:begin|start)_(?:of_)?)?"
    r"(?:(?P<thinking>think|thinking|thoughts?|reasoning|reflection|analysis|scratchpad|draft)|answer|final_answer)"
    r"(?:_(?:(?P<end>end)|start|begin))?\s{0,2}\|?(?:>|\]|▷)"
    r"|<\|channel\|>\s{0,3}(?:(?P<channel>analysis|commentary)|final)\b[^<>\n]{0,40}<\|message\|>",
    re.IGNORECASE,
)
_BRACKET = re.compile(r"[<◁]|\[(?=[\s/|]{0,3}[a-z])", re.IGNORECASE)
"""What a tag begins with; most replies have none."""
_FENCED = re.compile(
    r"(?<![^\s])(```|~~~)[ \t]{0,4}(?:think(?:ing)?|thoughts?|reasoning|scratchpad)\b[^\n`]{0,40}\n"
    r"(?s:.*?)(?:^[ \t]{0,3}\1[`~]*[ \t]*$|\Z)",
    re.IGNORECASE | re.MULTILINE,
)
"""A fence that is marked as thinking."""
_OPENER = re.compile(r"\s*\{?(?=[^{\"\n]{0,14}[<>])([^{\"\n]{0,14})")
"""The first signs of a reply where an angle bracket is among them: perhaps a damaged tag."""
_USER_TURN = re.compile(
    r"<\|(?:im_start|start_header_id|start)\|>\s{0,2}(?:user|human)\b|<start_of_turn>user\b|^(?:user|human)\s?:",
    re.IGNORECASE | re.MULTILINE,
)
_ENTITY = re.compile(r"&(?:quot|apos|lcub|colon|#(?:34|39|123|58|x22|x27|x7b|x3a));", re.IGNORECASE)
_ESCAPED = re.compile(r"[{,]\s{0,8}(?:\\[nrt]\s{0,8}){0,4}\\\"")
_PROPER = re.compile(r"[{,]\s*+\"")
_QUOTED_LINES = re.compile(r"^[ \t]{0,3}>[ \t]{0,3}(?:```\w{0,8}\s*\n[ \t]{0,3}>)?\s{0,3}\{", re.MULTILINE)
_SHORTEST_ECHO = 48
"""Characters of the prompt from which a beginning like it is an echo."""

Kind = Literal["said", "thought", "told"]


class Parts(NamedTuple):
    """A reply by what its stretches are for."""

    said: str
    """Where the answer stands: in the last answer tag, else behind the thinking, else outside of it."""
    beside: str
    """What else was said besides thinking."""
    reaches_end: bool
    """Whether `said` ends where the reply does, so that it may have been cut."""


class _Stretch(NamedTuple):
    """A part of a reply between two marks."""

    kind: Kind
    """`told` stands in an answer tag."""
    text: str
    end: int


def parts_of(text: str) -> Parts:
    """Part a reply into the answer and the words beside it.

    A next turn of the user, which the model made up, is left out.
    """
    lower = text.lower()
    turn = _USER_TURN.search(text) if "user" in lower or "human" in lower else None  # a fiftieth of the search's time
    is_whole = turn is None or not text[: turn.start()].strip()
    if turn is not None and not is_whole:
        text = text[: turn.start()]
    stretches = _stretches(text)
    told = [one for one in stretches if one.kind == "told"]
    plain = [one for one in stretches if one.kind == "said"]
    if told:
        said, rest = told[-1:], [*told[:-1], *plain]
    elif len(stretches) > len(plain) > 0 and re.search("[0-9{:]", plain[-1].text):
        said, rest = plain[-1:], plain[:-1]
    else:
        said, rest = plain, []
    return Parts(
        "\n".join(one.text for one in said),
        "\n".join(one.text for one in rest),
        is_whole and bool(said) and said[-1].end == len(text),
    )


def _stretches(text: str) -> list[_Stretch]:
    """What is said, thought and told, in order, without what is empty.

    An opener that is never closed makes all that follows it thinking; a closer without an opener all that precedes it.
    """
    marks = [
        (*tag.span(), bool(tag["thinking"] or tag["channel"]), bool(tag["closing"] or tag["end"]))
        for tag in (_TAG.finditer(text) if _BRACKET.search(text) else ())
    ]
    for fence in _FENCED.finditer(text) if "```" in text or "~~~" in text else ():
        marks += [(fence.start(), fence.start(), True, False), (fence.end(), fence.end(), True, True)]
    if (opener := _OPENER.match(text)) and get_close_matches(
        "".join(re.findall("[a-z]", opener[1].lower())), ("think", "thinking"), cutoff=0.8
    ):
        marks.append((0, 0, True, False))
    if not marks or _is_strict_object(text):
        return [_Stretch("said", text, len(text))]
    marks.sort(key=lambda mark: mark[:2])
    last_closer = max((i for i, mark in enumerate(marks) if mark[2] and mark[3]), default=-1)
    found: list[tuple[Kind, int, int]] = []
    kind: Kind = "said"
    start = 0
    for i, (at, end, is_thinking, is_closing) in enumerate(marks):
        if kind == "thought" and not (is_thinking and is_closing) and (is_thinking or is_closing or i < last_closer):
            continue  # a mark within thinking
        if is_thinking and is_closing and kind != "thought":
            found.clear()
            kind, start = "thought", 0
        found.append((kind, start, at))
        kind, start = "said" if is_closing else "thought" if is_thinking else "told", end
    found.append((kind, start, len(text)))
    stretches = [_Stretch(kind, text[start:end], end) for kind, start, end in found]
    return [one for one in stretches if one.kind == "thought" or one.text.strip()]


def _is_strict_object(text: str) -> bool:
    """Whether a text is one strict object, perhaps fenced: what looks like a tag in it is a string's."""
    bare = text.strip("\ufeff` \t\r\n")
    try:
        orjson.loads(bare[4:] if bare[:4].lower() == "json" else bare)
    except orjson.JSONDecodeError:
        return False
    return True


def thinking_of(text: str) -> str | None:
    """The thinking of a reply, for a column of its own; None where it holds none."""
    thoughts = " ".join(one.text for one in _stretches(text) if one.kind == "thought")
    return " ".join(_TAG.sub(" ", thoughts).split()) or None


def final_words(text: str) -> str | None:
    """What a reply says besides thinking, whole: the answer tag's text, else what follows or surrounds the thinking."""
    stretches = _stretches(text)
    told = [one for one in stretches if one.kind == "told"]
    last = max((i for i, one in enumerate(stretches) if one.kind == "thought"), default=-1)
    said = told or stretches[last + 1 :] or [one for one in stretches if one.kind == "said"]
    return "\n".join(one.text.strip() for one in said) or None


def decoded(text: str) -> tuple[str, tuple[str, ...]]:
    """Undo what was done to a text as a whole (entities, escapes, marks of quotation), and say what it was."""
    repairs: list[str] = []
    bare = text.strip("`\ufeff \t\r\n")
    if bare[:1] == '"' and bare[-1:] == '"' and "{" in bare[:24]:
        try:
            text = f"{json.loads(bare, strict=False)}\n"
            repairs.append("escaped_quotes")
        except ValueError:
            pass
    if "&" in text and _ENTITY.search(text) and not _PROPER.search(text):
        text = html.unescape(text)
        repairs.append("html_entities")
    if "\\" in text and _ESCAPED.search(text) and not _PROPER.search(text):
        text = re.sub(r"\\+([\"nrt])", lambda found: '"' if found[1] == '"' else "\n", text.replace('"{', "{", 1))
        repairs.append("escaped_quotes")
    if ">" in text and _QUOTED_LINES.search(text):
        text = re.sub(r"^[ \t]{0,3}>", " ", text, flags=re.MULTILINE)
        repairs.append("quoted_lines")
    return text, tuple(repairs)


def without_prompt(text: str, prompt: str) -> str:
    """The text without the prompt where it is repeated, whole or from its beginning on."""
    prompt = prompt.strip()
    if len(prompt) < _SHORTEST_ECHO:
        return text
    if prompt in text:
        return text.replace(prompt, "\n")
    bare = text.lstrip()
    if not bare.startswith(prompt[:_SHORTEST_ECHO]):
        return text
    end = next((i for i, (a, b) in enumerate(zip(bare, prompt, strict=False)) if a != b), min(len(bare), len(prompt)))
    if not bare[end:].strip():
        return ""
    return bare[max(bare.rfind("\n", 0, end), bare.rfind(". ", 0, end), 0) :]

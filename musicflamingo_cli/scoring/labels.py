"""What stands before an object: a label, a heading or a key that says whether it is the answer."""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.folding import without_strays
from musicflamingo_cli.scoring.introductions import is_introduction
from musicflamingo_cli.scoring.keys import HEARD, is_other_name
from musicflamingo_cli.scoring.other_leads import OWN_TITLE, announces_other, ends_open, is_other_lead
from musicflamingo_cli.scoring.parents import standing_of

_FENCE_BEFORE = re.compile(r"(?:`{3,8}|~{3,8})[ \t]{0,4}[\w+-]{0,20}\s{0,16}\Z")
_CLOSED = re.compile(r"</[A-Za-z][\w -]{1,40}>")
"""What a closed tag held says nothing of what follows it."""
_NO_ANSWER = re.compile(r"\b(?:wrong|bad|incorrect|invalid)\b", re.IGNORECASE)
_NOT_THE_ANSWER = re.compile(
    r"(?<![a-z])(?:examples?|e\.g|template|schema|weights?|weightings?|confidences?|placeholder|previous|reference|old"
    r"|earlier|drafts?|initial|discarded|ignored?|outdated|users?)\b|^\W*(?:and |but )?(?:do )?not\b"
    r"|\brather than\W*\Z|\bdon't\b",
    re.IGNORECASE,
)
_THE_ANSWER = re.compile(
    r"(?<!example )(?<!template )(?<!previous )\b(?:answer|final|result|my|actual)\b", re.IGNORECASE
)
_ORDINARY = re.compile(
    rf"{_THE_ANSWER.pattern}|{OWN_TITLE.pattern}|\bother words\b|\bafter (?:listening|hearing)\b", re.IGNORECASE
)
"""What says in a short label that what follows it is the answer."""
_FORMAT_LABEL = re.compile(
    r"\W{0,12}(?:the\s+)?(?:expected|required|requested|output|response|json|answer)?\s*(?:format"
    r"|structure)(?:\s+is)?\W{0,12}",
    re.IGNORECASE,
)
_SHORT_TITLE = re.compile(r"[\s>*_-]{0,8}[A-Za-z][\w'’-]*(?:[ \t][\w'’()-]+){0,4}[*_ \t]{0,4}")
"""A line of a few words that nothing ends."""
_CJK_TITLE = re.compile(r"[\s>*_-]{0,8}[^\s.!?,;。]{0,16}[\u3040-\u30ff\u4e00-\u9fff][^\s.!?,;。]{0,16}[*_ \t]{0,4}")
"""The same in scripts without spaces."""
_FRAME = " \t`~*_>#[](){\"'“”"
_UNDER_A_KEY = re.compile(
    r"[\"'“‘]([^\"'“”\n]{1,60})[\"'”’][\"'”’\])\[({]{0,2}\s{0,4}"
    r"(?:([:=])(?:\W{0,16}|[^\w}\n]{0,8}\w{1,3}[^\w}\n]{0,8})|[\[({\s\"'“]{0,16})\Z",
    re.IGNORECASE,
)
"""A quoted key and its colon right before an object: it stands in another one that could not be read."""


_BEFORE_TITLE = re.compile(
    r"\b(?:for|of|on|to|titled|called|named|song|track|title|name|analysis|evaluation|review)\W{0,4}\s\Z", re.IGNORECASE
)
"""What makes the quoted words behind it the title of the song."""


def is_mislabelled(text: str, start: int) -> bool:
    """Whether what stands before the object at `start` says that it is not the answer."""
    near = text[max(0, start - 240) : start]
    before = _CLOSED.split(_FENCE_BEFORE.sub("", near))[-1]
    is_fenced = _FENCE_BEFORE.search(near) is not None
    key = _UNDER_A_KEY.search(before[-100:])
    if key is not None and not _BEFORE_TITLE.search(before[-100:][: key.start()]):
        standing = standing_of(key.group(1))
        if standing == "other" or (key.group(2) and standing == "unknown" and not is_fenced):
            return True
    lines = [line for line in before.splitlines() if line.strip(_FRAME).strip("}]") not in ("", "json", "python")]
    if not lines:
        return False
    line = HEARD.sub(" ", lines[-1]).rstrip("`~ \t[({\"'*_|").strip("| \t")
    if "}" in line and ":" in line.rpartition("}")[0]:
        line = line.rpartition("}")[2].strip(" ,;")
        if not line.strip(_FRAME):
            return False
    line = re.sub(r":\W{1,2}\Z", ":", line)
    own_line = before.rstrip(" \t[({\"'").endswith(lines[-1].rstrip(" \t[({\"'"))
    line = line if is_other_name(line) else without_strays(line)
    title = lines[-1].strip("| \t")
    is_title = title.startswith("#") or (title.startswith("**") and title.rstrip(" :").endswith("**"))
    is_title = (
        is_title
        or re.fullmatch(r"[A-Z][a-z]{2,}[.,;]", title) is not None
        or _CJK_TITLE.fullmatch(title) is not None
        or (_SHORT_TITLE.fullmatch(title) is not None and before.rstrip(f"{_FRAME}|\n").endswith(title.rstrip(_FRAME)))
    )
    if is_introduction(line):
        return False
    if announces_other(lines[-1]):
        return True
    is_label = own_line or line.endswith((":", "=", ":**")) or ends_open(line) or is_title
    if not is_label:
        return False
    clause = re.split(r"[,;!?}\]]\s|\.\s", line.rstrip(":= "))[-1]
    if (line[:-1].endswith(('"', "'")) or len(clause.split()) <= 2) and is_other_name(clause):
        return True
    if (
        len(clause.split()) <= 3
        and line.endswith(":")
        and standing_of(clause) == "other"
        and not any(c.isdigit() for c in clause)
        and not _ORDINARY.search(clause)
    ):
        return True
    clause = HEARD.sub(" ", clause)
    if _FORMAT_LABEL.fullmatch(clause) or _NO_ANSWER.search(clause) or is_other_lead(line):
        return True
    return _NOT_THE_ANSWER.search(clause) is not None and _THE_ANSWER.search(clause) is None

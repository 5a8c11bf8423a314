"""What stands before a field's name in prose, and whether the name there is a label, or can bear a statement at all."""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.other_leads import is_other_lead
from musicflamingo_cli.scoring.phrases import (
    BEFORE_NAME,
    LAST_WORD,
    LEAD_MARKS,
    LEAD_WORDS,
    SENTENCE_END,
    STRONG,
    WEAK,
)

_REACH = 400
_LONGEST_LABEL = 120
_AFTER_MARK = re.compile(r"[,;:|/•·&.!?)(–—][\s\"'“*_(\[]{0,4}\Z")
_AFTER_NUMBER = re.compile(r"[\s\d.,;/%+]{1,23}(?:\band\b|\bwith\b|&)?\s{0,4}")


def lead_of(body: str, start: int) -> str:
    """What precedes a name on its line, at most 400 characters of it."""
    line = body.rfind("\n", max(0, start - _REACH), start) + 1
    return body[max(line, start - _REACH) : start]


def sentence_of(lead: str) -> str:
    """The part of a lead that belongs to the name's own sentence."""
    return lead[max((end.end() for end in SENTENCE_END.finditer(lead)), default=0) :]


def begins_line(lead: str) -> bool:
    """Whether nothing but marks, or words such as `the score for`, stands before a name on its line."""
    if len(lead) > _LONGEST_LABEL:
        return False
    return LEAD_MARKS.fullmatch(lead) is not None or LEAD_WORDS.fullmatch(lead) is not None


def is_label(body: str, lead: str, start: int, boundary: int) -> bool:
    """Whether a name stands where a label stands: at the start of a line, after punctuation, or after the number of
    the label before it, which stands at `boundary`."""
    if begins_line(lead):
        return True
    since = body[max(boundary, start - len(lead)) : start]
    return _AFTER_MARK.search(since) is not None or _AFTER_NUMBER.fullmatch(since) is not None


def may_state(body: str, lead: str, start: int, boundary: int) -> bool:
    """Whether the words before a name leave it what it is: no modifier, no condition, no weight."""
    sentence = sentence_of(lead)
    if STRONG.search(sentence) or is_other_lead(sentence):
        return False
    local = sentence[-min(len(sentence), start - boundary) :] if sentence and boundary < start else ""
    if WEAK.search(local):
        return False
    if boundary and re.fullmatch(r"[\s\d.,;/%]*", body[boundary:start]):
        return True
    word = LAST_WORD.search(lead)
    if word is not None:
        return word.group(1).lower() in BEFORE_NAME
    return not re.search(r"[\d+*×/=]\s{0,3}\Z", lead) or LEAD_MARKS.fullmatch(lead) is not None

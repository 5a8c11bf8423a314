"""What stands before a field's name in prose, and whether the name there is a label, or can bear a statement at all."""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.other_leads import is_other_lead
from musicflamingo_cli.scoring.phrases import (
    BEFORE_NAME,
    CLAUSE_BEFORE,
    LEAD_MARKS,
    LEAD_WORDS,
    OWN_SCALE,
    PLACED,
    SENTENCE_END,
    STRONG,
    VERB,
    WEAK,
)

_CLAUSES = re.compile(r":(?!\d)|;|—|,\s+(?:so|but|thus|hence|yet)\s", re.IGNORECASE)
_REACH = 400
_LONGEST_LABEL = 120
_REMARK = re.compile(r"(?<=[\d%])\s?\((?![^()\n]{0,120}(?:\d[.,]\d|\d\s?[%/]))[^()\n]{1,120}\)(?=[;,])")
"""A remark on the number of the name before: it says nothing of the next one."""
_GOES_ON = frozenset(
    "and with whose of a an the its in to for say is are which that at by while but or than as".split()  # noqa: SIM905
)
"""Words that no sentence ends with."""
_WORDS = re.compile(r"[^\W\d_][\w'’]*")
_WRAPPED = re.compile(r"[a-z\d(\"'“]")
"""How a line begins that may go on with the sentence of the line above."""
_AFTER_MARK = re.compile(r"[,;:|/•·&.!?)(–—][\s\"'“*_(\[]{0,4}\Z")
_AFTER_NUMBER = re.compile(r"[\s\d.,;/%+]{1,23}(?:\band\b|\bwith\b|&)?\s{0,4}")


def lead_of(body: str, start: int) -> str:
    """What precedes a name on its line, at most 400 characters of it; and on the line above where a sentence wraps."""
    line = body.rfind("\n", max(0, start - _REACH), start) + 1
    lead = _REMARK.sub(lambda remark: " " * len(remark.group()), body[max(line, start - _REACH) : start])
    if line < 2 or not _WRAPPED.match(body, line):
        return lead
    above = body[max(body.rfind("\n", max(0, line - _REACH), line - 1) + 1, line - _REACH) : line - 1]
    return f"{above.rstrip()} {lead}" if _wraps(above) else lead


def _wraps(line: str) -> bool:
    """Whether a line of several words breaks off where more must follow."""
    words = line.strip().lower().split()
    return len(words) >= 5 and "|" not in line and (words[-1] in _GOES_ON or (words[-1][-1] == "," and ":" not in line))


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
    if WEAK.search(_CLAUSES.split(OWN_SCALE.sub(" ", local))[-1]):
        return False
    if boundary and re.fullmatch(r"[\s\d.,;/%]*", body[boundary:start]):
        return True
    if re.search(r"[\d+*×/=]\s{0,3}\Z", lead) and LEAD_MARKS.fullmatch(lead) is None:
        return False
    return says_nothing_else(local or sentence)


def says_nothing_else(words: str) -> bool:
    """Whether the last clause of the words before a name, or before a number that is said for one, only leads up to it.

    It is held to a list of words: what else could stand there has no end (`the gap in`, `I hesitated to give`).
    """
    start, before = 0, ""
    for mark in CLAUSE_BEFORE.finditer(words):
        if mark.group().lower() != "and" or VERB.search(words[start : mark.start()]):
            before = words[start : mark.start()]
            start = mark.end()
    if start and PLACED.fullmatch(before):
        return False
    return all(word.lower().strip("'’") in BEFORE_NAME for word in _WORDS.findall(words[start:]))

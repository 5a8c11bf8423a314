"""What stands behind its label: on a line of its own, in a table's cell, in a tag. No sentences, in no language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from musicflamingo_cli.records import FieldAnswer
from musicflamingo_cli.scoring.reply.labels import LABEL, MARKS, VALUED, Collector, Line, tagged
from musicflamingo_cli.scoring.reply.names import Match, Names
from musicflamingo_cli.scoring.reply.numbers import NUMBER, PLACEHOLDER, Reading, agreed, read_number

_VALUE = re.compile(VALUED, re.IGNORECASE)
_BRACKETED = re.compile(rf"\s*+(?=[^\s(])[^0-9():]++\((?P<number>{NUMBER})\)[\s*_.]*", re.IGNORECASE)
"""`remark (number)`."""
_EMPHASIS = re.compile(r"(\*{1,3})([^*\n]+)\1")


@dataclass(slots=True)
class Labelled:
    """What the labelled lines of a text state."""

    found: dict[str, Reading | FieldAnswer] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    """The numbers of the lines that belong to the answer."""
    has_more: bool = False
    """Whether a table has further columns, which may speak of a scale."""


def read_lines(text: str, names: Names, prompt: str, is_cut: bool, assume: float | None) -> Labelled:
    """Read the labelled lines of a text. Two lines that state one field differently leave it `ambiguous`.

    Args:
        text: What was said besides thinking, without its objects.
        names: What is asked.
        prompt: Its lines are no answer.
        is_cut: Whether the text's last line may be unfinished.
        assume: What bare scores count out of; None for their own range.
    """
    lines, prompt = text.split("\n"), prompt.lower()
    last = len(lines) - 1 if is_cut else -1
    collector = Collector(lines, names)
    stated = collector.collect() + (tagged(text, names) if "</" in text else [])
    told = {number for number in {one.number for one in stated} if _is_told(lines[number], prompt)}
    stated = [one for one in stated if not one.rest.strip() or one.number not in told]
    answer = Labelled(used=collector.used, has_more=collector.has_more)
    readings: dict[str, list[Reading]] = {}
    others: dict[str, list[Reading]] = {}
    scored = [_BRACKETED.fullmatch(one.rest) for one in stated if one.match.field.kind != "text"]
    is_bracketed = all(scored) and len(scored) >= min(2, len(names.scored))
    for one in stated:
        name = one.match.field.name
        if not one.is_other:
            answer.used.add(one.number)
        if one.match.field.kind == "text":
            words = _words(one, lines, names, last, answer.used)
            if words.value is not None or name not in answer.found:
                answer.found[name] = words
            continue
        reading = Reading(reason="cut_off")
        if one.is_closed or one.number != last:
            form = _BRACKETED.fullmatch(one.rest) if is_bracketed else None
            reading = _number(form["number"] if form else one.rest, one.match, assume)
        (others if one.is_other else readings).setdefault(name, []).append(reading)
    answer.found |= {name: agreed(several + others.get(name, [])) for name, several in readings.items()}
    return answer


def _is_told(line: str, prompt: str) -> bool:
    """Whether a line is one of the prompt's."""
    bare = line.strip(MARKS).lower()
    return len(bare) > 8 and bare in prompt


def _number(rest: str, match: Match, assume: float | None) -> Reading:
    found = _VALUE.fullmatch(rest.strip())
    if found is None or (found["stop"] and found["number"].isdigit()):
        return read_number(rest, match.field, match.scale, assume)
    reading = read_number(found["number"], match.field, match.scale, assume)
    if reading.whole and found["remark"]:  # it may say what the number is out of
        return Reading(reason="unclear_scale", written=reading.written)
    return reading


def _words(line: Line, lines: Sequence[str], names: Names, last: int, used: set[int]) -> FieldAnswer:
    """The words behind a label, in a pack without numbers over all lines up to the next label."""
    parts, end = [line.rest], line.number
    while not line.is_closed and (not names.scored or not line.rest.strip()) and end + 1 < len(lines):
        following = lines[end + 1]
        label = LABEL.fullmatch(following)
        if names.match(label["name"] if label else following.strip(MARKS)) is not None:
            break
        if names.scored and (len(parts) > 1 or not following.strip()):
            break
        parts.append(following.strip())
        end += 1
        used.add(end)
    if end == last and not line.is_closed:
        return FieldAnswer(reason="cut_off")
    text = "\n".join(parts)
    text = (_EMPHASIS.sub(r"\2", text) if "*" in text else text).strip(" \t\n\r*_`,，;")
    if len(text) > 1 and text[0] in '"“' and text[-1] in '"”' and not re.search('["“”]', text[1:-1]):
        text = text[1:-1]
    if PLACEHOLDER.fullmatch(text):
        return FieldAnswer(reason="placeholder")
    return FieldAnswer(text, "labelled") if text else FieldAnswer(reason="missing")

"""What stands behind its label: on a line of its own, in a table's cell, in a tag. No sentences, in no language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from musicflamingo_cli.records import FieldAnswer
from musicflamingo_cli.scoring.reply.names import HOLDERS, OTHER, Match, Names, holder, words_of
from musicflamingo_cli.scoring.reply.numbers import NO_SCALE, NUMBER, PLACEHOLDER, Reading, Scale, agreed, read_number

_MARKS = " \t>-*•+#_`\"'“”"
_AROUND = " \t*_`\"'“”"
_LABEL = re.compile(
    r"[ \t>]*(?:[-*•+]\s+|#{1,6}\s+|\d{1,2}[.)]\s+)*+[*_`\"'“”]{0,3}(?P<name>[^:=：|<>\n]{1,104}+)"
    r"(?:[:：]|=(?!=))(?:\*{1,3}(?=\s))?(?P<rest>.*)"
)
_VALUED = (
    rf"[\s*_`\"']{{0,6}}(?P<number>{NUMBER})(?P<stop>\.?)[\s*_`\"']{{0,6}}[,，]?"
    r"(?:\s?(?:--?|–|—)\s(?P<remark>[^0-9]*))?"
)
"""A number with its unit, and a remark without a digit behind a dash."""
_VALUE = re.compile(_VALUED, re.IGNORECASE)
_BELOW = re.compile(rf"(?:[\s>*_`-]*(?:score|rating)[\s*_`]*:|[ \t*_`]*)(?P<rest>{_VALUED})[ \t*_`]*", re.IGNORECASE)
"""A number alone on its line, below its label."""
_BRACKETED = re.compile(rf"[^0-9()]*[^0-9()\s][^0-9()]*\((?P<number>{NUMBER})\)[\s*_.]*", re.IGNORECASE)
"""`remark (number)`."""
_RULE = re.compile(r"[\s|:\-=+]*-[\s|:\-=+]*")
_HEADS = frozenset(("score", "scores", "rating", "ratings", "value", "values"))
"""What the column of the scores is headed by; other words of the closed list may stand beside it."""
_NOTE = re.compile(r"\s*[(\[/%].*")
_ALONE = re.compile(r"\s*+[.,]?[0-9]++(?:[.,][0-9]++)?,?\s*+")
_TAG = re.compile(r"<(?P<closing>/)?(?P<name>[A-Za-z][\w -]{0,60})>(?:(?P<value>[^<\n]{0,200})</(?P=name)>)?")
_DIGIT = re.compile("[0-9]")
_EMPHASIS = re.compile(r"(\*{1,3})([^*\n]+)\1")


class Line(NamedTuple):
    """A labelled line, or a cell of a table."""

    match: Match
    rest: str
    """What stands behind the label."""
    number: int
    """Of the line, from 0."""
    is_closed: bool = False
    """Whether a closing tag ends it, so that it neither goes on nor was cut."""


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
    collector = _Collector(lines, names)
    stated = collector.collect()
    if "</" in text:
        stated += _tags(text, names)
    told = {number for number in {one.number for one in stated} if _is_told(lines[number], prompt)}
    stated = [one for one in stated if not one.rest.strip() or one.number not in told]
    answer = Labelled(used=collector.used, has_more=collector.has_more)
    readings: dict[str, list[Reading]] = {}
    bracketed = _bracketed(stated, lines, names)
    for one in stated:
        name = one.match.field.name
        answer.used.add(one.number)
        if one.match.field.kind == "text":
            words = _words(one, lines, names, last, answer.used)
            if words.value is not None or name not in answer.found:
                answer.found[name] = words
        else:
            rest = bracketed.get(one.number, one.rest)
            reading = _number(rest, one.match, assume)
            if one.number == last and not one.is_closed:
                reading = Reading(reason="cut_off")
            elif reading.value is not None and _goes_on(one, lines):
                reading = Reading(reason="ambiguous", written=reading.written)
            readings.setdefault(name, []).append(reading)
    answer.found |= {name: agreed(several) for name, several in readings.items()}
    return answer


class _Collector:
    """Goes through the lines once and keeps what each is labelled with."""

    def __init__(self, lines: Sequence[str], names: Names) -> None:
        self.lines, self.names = lines, names
        self.found: list[Line] = []
        self.used: set[int] = set()
        self.has_more = False
        self._column: tuple[int, Scale] | None = None
        """Of the table here: the column of the scores (0: no head tells, -1: the head names none) and its scale."""
        self._heading: Line | None = None
        """A label alone on the line before."""
        self._turned: list[int] | None = None
        """Places in `found` of the labels with a number below, where one stood above the first, too; else None."""
        self._outer: list[tuple[int, bool]] = []
        """The names that lines stand under: how far in, and whether an answer may stand there."""

    def collect(self) -> list[Line]:
        for number, line in enumerate(self.lines):
            bare = line.strip()
            if not bare:
                continue
            if "{" in bare or "｛" in bare:
                break  # of JSON that could not be read: who knows what the lines below are nested in
            if "|" in bare:
                below = self.lines[number + 1] if number + 1 < len(self.lines) else ""
                heads = "-" in below and _RULE.fullmatch(below) is not None
                if bare[0] == "|" or self._column is not None or (heads and "|" in below):
                    self._row(bare, heads, number)
                    continue
            self._column = None
            heading, self._heading = self._heading, None
            alone = _BELOW.fullmatch(line)
            if heading is not None and alone is not None:
                self.used.add(heading.number)
                if self._turned is not None:
                    self._turned.append(len(self.found))
                self.found.append(Line(heading.match, alone["rest"], number))
                continue
            if heading is not None:
                self._turn()
            self._labelled(line, bare, number)
            if alone is not None or self._heading is None:
                self._turned = None if alone is None else []
        if self._heading is not None:
            self._turn()
        return self.found

    def _turn(self) -> None:
        """Numbers and labels that begin with a number and end with a label: each number may belong to the one below."""
        for place in self._turned or ():
            self.found[place] = self.found[place]._replace(rest="?" + self.found[place].rest)
        self._turned = None

    def _row(self, bare: str, heads: bool, number: int) -> None:
        """Read a row of a table, or its head."""
        cells = [cell.strip() for cell in bare.strip("|").split("|")]
        self.used.add(number)
        if _RULE.fullmatch(bare):
            self._column = self._column or (0, NO_SCALE)
            return
        if heads:
            scored = [i for i, cell in enumerate(cells) if i and _is_score_head(cell)]
            if not any(cells):  # a head without words
                self._column = (0, NO_SCALE)
                return
            scale = holder(re.sub(r"^\W*\w+", "score", cells[scored[0]])) if len(scored) == 1 else None
            self._column = (scored[0], scale) if scale is not None else (-1, NO_SCALE)
            self.has_more = self.has_more or len(cells) > 2
            return
        column, scale = self._column = self._column or (0, NO_SCALE)
        match = self.names.match(cells[0].strip(" *_`:"))
        if match is None or len(cells) < 2:
            return
        if match.scale is NO_SCALE:
            match = match._replace(scale=scale)
        if match.field.kind == "text":
            rest = cells[1]
        elif column > 0:
            rest = "".join(cells[column : column + 1])
        elif column == 0:
            rest = " ".join(cell for cell in cells[1:] if _DIGIT.search(cell))
        else:
            return
        self.found.append(Line(match, rest, number))

    def _labelled(self, line: str, bare: str, number: int) -> None:
        label = _LABEL.fullmatch(line)
        name, rest = (label["name"].rstrip(_AROUND), label["rest"]) if label else (bare.strip(_MARKS), "")
        match, is_alone = self.names.match(name), not rest.strip(" *_`")
        indent = len(line) - len(line.lstrip(" \t>"))
        while self._outer and indent <= self._outer[-1][0]:
            self._outer.pop()
        if match is not None and not is_alone:
            if all(may_hold for _, may_hold in self._outer):
                self.found.append(Line(match, rest, number))
        elif match is not None:
            self._heading = Line(match, "", number)
            if match.field.kind == "text":
                self.found.append(self._heading)
        elif is_alone and (bare[0] == "#" or (bare[0] in "*_" and bare[-1] in "*_:") or bare[-1] in ":："):
            # nothing nests over a blank line
            following = self.lines[number + 1] if number + 1 < len(self.lines) else ""
            if indent or following[:1] in (" ", "\t"):
                self._outer.append((indent, holder(name) is not None))
            else:
                self._outer = [(-1, OTHER.isdisjoint(words_of(name)))]


def _is_score_head(cell: str) -> bool:
    words = set(words_of(_NOTE.sub("", cell)))
    return not words.isdisjoint(_HEADS) and words <= HOLDERS | _HEADS


def _tags(text: str, names: Names) -> list[Line]:
    """`<label>number</label>`, at the top or in tags of the closed list."""
    found: list[Line] = []
    outer: list[tuple[str, bool]] = []
    number = at = 0
    for tag in _TAG.finditer(text):
        number += text.count("\n", at, tag.start())
        at, name = tag.start(), tag["name"]
        if tag["value"] is not None:
            match = names.match(name)
            if match is not None and all(may_hold for _, may_hold in outer):
                found.append(Line(match, tag["value"], number, True))
        elif not tag["closing"]:
            outer.append((name, holder(name) is not None))
        elif outer and outer[-1][0] == name:
            outer.pop()
    return found


def _is_told(line: str, prompt: str) -> bool:
    """Whether a line is one of the prompt's."""
    bare = line.strip(_MARKS).lower()
    return len(bare) > 8 and bare in prompt


def _goes_on(line: Line, lines: Sequence[str]) -> bool:
    """Whether below a labelled number a number stands alone: a second one, or the rest of the first."""
    below = lines[line.number + 1] if line.number + 1 < len(lines) else ""
    return not line.is_closed and _ALONE.fullmatch(below) is not None


def _bracketed(stated: Sequence[Line], lines: Sequence[str], names: Names) -> Mapping[int, str]:
    """The numbers of lines `Label: remark (number)` by line, if every line of their block is one, else none."""
    scored = sorted({one.number for one in stated if one.match.field.kind != "text"})
    if not any("(" in lines[number] for number in scored):
        return {}
    found: dict[int, str] = {}
    for number in range(scored[0], scored[-1] + 1):
        label = _LABEL.fullmatch(lines[number])
        form = _BRACKETED.fullmatch(label["rest"]) if label else None
        if form is not None:
            found[number] = form["number"]
        elif lines[number].strip():
            return {}
    return found if len(found) >= min(2, len(names.scored)) else {}


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
        label = _LABEL.fullmatch(following)
        if names.match(label["name"] if label else following.strip(_MARKS)) is not None:
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

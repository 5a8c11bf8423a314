"""Scores and descriptions stated in prose, markdown, YAML-like lines and tables.

A number counts for a field only where the words between its name and the number leave no doubt: a label and a colon,
a cell of a table, or a short list of known words ("production quality gets a solid 0.8"). What is doubtful is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.descriptions import Description, read_description
from musicflamingo_cli.scoring.keys import FieldIndex, is_other_name
from musicflamingo_cli.scoring.leads import begins_line, is_label, lead_of, may_state, sentence_of
from musicflamingo_cli.scoring.nodes import Page
from musicflamingo_cli.scoring.notes import is_note, stated_scale
from musicflamingo_cli.scoring.numbers import Reading, read_number
from musicflamingo_cli.scoring.other_leads import is_other_lead
from musicflamingo_cli.scoring.phrases import (
    ANNOTATED,
    BAD_BEFORE_NUMBER,
    CONNECTOR,
    CORRECTION,
    DECIMAL,
    FINAL_LINE,
    GIVEN,
    IN_BRACKETS,
    KEYED_LINE,
    NEGATED,
    NUMBER_BEFORE,
    NUMBER_LINE,
    NUMERIC,
    REVISED,
    SCALE_BEFORE,
    SCALE_LINE,
    SCORE_LINE,
    SCORE_WORD,
    SENTENCE_END,
    SEPARATOR,
    STRONG,
    UNRATED,
    WEAK,
)
from musicflamingo_cli.scoring.scales import LITERAL, NO_SCALE, Scale, digits_of, scale_of
from musicflamingo_cli.scoring.sections import prose_body, sections
from musicflamingo_cli.scoring.spans import Spans
from musicflamingo_cli.scoring.stated_scales import scale_of_all
from musicflamingo_cli.scoring.tables import read_tables
from musicflamingo_cli.scoring.tails import continues
from musicflamingo_cli.scoring.thinking import Stretch

_NO_NUMBER = ("not_a_number", "missing")
_JSON_KEY = re.compile(r"\\{0,8}[\"'”’]\s{0,8}[:=]")
"""What follows a name that is a key of JSON: where no object could be read, prose does not read it either."""
_NOTED_SCORE = re.compile(
    rf"\s*(?:(?:score|rating)\s*[:=]?\s*{LITERAL}\s*%?|{LITERAL}\s*(?:/|out\s+of)\s*{LITERAL})\s*", re.IGNORECASE
)
_NOTED = re.compile(rf"\s*{LITERAL}\s*(?:%|/\s*{LITERAL}|out\s+of\s+{LITERAL})?\s*")
_DIGITS = re.compile(r"[\d.,]+")
_WRITTEN = re.compile(r"\d+(?:[.,]\d+)*")
_ASPECTS = re.compile(
    r"(?:(?:sound|audio|mix(?:ing|down)?|master(?:ing)?|clarity|balance|recording|engineering|technical|fidelity|polish|production"
    r"|quality|overall|arrangement|complexity|originality|enjoyment|usefulness|appeal|craft|depth|structure|layering|final|my|and"
    r"|of|the)[\s,&/]{0,3}){2,8}",
    re.IGNORECASE,
)
"""A note that says what a field is about, in several words."""
_REACH = 400
"""How far from its name a number may stand, in characters."""
_MOST_NAMES = 256
"""Of more names than twice that, which only a loop has, the first and the last are looked at."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What the prose says of one field."""

    reading: Reading | None = None
    """For a field that asks for a number."""
    description: Description | None = None
    """For a field that asks for words."""
    at: int = -1
    """Where the number stands."""


@dataclass(frozen=True, slots=True)
class _Name:
    """A field's name in the prose."""

    field: Field
    start: int
    end: int


def read_prose(
    page: Page,
    stretches: Sequence[Stretch],
    blanked: Spans,
    index: FieldIndex,
    settings: tuple[str, float | None],
) -> dict[str, Statement]:
    """What these parts of a page state outside the blanked spans; of several statements on a field the last counts.

    `settings` are the prompt, whose lines don't count when they are repeated, and the scale assumed for bare numbers.
    """
    body = prose_body(page, stretches, blanked, index, settings[0])
    reader = _ProseReader(body, index, settings)
    return reader.read()


def _is_plain_note(note: str) -> bool:
    """Whether a note behind a name leaves it what it is: a scale, its weight, its number, or what it is about."""
    return is_note(note) or any(p.fullmatch(note) for p in (_NOTED, _NOTED_SCORE, _ASPECTS))


class _ProseReader:
    """Goes through the names of fields in one text."""

    def __init__(self, body: str, index: FieldIndex, settings: tuple[str, float | None]) -> None:
        self.body = body
        self.index = index
        self.prompt = " ".join(settings[0].split()).lower()
        self.assume = settings[1]
        spotted = [found for found in index.label.finditer(body) if found.lastindex]
        if len(spotted) > 2 * _MOST_NAMES:
            spotted = spotted[:_MOST_NAMES] + spotted[-_MOST_NAMES:]
        self.names = [_Name(index.fields[(m.lastindex or 1) - 1], m.start(), m.end()) for m in spotted]
        self.claims: list[tuple[Field, Statement]] = []

    def read(self) -> dict[str, Statement]:
        """The last undisputed statement on every field."""
        if not self.names:
            return {}
        others, scales = sections(self.body, self.index)
        doubt = scale_of_all(self.body, self.index)
        tables = read_tables(self.body, self.index, self.assume)
        for field, (reading, at) in tables.statements:
            self.claims.append((field, Statement(reading, at=at)))
        closed = Spans((*others, *tables.spans))
        boundary = 0
        for position, name in enumerate(self.names):
            if closed.hold(name.start) or _JSON_KEY.match(self.body, name.end):
                continue
            following = self.names[position + 1 : position + 65]
            if name.field.kind == "text":
                self._describe(name, following)
                continue
            scale = next((s for start, end, s in scales if start <= name.start < end), doubt)
            limit = next((n.start for n in following if n.field.kind != "text"), len(self.body))
            limit = self._limit(name, limit)
            statement = self._forward(name, boundary, limit, scale) or self._backward(name, scale)
            statement = self._unless_corrected(name, statement, following)
            if statement is not None and not self._is_echo(name, statement):
                self.claims.append((name.field, statement))
                boundary = max(boundary, statement.at)
            boundary = max(boundary, name.start)
        return self._settled()

    def _unless_corrected(
        self, name: _Name, statement: Statement | None, following: Sequence[_Name]
    ) -> Statement | None:
        """The statement, or doubt where the words after it put another number in its place."""
        stop = min(following[0].start if following else len(self.body), name.end + _REACH)
        if statement is None:
            sentence = SENTENCE_END.split(self.body[name.end : stop], maxsplit=1)[0]
            changed = REVISED.search(sentence) is not None and DECIMAL.search(sentence) is not None
            return Statement(Reading(reason="ambiguous"), at=name.end) if changed else None
        if statement.at < name.end or statement.reading is None or statement.reading.value is None:
            return statement
        number = _DIGITS.match(self.body, statement.at)
        after = self.body[number.end() if number else statement.at : stop]
        is_alone = len({other.field.name for other in self.names if other.field.kind != "text"}) == 1
        changed = CORRECTION.search(after) or (is_alone and FINAL_LINE.search(after))
        return Statement(Reading(reason="ambiguous"), at=statement.at) if changed else statement

    def _settled(self) -> dict[str, Statement]:
        """The last claim of every field; a number that two fields claim belongs to neither."""
        owners: dict[int, set[str]] = {}
        for field, statement in self.claims:
            if statement.at >= 0:
                owners.setdefault(statement.at, set()).add(field.name)
        settled: dict[str, Statement] = {}
        for field, statement in sorted(self.claims, key=lambda claim: claim[1].at):
            disputed = len(owners.get(statement.at, ())) > 1
            settled[field.name] = Statement(Reading(reason="ambiguous"), at=statement.at) if disputed else statement
        return settled

    def _limit(self, name: _Name, limit: int) -> int:
        """Where the text that may belong to a name ends: before a second number that is said `for` the next name."""
        before = NUMBER_BEFORE.search(self.body, max(name.end, limit - 100), limit)
        if before is None or not re.search(r"\d", self.body[name.end : before.start()]):
            return limit
        return before.start()

    def _is_echo(self, name: _Name, statement: Statement) -> bool:
        """Whether the name and its number stand in the prompt in the same words."""
        if not self.prompt or statement.at < name.end:
            return False
        number = re.compile(LITERAL).match(self.body, statement.at)
        said = " ".join(self.body[name.start : number.end() if number else statement.at].split()).lower()
        return said in self.prompt and re.search(re.escape(said) + r"(?![\d.]*\d)", self.prompt) is not None

    def _describe(self, name: _Name, following: Sequence[_Name]) -> None:
        lead = lead_of(self.body, name.start)
        if not begins_line(lead) and not re.search(r"[.;|,]\s{0,4}\Z", lead):
            return
        spots = ((other.start, other.end) for other in following)
        description = read_description(self.body, (name.field.name, name.end), spots, self.index)
        if description is not None:
            self.claims.append((name.field, Statement(description=description, at=name.start)))

    def _forward(self, name: _Name, boundary: int, limit: int, scale: Scale) -> Statement | None:
        """A number after the name."""
        lead, scale = self._without_scale(lead_of(self.body, name.start), name, scale)
        if NEGATED.search(lead):
            return None
        label = is_label(self.body, lead, name.start, boundary)
        plain_label = label and begins_line(lead) and not STRONG.search(lead)
        if not plain_label and not may_state(self.body, lead, name.start, boundary):
            return None
        line_end = self.body.find("\n", name.end)
        stop = min(limit, line_end + 1 if line_end >= 0 else len(self.body), name.end + _REACH)
        annotated = ANNOTATED.match(self.body, name.end, stop)
        note = (annotated.group(1) or annotated.group(2) or annotated.group(3) or "") if annotated else ""
        after = annotated.end() if annotated else name.end
        if note and not _is_plain_note(note):
            return self._under_note(name, note, after, stop)
        stated = stated_scale(digits_of(note), name.field)
        scale = stated if stated != NO_SCALE else scale
        separator = SEPARATOR.match(self.body, after, stop) if label else None
        if separator is not None:
            told = self._after_separator(name, (separator.end(), stop), limit, scale)
            if told is None and _NOTED_SCORE.fullmatch(note):
                told = self._at(name, self.body.index(note, name.end), name.end + len(note) + 16, scale)
            return told
        connected = CONNECTOR.match(self.body, after, stop)
        if connected is not None:
            return self._at(name, connected.end(), stop, scale)
        if note and _NOTED.fullmatch(note) and stated == NO_SCALE:
            start = self.body.index(note, name.end)
            return self._at(name, start, start + len(note) + 1, scale)
        if label and not self.body[after:stop].strip(" \t*_\"'`:|\n"):
            return self._below(name, stop, limit, scale)
        return self._described(name, after, stop, scale)

    def _without_scale(self, lead: str, name: _Name, scale: Scale) -> tuple[str, Scale]:
        """The words before a name without the scale that they state: `on a scale from 0 to 10, `."""
        spoken = sentence_of(lead)
        found = SCALE_BEFORE.search(spoken)
        if found is None:
            return lead, scale
        stated = stated_scale(found.group(1) or "out of " + digits_of(found.group(4)), name.field)
        start = len(lead) - len(spoken) + found.start()
        return lead[:start] + " " * len(found.group()) + lead[start + len(found.group()) :], stated

    def _under_note(self, name: _Name, note: str, start: int, stop: int) -> Statement | None:
        """A name with a note that is no scale, `(vocals)`: neither its number counts nor an earlier one."""
        if is_other_lead(note) or is_other_name(note):
            return None
        number = re.compile(r"\d").search(self.body, start, stop)
        return Statement(Reading(reason="ambiguous"), at=number.start()) if number else None

    def _after_separator(self, name: _Name, span: tuple[int, int], limit: int, scale: Scale) -> Statement | None:
        start, stop = span
        statement = self._at(name, start, stop, scale)
        if statement is not None and (
            NUMERIC.match(self.body, start, stop)
            or (statement.reading is not None and statement.reading.reason not in _NO_NUMBER)
        ):
            return statement
        connected = CONNECTOR.match(self.body, start, stop)
        if connected is not None and connected.end() > start:
            if re.search(r"\bwas\b", connected.group(), re.IGNORECASE):
                return Statement(Reading(reason="ambiguous"), at=connected.end())
            return self._at(name, connected.end(), stop, scale)
        if not self.body[start:stop].strip(" \t*_\"'`:|\n"):
            return self._below(name, stop, limit, scale)
        return self._described(name, start, stop, scale) or self._below(name, stop, limit, scale)

    def _described(self, name: _Name, start: int, stop: int, scale: Scale) -> Statement | None:
        """A number behind a description: `crisp and wide (0.85)`, `crisp and wide. Score: 0.85`."""
        text = self.body[start:stop]
        if STRONG.search(text) or UNRATED.search(text):
            return None
        spots = [m.end() for pattern in (IN_BRACKETS, SCORE_WORD) for m in pattern.finditer(text)]
        if spots and DECIMAL.search(text[: spots[0]]):
            return None
        if len(spots) != 1 or WEAK.search(text[: spots[0]]) or ". " in text[: spots[0]].rstrip(" (score:"):
            spots = [m.end() for m in SCORE_WORD.finditer(text)]
            if len(spots) != 1 or DECIMAL.search(text[: spots[0]]):
                return None
        return self._at(name, start + spots[0], stop, scale)

    def _below(self, name: _Name, start: int, limit: int, scale: Scale) -> Statement | None:
        """A number in the lines under a heading: alone, or after `Score:`."""
        pos, lines = start, 0
        while pos < min(limit, start + 1200) and lines < 6:
            end = self.body.find("\n", pos)
            end = len(self.body) if end < 0 else end + 1
            if self.body[pos:end].strip():
                lines += 1
                scored = SCORE_LINE.match(self.body, pos, end)
                if scored is not None:
                    if SCALE_LINE.search(self.body, start, min(limit, end + 160)):
                        return Statement(Reading(reason="unclear_scale"), at=scored.end())
                    stated = scale_of(scored.group(1) or "", name.field)
                    return self._at(name, scored.end(), min(end, limit), stated if stated != NO_SCALE else scale)
                alone = NUMBER_LINE.match(self.body, pos, end) if lines == 1 else None
                if alone is not None and not re.match(r"\d{1,2}[.)]\s", self.body[alone.end() : alone.end() + 5]):
                    return self._at(name, alone.end(), min(end, limit), scale)
                words = self.body[pos:end].strip(" \t\n\r*_#:")
                titled = len(words.split()) <= 6 and not words.endswith((".", "!", "?", ";", ","))
                if self.body[pos:end].lstrip().startswith("#") or (
                    titled and KEYED_LINE.match(self.body, pos, end) is None
                ):
                    return None
            pos = end
        return None

    def _backward(self, name: _Name, scale: Scale) -> Statement | None:
        """A number before the name: `0.8 for production quality`."""
        lead = lead_of(self.body, name.start)
        sentence = sentence_of(lead)
        found = NUMBER_BEFORE.search(sentence[-100:])
        if found is None or STRONG.search(sentence):
            return None
        before = sentence[-100:][: found.start()]
        if BAD_BEFORE_NUMBER.search(before) or (found.group(3).lower() == "to" and not GIVEN.search(sentence)):
            return None
        local = re.split(r"[,;:]|\band\b", before)[-1]
        if WEAK.search(local):
            return None
        at = name.start - len(sentence[-100:]) + found.start()
        reading = read_number(found.group(1) + found.group(2) + "\n", name.field, False, scale, self.assume)
        return Statement(reading, at=at) if reading.reason != "not_a_number" else None

    def _at(self, name: _Name, start: int, stop: int, scale: Scale) -> Statement | None:
        cut = stop >= len(self.body)
        glued = not cut and stop > start and self.body[stop - 1] != "\n" and self.body[stop].isalpha()
        raw = self.body[start : stop + 1 if glued else stop]
        reading = read_number(raw, name.field, cut, scale, self.assume)
        number = _WRITTEN.search(raw)
        if number is None:
            return None
        if raw.endswith("\n") and reading.value is not None:
            below = self.body[stop : stop + 32]
            if continues(raw[number.end() :], below, number.group().isdigit()):
                reading = Reading(reason="ambiguous")
        return Statement(reading, at=start + number.start())

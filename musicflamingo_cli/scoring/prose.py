"""Scores and descriptions stated in prose, markdown, YAML-like lines and tables.

A number counts for a field only where the words between its name and the number leave no doubt: a label and a colon,
a cell of a table, or a short list of known words ("production quality gets a solid 0.8"). What is doubtful is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.jsonish import Page
from musicflamingo_cli.scoring.keys import FieldIndex, is_other_name
from musicflamingo_cli.scoring.numbers import LITERAL, NO_SCALE, Reading, Scale, read_number, scale_of
from musicflamingo_cli.scoring.objects import clean_text, is_placeholder
from musicflamingo_cli.scoring.spans import Spans
from musicflamingo_cli.scoring.tables import read_tables
from musicflamingo_cli.scoring.thinking import Stretch

_TAG = re.compile(r"<(/?)([A-Za-z][\w -]{0,60})(?:\s[^<>\n]{0,200})?/?>")
_DECORATION = re.compile(
    r"\*{2,}|__+|`+|(?<!\S)\*(?=\S)|(?<=\S)\*(?=[\s:,.;)]|\Z)|(?<=:)\*(?=\S)|&nbsp;"
    r"|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)"
)
_QUOTES = "\"'“”‘’`*_ \t"
_ANNOTATED = re.compile(rf"[{_QUOTES}]{{0,6}}(?:\(([^()\n]{{0,40}})\)|\[([^\[\]\n]{{0,40}})\])?[{_QUOTES}]{{0,6}}")
_SEPARATOR = re.compile(rf"(?:=>|->|:=|→|⇒|➜|:|=(?!=)|–|—|-(?=[\s])|\.{{3,}}|…|\t)[{_QUOTES}]{{0,8}}")
_LEAD_MARKS = re.compile(r"[\W_]*(?:\d{1,2}[.):]|\(?[a-zA-Z][.)])?[\W_]*")
_LEAD_WORDS = re.compile(
    r"[\W_]*(?:(?:the|my|final|your|its|updated|revised)\s+){0,2}(?:(?:score|rating)\s+(?:for|of)\s+(?:the\s+)?)?[\W_]*",
    re.IGNORECASE,
)
_LAST_WORD = re.compile(r"([^\W\d_][\w'’]*)[\"'“‘(\[ \t]{0,4}\Z")
_BEFORE_NAME = frozenset(
    """the its this that track's song's piece's his her their my your our a an for on in of to at as and or but with
    while give gives gave given giving rate rates rated rating score scores scored scoring assign assigns assigned
    assigning award awards awarded awarding is are would judge judged puts places put i'd i'll i think find believe
    estimate estimated set overall that regarding concerning terms both also finally then so here for me say""".split()  # noqa: SIM905
)
_STRONG = re.compile(
    r"\b(?:weigh(?:t|ts|ted|ting|tings|s|ed)?|confiden(?:t|ce|ces)|certainty|examples?|e\.g|template|thresholds?|minimum|maximum|"
    r"hypothetical\w*|uncertainty|percentile|ranks?|ranked|average|typical|typically|benchmark|baseline|previous\w*)\b",
    re.IGNORECASE,
)
_WEAK = re.compile(
    r"\b(?:not|never|cannot|can't|couldn't|wouldn't|won't|don't|doesn't|isn't|if|unless|than|instead|rather|without|earlier|"
    r"initially|originally|could|might|may|should|scale|range|ranges|from|between|by|increase[sd]?|decrease[sd]?|"
    r"reduce[sd]?|add(?:s|ed)?|drop(?:s|ped)?|difference|versus|vs)\b",
    re.IGNORECASE,
)
_CONNECTOR = re.compile(
    r"[\"'“”‘’`*_)\]]{0,4}(?:,\s(?=i\b|i'|my\b))?(?:\s{0,4}(?:(?:is|was|at|as|of|a|an|the|to|be|about|around|approximately|roughly|circa|gets?|got|"
    r"earns?|earned|receives?|received|deserves?|deserved|scores?|scored|scoring|rates?|rated|rating|score|value|"
    r"would|i'd|i|say|give|it|comes\s+(?:in|out)|stands|sits|lands|solid|strong|high|very|quite|good|great|excellent|decent|"
    r"respectable|impressive|moderate|low|modest|fair|weak|poor|mediocre|middling|mid|clean|generous|near-perfect|"
    r"perfect|outstanding|healthy|full|lower|higher|set|assigned|awarded|given|estimated|judged|evaluated|only|just|"
    r"exactly|overall|also|therefore|thus|currently|me|my)(?![a-z])|=|:|[-–—](?=\s))[,:]?){0,9}\s{0,4}"
    r"(?=[~≈(\[\"'“*_]{0,3}[+-]?[.,]?\d)",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(
    rf"[(\[]\s{{0,2}}(?:score[:\s]{{1,3}}|rating[:\s]{{1,3}})?(?={LITERAL}[^()\[\]\n]{{0,16}}[)\]])", re.IGNORECASE
)
_SCORE_WORD = re.compile(
    r"\b(?:score|rating|rated|scored)(?:\s+(?:is|of|at|it))?[\s*_:=–—-]{1,6}(?:a\s+)?(?=[~≈]?[+-]?[.,]?\d)",
    re.IGNORECASE,
)
_SCORE_LINE = re.compile(
    r"[ \t>*+\-•–—|_\"'`#]*(?:(?:final|my|the|your)\s)?(?:score|rating|value|rate|grade)\b[\s*_\"'`]{0,6}"
    r"(?:\(([^()\n]{0,40})\))?[\s*_\"'`]{0,6}(?:[:=]|is\b|of\b|-|–|—)?[ \t*_\"'`]{0,6}(?=[~≈+-]?[.,]?\d)",
    re.IGNORECASE,
)
_NUMBER_LINE = re.compile(
    rf"[ \t>*+•|_\"'`]{{0,20}}(?=[~≈]?{LITERAL}\s{{0,2}}(?:/\s?\d|%|out of|[^\w\n]{{0,12}}(?:\n|\Z)))", re.IGNORECASE
)
_NUMBER_BEFORE = re.compile(
    rf"(?<![\w.,/+-])({LITERAL})((?:\s?%|\s?/\s?[\d.]{{1,6}}|\s+out\s+of\s+[\d.]{{1,6}})?)"
    r"\s+(?:(?:score|rating|points?|mark)\s+)?(for|in|on|to|in\s+terms\s+of|regarding)\s+(?:the\s+|its\s+|overall\s+|this\s+)?"
    r"[\"'“‘*_`(]{0,3}\Z",
    re.IGNORECASE,
)
_BAD_BEFORE_NUMBER = re.compile(
    r"(?:\d\s{0,3}%?\s{0,3}(?:to|and|or|through)?|[-–—~/<>≤≥×*]|\b(?:to|between|from|by|than|over|above|below|under|least"
    r"|most|not|minus|plus|up|adds?|added|within|beyond|weight(?:ing)?(?:\s+of)?|confidence(?:\s+of)?"
    r"|difference(?:\s+of)?))\s{0,4}(?:an?\s+)?\Z",
    re.IGNORECASE,
)
_GIVEN = re.compile(r"\b(?:give|gave|giving|given|assign\w*|award\w*)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?=\s)|\n")
_NUMERIC = re.compile(r"[^\w\n]{0,12}\d")
_DECIMAL = re.compile(r"\d[.,]\d|\d\s?%|\d\s?/\s?\d")
_REACH = 400
_MOST_NAMES = 256
"""Of more names than twice that, which only a loop has, the first and the last are looked at."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What the prose says of one field."""

    reading: Reading | None = None
    """For a field that asks for a number."""
    text: str | None = None
    """For a field that asks for words."""
    reason: str | None = None
    """Why there are no words."""
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
    body = _body(page, stretches, blanked, index, settings[0])
    reader = _ProseReader(body, index, settings[1])
    return reader.read()


def _body(page: Page, stretches: Sequence[Stretch], blanked: Spans, index: FieldIndex, prompt: str) -> str:
    """The prose as one text. Nothing is ever taken from its end: a number that touches it may be cut off."""
    parts: list[str] = []
    for stretch in stretches:
        for start, end in blanked.pieces(stretch.start, stretch.end):
            parts.append(page.folded[start:end] + ("" if end == len(page.folded) else "\n"))
    body = "".join(parts)
    if "<" in body:
        body = _TAG.sub(lambda tag: _plain_tag(tag, index), body)
    if prompt:
        known = {" ".join(line.split()) for line in prompt.splitlines()}
        lines = body.split("\n")
        body = "\n".join(" " if line.strip() and " ".join(line.split()) in known else line for line in lines)
    return _DECORATION.sub(lambda mark: " " * len(mark.group()), body.replace("\\_", "_"))


def _plain_tag(tag: re.Match[str], index: FieldIndex) -> str:
    """XML-like tags named after a field become its label; others become space."""
    if index.known(tag.group(2)):
        return "\n" if tag.group(1) else f"\n{tag.group(2)}: "
    return "\n" if tag.group(2).lower() in ("br", "p", "li", "tr", "div", "ul", "ol") else " "


class _ProseReader:
    """Goes through the names of fields in one text."""

    def __init__(self, body: str, index: FieldIndex, assume: float | None) -> None:
        self.body = body
        self.index = index
        self.assume = assume
        spotted = [found for found in index.label.finditer(body) if found.lastindex]
        if len(spotted) > 2 * _MOST_NAMES:
            spotted = spotted[:_MOST_NAMES] + spotted[-_MOST_NAMES:]
        self.names = [_Name(index.fields[(m.lastindex or 1) - 1], m.start(), m.end()) for m in spotted]
        self.claims: list[tuple[Field, Statement]] = []

    def read(self) -> dict[str, Statement]:
        """The last undisputed statement on every field."""
        if not self.names:
            return {}
        others, scales = _sections(self.body, self.index)
        tables = read_tables(self.body, self.index, self.assume)
        for field, (reading, at) in tables.statements:
            self.claims.append((field, Statement(reading, at=at)))
        closed = Spans((*others, *tables.spans))
        boundary = 0
        for position, name in enumerate(self.names):
            if closed.hold(name.start):
                continue
            following = self.names[position + 1 : position + 65]
            if name.field.kind == "text":
                self._text(name, following)
                continue
            scale = next((s for start, end, s in scales if start <= name.start < end), NO_SCALE)
            limit = next((n.start for n in following if n.field.kind != "text"), len(self.body))
            statement = self._forward(name, boundary, limit, scale) or self._backward(name, scale)
            if statement is not None:
                self.claims.append((name.field, statement))
                boundary = max(boundary, statement.at)
            boundary = max(boundary, name.start)
        return self._settled()

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

    def _lead(self, name: _Name) -> str:
        line = self.body.rfind("\n", max(0, name.start - _REACH), name.start) + 1
        return self.body[max(line, name.start - _REACH) : name.start]

    def _is_label(self, lead: str, name: _Name, boundary: int) -> bool:
        """Whether the name stands where a label stands: at the start of a line, or after punctuation."""
        if len(lead) <= 120 and (_LEAD_MARKS.fullmatch(lead) or _LEAD_WORDS.fullmatch(lead)):
            return True
        since = self.body[max(boundary, name.start - len(lead)) : name.start]
        return re.search(r"[,;:|/•·&.!?)(–—][\s\"'“*_(\[]{0,4}\Z", since) is not None or (
            0 < len(since) < 24 and re.fullmatch(r"[\s\d.,;/%+]*(?:\band\b|\bwith\b|&)?\s*", since) is not None
        )

    def _may_state(self, lead: str, name: _Name, boundary: int) -> bool:
        """Whether the words before the name leave it what it is: no modifier, no condition, no weight."""
        sentence = lead[max((m.end() for m in _SENTENCE_END.finditer(lead)), default=0) :]
        if _STRONG.search(sentence):
            return False
        local = sentence[-max(0, min(len(sentence), name.start - boundary)) :] if boundary < name.start else ""
        if _WEAK.search(local):
            return False
        word = _LAST_WORD.search(lead)
        if word is not None:
            return word.group(1).lower() in _BEFORE_NAME
        return not re.search(r"[\d+*×/=]\s{0,3}\Z", lead) or _LEAD_MARKS.fullmatch(lead) is not None

    def _forward(self, name: _Name, boundary: int, limit: int, scale: Scale) -> Statement | None:
        """A number after the name."""
        lead = self._lead(name)
        label = self._is_label(lead, name, boundary)
        plain_label = label and self._own_line(lead) and not _STRONG.search(lead)
        if not plain_label and not self._may_state(lead, name, boundary):
            return None
        line_end = self.body.find("\n", name.end)
        stop = min(limit, line_end + 1 if line_end >= 0 else len(self.body), name.end + _REACH)
        annotated = _ANNOTATED.match(self.body, name.end, stop)
        note = (annotated.group(1) or annotated.group(2) or "") if annotated else ""
        after = annotated.end() if annotated else name.end
        stated = scale_of(note, name.field)
        scale = stated if stated != NO_SCALE else scale
        separator = _SEPARATOR.match(self.body, after, stop) if label else None
        if separator is not None:
            return self._after_separator(name, (separator.end(), stop), limit, scale)
        connected = _CONNECTOR.match(self.body, after, stop)
        if connected is not None:
            return self._at(name, connected.end(), stop, scale)
        if note and re.match(rf"\s*{LITERAL}", note) and stated == NO_SCALE:
            start = self.body.index(note, name.end)
            return self._at(name, start, start + len(note) + 1, scale)
        if label and not self.body[after:stop].strip(" \t*_\"'`:|\n"):
            return self._below(name, stop, limit, scale)
        return self._described(name, after, stop, scale)

    def _own_line(self, lead: str) -> bool:
        return len(lead) <= 120 and (_LEAD_MARKS.fullmatch(lead) or _LEAD_WORDS.fullmatch(lead)) is not None

    def _after_separator(self, name: _Name, span: tuple[int, int], limit: int, scale: Scale) -> Statement | None:
        start, stop = span
        statement = self._at(name, start, stop, scale)
        if statement is not None and (
            _NUMERIC.match(self.body, start, stop)
            or (statement.reading is not None and statement.reading.reason not in _NO_NUMBER)
        ):
            return statement
        connected = _CONNECTOR.match(self.body, start, stop)
        if connected is not None and connected.end() > start:
            return self._at(name, connected.end(), stop, scale)
        if not self.body[start:stop].strip(" \t*_\"'`:|\n"):
            return self._below(name, stop, limit, scale)
        return self._described(name, start, stop, scale) or self._below(name, stop, limit, scale)

    def _described(self, name: _Name, start: int, stop: int, scale: Scale) -> Statement | None:
        """A number behind a description: `crisp and wide (0.85)`, `crisp and wide. Score: 0.85`."""
        text = self.body[start:stop]
        if _STRONG.search(text):
            return None
        spots = [m.end() for pattern in (_IN_BRACKETS, _SCORE_WORD) for m in pattern.finditer(text)]
        if spots and _DECIMAL.search(text[: spots[0]]):
            return None
        if len(spots) != 1 or _WEAK.search(text[: spots[0]]) or ". " in text[: spots[0]].rstrip(" (score:"):
            spots = [m.end() for m in _SCORE_WORD.finditer(text)]
            if len(spots) != 1 or _DECIMAL.search(text[: spots[0]]):
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
                scored = _SCORE_LINE.match(self.body, pos, end)
                if scored is not None:
                    stated = scale_of(scored.group(1) or "", name.field)
                    return self._at(name, scored.end(), min(end, limit), stated if stated != NO_SCALE else scale)
                alone = _NUMBER_LINE.match(self.body, pos, end) if lines == 1 else None
                if alone is not None and not re.match(r"\d{1,2}[.)]\s", self.body[alone.end() : alone.end() + 5]):
                    return self._at(name, alone.end(), min(end, limit), scale)
                if self.body[pos:end].lstrip().startswith("#"):
                    return None
            pos = end
        return None

    def _backward(self, name: _Name, scale: Scale) -> Statement | None:
        """A number before the name: `0.8 for production quality`."""
        lead = self._lead(name)
        sentence = lead[max((m.end() for m in _SENTENCE_END.finditer(lead)), default=0) :]
        found = _NUMBER_BEFORE.search(sentence[-100:])
        if found is None or _STRONG.search(sentence):
            return None
        before = sentence[-100:][: found.start()]
        if _BAD_BEFORE_NUMBER.search(before) or (found.group(3).lower() == "to" and not _GIVEN.search(sentence)):
            return None
        local = re.split(r"[,;:]|\band\b", before)[-1]
        if _WEAK.search(local):
            return None
        at = name.start - len(sentence[-100:]) + found.start()
        reading = read_number(found.group(1) + found.group(2) + "\n", name.field, False, scale, self.assume)
        return Statement(reading, at=at) if reading.reason != "not_a_number" else None

    def _at(self, name: _Name, start: int, stop: int, scale: Scale) -> Statement | None:
        cut = stop >= len(self.body)
        within_line = not cut and stop > start and self.body[stop - 1] != "\n"
        raw = self.body[start : stop + 1 if within_line else stop]
        reading = read_number(raw, name.field, cut, scale, self.assume)
        number = re.search(r"\d", raw)
        return Statement(reading, at=start + number.start()) if number else None

    def _text(self, name: _Name, following: Sequence[_Name]) -> None:
        lead = self._lead(name)
        if not self._own_line(lead) and not re.search(r"[.;|,]\s{0,4}\Z", lead):
            return
        line_end = self.body.find("\n", name.end)
        stop = line_end if line_end >= 0 else len(self.body)
        annotated = _ANNOTATED.match(self.body, name.end, stop)
        after = annotated.end() if annotated else name.end
        separator = _SEPARATOR.match(self.body, after, stop)
        if separator is None:
            return
        for other in following:
            if other.start >= stop:
                break
            if re.match(r"[*_\"' ]{0,4}(?:\([^()\n]{0,24}\))?[*_\"' ]{0,4}[:=]", self.body[other.end : other.end + 40]):
                stop = other.start
                break
        if stop == len(self.body):
            self.claims.append((name.field, Statement(reason="cut_off", at=name.start)))
            return
        text = self.body[separator.end() : stop].strip(" \t\r*_\"'`,;|-•")
        if not text:
            text = self._listed(stop)
        cleaned = clean_text(text)
        if cleaned is not None and is_placeholder(cleaned, name.field.name):
            self.claims.append((name.field, Statement(reason="placeholder", at=name.start)))
        elif cleaned is not None and cleaned.lower() not in ("null", "none", "n/a"):
            self.claims.append((name.field, Statement(text=cleaned, at=name.start)))

    def _listed(self, start: int) -> str:
        """The items of a list under a label, joined."""
        items: list[str] = []
        for line in self.body[start : start + 2000].split("\n")[1:-1]:
            item = re.match(r"\s{0,12}[-*•+]\s{1,4}(\S[^\n]*)", line)
            if item is None or self.index.label.match(item.group(1)):
                break
            items.append(item.group(1).strip())
        return ", ".join(items)


_NO_NUMBER = ("not_a_number", "missing")


def _sections(body: str, index: FieldIndex) -> tuple[list[tuple[int, int]], list[tuple[int, int, Scale]]]:
    """The spans under headings that say these are not the scores, and those under headings that state a scale."""
    others: list[tuple[int, int]] = []
    scales: list[tuple[int, int, Scale]] = []
    score = next((f for f in index.fields if f.kind == "score"), None)
    pos, opened, indent, inner, kind = 0, -1, 0, -1, NO_SCALE
    is_other = False
    for line in [*body.splitlines(keepends=True), None]:
        stripped = line.strip() if line is not None else ""
        here = len(line) - len(line.lstrip()) if line is not None else -1
        title = stripped.strip("#*_:= \t`\"'")
        heads = bool(stripped) and (
            (stripped.rstrip("*_\"'` ").endswith((":", "=")) and len(stripped) < 120)
            or stripped.startswith("#")
            or (len(stripped) < 32 and is_other_name(stripped))
        )
        heads = heads and not index.label.search(title)
        if opened >= 0 and stripped and inner < 0:
            inner = here
        dedented = opened >= 0 and bool(stripped) and inner > indent >= here
        if opened >= 0 and (line is None or heads or dedented):
            if is_other:
                others.append((opened, pos))
            elif kind != NO_SCALE:
                scales.append((opened, pos, kind))
            opened = -1
        if heads and line is not None:
            last = re.split(r"[.!?;]\s", title)[-1]
            is_other = is_other_name(last) and not re.search(r"\b(?:final|answer|my)\b", last, re.IGNORECASE)
            kind = scale_of(last, score) if score is not None else NO_SCALE
            opened, indent, inner = pos + len(line), here, -1
        pos += len(line) if line is not None else 0
    return others, scales

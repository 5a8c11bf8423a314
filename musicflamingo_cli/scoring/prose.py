"""Scores and descriptions stated in prose, markdown, YAML-like lines and tables.

A number counts for a field only where the words between its name and the number leave no doubt: a label and a colon,
a cell of a table, or a short list of known words ("production quality gets a solid 0.8"). What is doubtful is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.bodies import prose_body
from musicflamingo_cli.scoring.brackets import are_bracketed
from musicflamingo_cli.scoring.claims import Name, Statement
from musicflamingo_cli.scoring.descriptions import Label, read_description
from musicflamingo_cli.scoring.disputes import calls_too_much, revises, takes_back
from musicflamingo_cli.scoring.echo import bare_words
from musicflamingo_cli.scoring.keys import FieldIndex, is_other_name
from musicflamingo_cli.scoring.leads import begins_line, lead_of
from musicflamingo_cli.scoring.nodes import Page
from musicflamingo_cli.scoring.numbers import Reading, in_range, read_number
from musicflamingo_cli.scoring.other_leads import is_other_lead
from musicflamingo_cli.scoring.phrases import (
    ANNOTATED,
    BETWEEN_NAMES,
    CORRECTION,
    FINAL_LINE,
    LISTED,
    NUMBER_ABOVE,
    NUMBER_BEFORE,
    RESTATED,
    SENTENCE_END,
    SEPARATOR,
)
from musicflamingo_cli.scoring.scales import LITERAL, Scale, to_decimal
from musicflamingo_cli.scoring.sections import sections
from musicflamingo_cli.scoring.settling import settle
from musicflamingo_cli.scoring.spans import Spans
from musicflamingo_cli.scoring.stated_scales import scale_of_all
from musicflamingo_cli.scoring.statements import NumberFinder
from musicflamingo_cli.scoring.tables import read_tables
from musicflamingo_cli.scoring.thinking import Stretch
from musicflamingo_cli.scoring.uniform import uniform_numbers

_JSON_KEY = re.compile(r"\\{0,8}[\"'”’]\s{0,8}[:=]")
"""What follows a name that is a key of JSON: where no object could be read, prose does not read it either."""
_MARKED_NEW = re.compile(
    r"[\d.,/%]{1,12}[ \t]{0,3}[(\[–—-][ \t]?(?:corrected|revised|updated|final|new|adjusted|instead)\b", re.IGNORECASE
)
"""A number that a remark calls the new one."""
_DIGITS = re.compile(r"[\d.,]*\d")
_LONG_DECIMAL = re.compile(r"[01]?[.,]\d{3,}")
_AFTER_INDEX = re.compile(r"[.)][ \t*_]{1,4}")
_FIRST_ITEM = re.compile(r"(?:\A|\n)[ \t]{0,4}1[.)][ \t]")
_REACH = 400
"""How far from its name a number may stand, in characters."""
_MOST_NAMES = 256
"""Of more names than twice that, which only a loop has, the first and the last are looked at."""


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


def disputed_by(
    body: str,
    stated: Mapping[str, float | str | None],
    index: FieldIndex,
    settings: tuple[str, float | None],
    is_broken: bool = False,
) -> frozenset[str]:
    """The fields of an object whose numbers the prose behind it changes or withdraws.

    Where the object broke off (`is_broken`), every other number there is a change: the answer may begin anew.
    """
    reader = _ProseReader(body, index, settings, stated)
    found = reader.read()
    later = {
        name
        for name, one in found.items()
        if one.reading is not None and one.reading.value is not None and one.reading.value != stated.get(name)
        if is_broken or revises(body[: max(0, one.at)])
    }
    marked = {name for name, one in found.items() if _is_marked_new(body, one.at, stated.get(name))}
    return frozenset((later | marked | reader.withdrawn) & stated.keys())


def _is_marked_new(body: str, at: int, stated: float | str | None) -> bool:
    """Whether a remark calls the number at `at` the new one, and it is another than what was stated."""
    number = _DIGITS.match(body, at) if at >= 0 and _MARKED_NEW.match(body, at) else None
    value = to_decimal(number.group()) if number else None
    return value is not None and float(value) != stated


def _under(stated: Reading, scale: Scale, field: Field) -> Reading:
    """What a bare number of a table is worth under a heading that states a scale for all scores."""
    is_bare = stated.written is not None and not stated.rescaled and stated.reason in (None, "out_of_range")
    if not is_bare or not scale.is_other or stated.written is None:
        return stated
    if scale.top is None or 0 < stated.written < 1:
        return Reading(written=stated.written, reason="unclear_scale")
    return in_range(Decimal(str(stated.written)), Decimal(str(scale.top)), field)


def _restates(after: str, statement: Statement) -> bool:
    """Whether a sentence behind a score, on the same line, ends in another number that may replace it."""
    found = RESTATED.search(after)
    if found is None or statement.reading is None or is_other_name(found.group(1)) or is_other_lead(found.group(1)):
        return False
    number = to_decimal(found.group(2))
    return number is not None and float(number) != statement.reading.written


class _ProseReader:
    """Goes through the names of fields in one text."""

    def __init__(
        self,
        body: str,
        index: FieldIndex,
        settings: tuple[str, float | None],
        stated: Mapping[str, float | str | None] | None = None,
    ) -> None:
        self.body = body
        self.index = index
        self.prompt = " ".join(settings[0].split()).lower()
        self.assume = settings[1]
        self.stated = stated or {}
        """What an object before this text states."""
        spotted = [found for found in index.label.finditer(body) if found.lastindex]
        if len(spotted) > 2 * _MOST_NAMES:
            spotted = spotted[:_MOST_NAMES] + spotted[-_MOST_NAMES:]
        self.names = [Name(index.named(m), m.start(), m.end()) for m in spotted]
        self.finder = NumberFinder(body, self.assume, are_bracketed(body, self.names, index), self.prompt)
        first = next((n for n in self.names if n.field.kind != "text"), None)
        if first is not None and begins_line(lead_of(body, first.start)):
            above = body[max(0, body.rfind("\n", 0, first.start) - 64) : body.rfind("\n", 0, first.start) + 1]
            self.finder.numbers_above = NUMBER_ABOVE.search(above) is not None
        heads = [n for n in self.names if self._heads_line(n)]
        self.headed = {n.field.name for n in heads}
        """Fields whose name begins a line: where it stands among other words, it is only a word."""
        self.last_head = heads[-1] if heads else None
        self.is_alone = len({name.field.name for name in self.names if name.field.kind != "text"}) == 1
        """True if only one field is spoken of: a final number is then that field's."""
        self.uniform = uniform_numbers(body, self.names)
        """Where lines of one shape have their numbers."""
        self.claims: list[tuple[Field, Statement]] = []
        self.echoes: set[int] = set()
        """Where numbers stand that the prompt has behind the same names."""
        self.withdrawn: set[str] = set()
        """Fields whose score a sentence changes or takes back without stating another that can be read."""

    def read(self) -> dict[str, Statement]:
        """The last undisputed statement on every field."""
        if not self.names:
            return {}
        others, scales = sections(self.body, self.index)
        doubt = scale_of_all(self.body, self.index)
        tables = read_tables(self.body, self.index, self.assume)
        elsewhere = Spans(others)
        for (field, (stated, at)), begins in zip(tables.statements, tables.begins, strict=True):
            if elsewhere.hold(begins):
                continue
            scale = next((s for start, end, s in scales if start <= at < end), doubt)
            reading = _under(stated, scale, field)
            self.claims.append((field, Statement(reading, at=at)))
        for field, words, at in tables.words:
            if not elsewhere.hold(at):
                self.claims.append((field, Statement(description=words, at=at)))
        closed = Spans((*others, *tables.spans))
        boundary, shunned = 0, -1
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
            previous = self.names[position - 1].end if position else 0
            if position and BETWEEN_NAMES.fullmatch(self.body, previous, name.start):
                continue
            if previous == shunned and LISTED.fullmatch(self.body, previous, name.start):
                shunned = name.end
                self._withdraw(name)
                continue
            shunned = name.end if self.finder.is_shunned(name, boundary) else -1
            statement = self._state(name, boundary, limit, scale, following)
            if statement is None:
                self._withdraw(name)
            elif statement.reading is not None and calls_too_much(self.body, statement.at):
                statement = Statement(Reading(reason="ambiguous"), at=statement.at)
                self.withdrawn.add(name.field.name)
            if statement is not None:
                self.claims.append((name.field, statement))
                if self._is_echo(name, statement):
                    self.echoes.add(statement.at)
                boundary = max(boundary, statement.at if statement.at > name.start else name.end)
            boundary = max(boundary, name.start)
        return settle(self.body, self.claims, self.echoes, self.index)

    def _state(
        self, name: Name, boundary: int, limit: int, scale: Scale, following: Sequence[Name]
    ) -> Statement | None:
        """What the text states on one name."""
        if name.start in self.uniform:
            start, end, is_doubtful = self.uniform[name.start]
            if is_doubtful:
                return Statement(Reading(reason="ambiguous"), at=start)
            reading = read_number(self.body[start:end] + "\n", name.field, False, scale, self.assume)
            if reading.value is not None:
                return Statement(reading, at=start)
        statement = self.finder.forward(name, boundary, limit, scale) or self.finder.backward(name, boundary, scale)
        return self._unless_corrected(name, statement, following)

    def _withdraw(self, name: Name) -> None:
        """Heed a sentence that changes or takes back a field's score without stating one that can be read."""
        stated = self.stated.get(name.field.name)
        if takes_back(self.body, name.start, name.end, stated if isinstance(stated, float) else None):
            self.claims.append((name.field, Statement(Reading(reason="ambiguous"), at=name.end)))
            self.withdrawn.add(name.field.name)

    def _unless_corrected(self, name: Name, statement: Statement | None, following: Sequence[Name]) -> Statement | None:
        """The statement, or doubt where the words after it put another number in its place."""
        if statement is None or statement.reading is None or statement.reading.value is None:
            return statement
        stop = min(following[0].start if following else len(self.body), name.end + _REACH)
        if following and stop == following[0].start:
            ends = [end.end() for end in SENTENCE_END.finditer(self.body, name.end, stop)]
            stop = ends[-1] if ends else stop
        number = _DIGITS.match(self.body, statement.at) if statement.at >= name.end else None
        after = self.body[number.end() if number else name.end : stop]
        if number is not None and following and self._is_index_glued(number, following[0].start):
            return Statement(Reading(reason="ambiguous"), at=statement.at)
        if CORRECTION.search(after) or _restates(after, statement) or (self.is_alone and FINAL_LINE.search(after)):
            return Statement(Reading(reason="ambiguous"), at=statement.at)
        return statement

    def _is_index_glued(self, number: re.Match[str], next_name: int) -> bool:
        """Whether the last digit of a number is that of the next item of a list: `0.522. Production Quality`."""
        between = self.body[number.end() : next_name]
        return (
            _LONG_DECIMAL.fullmatch(number.group()) is not None
            and _AFTER_INDEX.fullmatch(between) is not None
            and _FIRST_ITEM.search(self.body) is not None
        )

    def _limit(self, name: Name, limit: int) -> int:
        """Where the text that may belong to a name ends: before a second number that is said `for` the next name."""
        before = NUMBER_BEFORE.search(self.body, max(name.end, limit - 100), limit)
        if before is None or not re.search(r"\d", self.body[name.end : before.start()]):
            return limit
        return before.start()

    def _is_echo(self, name: Name, statement: Statement) -> bool:
        """Whether the name and its number stand in the prompt in the same words."""
        if not self.prompt or statement.at < name.end:
            return False
        number = re.compile(LITERAL).match(self.body, statement.at)
        said = bare_words(self.body[name.start : number.end() if number else statement.at])
        return re.search(re.escape(said) + r"(?![\d.]*\d)", bare_words(self.prompt)) is not None

    def _heads_line(self, name: Name) -> bool:
        """Whether a name begins its line, as a label or a heading does."""
        if not begins_line(lead_of(self.body, name.start)):
            return False
        annotated = ANNOTATED.match(self.body, name.end)
        after = annotated.end() if annotated else name.end
        return SEPARATOR.match(self.body, after) is not None or self.body[after : after + 1] in ("", "\n")

    def _describe(self, name: Name, following: Sequence[Name]) -> None:
        lead = lead_of(self.body, name.start)
        if name.field.name in self.headed and not self._heads_line(name):
            return
        if not begins_line(lead) and not re.search(r"(?:[.;|,]|\s/)\s{0,4}\Z", lead):
            return
        spots = [(n.start, n.end) for n in following if n.field.name not in self.headed or self._heads_line(n)]
        told = {field.name for field, one in self.claims if one.description is not None}
        others = {field.name for field in self.index.fields} - {self.index.fields[-1].name}
        is_all_told = not self.index.scored and bool(others) and others <= told
        if is_all_told and self.index.fields[-1].name in told:
            return  # what the last field's words say of the others
        is_closing = is_all_told and name.field == self.index.fields[-1]
        label = Label(name.field.name, name.end, name is self.last_head or is_closing, is_closing)
        description = read_description(self.body, label, spots, self.index)
        if description is not None:
            self.claims.append((name.field, Statement(description=description, at=name.start)))

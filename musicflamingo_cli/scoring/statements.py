"""The number that belongs to a field's name in prose: where it stands, and what the words around it leave of it."""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.claims import Name, Statement
from musicflamingo_cli.scoring.keys import is_other_name
from musicflamingo_cli.scoring.leads import begins_line, is_label, lead_of, may_state, says_nothing_else, sentence_of
from musicflamingo_cli.scoring.notes import is_note, stated_scale
from musicflamingo_cli.scoring.numbers import Reading, read_number
from musicflamingo_cli.scoring.other_leads import is_other_lead
from musicflamingo_cli.scoring.parents import is_song_part
from musicflamingo_cli.scoring.phrases import (
    ANNOTATED,
    ASPECTS,
    AT_ONCE,
    BAD_BEFORE_NUMBER,
    BEFORE_NUMBER,
    CONNECTOR,
    DECIMAL,
    EXAMPLE,
    GIVEN,
    IN_BRACKETS,
    KEYED_LINE,
    LAST_WORDS,
    MEANS,
    NEGATED,
    NEXT_LABEL,
    NO_VALUE,
    NOTED,
    NOTED_SCORE,
    NUMBER_BEFORE,
    NUMBER_FIRST,
    NUMBER_LINE,
    NUMBER_NOTE,
    NUMERIC,
    PREDICATE,
    SCALE_BEFORE,
    SCALE_LINE,
    SCORE_AT_END,
    SCORE_LINE,
    SCORE_WORD,
    SENTENCE_END,
    SEPARATOR,
    STRONG,
    THEN_GIVEN,
    TOPIC,
    TURNS,
    UNRATED,
    WEAK,
)
from musicflamingo_cli.scoring.scales import NO_SCALE, Scale, digits_of, scale_of
from musicflamingo_cli.scoring.tails import continues

_NO_NUMBER = ("not_a_number", "missing")
_GLUED = re.compile(r"[a-z][A-Z][a-z]+\s{0,2}[^\n.]{0,40}\Z")
"""A name that a lost space or newline glues to the word before it, in the words before a number."""
_TORN_LEAD = re.compile(r"\bwas\b|\A\W*of\s*\Z", re.IGNORECASE)
"""Words between a label and a number that leave it none: the number itself is lost, or belongs to the past."""
_FOOTNOTE = re.compile(r"\[\d{1,3}\]")
_MINUS = re.compile(r"\b(?:is|at|of)\s{1,4}[-–—]\s{0,4}\Z|\bis\s+of\s*\Z", re.IGNORECASE)
"""A dash behind a verb, which may be a minus; words between which a number is lost."""
_VERDICT = re.compile(r"(?:\A|[\W_])(?:low|poor|weak|bad|great|excellent|high|strong)[\s*_]{1,3}\Z", re.IGNORECASE)
_OF_VERDICT = re.compile(r"[\s*_]{0,3}(?:of|at|score|rating)\b", re.IGNORECASE)
"""`a low production quality of 0.3` is its score; `Low production quality: 0.3` may be how low it is."""
_WORD_BEFORE = re.compile(r"([^\W\d_][\w'’-]*)[\s*_]{1,4}\Z")
_OWN_SCORE = frozenset(
    """a an the my final overall its so and total this with of is are i i'd i'll get gets gives give earns
    quality enjoyment usefulness complexity recommendation hence therefore thus good high solid strong""".split()  # noqa: SIM905
)
_WRITTEN = re.compile(r"\d+(?:[.,]\d+)*")
_LOOSE_DIGITS = re.compile(r"(?<![\d:-])(?!(?:19|20)\d\d\b)\d+(?![\d:])(?!\s?-?[A-Za-z]{2}|[-–]\d+\s?[A-Za-z])")
"""A number in words that counts nothing and is no time of the clock."""
_CONDITIONAL = re.compile(
    r"\b(?:would|could|might|may|should|scale|range|than|if|unless|instead|between|up\s+to|not\s+a)\b", re.IGNORECASE
)
"""Words in a sentence that touch the number behind it."""
_OF_A_SCORE = re.compile(r"\d\s{0,3}(?:stars?|points?|marks?)?\s{0,3}\Z", re.IGNORECASE)
"""A number right before `out of 5`: that scale is its own."""
_REACH = 400
"""How far from its name a number may stand, in characters."""


def _is_own_score(before: str) -> bool:
    """Whether the word before `score` leaves it the field's own: `final score`, not `vocal score`."""
    word = _WORD_BEFORE.search(before[-40:])
    return word is None or word.group(1).lower() in _OWN_SCORE


def _is_plain_note(note: str) -> bool:
    """Whether a note behind a name leaves it what it is: a scale, its weight, its number, or what it is about."""
    if note and not any(c.isascii() and c.isalnum() for c in note) and not is_other_lead(note):
        return True  # the name in another script
    return is_note(note) or any(p.fullmatch(note) for p in (NOTED, NOTED_SCORE, ASPECTS))


class NumberFinder:
    """Finds the numbers of names in one text."""

    def __init__(self, body: str, assume: float | None, bracketed: bool = False, asked: str = "") -> None:
        """Be ready to look through `body`; `assume` is the scale that a person states for bare numbers.

        `bracketed` is True where all scores stand in brackets behind their names, before a colon; `asked` are the words
        of the prompt, in lower case, with single spaces: what they say about a field is no remark.
        """
        self.body = body
        self.assume = assume
        self.bracketed = bracketed
        self.asked = asked
        self.numbers_above = False

    def forward(self, name: Name, boundary: int, limit: int, scale: Scale) -> Statement | None:
        """A number after the name."""
        lead, scale = self._without_scale(lead_of(self.body, name.start), name, scale)
        if NEGATED.search(lead) or EXAMPLE.search(self.body, max(0, name.start - 10), name.start):
            return None
        if NO_VALUE.match(self.body, name.end):
            return None
        if _VERDICT.search(lead) and _OF_VERDICT.match(self.body, name.end) is None:
            return None
        if first := NUMBER_FIRST.fullmatch(lead):
            return self._number_first(name, first, stop=self.body.find("\n", name.end))
        label = is_label(self.body, lead, name.start, boundary)
        plain_label = label and begins_line(lead) and not STRONG.search(lead)
        is_topic = TOPIC.fullmatch(sentence_of(lead)) is not None
        if not plain_label and not is_topic and not may_state(self.body, lead, name.start, boundary):
            return None
        line_end = self.body.find("\n", name.end)
        stop = min(limit, line_end + 1 if line_end >= 0 else len(self.body), name.end + _REACH)
        annotated = ANNOTATED.match(self.body, name.end, stop)
        note = (annotated.group(1) or annotated.group(2) or annotated.group(3) or "") if annotated else ""
        after = annotated.end() if annotated else name.end
        if note and not (_is_plain_note(note) or self._is_asked(note)):
            return self._under_note(name, note, after, stop)
        is_score = self.bracketed and NUMBER_NOTE.fullmatch(note) is not None
        stated = NO_SCALE if is_score or ASPECTS.fullmatch(note) else stated_scale(digits_of(note), name.field)
        scale = stated if stated != NO_SCALE else scale
        separator = SEPARATOR.match(self.body, after, stop) if label else None
        if separator is not None:
            told = self._after_separator(name, (separator.end(), stop), limit, scale)
            untold = told is None or (told.reading is not None and told.reading.reason in _NO_NUMBER)
            if untold and (is_score or NOTED_SCORE.fullmatch(note)):
                told = self._at(name, self.body.index(note, name.end), stop, scale)
            return told
        connected = CONNECTOR.match(self.body, after, stop)
        if connected is not None and not connected.group().strip() and is_song_part(self.body[name.start : name.end]):
            return None  # `Verse 2`
        if connected is not None:
            if TURNS.search(connected.group()) and not is_topic:
                return None
            if _MINUS.search(connected.group()) or _FOOTNOTE.match(self.body, connected.end()):
                return Statement(Reading(reason="ambiguous"), at=connected.end())
            return self._at(name, connected.end(), stop, scale)
        if given := (AT_ONCE.match(self.body, after, stop) if is_topic else THEN_GIVEN.match(self.body, after, stop)):
            return self._at(name, given.end(), stop, scale)
        if note and (is_score or NOTED.fullmatch(note)) and stated == NO_SCALE:
            if (note.rstrip().endswith("%") and not is_score) or after == len(self.body):
                return Statement(Reading(reason="ambiguous"), at=self.body.index(note, name.end))
            start = self.body.index(note, name.end)
            return self._at(name, start, start + len(note) + 1, scale)
        if label and not self.body[after:stop].strip(" \t*_\"'`:|\n"):
            return self._below(name, stop, limit, scale)
        if PREDICATE.match(self.body, after, stop) is None:
            return None
        return self._described(name, after, stop, scale)

    def _is_asked(self, words: str) -> bool:
        """Whether words are the prompt's own about a field."""
        said = " ".join(words.split()).lower()
        return len(said) > 16 and said in self.asked

    def is_shunned(self, name: Name, boundary: int) -> bool:
        """Whether the words before a name say that its number, and those listed behind it, are something else."""
        lead, _ = self._without_scale(lead_of(self.body, name.start), name, NO_SCALE)
        if begins_line(lead) and not STRONG.search(lead):
            return False
        return not may_state(self.body, lead, name.start, boundary)

    def _number_first(self, name: Name, lead: re.Match[str], stop: int) -> Statement:
        """A number that stands before its name, unless another follows the name on the same line."""
        rest = self.body[name.end : stop if stop >= 0 else len(self.body)]
        at = name.start - len(lead.group()) + lead.start(1)
        if DECIMAL.search(rest):
            return Statement(Reading(reason="ambiguous"), at=at)
        return Statement(read_number(lead.group(1) + "\n", name.field, False, NO_SCALE, self.assume), at=at)

    def _without_scale(self, lead: str, name: Name, scale: Scale) -> tuple[str, Scale]:
        """The words before a name without the scale that they state: `on a scale from 0 to 10, `."""
        spoken = sentence_of(lead)
        found = SCALE_BEFORE.search(spoken)
        if found is None or _OF_A_SCORE.search(spoken[: found.start()]):
            return lead, scale
        stated = stated_scale(found.group(1) or "out of " + digits_of(found.group(4)), name.field)
        start = len(lead) - len(spoken) + found.start()
        return lead[:start] + " " * len(found.group()) + lead[start + len(found.group()) :], stated

    def _under_note(self, name: Name, note: str, start: int, stop: int) -> Statement | None:
        """A name with a note that is no scale, `(vocals)`: neither its number counts nor an earlier one."""
        if is_other_lead(note) or is_other_name(note):
            return None
        number = re.compile(r"\d").search(self.body, start, stop)
        return Statement(Reading(reason="ambiguous"), at=number.start()) if number else None

    def _after_separator(self, name: Name, span: tuple[int, int], limit: int, scale: Scale) -> Statement | None:
        start, stop = span
        statement = self._at(name, start, stop, scale)
        if statement is not None and (
            NUMERIC.match(self.body, start, stop)
            or (statement.reading is not None and statement.reading.reason not in _NO_NUMBER)
        ):
            return statement
        connected = CONNECTOR.match(self.body, start, stop)
        if connected is not None and connected.end() > start:
            if _TORN_LEAD.search(connected.group()) or _FOOTNOTE.match(self.body, connected.end()):
                return Statement(Reading(reason="ambiguous"), at=connected.end())
            return self._at(name, connected.end(), stop, scale)
        if not self.body[start:stop].strip(" \t*_\"'`:|\n"):
            return self._below(name, stop, limit, scale)
        return self._described(name, start, stop, scale) or self._below(name, stop, limit, scale)

    def _described(self, name: Name, start: int, stop: int, scale: Scale) -> Statement | None:
        """A number behind a description: `crisp and wide (0.85)`, `crisp and wide. Score: 0.85`."""
        text = self.body[start:stop]
        last = LAST_WORDS.fullmatch(text)
        if last is not None and DECIMAL.search(last.group(1)) is None and _LOOSE_DIGITS.search(last.group(1)) is None:
            words = last.group(1)
            is_label = words.rstrip().endswith(":") and (
                SENTENCE_END.search(words) is not None or len(words.split()) < 4
            )
            doubtful = is_label or STRONG.search(words) or _CONDITIONAL.search(words)
            is_sentence = re.search(r"[.!]\W*\Z", words) is not None
            if self._is_asked(words.strip(" *_\"'`:.")) or (is_sentence and not doubtful):
                return self._at(name, start + last.start(2), stop, scale)
        if STRONG.search(text) or UNRATED.search(text):
            return None
        spots = [m.end() for m in IN_BRACKETS.finditer(text)]
        spots += [m.end() for m in SCORE_WORD.finditer(text) if _is_own_score(text[: m.start()])]
        if spots and DECIMAL.search(text[: spots[0]]):
            return None
        if len(spots) != 1 or WEAK.search(text[: spots[0]]) or SENTENCE_END.search(text[: spots[0]].rstrip(" (score:")):
            spots = [m.end() for m in SCORE_WORD.finditer(text) if _is_own_score(text[: m.start()])]
            if len(spots) != 1 or DECIMAL.search(text[: spots[0]]):
                return None
        if _GLUED.search(text[: spots[0]]):
            return None
        return self._at(name, start + spots[0], stop, scale)

    def _below(self, name: Name, start: int, limit: int, scale: Scale) -> Statement | None:
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
                if pos < limit < end:
                    return None
                ended = SCORE_AT_END.fullmatch(self.body, pos, end)
                if ended is not None and not STRONG.search(ended.group(1)):
                    return self._at(name, ended.start(2), min(end, limit), scale)
                alone = NUMBER_LINE.match(self.body, pos, end) if lines == 1 else None
                if alone is not None and (
                    self.numbers_above
                    or NUMBER_LINE.match(self.body, end, limit)
                    or self._counts_on(alone, (end, limit))
                ):
                    return Statement(Reading(reason="ambiguous"), at=alone.end())
                if alone is not None and not re.match(r"\d{1,2}[.)]\s", self.body[alone.end() : alone.end() + 5]):
                    return self._at(name, alone.end(), min(end, limit), scale)
                words = self.body[pos:end].strip(" \t\n\r*_#:")
                titled = len(words.split()) <= 6 and not words.endswith((".", "!", "?", ";", ","))
                titled = titled and not re.match(r"\s{0,8}[-*•+]\s", self.body[pos:end])
                if self.body[pos:end].lstrip().startswith("#") or (
                    titled and KEYED_LINE.match(self.body, pos, end) is None
                ):
                    return None
            pos = end
        return None

    def _counts_on(self, alone: re.Match[str], span: tuple[int, int]) -> bool:
        """Whether a whole number on a line is the first of several: the numbering of what stands below each."""
        return re.match(r"\d+\s*\n", self.body[alone.end() : span[0]]) is not None and (
            re.search(r"\n[ \t]*\d+[.)]?[ \t]*\n", self.body[span[0] - 1 : span[1] + 1]) is not None
        )

    def backward(self, name: Name, boundary: int, scale: Scale) -> Statement | None:
        """A number before the name: `0.8 for production quality`."""
        lead = lead_of(self.body, name.start)
        sentence = sentence_of(lead)
        found = NUMBER_BEFORE.search(sentence[-100:])
        if found is None or found.group(3)[0].isupper() or STRONG.search(sentence) or MEANS.match(self.body, name.end):
            return None
        before = sentence[-100:][: found.start()]
        if found.group(1)[0] in "+-" or BEFORE_NUMBER.search(before) is None or is_other_lead(before):
            return None
        if BAD_BEFORE_NUMBER.search(before) or (found.group(3).lower() == "to" and not GIVEN.search(sentence)):
            return None
        local = before[-max(0, len(before) - max(0, boundary - (name.start - len(sentence[-100:])))) :]
        if WEAK.search(re.split(r"[,;:]|\band\b", before)[-1]) or not says_nothing_else(local):
            return None
        at = name.start - len(sentence[-100:]) + found.start()
        reading = read_number(found.group(1) + found.group(2) + "\n", name.field, False, scale, self.assume)
        return Statement(reading, at=at) if reading.reason != "not_a_number" else None

    def _at(self, name: Name, start: int, stop: int, scale: Scale) -> Statement | None:
        cut = stop >= len(self.body)
        glued = not cut and stop > start and self.body[stop - 1] != "\n" and self.body[stop].isalpha()
        glued = glued and NEXT_LABEL.match(self.body, stop - 1) is None
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

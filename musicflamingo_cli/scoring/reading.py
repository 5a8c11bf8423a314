"""From the parts of a reply to the fields that it states: objects first, prose only where no object answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from musicflamingo_cli.records import FieldAnswer
from musicflamingo_cli.scoring.bodies import prose_body
from musicflamingo_cli.scoring.bounds import scale_notes
from musicflamingo_cli.scoring.candidates import Candidate, choose
from musicflamingo_cli.scoring.disputes import revises, taken_back_above, taken_back_until
from musicflamingo_cli.scoring.echo import without_echo
from musicflamingo_cli.scoring.finder import Finder
from musicflamingo_cli.scoring.found import Found, of_reading, of_statement
from musicflamingo_cli.scoring.keys import FieldIndex, read_key
from musicflamingo_cli.scoring.lone import read_lone
from musicflamingo_cli.scoring.nodes import Obj, Page, words_of
from musicflamingo_cli.scoring.prose import disputed_by, read_prose
from musicflamingo_cli.scoring.restarts import last_restart, said_otherwise
from musicflamingo_cli.scoring.spans import Spans
from musicflamingo_cli.scoring.stated_scales import scale_around
from musicflamingo_cli.scoring.thinking import ANSWER, OUTSIDE, Stretch, answer_stretches
from musicflamingo_cli.scoring.turns import first_of_answer, next_turns, without_others_turns
from musicflamingo_cli.scoring.unheard import marks_unheard
from musicflamingo_cli.scoring.values import read_score, read_text

_BEGUN = re.compile(r"\{\s{0,64}(?:[\"'“]?[\w \\-]{0,80}[\"'”]?\s{0,8})?\Z")
_RUN_ON = re.compile(
    r"[\"”»'’]\s{0,8}[,;]?[^\w\"“«']{0,12}[\"“«'*_]{1,4}(?=[A-Za-z]|\Z)|[\"”»]\s{0,8}[,;][^\w]{0,12}(?=[a-z]+_[a-z])"
)
_FENCED = re.compile(r"\A\s*```\w{0,16}\s+([^`]{1,200})```\s*\Z")
_STATES = re.compile(r"\d")
_GIVES = re.compile(r"\\{0,2}[\"'”’]?\s{0,4}[:=]\s{0,4}\\{0,2}[\"'“‘]?[\d.]")
"""A number behind a field's name: a text with such a member in it may have run on into it."""
_KEYED = re.compile(r"[\w ]{1,40}[\"”»'*]{0,4}(?:\s{0,4}:|\s{0,8}\Z)")
"""The end of a text and, behind it, the beginning of a member."""
_QUOTED_LINE = re.compile(r"^[ \t]{0,4}>[ \t]{0,8}(?:[{}]|[\"'][\w ]{1,60}[\"']\s?:)", re.MULTILINE)
_LINE_MARK = re.compile(r"^([ \t]{0,4})>", re.MULTILINE)
_LONGEST = 20_000
"""Characters from a broken object's beginning on in which the answer may begin anew."""
_MOST_OTHERS = 16
"""So many objects beside the answer are looked through for texts that it does not hold."""


class ReplyReader:
    """Goes through the parts of one reply until one of them holds an answer."""

    def __init__(self, page: Page, index: FieldIndex, prompt: str, assume: float | None) -> None:
        """Be ready to read `page`; `assume` is the scale that a person states for bare numbers."""
        self.page = page
        self.index = index
        self.prompt = prompt
        self.assume = assume

    def read(self) -> Found:
        """What the reply states: the part that follows the thinking first, parts before it only if that is empty."""
        whole = self._whole()
        if whole is not None:
            return whole
        unquoted = _unquoted(self.page)
        found = self._read_turns(without_echo(unquoted, self.prompt))
        return found if unquoted is self.page else _repaired(found, "quoted_lines")

    def _read_turns(self, page: Page) -> Found:
        turns = next_turns(page)
        page = without_others_turns(page)
        for turn in turns:
            own = self._read_page(Page(f"{page.text[: turn.start()]}\n", f"{page.folded[: turn.start()]}\n", True))
            if own.answers(self.index.wanted):
                return own
        anew = self._anew(page)
        found = anew if anew is not None else self._read_page(page)
        return found if found.answers(self.index.wanted) else self._lone(page) or found

    def _lone(self, page: Page) -> Found | None:
        """What a reply states that is nothing but a number, where one is asked."""
        scores = [field for field in self.index.fields if field.kind == "score"]
        if len(scores) != 1 or len(self.index.scored) != 1:
            return None
        stretches = answer_stretches(page.folded)
        best = max((s.rank for s in stretches), default=0)
        last = [s for s in stretches if s.rank == best][-1:]
        whole = len(last) == 1 and (best > OUTSIDE or len(stretches) == 1)
        if not whole:
            return None
        text = _FENCED.sub(r"\1", page.folded[last[0].start : last[0].end])
        stopped = page.stopped or last[0].end < len(page.folded)
        reading = read_lone(text, scores[0], stopped, self.assume)
        return None if reading is None else Found({scores[0].name: of_reading(reading, "prose")})

    def _anew(self, page: Page) -> Found | None:
        """What the reply states behind a line on which it begins once more, if that answers and is no torn object."""
        line = last_restart(page.folded)
        if line is None or line.start < first_of_answer(page):
            return None
        before = Page(page.text[: line.start], page.folded[: line.start], True)
        if not line.forgets and not self._read_page(before).broken:
            return None
        found = self._read_page(Page(page.text[line.end :], page.folded[line.end :], page.stopped))
        return found if found.answers(self.index.wanted) and not found.broken else None

    def _read_page(self, page: Page) -> Found:
        stretches = sorted(answer_stretches(page.folded), key=lambda s: -s.rank)
        best = Found()
        for _, group in groupby(stretches, key=lambda s: s.rank):
            found = self._last_of(page, list(group))
            answers = found.answers(self.index.wanted)
            if answers and (page.stopped or not found.broken):
                return found
            if answers or not best.fields or not any(one.value is not None for one in best.fields.values()):
                best = best if best.broken and best.answers(self.index.wanted) and not found.complete else found
        return best

    def _last_of(self, page: Page, stretches: list[Stretch]) -> Found:
        """What the stretches say together; where an answer tag follows others, what it says counts over them."""
        found = self._read_stretches(page, stretches)
        if len(stretches) > 1 and stretches[-1].rank == ANSWER:
            last = self._read_stretches(page, stretches[-1:])
            said = {name: one for name, one in last.fields.items() if one.value is not None}
            valued = {name for name, one in found.fields.items() if one.value is not None}
            if valued <= said.keys():
                return last if said else found
            found.fields.update(said)
        return found

    def _whole(self) -> Found | None:
        """The short way: the whole reply is one strict JSON object that answers."""
        text = self.page.text.strip(" \t\r\n\ufeff")
        if not (text.startswith("{") and text.endswith("}")):
            return None
        finder = Finder(Page(text, text, True), self.index, self.prompt)
        candidate = finder.whole()
        if candidate is None or not candidate.bears or finder.is_rejected(candidate):
            return None
        return self._of_object(candidate, [])

    def _read_stretches(self, page: Page, stretches: list[Stretch]) -> Found:
        finder = Finder(page, self.index, self.prompt)
        objects = finder.find(stretches)
        answer = choose([c for c in objects if c.bears], finder.is_rejected)
        rejected = [c for c in objects[-_MOST_OTHERS:] if answer is None and finder.is_rejected(c)]
        if answer is None and not rejected:
            answer = choose([c for c in finder.braceless(stretches) if c.bears], finder.is_rejected)
        if answer is not None:
            answer = self._revised(answer, objects, page, finder)
        kept = [c for c in objects[-_MOST_OTHERS:] if c is not answer and not finder.is_rejected(c)]
        if answer is not None:
            self._note_scale(answer, page, stretches)
            found = self._of_object(answer, kept)
            self._heed_words(found, answer, page, (stretches, Spans(finder.spans)))
            if not answer.root.closed or "separate_objects" in answer.repairs:
                written = {n: float(one.written) for n, one in found.fields.items() if one.written is not None}
                self._leave_out(
                    found, said_otherwise(page.folded[answer.start : answer.start + _LONGEST], written, self.index)
                )
            return found
        holding = choose([c for c in objects if c.said.members], finder.is_rejected)
        found = self._of_object(holding, []) if holding else Found()
        broken = holding is not None and not holding.root.closed
        if broken or any(not c.root.closed for c in rejected) or _ends_in_object(page, finder):
            return found
        if any(finder.may_be_meant(c) for c in rejected):
            return found
        numbered = (c for c in rejected if c.said.members.keys() & self.index.wanted)
        after = ((c.end, _paragraph_end(page.folded, c.end)) for c in numbered)
        self._add_prose(found, page, stretches, Spans((*finder.spans, *after)))
        for candidate in kept if holding is None else [holding]:
            for text in candidate.said.holders:
                inner = Page(text + "\n", text + "\n", True)
                self._add_prose(found, inner, [Stretch(0, len(text) + 1, 1)], Spans(()))
        return found

    def _revised(self, answer: Candidate, objects: Sequence[Candidate], page: Page, finder: Finder) -> Candidate:
        """The last complete object behind the answer that words before it call a revision: it counts over a fence."""
        for later in objects[-_MOST_OTHERS:]:
            before = page.folded[max(answer.end, later.start - 200) : later.start] if later.start >= answer.end else ""
            if before and later.bears and later.root.closed and revises(before) and not finder.is_rejected(later):
                answer = later
        return answer

    def _note_scale(self, answer: Candidate, page: Page, stretches: Sequence[Stretch]) -> None:
        """Give the members of an object the scale that the words around it state for all scores."""
        start = max((s.start for s in stretches if s.start <= answer.start), default=0)
        end = min((s.end for s in stretches if s.end >= answer.end), default=len(page.folded))
        stated = scale_around(page.folded[start : answer.start], page.folded[answer.end : end], self.index)
        words = "scale" if stated.unclear else f"out of {stated.top:g}" if stated.top is not None else ""
        for member in answer.said.members.values():
            member.notes = member.notes or ((words,) if words else ())

    def _runs_on(self, text: str) -> bool:
        """Whether a text ran on into the members behind it, because of a damaged quote."""
        if _STATES.search(text) and any(
            name.lastindex and _GIVES.match(text, name.end()) for name in self.index.label.finditer(text[:4000])
        ):
            return True
        near = _RUN_ON.search(text)
        return near is not None and (
            near.end() == len(text)
            or self.index.mention.match(text, near.end()) is not None
            or _KEYED.match(text, near.end()) is not None
        )

    def _heed_words(self, found: Found, answer: Candidate, page: Page, around: tuple[Sequence[Stretch], Spans]) -> None:
        """Leave out the numbers of an object that the words around it take back."""
        stretches, spans = around
        stated = {n: one.value for n, one in found.fields.items() if n in self.index.scored and one.value is not None}
        words = prose_body(page, stretches, spans, self.index, self.prompt)
        if not words.strip():
            return
        if taken_back_until(words) > len(words):
            gone = frozenset(stated)
        else:
            after = [Stretch(max(s.start, answer.end), s.end, s.rank) for s in stretches if s.end > answer.end]
            body = prose_body(page, after, spans, self.index, self.prompt)
            gone = (
                disputed_by(body, stated, self.index, ("", self.assume), not answer.root.closed)
                if body.strip()
                else frozenset()
            )
            gone = frozenset(stated) if taken_back_above(body) else gone
        self._leave_out(found, gone)

    def _add_prose(self, found: Found, page: Page, stretches: Sequence[Stretch], spans: Spans) -> None:
        for name, statement in read_prose(page, stretches, spans, self.index, (self.prompt, self.assume)).items():
            if name not in found.fields or found.fields[name].value is None:
                found.fields[name] = of_statement(statement)

    def _of_object(self, answer: Candidate, others: Sequence[Candidate]) -> Found:
        obtained = "repaired" if answer.repairs else "json"
        found = Found({}, answer.repairs, answer.root.closed, not answer.root.closed)
        texts = [c for c in others if not c.bears and c.root.closed]
        for asked in self.index.fields:
            member, how = answer.said.members.get(asked.name), obtained
            if member is None and asked.kind == "text":
                for other in texts:
                    if asked.name in other.said.members:
                        member, how = other.said.members[asked.name], "repaired" if other.repairs else "json"
            if member is None:
                continue
            if asked.kind == "text":
                text, reason = read_text(member)
                if text is not None and how == "repaired" and self._runs_on(text):
                    text, reason = None, "ambiguous"
                found.fields[asked.name] = FieldAnswer(text, how if text is not None else None, reason)
            elif isinstance(member.value, Obj) and not member.value.closed and _lacks_scale(member.value, answer):
                found.fields[asked.name] = FieldAnswer(reason="cut_off")
            else:
                found.fields[asked.name] = of_reading(read_score(member, asked, self.assume), how)
        notes = [text for key, text in answer.said.strings[:64] if not self.index.known(key)]
        if any(taken_back_until(text) > len(text) for text in notes) or _is_marked(answer.root):
            self._leave_out(found, self.index.scored)
        return found

    def _leave_out(self, found: Found, names: Iterable[str]) -> None:
        for name in names:
            if name in found.fields and found.fields[name].value is not None:
                found.fields[name] = FieldAnswer(reason="ambiguous", written=found.fields[name].written)


def _lacks_scale(broken: Obj, answer: Candidate) -> bool:
    """Whether a field's object breaks off before the scale that the objects of other fields state."""
    whole = (m.value for m in answer.said.members.values() if isinstance(m.value, Obj) and m.value.closed)
    return not scale_notes(broken.pairs, own=True) and any(scale_notes(one.pairs, own=True) for one in whole)


def _is_marked(root: Obj) -> bool:
    """Whether a member of an object says that the others are an example, or another song's."""
    return any(marks_unheard(read_key(key).joined, words_of(value)[:80]) for key, value in root.pairs[:64])


def _unquoted(page: Page) -> Page:
    """The page without the marks of quotation at the beginning of its lines, where an object is quoted so."""
    if _QUOTED_LINE.search(page.folded) is None:
        return page
    text, folded = (_LINE_MARK.sub(r"\1 ", text) for text in (page.text, page.folded))
    return Page(text, folded, page.stopped)


def _repaired(found: Found, repair: str) -> Found:
    """What was found, marked as read out of a text that was repaired first."""
    fields = {
        n: replace(one, obtained="repaired") if one.obtained == "json" else one for n, one in found.fields.items()
    }
    return replace(found, fields=fields, repairs=(repair, *found.repairs))


def _paragraph_end(text: str, start: int) -> int:
    """Where the paragraph ends that a rejected object stands in: what follows in it belongs to that object."""
    end = text.find("\n\n", start)
    return len(text) if end < 0 else end


def _ends_in_object(page: Page, finder: Finder) -> bool:
    """Whether the text breaks off in an object: that is where the answer was to stand, not in the prose before it."""
    if finder.torn or page.stopped:
        return finder.torn
    return finder.breaks_off or _BEGUN.search(page.folded[-200:]) is not None

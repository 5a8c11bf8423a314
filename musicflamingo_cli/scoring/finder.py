"""The objects in a reply that say something of the asked fields."""

from __future__ import annotations

import re
from collections.abc import Sequence

from musicflamingo_cli.scoring.candidates import Candidate, follows_template, is_echo, is_template
from musicflamingo_cli.scoring.fences import regions
from musicflamingo_cli.scoring.jsonish import ObjectReader, may_begin
from musicflamingo_cli.scoring.keys import OTHER_LABEL, FieldIndex
from musicflamingo_cli.scoring.labels import is_mislabelled
from musicflamingo_cli.scoring.marks import MEMBER_FOLLOWS, NUMBER_GOES_ON
from musicflamingo_cli.scoring.nodes import Arr, Budget, Obj, Page, read_strict
from musicflamingo_cli.scoring.objects import Harvest, harvest
from musicflamingo_cli.scoring.parents import standing_of
from musicflamingo_cli.scoring.spans import Spans
from musicflamingo_cli.scoring.subjects import is_named
from musicflamingo_cli.scoring.thinking import Stretch

_MAX_BRACELESS = 64
_MOST_CANDIDATES = 1024
"""Of more objects, which only a loop has, the first and the last are kept."""
_BRACE = re.compile(r"(?:\{(?=\{{8}))*\{(?!\s{0,8}\})")
"""An opening brace that holds something; of a long run of them the last few."""
_IN_COMMENT = re.compile(r"(?:/\*|<!--|//|~~|(?:^|\n)[ \t]*#)[ \t]{0,4}\Z")
"""What makes the object behind it a comment."""
_RESTART = re.compile(r"\n[ \t]*[*_#]{0,3}[A-Za-z][^\n\"'“{}\[\]]{2,120}:[*_]{0,3}[ \t]*\n\s*(?:`{3,8}\w*\s*)?\Z")
"""A line of words on its own that leads up to an object: the answer begins anew behind one that broke off."""
_LAST_READ = 65_536
_LAST_PART = 4096
"""Where no field is named any more, so many characters at the end tell whether the text breaks off in an object."""
_CLOSER = re.compile(r"\s{0,32}[}\]]")
_RUN = re.compile(r"(?:[{\[(\]})][\s,:;'\"`\\]{0,4}){32,}")
_MOST_READ = 16_384
"""Of more objects, readable or not, which only a loop has, the first and those in the last part are read."""
_RUN_END = 64
"""Of a run of brackets without a member between them, only a loop, so many characters are looked at."""


_IN_WORDS = re.compile(r"[A-Za-z,][ \t]{1,4}[(\[]?\Z|[A-Za-z][ \t]{0,4}[(\[]\Z")
"""Words right before a quoted key: it is only spoken of, in a sentence or a text."""
_ABRIDGED = re.compile(r"[,{]\s{0,4}(?:\.{3}|…)\s{0,4}\}\Z")
"""The end of an object that leaves the rest of it out."""
_ANNOUNCED = re.compile(r"\b(?:should|would|could|will)\b[^\n{}]{0,60}\s{0,4}(?:```\w{0,12}\s{0,4})?\Z")
_FORM = re.compile(r"\b(?:form(?:at)?|schema|structure|shape|like|template|pattern|as)\b[\s:]{0,4}\Z", re.IGNORECASE)


class Finder:
    """Finds the objects of one page."""

    def __init__(self, page: Page, index: FieldIndex, prompt: str, depth: int = 0) -> None:
        self.page = page
        self.index = index
        self.prompt = prompt
        self._depth = depth
        self._budget = Budget(2 * len(page.text) + 4096)
        self._rereads = 64
        self._left = 2 * len(page.text) + 4096
        self._read = 0
        self._name_from = [0, -1]
        self._escape_from = [0, -1]
        """From where the next name, and the next escaped letter, was last looked for, and where it stands."""
        self.spans: list[tuple[int, int]] = []
        """Where objects were found, of whatever kind."""
        self.orphans: set[int] = set()
        """Where objects begin that stood under a key too damaged to be read, in an object that breaks off there."""
        self.torn = False
        """True if an object begins with a damaged name of what is not the answer: what follows is doubtful."""
        self.breaks_off = False
        """True if the text ends inside an object."""

    def find(self, stretches: Sequence[Stretch]) -> list[Candidate]:
        """Every object in these parts of the page that says something of the asked fields, in order.

        Objects that follow each other directly, each with other fields, are one.
        """
        found: list[Candidate] = []
        for stretch in stretches:
            for start, end, fenced in regions(self.page.folded, stretch):
                self._scan(start, end, fenced, found)
        return self._joined(found)

    def whole(self) -> Candidate | None:
        """The page's text if it is one strict JSON object from its first to its last character."""
        strict = read_strict(self.page.text, 0, self._budget)
        if strict is None or strict[1] != len(self.page.text) or strict[2]:
            return None
        return Candidate(strict[0], 0, strict[1], False, (), self._harvest(strict[0], strict=True))

    def _scan(self, pos: int, end: int, fenced: bool, found: list[Candidate]) -> None:
        folded, named = self.page.folded, -1
        broken, nested = -1, False
        while brace := _BRACE.search(folded, pos, end):
            pos = brace.end() - 1
            if pos > named and end - pos > 2 * _LAST_PART:
                name = self._next_name(pos, end)
                named = name if name >= 0 else end
                if name < 0:
                    pos = end - _LAST_PART
                    continue
            if self._read >= _MOST_READ and end - pos > _LAST_READ:
                pos = end - _LAST_READ
                continue
            if (run := _RUN.match(folded, pos, end)) and run.end() - _RUN_END > pos:
                pos = run.end() - _RUN_END
                continue
            depth = 0
            strict = read_strict(self.page.text, pos, self._budget)
            if strict is None and not may_begin(folded, pos, end):
                pos += 1
                continue
            self._read += 1
            if strict is not None and strict[1] <= end and not NUMBER_GOES_ON.match(folded, strict[1], end):
                root, stop, control = strict
                repairs: tuple[str, ...] = ("control_characters",) if control else ()
            else:
                reader = ObjectReader(self.page, (pos, end), self.index.known)
                root, stop = reader.read()
                repairs = tuple(reader.repairs) or ("nonstandard_signs",)
                self._read += reader.nodes // 2 + reader.members // 4
                depth = len(reader.stack) + reader.gave_up
                self.torn = self.torn or (reader.gave_up and not root.pairs)
            if root.pairs:
                if (
                    0 <= broken <= pos < broken + 16
                    and not folded[broken:pos].strip("[({ \n\"'")
                    and (nested or folded[max(0, pos - 32) : pos].rstrip(" \n[({\"'").endswith((":", "=")))
                    and not _RESTART.search(folded[max(0, pos - 160) : pos])
                    and not self._restarts(found, root, (broken, stop))
                ):
                    self.orphans.add(pos)
                broken, nested = -1 if root.closed else stop, depth > 1
                if root.closed and (_CLOSER.match(folded, stop, end) or MEMBER_FOLLOWS.match(folded, stop, end)):
                    root.pairs = _without_strays(root.pairs)
                self.spans.append((pos, stop))
                self.breaks_off = not root.closed and stop >= len(folded)
                if self._may_say_something(pos, stop):
                    said = self._harvest(root, strict=strict is not None and root is strict[0])
                    found.append(Candidate(root, pos, stop, fenced, repairs, said))
                    if len(found) > 2 * _MOST_CANDIDATES:
                        del found[_MOST_CANDIDATES // 2 : -_MOST_CANDIDATES // 2]
            pos = max(stop, pos + 1)

    def _restarts(self, found: Sequence[Candidate], root: Obj, span: tuple[int, int]) -> bool:
        """Whether a complete object says what the one that broke off before it said."""
        broken, stop = span
        folded = self.page.folded
        if not (root.closed and found and found[-1].end == broken):
            return False
        if _CLOSER.match(folded, stop) or MEMBER_FOLLOWS.match(folded, stop):
            return False
        said = self._harvest(root).members.keys() & self.index.scored
        shared = said & found[-1].said.members.keys()
        return len(shared) > 1 or (len(shared) == 1 and len(said) > 3)

    def _next_name(self, start: int, end: int) -> int:
        """Where the next name of a field, or else an escaped letter, stands before `end`; -1 for nowhere."""
        for known, search in (
            (self._name_from, self._search_name),
            (self._escape_from, lambda at: self.page.folded.find("\\u", at)),
        ):
            searched, found = known
            if not searched <= start <= found:
                place = search(start)
                found = place if place >= 0 else len(self.page.folded)
                known[:] = [start, found]
            if found < end:
                return found
        return -1

    def _search_name(self, start: int) -> int:
        name = self.index.mention.search(self.page.folded, start)
        return -1 if name is None else name.start()

    def _may_say_something(self, start: int, end: int) -> bool:
        """Whether a field's name stands there at all; where letters are escaped, who knows."""
        return self._next_name(start, end) >= 0

    def braceless(self, stretches: Sequence[Stretch]) -> list[Candidate]:
        """Objects whose opening brace is missing: they begin at a quoted key that is asked."""
        found: list[Candidate] = []
        taken, stop = Spans(self.spans), 0
        for stretch in stretches:
            looked = stretch.start
            for key in self.index.quoted_key.finditer(self.page.folded, stretch.start, stretch.end):
                at = key.start()
                while at > stretch.start and key.start() - at < 8 and self.page.folded[at - 1] == "\\":
                    at -= 1
                if taken.hold(at) or at < stop or len(found) >= _MAX_BRACELESS:
                    continue
                if _IN_WORDS.search(self.page.folded[max(stretch.start, at - 64) : at]):
                    continue
                if OTHER_LABEL.search(self.page.folded, max(stretch.start, looked - 80), at):
                    break
                looked = max(looked, at)
                reader = ObjectReader(self.page, (at, stretch.end), self.index.known)
                root, stop = reader.read(braceless=True)
                if root.pairs:
                    repairs = ("missing_brace", *(r for r in reader.repairs if r != "missing_brace"))
                    found.append(Candidate(root, at, stop, False, repairs, self._harvest(root)))
        return found

    def _harvest(self, root: Obj, strict: bool = False) -> Harvest:
        return harvest(root, self.index, self._reread, strict)

    def _reread(self, text: str) -> list[Obj]:
        """The objects in a string that itself holds JSON."""
        self._rereads -= 1
        self._left -= len(text)
        if self._depth >= 3 or self._rereads < 0 or self._left < 0 or self.index.mention.search(text) is None:
            return []
        inner = Finder(Page(text + "\n", text + "\n", True), self.index, "", self._depth + 1)
        found = inner.find([Stretch(0, len(text) + 1, 1)])
        return [c.root for c in found if c.bears and not inner.is_rejected(c)]

    def _joined(self, found: list[Candidate]) -> list[Candidate]:
        joined: list[Candidate] = []
        for candidate in found:
            last = joined[-1] if joined else None
            if last is not None and self._are_of_several(last, candidate):
                self.orphans |= {last.start, candidate.start}
            if (
                last is not None
                and self._is_listed_with(last, candidate)
                and is_mislabelled(self.page.folded, last.start)
            ):
                self.orphans |= {last.start, candidate.start}
            is_joined = last is not None and "separate_objects" in last.repairs
            if last is None or not self._continues(last, candidate) or (not is_joined and self.is_rejected(last)):
                joined.append(candidate)
                continue
            last.root = Obj([*last.root.pairs, *candidate.root.pairs], last.root.closed)
            last.end = candidate.end
            last.repairs = tuple(dict.fromkeys((*last.repairs, "separate_objects", *candidate.repairs)))
            last.said.members.update(candidate.said.members)
            last.said.strings.extend(candidate.said.strings)
            last.said.numbers += candidate.said.numbers
        return joined

    def _is_listed_with(self, last: Candidate, candidate: Candidate) -> bool:
        """Whether nothing but the comma of a list stands between two objects."""
        return self.page.folded[last.end : candidate.start].strip() == ","

    def _are_of_several(self, last: Candidate, candidate: Candidate) -> bool:
        """Whether two objects of one list say the same of two things that they name: `"aspect": "guitar"`."""
        return (
            self._is_listed_with(last, candidate)
            and bool(last.said.members.keys() & candidate.said.members.keys() & self.index.scored)
            and all(is_named(one.root.pairs, self.index) for one in (last, candidate))
        )

    def _continues(self, last: Candidate, candidate: Candidate) -> bool:
        between = self.page.folded[last.end : candidate.start]
        return (
            len(between) < 64
            and not between.strip(" \t\r\n,;[]-*")
            and last.root.closed
            and bool(last.said.members)
            and bool(candidate.said.members)
            and (not last.said.members.keys() & candidate.said.members.keys() or self._is_next_line(last, candidate))
        )

    def _is_next_line(self, last: Candidate, candidate: Candidate) -> bool:
        """Whether an object is one of several that hold one field each, as lines of JSON do."""
        is_single = candidate.bears and len(candidate.root.pairs) == 1 and self.index.known(candidate.root.pairs[0][0])
        return is_single and candidate.root.closed and ("separate_objects" in last.repairs or len(last.root.pairs) == 1)

    def is_rejected(self, candidate: Candidate) -> bool:
        """Whether an object is a template, the prompt's example, or labelled as something else."""
        return (
            candidate.start in self.orphans
            or _IN_COMMENT.search(self.page.folded[max(0, candidate.start - 16) : candidate.start]) is not None
            or self._shows_form(candidate)
            or is_template(candidate, self.index)
            or is_echo(candidate, self.index, self.prompt)
            or follows_template(
                candidate, self.index, self.page.folded[max(0, candidate.start - 600) : candidate.start]
            )
            or is_mislabelled(self.page.folded, candidate.start)
            or self._repeats_mislabelled(candidate)
        )

    def may_be_meant(self, candidate: Candidate) -> bool:
        """Whether a whole object is rejected for what leads up to it alone, and that may as well announce the answer:
        `The output should look like this:`."""
        before = self.page.folded[max(0, candidate.start - 120) : candidate.start]
        is_whole = candidate.root.closed and self.index.scored <= candidate.said.members.keys()
        texts = [text for _, text in candidate.said.strings if text.strip()]
        return (
            is_whole
            and bool(texts)
            and _ANNOUNCED.search(before) is not None
            and not is_template(candidate, self.index)
        )

    def _shows_form(self, candidate: Candidate) -> bool:
        """Whether an object only shows the form of an answer: `in the format {"production_quality": 0.5, ...}`."""
        before = self.page.folded[max(0, candidate.start - 80) : candidate.start]
        ends = self.page.folded[max(0, candidate.end - 16) : candidate.end]
        return _ABRIDGED.search(ends) is not None and _FORM.search(before) is not None

    def _repeats_mislabelled(self, candidate: Candidate) -> bool:
        """Whether an object says once more, right behind it, what one says that is labelled as something else."""
        text = self.page.folded[candidate.start : candidate.end]
        before = self.page.folded[max(0, candidate.start - len(text) - 16) : candidate.start].rstrip()
        if not before.endswith(text):
            return False
        return is_mislabelled(self.page.folded, self.page.folded.rindex(text, 0, candidate.start))


def _without_strays(pairs: list[tuple[str, object]]) -> list[tuple[str, object]]:
    """An object closed once too often: what follows its `weights` and the like may have stood in them."""
    for number, (key, value) in enumerate(pairs):
        if isinstance(value, Obj | Arr) and standing_of(key) == "other":
            return pairs[: number + 1]
    return pairs

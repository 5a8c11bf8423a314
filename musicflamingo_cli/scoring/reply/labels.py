"""The labelled lines of a text: which line, cell or tag stands behind which label, and under what it stands.

Lines stand under what is above them and less far in: a heading, a name, the line over a list. As with objects, nothing
counts under a name that is not made of words of the closed list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from musicflamingo_cli.scoring.reply.names import HOLDERS, Match, Names, holder, words_of
from musicflamingo_cli.scoring.reply.numbers import NO_SCALE, NUMBER, Scale

_AROUND = " \t*_`\"'“”"
MARKS = _AROUND + ">-•+#"
LABEL = re.compile(
    r"[ \t>]*(?:[-*•+]\s+|#{1,6}\s+|\d{1,2}[.)]\s+)*+[*_`\"'“”]{0,3}(?P<name>[^:=：|<>\n]{1,104}+)"
    r"(?:[:：]|=(?!=))(?:\*{1,3}(?=\s))?(?P<rest>.*)"
)
_BULLETS = re.compile(r"[ \t>]*(?:(?:[-*•+]|\d{1,2}[.)])\s+)*(?P<heads>#{1,6}(?=\s))?")
VALUED = (
    rf"[\s*_`\"']{{0,6}}(?P<number>{NUMBER})(?P<stop>\.?)[\s*_`\"']{{0,6}}[,，]?"
    r"(?:\s?(?:--?|–|—)\s(?P<remark>[^0-9]*))?"
)
"""A number with its unit, and a remark without a digit behind a dash."""
_BELOW = re.compile(rf"(?:[\s>*_`-]*(?:score|rating)[\s*_`]*:|[ \t*_`]*)(?P<rest>{VALUED})[ \t*_`]*", re.IGNORECASE)
"""A number alone on its line, below its label."""
_REST_OF_NUMBER = re.compile(r"\s*+[.,]?[0-9]++(?:[.,][0-9]++)?,?\s*+")
_SCALE_BELOW = re.compile(r"\s*+(?:[/%]|(?:out\s)?of\s)\s?[0-9]*", re.IGNORECASE)
"""How a line begins that goes on with the number above."""
_RULE = re.compile(r"[\s|:\-=+]*[-=][\s|:\-=+]*")
_HEADS = frozenset(("score", "scores", "rating", "ratings", "value", "values"))
"""What the column of the scores is headed by; other words of the closed list may stand beside it."""
_TAG = re.compile(r"<(?P<closing>/)?(?P<name>[A-Za-z][\w -]{0,60})>(?:(?P<value>[^<\n]{0,200})</(?P=name)>)?")
_BEHIND_TAG = re.compile(r"\s*+(?:[/%]|out\b)[^<\n]*|[^<\n]*[0-9][^<\n]*")
"""What may belong to the number in a tag before it."""
_LONGEST_NAME = 3
"""Words of a name; a line of more is a sentence, which is not judged."""
_SMALL_WORDS = frozenset(
    ("and", "are", "for", "here", "is", "it", "its", "my", "of", "our", "the", "this", "your", "you", "go")
)


class Line(NamedTuple):
    """A labelled line, or a cell of a table."""

    match: Match
    rest: str
    """What stands behind the label."""
    number: int
    """Of the line, from 0."""
    is_closed: bool = False
    """Whether a closing tag ends it, so that it neither goes on nor was cut."""
    is_other: bool = False
    """Whether its heading is not of the closed list: it states nothing, but it may contradict."""


class _Parent(NamedTuple):
    """A line under which others stand."""

    depth: float
    """How far in it stands, in columns; a bullet is one more, a heading less."""
    indent: int
    """Its space at the left; that of a heading with `#` is more than any other."""
    scale: Scale | None
    """Of the numbers under it; None where no answer may stand."""


class Collector:
    """Goes through the lines once and keeps what each is labelled with."""

    def __init__(self, lines: Sequence[str], names: Names) -> None:
        self.lines, self.names = lines, names
        self.found: list[Line] = []
        self.used: set[int] = set()
        self.has_more = False
        self._above: list[_Parent] = []
        """What lines stand under, from the outermost in."""
        self._column: tuple[int, Scale, int] | None = None
        """Of the last table: the column of the scores (0: no head tells, -1: the head names none), its scale, and the
        cells of the head. It holds up to the next head, whatever lines stand between."""
        self._is_in_table = False
        """Whether the line before was a row."""
        self._heading: Line | None = None
        """A label alone on the line before."""

    def collect(self) -> list[Line]:
        """Every labelled line, and what states its number."""
        is_orphaned = False
        below_label: list[int] = []
        for number, line in enumerate(self.lines):
            bare = line.strip()
            if "{" in bare or "｛" in bare:
                break  # of JSON that could not be read: who knows what the lines below are nested in
            if bare[:1] in ("}", "]"):
                return []  # what stands above stood in an object whose beginning is lost
            following = self.lines[number + 1] if number + 1 < len(self.lines) else ""
            is_head = "|" in bare and "|" in following and _RULE.fullmatch(following) is not None
            if "|" in bare and (bare[0] == "|" or self._is_in_table or is_head):
                self._row(bare, number, is_head or not self._is_in_table)
                self._is_in_table = True
                continue
            self._is_in_table = self._is_in_table and _RULE.fullmatch(bare) is not None
            if self.found and self.found[-1].number == number - 1 and _SCALE_BELOW.match(line):
                self.found[-1] = self.found[-1]._replace(rest=self.found[-1].rest + " ?")
            if not any(map(str.isalnum, bare)) or bare.startswith(("```", "~~~", ":")):
                continue
            heading, self._heading = self._heading, None
            alone = _BELOW.fullmatch(line)
            if alone is not None and heading is not None:
                self.used.add(heading.number)
                below_label.append(len(self.found))
                self.found.append(Line(heading.match, alone["rest"], number))
            elif alone is not None:
                is_orphaned = True
                if _REST_OF_NUMBER.fullmatch(line) and self.found and self.found[-1].number == number - 1:
                    self.found[-1] = self.found[-1]._replace(rest=self.found[-1].rest + " ?")
            else:
                is_words = not self.names.scored or (heading is not None and heading.match.field.kind == "text")
                self._labelled(line, number, is_words, following.strip() != "")
        if is_orphaned:
            for place in below_label:  # each number may belong to the label below it
                self.found[place] = self.found[place]._replace(rest="?" + self.found[place].rest)
        return self.found

    def _labelled(self, line: str, number: int, is_words: bool, is_right_above: bool) -> None:
        """Note a line that is labelled, or that others may stand under."""
        bare, label, mark = line.strip(), LABEL.fullmatch(line), _BULLETS.match(line)
        name, rest = (label["name"].rstrip(_AROUND), label["rest"]) if label else (bare.strip(MARKS), "")
        match, is_alone = self.names.match(name), not rest.strip(" *_`")
        indent = len(line) - len(line.lstrip(" \t>"))
        depth: float = indent + 1 if mark and mark.end() > indent else indent
        if match is None and bare[-1] in ".!?" and not is_right_above:
            return  # a sentence
        if mark and mark["heads"]:
            depth, indent = len(mark["heads"]) - 10, len(line)
        elif match is None and (is_alone or bare[-1] in ":：" or not rest[0].isspace()):
            depth -= 0.5  # a heading: what is no further in stands under it
        elif match is None:
            depth += 1  # a list right below a labelled line does not stand under it
        while self._above and depth <= self._above[-1].depth:
            self._above.pop()
        others = [parent.indent for parent in self._above if parent.scale is None]
        if match is None:
            if not is_words:
                self._above.append(_Parent(depth, indent, _scale_under(name if words_of(name) else bare)))
        elif others:
            if match.field.kind != "text" and not is_alone and indent <= others[-1]:
                self.found.append(Line(match, rest, number, is_other=True))
        elif is_alone:
            self._heading = Line(match, "", number)
            if match.field.kind == "text":
                self.found.append(self._heading)
        else:
            self.found.append(Line(self._scaled(match), rest, number))

    def _scaled(self, match: Match) -> Match:
        """A label's meaning on the scale that a name above it states."""
        told = [parent.scale for parent in self._above if parent.scale not in (None, NO_SCALE)]
        return match._replace(scale=told[-1]) if told and match.scale is NO_SCALE else match

    def _row(self, bare: str, number: int, may_be_head: bool) -> None:
        """Read a row of a table. A head begins with no label; a row states nothing where it is out of step with it."""
        cells = [cell.strip() for cell in bare.removeprefix("|").removesuffix("|").split("|")]
        self.used.add(number)
        if _RULE.fullmatch(bare):
            self._column = self._column or (-1, NO_SCALE, 0)  # the head above it was lost
            return
        match = self.names.match(cells[0].strip(" *_`:"))
        if match is None:
            if may_be_head:
                heads = [i for i, cell in enumerate(cells) if i and not _HEADS.isdisjoint(words_of(cell))]
                scale = holder(cells[heads[0]]) if len(heads) == 1 else None
                column = heads[0] if scale else -1 if any(cells) else 0
                self._column = (column, scale or NO_SCALE, len(cells))
                self.has_more = self.has_more or len(cells) > 2
            return
        column, scale, width = self._column = self._column or (0, NO_SCALE, 0)
        if column < 0 or len(cells) < 2 or len(cells) != (width or len(cells)):
            return
        if any(parent.scale is None for parent in self._above):
            return
        if match.scale is NO_SCALE:
            match = match._replace(scale=scale)
        if match.field.kind == "text":
            self.found.append(Line(match, cells[1], number))
        elif column:
            self.found.append(Line(match, cells[column], number))
        else:
            self.found.append(Line(match, " ".join(cell for cell in cells[1:] if re.search("[0-9]", cell)), number))


@lru_cache(maxsize=1024)
def _scale_under(name: str) -> Scale | None:
    """The scale of lines under a name, or None where no answer may stand; sentences are not judged."""
    words = words_of(re.sub(r"^\s*\d{1,2}[.)]\s", "", name))
    if len(words) > _LONGEST_NAME or not words:
        return NO_SCALE
    return holder(name) or (NO_SCALE if set(words) <= HOLDERS | _SMALL_WORDS else None)


def tagged(text: str, names: Names) -> list[Line]:
    """`<label>number</label>`, at the top or in tags of the closed list."""
    found: list[Line] = []
    outer: list[str] = []
    number = at = 0
    for tag in _TAG.finditer(text):
        number += text.count("\n", at, tag.start())
        at, name = tag.start(), tag["name"]
        if tag["value"] is not None:
            match = names.match(name)
            if match is not None and all(holder(one) is not None for one in outer):
                behind = _BEHIND_TAG.match(text, tag.end())
                found.append(Line(match, tag["value"] + (behind.group() if behind else ""), number, True))
        elif not tag["closing"]:
            outer.append(name)
        elif not outer or outer.pop() != name:
            found.clear()  # what it closes began somewhere above
    return found

"""What the headings of prose say of the lines under them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.introductions import is_introduction
from musicflamingo_cli.scoring.keys import HEARD, FieldIndex, is_other_name
from musicflamingo_cli.scoring.other_leads import OWN_TITLE, announces_other, ends_open, is_other_lead
from musicflamingo_cli.scoring.parents import is_song_part, standing_of
from musicflamingo_cli.scoring.scales import NO_SCALE, Scale, scale_of
from musicflamingo_cli.scoring.stated_scales import scale_of_sentence

_STATES = re.compile(
    r"\A\W*(?:\w+\W+){0,3}?\W*(?:/\s?\d+|out\s+of\s+\d+|%|\d+(?:\.0)?\s?(?:-|–|to)\s?\d+(?:\.0)?)\W*\Z", re.IGNORECASE
)
"""A short heading that ends in a scale."""
_FIRST_LABEL = re.compile(r"[\s#*_>-]{0,12}([A-Za-z]+)[*_ ]{0,4}(?::|-\s|\Z)")
_GLUED_LABEL = re.compile(r"\d([A-Za-z]{3,20})[*_ ]{0,4}:")
"""A label that a lost newline glues to the number before it: `0.8weights:`."""
_GLUED_HEADING = re.compile(r"[^#\w\s][ \t]{0,4}(?=#{1,4}[ \t]+[A-Z])")
"""What stands before a heading that lost its newline: `{"result": ## Weights`."""
_REACH = 80
"""Characters at the start of a line in which such a heading is looked for."""
_FENCE_WORD = re.compile(r"(?:json\w?|jsonl|ya?ml|toml|xml|text|markdown|md|py(?:thon)?|js|javascript)")
"""What a fence says of itself; it ends nothing that a heading began."""
_SONG_TITLE = re.compile(r"(?<=[#\w:] )[\"“]([^\"”\n]{1,60})[\"”](?:\s?\([^()\n]{1,30}\))?")
"""The title of the song in a heading: `# "The Draft" (Remix) - Review`."""
_SCALED_TITLE = re.compile(
    r"[A-Z][A-Za-z ]{2,30}(?:\(\s?(?:0\s?(?:-|–|to)\s?\d{1,3}|out of \d{1,3}|/\s?\d{1,3})\s?\)"
    r"|,? (?:out of \d{1,3}|0 to \d{1,3}))"
)
"""A title that lost its marks and states a scale: `Ratings (0-10)`, `Scores out of 10`."""
_BULLET = re.compile(r"[-*•+]\s+(?![*_])")
_BARE_TITLE = re.compile(r"[A-Z][a-z]+(?: [\w&]+){0,2}")
"""A line that could be a title that lost its marks."""
_OWN_RANGE = re.compile(
    r"(?:full\s+)?(?:range|scale)\s+(?:of\s+|from\s+)?0(?:\.0)?(?:\s?\([^()\n]{0,16}\))?\s?(?:-|–|to)\s?1(?:\.0)?"
    r"(?!\d)(?:\s?\([^()\n]{0,16}\))?|\busing\s+the\s+full\s+(?:range|scale)\b",
    re.IGNORECASE,
)
"""The fields' own scale, as a heading may name it."""
_WITH_REASONS = re.compile(
    r"(?:scores?|ratings?)\s*(?:&|\+|\band|\bwith)\s*(?:reasons?|rationales?|explanations?|comments?)", re.IGNORECASE
)
_MOST_HEADINGS = 4096
"""More headings only a loop has: what stands under them is no answer."""
_SHORT = 32
"""Lines of fewer characters are looked at once each: a loop repeats them."""
_MARKS = ("-", "*", "+", "•", "|")


def _names_score(text: str, index: FieldIndex) -> bool:
    """Whether the name of a field that asks for a number stands in a text."""
    return any(m.lastindex and index.named(m).kind != "text" for m in index.label.finditer(text))


def _scores(text: str, index: FieldIndex) -> bool:
    """Whether a number stands behind the name of a field that asks for one."""
    names = (m for m in index.label.finditer(text) if m.lastindex and index.named(m).kind != "text")
    return (first := next(names, None)) is not None and re.search(r"\d", text[first.end() :]) is not None


def _lists_scores(body: str, start: int, index: FieldIndex) -> bool:
    """Whether the paragraph that begins here states most scores: the song's, whatever part was told of before."""
    end = body.find("\n\n", start)
    lines = body[start : end if 0 <= end < start + 1200 else start + 1200].splitlines()
    named = {
        index.named(m).name for line in lines if _scores(line, index) for m in index.label.finditer(line) if m.lastindex
    }
    return len(named & index.scored) >= min(3, len(index.scored)) and bool(lines) and _scores(lines[0], index)


def _names_one_score(text: str, index: FieldIndex) -> bool:
    """Whether one field's name and number stand in the rest of a line: the first of several such lines."""
    return sum(m.lastindex is not None for m in index.label.finditer(text)) == 1 and not text.rstrip().endswith(".")


def _is_own_title(line: str) -> bool:
    """Whether a short line that nothing ends is a title of the answer: `Final scores`, `Revised`."""
    if len(line.split()) > 4 or re.search(r"[.!?,;:]\W*\Z|\d", line):
        return False
    return line.strip("*_# ")[:1].isupper() and OWN_TITLE.search(line) is not None


def _is_other_title(line: str) -> bool:
    """Whether a short line that nothing ends is a title of something else: `Draft`, `Song B`, `Genre average`."""
    line = line.rstrip(",; ") if len(line.split()) < 3 else line
    if len(line.split()) > 7 or re.search(r"[.!?,;]\W*\Z", line) or line.partition(":")[2].strip("*_ "):
        return False
    if is_other_name(line):
        return True
    return line.strip("*_ ")[:1].isupper() and is_other_lead(line)


def _without_song(found: re.Match[str]) -> str:
    """A heading without the song's title, unless that is a name such as `Weights`."""
    return found.group() if is_other_name(found.group(1)) else " "


@dataclass(frozen=True, slots=True)
class _Line:
    """What one line of prose is."""

    heads: bool
    """True if it heads the lines under it, or is led by a label that says what it is not."""
    inline: bool
    """True if the label and what it is about stand on this one line."""
    lists: bool
    """True if the first item of a list stands on this line as well: `Weights:- quality 0.3`."""
    is_other: bool
    """True if what it heads is not the answer."""
    kind: Scale
    """The scale that it states for what it heads."""
    is_part: bool = False
    """True if it names a part of the song."""
    is_vague: bool = False
    """True if it names nothing that is known: beside parts of the song it is another."""


def _look_at(stripped: str, index: FieldIndex, score: Field | None) -> _Line:
    if stripped.count("|") > 1:
        stripped = stripped.strip("| ")
        if "|" in stripped:
            return _NO_HEADING
    if glued := _GLUED_HEADING.search(stripped[:_REACH]):
        stripped = stripped[glued.end() :]
    if stripped.startswith("#") and (entry := index.label.search(stripped)) is not None:
        lead = stripped[: entry.start()].strip("#*-:–— \t")
        if lead and (is_other_name(lead) or is_other_lead(lead)):
            return _Line(True, True, True, True, NO_SCALE)
    title = _OWN_RANGE.sub(" ", HEARD.sub(" ", _SONG_TITLE.sub(_without_song, stripped))).strip("#*_:= \t`\"'")
    if not title or _FENCE_WORD.fullmatch(stripped):
        return _NO_HEADING
    heads = bool(stripped) and (
        (stripped.rstrip("*_\"'` ").endswith((":", "=")) and len(stripped) < 120)
        or stripped.startswith("#")
        or (len(stripped) < 120 and ends_open(stripped))
        or _SCALED_TITLE.fullmatch(stripped) is not None
        or announces_other(stripped)
        or (
            len(stripped) < 48
            and not _BULLET.match(stripped)
            and (_is_other_title(stripped) or _is_own_title(stripped))
        )
    )
    begins = _FIRST_LABEL.match(stripped)
    led = _GLUED_LABEL.search(stripped)
    is_glued = led is not None and is_other_name(led.group(1))
    is_plain = is_introduction(title)
    is_bad = is_glued or (begins is not None and is_other_name(begins.group(1)) and not index.known(begins.group(1)))
    told = stripped.partition(":")[0] if ":" in stripped else ""
    is_bad = is_bad or (0 < len(told) < 120 and not _names_score(told, index) and is_other_lead(told))
    is_bad = is_bad and not is_plain
    inline = is_bad and not heads and bool(stripped.partition(":")[2].strip("*_ "))
    if not inline and not (heads and (is_bad or not _names_score(title, index))):
        may_head = not heads and _BARE_TITLE.fullmatch(stripped) and not index.label.search(stripped)
        return replace(_NO_HEADING, is_vague=bool(may_head) and standing_of(stripped) == "unknown")
    last = re.split(r"[.!?;,]\s", title)[-1]
    is_unlike = len(title.split()) <= 4 and standing_of(title) == "other" and not OWN_TITLE.search(title)
    is_unlike = is_unlike and "other words" not in title.lower() and not _WITH_REASONS.search(title)
    is_other = is_bad or is_unlike or (is_other_name(last) and not OWN_TITLE.search(last)) or is_other_lead(title)
    is_other = (is_other and not is_plain) or announces_other(stripped)
    kind = NO_SCALE
    if score is not None:
        kind = scale_of_sentence(title, score) or (scale_of(last, score) if _STATES.search(last) else NO_SCALE)
    rest = stripped.partition(":")[2]
    lists = is_glued or (inline and (rest.lstrip(" *_").startswith(_MARKS) or _names_one_score(rest, index)))
    is_part = (is_unlike or is_other) and is_song_part(title) and not is_other_name(title)
    is_vague = (
        not is_other and len(title.split()) < 4 and standing_of(title) == "unknown" and not OWN_TITLE.search(title)
    )
    return _Line(True, inline, lists, is_other, kind, is_part, is_vague)


_NO_HEADING = _Line(False, False, False, False, NO_SCALE)


def sections(body: str, index: FieldIndex) -> tuple[list[tuple[int, int]], list[tuple[int, int, Scale]]]:
    """The spans under headings that say these are not the scores, and those under headings that state a scale."""
    others: list[tuple[int, int]] = []
    scales: list[tuple[int, int, Scale]] = []
    score = next((f for f in index.fields if f.kind == "score"), None)
    seen: dict[str, _Line] = {}
    head, headings = _NO_HEADING, 0
    divided: set[int] = set()
    was_blank = False
    pos, opened, indent, inner, depth = 0, -1, 0, -1, 0
    for line in [*body.splitlines(keepends=True), None]:
        stripped = line.strip() if line is not None else ""
        here = len(line) - len(line.lstrip()) if line is not None else -1
        known = seen.get(stripped)
        if known is None:
            known = _look_at(stripped, index, score)
            if len(stripped) < _SHORT:
                seen[stripped] = known
        if opened >= 0 and stripped and inner < 0 and not known.heads and not _FENCE_WORD.fullmatch(stripped):
            inner = here
            if head.inline and not head.lists and here <= indent:
                opened = -1
        if opened >= 0 and head.inline and not stripped and line is not None:
            if head.is_other:
                others.append((opened, pos))
            opened = -1
        level = len(stripped) - len(stripped.lstrip("#"))
        if (
            opened >= 0
            and head.is_part
            and inner >= 0
            and not known.heads
            and was_blank
            and _lists_scores(body, pos, index)
        ):
            others.append((opened, pos))
            opened = -1
        was_blank = not stripped.strip("-*_= ") and line is not None
        if (known.heads or known.is_vague) and opened >= 0 and head.is_part and _scores(body[opened:pos], index):
            divided.add(depth)
        if known.is_vague and level in divided:
            known = replace(known, heads=True, is_other=True)
        if opened >= 0 and head.is_other and 0 < level <= depth and not known.heads:
            others.append((opened, pos))
            opened = -1
        dedented = opened >= 0 and bool(stripped) and inner > indent >= here and not stripped.startswith(_MARKS)
        if opened >= 0 and (line is None or known.heads or dedented):
            if head.is_other:
                others.append((opened, pos))
            elif head.kind != NO_SCALE:
                scales.append((opened, pos, replace(head.kind, loose=True)))
            opened = -1
        if known.heads and line is not None:
            headings += 1
            if headings > _MOST_HEADINGS:
                return [*others, (pos, len(body))], scales
            depth = level
            head = known
            opened, indent, inner = pos if known.inline else pos + len(line), here, -1
        pos += len(line) if line is not None else 0
    return others, scales

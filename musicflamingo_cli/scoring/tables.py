"""Scores in tables of markdown: a field a row, or a field a column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.bounds import is_bound, scale_from, scale_notes
from musicflamingo_cli.scoring.descriptions import Description, told
from musicflamingo_cli.scoring.grids import Row, grids
from musicflamingo_cli.scoring.keys import FieldIndex, is_other_name, read_key
from musicflamingo_cli.scoring.notes import is_note, stated_scale
from musicflamingo_cli.scoring.numbers import Reading, read_number
from musicflamingo_cli.scoring.parents import standing_of
from musicflamingo_cli.scoring.phrases import STRONG, WEAK
from musicflamingo_cli.scoring.scales import LITERAL, NO_SCALE, Scale

_SCORE_COLUMN = frozenset(
    ("score", "scores", "rating", "ratings", "value", "values", "result", "mark", "grade", "points")
)
_MAX_CELLS = 64
_MOST_ROWS = 128
_WHOLE = re.compile(r"(?:[5-9]|\d{2,4})(?:\.0)?")
_WORDED = re.compile(
    rf"(?:(?:very|quite|rather|fairly|high|low|good|great|excellent|solid|strong|decent|fair|moderate|medium"
    rf"|average|poor|weak|bad"
    rf"|outstanding|superb|perfect|mediocre|impressive|professional|clean|clear|ok|okay|nice|fine|score|scored"
    rf"|rated|rating|about"
    rf"|around|approx\.?|an?|i'd\s+say|i\s+say|is)[ ,]{{0,2}}){{1,4}}(?:[(:–-]|\s)?\s?({LITERAL}(?:\s?%"
    rf"|\s?/\s?\d{{1,3}}(?:\.0)?)?)\s?\)?[.*_ ]{{0,3}}",
    re.IGNORECASE,
)
"""Words and, last in its cell, a number: `High (0.8)`, `Good: 8/10`."""
_SCORE_WORDS = re.compile(
    r"\b(?:scores?|ratings?|values?|results?|marks?|grades?|final|my|your|overall)\b", re.IGNORECASE
)


_CORRECTS = re.compile(
    r"(?:(?:should|ought|must)\b|actually\b|correct(?:ion|ed)\b|no,|make\s+(?:it|that)\b|instead\b|rather\b|->"
    r"|→)[^\d]{0,24}\d"
    r"|made\s+up\b|(?:please\s+)?(?:ignore|disregard)\b|withdrawn\b|not\s+(?:rated|scored|final"
    r"|applicable)\b",
    re.IGNORECASE,
)
_OTHER_THING = re.compile(
    r"(?:(?:an?|the|my|its|just|only)\s+){0,2}(?:weight|default|placeholder|example|guess|target|maximum|minimum"
    r"|template|reference"
    r"|baseline|average|confidence|potential|genre\s+average)(?:\s+(?:values?|scores?|ratings?|only))?\W*",
    re.IGNORECASE,
)
_SHIFTED = re.compile(r"\s*(?!n/?a\b|none|null|nan|tbd|unknown)(?:[^\W\d_][^\d]*)?")
"""A first cell under a field's name that holds no number but words, or nothing: the row began one column earlier."""


@dataclass(slots=True)
class Tables:
    """What the tables of a text say."""

    statements: list[tuple[Field, tuple[Reading, int]]] = field(default_factory=list)
    """Fields with their number and where it stands."""
    begins: list[int] = field(default_factory=list)
    """Where the table of each statement begins."""
    words: list[tuple[Field, Description, int]] = field(default_factory=list)
    """Fields with their words and where they stand."""
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Where the tables stand: nothing else is read there."""


def read_tables(body: str, index: FieldIndex, assume: float | None) -> Tables:
    """Read every markdown table. A column of weights is no column of scores; two possible columns are none."""
    tables = Tables()
    for rows in grids(body, lambda cells: _is_head(cells, index), lambda cell: index.known(_name_of(cell))):
        _read_table(rows, index, assume, tables)
        tables.begins += [rows[0].start] * (len(tables.statements) - len(tables.begins))
    return tables


def _is_head(cells: Sequence[str], index: FieldIndex) -> bool:
    """Whether a line of separated words is the head of a table: it names two fields, or a column of scores."""
    if sum(_field_of(cell, index) is not None for cell in cells) >= 2:
        return True
    return any(cell.strip(" \"'\n").lower() in _SCORE_COLUMN for cell in cells) and any(
        read_key(cell).joined in ("dimension", "metric", "criterion", "category", "field", "aspect", "name")
        for cell in cells
    )


def _name_of(cell: str) -> str:
    return cell.strip().strip("*_`\"' :")


def _field_of(cell: str, index: FieldIndex) -> Field | None:
    found = index.match(_name_of(cell))
    return found[0] if found is not None and found[0].kind != "text" else None


def _read_words(row: Row, index: FieldIndex, tables: Tables) -> None:
    """A row of two cells: a field that asks for words, and the words."""
    found = index.match(_name_of(row.cells[0][1])) if len(row.cells) == 2 else None
    if found is not None and found[0].kind == "text":
        at, text = row.cells[1]
        description = told(None if row.is_last(1) else text, found[0].name)
        if description is not None:
            tables.words.append((found[0], description, at))


def _read_table(rows: list[Row], index: FieldIndex, assume: float | None, tables: Tables) -> None:
    if len(rows) > 2 * _MOST_ROWS:
        tables.spans.append((rows[0].start, rows[-1].end))
        rows = rows[:_MOST_ROWS] + rows[-_MOST_ROWS:]
    head = rows[0]
    if not head.opened and len(rows) > 1 and all(row.opened for row in rows[1:]):  # words before it on its line
        head.cells = head.cells[1:]
    columns = [_field_of(text, index) for _, text in head.cells]
    if sum(c is not None for c in columns) >= 2 and len(rows) > 1:
        tables.spans.append((rows[0].start, rows[-1].end))
        _read_columns(rows, columns, assume, tables)
        return
    held: list[tuple[Row, Field, int]] = []
    for row in rows:
        _read_words(row, index, tables)
        named = [(column, name) for column, (_, text) in enumerate(row.cells[:2]) if (name := _field_of(text, index))]
        if len(named) == 1:
            held.append((row, named[0][1], named[0][0]))
        elif named:
            tables.spans.append((row.start, row.end))
    if not held:
        return
    tables.spans.extend((row.start, row.end) for row, _, _ in held)
    titles = [] if held[0][0] is head else [text for _, text in head.cells]
    width = len(rows[-2].cells) if len(rows) > 1 else _MAX_CELLS
    read = [(name, _read_row(row, name, (titles, column, width), assume)) for row, name, column in held]
    if not titles and any(one is not None and one[0].reason == "ambiguous" for _, one in read):
        read = [(name, one and (Reading(reason="ambiguous"), one[1])) for name, one in read]
    tables.statements.extend((name, one) for name, one in read if one is not None)


def _read_row(
    row: Row, name: Field, heads: tuple[list[str], int, int], assume: float | None
) -> tuple[Reading, int] | None:
    titles, named, columns = heads
    possible: list[tuple[Reading, int, str]] = []
    if row.cut and any(is_bound(title) for title in titles[named + 1 :]):
        return None
    if len(titles) != len(row.cells) and (any(map(is_other_name, titles)) or any(map(_is_other, titles[named + 1 :]))):
        return None
    titles = titles if len(titles) == len(row.cells) else []
    label_scale = stated_scale(read_key(row.cells[named][1]).annotation, name)
    titled = list(zip(titles, (text.strip() for _, text in row.cells), strict=False))
    notes = scale_notes(titled, own=True)
    if any(_WHOLE.fullmatch(text) and not _accounted(title) for title, text in titled[named + 1 :]):
        notes = (*notes, "scale")
    for number, (at, text) in enumerate(row.cells[named + 1 :], start=named + 1):
        title = titles[number] if number < len(titles) else ""
        if _is_other(title) or is_other_name(text):
            continue
        last = row.is_last(number)
        scale = scale_from(notes, name) if notes else _scale(title, name, label_scale)
        reading = read_number(text.rstrip("\n") if last else text + "\n", name, last, scale, assume)
        worded = _WORDED.fullmatch(text.strip()) if reading.reason == "not_a_number" and not last else None
        if worded is not None and not (STRONG.search(text) or WEAK.search(text)):
            reading = read_number(worded.group(1) + "\n", name, False, scale, assume)
        if reading.reason not in ("not_a_number", "missing"):
            possible.append((reading, at, title))
    weighs = any(is_other_name(title) for title in titles[named + 1 :])
    if weighs:
        possible = [p for p in possible if _accounted(p[2])]
    scored = any(_names_scores(title) and not _is_other(title) for title in titles[named + 1 :])
    chosen = [p for p in possible if _names_scores(p[2])] if scored else possible
    if any(_withdraws(text) for _, text in row.cells[named + 1 :]):
        return (Reading(reason="ambiguous"), chosen[0][1]) if chosen else None
    if not chosen or (row.cut and not scored and len(row.cells) < columns):
        return None
    if len({(c[0].value, c[0].reason) for c in chosen}) > 1:
        return Reading(reason="ambiguous"), chosen[0][1]
    return chosen[0][0], chosen[0][1]


def _withdraws(cell: str) -> bool:
    """Whether a remark in a row says that its number is something else, or puts another in its place."""
    words = cell.strip(" *_\n")
    return (
        bool(words) and not words[0].isdigit() and (_OTHER_THING.fullmatch(words) or _CORRECTS.match(words)) is not None
    )


def _is_other(title: str) -> bool:
    """Whether a column holds no scores of this song: weights, the scale, another song's."""
    note = read_key(title).annotation
    words = title.replace(note, " ") if note and is_note(note) else title
    return is_bound(words) or is_other_name(words) or (bool(words.strip()) and standing_of(words) == "other")


def _accounted(title: str) -> bool:
    """Whether a column's title says what its numbers are."""
    if _is_other(title) and not is_bound(title) and re.search(r"max|total|scale|out|of", title, re.IGNORECASE):
        return False
    return _names_scores(title) or _is_other(title) or (bool(title.strip()) and standing_of(title) == "answer")


def _names_scores(title: str) -> bool:
    return any(word in _SCORE_COLUMN for word in re.findall(r"[a-z]+", title.lower()))


def _scale(title: str, name: Field, otherwise: Scale) -> Scale:
    stated = stated_scale(_SCORE_WORDS.sub(" ", title.strip(" *_`#\n")), name)
    return stated if stated != NO_SCALE else otherwise


def _read_columns(rows: list[Row], columns: list[Field | None], assume: float | None, tables: Tables) -> None:
    """A table whose first row names the fields: the row of scores under it, if there is no doubt which that is."""
    whole = [row for row in rows[1:] if len(row.cells) == len(columns)]
    bounds = [row for row in whole if columns[0] is None and is_bound(row.cells[0][1])]
    usable = [row for row in whole if row not in bounds and not _is_other(row.cells[0][1])]
    labelled = [row for row in usable if row.cells[0][1].strip(" *_:").lower() in _SCORE_COLUMN]
    usable = labelled or usable
    if len(usable) != 1:
        return
    row = usable[0]
    if columns[0] is not None and _SHIFTED.fullmatch(row.cells[0][1]):
        return
    for number, (name, (at, text)) in enumerate(zip(columns, row.cells, strict=False)):
        if name is None:
            continue
        notes = scale_notes([(bound.cells[0][1], bound.cells[number][1].strip()) for bound in bounds], own=True)
        label = stated_scale(_SCORE_WORDS.sub(" ", row.cells[0][1].strip()), name) if columns[0] is None else NO_SCALE
        scale = stated_scale(read_key(rows[0].cells[number][1]).annotation, name)
        scale = scale_from(notes, name) if notes else scale if scale != NO_SCALE else label
        last = row.is_last(number)
        reading = read_number(text.strip(' "') + ("" if last else "\n"), name, last, scale, assume)
        if reading.reason not in ("not_a_number", "missing"):
            tables.statements.append((name, (reading, at)))

"""Scores in tables of markdown: a field a row, or a field a column."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.keys import FieldIndex, is_other_name, read_key
from musicflamingo_cli.scoring.numbers import Reading, read_number
from musicflamingo_cli.scoring.scales import NO_SCALE, Scale, scale_of

_RULE = re.compile(r"[\s|:+=-]+")
_SCORE_COLUMN = frozenset(("score", "scores", "rating", "ratings", "value", "values", "result", "mark", "grade"))
_MAX_CELLS = 64
_MOST_ROWS = 128


@dataclass(slots=True)
class _Row:
    cells: list[tuple[int, str]]
    """Where each cell begins, and what stands in it."""
    start: int
    end: int
    cut: bool


@dataclass(slots=True)
class Tables:
    """What the tables of a text say."""

    statements: list[tuple[Field, tuple[Reading, int]]] = field(default_factory=list)
    """Fields with their number and where it stands."""
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Where the tables stand: nothing else is read there."""


def read_tables(body: str, index: FieldIndex, assume: float | None) -> Tables:
    """Read every markdown table. A column of weights is no column of scores; two possible columns are none."""
    tables = Tables()
    rows: list[_Row] = []
    pos = 0
    for line in [*body.splitlines(keepends=True), ""]:
        if line.count("|") >= (1 if rows else 2) or (line.count("|") == 1 and line.lstrip().startswith("|")):
            if not _RULE.fullmatch(line):
                rows.append(_row(line, pos, pos + len(line) == len(body) and not line.endswith("\n")))
        elif rows:
            _read_table(rows, index, assume, tables)
            rows = []
        pos += len(line)
    if rows:
        _read_table(rows, index, assume, tables)
    return tables


def _row(line: str, start: int, cut: bool) -> _Row:
    cells: list[tuple[int, str]] = []
    at = start
    for part in line.split("|")[:_MAX_CELLS]:
        cells.append((at, part))
        at += len(part) + 1
    if cells and not cells[0][1].strip():
        cells.pop(0)
    if len(cells) > 1 and not cells[-1][1].strip() and not cut:
        cells.pop()
    return _Row(cells, start, start + len(line), cut)


def _field_of(cell: str, index: FieldIndex) -> Field | None:
    found = index.match(cell.strip().strip("*_`\"' :"))
    return found[0] if found is not None and found[0].kind != "text" else None


def _read_table(rows: list[_Row], index: FieldIndex, assume: float | None, tables: Tables) -> None:
    if len(rows) > 2 * _MOST_ROWS:
        tables.spans.append((rows[0].start, rows[-1].end))
        rows = rows[:_MOST_ROWS] + rows[-_MOST_ROWS:]
    head = rows[0]
    columns = [_field_of(text, index) for _, text in head.cells]
    if sum(c is not None for c in columns) >= 2 and len(rows) > 1:
        tables.spans.append((rows[0].start, rows[-1].end))
        _read_columns(rows, columns, assume, tables)
        return
    held: list[tuple[_Row, Field, int]] = []
    for row in rows:
        for column, (_, text) in enumerate(row.cells[:2]):
            name = _field_of(text, index)
            if name is not None:
                held.append((row, name, column))
                break
    if not held:
        return
    tables.spans.extend((row.start, row.end) for row, _, _ in held)
    titles = [] if held[0][0] is head else [text for _, text in head.cells]
    width = len(rows[-2].cells) if len(rows) > 1 else _MAX_CELLS
    for row, name, column in held:
        statement = _read_row(row, name, (titles, column, width), assume)
        if statement is not None:
            tables.statements.append((name, statement))


def _read_row(
    row: _Row, name: Field, heads: tuple[list[str], int, int], assume: float | None
) -> tuple[Reading, int] | None:
    titles, named, columns = heads
    possible: list[tuple[Reading, int, str]] = []
    if len(titles) != len(row.cells) and any(is_other_name(title) for title in titles):
        return None
    label_scale = scale_of(read_key(row.cells[named][1]).annotation, name)
    for number, (at, text) in enumerate(row.cells[named + 1 :], start=named + 1):
        title = titles[number] if number < len(titles) else ""
        if is_other_name(title) or is_other_name(text):
            continue
        last = _is_last(row, number)
        scale = _scale(title, name, label_scale)
        reading = read_number(text if last else text + "\n", name, last, scale, assume)
        if reading.reason not in ("not_a_number", "missing"):
            possible.append((reading, at, title))
    scored = [p for p in possible if any(word in _SCORE_COLUMN for word in re.findall(r"[a-z]+", p[2].lower()))]
    chosen = scored or possible
    if not chosen or (row.cut and not scored and len(row.cells) < columns):
        return None
    if len({(c[0].value, c[0].reason) for c in chosen}) > 1:
        return Reading(reason="ambiguous"), chosen[0][1]
    return chosen[0][0], chosen[0][1]


def _is_last(row: _Row, number: int) -> bool:
    return row.cut and number == len(row.cells) - 1


def _scale(title: str, name: Field, otherwise: Scale) -> Scale:
    stated = scale_of(read_key(title).annotation, name)
    return stated if stated != NO_SCALE else otherwise


def _read_columns(rows: list[_Row], columns: list[Field | None], assume: float | None, tables: Tables) -> None:
    """A table whose first row names the fields: the row of scores under it, if there is no doubt which that is."""
    whole = [row for row in rows[1:] if len(row.cells) == len(columns)]
    usable = [row for row in whole if not is_other_name(row.cells[0][1])]
    labelled = [row for row in usable if row.cells[0][1].strip(" *_:").lower() in _SCORE_COLUMN]
    usable = labelled or usable
    if len(usable) != 1:
        return
    row = usable[0]
    for number, (name, (at, text)) in enumerate(zip(columns, row.cells, strict=False)):
        if name is None:
            continue
        scale = scale_of(read_key(rows[0].cells[number][1]).annotation, name)
        last = _is_last(row, number)
        reading = read_number(text + ("" if last else "\n"), name, last, scale, assume)
        if reading.reason not in ("not_a_number", "missing"):
            tables.statements.append((name, (reading, at)))

"""Rows and cells of tables in a text: markdown with bars, or lines of comma-, semicolon- or tab-separated values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_RULE = re.compile(r"[\s|:+=-]+")
_TITLE = re.compile(r"\s{0,8}[\"']?[A-Za-z][\w /%().:-]{0,48}[\"']?\s{0,8}")
_GOES_ON = re.compile(r"\s{0,4}(?:[.,%/]|\d)")
"""A line that goes on with what the row before it broke off."""
_MAX_CELLS = 64


@dataclass(slots=True)
class Row:
    """One line of a table."""

    cells: list[tuple[int, str]]
    """Where each cell begins, and what stands in it."""
    start: int
    end: int
    cut: bool
    """True if the text ends in it, or if what follows may belong to its last cell."""

    closed: bool = False
    """True if a bar ends it."""
    opened: bool = False
    """True if a bar begins it."""

    def is_last(self, number: int) -> bool:
        """Whether the text ends in this cell."""
        return self.cut and number == len(self.cells) - 1


def grids(body: str, is_head: Callable[[list[str]], bool], is_name: Callable[[str], bool]) -> Iterator[list[Row]]:
    """Every table of a text.

    `is_head` tells from its cells whether a line without bars is the head of a table, or one with a single bar; such a
    line also begins one where `is_name` knows its first cell.
    """
    rows: list[Row] = []
    mark = ""
    pos = 0
    for line in [*body.splitlines(keepends=True), ""]:
        cut = pos + len(line) == len(body) and not line.endswith("\n")
        bars = line.count("|")
        if bars >= (1 if rows else 2) or (bars and _begins(line, is_head, is_name)):
            if mark:
                yield rows
                rows, mark = [], ""
            if rows and _GOES_ON.match(line) and not rows[-1].closed:
                rows[-1].cut = True
            if not _RULE.fullmatch(line):
                rows.append(_barred(line, pos, cut))
        elif mark and line.strip() and len(row := _separated(line, mark, pos, cut)) == len(rows[0].cells):
            rows.append(Row(row, pos, pos + len(line), cut))
        else:
            if rows:
                rows[-1].cut = rows[-1].cut or _GOES_ON.match(line) is not None
                yield rows
            rows, mark = [], _mark_of(line, is_head)
            if mark:
                rows = [Row(_separated(line, mark, pos, cut), pos, pos + len(line), cut)]
        pos += len(line)
    if rows:
        yield rows


def _begins(line: str, is_head: Callable[[list[str]], bool], is_name: Callable[[str], bool]) -> bool:
    """Whether a line with one bar begins a table."""
    cells = line.split("|") if len(line) <= 2000 else [line]
    return line.lstrip().startswith("|") or is_head([cell.strip() for cell in cells]) or is_name(cells[0])


def _barred(line: str, start: int, cut: bool) -> Row:
    cells: list[tuple[int, str]] = []
    at = start
    for part in line.split("|")[:_MAX_CELLS]:
        cells.append((at, part))
        at += len(part) + 1
    if cells and not cells[0][1].strip():
        cells.pop(0)
    if len(cells) > 1 and not cells[-1][1].strip():
        cells.pop()
    return Row(cells, start, start + len(line), cut, line.rstrip().endswith("|"), line.lstrip().startswith("|"))


def _mark_of(line: str, is_head: Callable[[list[str]], bool]) -> str:
    """The separator of a line of titles, or nothing."""
    if len(line) > 2000:
        return ""
    for mark in "\t;,":
        if mark not in line:
            continue
        parts = line.split(mark)
        if 2 <= len(parts) <= _MAX_CELLS and all(map(_TITLE.fullmatch, parts)) and is_head(parts):
            return mark
    return ""


def _separated(line: str, mark: str, start: int, cut: bool) -> list[tuple[int, str]]:
    """The cells of a line; a quoted one may hold the separator."""
    cells: list[tuple[int, str]] = []
    for found in re.finditer(rf"\s{{0,8}}\"[^\"\n]*\"[^{mark}\n]*|[^{mark}\n]*", line if cut else line.rstrip("\r\n")):
        if found.start() and line[found.start() - 1] != mark:
            continue
        cells.append((start + found.start(), found.group()))
        if len(cells) > _MAX_CELLS:
            break
    return cells

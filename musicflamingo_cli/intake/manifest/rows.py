"""From the cells of one manifest row to a `Song` or a `RejectedRow`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from musicflamingo_cli.intake.manifest.cells import (
    CellError,
    audio_text,
    bare_audio,
    cell_text,
    cell_value,
    id_cell,
    loaded,
)
from musicflamingo_cli.intake.manifest.columns import ManifestOptions, Plan, plan_columns
from musicflamingo_cli.nulls import is_null_word
from musicflamingo_cli.records import EMPTY, RejectedRow, Song
from musicflamingo_cli.urls import has_scheme

_Value = TypeVar("_Value")
_MOST_PLANS = 1000
_MOST_PLANNED_NAMES = 200
_LONGEST_PLANNED_NAMES = 20_000
_MOST_COLUMNS = 1000
_LONGEST_COLUMN = 1000

Raw = tuple[int, Mapping[str, object] | None, str]
"""A row as a form reads it: line or row number in the file, its cells, and what is wrong where there are no cells."""
Rows = Callable[[Sequence[str]], Iterator[Raw]]
"""Begins a new pass over a form's rows, given the columns that are wanted; rows without a header bring all theirs."""
Table = tuple[tuple[str, ...] | None, Rows]
"""What every form gives: the column names, where it has a header or schema, and the rows."""


class RowReader:
    """Turns rows of cells into records, for one manifest."""

    def __init__(self, label: str, root: str, options: ManifestOptions, plan: Plan | None) -> None:
        """Read rows called `label` and a number in messages, all by one plan, or each by its own column names."""
        self._label = label
        self._root = root.rstrip("/") + "/"
        self._options = options
        self._nulls = options.nulls
        self._plan = plan
        self._plans: dict[tuple[str, ...], Plan] = {}
        self.columns: dict[str, None] = {}
        """Names of columns in the order seen, where there is no one plan: the first 1000."""

    def _plan_of(self, cells: Mapping[str, object]) -> Plan:
        """The plan for a row with these columns; rows of one shape share one."""
        names = tuple(cells)
        plan = self._plans.get(names)
        if plan is None:
            for name in names:
                if len(self.columns) < _MOST_COLUMNS and len(name) <= _LONGEST_COLUMN:
                    self.columns.setdefault(name)
            plan = plan_columns(names, self._options)
            small = len(names) <= _MOST_PLANNED_NAMES and sum(map(len, names)) <= _LONGEST_PLANNED_NAMES
            if small and len(self._plans) < _MOST_PLANS:
                self._plans[names] = plan
        return plan

    def read(self, number: int, raw: Raw) -> Song | RejectedRow:
        """The record of row `number` (from 1)."""
        place, cells, problem = raw
        if cells is None:
            return RejectedRow(number, "failed", "bad_row", f"{self._label} {place}: {problem}")
        plan = self._plan or self._plan_of(cells)
        problems: list[str] = []
        song_id = self._first(cells, plan.ids, id_cell, problems)
        title = self._first(cells, plan.titles, cell_text, problems)
        columns: Mapping[str, object] = EMPTY
        if plan.columns:
            columns = {
                asked: None if found is None else self._first(cells, (found,), cell_value, problems)
                for asked, found in plan.columns
            }
        audio = self._first(cells, plan.audio, audio_text, problems)
        if song_id is not None and audio is not None and not problems:
            return Song(number, song_id, audio, self._locate(audio), title, columns)
        where = f"{self._label} {place}: "
        if problems:
            return RejectedRow(number, "failed", "bad_row", where + "; ".join(problems), song_id, audio, title, columns)
        if song_id is None:
            error = f"{where}it has no id ({_columns_said(plan.ids)})"
            return RejectedRow(number, "failed", "no_id", error, None, audio, title, columns)
        error = f"{where}it names no audio ({_columns_said(plan.audio)})"
        return RejectedRow(number, "skipped", "no_audio", error, song_id, None, title, columns)

    def _first(
        self,
        cells: Mapping[str, object],
        names: tuple[str, ...],
        read: Callable[[object], _Value | None],
        problems: list[str],
    ) -> _Value | None:
        """The first of the named cells that has a value; a cell that can't be read ends the search as a problem."""
        for name in names:
            cell = cells[name]
            if self._nulls and is_null_word(cell, self._nulls):
                continue
            try:
                value = read(cell if isinstance(cell, str) else loaded(cell))
            except (CellError, RecursionError) as error:
                reason = str(error) if isinstance(error, CellError) else "is nested too deeply"
                problems.append(f"its {name!r} {reason}")
                return None
            if value is not None:
                return value
        return None

    def _locate(self, audio: str) -> str:
        """The absolute path of `audio`; whatever has a URL scheme stays as it is.

        Blanks around a path are the manifest's where a file is there without them and none with them.
        """
        if has_scheme(audio):
            return audio
        path, bare = self._below_root(audio), bare_audio(audio)
        if audio != bare and not os.path.lexists(path) and os.path.lexists(self._below_root(bare)):
            return self._below_root(bare)
        return path

    def _below_root(self, path: str) -> str:
        return path if path.startswith("/") else self._root + path


def _columns_said(names: tuple[str, ...]) -> str:
    if not names:
        return "no such column in this row"
    return f"column {' and '.join(map(repr, names))} empty"

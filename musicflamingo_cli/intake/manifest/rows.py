"""From the cells of one manifest row to a `Song` or a `RejectedRow`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from musicflamingo_cli.intake.manifest.cells import CellError, audio_text, bare_audio, cell_text, cell_value, id_cell
from musicflamingo_cli.nulls import is_null_word
from musicflamingo_cli.records import EMPTY, RejectedRow, Song
from musicflamingo_cli.urls import has_scheme

ID_ALIASES = ("id", "song_id")
AUDIO_ALIASES = ("audio", "audio_path", "path", "file", "audio_url", "wav_path")
TITLE_ALIASES = ("title",)

_Value = TypeVar("_Value")
_MOST_PLANS = 1000
_MOST_PLANNED_NAMES = 200
_LONGEST_PLANNED_NAMES = 20_000

Raw = tuple[int, Mapping[str, object] | None, str]
"""A row as a form reads it: line or row number in the file, its cells, and what is wrong where there are no cells."""


@dataclass(frozen=True, slots=True)
class ManifestOptions:
    """What the command line says about a manifest."""

    id_column: str | None = None
    """``--id-column``; None: the aliases."""
    audio_column: str | None = None
    """``--audio-column``; None: the aliases."""
    audio_root: str | None = None
    """``--audio-root``: where relative audio paths start; None: the manifest's folder."""
    columns: tuple[str, ...] = ()
    """Further columns wanted (prompt places and ``--keep``); `title` is always read where there is one."""
    limit: int | None = None
    """``--limit``: the first so many table rows, at least 1."""
    nulls: frozenset[str] = frozenset()
    """Words of ``--null-values``, null in every column."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which of a row's columns are read, for one set of column names."""

    ids: tuple[str, ...]
    """Columns that may hold the id, the preferred one first."""
    audio: tuple[str, ...]
    """Columns that may hold the audio, the preferred one first."""
    titles: tuple[str, ...]
    """Columns that may hold the title, the preferred one first."""
    columns: tuple[tuple[str, str | None], ...]
    """(name asked for, name in the manifest or None)."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        further = (found for _, found in self.columns if found is not None)
        return tuple(dict.fromkeys((*self.ids, *self.audio, *self.titles, *further)))


def plan_columns(names: Iterable[str], options: ManifestOptions) -> Plan:
    """Match column names: exactly first, then apart from case, blanks around and a byte order mark."""
    exact: set[str] = set()
    folded: dict[str, str] = {}
    for name in names:
        exact.add(name)
        folded.setdefault(_fold(name), name)

    def find(*asked: str) -> tuple[str, ...]:
        same = [name for name in asked if name in exact]
        alike = [folded[_fold(name)] for name in asked if _fold(name) in folded]
        return tuple(dict.fromkeys((*same, *alike)))

    return Plan(
        ids=find(*ID_ALIASES) if options.id_column is None else find(options.id_column)[:1],
        audio=find(*AUDIO_ALIASES) if options.audio_column is None else find(options.audio_column)[:1],
        titles=find(*TITLE_ALIASES),
        columns=tuple((name, next(iter(find(name)), None)) for name in options.columns),
    )


def _fold(name: str) -> str:
    return name.strip("\ufeff \t\r\n").casefold()


class RowReader:
    """Turns rows of cells into records, for one manifest."""

    def __init__(self, name: str, unit: str, options: ManifestOptions, root: str) -> None:
        self._name = name
        self._unit = unit
        self._options = options
        self._root = root.rstrip("/") + "/"
        self._plans: dict[tuple[str, ...], Plan] = {}

    def plan(self, cells: Mapping[str, object]) -> Plan:
        """The plan for a row with these columns; rows of one shape share one."""
        names = tuple(cells)
        plan = self._plans.get(names)
        if plan is None:
            plan = plan_columns(names, self._options)
            small = len(names) <= _MOST_PLANNED_NAMES and sum(map(len, names)) <= _LONGEST_PLANNED_NAMES
            if small and len(self._plans) < _MOST_PLANS:
                self._plans[names] = plan
        return plan

    def read(self, number: int, raw: Raw) -> Song | RejectedRow:
        """The record of row `number` (from 1)."""
        place, cells, problem = raw
        if cells is None:
            return RejectedRow(number, "failed", "bad_row", f"{self._name} {self._unit} {place}: {problem}")
        plan = self.plan(cells)
        if nulls := self._options.nulls:
            cells = {name: None if is_null_word(cells[name], nulls) else cells[name] for name in plan.wanted}
        problems: list[str] = []
        song_id = _first(cells, plan.ids, id_cell, problems)
        title = _first(cells, plan.titles, cell_text, problems)
        columns = self._further(cells, plan, problems) if plan.columns else EMPTY
        audio = _first(cells, plan.audio, audio_text, problems)
        if song_id is not None and audio is not None and not problems:
            return Song(number, song_id, audio, self.locate(audio), title, columns)
        where = f"{self._name} {self._unit} {place}: "
        if problems:
            return RejectedRow(number, "failed", "bad_row", where + "; ".join(problems), song_id, audio, title, columns)
        if song_id is None:
            error = f"{where}it has no id ({_columns_said(plan.ids)})"
            return RejectedRow(number, "failed", "no_id", error, None, audio, title, columns)
        error = f"{where}it names no audio ({_columns_said(plan.audio)})"
        return RejectedRow(number, "skipped", "no_audio", error, song_id, None, title, columns)

    def locate(self, audio: str) -> str:
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

    @staticmethod
    def _further(cells: Mapping[str, object], plan: Plan, problems: list[str]) -> dict[str, object]:
        return {
            asked: None if found is None else _first(cells, (found,), cell_value, problems)
            for asked, found in plan.columns
        }


def _first(
    cells: Mapping[str, object], names: tuple[str, ...], read: Callable[[object], _Value | None], problems: list[str]
) -> _Value | None:
    """The first of the named cells that has a value; a cell that can't be read ends the search as a problem."""
    for name in names:
        try:
            value = read(cells[name])
        except (CellError, RecursionError) as error:
            reason = str(error) if isinstance(error, CellError) else "is nested too deeply"
            problems.append(f"its {name!r} {reason}")
            return None
        if value is not None:
            return value
    return None


def _columns_said(names: tuple[str, ...]) -> str:
    if not names:
        return "no such column in this row"
    return f"column {' and '.join(map(repr, names))} empty"

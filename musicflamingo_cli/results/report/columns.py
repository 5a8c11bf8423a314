"""Which columns of a table a report reads, whoever wrote the table, and what it has to say about those not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.measures import MEASURE_NAMES
from musicflamingo_cli.results.columns import is_number
from musicflamingo_cli.results.outcome_rows import measure_column
from musicflamingo_cli.results.report.card import asks_no_scores, stated_scores
from musicflamingo_cli.results.report.records import ReportOptions
from musicflamingo_cli.results.schema import HEAD
from musicflamingo_cli.results.tables.ids import can_be_id
from musicflamingo_cli.results.tables.open import ID_NAMES, OVERALL, Table, id_sql, nearest

MOST_SCORES = 16
"""More columns of numbers than this are no scores any more; the rest is named as left out."""
MOST_TEXTS = 12
LARGEST = "1e100"
"""A number of this size or more is no score, and neither is NaN or an infinity."""
GROUPS = ("manifest_genre", "genre")
COMBINED = "quality"
"""What `mfq merge --combine` calls the score that it makes of several."""
SHOWN_MEASURES = (
    *(("loudness_lufs", "LUFS"), ("loudness_range_lu", "LU"), ("true_peak_dbtp", "dBTP")),
    *(("noise_floor_dbfs", "dBFS"), ("bandwidth_hz", "Hz"), ("tempo_bpm", "BPM")),
)
"""(measure, unit) of the histograms beside the scores."""
NO_TEXT = {*HEAD, *GROUPS, "id"}


@dataclass(frozen=True, slots=True)
class Dimension:
    """One column of scores."""

    name: str
    position: int
    low: float | None = None
    """Lowest value that it can have; None if nothing says so."""
    high: float | None = None
    has_std: bool = False
    """True if the column beside it holds the spread of the model's own distribution."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What a report reads of one table. Columns are known by position, inside a query as `<prefix><position>`."""

    table: Table
    prefix: str
    dimensions: tuple[Dimension, ...]
    texts: tuple[str, ...]
    group: str | None
    id_name: str | None
    left: tuple[str, ...] = ()
    """Columns of numbers that were too many."""

    def has(self, name: str) -> bool:
        """Return whether the table has a column."""
        return name in self.table.schema.names

    def kind(self, name: str) -> pa.DataType:
        """Return a column's type."""
        return self.table.schema.field(name).type

    def sql(self, name: str) -> str:
        """Return a column inside a query."""
        return f"{self.prefix}{self.table.schema.names.index(name)}"

    def text(self, name: str, length: int = 200) -> str:
        """Return SQL that gives a column as text of at most `length` characters, or NULL if there is no such column."""
        return f"left({self.sql(name)}::VARCHAR, {length})" if self.has(name) else "NULL::VARCHAR"

    def id_text(self, length: int | None = None) -> str:
        """Return SQL that gives the id as text, or NULL where a song has none."""
        if self.id_name is None:
            return "NULL::VARCHAR"
        where = f"{self.table.name}: column '{self.id_name}'"
        key = id_sql(self.sql(self.id_name), self.kind(self.id_name), where)
        return key if length is None else f"left({key}, {length})"

    def number(self, name: str) -> str:
        """Return SQL that gives a column as a DOUBLE below `LARGEST`, or NULL."""
        if not self.has(name) or pa.types.is_nested(self.kind(name)):
            return "NULL::DOUBLE"
        return number_sql(self.sql(name))

    def detail(self, name: str, part: str) -> str | None:
        """Return SQL for a part of `<name>_detail`, or None if the table has no such part."""
        column = f"{name}_detail"
        if not self.has(column) or not pa.types.is_struct(self.kind(column)):
            return None
        parts = [self.kind(column).field(i).name for i in range(self.kind(column).num_fields)]
        return f"{self.sql(column)}.{part}" if part in parts else None


def columns_of(table: Table, options: ReportOptions, prefix: str = "a") -> Columns:
    """Find the scores, texts and groups of a table. Raises `UsageError` for a column that was named and isn't there."""
    names = table.schema.names
    for flag, name in (("--score", options.score), ("--group", options.group)):
        if name is not None and name not in names:
            raise UsageError(f"{table.name}: no column '{name}' for {flag}{nearest(name, names)}")
    found = _score_names(table, options.score)
    ranges = stated_scores(table.card)
    shell = Columns(table, prefix, (), (), None, None)
    dimensions = []
    for name in found[:MOST_SCORES]:
        like = next((stated for stated in ranges if name == stated or name.startswith(f"{stated}_")), name)
        ends = (0.0, 1.0) if name.startswith(OVERALL) else ranges.get(like, (None, None))
        std = shell.detail(name, "std") is not None
        dimensions.append(Dimension(name, names.index(name), ends[0], ends[1], std))
    group = options.group or next((name for name in GROUPS if name in names and _is_text(shell.kind(name))), None)
    id_name = next((name for name in ID_NAMES if name in names and can_be_id(shell.kind(name))), None)
    apart = {*NO_TEXT, *_measures()}
    known = (*apart, *(f"{head}{ending}" for head in apart for ending in _sources(names)))
    texts = tuple(n for n in names if n not in known and _is_text(shell.kind(n)))
    if "genre" in names and group != "genre":
        texts = ("genre", *texts)
    return Columns(table, prefix, tuple(dimensions), texts[:MOST_TEXTS], group, id_name, tuple(found[MOST_SCORES:]))


def measures_of(columns: Columns) -> list[tuple[Dimension, str]]:
    """Return the measures that are shown beside the scores, with their units."""
    names = columns.table.schema.names
    taken = {d.name for d in columns.dimensions}
    found = []
    for measure, unit in SHOWN_MEASURES:
        # Without its prefix or a detail column, a tempo is what a model claims.
        own = [n for n in (measure_column(measure), measure) if n in names]
        name = next((n for n in own if n == measure_column(measure) or f"{n}_detail" in names), None)
        if name is not None and name not in taken and is_number(columns.kind(name)):
            found.append((Dimension(name, names.index(name)), unit))
    return found


def rank_order(columns: Columns, wanted: str | None) -> list[Dimension]:
    """Return the scores in the order in which they are asked to rank: the one named, the overall, then the others."""
    if wanted is not None:
        return [d for d in columns.dimensions if d.name == wanted]
    return sorted(columns.dimensions, key=lambda d: d.name != OVERALL)


def missing_of(columns: Columns) -> list[str]:
    """Return what the table does not tell, a sentence each."""
    told = []
    if not columns.table.card:
        told.append("No run card in the file: engine, model, settings and versions are not known.")
    if not columns.dimensions:
        told.append("No column of scores: nothing to rank by (--score names one).")
    if not columns.has("status"):
        told.append("No column status: what failed, and why, is not known.")
    elif not columns.has("reason"):
        told.append("No column reason: why songs failed is not known.")
    if columns.dimensions and all(columns.detail(d.name, "obtained") is None for d in columns.dimensions):
        told.append("No <field>_detail columns: what the scores were obtained from is not known.")
    if columns.group is None:
        told.append("No column of genres (keep the manifest's with mfq score --keep genre, or name one with --group).")
    if columns.id_name is None:
        told.append("No column song_id: songs are named by their row.")
    if not columns.has("audio"):
        told.append("No column audio: nothing can be played.")
    rejects = columns.table.rejects
    if rejects:
        first = rejects[0]
        told.append(f"Left out, being no rows: {len(rejects):,} (the first, {first.place}: {first.error}).")
    if columns.left:
        told.append(f"Too many columns of numbers to show: {', '.join(columns.left[:8])} and others were left out.")
    return told


def _score_names(table: Table, wanted: str | None) -> list[str]:
    schema = table.schema
    names = [n for n in schema.names if is_number(schema.field(n).type)]
    if wanted is not None and wanted not in names:
        raise UsageError(f"{table.name}: column '{wanted}' holds {schema.field(wanted).type}, which can't rank songs")
    stated = list(stated_scores(table.card))
    if stated:
        sources = tuple(f"{name}_" for name in (OVERALL, *stated))
        floats = [n for n in names if pa.types.is_floating(schema.field(n).type)]
        stated += [n for n in floats if n == COMBINED or n.startswith(sources)]
    elif asks_no_scores(table.card):
        return [wanted] if wanted else []
    else:
        stated = [n for n in names if f"{n}_detail" in schema.names and n not in _measures()]
    if not stated:
        plain = {*HEAD, *_measures(), *ID_NAMES} - {OVERALL}
        plain |= {f"{head}{ending}" for head in plain for ending in _sources(schema.names)}
        stated = [n for n in names if n not in plain and pa.types.is_floating(schema.field(n).type)]
    first = [n for n in (OVERALL, wanted) if n]
    return list(dict.fromkeys(n for n in (*first, *stated) if n in names))


def _measures() -> set[str]:
    return {*MEASURE_NAMES, *(measure_column(name) for name in MEASURE_NAMES)}


def _is_text(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.DictionaryType):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _sources(names: Sequence[str]) -> tuple[str, ...]:
    """Return the endings that `mfq merge --with` gave to columns that were there already, such as `_aes`."""
    endings = Counter(
        name[len(head) :] for name in names for head in HEAD if name.startswith(f"{head}_") and name not in HEAD
    )
    return tuple(ending for ending, count in endings.items() if count > 1)


def number_sql(sql: str) -> str:
    """Return SQL that gives a value as a DOUBLE below `LARGEST`, or NULL.

    Without `isfinite` NaN would be below it, where a file's statistics, which know no NaN, say that all values are.
    """
    value = f"TRY_CAST({sql} AS DOUBLE)"
    return f"(CASE WHEN isfinite({value}) AND abs({value}) < {LARGEST} THEN {value} END)"

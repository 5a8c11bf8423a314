"""A table as a report reads it: a DuckDB view with the same columns, whoever wrote the table.

    row, id                                                 place from 0; id as text, NULL for none
    title, status, reason, error, audio, finish_reason,
    cached, audio_flags                                     text
    flags, repairs                                          list of text
    coverage, audio_seconds, engine_seconds,
    generated_tokens                                        DOUBLE
    grouped                                                 text: the column of the groups
    s0, s1, ...; d0, d1, ...                                scores, and the spread of a model's own distribution
    m0, m1, ...; l0, l1, ...                                measures, and what each fault took from a score
    o0, o1, ...                                             text: what the values of a field were obtained from
    t0, t1, ...                                             further text

What the table lacks is NULL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.measures import MEASURE_NAMES
from musicflamingo_cli.results.columns import is_number
from musicflamingo_cli.results.outcome_rows import measure_column
from musicflamingo_cli.results.report.records import ReportOptions
from musicflamingo_cli.results.run_card import stated_scores
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.schema import HEAD
from musicflamingo_cli.results.tables.cells import is_text
from musicflamingo_cli.results.tables.ids import ID_NAMES, can_be_id, id_sql, nearest
from musicflamingo_cli.results.tables.table import OVERALL, Table

TEXTS = ("title", "status", "reason", "error", "audio", "finish_reason", "cached", "audio_flags")
LISTS = {"flags": "audio_flags", "repairs": "repairs"}
NUMBERS = ("coverage", "audio_seconds", "engine_seconds", "generated_tokens")
MOST_SCORES = 16
"""More columns of numbers than this are no scores any more; the rest is named as left out."""
MOST_TEXTS = 12
MOST_FIELDS = 32
LARGEST = "1e100"
"""A number of this size or more is no score, and neither is NaN or an infinity."""
GROUPS = ("manifest_genre", "genre")
COMBINED = "quality"
"""What `mfq merge --combine` calls the score that it makes of several."""
SHOWN_MEASURES = {
    **{"loudness_lufs": "LUFS", "loudness_range_lu": "LU", "true_peak_dbtp": "dBTP"},
    **{"noise_floor_dbfs": "dBFS", "bandwidth_hz": "Hz", "tempo_bpm": "BPM"},
}
"""Measures whose histograms stand beside those of the scores, with their units."""
LOSS = "loss_"
"""What the names of the columns begin with that say what a fault took from a score."""
NESTED = pa.struct([])
MEASURES = {*MEASURE_NAMES, *map(measure_column, MEASURE_NAMES)}


@dataclass(frozen=True, slots=True)
class Score:
    """One column of scores, or of a measure."""

    name: str
    column: str
    """Its name in the view."""
    low: float | None = None
    """Lowest value that it can have; None if nothing says so."""
    high: float | None = None
    std: str | None = None
    """The column of the view that holds the spread of the model's own distribution."""

    @property
    def ends(self) -> tuple[float, float]:
        """Its range; 0 to 1 where nothing states one."""
        if self.low is None or self.high is None or self.high <= self.low:
            return 0.0, 1.0
        return self.low, self.high


@dataclass(frozen=True, slots=True)
class View:
    """What a report reads of one table."""

    name: str
    """Of the view inside DuckDB."""
    table: Table
    scores: tuple[Score, ...]
    measures: tuple[tuple[Score, str], ...]
    """With their units."""
    losses: tuple[Score, ...]
    fields: tuple[str, ...]
    """Those with a detail column that says what their values were obtained from."""
    texts: tuple[str, ...]
    group: str | None
    id_name: str | None
    left: tuple[str, ...] = ()
    """Columns of numbers that were too many."""

    def has(self, name: str) -> bool:
        """Return whether the table has a column."""
        return name in self.table.schema.names

    def create(self, sandbox: Sandbox) -> None:
        """Create the view."""
        kinds = {one.name: one.type for one in self.table.schema}
        place = {name: f"c{i}" for i, name in enumerate(kinds)}

        def text(name: str | None) -> str:
            return f"{place.get(name or '', 'NULL')}::VARCHAR"

        def number(name: str) -> str:
            return "NULL::DOUBLE" if pa.types.is_nested(kinds.get(name, NESTED)) else number_sql(place[name])

        def entries(name: str) -> str:
            kind = kinds.get(name)
            listed = kind is not None and (pa.types.is_list(kind) or pa.types.is_large_list(kind))
            return f"{place[name] if listed else 'NULL'}::VARCHAR[]"

        shown = {"row": "row", "id": "NULL::VARCHAR", "grouped": text(self.group)}
        if self.id_name:
            shown["id"] = id_sql(
                place[self.id_name], kinds[self.id_name], f"{self.table.name}: column '{self.id_name}'"
            )
        shown |= {name: text(name) for name in TEXTS} | {name: number(name) for name in NUMBERS}
        shown |= {new: entries(name) for new, name in LISTS.items()}
        for one in (*self.scores, *(measure for measure, _ in self.measures), *self.losses):
            shown[one.column] = number(one.name)
            if one.std:
                shown[one.std] = number_sql(f"{place[f'{one.name}_detail']}.std")
        shown |= {f"o{i}": f"{place[f'{name}_detail']}.obtained::VARCHAR" for i, name in enumerate(self.fields)}
        shown |= {f"t{i}": text(name) for i, name in enumerate(self.texts)}
        picked = ", ".join(f"{sql} AS {name}" for name, sql in shown.items())
        rows = self.table.relation(sandbox, range(len(place)), "c")
        sandbox.run(f"CREATE TEMP VIEW {self.name} AS SELECT {picked} FROM ({rows})")


def view_of(table: Table, options: ReportOptions, name: str) -> View:
    """Find the scores, texts and groups of a table. Raises `UsageError` for a column that was named and isn't there."""
    kinds = {one.name: one.type for one in table.schema}
    for flag, wanted in (("--score", options.score), ("--group", options.group)):
        if wanted is not None and wanted not in kinds:
            raise UsageError(f"{table.name}: no column '{wanted}' for {flag}{nearest(wanted, list(kinds))}")
    found = _score_names(table, options.score)
    scores = tuple(_score(table, one, i) for i, one in enumerate(found[:MOST_SCORES]))
    measures: list[tuple[Score, str]] = []
    for measure, unit in SHOWN_MEASURES.items():
        # Without its prefix or a detail column, a tempo is what a model claims.
        own = (measure_column(measure), *([measure] if f"{measure}_detail" in kinds else []))
        shown = next((one for one in own if one in kinds), None)
        if shown is not None and shown not in found[:MOST_SCORES] and is_number(kinds[shown]):
            measures.append((Score(shown, f"m{len(measures)}"), unit))
    faults = [one for one in kinds if one.startswith(LOSS) and one != options.score and is_number(kinds[one])]
    fields = [one.removesuffix("_detail") for one in kinds if one.endswith("_detail") and _part(table, one, "obtained")]
    fields = [one for one in fields if one not in faults]
    fields.sort(key=lambda one: found.index(one) if one in found[:MOST_SCORES] else len(found))
    group = options.group or next((one for one in GROUPS if one in kinds and is_text(kinds[one])), None)
    apart = {*HEAD, *GROUPS, "id", *MEASURES}
    apart |= {f"{head}{ending}" for head in apart for ending in _sources(list(kinds))}
    texts = [one for one in kinds if one not in apart and is_text(kinds[one])]
    if "genre" in kinds and group != "genre":
        texts.insert(0, "genre")
    return View(
        name=name,
        table=table,
        scores=scores,
        measures=tuple(measures),
        losses=tuple(Score(one, f"l{i}") for i, one in enumerate(faults)),
        fields=tuple(fields[:MOST_FIELDS]),
        texts=tuple(texts[:MOST_TEXTS]),
        group=group,
        id_name=next((one for one in ID_NAMES if one in kinds and can_be_id(kinds[one])), None),
        left=tuple(found[MOST_SCORES:]),
    )


def _score_names(table: Table, wanted: str | None) -> list[str]:
    kinds = {one.name: one.type for one in table.schema}
    numbers = [n for n, kind in kinds.items() if is_number(kind) and (n == wanted or not n.startswith(LOSS))]
    floats = [name for name in numbers if pa.types.is_floating(kinds[name])]
    if wanted is not None and wanted not in numbers:
        raise UsageError(f"{table.name}: column '{wanted}' holds {kinds[wanted]}, which can't rank songs")
    stated = stated_scores(table.card)
    if stated:
        sources = tuple(f"{name}_" for name in (OVERALL, *stated))
        found = [*stated, *(name for name in floats if name == COMBINED or name.startswith(sources))]
    elif stated is not None:  # captions: fields, and no score among them
        return [wanted] if wanted else []
    else:
        found = [name for name in numbers if f"{name}_detail" in kinds and name not in MEASURES]
    if not found:
        plain = {*HEAD, *MEASURES, *ID_NAMES} - {OVERALL}
        plain |= {f"{head}{ending}" for head in plain for ending in _sources(list(kinds))}
        found = [name for name in floats if name not in plain]
    first = [name for name in (OVERALL, wanted) if name]
    return list(dict.fromkeys(name for name in (*first, *found) if name in numbers))


def _score(table: Table, name: str, place: int) -> Score:
    ranges = stated_scores(table.card) or {}
    like = next((stated for stated in ranges if name == stated or name.startswith(f"{stated}_")), name)
    low, high = (0.0, 1.0) if name.startswith(OVERALL) else ranges.get(like) or (None, None)
    std = f"d{place}" if _part(table, f"{name}_detail", "std") else None
    return Score(name, f"s{place}", low, high, std)


def _part(table: Table, column: str, part: str) -> bool:
    """Return whether a column of objects has a part."""
    at = table.schema.get_field_index(column)
    kind = table.schema.field(at).type if at >= 0 else pa.null()
    return bool(pa.types.is_struct(kind) and kind.get_field_index(part) >= 0)


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

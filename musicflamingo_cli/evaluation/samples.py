"""Scores beside labels: the songs that two tables share, as columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.evaluation.records import EvalOptions
from musicflamingo_cli.results.columns import clean, is_number
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.tables.ids import id_sql, nearest
from musicflamingo_cli.results.tables.open import id_column
from musicflamingo_cli.results.tables.table import Table

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
NAMED = 3
"""So many ids are named where some have no match."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The labelled songs that SCORES has, in the order of LABELS."""

    scores: Mapping[str, Floats]
    """Column of SCORES -> [songs], NaN for null."""
    older: Mapping[str, Floats]
    """The same of the table that it is set against: the columns of both, NaN also for songs that it lacks."""
    ratings: Mapping[str, Floats]
    """Label -> [songs, raters], NaN where there is none."""
    drawn: NDArray[np.intp] | None
    """[songs], from 0: what is drawn together."""
    per: NDArray[np.object_] | None
    """[songs]: the group that each is told under, None for none."""
    unmatched: int
    some_unmatched: tuple[str, ...]

    @property
    def songs(self) -> int:
        """How many there are."""
        return len(next(iter(self.ratings.values())))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of songs, of which people preferred one."""

    better: Mapping[str, Floats]
    """Column of SCORES -> [pairs]: the winner's score, NaN for null."""
    worse: Mapping[str, Floats]
    """The loser's."""
    unmatched: int
    some_unmatched: tuple[str, ...]


def read_samples(
    sandbox: Sandbox, scores: Table, labels: Table, older: Table | None, options: EvalOptions, columns: Sequence[str]
) -> Samples:
    """Join the tables on their ids. Raises `UsageError` for a column that isn't there, or an id that stands twice."""
    names = label_names(labels, options)
    both = [name for name in columns if older is not None and name in older.schema.names]
    told = {alias: name for alias, name in (("drawn", options.group), ("per", options.per)) if name is not None}
    beside = {alias: name for alias, name in told.items() if name not in labels.schema.names}
    _stage_scores(sandbox, "scores", scores, options, columns, beside)
    if older is not None:
        _stage_scores(sandbox, "older", older, options, both, {})
    _stage_labels(sandbox, labels, options, names, {a: n for a, n in told.items() if a not in beside})
    wanted = [f"r{i}" for i in range(len(names))] + [f"scores.c{i} AS s{i}" for i in range(len(columns))]
    wanted += [*(f"older.c{i} AS o{i}" for i in range(len(both))), *told]
    found = _read(
        sandbox,
        f"SELECT {', '.join(wanted)} FROM labels JOIN scores ON labels.id = scores.id"
        f"{' LEFT JOIN older ON labels.id = older.id' if older is not None else ''} ORDER BY labels.row",
    )
    unmatched, some = _lacking(sandbox, "SELECT id, row FROM labels")
    return Samples(
        scores={name: _floats(found[f"s{i}"]) for i, name in enumerate(columns)},
        older={name: _floats(found[f"o{i}"]) for i, name in enumerate(both)},
        ratings={name: _matrix(found[f"r{i}"]) for i, name in enumerate(names)},
        drawn=_codes(found["drawn"]) if "drawn" in told else None,
        per=np.array(found["per"].to_pylist(), dtype=object) if "per" in told else None,
        unmatched=unmatched,
        some_unmatched=some,
    )


def read_pairs(sandbox: Sandbox, scores: Table, labels: Table, options: EvalOptions, columns: Sequence[str]) -> Pairs:
    """Look up the scores of each pair. Raises `UsageError` as `read_samples`."""
    _stage_scores(sandbox, "scores", scores, options, columns, {})
    ids = [_id(labels, _position(labels, name), options.label_id) for name in ("winner", "loser")]
    positions = sorted({_position(labels, name) for name in ("winner", "loser")})
    sandbox.run(
        f"CREATE TEMP TABLE pairs AS SELECT {ids[0]} AS winner, {ids[1]} AS loser, row "
        f"FROM ({labels.relation(sandbox, positions, 't')})"
    )
    sides = ", ".join(f"w.c{i} AS w{i}, l.c{i} AS l{i}" for i in range(len(columns)))
    found = _read(
        sandbox,
        f"SELECT {sides} FROM pairs JOIN scores w ON winner = w.id JOIN scores l ON loser = l.id ORDER BY pairs.row",
    )
    _, some = _lacking(sandbox, "SELECT winner AS id, row FROM pairs UNION ALL SELECT loser, row FROM pairs")
    return Pairs(
        better={name: _floats(found[f"w{i}"]) for i, name in enumerate(columns)},
        worse={name: _floats(found[f"l{i}"]) for i, name in enumerate(columns)},
        unmatched=labels.rows - found.num_rows,
        some_unmatched=some,
    )


def label_names(labels: Table, options: EvalOptions) -> tuple[str, ...]:
    """Return the label columns: those named, else the only one that holds numbers. Raises `UsageError`."""
    for name in options.labels:
        _position(labels, name)
    if options.labels:
        return options.labels
    taken = {options.group, options.per, (options.label_id or "").partition(":")[0], "song_id", "id", "rater"}
    kinds = {one.name: one.type.value_type if pa.types.is_list(one.type) else one.type for one in labels.schema}
    numbers = [name for name, kind in kinds.items() if is_number(kind) and name not in taken]
    if len(numbers) != 1:
        known = f"columns of numbers: {', '.join(numbers)}" if numbers else "none holds numbers"
        raise UsageError(f"{labels.name}: name the label with --label ({known})")
    return tuple(numbers)


def score_sql(table: Table, column: str, prefix: str) -> str:
    """Return SQL for a score as a DOUBLE, null where it is missing to `mfq filter`: not finite, or out of its range."""
    place = _position(table, column)
    return f"{clean(f'{prefix}{place}', table.schema.field(place).type, table.ranges().get(column))}::DOUBLE"


def _stage_scores(
    sandbox: Sandbox, name: str, table: Table, options: EvalOptions, columns: Sequence[str], told: Mapping[str, str]
) -> None:
    place = id_column(table, options.on)
    values = {f"c{i}": score_sql(table, column, "t") for i, column in enumerate(columns)}
    values |= {alias: f"t{_position(table, column)}::VARCHAR" for alias, column in told.items()}
    _stage(
        sandbox,
        name,
        table,
        _id(table, place, None),
        [place, *(_position(table, c) for c in (*columns, *told.values()))],
        values,
    )
    twice = sandbox.rows(f"SELECT id FROM {name} GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT {NAMED}")
    if twice:
        some = ", ".join(str(row[0]) for row in twice)
        raise UsageError(f"{table.name} has ids more than once ({some}); mfq merge {table.name} makes one row of each")


def _stage_labels(
    sandbox: Sandbox, table: Table, options: EvalOptions, names: Sequence[str], told: Mapping[str, str]
) -> None:
    """Stage one row a song with the list of its ratings, whether they stand in a cell or in rows of their own."""
    column, _, part = (options.label_id or "").partition(":")
    place = _position(table, column) if column else id_column(table, None, "--label-id")
    values = {f"r{i}": _ratings(table, _position(table, name)) for i, name in enumerate(names)}
    values |= {alias: f"t{_position(table, name)}::VARCHAR" for alias, name in told.items()}
    positions = [place, *(_position(table, name) for name in (*names, *told.values()))]
    _stage(sandbox, "rated", table, _id(table, place, part), positions, {"whole": f"t{place}::VARCHAR", **values})
    mixed = sandbox.rows(
        "SELECT id, min(whole), max(whole) FROM rated GROUP BY id HAVING min(whole) <> max(whole) ORDER BY id LIMIT 1"
    )
    if mixed:
        raise UsageError(f"{table.name}: --label-id makes one id '{mixed[0][0]}' of {mixed[0][1]} and {mixed[0][2]}")
    kept = [f"flatten(list({alias} ORDER BY row)) AS {alias}" for alias in values if alias.startswith("r")]
    kept += [f"any_value({alias}) AS {alias}" for alias in told]
    sandbox.run(f"CREATE TEMP TABLE labels AS SELECT id, min(row) AS row, {', '.join(kept)} FROM rated GROUP BY id")


def _stage(
    sandbox: Sandbox, name: str, table: Table, id_of: str, positions: Sequence[int], values: Mapping[str, str]
) -> None:
    picked = "".join(f", {value} AS {alias}" for alias, value in values.items())
    source = table.relation(sandbox, sorted(set(positions)), "t")
    rows = f"SELECT {id_of} AS id, row{picked} FROM ({source})"
    sandbox.run(f"CREATE TEMP TABLE {name} AS SELECT * FROM ({rows}) WHERE id IS NOT NULL")


def _id(table: Table, place: int, part: str | None) -> str:
    one = table.schema.field(place)
    whole = id_sql(f"t{place}", one.type, f"{table.name}: column '{one.name}'")
    if not part:
        return whole
    name = f"string_split(replace({whole}, '\\', '/'), '/')"
    if part == "stem":
        return f"regexp_replace({name}[-1], '\\.[^.]*$', '')"
    if part.isdecimal() and int(part) > 0:
        return f"array_to_string({name}[-{int(part)}:], '/')"
    raise UsageError(
        f"--label-id {one.name}:{part}: behind the colon stands stem, or how many last parts of a path count"
    )


def _number(column: str) -> str:
    return f"CASE WHEN isfinite(TRY_CAST({column} AS DOUBLE)) THEN TRY_CAST({column} AS DOUBLE) END"


def _ratings(table: Table, place: int) -> str:
    kind = table.schema.field(place).type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list_filter(list_transform(t{place}, lambda x: {_number('x')}), lambda x: x IS NOT NULL)"
    return f"list_filter([{_number(f't{place}')}], lambda x: x IS NOT NULL)"


def _position(table: Table, name: str) -> int:
    names = table.schema.names
    if name not in names:
        raise UsageError(f"{table.name}: no column '{name}'{nearest(name, names)}")
    return int(names.index(name))


def _lacking(sandbox: Sandbox, ids: str) -> tuple[int, tuple[str, ...]]:
    lacking = f"SELECT id, min(row) AS row FROM ({ids}) WHERE id NOT IN (SELECT id FROM scores) GROUP BY id"
    count = int(sandbox.rows(f"SELECT count(*) FROM ({lacking})")[0][0])
    return count, tuple(str(row[0]) for row in sandbox.rows(f"SELECT id FROM ({lacking}) ORDER BY row LIMIT {NAMED}"))


def _read(sandbox: Sandbox, query: str) -> pa.Table:
    return pa.Table.from_batches(sandbox.batches(query), sandbox.schema(query))


def _floats(cells: pa.ChunkedArray) -> Floats:
    found: Floats = pc.fill_null(cells.cast(pa.float64()), float("nan")).to_numpy()
    return found


def _matrix(cells: pa.ChunkedArray) -> Floats:
    """Return lists of numbers as rows, NaN behind the end of each."""
    lists = cells.combine_chunks()
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    found = np.full((len(lengths), max(1, int(lengths.max(initial=0)))), np.nan)
    found[np.arange(found.shape[1]) < lengths[:, None]] = pc.list_flatten(lists).to_numpy(zero_copy_only=False)
    return found


def _codes(cells: pa.ChunkedArray) -> NDArray[np.intp]:
    """Return a number for each value; songs without one are drawn alone."""
    values = cells.combine_chunks().dictionary_encode().indices
    codes: NDArray[np.intp] = pc.fill_null(values, -1).to_numpy().astype(np.intp)
    alone = codes < 0
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(int(alone.sum()))
    return codes

"""Scores and labels of the songs that two tables share, as columns of numbers or texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.evaluation.picked import pick_group, pick_id, pick_ratings, pick_score, pick_text
from musicflamingo_cli.evaluation.records import Join
from musicflamingo_cli.evaluation.staging import (
    ROW,
    check_matched,
    lacking,
    pick_groups,
    stage,
    stage_labels,
    stage_scores,
)
from musicflamingo_cli.results.columns import is_number
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.tables.ids import ID_NAMES
from musicflamingo_cli.results.tables.table import Table

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Samples:
    """The labelled songs that SCORES has, in the order of LABELS."""

    ids: Sequence[str]
    scores: Mapping[str, Floats]
    """Column of SCORES -> [songs], NaN for null."""
    older: Mapping[str, Floats]
    """The same of the table that it is set against: the columns of both, NaN also for songs that it lacks."""
    ratings: Mapping[str, Floats]
    """Label -> [songs, raters], NaN where there is none."""
    drawn: Places | None
    """[songs], from 0: what is drawn together."""
    per: NDArray[np.object_] | None
    """[songs]: the group that each is told under, None for none."""
    unmatched: int
    some_unmatched: tuple[str, ...]

    @property
    def means(self) -> dict[str, Floats]:
        """Label -> [songs], the mean of each song's ratings, NaN where there is none."""
        rated = {label: np.isfinite(ratings).sum(axis=1) for label, ratings in self.ratings.items()}
        return {
            label: np.where(rated[label] > 0, np.nansum(ratings, axis=1) / np.maximum(rated[label], 1), np.nan)
            for label, ratings in self.ratings.items()
        }


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of songs, of which people preferred one."""

    better: Mapping[str, Floats]
    """Column of SCORES -> [pairs]: the winner's score, NaN for null."""
    worse: Mapping[str, Floats]
    """The loser's."""
    drawn: Places | None
    """[pairs], from 0: what is drawn together."""
    unmatched: int
    some_unmatched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """What the songs that both tables have are said to be."""

    ids: Sequence[str]
    claims: Mapping[str, Sequence[str | None]]
    """Column of SCORES -> [songs]."""
    references: Mapping[str, Sequence[str | None]]
    """Label -> [songs]; where a song has several, one behind the other."""
    drawn: Places | None
    """[songs], from 0: what is drawn together."""
    unmatched: int
    some_unmatched: tuple[str, ...]


def read_samples(
    sandbox: Sandbox, scores: Table, labels: Table, older: Table | None, join: Join, columns: Sequence[str]
) -> Samples:
    """Join the tables on their ids. Raises `UsageError` for a column that isn't there, or an id that stands twice."""
    names = label_names(labels, join)
    both = [name for name in columns if older is not None and name in older.schema.names]
    theirs, ours = pick_groups(scores, labels, join)
    stage_scores(
        sandbox, "scores", scores, join, {f"s{i}": pick_score(scores, c) for i, c in enumerate(columns)} | ours
    )
    if older is not None:
        stage_scores(sandbox, "older", older, join, {f"o{i}": pick_score(older, c) for i, c in enumerate(both)})
    ratings = {f"r{i}": pick_ratings(labels, name) for i, name in enumerate(names)}
    gathered = {alias: f"flatten(list({alias} ORDER BY row))" for alias in ratings}
    stage_labels(sandbox, labels, join, ratings | theirs, gathered)
    found = _read(
        sandbox,
        f"SELECT * FROM labels JOIN scores USING (id){' LEFT JOIN older USING (id)' if older else ''} ORDER BY row",
    )
    unmatched, some = lacking(sandbox, "SELECT id, row FROM labels")
    check_matched(scores, labels, len(found), some)
    rated = {name: _matrix(found[f"r{i}"]) for i, name in enumerate(names)}
    for name, cells in rated.items():
        if not np.isfinite(cells).any():
            raise UsageError(f"{labels.name}: no song that is in {scores.name} has a number in '{name}'")
    return Samples(
        ids=found["id"].to_pylist(),
        scores={name: _floats(found[f"s{i}"]) for i, name in enumerate(columns)},
        older={name: _floats(found[f"o{i}"]) for i, name in enumerate(both)},
        ratings=rated,
        drawn=_codes(found["drawn"]) if join.group else None,
        per=np.array(found["per"].to_pylist(), dtype=object) if join.per is not None else None,
        unmatched=unmatched,
        some_unmatched=some,
    )


def read_pairs(sandbox: Sandbox, scores: Table, labels: Table, join: Join, columns: Sequence[str]) -> Pairs:
    """Look up the scores of each pair. Raises `UsageError` as `read_samples`."""
    stage_scores(sandbox, "scores", scores, join, {f"c{i}": pick_score(scores, c) for i, c in enumerate(columns)})
    part = (join.label_id or "").partition(":")[2]
    ids = {side: pick_id(labels, f"{side}:{part}" if part else side) for side in ("winner", "loser")}
    drawn = {"drawn": pick_group(labels, join.group)} if join.group else {}
    stage(sandbox, "pairs", labels, ids["winner"], {**ids, "row": ROW, **drawn})
    same = sandbox.rows("SELECT winner FROM pairs WHERE winner = loser LIMIT 1")
    if same:
        raise UsageError(f"{labels.name}: winner and loser are both '{same[0][0]}'")
    sides = [f"w.c{i} AS w{i}, l.c{i} AS l{i}" for i in range(len(columns))]
    found = _read(
        sandbox,
        f"SELECT {', '.join([*sides, *drawn])} FROM pairs "
        "JOIN scores w ON winner = w.id JOIN scores l ON loser = l.id ORDER BY pairs.row",
    )
    _, some = lacking(sandbox, "SELECT winner AS id, row FROM pairs UNION ALL SELECT loser, row FROM pairs")
    return Pairs(
        better={name: _floats(found[f"w{i}"]) for i, name in enumerate(columns)},
        worse={name: _floats(found[f"l{i}"]) for i, name in enumerate(columns)},
        drawn=_codes(found["drawn"]) if join.group else None,
        unmatched=labels.rows - found.num_rows,
        some_unmatched=some,
    )


def read_texts(
    sandbox: Sandbox, scores: Table, labels: Table, join: Join, claims: Sequence[str], references: Sequence[str]
) -> Texts:
    """Join what SCORES and LABELS say of songs. Raises `UsageError` as `read_samples`."""
    theirs, ours = pick_groups(scores, labels, join)
    stage_scores(sandbox, "scores", scores, join, {f"c{i}": pick_text(scores, c) for i, c in enumerate(claims)} | ours)
    said = {f"r{i}": pick_text(labels, name) for i, name in enumerate(references)}
    gathered = {alias: f"string_agg(DISTINCT {alias}, '; ' ORDER BY {alias})" for alias in said}
    stage_labels(sandbox, labels, join, said | theirs, gathered)
    found = _read(sandbox, "SELECT * FROM labels JOIN scores USING (id) ORDER BY row")
    unmatched, some = lacking(sandbox, "SELECT id, row FROM labels")
    check_matched(scores, labels, len(found), some)
    return Texts(
        ids=found["id"].to_pylist(),
        claims={name: found[f"c{i}"].to_pylist() for i, name in enumerate(claims)},
        references={name: found[f"r{i}"].to_pylist() for i, name in enumerate(references)},
        drawn=_codes(found["drawn"]) if join.group else None,
        unmatched=unmatched,
        some_unmatched=some,
    )


def label_names(labels: Table, join: Join) -> tuple[str, ...]:
    """Return the label columns: those named, else the only one that holds numbers. Raises `UsageError`."""
    if join.labels:
        return join.labels
    taken = {join.group, join.per, (join.label_id or "").partition(":")[0], *ID_NAMES, "rater"}
    kinds = {one.name: one.type.value_type if pa.types.is_list(one.type) else one.type for one in labels.schema}
    numbers = [name for name, kind in kinds.items() if is_number(kind) and name not in taken]
    if len(numbers) != 1:
        known = f"columns of numbers: {', '.join(numbers)}" if numbers else "none holds numbers"
        raise UsageError(f"{labels.name}: name the label with --label ({known})")
    return tuple(numbers)


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


def _codes(cells: pa.ChunkedArray) -> Places:
    """Return a number for each value; songs without one are drawn alone."""
    values = cells.combine_chunks().dictionary_encode().indices
    codes: Places = pc.fill_null(values, -1).to_numpy().astype(np.intp)
    alone = codes < 0
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(int(alone.sum()))
    return codes

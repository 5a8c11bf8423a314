"""Weights over columns of scores that agree best with labels, judged on songs that they were not made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.evaluation.picked import pick_columns
from musicflamingo_cli.evaluation.records import Difference, Estimate, TuneOptions, Tuning
from musicflamingo_cli.evaluation.samples import Floats, Places, read_samples
from musicflamingo_cli.evaluation.staging import opened
from musicflamingo_cli.evaluation.statistics import Progress, bootstrap, rising_fit, spearman
from musicflamingo_cli.results.tables.table import OVERALL, Table
from musicflamingo_cli.scoring.aggregate import LOSS

LEAST_LABELS = 150
"""Fewer labels make no weights (150 clips were enough to adapt a model to a person's ratings: arXiv 2603.22677)."""
FOLDS = 5


def fit_weights(
    scores: str, labels: str, options: TuneOptions, progress: Progress = lambda done, total: None
) -> Tuning:
    """Fit weights to labels.

    Args:
        scores: Name of a table in any form that `open_table` reads.
        labels: The same.
        options: What is asked.
        progress: Told how many resamples are done, and how many there are.

    Raises:
        UsageError: for a table or column that can't be used, without the extra `eval`, or where nothing can be fitted.
    """
    with opened(scores, labels) as (sandbox, (table, rated)):
        ranges = _weighed(table, options)
        columns = list(ranges)
        today = OVERALL if OVERALL in table.schema.names and OVERALL not in columns else None
        samples = read_samples(sandbox, table, rated, None, options, [*columns, *([today] if today else [])])
    ((label, means),) = samples.means.items()
    units = np.column_stack([(samples.scores[c] - low) / (high - low) for c, (low, high) in ranges.items()])
    units[(units < 0) | (units > 1)] = np.nan
    absent = [name for name, values in zip(columns, units.T, strict=True) if not np.isfinite(values).any()]
    if absent:
        raise UsageError(f"{table.name}: no labelled song has a number in its range in {', '.join(absent)}")
    now = samples.scores[today] if today else units.mean(axis=1)
    known = np.isfinite(units).all(axis=1) & np.isfinite(means) & np.isfinite(now)
    songs, units, means, now = int(known.sum()), units[known], means[known], now[known]
    groups = np.arange(songs) if samples.drawn is None else samples.drawn[known]
    folds = min(FOLDS, len(np.unique(groups)))
    if folds < 2 or np.ptp(means) == 0:
        raise UsageError(f"{songs} songs have every column and a {label}: too few, or all alike, to weigh anything by")
    weights = _fitted(units, means, options)
    if not weights.any():
        raise UsageError(f"none of {', '.join(columns)} rises with {label}: there is nothing to weigh")
    held, expected = _held_out(units, means, groups, folds, options)

    def figures(places: Places) -> Floats:
        tuned, before = (spearman(column[places], means[places]) for column in (held, now))
        return np.array([tuned, before, tuned - before])

    tuned, before, gain = bootstrap(figures, songs, None if samples.drawn is None else groups, options, progress)
    rising = rising_fit(units @ weights, means)
    ids = sorted(one for one, there in zip(samples.ids, known, strict=True) if there)
    return Tuning(
        scores=table.name,
        labels=rated.name,
        label=label,
        weights={name: round(float(w), 6) for name, w in zip(columns, weights, strict=True)},
        ranges=ranges,
        fit=options.fit,
        group=options.group,
        folds=folds,
        songs=songs,
        incomplete=len(samples.ids) - songs,
        songs_sha256=hashlib.sha256("".join(f"{one}\n" for one in ids).encode()).hexdigest(),
        tuned=tuned,
        today=before,
        gain=Difference("the tuned score", today or "the mean of the columns", label, songs, gain),
        error=float(np.abs(expected - means).mean()),
        error_of_mean=float(np.abs(means - means.mean()).mean()),
        rising=_corners(*rising),
        doubts=tuple(_doubts(songs, gain)),
    )


def _weighed(table: Table, options: TuneOptions) -> dict[str, tuple[float, float]]:
    """Return the columns that are weighed, with what counts 0 and what 1 of each. Raises `UsageError`."""
    columns = pick_columns(table, options.columns or [name for name in table.ranges() if name != OVERALL])
    if len(columns) < 2:
        raise UsageError(f"{table.name}: weights need two columns or more; name them with --columns")
    unused = next((name for name in options.ranges if name not in columns), None)
    if unused is not None:
        raise UsageError(f"--scale {unused}: it is not weighed (columns: {', '.join(columns)})")
    return {name: _range(table, name, options) for name in columns}


def _range(table: Table, column: str, options: TuneOptions) -> tuple[float, float]:
    """Return what counts 0 and what 1 of a column."""
    told = (1.0, 0.0) if column.startswith(LOSS) else table.ranges().get(column)
    said = options.ranges.get(column)
    known = told or said
    if known is None:
        raise UsageError(f"the scale of {column} is not known; say --scale {column}=low:high")
    if said not in (None, known):
        raise UsageError(f"--scale {column}: it is known to go from {known[0]:g} to {known[1]:g}")
    return known


def _fitted(units: Floats, labels: Floats, options: TuneOptions) -> Floats:
    """Return the weights, [columns], 0 or more, that sum to 1; all 0 where no column rises with the labels.

    Least squares under that constraint with a free constant: both sides are centred.
    """
    from scipy.optimize import nnls
    from scipy.stats import rankdata

    wanted = rankdata(labels) if options.fit == "ranks" else labels
    weights: Floats = nnls(units - units.mean(axis=0), wanted - wanted.mean())[0]
    return weights / weights.sum() if weights.any() else weights


def _held_out(units: Floats, labels: Floats, groups: Places, folds: int, options: TuneOptions) -> tuple[Floats, Floats]:
    """Return each song's score by the weights, and its label by the map, that were fitted without its fold."""
    from sklearn.model_selection import GroupKFold

    held, expected = np.empty_like(labels), np.empty_like(labels)
    for train, test in GroupKFold(folds).split(units, groups=groups):
        fitted = _fitted(units[train], labels[train], options)
        weights = fitted if fitted.any() else np.full(len(fitted), 1 / len(fitted))
        held[test] = units[test] @ weights
        expected[test] = np.interp(held[test], *rising_fit(units[train] @ weights, labels[train]))
    return held, expected


def _corners(scores: Floats, labels: Floats) -> tuple[tuple[float, float], ...]:
    """Return where a rising function's steps begin and end: between them it is straight."""
    kept = np.ones(len(labels), bool)
    kept[1:-1] = (labels[1:-1] != labels[:-2]) | (labels[1:-1] != labels[2:])
    corners = zip(scores[kept].round(6).tolist(), labels[kept].round(6).tolist(), strict=True)
    return tuple(corners)


def _doubts(songs: int, gain: Estimate) -> Iterator[str]:
    if songs < LEAST_LABELS:
        yield f"{songs} labelled songs have every column; {LEAST_LABELS} are needed"
    if not gain.low > 0:
        yield f"no gain is sure: {gain.value:+.3f}, 95 % {gain.low:+.3f} to {gain.high:+.3f} (Spearman, held out)"

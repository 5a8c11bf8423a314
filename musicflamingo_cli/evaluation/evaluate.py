"""Whether scores agree with labels: from two tables to an `Evaluation`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.evaluation import statistics
from musicflamingo_cli.evaluation.groups import group_agreements
from musicflamingo_cli.evaluation.records import (
    Ceiling,
    ColumnAgreement,
    Difference,
    Estimate,
    EvalOptions,
    Evaluation,
)
from musicflamingo_cli.evaluation.samples import Floats, Places, read_pairs, read_samples
from musicflamingo_cli.evaluation.statistics import Progress
from musicflamingo_cli.evaluation.threshold import find_threshold
from musicflamingo_cli.extras import install_command
from musicflamingo_cli.results.columns import is_number
from musicflamingo_cli.results.sandbox import Limits, Sandbox, work_folder
from musicflamingo_cli.results.tables.ids import nearest
from musicflamingo_cli.results.tables.open import open_table
from musicflamingo_cli.results.tables.table import Table, naming_damage

BASELINES = ("loudness_lufs", "audio_seconds", "bandwidth_hz")
"""Measures that tell nothing of how good a song is, so that a score must agree better than they do."""
CHANCE = "shuffled"
"""The first column's scores in another order."""
PACKAGES = {"sklearn": "scikit-learn", "scipy": "scipy"}
"""Module -> the package of the extra `eval` that it is in."""


def evaluate(
    scores: str, labels: str, options: EvalOptions, progress: Progress = lambda done, total: None
) -> Evaluation:
    """Set a table of scores against one of labels.

    Args:
        scores: Name of a table in any form that `open_table` reads.
        labels: The same; a row a song, a row a song and rater, or a list of ratings in a cell; or pairs.
        options: What is asked.
        progress: Told how many resamples are done, and how many there are.

    Raises:
        UsageError: for a table or column that can't be used, or without the extra `eval`.
    """
    absent = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if absent:
        raise UsageError(f"mfq eval needs {' and '.join(absent)}: {install_command('eval')}")
    with work_folder() as work:
        tables = [open_table(name, _made(work / str(i))) for i, name in enumerate((scores, labels))]
        older = open_table(options.against, _made(work / "older")) if options.against else None
        every = [*tables, *([older] if older else [])]
        for table in every:
            table.verify()
        files = [path for table in every for path in table.files]
        with naming_damage(every), Sandbox(work, files, Limits()) as sandbox:
            return _evaluate(sandbox, tables[0], tables[1], older, options, progress)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _evaluate(
    sandbox: Sandbox, scores: Table, labels: Table, older: Table | None, options: EvalOptions, progress: Progress
) -> Evaluation:
    columns = _columns(scores, options)
    if options.pairs:
        return _of_pairs(sandbox, scores, labels, options, columns, progress)
    samples = read_samples(sandbox, scores, labels, older, options, [*columns, *_baselines(scores, columns)])
    if samples.songs < 2:
        some = f" (not there: {', '.join(samples.some_unmatched)})" if samples.some_unmatched else ""
        raise UsageError(
            f"{labels.name}: {samples.songs} of its songs are in {scores.name}; "
            f"name the ids with --on and --label-id{some}"
        )
    means = {name: _mean(ratings) for name, ratings in samples.ratings.items()}
    known = {**samples.scores, CHANCE: np.random.default_rng(options.seed).permutation(samples.scores[columns[0]])}
    trials = [Trial(column, label, known[column], mean) for label, mean in means.items() for column in known]
    trials += [
        Trial(column, label, samples.scores[column], mean, samples.older[column])
        for label, mean in means.items()
        for column in samples.older
        if column in columns
    ]

    def every(places: Places) -> Floats:
        return np.concatenate([trial.of(places) for trial in trials])

    figures = statistics.bootstrap(every, samples.songs, samples.drawn, options, progress)
    size = len(statistics.NAMES)
    tried = [(trial, figures[i * size : (i + 1) * size]) for i, trial in enumerate(trials)]
    notes = []
    if options.group is None:
        notes.append("intervals take songs for independent; --group names what belongs together (artist, system)")
    first = columns[0]
    thresholds = [find_threshold(sandbox, scores, first, samples.scores[first], means, options)] if options.good else []
    return Evaluation(
        scores=scores.name,
        labels=labels.name,
        matched=samples.songs,
        unmatched=samples.unmatched,
        some_unmatched=samples.some_unmatched,
        columns=tuple(_agreement(t, of, columns) for t, of in tried if t.older is None),
        ceilings=tuple(_ceiling(name, ratings) for name, ratings in samples.ratings.items() if ratings.shape[1] > 1),
        differences=tuple(
            Difference(t.column, t.label, int(t.known.sum()), of[0]) for t, of in tried if t.older is not None
        ),
        thresholds=tuple(thresholds),
        groups=group_agreements(samples, first, next(iter(means.values())), options) if options.per else (),
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """A column beside a label."""

    column: str
    label: str
    scores: Floats
    labels: Floats
    older: Floats | None = None
    """Where the same column of another table is set against it."""

    @property
    def known(self) -> NDArray[np.bool_]:
        """[songs]: whether all are there."""
        found = np.isfinite(self.scores) & np.isfinite(self.labels)
        return found if self.older is None else found & np.isfinite(self.older)

    def of(self, places: Places) -> Floats:
        """Return the statistics of some songs, or their difference."""
        places = places[self.known[places]]
        found = statistics.agreement(self.scores[places], self.labels[places], places % 2)
        if self.older is None:
            return found
        return found - statistics.agreement(self.older[places], self.labels[places], places % 2)


def _agreement(trial: Trial, figures: Sequence[Estimate], columns: Sequence[str]) -> ColumnAgreement:
    values = trial.scores[trial.known]
    counts = np.unique(values, return_counts=True)[1].astype(float)
    pairs = len(values) * (len(values) - 1)
    return ColumnAgreement(
        column=trial.column,
        label=trial.label,
        songs=len(values),
        missing=int((np.isfinite(trial.labels) & ~np.isfinite(trial.scores)).sum()),
        distinct=len(counts),
        tied=float((counts * (counts - 1)).sum() / pairs) if pairs else 0.0,
        statistics=dict(zip(statistics.NAMES, figures, strict=True)),
        baseline=trial.column not in columns,
    )


def _columns(scores: Table, options: EvalOptions) -> list[str]:
    """Return the columns that are judged, the overall score first."""
    names = scores.schema.names
    for name in options.columns:
        if name not in names:
            raise UsageError(f"{scores.name}: no column '{name}'{nearest(name, names)}")
        if not is_number(scores.schema.field(name).type):
            raise UsageError(f"{scores.name}: column '{name}' holds no numbers")
    found = list(options.columns) or list(scores.ranges())
    if not found:
        raise UsageError(f"{scores.name}: its run card tells of no scores; name columns with --columns")
    return found


def _baselines(scores: Table, columns: Sequence[str]) -> list[str]:
    return [name for name in BASELINES if name in scores.schema.names and name not in columns]


def _mean(ratings: Floats) -> Floats:
    """Return the mean rating of each song, NaN where there is none."""
    rated = np.isfinite(ratings).sum(axis=1)
    return np.where(rated > 0, np.nansum(ratings, axis=1) / np.maximum(rated, 1), np.nan)


def _ceiling(name: str, ratings: Floats) -> Ceiling:
    rated = np.isfinite(ratings).sum(axis=1)
    alpha, reliability = statistics.rater_agreement(ratings)
    return Ceiling(name, int((rated >= 2).sum()), int(rated.sum()), alpha, reliability)


def _of_pairs(
    sandbox: Sandbox,
    scores: Table,
    labels: Table,
    options: EvalOptions,
    columns: Sequence[str],
    progress: Progress,
) -> Evaluation:
    """Count how often a column puts the preferred song first; a tie counts one half."""
    names = [*columns, *_baselines(scores, columns)]
    pairs, found = read_pairs(sandbox, scores, labels, options, names), []
    for name in names:
        better, worse = pairs.better[name], pairs.worse[name]
        known = np.isfinite(better) & np.isfinite(worse)
        if not known.any():
            continue
        points = (np.sign(better[known] - worse[known]) + 1) / 2
        (accuracy,) = statistics.bootstrap(_mean_of(points), len(points), None, options, progress)
        found.append(
            ColumnAgreement(
                column=name,
                label="winner",
                songs=len(points),
                missing=int((~known).sum()),
                distinct=len(np.unique(np.concatenate([better[known], worse[known]]))),
                tied=float((points == 0.5).mean()),
                statistics={"accuracy": accuracy},
                baseline=name not in columns,
            )
        )
    matched = len(next(iter(pairs.better.values())))
    return Evaluation(scores.name, labels.name, matched, pairs.unmatched, pairs.some_unmatched, tuple(found))


def _mean_of(points: Floats) -> Callable[[Places], Floats]:
    return lambda places: np.array([points[places].mean()])

"""Whether scores agree with labels: from two tables to an `Evaluation`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.evaluation import statistics
from musicflamingo_cli.evaluation.claims import judge_texts
from musicflamingo_cli.evaluation.groups import LEAST_SONGS, group_agreements
from musicflamingo_cli.evaluation.picked import pick_columns
from musicflamingo_cli.evaluation.records import (
    Ceiling,
    ColumnAgreement,
    Difference,
    Estimate,
    EvalOptions,
    Evaluation,
)
from musicflamingo_cli.evaluation.samples import Floats, Places, read_pairs, read_samples
from musicflamingo_cli.evaluation.staging import opened
from musicflamingo_cli.evaluation.statistics import Progress
from musicflamingo_cli.evaluation.threshold import find_threshold
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.tables.table import Table

BASELINES = ("loudness_lufs", "audio_seconds", "bandwidth_hz")
"""Measures that tell nothing of how good a song is, so that a score must agree better than they do."""
CHANCE = "shuffled"
"""The first column's scores in another order."""


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
    _check_options(options)
    # What is no file is a column of SCORES.
    older = [options.against] if options.against is not None and Path(options.against).exists() else []
    with opened(scores, labels, *older) as (sandbox, tables):
        if options.texts:
            return judge_texts(sandbox, tables[0], tables[1], options, progress)
        columns = pick_columns(tables[0], options.columns)
        if options.pairs:
            return _of_pairs(sandbox, tables[0], tables[1], options, columns, progress)
        return _of_ratings(sandbox, tables, options, columns, progress)


def _check_options(options: EvalOptions) -> None:
    """Raise `UsageError` for what would not be answered."""
    idle: dict[str, object] = {"--per": options.per, "--against": options.against, "--good": options.good}
    if options.texts:
        form, idle = "--text", {**idle, "--pairs": options.pairs or None, "--columns": options.columns or None}
    elif options.pairs:
        form, idle = "--pairs", {**idle, "--label": options.labels or None}
    else:
        return
    for flag, value in idle.items():
        if value is not None:
            raise UsageError(f"{flag} has no meaning with {form}")


def _of_ratings(
    sandbox: Sandbox, tables: Sequence[Table], options: EvalOptions, columns: Sequence[str], progress: Progress
) -> Evaluation:
    scores, labels, older = tables[0], tables[1], tables[2] if len(tables) > 2 else None
    rival = options.against if older is None else None
    wanted = [*columns, *_baselines(scores, columns)]
    wanted += [rival] if rival is not None and rival not in wanted else []
    samples = read_samples(sandbox, scores, labels, older, options, wanted)
    first, songs = columns[0], len(samples.ids)
    judged = {name: samples.scores[name] for name in wanted if name in columns or name in BASELINES}
    judged[CHANCE] = np.random.default_rng(options.seed).permutation(samples.scores[first])
    shared = [column for column in columns if column in samples.older]
    if older is not None and not shared:
        raise UsageError(f"--against {older.name}: it has no column {' or '.join(columns)}")
    # Before the resamples, which are dear: what can't be asked is refused here.
    thresholds = (find_threshold(sandbox, scores, first, samples, options),) if options.good is not None else ()
    trials = []
    for label, mean in samples.means.items():
        trials += [Trial(column, label, values, mean) for column, values in judged.items()]
        if rival is not None:
            trials.append(Trial(first, label, judged[first], mean, rival, samples.scores[rival]))
        elif older is not None:
            other = f"that of {older.name}"
            trials += [Trial(c, label, judged[c], mean, other, samples.older[c]) for c in shared]

    def every(places: Places) -> Floats:
        return np.concatenate([trial.of(places) for trial in trials])

    figures = iter(statistics.bootstrap(every, songs, samples.drawn, options, progress))
    tried = [(t, list(islice(figures, len(statistics.NAMES) if t.other is None else 1))) for t in trials]
    groups = group_agreements(samples, first, options, progress) if options.per is not None else ()
    notes = []
    if options.per is not None and not groups:
        notes.append(f"--per {options.per}: no group has {LEAST_SONGS} songs with both, so none is judged")
    if options.group is None:
        notes.append("intervals take songs for independent; --group names what belongs together (artist, system)")
    return Evaluation(
        scores=scores.name,
        labels=labels.name,
        matched=songs,
        unmatched=samples.unmatched,
        some_unmatched=samples.some_unmatched,
        columns=tuple(_agreement(t, of, columns) for t, of in tried if t.other is None),
        ceilings=tuple(_ceiling(name, ratings) for name, ratings in samples.ratings.items() if ratings.shape[1] > 1),
        differences=tuple(
            Difference(t.column, t.other, t.label, int(t.known.sum()), of[0]) for t, of in tried if t.other is not None
        ),
        thresholds=thresholds,
        groups=groups,
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """A column with a label."""

    column: str
    label: str
    scores: Floats
    labels: Floats
    other: str | None = None
    """What it is set against."""
    others: Floats | None = None

    @property
    def known(self) -> NDArray[np.bool_]:
        """[songs]: whether all are there."""
        found = np.isfinite(self.scores) & np.isfinite(self.labels)
        return found if self.others is None else found & np.isfinite(self.others)

    def of(self, places: Places) -> Floats:
        """Return the statistics of some songs, or the difference of the two Spearmans alone."""
        places = places[self.known[places]]
        scores, labels = self.scores[places], self.labels[places]
        if self.others is None:
            return statistics.agreement(scores, labels, places % 2)
        return np.array([statistics.spearman(scores, labels) - statistics.spearman(self.others[places], labels)])


def _agreement(trial: Trial, figures: Sequence[Estimate], columns: Sequence[str]) -> ColumnAgreement:
    values = trial.scores[trial.known]
    distinct, tied = statistics.ties(values)
    return ColumnAgreement(
        column=trial.column,
        label=trial.label,
        songs=len(values),
        missing=int((np.isfinite(trial.labels) & ~np.isfinite(trial.scores)).sum()),
        distinct=distinct,
        tied=tied,
        statistics=dict(zip(statistics.NAMES, figures, strict=True)),
        baseline=trial.column not in columns,
    )


def _baselines(scores: Table, columns: Sequence[str]) -> list[str]:
    return [name for name in BASELINES if name in scores.schema.names and name not in columns]


def _ceiling(name: str, ratings: Floats) -> Ceiling:
    rated = np.isfinite(ratings).sum(axis=1)
    alpha, reliability = statistics.rater_agreement(ratings)
    return Ceiling(name, int((rated >= 2).sum()), int(rated.sum()), alpha, reliability, float(np.sqrt(reliability)))


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
        drawn = None if pairs.drawn is None else pairs.drawn[known]
        (accuracy,) = statistics.bootstrap(statistics.mean_of(points), len(points), drawn, options, progress)
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

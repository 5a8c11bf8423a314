"""Whether scores agree with labels: from two tables to an `Evaluation`."""

from __future__ import annotations

import operator
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.evaluation import statistics
from musicflamingo_cli.evaluation.records import (
    Ceiling,
    ColumnAgreement,
    Difference,
    Estimate,
    EvalOptions,
    Evaluation,
    GroupAgreement,
    Threshold,
)
from musicflamingo_cli.evaluation.samples import Floats, Samples, is_number, read_pairs, read_samples
from musicflamingo_cli.extras import install_command
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
COMPARISONS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq}
GOOD = re.compile(r"\s*(.+?)\s*(>=|<=|>|<|=)\s*(-?[0-9.]+)\s*")
LEAST_SONGS = 20
"""Groups of fewer songs are not judged."""
Progress = Callable[[int, int], None]


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
    tests = [_Test(column, label, known[column], mean) for label, mean in means.items() for column in known]
    tests += [
        _Test(column, label, samples.scores[column], mean, samples.older[column])
        for label, mean in means.items()
        for column in samples.older
        if column in columns
    ]
    _resample(tests, samples.drawn, options, progress)
    notes = []
    if options.group is None:
        notes.append("intervals take songs for independent; --group names what belongs together (artist, system)")
    first = columns[0]
    return Evaluation(
        scores=scores.name,
        labels=labels.name,
        matched=samples.songs,
        unmatched=samples.unmatched,
        some_unmatched=samples.some_unmatched,
        columns=tuple(
            _agreement(test, samples.drawn, baseline=test.column not in columns) for test in tests if test.older is None
        ),
        ceilings=tuple(_ceiling(name, ratings) for name, ratings in samples.ratings.items() if ratings.shape[1] > 1),
        differences=tuple(_difference(test, samples.drawn) for test in tests if test.older is not None),
        thresholds=(_threshold(sandbox, scores, first, samples.scores[first], means, options),) if options.good else (),
        groups=_groups(samples, first, next(iter(means.values())), options) if options.per else (),
        notes=tuple(notes),
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


@dataclass(slots=True)
class _Test:
    """A column beside a label, and what its resamples gave."""

    column: str
    label: str
    scores: Floats
    labels: Floats
    older: Floats | None = None
    """Where the same column of another table is set against it."""
    value: Floats = field(default_factory=lambda: np.empty(0))
    """[statistics], of all songs."""
    resampled: list[Floats] = field(default_factory=list)

    @property
    def known(self) -> NDArray[np.bool_]:
        """[songs]: whether all are there."""
        found = np.isfinite(self.scores) & np.isfinite(self.labels)
        return found if self.older is None else found & np.isfinite(self.older)

    def of(self, places: NDArray[np.intp]) -> Floats:
        """Return the statistics of some songs, or their difference."""
        places = places[self.known[places]]
        found = statistics.agreement(self.scores[places], self.labels[places], places % 2)
        if self.older is None:
            return found
        return found - statistics.agreement(self.older[places], self.labels[places], places % 2)


def _resample(tests: Sequence[_Test], drawn: NDArray[np.intp] | None, options: EvalOptions, progress: Progress) -> None:
    """Fill in values and resamples; each resample is the same for all tests, so that differences are of pairs."""
    songs = len(tests[0].labels)
    for test in tests:
        test.value = test.of(np.arange(songs))
    for done, places in enumerate(statistics.resamples(songs, drawn, options.resamples, options.seed), 1):
        for test in tests:
            test.resampled.append(test.of(places))
        progress(done, options.resamples)


def _estimates(test: _Test, drawn: NDArray[np.intp] | None) -> dict[str, Estimate]:
    shrink = statistics.shrinkage(len(test.labels), drawn)
    resampled = np.array(test.resampled).reshape(-1, len(statistics.NAMES))
    return {
        name: Estimate(float(value), *statistics.interval(float(value), resampled[:, i], shrink))
        for i, (name, value) in enumerate(zip(statistics.NAMES, test.value, strict=True))
    }


def _agreement(test: _Test, drawn: NDArray[np.intp] | None, *, baseline: bool) -> ColumnAgreement:
    values = test.scores[test.known]
    counts = np.unique(values, return_counts=True)[1].astype(float)
    pairs = len(values) * (len(values) - 1)
    return ColumnAgreement(
        column=test.column,
        label=test.label,
        songs=len(values),
        missing=int((np.isfinite(test.labels) & ~np.isfinite(test.scores)).sum()),
        distinct=len(counts),
        tied=float((counts * (counts - 1)).sum() / pairs) if pairs else 0.0,
        statistics=_estimates(test, drawn),
        baseline=baseline,
    )


def _ceiling(name: str, ratings: Floats) -> Ceiling:
    rated = np.isfinite(ratings).sum(axis=1)
    alpha, reliability = statistics.rater_agreement(ratings)
    return Ceiling(name, int((rated >= 2).sum()), int(rated.sum()), alpha, reliability)


def _difference(test: _Test, drawn: NDArray[np.intp] | None) -> Difference:
    return Difference(test.column, test.label, int(test.known.sum()), _estimates(test, drawn)["spearman"])


def _threshold(
    sandbox: Sandbox, table: Table, column: str, scores: Floats, labels: Mapping[str, Floats], options: EvalOptions
) -> Threshold:
    """Find the lowest score from which on the good songs' share is high enough, by its interval's lower end."""
    said = GOOD.fullmatch(options.good or "")
    if said is None or said[1] not in labels:
        raise UsageError(f"--good '{options.good}': say a label and a limit, such as '{next(iter(labels))} >= 4'")
    known = np.isfinite(scores) & np.isfinite(labels[said[1]])
    if not known.any():
        raise UsageError(f"no labelled song has a {column}")
    values = scores[known]
    good = COMPARISONS[said[2]](labels[said[1]][known], float(said[3])).astype(float)
    steps = np.unique(values)[::-1]
    order = np.argsort(-values, kind="stable")
    kept = np.searchsorted(-values[order], -steps, side="right")
    hits = np.concatenate([[0.0], np.cumsum(good[order])])[kept]
    lower = statistics.wilson_lower(hits, kept.astype(float))
    enough = np.flatnonzero(lower >= options.precision)
    place = int(enough[-1]) if len(enough) else int(np.argmax(lower))
    at = float(steps[place]) if len(enough) else None
    number = table.schema.names.index(column)
    reach = sandbox.rows(f"SELECT count(*) FROM ({table.relation(sandbox, [number], 't')}) WHERE t{number} >= ?", [at])
    command = ["mfq", "filter", table.name, "--min", f"{column}={at!r}", "-o", "kept.parquet"]
    return Threshold(
        column=column,
        good=str(options.good),
        wanted=options.precision,
        base=float(good.mean()),
        at=at,
        precision=float(hits[place] / kept[place]),
        lower=float(lower[place]),
        recall=float(hits[place] / max(1.0, good.sum())),
        kept=int(reach[0][0]) if at is not None else 0,
        command=shlex.join(command) if at is not None else None,
    )


def _groups(samples: Samples, column: str, labels: Floats, options: EvalOptions) -> tuple[GroupAgreement, ...]:
    """Judge the ranking score within each group, the largest first."""
    from sklearn.isotonic import IsotonicRegression

    scores, per = samples.scores[column], samples.per
    known = np.isfinite(scores) & np.isfinite(labels)
    if per is None or known.sum() < 2:
        return ()
    left = np.full(len(labels), np.nan)
    left[known] = labels[known] - IsotonicRegression().fit_transform(scores[known], labels[known])
    found = []
    names, counts = np.unique([str(one) for one in per[known] if one is not None], return_counts=True)
    for name, count in sorted(zip(names, counts, strict=True), key=lambda item: (-item[1], item[0])):
        if count < LEAST_SONGS:
            continue
        places = np.flatnonzero(known & (per == name))
        drawn = None if samples.drawn is None else np.unique(samples.drawn[places], return_inverse=True)[1]
        test = _Test(column, "", scores[places], labels[places])
        shifts: list[float] = []
        test.value = test.of(np.arange(count))
        for chosen in statistics.resamples(int(count), drawn, options.resamples, options.seed):
            test.resampled.append(test.of(chosen))
            shifts.append(float(left[places][chosen].mean()))
        order, mean = _estimates(test, drawn)["spearman"], float(left[places].mean())
        shift = Estimate(mean, *statistics.interval(mean, shifts, statistics.shrinkage(int(count), drawn)))
        warnings = []
        if not order.low > 0:
            warnings.append("its order is no better than chance")
        if shift.low > 0 or shift.high < 0:
            warnings.append(
                f"its songs are rated {abs(mean):.2f} {'higher' if mean > 0 else 'lower'} than their scores say"
            )
        found.append(GroupAgreement(str(name), int(count), order, shift, tuple(warnings)))
    return tuple(found)


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
    pairs = read_pairs(sandbox, scores, labels, options, names)
    found = []
    for done, name in enumerate(names, 1):
        better, worse = pairs.better[name], pairs.worse[name]
        known = np.isfinite(better) & np.isfinite(worse)
        points = (np.sign(better[known] - worse[known]) + 1) / 2
        value = float(points.mean()) if len(points) else np.nan
        drawn = statistics.resamples(len(points), None, options.resamples, options.seed) if len(points) else ()
        resampled = [float(points[places].mean()) for places in drawn]
        shrink = statistics.shrinkage(len(points), None) if len(points) else 1.0
        accuracy = Estimate(value, *statistics.interval(value, resampled, shrink))
        distinct = len(np.unique(np.concatenate([better[known], worse[known]])))
        found.append(
            ColumnAgreement(
                name,
                "winner",
                len(points),
                int((~known).sum()),
                distinct,
                float((points == 0.5).mean()) if len(points) else 0.0,
                {"accuracy": accuracy},
                name not in columns,
            )
        )
        progress(done, len(names))
    matched = len(next(iter(pairs.better.values())))
    return Evaluation(scores.name, labels.name, matched, pairs.unmatched, pairs.some_unmatched, tuple(found))

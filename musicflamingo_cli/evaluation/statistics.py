"""How well a column of scores puts songs into the order of their labels, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from musicflamingo_cli.evaluation.records import Estimate, Join

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

Progress = Callable[[int, int], None]
NAMES = ("spearman", "kendall", "pearson", "accuracy")
"""What `agreement` returns, in its order."""
RESAMPLED_SONGS = 4000
"""Of more songs, each resample draws about so many, and the spread is scaled (m out of n bootstrap)."""
COVERAGE = 0.95


def agreement(scores: Floats, labels: Floats, folds: Places) -> Floats:
    """Return Spearman's rho, Kendall's tau-b, Pearson's r after an isotonic fit, and pairwise accuracy.

    Accuracy is the share of pairs with different labels that the scores put in the same order; a tie counts one half.
    All are NaN where scores or labels are all alike, and for fewer than two songs.

    Args:
        scores: [songs], finite.
        labels: [songs], finite.
        folds: [songs], 0 or 1: the half that each song is in, for the fit, which is judged on the other half.
    """
    import scipy.stats

    if len(scores) < 2 or np.ptp(scores) == 0 or np.ptp(labels) == 0:
        return np.full(len(NAMES), np.nan)
    # Each side is sorted once: scipy.stats.spearmanr does so again, and takes twenty times as long for 20 songs.
    (score_places, score_ranks, score_pairs), (label_places, label_ranks, label_pairs) = map(_ranked, (scores, labels))
    rho = np.corrcoef(score_ranks, label_ranks)[0, 1]
    tau = scipy.stats.kendalltau(score_places, label_places).statistic
    # tau-b is (concordant - discordant) / sqrt(pairs apart in scores * pairs apart in labels)
    accuracy = 0.5 + tau / 2 * np.sqrt(score_pairs / label_pairs)
    return np.array([rho, tau, _pearson_after_fit(scores, labels, folds), accuracy])


def spearman(scores: Floats, labels: Floats) -> float:
    """Return Spearman's rho; NaN where scores or labels are all alike, and for fewer than two songs."""
    if len(scores) < 2 or np.ptp(scores) == 0 or np.ptp(labels) == 0:
        return float("nan")
    return float(np.corrcoef(_ranked(scores)[1], _ranked(labels)[1])[0, 1])


def _ranked(values: Floats) -> tuple[Places, Floats, float]:
    """Return the place of each value among the distinct ones, its rank (ties at their mean) and the pairs apart."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    songs = float(len(values))
    return places, ranks[places], (songs * songs - float((counts.astype(np.float64) ** 2).sum())) / 2


def _pearson_after_fit(scores: Floats, labels: Floats, folds: Places) -> float:
    """Return the correlation of labels with the rising function of scores that is nearest to the other half's."""
    fitted = np.empty_like(labels)
    for fold in (0, 1):
        here = folds == fold
        if here.all() or not here.any():
            return float("nan")
        fitted[here] = np.interp(scores[here], *rising_fit(scores[~here], labels[~here]))
    return float(np.corrcoef(fitted, labels)[0, 1]) if np.ptp(fitted) > 0 else 0.0


def rising_fit(scores: Floats, labels: Floats) -> tuple[Floats, Floats]:
    """Return the distinct scores, and at each the value of the rising function that is nearest to the labels."""
    from scipy.optimize import isotonic_regression

    values, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return values, isotonic_regression(np.bincount(places, labels) / counts, weights=counts).x


def resamples(songs: int, groups: Places | None, count: int, seed: int = 0) -> Iterator[Places]:
    """Yield the places of `count` samples drawn with replacement: of songs, or of whole groups.

    Args:
        songs: How many there are.
        groups: [songs], a number for what belongs together (an artist, a system); None draws songs.
        count: How many samples.
        seed: Of the random numbers.
    """
    random = np.random.default_rng(seed)
    if groups is None:
        size = min(songs, RESAMPLED_SONGS)
        for _ in range(count):
            yield random.integers(songs, size=size)
        return
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    drawn = max(1, round(len(members) * min(1.0, RESAMPLED_SONGS / songs)))
    for _ in range(count):
        yield np.concatenate([members[one] for one in random.integers(len(members), size=drawn)])


def interval(value: float, resampled: Sequence[float] | Floats, shrink: float = 1.0) -> tuple[float, float]:
    """Return the percentile interval around a value, for 95 %; NaN where a tenth of the resamples had none.

    Args:
        value: Of all songs.
        resampled: Of each resample.
        shrink: Square root of the share of the songs, or groups, that a resample drew.
    """
    known = np.asarray(resampled)[np.isfinite(resampled)]
    if not np.isfinite(value) or len(known) < 0.9 * len(resampled):
        return np.nan, np.nan
    low, high = np.quantile(known, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return value + shrink * (float(low) - value), value + shrink * (float(high) - value)


def bootstrap(
    statistic: Callable[[Places], Floats],
    songs: int,
    drawn: Places | None,
    how: Join,
    progress: Progress = lambda done, total: None,
) -> list[Estimate]:
    """Return each figure of a statistic with its interval; all figures are taken of the same resamples.

    Args:
        statistic: Of the songs at some places, [figures].
        songs: How many there are.
        drawn: [songs], a number for what is drawn together; None draws songs.
        how: How many resamples, and their seed.
        progress: Told how many resamples are done, and how many there are.
    """
    whole, found = statistic(np.arange(songs)), []
    for done, places in enumerate(resamples(songs, drawn, how.resamples, how.seed), 1):
        found.append(statistic(places))
        progress(done, how.resamples)
    shrink = shrinkage(songs, drawn)
    columns = np.array(found).T
    return [Estimate(float(v), *interval(float(v), column, shrink)) for v, column in zip(whole, columns, strict=True)]


def mean_of(points: Floats) -> Callable[[Places], Floats]:
    """Return the statistic that is the mean of [songs, ...] over songs."""
    return lambda places: np.atleast_1d(points[places].mean(axis=0))


def ties(values: Sequence[float] | Sequence[str] | Floats) -> tuple[int, float]:
    """Return how many different values there are, and the share of the pairs that are alike."""
    counts = np.unique(values, return_counts=True)[1].astype(np.float64)
    pairs = len(values) * (len(values) - 1)
    return len(counts), float((counts * (counts - 1)).sum() / pairs) if pairs else 0.0


def shrinkage(songs: int, groups: Places | None) -> float:
    """Return the square root of the share that a resample draws of the songs, or of the groups."""
    if groups is None:
        return float(np.sqrt(min(1.0, RESAMPLED_SONGS / songs)))
    total = len(np.unique(groups))
    return float(np.sqrt(max(1, round(total * min(1.0, RESAMPLED_SONGS / songs))) / total))


def wilson_lower(good: Floats, kept: Floats) -> Floats:
    """Return the lower end of Wilson's 95 % interval for shares `good / kept` (JASA 22, 1927), elementwise; 0 of 0."""
    z = 1.959963984540054
    share = np.divide(good, kept, out=np.zeros_like(good), where=kept > 0)
    total = np.maximum(kept, 1.0)
    middle = share + z * z / (2 * total)
    half = z * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return np.where(kept > 0, (middle - half) / (1 + z * z / total), 0.0)


def rater_agreement(ratings: Floats, *, seed: int = 0, splits: int = 100) -> tuple[float, float]:
    """Return Krippendorff's alpha (interval) and the reliability of the mean by split halves (Spearman-Brown).

    Raters who contradict each other have an alpha below 0 and a reliability of 0.

    Args:
        ratings: [songs, raters], NaN where there is none; who a column is may change from song to song.
        seed: Of the splits.
        splits: How many ways to split the ratings of each song in two.
    """
    import scipy.stats

    rated = ratings[(np.isfinite(ratings).sum(axis=1)) >= 2]
    if len(rated) < 2 or np.nanmax(rated) == np.nanmin(rated):
        return np.nan, np.nan
    # Hayes and Krippendorff 2007 (doi 10.1080/19312450709336664): for squared differences, variances say it all. The
    # package krippendorff takes memory in the square of the number of values.
    counts, all_ratings = np.isfinite(rated).sum(axis=1), rated[np.isfinite(rated)]
    within = (counts * np.nanvar(rated, axis=1, ddof=1)).sum() / counts.sum()
    alpha = float(1 - within / all_ratings.var(ddof=1))
    random, found = np.random.default_rng(seed), []
    for _ in range(splits):
        ordered = np.take_along_axis(rated, np.argsort(random.random(rated.shape), axis=1), axis=1)
        ordered = np.take_along_axis(ordered, np.argsort(~np.isfinite(ordered), axis=1, kind="stable"), axis=1)
        place, size = np.arange(ordered.shape[1]), np.isfinite(ordered).sum(axis=1, keepdims=True) // 2
        first = np.nanmean(np.where(place < size, ordered, np.nan), axis=1)
        second = np.nanmean(np.where((place >= size) & (place < 2 * size), ordered, np.nan), axis=1)
        rho = scipy.stats.spearmanr(first, second).statistic if np.ptp(first) and np.ptp(second) else np.nan
        found.append(rho)
    known = np.array(found)[np.isfinite(found)]
    half = max(0.0, float(known.mean())) if len(known) else np.nan
    return alpha, 2 * half / (1 + half)

"""The figures of the scores: how each is spread, what a threshold keeps, how they go together.

DuckDB computes them in the view. Values that are counted one by one are rounded to a millionth of their range, so that
ten million songs have no more of them than a million have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from musicflamingo_cli.results.report.records import Correlation, Spread, Sweep
from musicflamingo_cli.results.report.view import Score, View
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.sweep import double, kept_at
from musicflamingo_cli.score_stats import QUANTILES, collapse, narrow

BINS, FEW_BINS, FEW = 40, 20, 200
"""Bins of a histogram; 20 for fewer than 200 songs."""
NARROW = 0.25
"""Where the values fill less than this share of the axis, the bins show that part of it alone."""
SAMPLE = 50_000
"""Songs that rank correlations are computed from, about; all of them where there are fewer."""
STEPS = 100
TARGETS = (0.95, 0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.01)
"""Shares of the songs for which the sweep names a threshold."""


def spread_of(sandbox: Sandbox, view: View, score: Score) -> Spread | None:
    """Return how the values of one score lie over the songs; None if no song has any."""
    values = f"(SELECT {score.column} AS v FROM {view.name}) WHERE v IS NOT NULL"
    figures = f"count(*), avg(v), stddev_pop(v), min(v), max(v), quantile_cont(v, {list(QUANTILES)})"
    total, mean, std, minimum, maximum, quantiles = sandbox.rows(f"SELECT {figures} FROM {values}")[0]
    if not total:
        return None
    decimals = 6 - math.ceil(math.log10(max(1.0, maximum - minimum)) - 1e-9)
    rounded = f"SELECT round(v, {decimals}) + 0.0 AS g, count(*) AS n FROM {values} GROUP BY g"
    sandbox.run(f"CREATE OR REPLACE TEMP TABLE counted AS {rounded}")
    top, most, distinct = sandbox.rows("SELECT first(g ORDER BY n DESC, g), max(n), count(*) FROM counted")[0]
    low = minimum if score.low is None else min(score.low, minimum)
    high = maximum if score.high is None else max(score.high, maximum)
    by_probability = dict(zip(QUANTILES, quantiles, strict=True))
    warning = collapse(score.name, total, distinct, top, most / total)
    if warning is None and score.low is not None and score.high is not None:
        warning = narrow(score.name, total, by_probability, score.low, score.high)
    step = 10.0**-decimals
    first, last, bins = _axis(low, high, (minimum, maximum), FEW_BINS if total < FEW else BINS, step)
    width = (last - first) / bins
    # A value on a border belongs to the bin above it, also where floating point says 0.8499999.
    place = f"least(greatest(floor((g - {double(first)}) / {double(width)} + 1e-6), 0), {bins - 1})::INTEGER"
    counts = dict(sandbox.rows(f"SELECT {place} AS place, sum(n)::BIGINT FROM counted GROUP BY place"))
    return Spread(
        name=score.name,
        low=low,
        high=high,
        count=total,
        mean=mean,
        std=std,
        quantiles=by_probability,
        minimum=minimum,
        maximum=maximum,
        distinct=distinct,
        step=step,
        edges=[round(first + width * i, 12) for i in range(bins + 1)],
        counts=[counts.get(i, 0) for i in range(bins)],
        warning=warning,
    )


def _axis(low: float, high: float, values: tuple[float, float], bins: int, step: float) -> tuple[float, float, int]:
    """Return ends and number of the bins: where the values fill only a small part of the axis, those of that part."""
    if high - low <= abs(low) * 1e-12:
        # All songs have one value: it stands in the middle, also where 0.5 more or less is no other number.
        reach = max(0.5, abs(low) / 1000)
        return low - reach, high + reach, bins
    reach = values[1] - values[0]
    if not 10 * step < reach < NARROW * (high - low):
        return low, high, bins
    power = 10.0 ** math.floor(math.log10(reach / bins))
    width = power * next(step for step in (1, 2, 5, 10) if step * power * bins >= reach * (1 - 1e-9))
    first, last = math.floor(values[0] / width + 1e-6), math.floor(values[1] / width + 1e-6) + 1
    return first * width, last * width, last - first


def sweep(sandbox: Sandbox, view: View, score: Score, spread: Spread) -> Sweep:
    """Return what each threshold keeps: the very songs that `mfq filter --min` would.

    A score outside the range that is stated for it is no score to `mfq filter`, and none here.
    """
    low = spread.minimum if score.low is None else score.low
    high = spread.maximum if score.high is None else score.high
    thresholds = [round(float(t), 9) for t in np.linspace(low, high, STEPS + 1)]
    scores = f"SELECT {score.column} AS v FROM {view.name} WHERE {score.column} <= {double(high)}"
    scored, *kept = kept_at(sandbox, scores, [low, *thresholds])
    # A threshold that is named can be typed as it is shown: a whole number of hundreds of the resolution, which
    # floating point may put a hair above the value that it is rounded down from.
    step = double(100 * spread.step)
    whole = f"SELECT v, floor(v / {step} + 1e-6) AS k FROM ({scores}) WHERE v >= {double(low)}"
    below = f"SELECT CASE WHEN round(k * {step}, 12) > v THEN k - 1 ELSE k END AS k FROM ({whole})"
    counted = f"SELECT k, count(*) AS n FROM ({below}) GROUP BY k"
    reached = sandbox.rows(f"SELECT k, sum(n) OVER (ORDER BY k DESC)::BIGINT FROM ({counted}) ORDER BY k DESC")
    targets = []
    for share in TARGETS if scored else ():
        wanted = max(1, math.ceil(share * scored - 1e-9))
        steps, songs = next((steps, songs) for steps, songs in reached if songs >= wanted)
        targets.append((share, round(steps * 100 * spread.step, 12), songs))
    return Sweep(score.name, view.table.rows, scored, thresholds, kept, targets)


def correlation(sandbox: Sandbox, view: View, scores: Sequence[Score]) -> Correlation | None:
    """Return the rank correlations between scores, from the songs that have all of them; None for fewer than two."""
    columns = ", ".join(one.column for one in scores)
    complete = " AND ".join(f"{one.column} IS NOT NULL" for one in scores)
    rows = view.table.rows
    query = f"SELECT {columns} FROM {view.name} WHERE {every_nth('row', rows)} AND {complete}"
    songs = sandbox.rows(query) if len(scores) > 1 else []
    if len(songs) < 3:
        return None
    matrix = [[v if math.isfinite(v) else None for v in line] for line in spearman(songs)]
    return Correlation(tuple(one.name for one in scores), matrix, len(songs), sampled=rows > SAMPLE)


def spearman(songs: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return Spearman's correlations between the columns of rows; NaN where a column has one value.

    By numpy, since importing scipy.stats takes more than all else that a printed report does.
    """

    def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
        _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
        return (np.cumsum(counts) - (counts - 1) / 2)[places]  # equal values share the mean of their ranks

    with np.errstate(invalid="ignore", divide="ignore"):
        found: list[list[float]] = np.corrcoef([ranks(column) for column in np.array(songs, float).T]).tolist()
    return found


def every_nth(column: str, rows: int) -> str:
    """Return SQL that picks about `SAMPLE` of `rows` by a hash of the column: the same ones every time."""
    return f"hash({column}) % {math.ceil(rows / SAMPLE)} = 0" if rows > SAMPLE else "true"

"""The numbers of a report: how each score is spread, what a threshold keeps, how the scores go together.

DuckDB counts every value once, at a resolution of a millionth of the range; the rest is computed from these counts, so
that ten million songs need no more memory here than a million do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from musicflamingo_cli.results.report.columns import Columns, Dimension
from musicflamingo_cli.results.report.records import Correlation, Spread
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.score_stats import QUANTILES, collapse, narrow

BINS, FEW_BINS, FEW = 40, 20, 200
"""Bins of a histogram; 20 for fewer than 200 songs."""
NARROW = 0.25
"""Where the values fill less than this share of the axis, the bins show that part of it alone."""
SAMPLE = 50_000
"""Songs that rank correlations are computed from, about; all of them where there are fewer."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One score's values, each with the number of songs that have it."""

    dimension: Dimension
    values: NDArray[np.float64]
    """[n_distinct], ascending, rounded to `step`."""
    counts: NDArray[np.int64]
    """[n_distinct]."""
    mean: float
    std: float
    minimum: float
    maximum: float
    step: float
    """What the values are rounded to: 1e-6, or coarser for ranges above 1."""

    @property
    def total(self) -> int:
        """Songs that have a value."""
        return int(self.counts.sum())

    @property
    def low(self) -> float:
        """Left end of the axis: what the score can be, widened to what it is."""
        stated = self.minimum if self.dimension.low is None else self.dimension.low
        return min(stated, self.minimum)

    @property
    def high(self) -> float:
        """Right end of the axis."""
        stated = self.maximum if self.dimension.high is None else self.dimension.high
        return max(stated, self.maximum)

    @property
    def ranged(self) -> Dimension:
        """The score with a range: its own, or that of its values where nothing states one."""
        if self.dimension.low is not None or self.high <= self.low:
            return self.dimension
        return replace(self.dimension, low=self.low, high=self.high)


def count_values(sandbox: Sandbox, columns: Columns, view: str, dimension: Dimension) -> Counted | None:
    """Count the values of one score; None if no song has any."""
    value = columns.number(dimension.name)
    source = f"(SELECT {value} AS v FROM {view}) WHERE v IS NOT NULL"
    total, mean, minimum, maximum = sandbox.rows(f"SELECT count(*), avg(v), min(v), max(v) FROM {source}")[0]
    if not total:
        return None
    reach = max(1.0, maximum - minimum)
    decimals = 6 - math.ceil(math.log10(reach) - 1e-9)
    grouped = f"SELECT round(v, {decimals}) AS g, count(*)::BIGINT AS n FROM {source} GROUP BY g ORDER BY g"
    batches = list(sandbox.batches(grouped))
    values = np.concatenate([b.column(0).to_numpy(zero_copy_only=False) for b in batches]) + 0.0
    counts = np.concatenate([b.column(1).to_numpy(zero_copy_only=False) for b in batches])
    std = math.sqrt(float(np.average((values - mean) ** 2, weights=counts)))
    return Counted(dimension, values, counts, mean, std, minimum, maximum, 10.0**-decimals)


def spread(counted: Counted) -> Spread:
    """Return how one score lies over the songs."""
    top = int(np.argmax(counted.counts))
    share = float(counted.counts[top]) / counted.total
    edges, counts = _histogram(counted)
    name, low, high = counted.dimension.name, counted.dimension.low, counted.dimension.high
    quantiles = {q: _quantile(counted, q) for q in QUANTILES}
    warning = collapse(name, counted.total, len(counted.values), float(counted.values[top]), share)
    if warning is None and low is not None and high is not None:
        warning = narrow(name, counted.total, quantiles, low, high)
    return Spread(
        name=name,
        low=counted.low,
        high=counted.high,
        count=counted.total,
        mean=counted.mean,
        std=counted.std,
        quantiles=quantiles,
        minimum=counted.minimum,
        maximum=counted.maximum,
        distinct=len(counted.values),
        top_value=float(counted.values[top]),
        top_share=share,
        edges=edges,
        counts=counts,
        warning=warning,
    )


def _quantile(counted: Counted, probability: float) -> float:
    position = probability * (counted.total - 1)
    below = math.floor(position)
    ends = np.cumsum(counted.counts)
    low = counted.values[np.searchsorted(ends, below, side="right")]
    high = counted.values[np.searchsorted(ends, min(below + 1, counted.total - 1), side="right")]
    return float(low + (high - low) * (position - below))


def _histogram(counted: Counted) -> tuple[list[float], list[int]]:
    low, high = counted.low, counted.high
    if high - low <= abs(low) * 1e-12:
        # All songs have one value: it stands in the middle, also where 0.5 more or less is no other number.
        reach = max(0.5, abs(low) / 1000)
        low, high = low - reach, high + reach
    bins = FEW_BINS if counted.total < FEW else BINS
    low, high, bins = _narrowed(counted, low, high, bins)
    width = (high - low) / bins
    # A value that stands on a border belongs to the bin above it, also where floating point says 0.8499999.
    place = np.clip(np.floor((counted.values - low) / width + 1e-6), 0, bins - 1).astype(np.int64)
    counts = np.bincount(place, weights=counted.counts, minlength=bins)
    return [float(round(low + width * i, 12)) for i in range(bins + 1)], [int(n) for n in counts]


def _narrowed(counted: Counted, low: float, high: float, bins: int) -> tuple[float, float, int]:
    """Return ends and number of the bins: where the values fill only a small part of the axis, those of that part."""
    reach = counted.maximum - counted.minimum
    if not 10 * counted.step < reach < NARROW * (high - low):
        return low, high, bins
    power = 10.0 ** math.floor(math.log10(reach / bins))
    width = power * next(step for step in (1, 2, 5, 10) if step * power * bins >= reach * (1 - 1e-9))
    first, last = math.floor(counted.minimum / width + 1e-6), math.floor(counted.maximum / width + 1e-6) + 1
    return first * width, last * width, last - first


def correlation(sandbox: Sandbox, columns: Columns, view: str, names: Sequence[str], rows: int) -> Correlation | None:
    """Return the rank correlations between scores, from the songs that have all of them; None for fewer than two."""
    if len(names) < 2:
        return None
    chosen = ", ".join(f"{columns.number(name)} AS v{i}" for i, name in enumerate(names))
    complete = " AND ".join(f"v{i} IS NOT NULL" for i in range(len(names)))
    picked = f"SELECT {chosen}, row FROM {view} WHERE {every_nth('row', rows)}"
    batches = list(sandbox.batches(f"SELECT * EXCLUDE (row) FROM ({picked}) WHERE {complete}"))
    data = np.concatenate(
        [np.column_stack([c.to_numpy(zero_copy_only=False) for c in b.columns]) for b in batches]
        or [np.empty((0, len(names)))]
    )
    if len(data) < 3:
        return None
    matrix = [[None if not math.isfinite(v) else float(v) for v in line] for line in rank_correlations(data)]
    return Correlation(tuple(names), matrix, len(data), sampled=rows > SAMPLE)


def rank_correlations(data: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Spearman's correlations [columns, columns] of rows [rows, columns]; NaN where a column has one value."""

    def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
        _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
        return (np.cumsum(counts) - (counts - 1) / 2)[places]  # equal values share the mean of their ranks

    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[np.float64] = np.corrcoef([ranks(column) for column in data.T])
    return found


def every_nth(column: str, rows: int, sample: int = SAMPLE) -> str:
    """Return SQL that picks about `sample` of `rows` by a hash of the column: the same ones every time."""
    return f"hash({column}) % {math.ceil(rows / sample)} = 0" if rows > sample else "true"

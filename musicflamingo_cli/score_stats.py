"""What a column of scores is held to, wherever it is summed up: quantiles, buckets, and whether it can rank at all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

HIGH, LOW = 0.7, 0.4
"""Bucket borders, as shares of the range: high from 0.7, medium from 0.4."""
COLLAPSE_SHARE = 0.6
"""More than this share of one column on one value: the column cannot rank."""
COLLAPSE_DISTINCT, COLLAPSE_SONGS = 10, 100
"""Fewer than 10 distinct values for more than 100 songs: the same."""
NARROW_SHARE, NARROW_SONGS = 0.05, 20
"""From 20 songs on, 90 % of a column within a twentieth of its range. That is the step in which models write scores, so
that what lies between two songs is less than a score can tell."""
QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


def collapse(name: str, songs: int, distinct: int, top_value: float, top_share: float) -> str | None:
    """Return one sentence if a column holds too few values to rank songs, else None; two songs collapse nothing.

    Args:
        name: The column.
        songs: How many have a value.
        distinct: How many values there are.
        top_value: The most common of them.
        top_share: Share of the songs that have it, 0..1.
    """
    if songs > COLLAPSE_SONGS and distinct < COLLAPSE_DISTINCT:
        return f"{name} holds only {distinct} distinct values for {songs} songs: such scores cannot rank"
    if top_share > COLLAPSE_SHARE and songs >= 3:
        return f"{name} is {top_value:g} for {top_share:.0%} of {songs} songs: such scores cannot rank"
    return None


def narrow(name: str, songs: int, quantiles: Mapping[float, float], low: float, high: float) -> str | None:
    """Return one sentence if the scores of a column lie so close that they hardly tell songs apart, else None.

    Args:
        name: The column.
        songs: How many have a value.
        quantiles: By probability; those of `QUANTILES`.
        low: Lowest value that it can have.
        high: Highest value that it can have.
    """
    step = NARROW_SHARE * (high - low)
    if songs < NARROW_SONGS or step <= 0 or quantiles[0.95] - quantiles[0.05] >= step - 1e-9:
        return None
    ends = f"{quantiles[0.05]:.4g} and {quantiles[0.95]:.4g}"
    return (
        f"{name} lies between {ends} for 90% of {songs} songs, closer than one step of {step:g}: "
        "such scores hardly tell songs apart"
    )


def bucket(overall: float | None) -> Literal["high", "medium", "low"] | None:
    """`high` from 0.7, `medium` from 0.4, `low` below; None stays None."""
    if overall is None:
        return None
    return "high" if overall >= HIGH else "medium" if overall >= LOW else "low"


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """One column of scores over a run."""

    name: str
    count: int
    """Songs that have a value."""
    mean: float | None
    """None, like all below, without a value."""
    median: float | None
    minimum: float | None
    maximum: float | None
    std: float | None
    """Population standard deviation."""
    quantiles: Mapping[float, float]
    """By probability (0.01 to 0.99), linear between neighbours, of values at that resolution (see `distinct`)."""
    distinct: int
    """Distinct values, at a resolution of 1e-6 (coarser where `approximate`)."""
    top_value: float | None
    """The most common value."""
    top_share: float | None
    """Share of the values that are the most common one, 0..1."""
    approximate: bool = False
    """True if there were so many distinct values that they were counted at a coarser resolution."""

    @property
    def collapse_warning(self) -> str | None:
        """One sentence if the column holds too few values to rank songs, else None."""
        return collapse_warning(self)


class ColumnStatistics:
    """Counts a column of scores as it streams by; memory stays bounded at any number of songs.

    Values are counted at a resolution of 1e-6; past `max_distinct` values the resolution is made ten times
    coarser until they fit. Mean and deviation are Welford's (Technometrics 4, 1962), from the unrounded values.
    """

    def __init__(self, name: str, max_distinct: int = 200_000) -> None:
        self.name = name
        self._max_distinct = max(1, max_distinct)
        self._decimals = 6
        self._counts: Counter[float] = Counter()
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0
        self._minimum = math.inf
        self._maximum = -math.inf

    def add(self, value: float | None) -> None:
        """Count one value; None (and anything that is not finite) is no value."""
        if value is None or not math.isfinite(value):
            return
        self._count += 1
        step = value - self._mean
        self._mean += step / self._count
        self._squares += step * (value - self._mean)
        self._minimum = min(self._minimum, value)
        self._maximum = max(self._maximum, value)
        self._counts[round(value, self._decimals) + 0.0] += 1
        while len(self._counts) > self._max_distinct:
            self._coarsen()

    def _coarsen(self) -> None:
        self._decimals -= 1
        coarser: Counter[float] = Counter()
        for value, count in self._counts.items():
            coarser[round(value, self._decimals) + 0.0] += count
        self._counts = coarser

    def summary(self) -> ColumnSummary:
        """What has been counted so far."""
        if not self._count:
            return ColumnSummary(self.name, 0, None, None, None, None, None, {}, 0, None, None)
        ordered = sorted(self._counts.items())
        quantiles = {q: self._quantile(ordered, q) for q in QUANTILES}
        top_value, top_count = min(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return ColumnSummary(
            name=self.name,
            count=self._count,
            mean=self._mean,
            median=quantiles[0.5],
            minimum=self._minimum,
            maximum=self._maximum,
            std=math.sqrt(max(0.0, self._squares / self._count)),
            quantiles=quantiles,
            distinct=len(self._counts),
            top_value=top_value,
            top_share=top_count / self._count,
            approximate=self._decimals < 6,
        )

    def _quantile(self, ordered: list[tuple[float, int]], probability: float) -> float:
        position = probability * (self._count - 1)
        below = math.floor(position)
        low = high = ordered[-1][0]
        seen = 0
        for index, (value, count) in enumerate(ordered):
            seen += count
            if seen > below:
                low = value
                high = value if seen > below + 1 or index + 1 == len(ordered) else ordered[index + 1][0]
                break
        return low + (high - low) * (position - below)


def collapse_warning(summary: ColumnSummary) -> str | None:
    """One sentence if one value holds over 60 % of 3 songs or more, or under 10 values serve over 100 songs."""
    if summary.top_value is None or summary.top_share is None:
        return None
    return collapse(summary.name, summary.count, summary.distinct, summary.top_value, summary.top_share)

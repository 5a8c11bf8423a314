"""What a column of scores is held to, wherever it is summed up: quantiles, buckets, and whether it can rank at all."""

from __future__ import annotations

from collections.abc import Mapping

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

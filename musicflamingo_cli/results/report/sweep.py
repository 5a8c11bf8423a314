"""What a threshold keeps: the very songs that `mfq filter --min` would, counted one by one by DuckDB."""

from __future__ import annotations

import math

import numpy as np

from musicflamingo_cli.results.report.columns import Columns
from musicflamingo_cli.results.report.figures import Counted
from musicflamingo_cli.results.report.records import Sweep
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.sweep import double, kept_at

STEPS = 100
TARGETS = (0.95, 0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.01)
"""Shares of the songs for which the sweep names a threshold."""


def sweep(sandbox: Sandbox, columns: Columns, view: str, counted: Counted, rows: int) -> Sweep:
    """Return what each threshold keeps: songs with a score of at least that, within the range that is stated for it.

    A score outside its range is no score to `mfq filter`, and none here."""
    one = counted.dimension
    low = counted.minimum if one.low is None else one.low
    high = counted.maximum if one.high is None else one.high
    inside = (counted.values >= low - counted.step / 2) & (counted.values <= high + counted.step / 2)
    values, counts = counted.values[inside], counted.counts[inside]
    thresholds = [round(float(t), 9) for t in np.linspace(low, high, STEPS + 1)]
    wanted = [max(1, math.ceil(share * int(counts.sum()) - 1e-9)) for share in TARGETS]
    reached = np.cumsum(counts[::-1])
    typed: list[tuple[float, float]] = []
    for songs in wanted if len(values) else ():
        value = float(values[len(values) - 1 - int(np.searchsorted(reached, songs, side="left"))])
        typed.append(_typed(value, 100 * counted.step))
    column = columns.number(one.name)
    asked = [low, *thresholds, *(t for pair in typed for t in pair)]
    found = kept_at(sandbox, f"SELECT {column} AS v FROM {view} WHERE {column} <= {double(high)}", asked)
    scored, kept = found[0], found[1 : len(thresholds) + 1]
    pairs = zip(found[len(thresholds) + 1 :: 2], found[len(thresholds) + 2 :: 2], strict=True)
    targets = []
    for share, songs, (nearest, below), (first, second) in zip(TARGETS, wanted, typed, pairs, strict=False):
        targets.append((share, nearest, first) if first >= songs else (share, below, second))
    return Sweep(one.name, rows, scored, thresholds, kept, targets)


def _typed(value: float, step: float) -> tuple[float, float]:
    """Return a threshold that can be typed as it is shown, rounded down, and the next one below.

    The value is a rounded one, so that the song that it stands for may miss the first by a hair.
    """
    steps = math.floor(value / step + 1e-6)
    return round(steps * step, 12), round((steps - 1) * step, 12)

"""The numbers that a score may take, how they are written, and the probability of each.

A score is written with a fixed number of decimals, so that it ends by itself: two where its range spans at most 10
(0.00 to 1.00, 1.00 to 10.00), one where it spans at most 100 (0.0 to 100.0). What a model gives to the shorter forms of
a number (`0.8` and its end, `1` and its end) counts for that number as well: it is the mass that fell on numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.records import Distribution, Field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ALPHABET = "0123456789."
END = len(ALPHABET)
"""Column of the probability that the number ends."""
KEPT_DIGITS = 6
"""Significant digits of a probability that are kept."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The values of one score, ascending, and the tree of their characters."""

    decimals: int
    values: tuple[float, ...]
    texts: tuple[str, ...]
    """Each value as it is written."""
    prefixes: tuple[str, ...]
    """Every beginning that is not whole yet, "" first, then by length: the places where a model chooses."""
    short: tuple[int | None, ...]
    """For each prefix, the index of the value that it already states if it ends there, or None."""

    @property
    def longest(self) -> int:
        """Characters of the longest value."""
        return max(map(len, self.texts))


def grid(field: Field) -> Grid:
    """Return the grid of a score's range. Raises `UsageError` if it has too many values or negative ones."""
    low, high = field.low, field.high
    if low is None or high is None or low >= high:
        raise UsageError(f"field '{field.name}': a score needs low and high, low below high")
    if low < 0:
        raise UsageError(
            f"field '{field.name}': its range begins below 0, which only --decode text can read; shift it to begin at 0"
        )
    decimals = 2 if high - low <= 10 else 1
    if high - low > 100 or high >= 1e6:
        raise UsageError(
            f"field '{field.name}': {low:g} to {high:g} has too many values for --decode json and scores (a range of "
            "100 is the widest); narrow it in pack.toml, or use --decode text"
        )
    unit = 10**decimals
    first, last = math.ceil(round(low * unit, 6)), math.floor(round(high * unit, 6))
    if last < first:
        raise UsageError(f"field '{field.name}': no number of {decimals} decimals lies in {low:g} to {high:g}")
    values = tuple(round(step / unit, decimals) for step in range(first, last + 1))
    texts = tuple(f"{value:.{decimals}f}" for value in values)
    prefixes = sorted({text[:n] for text in texts for n in range(len(text))}, key=lambda p: (len(p), p))
    place = {step: index for index, step in enumerate(range(first, last + 1))}
    short = tuple(_stated(prefix, unit, place) for prefix in prefixes)
    return Grid(decimals, values, texts, tuple(prefixes), short)


def _stated(prefix: str, unit: int, place: dict[int, int]) -> int | None:
    if not prefix or prefix.endswith("."):
        return None
    return place.get(round(float(prefix) * unit))


def read(grid: Grid, logs: NDArray[np.float64]) -> Distribution:
    """Return the joint distribution over a grid's values, and the value that greedy decoding writes.

    Args:
        grid: the values.
        logs: natural logarithms of probabilities [len(grid.prefixes), 12]: after each prefix, of every character of
            `ALPHABET` and, last, of the number's end; over the whole vocabulary. All finite or -inf.
    """
    import numpy as np

    chances = np.exp(np.asarray(logs, dtype=np.float64))
    place = {prefix: index for index, prefix in enumerate(grid.prefixes)}
    reached = np.zeros(len(grid.prefixes))
    reached[0] = 1.0
    mass = np.zeros(len(grid.values))
    for index, prefix in enumerate(grid.prefixes):
        if prefix:
            parent = place[prefix[:-1]]
            reached[index] = reached[parent] * chances[parent, ALPHABET.index(prefix[-1])]
        stated = grid.short[index]
        if stated is not None:
            mass[stated] += reached[index] * chances[index, END]
    for index, text in enumerate(grid.texts):
        parent = place[text[:-1]]
        mass[index] += reached[parent] * chances[parent, ALPHABET.index(text[-1])]
    kept = tuple(float(f"{p:.{KEPT_DIGITS}g}") for p in mass)
    return Distribution(grid.values, kept, min(1.0, math.fsum(kept)), float(written(grid, logs)))


def written(grid: Grid, logs: NDArray[np.float64]) -> str:
    """Return what greedy decoding writes, character by character, among the grid's texts; ties go to the smaller."""
    place = {prefix: index for index, prefix in enumerate(grid.prefixes)}
    text = ""
    while text in place:
        row, start = logs[place[text]], text
        text += max(choices(grid, start), key=lambda c: row[ALPHABET.index(c)])
    return text


def choices(grid: Grid, prefix: str) -> Sequence[str]:
    """Return the characters that may follow a prefix, sorted."""
    return sorted({text[len(prefix)] for text in grid.texts if text.startswith(prefix) and len(text) > len(prefix)})

"""Which songs to compare next: those whose order is most likely to be wrong, by the most."""

from __future__ import annotations

from collections.abc import Container

import numpy as np
from numpy.typing import NDArray

from musicflamingo_cli.ranking.strengths import Floats, Strengths

NEIGHBOURS = 32
"""Songs are compared with those that stand at most so many places from them."""
ROUND_PAIRS, ROUND_SHARE = 64, 16
"""Pairs that are chosen at a time: so many (with both orders a batch on a GPU), or one in so many songs, if more. The
budget has no part in it: a larger one goes on where a smaller one ended."""
DIGITS = 6
"""Gains that differ by less are equal, so that rounding on another machine does not change what is asked."""


def next_pairs(
    strengths: Strengths, usable: NDArray[np.bool_], asked: Container[tuple[int, int]], most: int
) -> list[tuple[int, int]]:
    """Return up to `most` pairs (i < j) of usable songs that were not asked yet, no song in two of them."""
    places = np.flatnonzero(usable)
    order = places[np.argsort(-np.round(strengths.mean[places], DIGITS), kind="stable")]
    most = min(most, max(ROUND_PAIRS, len(order) // ROUND_SHARE))
    steps = range(1, min(NEIGHBOURS, len(order) - 1) + 1)
    if most < 1 or not steps:
        return []
    better = np.concatenate([order[:-step] for step in steps])
    worse = np.concatenate([order[step:] for step in steps])
    gain = np.round(_gain(strengths, better, worse), DIGITS)
    chosen: list[tuple[int, int]] = []
    taken: set[int] = set()
    for place in np.argsort(-gain, kind="stable"):
        i, j = sorted((int(better[place]), int(worse[place])))
        if i not in taken and j not in taken and (i, j) not in asked:
            chosen.append((i, j))
            taken |= {i, j}
            if len(chosen) == most:
                break
    return chosen


def _gain(strengths: Strengths, better: NDArray[np.intp], worse: NDArray[np.intp]) -> Floats:
    """Return by how much the present order of two songs is expected to be wrong, in logits.

    The mean of max(0, worse - better), where their difference is normal: near songs of which little is known come
    first; songs that tied stay near, but are known the better the more often they were compared.
    """
    from scipy.special import ndtr

    ahead = strengths.mean[better] - strengths.mean[worse]
    spread = np.hypot(strengths.error[better], strengths.error[worse])
    density = np.exp(-((ahead / spread) ** 2) / 2) / np.sqrt(2 * np.pi)
    found: Floats = spread * density - ahead * ndtr(-ahead / spread)
    return found

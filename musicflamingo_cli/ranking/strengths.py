"""From comparisons to strengths: the model of Bradley and Terry, held by a prior that the score gives.

That one song beats another has the odds exp(difference of their strengths). A tie counts as half a win of each:
Davidson's model has a parameter for how often ties come, which here would measure how near the songs were that were
chosen to be compared. The prior is a normal distribution for each song, so that songs which no chain of comparisons
links, or which won every time, have finite strengths too, with errors that say how little is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]
SPREAD = 2.0
"""Variance of songs' strengths before anything is known of them, in squared logits."""
EXPLAINED = 0.5
"""The share of it that the score explains: it is taken to have a correlation of .71 with the strengths."""
BLOCK = 256
"""Columns of the inverse that are held at a time."""


@dataclass(frozen=True, slots=True)
class Strengths:
    """How good songs are, as a normal distribution each."""

    mean: Floats
    """[songs], in logits; 0 is the mean of the songs that have a score."""
    error: Floats
    """[songs], the standard error."""


def prior_of(scores: Floats) -> Strengths:
    """Return what is believed before any comparison. `scores` is [songs], NaN for none."""
    known = ~np.isnan(scores)
    spread = float(np.std(scores[known])) if known.any() else 0.0
    mean = np.zeros(len(scores))
    if spread > 0:
        mean[known] = np.sqrt(SPREAD * EXPLAINED) * (scores[known] - np.mean(scores[known])) / spread
    return Strengths(mean, np.sqrt(np.where(known, SPREAD * (1 - EXPLAINED), SPREAD)))


def fit(prior: Strengths, pairs: Sequence[tuple[int, int]], shares: Sequence[float]) -> Strengths:
    """Return the strengths that comparisons make likeliest, with errors from the curvature there (Laplace).

    Args:
        prior: what was believed before.
        pairs: (first, second) song of each comparison.
        shares: of each, what the first song won: 1, 0.5 (a tie) or 0.
    """
    from scipy.optimize import minimize
    from scipy.sparse import csr_array, diags_array
    from scipy.special import expit

    if not pairs:
        return prior
    songs, places = np.unique(np.array(pairs, dtype=np.intp), return_inverse=True)
    count, won = len(pairs), np.array(shares)
    signs, rows = np.tile([1.0, -1.0], count), np.repeat(np.arange(count), 2)
    difference = csr_array((signs, (rows, places.ravel())), shape=(count, len(songs)))
    middle, precision = prior.mean[songs], prior.error[songs] ** -2.0

    def loss(mean: Floats) -> tuple[float, Floats]:
        """Return the negative logarithm of the posterior density, up to a constant, and its gradient."""
        ahead, away = difference @ mean, mean - middle
        value = np.sum(np.logaddexp(0.0, ahead) - won * ahead) + np.sum(precision * away**2) / 2
        return float(value), difference.T @ (expit(ahead) - won) + precision * away

    found = minimize(loss, middle, jac=True, method="L-BFGS-B", options={"gtol": 1e-8, "ftol": 1e-15, "maxiter": 1000})
    chance = expit(difference @ found.x)
    curvature = difference.T @ diags_array(chance * (1 - chance)) @ difference + diags_array(precision)
    mean, error = prior.mean.copy(), prior.error.copy()
    mean[songs], error[songs] = found.x, np.sqrt(_diagonal_of_inverse(curvature))
    return Strengths(mean, error)


def _diagonal_of_inverse(matrix: object) -> Floats:
    from scipy.sparse import csc_array
    from scipy.sparse.linalg import splu

    whole = csc_array(matrix)
    factors, size = splu(whole), whole.shape[0]
    found = np.empty(size)
    for start in range(0, size, BLOCK):
        places = np.arange(start, min(start + BLOCK, size))
        columns = np.zeros((size, len(places)))
        columns[places, places - start] = 1.0
        found[places] = factors.solve(columns)[places, places - start]
    return found


def groups(pairs: Sequence[tuple[int, int]]) -> int:
    """Return into how many groups comparisons part their songs: between groups no chain of comparisons leads."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    songs, places = np.unique(np.array(pairs, dtype=np.intp).reshape(-1, 2), return_inverse=True)
    first, second = places.reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs)), (first, second)), shape=(len(songs), len(songs)))
    return int(connected_components(graph, directed=False, return_labels=False))

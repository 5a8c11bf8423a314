"""How a score does within each group of songs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from musicflamingo_cli.evaluation.records import Estimate, EvalOptions, GroupAgreement
from musicflamingo_cli.evaluation.samples import Floats, Places, Samples
from musicflamingo_cli.evaluation.statistics import Progress, bootstrap, rising_fit, spearman

LEAST_SONGS = 20
"""Groups of fewer songs are not judged."""


def group_agreements(
    samples: Samples, column: str, options: EvalOptions, progress: Progress
) -> tuple[GroupAgreement, ...]:
    """Judge a score within each group by the first label, the largest group first."""
    scores, labels, per = samples.scores[column], next(iter(samples.means.values())), samples.per
    known = np.isfinite(scores) & np.isfinite(labels)
    if per is None or known.sum() < LEAST_SONGS:
        return ()
    left = np.full(len(labels), np.nan)
    left[known] = labels[known] - np.interp(scores[known], *rising_fit(scores[known], labels[known]))
    names, counts = np.unique([one for one in per[known] if one is not None], return_counts=True)
    largest = sorted(zip(counts, names, strict=True), key=lambda item: (-item[0], item[1]))
    judged = [str(name) for count, name in largest if count >= LEAST_SONGS]
    found = []
    for place, name in enumerate(judged):

        def told(done: int, total: int, before: int = place) -> None:
            progress(before * total + done, len(judged) * total)

        places = np.flatnonzero(known & (per == name))
        drawn = None if samples.drawn is None else samples.drawn[places]
        columns = np.array([scores[places], labels[places], left[places]])
        order, shift = bootstrap(_order_and_shift(columns), len(places), drawn, options, told)
        found.append(GroupAgreement(name, len(places), order, shift, tuple(_warnings(order, shift))))
    return tuple(found)


def _order_and_shift(columns: Floats) -> Callable[[Places], Floats]:
    """Return what tells, of songs at some places in [scores, labels, left], Spearman's rho and the mean left."""

    def figures(places: Places) -> Floats:
        scores, labels, left = columns[:, places]
        return np.array([spearman(scores, labels), left.mean()])

    return figures


def _warnings(order: Estimate, shift: Estimate) -> Iterator[str]:
    if not order.low > 0:
        yield "its order is no better than chance"
    if shift.low > 0 or shift.high < 0:
        side = "higher" if shift.value > 0 else "lower"
        yield f"its songs are rated {abs(shift.value):.2f} {side} than their scores say"

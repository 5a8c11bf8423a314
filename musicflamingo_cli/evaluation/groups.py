"""How a score does within each group of songs."""

from __future__ import annotations

import numpy as np

from musicflamingo_cli.evaluation import statistics
from musicflamingo_cli.evaluation.records import EvalOptions, GroupAgreement
from musicflamingo_cli.evaluation.samples import Floats, Places, Samples

LEAST_SONGS = 20
"""Groups of fewer songs are not judged."""


def group_agreements(samples: Samples, column: str, labels: Floats, options: EvalOptions) -> tuple[GroupAgreement, ...]:
    """Judge a score within each group, the largest first."""
    from sklearn.isotonic import IsotonicRegression

    scores, per = samples.scores[column], samples.per
    known = np.isfinite(scores) & np.isfinite(labels)
    if per is None or known.sum() < LEAST_SONGS:
        return ()
    left = np.full(len(labels), np.nan)
    left[known] = labels[known] - IsotonicRegression().fit_transform(scores[known], labels[known])
    names, counts = np.unique([one for one in per[known] if one is not None], return_counts=True)
    largest = sorted(zip(counts, names, strict=True), key=lambda item: (-item[0], item[1]))
    of_groups = ((str(name), np.flatnonzero(known & (per == name))) for n, name in largest if n >= LEAST_SONGS)
    return tuple(_group(name, places, samples, (scores, labels, left), options) for name, places in of_groups)


def _group(
    name: str, places: Places, samples: Samples, columns: tuple[Floats, Floats, Floats], options: EvalOptions
) -> GroupAgreement:
    scores, labels, left = (column[places] for column in columns)
    drawn = None if samples.drawn is None else np.unique(samples.drawn[places], return_inverse=True)[1]

    def figures(chosen: Places) -> Floats:
        return np.array([statistics.agreement(scores[chosen], labels[chosen], chosen % 2)[0], left[chosen].mean()])

    order, shift = statistics.bootstrap(figures, len(places), drawn, options)
    warnings = [] if order.low > 0 else ["its order is no better than chance"]
    if shift.low > 0 or shift.high < 0:
        side = "higher" if shift.value > 0 else "lower"
        warnings.append(f"its songs are rated {abs(shift.value):.2f} {side} than their scores say")
    return GroupAgreement(name, len(places), order, shift, tuple(warnings))

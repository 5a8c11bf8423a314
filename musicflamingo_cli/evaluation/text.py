"""What was found as lines of text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from musicflamingo_cli.evaluation.records import (
    ColumnAgreement,
    Estimate,
    Evaluation,
    GroupAgreement,
    Threshold,
    Tuning,
)

HEADS = {
    "spearman": "Spearman",
    "kendall": "Kendall",
    "pearson": "Pearson (isotonic)",
    "accuracy": "pairs in order",
    "tempo": "within 4 %",
    "tempo_octaves": "octaves too",
    "key": "same key",
    "key_weighted": "weighted (MIREX)",
    "genre": "same name",
    "genre_folded": "but for case and marks",
    "genre_named": "named in it",
}
"""Statistic -> what stands over its column."""


def text_lines(found: Evaluation) -> Iterator[str]:
    """Yield what was found as lines for a person."""
    yield f"{found.scores} against {found.labels}: {found.matched} matched, {found.unmatched} not in {found.scores}"
    if found.some_unmatched:
        more = ", ..." if found.unmatched > len(found.some_unmatched) else ""
        yield f"  not there: {', '.join(found.some_unmatched)}{more}"
    for label in dict.fromkeys(one.label for one in found.columns):
        yield ""
        yield f"Agreement with {label} (95 % in brackets)"
        yield from _aligned(_agreement_rows([one for one in found.columns if one.label == label]))
    for ceiling in found.ceilings:
        yield (
            f"Raters of {ceiling.label}: alpha {_number(ceiling.alpha)}; reliability of their mean "
            f"{_number(ceiling.reliability)}, so no Spearman above {_number(ceiling.best)} is to be expected "
            f"({ceiling.ratings} ratings of {ceiling.songs} songs)"
        )
    if found.differences:
        yield ""
        yield from (one.says for one in found.differences)
    for threshold in found.thresholds:
        yield ""
        yield from _threshold_lines(threshold)
    if found.groups:
        yield ""
        yield "Within groups"
        yield from _aligned([["group", "songs", "Spearman", "shift"], *map(_group_row, found.groups)])
    if found.notes:
        yield ""
        yield from found.notes


def tuning_lines(found: Tuning) -> list[str]:
    """Return the weights that were found, and what they gain, as lines for a person."""
    width = max(map(len, found.weights))
    weights = [f"  {name.ljust(width)}  {weight:.3f}" for name, weight in found.weights.items()]
    return [
        f"weights by {found.songs} songs of {found.labels} ({found.incomplete} more lack a column or a label):",
        *weights,
        f"held out, in {found.folds} folds: Spearman {found.tuned.value:.3f}, 95 % {found.tuned.low:.3f} to "
        f"{found.tuned.high:.3f}; {found.gain.other}: {found.today.value:.3f}",
        found.gain.says,
        f"{found.label} is told to within {found.error:.3f} on average; by its mean alone to {found.error_of_mean:.3f}",
    ]


def _agreement_rows(columns: Sequence[ColumnAgreement]) -> list[list[str]]:
    names = list(columns[0].statistics)
    rows = [["column", "n", "missing", "distinct", "tied", *(HEADS[name] for name in names)]]
    for one in columns:
        name = f"({one.column})" if one.baseline else one.column
        figures = [_estimate(one.statistics[statistic]) for statistic in names]
        rows.append([name, str(one.songs), str(one.missing), str(one.distinct), f"{one.tied:.0%}", *figures])
    return rows


def _threshold_lines(one: Threshold) -> Iterator[str]:
    if one.at is None:
        yield (
            f"No {one.column} reaches a precision of {one.wanted:g} for {one.good}: the best lower end is "
            f"{one.lower:.3f} (of all labelled songs {one.base:.1%} are good)"
        )
        return
    yield (
        f"From {one.column} {one.at:g} on, {one.precision:.1%} of the labelled songs have {one.good} "
        f"(lower end of 95 % {one.lower:.1%}; of all {one.base:.1%}). That keeps {one.recall:.1%} of the good ones, "
        f"{one.kept} songs in all"
    )
    yield f"  {one.command}"


def _group_row(one: GroupAgreement) -> list[str]:
    return [one.group, str(one.songs), _estimate(one.spearman), _estimate(one.shift), "; ".join(one.warnings)]


def _estimate(one: Estimate) -> str:
    return f"{_number(one.value)} [{_number(one.low)}, {_number(one.high)}]"


def _number(value: float) -> str:
    return f"{value:z.3f}" if math.isfinite(value) else "-"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    width = max(len(row) for row in rows)
    widths = [max((len(row[i]) for row in rows if i < len(row)), default=0) for i in range(width)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=False)).rstrip()

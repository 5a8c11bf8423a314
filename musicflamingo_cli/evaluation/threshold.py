"""The lowest score from which on songs are good enough often enough."""

from __future__ import annotations

import operator
import re
import shlex

import numpy as np

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.evaluation import statistics
from musicflamingo_cli.evaluation.picked import pick_score
from musicflamingo_cli.evaluation.records import EvalOptions, Threshold
from musicflamingo_cli.evaluation.samples import Samples
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.sweep import kept_at
from musicflamingo_cli.results.tables.table import Table

COMPARISONS = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    "==": operator.eq,
}
GOOD = re.compile(r"\s*(.+?)\s*(>=|<=|==?|>|<)\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*")


def find_threshold(sandbox: Sandbox, table: Table, column: str, samples: Samples, options: EvalOptions) -> Threshold:
    """Find the lowest score from which on the good songs' share is high enough, by its interval's lower end."""
    scores, labels = samples.scores[column], samples.means
    said = GOOD.fullmatch(options.good or "")
    if said is None or said[1] not in labels:
        raise UsageError(f"--good '{options.good}': say a label and a limit, such as '{next(iter(labels))} >= 4'")
    known = np.isfinite(scores) & np.isfinite(labels[said[1]])
    if not known.any():
        raise UsageError(f"no labelled song has a {column}")
    values = scores[known]
    good = COMPARISONS[said[2]](labels[said[1]][known], float(said[3])).astype(float)
    steps = np.unique(values)[::-1]
    order = np.argsort(-values, kind="stable")
    kept = np.searchsorted(-values[order], -steps, side="right")
    hits = np.concatenate([[0.0], np.cumsum(good[order])])[kept]
    lower = statistics.wilson_lower(hits, kept.astype(float))
    enough = np.flatnonzero(lower >= options.precision)
    place = int(enough[-1]) if len(enough) else int(np.argmax(lower))
    at = float(steps[place]) if len(enough) else None
    found = pick_score(table, column)
    every = f"SELECT {found.sql} AS v FROM ({table.relation(sandbox, found.places, 't')})"
    command = ["mfq", "filter", table.name, "--min", f"{column}={at!r}", "-o", "kept.parquet"]
    return Threshold(
        column=column,
        good=str(options.good),
        wanted=options.precision,
        base=float(good.mean()),
        at=at,
        precision=float(hits[place] / kept[place]),
        lower=float(lower[place]),
        recall=float(hits[place] / max(1.0, good.sum())),
        kept=0 if at is None else kept_at(sandbox, every, [at])[0],
        command=shlex.join(command) if at is not None else None,
    )

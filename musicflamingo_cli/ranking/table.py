"""A ranking as a table: one row a song, the best first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from musicflamingo_cli.monitor import counted
from musicflamingo_cli.ranking.contest import Contest, RankOptions
from musicflamingo_cli.ranking.strengths import EXPLAINED, SPREAD
from musicflamingo_cli.records import Failure, PairFailure, RejectedRow
from musicflamingo_cli.results.run_card import run_card
from musicflamingo_cli.results.write.formats import STDOUT, Layout, output, sweep_parts, write_table
from musicflamingo_cli.run_context import RunContext
from musicflamingo_cli.score_table import absolute

if TYPE_CHECKING:
    from musicflamingo_cli.pipeline import Run

SCHEMA = pa.schema(
    [
        ("song_id", pa.string()),
        ("title", pa.string()),
        ("rank", pa.int32()),
        ("strength", pa.float64()),
        ("strength_error", pa.float64()),
        ("pairs", pa.int32()),
        ("wins", pa.int32()),
        ("losses", pa.int32()),
        ("ties", pa.int32()),
        ("score", pa.float64()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("error", pa.string()),
    ]
)
DIGITS = 6
"""Strengths are rounded to so many, and songs of one strength share a rank."""
NO_PAIR = "no_pair"


def rank_rows(context: RunContext, contest: Contest) -> list[dict[str, Any]]:
    """Return a row for every manifest row: those with a rank in its order, then the others in the manifest's."""
    counts, failures, places = _counts(contest), _failures(contest), iter(range(len(contest.songs)))
    rows: list[dict[str, Any]] = []
    for source in context.rows():
        row: dict[str, Any] = {"song_id": source.song_id, "title": source.title}
        if isinstance(source, RejectedRow):
            rows.append({**row, "status": source.status, "reason": source.reason, "error": source.error})
            continue
        place = next(places)
        score = float(contest.scores[place])
        row |= {"score": None if np.isnan(score) else score, **counts[place]}
        if place in failures:
            row |= {"status": "failed", "reason": failures[place].reason, "error": failures[place].error}
        elif row["pairs"] or row["score"] is not None:
            row |= {"status": "ok"} if row["pairs"] else {"status": "partial", "reason": NO_PAIR}
            row["strength"] = round(float(contest.strengths.mean[place]), DIGITS) + 0.0  # -0.0 is 0.0
            row["strength_error"] = round(float(contest.strengths.error[place]), DIGITS)
        else:
            row |= {"status": "skipped", "reason": NO_PAIR}
        rows.append(row)
    ranked = sorted((row for row in rows if "strength" in row), key=lambda row: -row["strength"])
    ranks: dict[float, int] = {}
    for number, row in enumerate(ranked, 1):
        row["rank"] = ranks.setdefault(row["strength"], number)
    return [*ranked, *(row for row in rows if "strength" not in row)]


def _counts(contest: Contest) -> list[dict[str, int]]:
    """Return of each song how many pairs it was compared in, and how many of them it won, lost and tied."""
    held = [Counter[float]() for _ in contest.songs]
    for (first, second), share in contest.compared.items():
        held[first][share] += 1
        held[second][1 - share] += 1
    return [{"pairs": one.total(), "wins": one[1.0], "losses": one[0.0], "ties": one[0.5]} for one in held]


def _failures(contest: Contest) -> dict[int, Failure]:
    """Return why songs have no comparison: they can't be had or judged, or each pair that held them failed as such."""
    compared = {place for pair in contest.compared for place in pair}
    found: dict[int, Failure] = {}
    for pair, one in contest.found.items():
        if one.failure is not None and not isinstance(one.failure, PairFailure):
            found |= dict.fromkeys(set(pair) - compared, one.failure)
    return found | contest.blamed


def write_ranks(run: Run, contest: Contest, wanted: RankOptions, rows: list[dict[str, Any]], form: str) -> None:
    """Write the table, with its run card. Raises `OutputError`."""
    path = run.context.options.outputs.table
    sweep_parts(path)
    with output(path) as file:
        write_table(rows, Layout(SCHEMA, (), lambda: _card(run, contest, wanted)), file, form)
    run.summary.output = None if path in STDOUT else path


def _card(run: Run, contest: Contest, wanted: RankOptions) -> dict[str, Any]:
    context = run.context
    settings = {
        **context.identity,
        "used": dict(context.engine.provenance),
        "licence": context.engine.licence,
        "manifest": absolute(context.options.manifest),
        "scores": wanted.scores and absolute(wanted.scores),
        "by": wanted.by if wanted.scores else None,
        "pairs": wanted.pairs,
        "prior": {"variance": SPREAD, "explained_by_score": EXPLAINED},
        "ties": "half a win each",
        "settings_file": context.options.settings_file and absolute(context.options.settings_file),
    }
    done = run.summary
    counts = {"rows": done.rows, **counted(done.status, done.reasons), "repeated_ids": done.repeated}
    return run_card(settings, run.began, {**counts, **contest.figures(), "groups": contest.groups})

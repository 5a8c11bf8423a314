"""What a report counts: status, reasons, flags, what scores were obtained from, and the songs of each genre."""

from __future__ import annotations

from musicflamingo_cli.results.report.records import Group
from musicflamingo_cli.results.report.view import Score, View
from musicflamingo_cli.results.run_card import part_of
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.sweep import double
from musicflamingo_cli.score_stats import HIGH

MOST, MOST_SOURCES, MOST_GROUPS = 40, 12, 20
NAME = 80
"""Characters of a genre or reason that count."""


def named(column: str) -> str:
    """Return SQL that gives a text to count by."""
    return f"coalesce(left({column}, {NAME}), '(none)')"


def count(sandbox: Sandbox, view: View, entries: str, most: int = MOST) -> dict[str, int]:
    """Count the songs by a text, or by each of several; most common first, without those that have none."""
    found = f"SELECT k, count(*) AS n FROM (SELECT {entries} AS k FROM {view.name}) WHERE k IS NOT NULL GROUP BY k"
    return dict(sandbox.rows(f"{found} ORDER BY n DESC, k LIMIT {most}"))


def count_by(sandbox: Sandbox, view: View, name: str) -> dict[str, int]:
    """Count the songs by a column; nothing if the table lacks it."""
    return count(sandbox, view, named(name)) if view.has(name) else {}


def count_listed(sandbox: Sandbox, view: View, name: str) -> dict[str, int]:
    """Count the entries of a column of lists."""
    return count(sandbox, view, f"left(unnest({name}), {NAME})")


def count_obtained(sandbox: Sandbox, view: View) -> dict[str, dict[str, int]]:
    """Count, for every field with a detail column, what its values were obtained from."""
    return {name: count(sandbox, view, named(f"o{i}"), MOST_SOURCES) for i, name in enumerate(view.fields)}


def reasons(sandbox: Sandbox, view: View) -> list[tuple[str, str, int, str]]:
    """Count the songs by status and reason, where there is a reason; with the first song of each."""
    grouped = f"{named('status')} AS s, left(reason, {NAME}) AS r, count(*) AS n, arg_min(left(id, {NAME}), row)"
    found = f"SELECT {grouped} FROM {view.name} WHERE reason IS NOT NULL GROUP BY s, r ORDER BY n DESC, s, r"
    return [(status, reason, n, first or "") for status, reason, n, first in sandbox.rows(f"{found} LIMIT {MOST}")]


def groups(sandbox: Sandbox, view: View, rank: Score | None) -> tuple[list[Group], int]:
    """Return the largest groups and how many more there are."""
    if view.group is None:
        return [], 0
    low, high = rank.ends if rank else (0.0, 1.0)
    high_from = double(round(low + (high - low) * HIGH, 9))
    key = f"coalesce(nullif(trim(left(grouped, {NAME})), ''), '(none)')"
    # Quantiles are asked of the largest alone: there may be a group for every song.
    found = sandbox.rows(
        f"WITH songs AS (SELECT {key} AS k, {rank.column if rank else 'NULL::DOUBLE'} AS v FROM {view.name}), "
        f"largest AS (SELECT k FROM songs GROUP BY k ORDER BY count(*) DESC, k LIMIT {MOST_GROUPS}) "
        "SELECT k, count(*) AS n, count(v), avg(v), quantile_cont(v, [0.25, 0.5, 0.75]), "
        f"count(*) FILTER (v >= {high_from}) FROM songs SEMI JOIN largest USING (k) GROUP BY k ORDER BY n DESC, k"
    )
    total = sandbox.rows(f"SELECT count(DISTINCT {key}) FROM {view.name}")[0][0]
    shown = [
        Group(name, songs, scored, mean, tuple(quartiles) if scored else None, at_least)
        for name, songs, scored, mean, quartiles, at_least in found
    ]
    return shown, total - len(shown)


def facts(sandbox: Sandbox, view: View, rank: Score | None) -> list[tuple[str, str]]:
    """Return figures of the run as a whole, each with its unit."""
    counted = f"count({rank.column if rank else 'NULL'}), count(*) FILTER (cached = 'true')"
    sums = "sum(audio_seconds), sum(engine_seconds), sum(generated_tokens)"
    scored, cached, audio, engine, tokens = sandbox.rows(f"SELECT {counted}, {sums} FROM {view.name}")[0]
    rows = view.table.rows
    counts = part_of(view.table.card, "counts")
    repeated = counts.get("repeated_ids") if counts.get("rows") == rows else None
    told = {
        "songs": f"{rows:,}",
        "with a score": rank and f"{scored:,}{f' ({scored / rows:.1%})' if rows else ''}",
        "of music": audio and _hours(audio),
        "of engine time": engine and _hours(engine),
        "tokens generated": tokens and f"{int(tokens):,}",
        "repeated ids left out": f"{repeated:,}" if repeated and isinstance(repeated, int) else None,
        "from the cache": cached and f"{cached:,}",
    }
    return [(what, much) for what, much in told.items() if much]


def _hours(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"

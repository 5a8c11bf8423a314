"""What a report counts: status, reasons, flags, what scores were obtained from, and the songs of each genre."""

from __future__ import annotations

import pyarrow as pa

from musicflamingo_cli.results.report.columns import Columns, Dimension
from musicflamingo_cli.results.report.records import Group, Obtained
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.score_stats import HIGH

MOST_REASONS = 40
MOST_GROUPS = 20
MOST_SOURCES = 12
NAME = 80
"""Characters of a genre or reason that count."""
UNKNOWN = "(none)"


def count_by(sandbox: Sandbox, columns: Columns, view: str, name: str) -> dict[str, int]:
    """Count the songs by one column's text, most common first; nothing if there is no such column."""
    if not columns.has(name) or pa.types.is_nested(columns.kind(name)):
        return {}
    query = f"SELECT coalesce({columns.text(name, NAME)}, '{UNKNOWN}') AS k, count(*) AS n FROM {view} GROUP BY k"
    return {str(k): int(n) for k, n in sandbox.rows(f"{query} ORDER BY n DESC, k LIMIT {MOST_REASONS}")}


def count_listed(sandbox: Sandbox, columns: Columns, view: str, name: str) -> dict[str, int]:
    """Count the entries of a column of lists, most common first."""
    kind = columns.kind(name) if columns.has(name) else pa.null()
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return {}
    entries = f"SELECT left(unnest({columns.sql(name)})::VARCHAR, {NAME}) AS k FROM {view}"
    query = f"SELECT k, count(*) AS n FROM ({entries}) WHERE k IS NOT NULL GROUP BY k ORDER BY n DESC, k"
    return {str(k): int(n) for k, n in sandbox.rows(f"{query} LIMIT {MOST_REASONS}")}


def reasons(sandbox: Sandbox, columns: Columns, view: str) -> list[tuple[str, str, int, str]]:
    """Count the songs by status and reason, where there is a reason; with the first song of each."""
    if not columns.has("reason"):
        return []
    status = f"coalesce({columns.text('status', NAME)}, '{UNKNOWN}')"
    song = columns.text(columns.id_name, NAME) if columns.id_name else "NULL"
    grouped = f"SELECT {status} AS s, {columns.text('reason', NAME)} AS r, count(*) AS n, arg_min({song}, row) AS first"
    query = f"SELECT * FROM ({grouped} FROM {view} GROUP BY s, r) WHERE r IS NOT NULL"
    found = sandbox.rows(f"{query} ORDER BY n DESC, s, r LIMIT {MOST_REASONS}")
    return [(str(s), str(r), int(n), str(first or "")) for s, r, n, first in found]


def obtained(sandbox: Sandbox, columns: Columns, view: str) -> list[Obtained]:
    """Count, for every field with a detail column, what its values were obtained from."""
    suffix = "_detail"
    names = [n[: -len(suffix)] for n in columns.table.schema.names if n.endswith(suffix)]
    scores = [d.name for d in columns.dimensions]
    names.sort(key=lambda n: scores.index(n) if n in scores else len(scores))
    found = []
    for name in names[:32]:
        part = columns.detail(name, "obtained")
        if part is not None:
            key = f"coalesce(left({part}::VARCHAR, {NAME}), '{UNKNOWN}')"
            query = f"SELECT {key} AS k, count(*) AS n FROM {view} GROUP BY k ORDER BY n DESC, k"
            counted = sandbox.rows(f"{query} LIMIT {MOST_SOURCES}")
            found.append(Obtained(name, {str(k): int(n) for k, n in counted}))
    return found


def groups(sandbox: Sandbox, columns: Columns, view: str, rank: Dimension | None) -> tuple[list[Group], int]:
    """Return the largest groups and how many more there are."""
    if columns.group is None:
        return [], 0
    value = columns.number(rank.name) if rank else "NULL::DOUBLE"
    low = 0.0 if rank is None or rank.low is None else rank.low
    high = 1.0 if rank is None or rank.high is None else rank.high
    border = round(low + (high - low) * HIGH, 9)
    key = f"coalesce(nullif(trim({columns.text(columns.group, NAME)}), ''), '{UNKNOWN}')"
    source = f"SELECT {key} AS k, {value} AS v FROM {view}"
    total = int(sandbox.rows(f"SELECT count(DISTINCT k) FROM ({source})")[0][0])
    largest = f"SELECT k, count(*) AS songs FROM ({source}) GROUP BY k ORDER BY songs DESC, k LIMIT {MOST_GROUPS}"
    figures = (
        f"SELECT k, count(*) AS songs, count(v), avg(v), quantile_cont(v, [0.25, 0.5, 0.75]), "
        f"count(*) FILTER (v >= '{border!r}'::DOUBLE) FROM ({source}) JOIN ({largest}) USING (k) "
        "GROUP BY k ORDER BY songs DESC, k"
    )
    found = []
    for name, songs, scored, mean, quartiles, at_least in sandbox.rows(figures):
        three = tuple(quartiles) if quartiles and scored else None
        found.append(Group(str(name), songs, scored, mean, three, at_least))
    return found, max(0, total - len(found))


def facts(sandbox: Sandbox, columns: Columns, view: str, rank: Dimension | None) -> list[tuple[str, str]]:
    """Return figures of the run as a whole, each with its unit."""
    scored = f"count({columns.number(rank.name)})" if rank else "NULL"
    total = f"sum({columns.number('audio_seconds')}), sum({columns.number('engine_seconds')})"
    tokens = f"sum({columns.number('generated_tokens')})"
    cached = f"count(*) FILTER ({columns.sql('cached')}::VARCHAR = 'true')" if columns.has("cached") else "NULL"
    row = sandbox.rows(f"SELECT count(*), {scored}, {total}, {tokens}, {cached} FROM {view}")[0]
    rows, with_score, audio, engine, generated, from_cache = row
    told = [("songs", f"{rows:,}")]
    if rank:
        told.append(("with a score", f"{with_score:,}" + (f" ({with_score / rows:.1%})" if rows else "")))
    if audio:
        told.append(("of music", _hours(audio)))
    if engine:
        told.append(("of engine time", _hours(engine)))
    if generated:
        told.append(("tokens generated", f"{int(generated):,}"))
    counts = columns.table.card.get("counts")
    repeated = counts.get("repeated_ids") if isinstance(counts, dict) and counts.get("rows") == rows else None
    if isinstance(repeated, int) and repeated:
        told.append(("repeated ids left out", f"{repeated:,}"))
    if from_cache:
        told.append(("from the cache", f"{from_cache:,}"))
    return told


def _hours(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"

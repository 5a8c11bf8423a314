"""What each threshold of a score keeps: one count for filter and report."""

from __future__ import annotations

from collections.abc import Sequence

from musicflamingo_cli.results.sandbox import Sandbox


def kept_at(sandbox: Sandbox, scores: str, thresholds: Sequence[float]) -> list[int]:
    """Return how many rows reach each threshold, of a query of `v`: float64, no NaN, null for a missing score."""
    counts = ", ".join(f"count(*) FILTER (v >= {double(threshold)})" for threshold in thresholds)
    return [int(n) for n in sandbox.rows(f"SELECT {counts} FROM ({scores})")[0]]


def double(value: float) -> str:
    """Return a number in SQL as it is: bare, DuckDB would take it for a decimal of its own precision."""
    return f"'{value!r}'::DOUBLE"

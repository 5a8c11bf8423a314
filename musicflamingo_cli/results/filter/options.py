"""What a filter is asked, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from musicflamingo_cli.results.filter.rules import Missing, Rule
from musicflamingo_cli.results.sandbox import Limits


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """What a person asks of `mfq filter`."""

    songs: str
    rules: tuple[Rule, ...]
    """In the order of the funnel; those that rank stand last."""
    missing: Missing = "drop"
    """What becomes of rows that a rule can't judge."""
    per: str | None = None
    """Column whose values the report is broken down by."""
    sweep: str | None = None
    """Column for which thresholds are tried."""
    scores: str | None = None
    on: str | None = None
    output: str | None = None
    form: str | None = None
    partition_by: str | None = None
    dropped: str | None = None
    ids: str | None = None
    report: str | None = None
    dry_run: bool = False
    if_changed: bool = False
    expect_min_rows: int | None = None
    nulls: frozenset[str] = frozenset()
    """Words of `--null-values`."""
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class FilterResult:
    """What a filter did."""

    funnel: tuple[str, ...]
    """For a person, line by line."""
    sweep: tuple[str, ...]
    notes: tuple[str, ...]
    report: dict[str, Any]

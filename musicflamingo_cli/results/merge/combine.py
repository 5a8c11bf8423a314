"""Scores of different sources on one scale: scaled, ranked, weighed together; always into new columns."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.columns import Column, Columns, clean
from musicflamingo_cli.results.tables.audiobox import AXES
from musicflamingo_cli.results.tables.score_documents import WEIGHTS
from musicflamingo_cli.results.tables.table import OVERALL

NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
DECIMALS = 9
"""A combined score is rounded so, as the overall is."""
TUNED_VERSION = 1
"""Of the files that `mfq tune` writes."""
Scale = tuple[float, float] | Literal["rank"]
WhenMissing = Literal["null", "renormalise"]


@dataclass(frozen=True, slots=True)
class Combination:
    """How sources are weighed together."""

    weights: Mapping[str, float]
    """By source; with `ranges`, by column of the joined tables."""
    name: str
    """Of the new column."""
    missing: WhenMissing = "null"
    """What a song without one of the sources gets: no number, or the mean of the others."""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """What is mapped to 0 and what to 1 of each column, of weights that were tuned."""


def parse_named(words: str, flag: str, example: str) -> dict[str, str]:
    """Read `a=x,b=y`. Raises `UsageError`."""
    found: dict[str, str] = {}
    for piece in words.split(","):
        name, equals, value = (part.strip() for part in piece.partition("="))
        if not equals or not NAME.match(name) or not value or name in found:
            raise UsageError(f"{flag} {words}: say {flag} {example}")
        found[name] = value
    return found


def parse_combination(words: str, name: str, missing: WhenMissing) -> Combination:
    """Read `mf=0.6,aes=0.4`, or a file that `mfq tune` wrote; the weights are positive. Raises `UsageError`."""
    if "=" not in words or Path(words).is_file():
        return _tuned(words, name, missing)
    found = {}
    for source, value in parse_named(words, "--combine", "mf=0.6,aes=0.4").items():
        weight = _number(value)
        if weight is None or weight <= 0:
            raise UsageError(f"--combine {words}: the weight of {source} is no number above 0")
        found[source] = weight
    return Combination(found, name, missing)


def _tuned(path: str, name: str, missing: WhenMissing) -> Combination:
    """Read the weights of columns that are above 0."""
    try:
        file = tomllib.loads(Path(path).read_text("utf-8"))
        if file["version"] != TUNED_VERSION:
            raise ValueError(f"version {file['version']}, not {TUNED_VERSION}")
        weights = {column: float(weight) for column, weight in file["weights"].items()}
        ends = {column: (float(low), float(high)) for column, (low, high) in file["ranges"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise UsageError(
            f"--combine {path}: say --combine mf=0.6,aes=0.4, or name a file of mfq tune ({problem!r})"
        ) from None
    if not all(0 <= weight < math.inf for weight in weights.values()):
        raise UsageError(f"--combine {path}: a weight is no number of 0 or more")
    weights = {column: weight for column, weight in weights.items() if weight > 0}
    ranged = all(low != high and math.isfinite(high - low) for low, high in ends.values())
    if not weights or not weights.keys() <= ends.keys() or not ranged:
        raise UsageError(f"--combine {path}: no weight above 0, or one whose column has no range")
    return Combination(weights, name, missing, ends)


def parse_scale(words: str) -> tuple[str, Scale]:
    """Read `aes=1:10` or `aes=rank`. Raises `UsageError`."""
    name, _, value = words.partition("=")
    low, _, high = value.partition(":")
    ends = (_number(low), _number(high))
    if NAME.match(name.strip()) and value.strip() == "rank":
        return name.strip(), "rank"
    if not NAME.match(name.strip()) or ends[0] is None or ends[1] is None or ends[0] >= ends[1]:
        raise UsageError(f"--scale {words}: say --scale name=low:high (low is below high) or --scale name=rank")
    return name.strip(), (ends[0], ends[1])


def _number(words: str) -> float | None:
    try:
        found = float(words)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def source_value(source: str, column: str | None, scale: Scale | None, columns: Columns) -> str:
    """Return SQL for what a source says of a song, in 0..1 or by rank; null where it says nothing.

    A source is its `column`, or its overall score, or for Audiobox the mean of the four axes with our weights.
    Raises `UsageError` where the scale is not known.
    """
    theirs = [c for c in columns.all if c.side == source]
    by_name = {c.plain: c for c in theirs}
    if column is None and OVERALL not in by_name and set(AXES.values()) <= set(by_name):
        total = sum(WEIGHTS[name] for name in AXES.values())
        parts = [f"{WEIGHTS[n] / total!r}::DOUBLE * {by_name[n].internal}" for n in AXES.values()]
        value = " + ".join(parts)
        return ranked(value) if scale == "rank" else f"({value})"
    name = column or OVERALL
    if name not in by_name:
        columns.number(f"{source}.{name}", "--with")
    chosen = columns.number(f"{source}.{name}", "--with")
    if scale == "rank":
        return ranked(f"({clean(chosen.internal, chosen.kind, chosen.span)})::DOUBLE")
    ends = scale or chosen.span
    if ends is None:
        raise UsageError(
            f"the scale of {source}.{name} is not known; say --scale {source}=low:high or --scale {source}=rank"
        )
    return scaled(chosen, ends)


def scaled(column: Column, ends: tuple[float, float]) -> str:
    """Return SQL for a column mapped from a range, whose better end stands last, to 0..1; null outside of it."""
    low, high = ends
    value = clean(column.internal, column.kind, (min(ends), max(ends)))
    return f"((({value})::DOUBLE - {low!r}::DOUBLE) / {high - low!r}::DOUBLE)"


def ranked(value: str, group: str | None = None) -> str:
    """Return SQL for a value's rank in 0..1 among the values there are, ties at their mean; null if it is alone."""
    per = f"{group}, " if group else ""
    within = f"PARTITION BY {group}" if group else ""
    below = f"rank() OVER (PARTITION BY {per}({value}) IS NULL ORDER BY {value}) - 1"
    ties = f"(count(*) OVER (PARTITION BY {per}{value}) - 1) / 2.0::DOUBLE"
    count = f"count({value}) OVER ({within})"
    return f"(CASE WHEN ({value}) IS NOT NULL AND {count} > 1 THEN ({below} + {ties}) / ({count} - 1)::DOUBLE END)"


def combined(values: Mapping[str, str], how: Combination) -> str:
    """Return SQL for the weighted mean of sources (by name: SQL of its value)."""
    total = math.fsum(how.weights.values())
    parts = [f"{how.weights[name] / total!r}::DOUBLE * {values[name]}" for name in how.weights]
    if how.missing == "null":
        return f"round({' + '.join(parts)}, {DECIMALS})"
    known = " + ".join(
        f"CASE WHEN {values[n]} IS NULL THEN 0 ELSE {w / total!r}::DOUBLE END" for n, w in how.weights.items()
    )
    present = " + ".join(f"coalesce({part}, 0)" for part in parts)
    return f"round(CASE WHEN ({known}) > 0 THEN ({present}) / ({known}) END, {DECIMALS})"

"""From an answer to one weighted score, and from a run's scores to a summary that says whether they can rank."""

from __future__ import annotations

import json
import math
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.records import Answer, Field, Score
from musicflamingo_cli.score_stats import HIGH, LOW, QUANTILES, collapse

DECIMALS = 9
"""Scores are rounded to 1e-9: five times 0.7 is 0.7 and passes a threshold of 0.7."""


def aggregate(
    answer: Answer,
    fields: Sequence[Field],
    weights: Mapping[str, float] | None = None,
    min_coverage: float = 1.0,
) -> Score:
    """Weighted mean of the scores that were obtained, each mapped from its range to 0..1.

    Args:
        answer: What was read out of the reply.
        fields: The pack's fields; only kind `score` carries weight.
        weights: By field name, instead of the pack's; a score that is not named has weight 0.
        min_coverage: Share of the weight that must be answered, 0..1. Below it the overall is None;
            above it the weights of what was answered are scaled up to sum to 1.
    """
    scores = [f for f in fields if f.kind == "score"]
    shares = {f.name: (f.weight if weights is None else weights.get(f.name, 0.0)) for f in scores}
    largest = max(shares.values(), default=0.0)
    if largest <= 0.0:
        return Score(None, 0.0)
    shares = {name: weight / largest for name, weight in shares.items()}
    total = math.fsum(shares.values())
    terms: list[tuple[float, float]] = []
    for f in scores:
        held = answer.fields.get(f.name)
        if shares[f.name] > 0.0 and held is not None and isinstance(held.value, int | float):
            terms.append((shares[f.name], _unit(f, float(held.value))))
    answered = math.fsum(weight for weight, _ in terms)
    coverage = round(answered / total, DECIMALS)
    if not terms or coverage < round(min_coverage, DECIMALS):
        return Score(None, coverage)
    overall = math.fsum(weight * value for weight, value in terms) / answered
    return Score(round(overall, DECIMALS), coverage)


def _unit(field: Field, value: float) -> float:
    low = 0.0 if field.low is None else field.low
    high = 1.0 if field.high is None else field.high
    return (value - low) / (high - low) if high > low else value


def bucket(overall: float | None) -> Literal["high", "medium", "low"] | None:
    """`high` from 0.7, `medium` from 0.4, `low` below; None stays None."""
    if overall is None:
        return None
    return "high" if overall >= HIGH else "medium" if overall >= LOW else "low"


def parse_weights(spec: str, fields: Sequence[Field]) -> dict[str, float]:
    """Weights by field name, from ``name=value,name=value`` or from a TOML or JSON file.

    A file holds the weights at its top, or in a table `weights`. Scores that are not named get weight 0.

    Raises:
        UsageError: for a name that is no score of the pack, a name given twice, a weight that is negative
            or no number, weights that sum to 0, or a file that cannot be read.
    """
    where = "--weights"
    if not spec.strip():
        raise UsageError(f"{where}: is empty; give a file or name=value,name=value")
    if "=" in spec and not Path(spec).is_file():
        pairs = [part.partition("=") for part in spec.split(",") if part.strip()]
        listed: list[tuple[str, object]] = [(name.strip(), value.strip()) for name, _, value in pairs]
    else:
        where, listed = f"weights file {spec}", _weights_file(Path(spec))
    known = [f.name for f in fields if f.kind == "score"]
    weights: dict[str, float] = {}
    for name, value in listed:
        if name not in known:
            raise UsageError(f"{where}: no score named {name!r} in this pack (scores: {', '.join(known) or 'none'})")
        if name in weights:
            raise UsageError(f"{where}: {name!r} is given twice")
        weights[name] = _weight(where, name, value)
    if max(weights.values(), default=0.0) <= 0.0:
        raise UsageError(f"{where}: the weights sum to 0; at least one must be above 0")
    return {name: weights.get(name, 0.0) for name in known}


def _weight(where: str, name: str, value: object) -> float:
    try:
        is_number = isinstance(value, str | int | float) and not isinstance(value, bool) and "_" not in str(value)
        weight = float(value) if is_number else math.nan  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        weight = math.nan
    if not math.isfinite(weight) or weight < 0.0:
        raise UsageError(f"{where}: the weight of {name!r} is {value!r}; it must be a number of 0 or more")
    return weight


class _Listed(list[tuple[str, object]]):
    """A JSON object's members, duplicates kept."""


def _weights_file(path: Path) -> list[tuple[str, object]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"--weights {path}: can't be read ({error}); give a file or name=value,name=value") from error
    listed: object
    try:
        listed = _items(tomllib.loads(text))
    except tomllib.TOMLDecodeError as toml_error:
        try:
            listed = json.loads(text, object_pairs_hook=_Listed)
        except (ValueError, RecursionError) as error:
            why = f"as TOML: {toml_error}; as JSON: {error}"
            raise UsageError(f"--weights {path}: neither TOML nor JSON ({why})") from error
    tables = [value for name, value in listed if name == "weights"] if isinstance(listed, _Listed) else []
    if len(tables) > 1:
        raise UsageError(f"--weights {path}: 'weights' is given twice")
    table = tables[0] if tables else listed
    if not isinstance(table, _Listed):
        raise UsageError(f"--weights {path}: holds no table of name = weight")
    return table


def _items(value: object) -> object:
    """A TOML table as its members; TOML itself refuses a name given twice."""
    return _Listed((name, _items(inner)) for name, inner in value.items()) if isinstance(value, dict) else value


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """One column of scores over a run."""

    name: str
    count: int
    """Songs that have a value."""
    mean: float | None
    """None, like all below, without a value."""
    median: float | None
    minimum: float | None
    maximum: float | None
    std: float | None
    """Population standard deviation."""
    quantiles: Mapping[float, float]
    """By probability (0.01 to 0.99), linear between neighbours, of values at that resolution (see `distinct`)."""
    distinct: int
    """Distinct values, at a resolution of 1e-6 (coarser where `approximate`)."""
    top_value: float | None
    """The most common value."""
    top_share: float | None
    """Share of the values that are the most common one, 0..1."""
    approximate: bool = False
    """True if there were so many distinct values that they were counted at a coarser resolution."""

    @property
    def collapse_warning(self) -> str | None:
        """One sentence if the column holds too few values to rank songs, else None."""
        return collapse_warning(self)


class ColumnStatistics:
    """Counts a column of scores as it streams by; memory stays bounded at any number of songs.

    Values are counted at a resolution of 1e-6; past `max_distinct` values the resolution is made ten times
    coarser until they fit. Mean and deviation are Welford's (Technometrics 4, 1962), from the unrounded values.
    """

    def __init__(self, name: str, max_distinct: int = 200_000) -> None:
        self.name = name
        self._max_distinct = max(1, max_distinct)
        self._decimals = 6
        self._counts: Counter[float] = Counter()
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0
        self._minimum = math.inf
        self._maximum = -math.inf

    def add(self, value: float | None) -> None:
        """Count one value; None (and anything that is not finite) is no value."""
        if value is None or not math.isfinite(value):
            return
        self._count += 1
        step = value - self._mean
        self._mean += step / self._count
        self._squares += step * (value - self._mean)
        self._minimum = min(self._minimum, value)
        self._maximum = max(self._maximum, value)
        self._counts[round(value, self._decimals) + 0.0] += 1
        while len(self._counts) > self._max_distinct:
            self._coarsen()

    def _coarsen(self) -> None:
        self._decimals -= 1
        coarser: Counter[float] = Counter()
        for value, count in self._counts.items():
            coarser[round(value, self._decimals) + 0.0] += count
        self._counts = coarser

    def summary(self) -> ColumnSummary:
        """What has been counted so far."""
        if not self._count:
            return ColumnSummary(self.name, 0, None, None, None, None, None, {}, 0, None, None)
        ordered = sorted(self._counts.items())
        quantiles = {q: self._quantile(ordered, q) for q in QUANTILES}
        top_value, top_count = min(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return ColumnSummary(
            name=self.name,
            count=self._count,
            mean=self._mean,
            median=quantiles[0.5],
            minimum=self._minimum,
            maximum=self._maximum,
            std=math.sqrt(max(0.0, self._squares / self._count)),
            quantiles=quantiles,
            distinct=len(self._counts),
            top_value=top_value,
            top_share=top_count / self._count,
            approximate=self._decimals < 6,
        )

    def _quantile(self, ordered: list[tuple[float, int]], probability: float) -> float:
        position = probability * (self._count - 1)
        below = math.floor(position)
        low = high = ordered[-1][0]
        seen = 0
        for index, (value, count) in enumerate(ordered):
            seen += count
            if seen > below:
                low = value
                high = value if seen > below + 1 or index + 1 == len(ordered) else ordered[index + 1][0]
                break
        return low + (high - low) * (position - below)


def collapse_warning(summary: ColumnSummary) -> str | None:
    """One sentence if one value holds over 60 % of 3 songs or more, or under 10 values serve over 100 songs."""
    if summary.top_value is None or summary.top_share is None:
        return None
    return collapse(summary.name, summary.count, summary.distinct, summary.top_value, summary.top_share)

"""From an answer to one weighted score, and from a run's scores to a summary that says whether they can rank."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.records import Answer, Field, Score

DECIMALS = 9
"""Scores are rounded to 1e-9: five times 0.7 is 0.7 and passes a threshold of 0.7."""


TUNED_VERSION = 1
"""Of the files of weights by `mfq tune` that are read."""
LOSS = "loss_"
"""What the names of numbers begin with that say what a fault took, 0..1: the only numbers that may be weighed, by what
they leave."""


def aggregate(
    answer: Answer,
    fields: Sequence[Field],
    weights: Mapping[str, float] | None = None,
    min_coverage: float = 1.0,
) -> Score:
    """Weighted mean of the scores that were obtained, each mapped from its range to 0..1, and of what losses leave.

    Args:
        answer: What was read out of the reply.
        fields: The pack's fields; only kind `score` carries weight of its own.
        weights: By field name, instead of the pack's; a score that is not named has weight 0.
        min_coverage: Share of the weight that must be answered, 0..1. Below it the overall is None;
            above it the weights of what was answered are scaled up to sum to 1.
    """
    scores = [f for f in fields if _can_be_weighed(f)]
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


def _can_be_weighed(field: Field) -> bool:
    return field.kind == "score" or (field.kind == "number" and field.name.startswith(LOSS))


def _unit(field: Field, value: float) -> float:
    if field.kind == "number":
        return 1 - value
    low = 0.0 if field.low is None else field.low
    high = 1.0 if field.high is None else field.high
    return (value - low) / (high - low) if high > low else value


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
        where, listed = f"weights file {spec}", _weights_file(Path(spec), fields)
    known = [f.name for f in fields if _can_be_weighed(f)]
    weights: dict[str, float] = {}
    for name, value in listed:
        if name not in known:
            raise UsageError(f"{where}: no score named {name!r} in this pack (scores: {', '.join(known) or 'none'})")
        if name in weights:
            raise UsageError(f"{where}: {name!r} is given twice")
        weights[name] = _weight(where, name, value)
    if max(weights.values(), default=0.0) <= 0.0:
        raise UsageError(f"{where}: the weights sum to 0; at least one must be above 0")
    scores = [f.name for f in fields if f.kind == "score"]
    return {name: weights.get(name, 0.0) for name in known if name in weights or name in scores}


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


def _weights_file(path: Path, fields: Sequence[Field]) -> list[tuple[str, object]]:
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
    if isinstance(listed, _Listed) and tables:
        _check_tuned(path, dict(listed), fields)
    table = tables[0] if tables else listed
    if not isinstance(table, _Listed):
        raise UsageError(f"--weights {path}: holds no table of name = weight")
    return table


def _check_tuned(path: Path, file: Mapping[str, object], fields: Sequence[Field]) -> None:
    """Raise `UsageError` for a file of another version, or whose scores were weighed on another scale."""
    version, ranges = file.get("version", TUNED_VERSION), file.get("ranges")
    if version != TUNED_VERSION:
        raise UsageError(f"--weights {path}: is of version {version!r}; this mfq reads {TUNED_VERSION}")
    told = {name: list(ends) for name, ends in ranges if isinstance(ends, list)} if isinstance(ranges, _Listed) else {}
    for field in filter(_can_be_weighed, fields):
        ends = [0.0 if field.low is None else field.low, 1.0 if field.high is None else field.high]
        if field.kind == "number":
            ends = [1.0, 0.0]
        found = told.get(field.name, ends)
        if found != ends:
            raise UsageError(f"--weights {path}: {field.name} was weighed from {found}, but goes from {ends}")


def _items(value: object) -> object:
    """A TOML table as its members; TOML itself refuses a name given twice."""
    return _Listed((name, _items(inner)) for name, inner in value.items()) if isinstance(value, dict) else value

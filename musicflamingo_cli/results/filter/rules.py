"""The rules of a filter, and how each becomes a column of verdicts in SQL.

A rule says of a row: passed, failed, or missing (it could not be judged). Missing is no number, NaN, an infinite one or
one outside the score's range; and for an expression, null.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from typing import Literal

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.columns import Column
from musicflamingo_cli.results.sandbox import text
from musicflamingo_cli.results.tables.table import OVERALL

Missing = Literal["drop", "keep", "fail"]
PASSED, FAILED, NULL, NOT_FINITE, OUT_OF_RANGE, NO_ROW = range(6)
"""What a verdict column holds; above `FAILED`: why the rule could not be judged."""
NOT_RANKED = -1
"""Verdict of `--top` on a row that an earlier rule dropped."""
WHY_MISSING = {
    NULL: "null",
    NOT_FINITE: "not a finite number",
    OUT_OF_RANGE: "out of range",
    NO_ROW: "no row in the scores",
}


LARGEST_WHOLE = 10**38 - 1
"""What SQL has exact numbers for, in steps of a column's last decimal."""
EXACTLY = Context(prec=60)
LEAST_SHARE = Fraction(1, 10**15)
"""A smaller share is one row of any table, and its denominator too long for SQL."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, as a person stated it."""

    kind: Literal["min", "max", "where", "top", "top_percent"]
    column: str | None = None
    """For all but `where`."""
    bound: float | Decimal = 0.0
    """The threshold, to its last digit as it was written; the count or the percentage."""
    expression: str = ""
    per: str | None = None

    @property
    def text(self) -> str:
        """The rule as it stands in reports."""
        if self.kind == "where":
            return self.expression.strip()
        if self.kind in ("min", "max"):
            return f"{self.column} {'>=' if self.kind == 'min' else '<='} {number_text(self.bound)}"
        share = number_text(self.bound) + (" %" if self.kind == "top_percent" else "")
        return f"top {share} by {self.column}" + (f" per {self.per}" if self.per else "")

    @property
    def ranks(self) -> bool:
        """Whether the rule compares rows with one another."""
        return self.kind in ("top", "top_percent")


def number_text(number: float | Decimal) -> str:
    """Return a number as a person would write it, with all its digits."""
    if isinstance(number, Decimal):
        if number == number.to_integral_value() and abs(number) < LARGEST_WHOLE:
            return str(int(number))
        number = float(number)
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else repr(number)


def parse_bound(words: str, flag: str) -> tuple[str, Decimal]:
    """Read `0.4` or `production_quality=0.5`; a bare number is about the overall score. Raises `UsageError`."""
    name, equals, number = words.rpartition("=")
    try:
        bound = Decimal(number.strip())
    except InvalidOperation:
        bound = Decimal("nan")
    if not (bound.is_finite() and math.isfinite(float(bound))) or (equals and not name.strip()):
        raise UsageError(f"{flag} {words}: say {flag} 0.4 or {flag} column=0.4")
    return (name.strip() if equals else OVERALL), bound


def bound_verdict(rule: Rule, column: Column) -> str:
    """Return SQL for the verdict of `--min` and `--max`, and of the column that a `--top` ranks by."""
    name = column.internal
    whens = []
    if column.matched:
        whens.append(f"WHEN {column.matched} IS NULL THEN {NO_ROW}")
    whens.append(f"WHEN {name} IS NULL THEN {NULL}")
    if pa.types.is_floating(column.kind):
        whens.append(f"WHEN NOT isfinite({name}) THEN {NOT_FINITE}")
    if column.span:
        whens.append(f"WHEN NOT ({name} BETWEEN {column.span[0]!r} AND {column.span[1]!r}) THEN {OUT_OF_RANGE}")
    if rule.kind in ("min", "max"):
        whens.append(f"WHEN NOT ({bound_holds(rule, column)}) THEN {FAILED}")
    return f"(CASE {' '.join(whens)} ELSE {PASSED} END)::TINYINT"


def check_bound(rule: Rule, column: Column) -> None:
    """Refuse a threshold outside what a score can be: it is meant for another scale. Raises `UsageError`.

    A `--min` of 0 is none at all, on a scale from 1 to 5 too.
    """
    low, high = column.span or (-math.inf, math.inf)
    if rule.kind == "min" and rule.bound == 0 and low > 0:
        return
    if rule.kind in ("min", "max") and not low <= rule.bound <= high:
        said = f"--{rule.kind} {column.name}={number_text(rule.bound)}"
        raise UsageError(f"{said}: {column.name} is {number_text(low)}..{number_text(high)}; say a threshold within")


def bound_holds(rule: Rule, column: Column) -> str:
    """Return SQL for what `--min` and `--max` ask; true of every row that passes them."""
    sign = ">=" if rule.kind == "min" else "<="
    kind = column.kind.value_type if isinstance(column.kind, pa.DictionaryType) else column.kind
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return f"{column.internal} {sign} {_exact(rule, getattr(kind, 'scale', 0))}"
    return f"{column.internal} {sign} {_threshold(float(rule.bound), kind)}"


def _exact(rule: Rule, scale: int) -> str:
    """Return the threshold as the number of `scale` decimals that lies on the same side, since a float rounds."""
    step, bound = Fraction(1, 10**scale), Fraction(rule.bound)
    steps = math.ceil(bound / step) if rule.kind == "min" else math.floor(bound / step)
    steps = max(-LARGEST_WHOLE, min(steps, LARGEST_WHOLE))
    return (
        f"({format(Decimal(steps).scaleb(-scale, EXACTLY), 'f')}::DECIMAL(38, {scale}))"
        if scale
        else f"{steps}::HUGEINT"
    )


def _threshold(bound: float, kind: pa.DataType) -> str:
    """Return the threshold in the column's own precision, so that 0.7 >= 0.7 holds in float32 and float16 too."""
    if pa.types.is_float16(kind):
        import numpy as np

        bound = float(np.float16(bound))
    return f"{bound!r}::{'FLOAT' if pa.types.is_float32(kind) or pa.types.is_float16(kind) else 'DOUBLE'}"


def where_verdict(sql: str, matched: str | None) -> str:
    """Return SQL for the verdict of an expression that gives true, false or null.

    `matched` is null where the scores have no row for the song; None if the expression is about SONGS alone.
    """
    missing = f"CASE WHEN {matched} IS NULL THEN {NO_ROW} ELSE {NULL} END" if matched else str(NULL)
    return f"coalesce((NOT ({sql}))::TINYINT, {missing})::TINYINT"


def top_verdict(rule: Rule, rank: str, count: str) -> str:
    """Return SQL for the verdict of `--top` and `--top-percent` from a row's rank and how many rows were ranked."""
    if rule.kind == "top":
        return f"(CASE WHEN {rank} <= {int(rule.bound)} THEN {PASSED} ELSE {FAILED} END)::TINYINT"
    share = max(Fraction(str(rule.bound)) / 100, LEAST_SHARE if rule.bound else Fraction(0))
    most = f"({count}::HUGEINT * {share.numerator} + {share.denominator - 1}) // {share.denominator}"
    return f"(CASE WHEN {rank} <= {most} THEN {PASSED} ELSE {FAILED} END)::TINYINT"


def reasons(rules: Sequence[Rule]) -> tuple[str, str]:
    """Return SQL for the first reason to drop a row, what failed before what could not be judged, and for all."""
    failed, words = [], []
    for i, rule in enumerate(rules):
        named = rule.column or rule.text
        missing = " ".join(f"WHEN {code} THEN {text(f'missing: {named} ({why})')}" for code, why in WHY_MISSING.items())
        failed.append(f"CASE mfq_v{i} WHEN {FAILED} THEN {text(rule.text)} END")
        words.append(f"CASE mfq_v{i} WHEN {FAILED} THEN {text(rule.text)} {missing} END")
    first = f"coalesce({', '.join([*failed, *words, 'NULL'])})::VARCHAR"
    return first, f"list_filter([{', '.join(words)}]::VARCHAR[], lambda word: word IS NOT NULL)"

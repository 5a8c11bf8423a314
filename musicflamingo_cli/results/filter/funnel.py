"""What became of the rows: decided a block at a time, counted rule by rule, told as lines and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from musicflamingo_cli.results.filter import rules as r
from musicflamingo_cli.results.filter.records import Block, Missing
from musicflamingo_cli.results.filter.rules import Rule

SWEEP_STEPS = 20
SHOWN_GROUPS = 20
"""Groups that are shown on a terminal; the JSON holds all."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the verdicts on a block come to."""

    kept: NDArray[np.bool_]
    missing: NDArray[np.bool_]
    """No rule failed, and at least one could not be judged."""
    first: NDArray[np.int8]
    """Position of the first rule that failed, or else of the first that could not be judged; -1 for neither."""


def decide(verdicts: NDArray[np.int8], missing: Missing) -> Decision:
    """Combine rules with and: one that failed drops a row, and one that could not be judged makes it missing."""
    failed, unknown = np.full((2, verdicts.shape[1]), -1, np.int8)
    for i in reversed(range(len(verdicts))):
        failed[verdicts[i] == r.FAILED] = i
        unknown[verdicts[i] > r.FAILED] = i
    passed = failed < 0
    lost = passed & (unknown >= 0)
    return Decision(passed if missing == "keep" else passed & ~lost, lost, np.where(passed, unknown, failed))


def reasons(
    block: Block, decision: Decision, rules: Sequence[Rule], which: NDArray[np.int64]
) -> tuple[pa.Array, pa.Array]:
    """Return, for the rows `which`, the first reason to drop each, and all of them, as text."""
    words = [_words(rule) for rule in rules]
    all_of = [
        [words[i][int(code)] for i, code in enumerate(block.verdicts[:, row]) if int(code) > r.PASSED] for row in which
    ]
    first = [words[int(decision.first[row])][int(block.verdicts[int(decision.first[row]), row])] for row in which]
    return pa.array(first, pa.string()), pa.array(all_of, pa.list_(pa.string()))


def _words(rule: Rule) -> dict[int, str]:
    missing = {code: f"missing: {rule.column or rule.text} ({why})" for code, why in r.WHY_MISSING.items()}
    return {r.FAILED: rule.text, **missing}


@dataclass(slots=True)
class Tally:
    """The counts of one group of rows, or of all."""

    rules: int
    rows: int = 0
    kept: int = 0
    missing: int = 0
    dropped: list[int] = field(default_factory=list)
    """By rule: rows of which it was the first to fail."""

    def add(self, kept: int, missing: int, dropped: Sequence[int], rows: int) -> None:
        """Add the counts of a block."""
        self.rows, self.kept, self.missing = self.rows + rows, self.kept + kept, self.missing + missing
        self.dropped = [a + b for a, b in zip(self.dropped or [0] * self.rules, dropped, strict=True)]

    def report(self, rules: Sequence[Rule]) -> dict[str, Any]:
        """Return the counts for JSON."""
        dropped = self.dropped or [0] * self.rules
        named = [{"rule": rule.text, "dropped": n} for rule, n in zip(rules, dropped, strict=True)]
        return {"rows_in": self.rows, "rules": named, "missing": self.missing, "kept": self.kept}


class Funnel:
    """Counts blocks as they pass."""

    def __init__(self, rules: Sequence[Rule], missing: Missing, per: str | None = None) -> None:
        self.rules = tuple(rules)
        self.missing: Missing = missing
        self.per = per
        self.all = Tally(len(self.rules))
        self.groups: dict[Any, Tally] = {}
        self.why: Counter[str] = Counter()
        """Missing rows by why."""
        self.failed = [0] * len(self.rules)
        """By rule: rows that it failed, whether or not an earlier rule had dropped them."""
        self.unknown = [0] * len(self.rules)
        """By rule: rows that it could not judge."""
        self.unmatched = 0
        """Rows of SONGS that the scores don't know."""

    def add(
        self,
        verdicts: NDArray[np.int8],
        matched: NDArray[np.bool_],
        weights: NDArray[np.int64] | None = None,
        groups: pa.Array | None = None,
    ) -> Decision:
        """Count rows by their verdicts [rules, rows], each `weights` times; return what becomes of them."""
        decision = decide(verdicts, self.missing)
        count = len(self.rules)
        outcome = np.where(decision.missing, count, np.where(decision.first >= 0, decision.first, count + 1))
        self._count(self.all, _tally(outcome, count + 2, weights))
        for i in range(count):
            self.failed[i] += _weight(verdicts[i] == r.FAILED, weights)
            self.unknown[i] += _weight(verdicts[i] > r.FAILED, weights)
        self.unmatched += _weight(~matched, weights)
        codes = verdicts[decision.first, np.arange(len(outcome))] if count else outcome
        for code, why in r.WHY_MISSING.items():
            missing = _weight(decision.missing & (codes == code), weights)
            if missing:
                self.why[why] += missing
        if groups is not None:
            self._add_groups(groups, outcome)
        return decision

    def _add_groups(self, groups: pa.Array, outcome: NDArray[np.int64]) -> None:
        count = len(self.rules)
        coded = groups if pa.types.is_dictionary(groups.type) else pc.dictionary_encode(groups, null_encoding="encode")
        places = pc.fill_null(coded.indices, len(coded.dictionary)).to_numpy(zero_copy_only=False)
        names = [*coded.dictionary.to_pylist(), None]
        table = np.zeros((len(names), count + 2), np.int64)
        np.add.at(table, (places, outcome), 1)
        for name, row in zip(names, table, strict=True):
            if row.any():
                key = name if name is None or isinstance(name, str | int | bool) else str(name)
                self._count(self.groups.setdefault(key, Tally(count)), row)

    def _count(self, tally: Tally, outcome: NDArray[np.int64]) -> None:
        count = len(self.rules)
        missing = int(outcome[count])
        kept = int(outcome[count + 1]) + (missing if self.missing == "keep" else 0)
        tally.add(kept, missing, [int(n) for n in outcome[:count]], int(outcome.sum()))

    def report(self) -> dict[str, Any]:
        """Return all counts for JSON; nothing in it depends on the time or the machine."""
        found = self.all.report(self.rules)
        for i, one in enumerate(found["rules"]):
            one |= {"failed": self.failed[i], "missing": self.unknown[i]}
        missing = {"policy": self.missing, "rows": self.all.missing, "why": dict(sorted(self.why.items()))}
        found |= {"missing": missing, "dropped": self.all.rows - self.all.kept, "without_scores_row": self.unmatched}
        if self.per:
            ordered = sorted(self.groups.items(), key=_group_order)
            found["per"] = self.per
            found["groups"] = [{"group": name, **tally.report(self.rules)} for name, tally in ordered]
        return found

    def lines(self) -> list[str]:
        """Return the funnel for a person."""
        named = [("rows in", self.all.rows, "")]
        for rule, n in zip(self.rules, self.all.dropped or [0] * len(self.rules), strict=True):
            named.append((f"  dropped by {rule.text}", n, ""))
        why = ", ".join(f"{n} {name}" for name, n in sorted(self.why.items()))
        policy = {"drop": "dropped", "keep": "kept", "fail": "not allowed"}[self.missing]
        named.append((f"  missing, {policy}", self.all.missing, f"({why})" if why else ""))
        share = f"({100 * self.all.kept / self.all.rows:.1f} %)" if self.all.rows else ""
        named.append(("kept", self.all.kept, share))
        wide = min(max(len(name) for name, _, _ in named), 100)
        digits = max(len(str(n)) for _, n, _ in named)
        found = [f"{name:<{wide}}  {n:>{digits}}  {more}".rstrip() for name, n, more in named]
        return [*found, *self._group_lines()]

    def _group_lines(self) -> list[str]:
        if not self.per:
            return []
        ordered = sorted(self.groups.items(), key=lambda item: (-item[1].rows, _group_order(item)))
        found = [f"per {self.per}: rows in, dropped by each rule, missing, kept"]
        for name, tally in ordered[:SHOWN_GROUPS]:
            dropped = " ".join(f"-{n}" for n in tally.dropped)
            shown = "(null)" if name is None else str(name)
            found.append(f"  {shown[:40]:<40} {tally.rows}  {dropped}  missing {tally.missing}  kept {tally.kept}")
        if len(ordered) > SHOWN_GROUPS:
            found.append(f"  and {len(ordered) - SHOWN_GROUPS} more groups; --report-json holds them all")
        return found


def _tally(outcome: NDArray[Any], length: int, weights: NDArray[np.int64] | None) -> NDArray[np.int64]:
    counted = np.bincount(outcome, minlength=length) if weights is None else np.zeros(length, np.int64)
    if weights is not None:
        np.add.at(counted, outcome, weights)
    return counted


def _weight(mask: NDArray[np.bool_], weights: NDArray[np.int64] | None) -> int:
    return int(np.count_nonzero(mask) if weights is None else weights[mask].sum())


def _group_order(item: tuple[Any, Tally]) -> tuple[bool, str]:
    return (item[0] is None, str(item[0]))


class Sweep:
    """How many rows each threshold would keep, with the other rules in force."""

    def __init__(self, column: str, ends: tuple[float, float], rules: Sequence[int], missing: Missing) -> None:
        low, high = ends
        self.column = column
        self.thresholds = np.array([round(low + (high - low) * i / SWEEP_STEPS, 10) for i in range(SWEEP_STEPS + 1)])
        self.reached = np.zeros(SWEEP_STEPS + 1, np.int64)
        self.rows = self.missing = 0
        self._rules = list(rules)
        self._policy: Missing = missing

    def add(self, block: Block) -> None:
        """Count a block."""
        still = decide(block.verdicts[self._rules], self._policy).kept
        values = block.swept().filter(pa.array(still))
        self.rows += len(still)
        self.missing += values.null_count
        known = values.drop_null().to_numpy()
        steps = np.searchsorted(self.thresholds, known, side="right")
        self.reached += np.bincount(steps, minlength=len(self.thresholds) + 1)[::-1].cumsum()[::-1][1:]

    def report(self) -> dict[str, Any]:
        """Return the table for JSON."""
        extra = self.missing if self._policy == "keep" else 0
        rows = [
            {"threshold": float(t), "kept": int(n) + extra, "dropped": self.rows - int(n) - extra}
            for t, n in zip(self.thresholds, self.reached, strict=True)
        ]
        return {"column": self.column, "rows_in": self.rows, "missing": self.missing, "thresholds": rows}

    def lines(self) -> list[str]:
        """Return the table for a person; tab-separated, so that a program can read it too."""
        found = ["threshold\tkept\tdropped"]
        return found + [
            f"{one['threshold']:.2f}\t{one['kept']}\t{one['dropped']}" for one in self.report()["thresholds"]
        ]

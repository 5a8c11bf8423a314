"""What became of the rows: counted rule by rule, told as lines and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from musicflamingo_cli.results.filter import rules as r
from musicflamingo_cli.results.filter.rules import Missing, Rule

SWEEP_STEPS = 20
SHOWN_GROUPS = 20
"""Groups that are shown on a terminal; the JSON holds all."""


@dataclass(frozen=True, slots=True)
class Count:
    """How often one combination of verdicts came."""

    verdicts: tuple[int, ...]
    """By rule: the codes of `rules`."""
    known: bool
    """Whether the scores have a row for these songs."""
    rows: int
    """Rows of SONGS."""
    group: Any = None
    """Value of the column that the report is broken down by."""


@dataclass(slots=True)
class Tally:
    """The counts of one group of rows, or of all."""

    dropped: list[int]
    """By rule: rows of which it was the first to fail."""
    rows: int = 0
    kept: int = 0
    missing: int = 0
    """Rows that no rule failed, and at least one could not judge."""

    def report(self, rules: Sequence[Rule]) -> dict[str, Any]:
        """Return the counts for JSON."""
        named = [{"rule": rule.text, "dropped": n} for rule, n in zip(rules, self.dropped, strict=True)]
        return {"rows_in": self.rows, "rules": named, "missing": self.missing, "kept": self.kept}


class Funnel:
    """What the verdicts on all rows come to: rules are combined with and; what could not be judged is missing."""

    def __init__(self, rules: Sequence[Rule], missing: Missing, per: str | None, counts: Iterable[Count]) -> None:
        self.rules = tuple(rules)
        self.missing: Missing = missing
        self.per = per
        self.all = Tally([0] * len(self.rules))
        self.groups: dict[Any, Tally] = {}
        self.why: Counter[str] = Counter()
        """Missing rows by why."""
        self.failed = [0] * len(self.rules)
        """By rule: rows that it failed, whether or not an earlier rule had dropped them."""
        self.unknown = [0] * len(self.rules)
        """By rule: rows that it could not judge."""
        self.unmatched = 0
        """Rows of SONGS that the scores don't know."""
        for count in counts:
            self._add(count)

    def _add(self, count: Count) -> None:
        failed = [i for i, verdict in enumerate(count.verdicts) if verdict == r.FAILED]
        unknown = [i for i, verdict in enumerate(count.verdicts) if verdict > r.FAILED]
        tallies = [self.all]
        if self.per:
            name = count.group
            key = name if name is None or isinstance(name, str | int | bool) else str(name)
            tallies.append(self.groups.setdefault(key, Tally([0] * len(self.rules))))
        for tally in tallies:
            tally.rows += count.rows
            if failed:
                tally.dropped[failed[0]] += count.rows
            elif unknown:
                tally.missing += count.rows
            if not failed and (not unknown or self.missing == "keep"):
                tally.kept += count.rows
        if unknown and not failed:
            self.why[r.WHY_MISSING[count.verdicts[unknown[0]]]] += count.rows
        for i in failed:
            self.failed[i] += count.rows
        for i in unknown:
            self.unknown[i] += count.rows
        self.unmatched += 0 if count.known else count.rows

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
        for rule, n in zip(self.rules, self.all.dropped, strict=True):
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


def _group_order(item: tuple[Any, Tally]) -> tuple[bool, str]:
    return (item[0] is None, str(item[0]))


@dataclass(frozen=True, slots=True)
class Sweep:
    """How many rows each threshold would keep, with the other rules in force."""

    column: str
    rows: int
    """All rows of SONGS."""
    missing: int
    """Rows without a usable value, of those that the other rules keep."""
    kept: tuple[tuple[float, int], ...]
    """Threshold, and how many rows it keeps."""

    def report(self) -> dict[str, Any]:
        """Return the table for JSON."""
        rows = [{"threshold": at, "kept": kept, "dropped": self.rows - kept} for at, kept in self.kept]
        return {"column": self.column, "rows_in": self.rows, "missing": self.missing, "thresholds": rows}

    def lines(self) -> list[str]:
        """Return the table for a person; tab-separated, so that a program can read it too."""
        found = [f"{at:.2f}\t{kept}\t{self.rows - kept}" for at, kept in self.kept]
        return ["threshold\tkept\tdropped", *found]

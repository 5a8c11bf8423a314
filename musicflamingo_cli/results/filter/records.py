"""What a filter is asked, and what it finds out about SONGS' rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from musicflamingo_cli.results.aligned import column_of, numbers_of
from musicflamingo_cli.results.columns import Column, cast
from musicflamingo_cli.results.filter.rules import PASSED, Rule

Missing = Literal["drop", "keep", "fail"]


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of SONGS, in order, and what was found out about them."""

    songs: pa.RecordBatch
    found: pa.Table
    """What the join says of them."""
    verdicts: NDArray[np.int8]
    """[rules, rows]: the codes of `rules`."""
    matched: NDArray[np.bool_]
    """Whether the scores have a row for the song."""
    columns: tuple[Column, ...]
    """The scores' columns."""

    def added(self, mask: NDArray[np.bool_]) -> list[pa.Array]:
        """Return the scores' columns for some of the rows."""
        return [cast(self._some(c.internal, mask), c.kind) for c in self.columns]

    def groups(self) -> pa.Array:
        """Return the values of the column that the report is broken down by."""
        return column_of(self.found, "mfq_group")

    def ids(self, mask: NDArray[np.bool_]) -> pa.Array:
        """Return the ids of some of the rows as text; null for a row without one."""
        return self._some("mfq_id", mask)

    def swept(self) -> pa.Array:
        """Return the values whose thresholds are tried, float64; null where missing."""
        return column_of(self.found, "mfq_swept")

    def _some(self, name: str, mask: NDArray[np.bool_]) -> pa.Array:
        whole = column_of(self.found, name)
        return whole if mask.all() else whole.filter(pa.array(mask))


@dataclass(frozen=True, slots=True)
class Kept:
    """Some kept rows, in order."""

    songs: pa.RecordBatch
    added: tuple[pa.Array, ...]
    """The scores' columns."""
    ids: pa.Array | None
    """Text; None unless asked for."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each combination of verdicts came."""

    verdicts: NDArray[np.int8]
    """[rules, combinations]"""
    matched: NDArray[np.bool_]
    weights: NDArray[np.int64]
    """Rows of SONGS, by combination."""

    def with_passed(self, rows: int) -> Counts:
        """Return the counts with some rows more that are known to the scores and passed every rule."""
        return Counts(
            np.column_stack([self.verdicts, np.full(len(self.verdicts), PASSED, np.int8)]),
            np.append(self.matched, True),
            np.append(self.weights, rows),
        )

    @classmethod
    def of(cls, table: pa.Table | None, rules: int) -> Counts:
        """Read the counts that a result begins with."""
        if table is None:
            return cls(np.zeros((rules, 0), np.int8), np.zeros(0, bool), np.zeros(0, np.int64))
        verdicts = np.array([numbers_of(table, f"mfq_v{i}") for i in range(rules)], np.int8)
        matched = numbers_of(table, "mfq_known").astype(bool)
        return cls(verdicts.reshape(rules, table.num_rows), matched, numbers_of(table, "mfq_count"))


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything that decides what is said of a row."""

    rules: tuple[Rule, ...]
    """In the order of the funnel; those that rank stand last."""
    missing: Missing = "drop"
    per: str | None = None
    """Column whose values the report is broken down by."""
    sweep: str | None = None
    """Column for which thresholds are tried."""
    ids: bool = False
    """Whether blocks carry the ids as text."""

"""The quick way through a filter: the kept rows in order, and of the others only how often each verdict came."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.aligned import Selected, column_of, numbers_of
from musicflamingo_cli.results.columns import cast
from musicflamingo_cli.results.filter import rules as r
from musicflamingo_cli.results.filter.query import Filter
from musicflamingo_cli.results.filter.records import Counts, Kept
from musicflamingo_cli.results.filter.rules import bound_holds
from musicflamingo_cli.results.sandbox import QueryError, Sandbox

KNOWN = "mfq_m0 IS NOT NULL"


class Selection:
    """The kept rows of a filter; once they are read, the counts of all.

    Where a bound on the scores drops every row that lacks them (`_bounds`), the kept rows are joined on their own, the
    bound deciding before the join, and the others are joined once more without their columns, to be counted. Else
    there is one join, kept in memory: it costs more, since it carries the columns of rows that are dropped.

    Args:
        rows: Whether the kept rows are wanted, or only the counts.
        tables: Whether they are wanted with the scores' columns, or only their ids.
    """

    def __init__(self, chosen: Filter, sandbox: Sandbox, *, rows: bool, tables: bool) -> None:
        self._filter = chosen
        self._sandbox = sandbox
        self._rows = rows
        self._columns = chosen.added if tables else ()
        self._verdicts = [f"mfq_v{i}" for i in range(len(chosen.rules))]
        self._known = KNOWN if chosen.joined.sides else "true"
        self._found: list[pa.Table] = []
        self._taken = 0
        self._apart = rows and bool(self._bounds())

    def kept(self) -> Iterator[Kept]:
        """Yield the kept rows in order. Raises `UsageError` for an id that the scores have twice."""
        self._filter.joined.refuse_repeats(self._sandbox)
        names = [*(c.internal for c in self._columns), *(["mfq_id"] if self._filter.judgement.ids else [])]
        if self._apart:
            where = " AND ".join([*self._bounds(), self._is_kept()])
            statement = f"SELECT {', '.join(['mfq_row', *names])} FROM ({self._filter.judged}) WHERE {where}"
        else:
            statement = self._together(names)
        try:
            selected = Selected(self._sandbox.batches(f"{statement} ORDER BY mfq_row"))
            if not self._apart:
                counted = selected.take(0)
                self._found += [counted] if counted is not None else []
            if self._rows:
                yield from self._places(selected)
        except QueryError as problem:
            raise self._filter.spoken(problem) from None

    def counts(self) -> Counts:
        """Return how often each combination of verdicts came. Raises `UsageError` if the rows are not all there."""
        joined, count = self._filter.joined, len(self._verdicts)
        if self._apart:
            self._count_others(joined.songs.rows)
        counts = Counts.of(pa.concat_tables(self._found) if self._found else None, count)
        if self._apart and self._taken:
            counts = counts.with_passed(self._taken)
        if counts.weights.sum() != joined.songs.rows:
            joined.refuse_repeats(self._sandbox, exact=True)
            raise UsageError(f"{joined.songs.name}: its rows changed while it was read; is something writing it?")
        return counts

    def _count_others(self, rows: int) -> None:
        """Count the rows that are not kept: those with scores, and only if that is not all of them, those without."""
        for condition in (KNOWN, f"NOT ({KNOWN})"):
            if self._taken + sum(int(numbers_of(t, "mfq_count").sum()) for t in self._found) >= rows:
                return
            dropped = f"SELECT * FROM ({self._filter.judged}) WHERE {condition} AND NOT ({self._is_kept()})"
            try:
                self._found += [pa.Table.from_batches([b]) for b in self._sandbox.batches(self._counted(dropped))]
            except QueryError as problem:
                raise self._filter.spoken(problem) from None

    def _together(self, names: list[str]) -> str:
        """Return one query of the counts, with `mfq_row` -1, and of the kept rows."""
        if not self._rows:
            return f"SELECT -1::BIGINT AS mfq_row, * FROM ({self._counted(self._filter.judged)})"
        listed = "".join(f", {name}" for name in names)
        groups = ", ".join([*self._verdicts, "mfq_known"])
        nulls = "".join(f", NULL AS {name}" for name in names)
        carried = ", ".join(["mfq_row", *self._verdicts, f"({self._known})::TINYINT AS mfq_known", *names])
        return f"""WITH judged AS MATERIALIZED (SELECT {carried} FROM ({self._filter.judged}))
            SELECT -1::BIGINT AS mfq_row, {groups}, count(*) AS mfq_count{nulls} FROM judged GROUP BY {groups}
            UNION ALL SELECT mfq_row, {groups}, 0{listed} FROM judged WHERE {self._is_kept()}"""

    def _counted(self, query: str) -> str:
        groups = ", ".join([*self._verdicts, f"({self._known})::TINYINT AS mfq_known"])
        return f"SELECT {groups}, count(*) AS mfq_count FROM ({query}) GROUP BY ALL"

    def _places(self, selected: Selected) -> Iterator[Kept]:
        start, ids = 0, self._filter.judgement.ids
        for batch in self._filter.joined.songs.batches():
            table = selected.take(start + len(batch))
            if table is not None and table.num_rows:
                places = numbers_of(table, "mfq_row") - start
                self._taken += len(places)
                songs = batch if len(places) == len(batch) else batch.take(pa.array(places))
                added = tuple(cast(column_of(table, c.internal), c.kind) for c in self._columns)
                yield Kept(songs, added, column_of(table, "mfq_id") if ids else None)
            start += len(batch)

    def _is_kept(self) -> str:
        sign = f"<> {r.FAILED}" if self._filter.judgement.missing == "keep" else f"= {r.PASSED}"
        return " AND ".join(f"{name} {sign}" for name in self._verdicts) or "true"

    def _bounds(self) -> list[str]:
        """Return what holds of the scores' columns in every kept row, in a form that goes down to the file."""
        chosen = self._filter
        if chosen.judgement.missing == "keep" or any(rule.ranks for rule in chosen.rules):
            return []
        return [
            bound_holds(rule, column)
            for rule, column in zip(chosen.rules, chosen.ruled, strict=True)
            if column is not None and column.matched
        ]

"""Filtering: SONGS in their order, each block with the scores' columns and what every rule says of every row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.aligned import Aligned, numbers_of
from musicflamingo_cli.results.columns import Column, Columns, clean
from musicflamingo_cli.results.filter import rules as r
from musicflamingo_cli.results.filter.records import Block, Judgement
from musicflamingo_cli.results.filter.rules import Rule
from musicflamingo_cli.results.filter.where import refused, rewrite
from musicflamingo_cli.results.join import INTERNAL, Joined, check_types
from musicflamingo_cli.results.sandbox import QueryError, Sandbox


class Filter:
    """A filter over one SONGS table; checks everything that can be checked before a row is read.

    Raises:
        UsageError: A rule names no column, one of the wrong kind, or holds what a rule may not.
    """

    def __init__(self, joined: Joined, judgement: Judgement, sandbox: Sandbox) -> None:
        self.joined = joined
        self.judgement = judgement
        self._sandbox = sandbox
        self._columns: Columns = joined.columns()
        self._needed: list[Column] = []
        self._cleaned: dict[str, str] = {}
        self.ruled = [self._column(rule) for rule in judgement.rules]
        """The column that each rule goes by; None for an expression."""
        self._grouped = [self._columns.find(rule.per, "--per") if rule.per else None for rule in judgement.rules]
        self.rules = tuple(self._named(i, rule) for i, rule in enumerate(judgement.rules))
        self._verdicts = [self._verdict(i) for i in range(len(self.rules))]
        self._per = self._columns.find(judgement.per, "--per") if judgement.per else None
        self._sweep = self._columns.number(judgement.sweep, "--sweep") if judgement.sweep else None
        self.added = tuple(joined.added())
        self.judged, wanted = self._built()
        """Query of all rows, each with its verdicts `mfq_v0`, `mfq_v1`, ..."""
        self._statement = f"SELECT {', '.join(wanted)} FROM ({self.judged}) ORDER BY mfq_row"
        self._check()

    def blocks(self) -> Iterator[Block]:
        """Read SONGS once, in order. Raises `UsageError` for an id that the scores have twice."""
        self.joined.refuse_repeats(self._sandbox)
        aligned = Aligned(self._sandbox.batches(self._statement), self.joined, self._sandbox)
        try:
            for batch in self.joined.songs.batches():
                yield self._block(batch, aligned.take(len(batch)))
            aligned.finish()
        except QueryError as problem:
            raise self.spoken(problem) from None

    def sweep_ends(self) -> tuple[float, float]:
        """Return the lowest and highest threshold that a sweep tries: the column's range, 0..1 if it has none."""
        return (self._sweep.span if self._sweep else None) or (0.0, 1.0)

    def swept_rules(self) -> list[int]:
        """Return the positions of the rules that a sweep leaves in force.

        Those are all but the bounds on the same column, and but `--top`, which ranks what another threshold leaves.
        """
        name = self._sweep.name if self._sweep else None
        return [
            i
            for i, rule in enumerate(self.rules)
            if not (rule.ranks or (rule.kind in ("min", "max") and rule.column == name))
        ]

    def _block(self, batch: pa.RecordBatch, table: pa.Table) -> Block:
        verdicts = np.zeros((len(self.rules), len(batch)), np.int8)
        for i in range(len(self.rules)):
            verdicts[i] = numbers_of(table, f"mfq_v{i}")
        known = numbers_of(table, "mfq_known").astype(bool) if self.joined.sides else None
        matched = np.ones(len(batch), bool) if known is None else known
        return Block(batch, table, verdicts, matched, self.added)

    def _column(self, rule: Rule) -> Column | None:
        """Return the column that a rule goes by; None for an expression."""
        if rule.kind == "where":
            return None
        return self._columns.number(rule.column or "", "--by" if rule.ranks else f"--{rule.kind}")

    def _named(self, i: int, rule: Rule) -> Rule:
        """Return a rule with its columns by their full names."""
        column, group = self.ruled[i], self._grouped[i]
        return replace(rule, column=column.name if column else None, per=group.name if group else None)

    def _verdict(self, i: int) -> str:
        rule, column = self.rules[i], self.ruled[i]
        if column is not None:
            r.check_bound(rule, column)
            self._needed.append(column)
            return r.bound_verdict(rule, column)
        used: list[Column] = []

        def resolve(names: list[str]) -> list[str]:
            column, rest = self._columns.path(names, "--where")
            used.append(column)
            self._cleaned[column.internal] = clean(column.internal, column.kind, column.span)
            return [f"w_{column.internal}", *rest]

        sql = rewrite(rule.expression, self._sandbox, resolve)
        self._needed += used
        self._check_kind(rule, sql, list(dict.fromkeys(used)))
        return r.where_verdict(sql, next((c.matched for c in used if c.matched), None))

    def _check_kind(self, rule: Rule, sql: str, used: Sequence[Column]) -> None:
        statement = self._with_clean(self.joined.statement(self._sandbox, used), [c.internal for c in used])
        query = f"SELECT ({sql}) AS verdict FROM ({statement})"
        try:
            found = self._sandbox.rows(f"DESCRIBE {query}")
        except QueryError as problem:
            raise refused(rule.expression, str(self.spoken(problem))) from None
        if found[0][1] not in ("BOOLEAN", '"NULL"', "NULL"):
            raise refused(rule.expression, f"it gives {found[0][1]}, not true or false")

    def _with_clean(self, statement: str, names: Collection[str]) -> str:
        """Add the columns that expressions read to a query that has them, by internal name."""
        cleaned = "".join(f", {self._cleaned[name]} AS w_{name}" for name in names)
        return f"SELECT *{cleaned} FROM ({statement})"

    def _built(self) -> tuple[str, list[str]]:
        """Return the query of the judged rows, and what of it a block wants."""
        extra = [c for c in (self._per, self._sweep) if c]
        ranked = [group for group in self._grouped if group]
        needed = [*self._needed, *extra, *ranked, *self.added]
        query = self._with_clean(self.joined.statement(self._sandbox, needed), self._cleaned)
        plain = ", ".join(f"{sql} AS mfq_v{i}" for i, sql in enumerate(self._verdicts))
        query = f"SELECT *{', ' + plain if plain else ''} FROM ({query})"
        for i, rule in enumerate(self.rules):
            if rule.ranks:
                query = self._ranked(query, i, rule)
        wanted = ["mfq_row", *(f"mfq_v{i}" for i in range(len(self.rules)))]
        wanted += [c.internal for c in self.added]
        if self.joined.sides:
            wanted.append("(mfq_m0 IS NOT NULL)::TINYINT AS mfq_known")
        if self.judgement.ids:
            wanted.append("mfq_id")
        if self._sweep:
            wanted.append(f"{_as_written(self._sweep)} AS mfq_swept")
        if self._per:
            wanted.append(f"{self._per.internal} AS mfq_group")
        return query, wanted

    def _ranked(self, query: str, i: int, rule: Rule) -> str:
        """Rank the rows that are still in: all earlier rules passed, and the column to rank by is there."""
        column, group = self.ruled[i], self._grouped[i]
        missing = f" OR mfq_v{{}} >= {r.NULL}" if self.judgement.missing == "keep" else ""
        passed = [f"(mfq_v{j} = {r.PASSED}{missing.format(j)})" for j in range(i)]
        still = " AND ".join([*passed, f"mfq_v{i} = {r.PASSED}"])
        per = f", {group.internal}" if group else ""
        window = f"PARTITION BY ({still}){per}"
        order = f"ORDER BY {column.internal if column else 0} DESC, mfq_id, mfq_row"
        verdict = r.top_verdict(rule, f"row_number() OVER ({window} {order})", f"count(*) OVER ({window})")
        dropped = " AND ".join(passed) or "true"
        return (
            f"SELECT * REPLACE (CASE WHEN {still} THEN {verdict} WHEN {dropped} THEN mfq_v{i} "
            f"ELSE {r.NOT_RANKED} END::TINYINT AS mfq_v{i}) FROM ({query})"
        )

    def _check(self) -> None:
        """Refuse, before a row is read, a column that can't go through the join."""
        try:
            given = self._sandbox.schema(self._statement)
        except QueryError as problem:
            raise self.spoken(problem) from None
        check_types(given, self.added, self.joined)

    def spoken(self, problem: QueryError) -> UsageError:
        """Return an error in which columns have the names that a person knows."""
        names = {c.internal: c.name for c in self._columns.all}
        found = INTERNAL.sub(lambda m: names.get(m[1], m[0]), str(problem))
        asked = [rule.expression for rule in self.judgement.rules if rule.kind == "where"]
        if problem.of_values and asked:
            return refused(" and ".join(asked), f"{found} (try(...) makes it null there)")
        return QueryError(found)


def _as_written(column: Column) -> str:
    """Return SQL for a column as float64: a float32 as the decimal number that it was written from."""
    text = pa.types.is_float32(column.kind) or pa.types.is_float16(column.kind)
    return f"({clean(column.internal, column.kind, column.span)}){'::VARCHAR' if text else ''}::DOUBLE"

"""The statements of a filter: one judges every row, the others count the verdicts and read the rows in order.

Verdicts are kept in a table of their own, a few bytes a row, so that nothing is joined by id or evaluated twice. The
columns of the scores are fetched by their place for the rows that are written; SONGS' own are read by Arrow, since
DuckDB has no type for some of them (nanoseconds with a zone, 256-bit decimals, extensions) and checks no checksum.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.columns import Column, Columns, cast, clean
from musicflamingo_cli.results.filter import rules as r
from musicflamingo_cli.results.filter.funnel import SWEEP_STEPS, Count, Sweep
from musicflamingo_cli.results.filter.options import FilterOptions
from musicflamingo_cli.results.filter.rules import Rule
from musicflamingo_cli.results.filter.where import refused, rewrite
from musicflamingo_cli.results.join import INTERNAL, Joined, check_types, column_of, in_order, selection
from musicflamingo_cli.results.sandbox import QueryError, Sandbox
from musicflamingo_cli.results.sweep import kept_at

JUDGED = "mfq_judged"
"""The table of verdicts: `mfq_row`, `mfq_m0` (row of the scores; null without one), `mfq_v0`, `mfq_v1`, ..."""


class FilterQuery:
    """A filter over one SONGS table; checks everything that can be checked before a row is read.

    Raises:
        UsageError: A rule names no column, one of the wrong kind, or holds what a rule may not.
    """

    def __init__(self, joined: Joined, options: FilterOptions, sandbox: Sandbox) -> None:
        self.joined = joined
        self._options = options
        self._sandbox = sandbox
        self._columns: Columns = joined.columns()
        self._needed: list[Column] = []
        self._cleaned: dict[str, str] = {}
        self._ruled = [
            self._columns.number(rule.column, "--by" if rule.ranks else f"--{rule.kind}")
            if rule.column is not None
            else None
            for rule in options.rules
        ]
        """The column that each rule goes by; None for an expression."""
        self._grouped = [self._columns.find(rule.per, "--per") if rule.per else None for rule in options.rules]
        self.rules = tuple(
            replace(rule, column=column.name if column else None, per=group.name if group else None)
            for rule, column, group in zip(options.rules, self._ruled, self._grouped, strict=True)
        )
        """With the full names of their columns."""
        self._verdicts = [self._verdict(i) for i in range(len(self.rules))]
        self._per = self._columns.find(options.per, "--per") if options.per else None
        self._sweep = self._columns.number(options.sweep, "--sweep") if options.sweep else None
        self.added = tuple(joined.added())
        self._check_added()

    def judge(self) -> list[Count]:
        """Judge every row; return how often each combination of verdicts came, in every group.

        Raises:
            UsageError: The scores have an id twice, or an expression fails on what a row holds.
        """
        self.joined.refuse_repeats(self._sandbox)
        try:
            self._sandbox.run(f"CREATE TEMP TABLE {JUDGED} AS {self._judged()}")
        except QueryError as problem:
            raise self._spoken(problem) from None
        names = [f"mfq_v{i}" for i in range(len(self.rules))]
        group = ["mfq_group"] if self._per else []
        known = "mfq_m0 IS NOT NULL" if self.joined.sides else "true"
        listed = ", ".join([*names, f"{known} AS known", *group])
        counted = self._sandbox.batches(f"SELECT {listed}, count(*) AS n FROM {JUDGED} GROUP BY ALL")
        found = [
            Count(tuple(row[name] for name in names), row["known"], row["n"], row.get("mfq_group"))
            for batch in counted
            for row in batch.to_pylist()
        ]
        self.joined.check_rows(self._sandbox, sum(count.rows for count in found))
        return found

    def kept(self) -> Iterator[tuple[pa.RecordBatch, list[pa.Array]]]:
        """Yield the kept rows of SONGS in order, some at a time, with the scores' columns."""
        return self._rows(self._is_kept(range(len(self.rules))))

    def dropped(self) -> Iterator[tuple[pa.RecordBatch, list[pa.Array]]]:
        """Yield the other rows in the same way, with the first reason to drop each and a list of all."""
        return self._rows(f"NOT ({self._is_kept(range(len(self.rules)))})", r.reasons(self.rules))

    def kept_ids(self) -> Iterator[pa.Array]:
        """Yield the ids of the kept rows as text, in order; null for a row without one."""
        kept = self._is_kept(range(len(self.rules)))
        for batch in self._sandbox.batches(f"SELECT mfq_id FROM {JUDGED} WHERE {kept} ORDER BY mfq_row"):
            yield batch.column(0)

    def sweep(self) -> Sweep | None:
        """Count the rows that each threshold would keep, with the other rules in force; None if it is not asked for.

        Those are all but the bounds on the same column, and but `--top`, which ranks what another threshold leaves.
        """
        if self._sweep is None:
            return None
        bounds = [rule.kind in ("min", "max") and rule.column == self._sweep.name for rule in self.rules]
        others = [i for i, rule in enumerate(self.rules) if not (rule.ranks or bounds[i])]
        scores = f"SELECT mfq_swept AS v FROM {JUDGED} WHERE {self._is_kept(others)}"
        low, high = self._sweep.span or (0.0, 1.0)
        thresholds = [round(low + (high - low) * i / SWEEP_STEPS, 10) for i in range(SWEEP_STEPS + 1)]
        missing = int(self._sandbox.rows(f"SELECT count(*) - count(v) FROM ({scores})")[0][0])
        kept = kept_at(self._sandbox, scores, thresholds)
        if self._options.missing == "keep":
            kept = [count + missing for count in kept]
        return Sweep(self._sweep.name, self.joined.songs.rows, missing, tuple(zip(thresholds, kept, strict=True)))

    def _rows(self, chosen: str, more: Sequence[str] = ()) -> Iterator[tuple[pa.RecordBatch, list[pa.Array]]]:
        names = [column.internal for column in self.added]
        query = f"SELECT * FROM {JUDGED} WHERE {chosen}"
        if self.added:
            side = self.joined.sides[0]
            theirs = selection(side.table, side.id_position, "mfq_q0_", self.added, self._sandbox)
            query = f"SELECT j.*, {', '.join(names)} FROM ({query}) j LEFT JOIN ({theirs}) s ON j.mfq_m0 = s.row"
        # Sorted before the reasons are written out: they are long.
        query = f"SELECT {', '.join(['mfq_row', *names, *more])} FROM ({query} ORDER BY mfq_row)"
        kinds = [column.kind for column in self.added]
        for songs, found in in_order(self.joined.songs, self._sandbox.batches(query)):
            columns = [column_of(found, name) for name in found.column_names[1:]]
            yield songs, [cast(one, kind) for one, kind in zip(columns, kinds, strict=False)] + columns[len(kinds) :]

    def _is_kept(self, rules: Iterable[int]) -> str:
        sign = f"<> {r.FAILED}" if self._options.missing == "keep" else f"= {r.PASSED}"
        return " AND ".join(f"mfq_v{i} {sign}" for i in rules) or "true"

    def _verdict(self, i: int) -> str:
        rule, column = self.rules[i], self._ruled[i]
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
            raise refused(rule.expression, str(self._spoken(problem))) from None
        if found[0][1] not in ("BOOLEAN", '"NULL"', "NULL"):
            raise refused(rule.expression, f"it gives {found[0][1]}, not true or false")

    def _check_added(self) -> None:
        """Refuse a column that can't go through the join."""
        try:
            given = self._sandbox.schema(self.joined.statement(self._sandbox, self.added))
        except QueryError as problem:
            raise self._spoken(problem) from None
        check_types(given, self.added, self.joined)

    def _with_clean(self, statement: str, names: Collection[str]) -> str:
        """Add the columns that expressions read to a query that has them, by internal name."""
        cleaned = "".join(f", {self._cleaned[name]} AS w_{name}" for name in names)
        return f"SELECT *{cleaned} FROM ({statement})"

    def _judged(self) -> str:
        """Return the query of all rows of SONGS with their verdicts, and with what else is asked of every row."""
        asked = [column for column in (self._per, self._sweep, *self._grouped) if column]
        query = self._with_clean(self.joined.statement(self._sandbox, [*self._needed, *asked]), self._cleaned)
        verdicts = "".join(f", {sql} AS mfq_v{i}" for i, sql in enumerate(self._verdicts))
        query = f"SELECT *{verdicts} FROM ({query})"
        for i, rule in enumerate(self.rules):
            if rule.ranks:
                query = self._ranked(query, i, rule)
        wanted = ["mfq_row", *(f"mfq_v{i}" for i in range(len(self.rules)))]
        wanted += ["mfq_m0"] if self.joined.sides else []
        wanted += ["mfq_id"] if self._options.ids else []
        wanted += [f"{_as_written(self._sweep)} AS mfq_swept"] if self._sweep else []
        wanted += [f"{self._per.internal} AS mfq_group"] if self._per else []
        return f"SELECT {', '.join(wanted)} FROM ({query})"

    def _ranked(self, query: str, i: int, rule: Rule) -> str:
        """Rank the rows that are still in: all earlier rules passed, and the column to rank by is there."""
        column, group = self._ruled[i], self._grouped[i]
        missing = f" OR mfq_v{{}} >= {r.NULL}" if self._options.missing == "keep" else ""
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

    def _spoken(self, problem: QueryError) -> UsageError:
        """Return an error in which columns have the names that a person knows."""
        names = {c.internal: c.name for c in self._columns.all}
        found = INTERNAL.sub(lambda m: names.get(m[1], m[0]), str(problem))
        asked = [rule.expression for rule in self._options.rules if rule.kind == "where"]
        if problem.of_values and asked:
            return refused(" and ".join(asked), f"{found} (try(...) makes it null there)")
        return QueryError(found)


def _as_written(column: Column) -> str:
    """Return SQL for a column as float64: a float32 as the decimal number that it was written from."""
    text = pa.types.is_float32(column.kind) or pa.types.is_float16(column.kind)
    return f"({clean(column.internal, column.kind, column.span)}){'::VARCHAR' if text else ''}::DOUBLE"

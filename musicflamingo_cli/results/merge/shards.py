"""Merging shards and reruns of one kind of table: one row a song, the best one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.columns import cast, comes_back
from musicflamingo_cli.results.merge.cards import is_one_run, merged_card, unlike_rules
from musicflamingo_cli.results.merge.columns import STAGED, known, read_as, score_names, sql_type, together
from musicflamingo_cli.results.merge.rejects import bad_cells, id_in
from musicflamingo_cli.results.sandbox import QueryError, Sandbox, quoted, text
from musicflamingo_cli.results.spelling import is_twin, own_name, without_twins
from musicflamingo_cli.results.tables.cells import nullable
from musicflamingo_cli.results.tables.ids import id_column
from musicflamingo_cli.results.tables.table import OVERALL, Reject, Table

KIND = ("engine", "model", "revision", "prompt", "prompt_hash", "decode_mode")
"""What must be equal in all rows of tables that are merged."""
STATUS = ("ok", "partial", "failed", "skipped")
"""From best to worst."""
LINE = "manifest_row"
"""Position of a song in its manifest."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge of shards comes to, before it is written."""

    statement: str
    """Query of all columns, in the order of the output."""
    schema: pa.Schema
    counts: dict[str, Any]
    filled: dict[str, list[str]]
    """Columns that a table lacked, by table."""
    conflicts: str
    """Query of every row of the ids that have two different ok scores."""
    rejects: tuple[Reject, ...] = field(default=())


class Shards:
    """Tables of one kind, to be merged by id.

    Raises:
        UsageError: They are of different kinds (without `allow_mixed`), torn, or their columns don't go together; or a
            cell is not what its column holds, and is not `set_aside` as a reject.
    """

    def __init__(
        self, tables: Sequence[Table], on: str | None, sandbox: Sandbox, *, allow_mixed: bool, set_aside: bool
    ) -> None:
        self.tables = tuple(tables)
        self._sandbox = sandbox
        self._starts = list(accumulate((table.rows for table in tables), initial=0))
        """Position of each table's first row among all."""
        either = [name for name in (on or "").split("=", 1) if name]
        self._ids = [
            id_column(table, next((name for name in either if name in table.schema.names), on)) for table in tables
        ]
        self.id_name = self.tables[0].schema.names[self._ids[0]]
        self.schema = self._unified()
        self._numbered = all(LINE in t.schema.names and pa.types.is_integer(t.schema.field(LINE).type) for t in tables)
        self._bad = [
            bad_cells(*one, self.schema, sandbox, set_aside=set_aside) for one in zip(tables, self._ids, strict=True)
        ]
        self._create()
        self._check_types()
        if not allow_mixed:
            self._refuse_mixed()
        self._one_manifest = self._is_one_manifest()
        self._keeps_nameless = self._one_manifest and is_one_run(tables)
        """Whether rows without an id are kept: shards of one run make up its whole table again."""

    def merge(self) -> Merged:
        """Choose one row for every id: ok before partial, failed and skipped; then the newer; then the later table.

        Rows keep the order of the manifest where the tables agree on one, else that in which the ids come first.
        """
        names = [f"u.c{i}" for i in range(len(self.schema))]
        taken = "SELECT count(*) FROM ranked WHERE place = 1"
        places = f"SELECT pos, {'line' if self._one_manifest else 'first'} AS key FROM ranked WHERE place = 1"
        if self._keeps_nameless:
            places += f" UNION ALL {self._nameless_places()}"
        statement = (
            f"SELECT {', '.join(names)} FROM all_rows u JOIN ({places}) w ON u.pos = w.pos ORDER BY w.key, w.pos"
        )
        ids, rows = self._one("SELECT count(DISTINCT id) FROM ranked"), self._one("SELECT count(*) FROM ranked")
        if self._one(taken) != ids:
            raise AssertionError("a merge must give one row for every id")
        by_rank = "SELECT rank, count(*) FROM ranked WHERE place = 1 GROUP BY rank ORDER BY rank"
        counts: dict[str, Any] = {
            "tables": {t.name: t.rows for t in self.tables},
            "rows_in": sum(t.rows for t in self.tables),
            "rows_out": ids,
            "repeated": rows - ids,
            "conflicts": self._one("SELECT count(*) FROM differing"),
            "status": {(*STATUS, "other")[rank]: n for rank, n in self._sandbox.rows(by_rank)},
        }
        if self._keeps_nameless:
            kept = self._one(f"SELECT count(*) FROM ({self._nameless_places()})")
            counts |= {"without_id": kept, "rows_out": ids + kept}
        self.schema = self.schema.with_metadata(merged_card(self.tables, counts))
        return Merged(statement, self.schema, counts, self._filled(), self._conflicts(), tuple(self._rejects()))

    def _is_one_manifest(self) -> bool:
        """Return whether every table numbers its rows, and all agree which song stands where."""
        torn = (
            "SELECT 1 FROM ranked GROUP BY line HAVING line IS NULL OR min(id) <> max(id) "
            "UNION ALL SELECT 1 FROM ranked GROUP BY id HAVING min(line) <> max(line)"
        )
        return self._numbered and not self._sandbox.rows(f"SELECT * FROM ({torn}) LIMIT 1")

    def _nameless_places(self) -> str:
        line = f"c{self.schema.names.index(LINE)}"
        newest = f"row_number() OVER (PARTITION BY {line} ORDER BY pos DESC) = 1"
        return f"SELECT pos, {line} AS key FROM all_rows WHERE id IS NULL AND {line} IS NOT NULL QUALIFY {newest}"

    def batches(self, statement: str) -> Iterator[pa.RecordBatch]:
        """Stream the rows of a query with the merged schema."""
        for batch in self._sandbox.batches(statement):
            columns = [cast(values, kind) for values, kind in zip(batch.columns, self.schema.types, strict=True)]
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _one(self, query: str) -> int:
        return int(self._sandbox.rows(query)[0][0])

    def _create(self) -> None:
        """Bind the tables under one set of columns, rank the rows of each id, and find the ids with conflicts."""
        selects = [self._select(t, table) for t, table in enumerate(self.tables)]
        place = self.schema.names.index
        overall = f"c{place(OVERALL)} IS NOT NULL" if OVERALL in self.schema.names else "false"
        status = (
            f"c{place('status')}"
            if "status" in self.schema.names
            else f"CASE WHEN {overall} THEN 'ok' ELSE 'failed' END"
        )
        ranks = " ".join(f"WHEN {text(name)} THEN {i}" for i, name in enumerate(STATUS))
        at = (
            f"TRY_CAST(c{place('scored_at')} AS TIMESTAMPTZ)"
            if "scored_at" in self.schema.names
            else "NULL::TIMESTAMPTZ"
        )
        window = "PARTITION BY id ORDER BY rank, made DESC NULLS LAST, t DESC, pos DESC"
        rank = f"CASE {status} {ranks} ELSE {len(STATUS)} END"
        line = f"c{place(LINE)}" if self._numbered else "NULL::BIGINT"
        narrow = f"SELECT id, pos, t, {line} AS line, {rank} AS rank, {at} AS made FROM all_rows WHERE id IS NOT NULL"
        scores = [f"c{place(name)}" for name in score_names(self.schema)]
        self._run(f"CREATE TEMP VIEW all_rows AS {' UNION ALL '.join(selects)}")
        self._run(
            f"CREATE TEMP TABLE ranked AS SELECT *, row_number() OVER ({window}) AS place, "
            "min(pos) OVER (PARTITION BY id) AS first, "
            f"count(*) FILTER (rank = 0) OVER (PARTITION BY id) AS oks FROM ({narrow})"
        )
        self._run(
            "CREATE TEMP TABLE differing AS SELECT id FROM ranked "
            f"JOIN (SELECT pos AS p, row({', '.join(scores) or 0}) AS score FROM all_rows) s ON pos = p "
            "WHERE oks > 1 AND rank = 0 GROUP BY id HAVING count(DISTINCT score) > 1"
        )

    def _run(self, statement: str) -> None:
        try:
            self._sandbox.run(statement)
        except QueryError as problem:
            raise QueryError(f"{', '.join(t.name for t in self.tables)}: {problem}") from None

    def _check_types(self) -> None:
        """Refuse a column that DuckDB does not give back as what it was. Raises `UsageError` naming it."""
        names = ", ".join(f"c{i}" for i in range(len(self.schema)))
        given = self._sandbox.schema(f"SELECT {names} FROM all_rows")
        for one, found in zip(self.schema, given, strict=True):
            if not comes_back(found.type, one.type):
                holder = next(table.name for table in self.tables if one.name in table.schema.names)
                raise UsageError(f"{holder}: column '{one.name}' holds {one.type}, which can't be merged")

    def _select(self, t: int, table: Table) -> str:
        names = table.schema.names
        key = id_in(table, self._ids[t])
        wanted = [f"{key} AS id", f"{t} AS t", f"row + {self._starts[t]} AS pos"]
        for i, one in enumerate(self.schema):
            try:
                if one.name == self.id_name:
                    value = key
                elif one.name in names:
                    value = read_as(table, names.index(one.name), one.type)
                else:
                    value = f"NULL::{sql_type(one.type)}"
            except UsageError as problem:
                holder = next(t.name for t in self.tables if one.name in t.schema.names)
                raise UsageError(f"{holder}: column '{one.name}' {problem}") from None
            wanted.append(f"{value} AS c{i}")
        kept = f" WHERE NOT ({self._bad[t].where})" if self._bad[t].rejects else ""
        return f"SELECT {', '.join(wanted)} FROM ({table.relation(self._sandbox, range(len(names)), 'x')}){kept}"

    def _unified(self) -> pa.Schema:
        fields: dict[str, tuple[pa.DataType, Table]] = {}
        for t, table in enumerate(self.tables):
            for i, one in enumerate(table.schema):
                if is_twin(one.name) and own_name(one.name) == table.schema.names[self._ids[t]]:
                    continue  # an id is compared and written as one text
                name = self.id_name if i == self._ids[t] else one.name
                kind = pa.string() if i == self._ids[t] else nullable(one.type)
                fields[name] = (kind, table) if name not in fields else together(name, fields[name], (kind, table))
        guessed = any(table.form in STAGED for table in self.tables)
        kinds = {name: known(name, kind, set(fields)) if guessed else kind for name, (kind, _) in fields.items()}
        promised = [{one.name for one in table.schema if not one.nullable} for table in self.tables]
        full = set.intersection(*promised) - {self.id_name}
        return pa.schema([pa.field(n, k, nullable=n not in full) for n, k in kinds.items()])

    def _refuse_mixed(self) -> None:
        names = [name for name in KIND if name in self.schema.names]
        columns = ", ".join(["t", *(f"c{self.schema.names.index(name)}::VARCHAR" for name in names)])
        seen: dict[str, dict[Any, str]] = {}
        for t, *values in self._sandbox.rows(f"SELECT DISTINCT {columns} FROM all_rows ORDER BY ALL"):
            for name, value in zip(names, values, strict=True):
                if name in self.tables[t].schema.names:
                    seen.setdefault(name, {}).setdefault(value, self.tables[t].name)
        mixed = {name: values for name, values in seen.items() if len(values) > 1}
        for rule, told_by in unlike_rules(self.tables).items():
            mixed[rule] = {str(value): name for name, value in told_by}
        if mixed:
            told = "; ".join(
                f"{name} is {' but '.join(f'{value!r} in {where}' for value, where in values.items())}"
                for name, values in mixed.items()
            )
            raise UsageError(f"the tables are of different kinds: {told} (--allow-mixed merges them all the same)")

    def _filled(self) -> dict[str, list[str]]:
        found = {}
        for t, table in enumerate(self.tables):
            own = {*table.schema.names, self.id_name} - ({table.schema.names[self._ids[t]]} - {self.id_name})
            lacking = [name for name in without_twins(self.schema.names) if name not in own]
            if lacking:
                found[table.name] = lacking
        return found

    def _conflicts(self) -> str:
        tables = " ".join(f"WHEN {t} THEN {text(table.name)}" for t, table in enumerate(self.tables))
        shown = [n for n in ("scored_at", *score_names(self.schema)) if n in self.schema.names]
        columns = "".join(f", u.c{self.schema.names.index(n)} AS {quoted(n)}" for n in shown)
        return (
            f"SELECT r.id AS song_id, CASE r.t {tables} END AS merged_table, r.place = 1 AS taken{columns} "
            "FROM ranked r JOIN all_rows u ON r.pos = u.pos WHERE r.rank = 0 AND r.id IN (SELECT id FROM differing) "
            "ORDER BY r.first, r.pos"
        )

    def _rejects(self) -> Iterator[Reject]:
        for table in self.tables:
            yield from table.rejects
        for bad in self._bad:
            yield from bad.rejects
        if not self._keeps_nameless:
            for t, pos in self._sandbox.rows("SELECT t, pos FROM all_rows WHERE id IS NULL ORDER BY pos"):
                yield Reject(
                    self.tables[t].name, f"row {pos - self._starts[t] + 1}", None, "no_id", "the row has no id"
                )

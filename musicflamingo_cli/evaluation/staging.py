"""Scores and labels as temporary tables of text ids, to be joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.evaluation.picked import Picked, has_column, pick, pick_group, pick_id
from musicflamingo_cli.evaluation.records import Join
from musicflamingo_cli.extras import install_command
from musicflamingo_cli.results.sandbox import Limits, Sandbox, work_folder
from musicflamingo_cli.results.tables.ids import id_column
from musicflamingo_cli.results.tables.open import open_table
from musicflamingo_cli.results.tables.table import Table, naming_damage

NAMED = 3
"""So many ids are named where some have no match."""
ROW = Picked((), "row", pa.int64())
"""The row's number in its table."""
PACKAGES = {"mir_eval": "mir_eval", "sklearn": "scikit-learn", "scipy": "scipy"}
"""Module -> the package of the extra `eval` that it is in."""


@contextmanager
def opened(*names: str) -> Iterator[tuple[Sandbox, list[Table]]]:
    """Open tables in any form that `open_table` reads.

    Raises:
        UsageError: For one that can't be read, or without the extra `eval`.
    """
    absent = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if absent:
        raise UsageError(f"this needs {' and '.join(absent)}: {install_command('eval')}")
    with work_folder() as work:
        tables: list[Table] = []
        for name in names:
            folder = work / str(len(tables))
            folder.mkdir()
            tables.append(open_table(name, folder))
        for table in tables:
            table.verify()
        files = [path for table in tables for path in table.files]
        with naming_damage(tables), Sandbox(work, files, Limits()) as sandbox:
            yield sandbox, tables


def pick_groups(scores: Table, labels: Table, join: Join) -> tuple[dict[str, Picked], dict[str, Picked]]:
    """Return the columns of groups that LABELS has, and those that only SCORES has."""
    named = {alias: words for alias, words in (("drawn", join.group), ("per", join.per)) if words is not None}
    theirs = {alias: pick_group(labels, words) for alias, words in named.items() if has_column(labels, words)}
    return theirs, {alias: pick_group(scores, words) for alias, words in named.items() if alias not in theirs}


def check_matched(scores: Table, labels: Table, matched: int, some: Sequence[str]) -> None:
    """Raise `UsageError` where too few songs are in both tables."""
    if matched < 2:
        raise UsageError(
            f"{labels.name}: {matched} of its songs are in {scores.name}; name the ids with --on and --label-id"
            + (f" (not there: {', '.join(some)})" if some else "")
        )


def stage_scores(sandbox: Sandbox, name: str, table: Table, join: Join, values: Mapping[str, Picked]) -> None:
    """Stage a table of scores. Raises `UsageError` where an id stands twice."""
    stage(sandbox, name, table, pick_id(table, table.schema.names[id_column(table, join.on)]), values)
    twice = sandbox.rows(f"SELECT id FROM {name} GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT {NAMED}")
    if twice:
        some = ", ".join(str(row[0]) for row in twice)
        raise UsageError(f"{table.name} has ids more than once ({some}); mfq merge {table.name} makes one row of each")


def stage_labels(
    sandbox: Sandbox, table: Table, join: Join, values: Mapping[str, Picked], gathered: Mapping[str, str]
) -> None:
    """Stage one row a song; SQL says how the values of its rows are gathered, elsewhere any one is taken."""
    words = join.label_id or table.schema.names[id_column(table, None, "--label-id")]
    ids = pick_id(table, words)
    whole = pick(table, words if words in table.schema.names else words.partition(":")[0])
    stage(sandbox, "rated", table, ids, {"row": ROW, "whole": replace(whole, sql=f"{whole.sql}::VARCHAR"), **values})
    mixed = sandbox.rows(
        "SELECT id, min(whole), max(whole) FROM rated GROUP BY id HAVING min(whole) <> max(whole) ORDER BY id LIMIT 1"
    )
    if mixed:
        raise UsageError(f"{table.name}: --label-id makes one id '{mixed[0][0]}' of {mixed[0][1]} and {mixed[0][2]}")
    kept = ", ".join(f"{gathered.get(alias, f'any_value({alias})')} AS {alias}" for alias in values)
    sandbox.run(f"CREATE TEMP TABLE labels AS SELECT id, min(row) AS row, {kept} FROM rated GROUP BY id")


def stage(sandbox: Sandbox, name: str, table: Table, ids: Picked, values: Mapping[str, Picked]) -> None:
    """Make a temporary table of the rows that have an id, with `id` and the values under their aliases."""
    places = sorted({place for one in (ids, *values.values()) for place in one.places})
    picked = "".join(f", {one.sql} AS {alias}" for alias, one in values.items())
    rows = f"SELECT {ids.sql} AS id{picked} FROM ({table.relation(sandbox, places, 't')})"
    sandbox.run(f"CREATE TEMP TABLE {name} AS SELECT * FROM ({rows}) WHERE id IS NOT NULL")


def lacking(sandbox: Sandbox, ids: str) -> tuple[int, tuple[str, ...]]:
    """Return how many ids of a query of `id` and `row` are not in the table `scores`, and the first few of them."""
    lacking = f"SELECT id, min(row) AS row FROM ({ids}) WHERE id NOT IN (SELECT id FROM scores) GROUP BY id"
    count = int(sandbox.rows(f"SELECT count(*) FROM ({lacking})")[0][0])
    return count, tuple(str(row[0]) for row in sandbox.rows(f"SELECT id FROM ({lacking}) ORDER BY row LIMIT {NAMED}"))

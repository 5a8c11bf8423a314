"""Sources at the side of a catalogue: joined by id, weighed together, ranked; every row and its order kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.columns import Column, Columns, cast, clean, is_number
from musicflamingo_cli.results.join import Joined, Side, check_types, column_of, in_order, lacking, selection, side_id
from musicflamingo_cli.results.merge.combine import Combination, combined, ranked, scaled, source_value
from musicflamingo_cli.results.merge.options import MergeOptions, MergeResult, Normalise
from musicflamingo_cli.results.merge.rejects import reject_lines, write_rejects
from musicflamingo_cli.results.sandbox import Sandbox, text
from musicflamingo_cli.results.tables.audiobox import AUDIOBOX, SCALE, axis, is_audiobox, read_audiobox
from musicflamingo_cli.results.tables.ids import ID_NAMES, few_match, id_column
from musicflamingo_cli.results.tables.open import open_table
from musicflamingo_cli.results.tables.table import Table, naming_damage
from musicflamingo_cli.results.write.outputs import Outputs
from musicflamingo_cli.results.write.parquet import ParquetSink

DERIVED = "derived"
SHOWN = 8


@dataclass(slots=True)
class Sheet:
    """A catalogue with sources at its side and columns derived from them."""

    joined: Joined
    columns: Columns
    query: str
    derived: list[Column] = field(default_factory=list)

    def derive(self, name: str, sql: str, span: tuple[float, float] | None) -> None:
        """Add a column. Raises `UsageError` if there is one of that name: nothing is overwritten."""
        if any(c.name == name for c in self.columns.all):
            raise UsageError(
                f"there is a column '{name}' already; it is not written over (--as names the combined one)"
            )
        new = Column(name, name, DERIVED, pa.float64(), f"mfq_d{len(self.derived)}", None, span)
        self.derived.append(new)
        self.query = f"SELECT *, {sql} AS {new.internal} FROM ({self.query})"
        self.columns = Columns([*self.columns.all, new])


def sheet_of(joined: Joined, sandbox: Sandbox) -> Sheet:
    """Return the joined tables with all their columns."""
    columns = joined.columns()
    return Sheet(joined, columns, joined.statement(sandbox, columns.all))


def normalise(sheet: Sheet, how: Normalise) -> list[str]:
    """Add the ranks of columns; return the new columns' names."""
    group = sheet.columns.find(how.per, "--per") if how.per else None
    scores = [c.name for c in sheet.columns.all if c.span and is_number(c.kind)]
    if not (how.columns or scores):
        raise UsageError("--normalise rank: no table has a column of scores; say --normalise column=rank")
    found = [sheet.columns.number(name, "--normalise") for name in how.columns or scores]
    for column in found:
        value = f"({clean(column.internal, column.kind, column.span)})::DOUBLE"
        sheet.derive(f"{column.name}_rank", ranked(value, group.internal if group else None), (0.0, 1.0))
    return [f"{column.name}_rank" for column in found]


def write_sheet(sheet: Sheet, sandbox: Sandbox, path: Path, *, typed: bool) -> dict[str, int]:
    """Write every row of SONGS, in order, with the new columns; return how many rows each source knew (by name)."""
    joined, added = sheet.joined, [*sheet.joined.added(), *sheet.derived]
    matches = [f"mfq_m{k}" for k in range(len(joined.sides))]
    wanted = ["mfq_row", *matches, *(c.internal for c in added)]
    statement = f"SELECT {', '.join(wanted)} FROM ({sheet.query}) ORDER BY mfq_row"
    check_types(sandbox.schema(statement), added, joined)
    schema = joined.schema([pa.field(c.name, c.kind) for c in sheet.derived])
    sink = ParquetSink(path, schema, typed=typed)
    known = dict.fromkeys((side.name for side in joined.sides), 0)
    written = 0
    for songs, found in in_order(joined.songs, sandbox.batches(statement)):
        new = [cast(column_of(found, c.internal), c.kind) for c in added]
        sink.write(pa.RecordBatch.from_arrays([*songs.columns, *new], schema=schema))
        written += len(songs)
        for name, column in zip(known, matches, strict=True):
            known[name] += len(songs) - found.column(column).null_count
    joined.check_rows(sandbox, written)
    sink.close()
    return known


def join_sources(options: MergeOptions, work: Path, rows: Path) -> tuple[MergeResult, list[str]]:
    """Join every source to the catalogue, or to all the ids that they have if there is none."""
    if len(options.tables) > 1:
        raise UsageError("--with goes with one table at most; merge the shards first")
    _check_names(options)
    catalogue = open_table(options.tables[0], work, options.reading) if options.tables else None
    tables = [_source(options, k, work) for k in range(len(options.sources))]
    for table in tables:
        table.verify()
    inputs = [*tables, *([catalogue] if catalogue else [])]
    files = [path for table in inputs for path in table.files]
    with naming_damage(inputs), Sandbox(work, files, options.limits) as sandbox:
        base = catalogue or _all_ids(tables, options, sandbox, work)
        left, equals, right = (options.on or "").partition("=")
        at = id_column(base, left or None if catalogue else None)
        name = base.schema.names[at]
        sides = tuple(
            Side(table, side_id(table, right if equals else left or name, bool(equals)), source.name)
            for table, source in zip(tables, options.sources, strict=True)
        )
        joined = Joined(base, at, sides)
        joined.refuse_repeats(sandbox)
        sheet = sheet_of(joined, sandbox)
        if options.combination:
            _combine(sheet, options.combination, options)
        ranked = normalise(sheet, options.normalise) if options.normalise else []
        known = write_sheet(sheet, sandbox, rows, typed=options.typed)
        report = _report(options, joined, known, sandbox, with_songs=catalogue is not None)
        report |= {"derived": [c.name for c in sheet.derived], "ranked": ranked}
        if catalogue is not None:
            found = [joined.few_match(sandbox, side, known[side.name]) for side in sides]
        else:
            found = [_few_shared(sides, sandbox)]
    rejects = [reject for table in [*([catalogue] if catalogue else []), *tables] for reject in table.rejects]
    report["rejected"] = len(rejects)
    if options.rejects:
        with Outputs(if_changed=options.if_changed) as outputs:
            write_rejects(options.rejects, rejects, outputs, work)
    lines = [*_lines(options, report), *reject_lines(rejects, options.rejects), *(words for words in found if words)]
    return MergeResult(tuple(lines), report, name), [c.name for c in sheet.columns.all if c.span]


def write_ranked(path: Path, id_name: str, options: MergeOptions, sandbox: Sandbox, rows: Path) -> list[str]:
    """Write a table again with the ranks of its scores; return the new columns' names."""
    table = open_table(str(path), path.parent)
    joined = Joined(table, table.schema.names.index(id_name))
    sheet = sheet_of(joined, sandbox)
    names = normalise(sheet, options.normalise or Normalise())
    write_sheet(sheet, sandbox, rows, typed=options.typed)
    return names


def _combine(sheet: Sheet, how: Combination, options: MergeOptions) -> None:
    """Add the weighted mean of the sources, or of columns where the weights were tuned."""
    values = _tuned(sheet.columns, how.ranges)
    for source, side in zip(options.sources, sheet.joined.sides, strict=True):
        if source.name in how.weights and not how.ranges:
            column, scale = source.column, options.scales.get(source.name)
            if side.table.form == AUDIOBOX and (column is None or axis(column)):
                column, scale = axis(column), "rank" if scale == "rank" else None
            values[source.name] = source_value(source.name, column, scale, sheet.columns)
    sheet.derive(how.name, combined(values, how), (0.0, 1.0))


def _tuned(columns: Columns, ranges: Mapping[str, tuple[float, float]]) -> dict[str, str]:
    """Return SQL for columns by the names that they have in the output. Raises `UsageError`.

    Which of two tables has the plain name of a column that both hold depends on their order, so all of its names must
    have been weighed: the others end in the names of their sources.
    """
    values, known = {}, {c.name: c for c in columns.all}
    for name, ends in ranges.items():
        column = known.get(name) or columns.find(name, "--combine")
        twins = {c.name for c in columns.all if c.plain == column.plain}
        if not twins <= ranges.keys():
            raise UsageError(f"--combine: which table's is '{name}'? Tune all of {', '.join(sorted(twins))} together")
        values[name] = scaled(columns.number(f"{column.side}.{column.plain}", "--combine"), ends)
    return values


def _check_names(options: MergeOptions) -> None:
    names = [source.name for source in options.sources]
    repeated = next((n for n in names if names.count(n) > 1 or n in ("songs", DERIVED)), None)
    if repeated:
        raise UsageError(
            f"--with {repeated}=...: give every source a name of its own, other than 'songs' and '{DERIVED}'"
        )
    weights = options.combination.weights if options.combination and not options.combination.ranges else {}
    for flag, used in (("--combine", weights), ("--scale", options.scales)):
        unknown = [n for n in used if n not in names]
        if unknown:
            raise UsageError(f"{flag} {unknown[0]}: no source of that name (sources: {', '.join(names)})")


def _source(options: MergeOptions, k: int, work: Path) -> Table:
    source = options.sources[k]
    table = open_table(source.table, work, options.reading)
    if not is_audiobox(table):
        return table
    scale = options.scales.get(source.name)
    ends = scale if isinstance(scale, tuple) and (source.column is None or axis(source.column)) else SCALE
    return read_audiobox(table, options.audiobox_input, ends, work)


def _all_ids(tables: Sequence[Table], options: MergeOptions, sandbox: Sandbox, work: Path) -> Table:
    """Stage the ids of all sources, in the order in which they first come."""
    selects, start = [], 0
    for table in tables:
        at = side_id(table, (options.on or ID_NAMES[0]).rpartition("=")[2], options.on is not None)
        selects.append(f"SELECT id, row + {start} AS pos FROM ({selection(table, at, 'mfq_i', [], sandbox)})")
        start += table.rows
    path = work / "ids.parquet"
    distinct = f"SELECT id, min(pos) AS pos FROM ({' UNION ALL '.join(selects)}) WHERE id IS NOT NULL GROUP BY id"
    sandbox.run(f"COPY (SELECT id AS song_id FROM ({distinct}) ORDER BY pos) TO {text(str(path))} (FORMAT parquet)")
    return open_table(str(path), work)


def _few_shared(sides: Sequence[Side], sandbox: Sandbox) -> str | None:
    """Return a warning where every source shares under half of its ids with the others."""
    ids = [selection(side.table, side.id_position, "mfq_i", [], sandbox) for side in sides]
    warning = None
    for k, side in enumerate(sides if len(sides) > 1 else ()):
        others = " UNION ALL ".join(f"SELECT id FROM ({query})" for j, query in enumerate(ids) if j != k)
        count, ours = lacking(ids[k], others, sandbox)
        theirs = (" and ".join(s.table.name for s in sides if s is not side), lacking(others, ids[k], sandbox)[1])
        warning = few_match(side.table.rows - count, side.table.rows, (side.table.name, ours), theirs)
        if warning is None:
            break
    return warning


def _report(
    options: MergeOptions, joined: Joined, known: dict[str, int], sandbox: Sandbox, *, with_songs: bool
) -> dict[str, Any]:
    sources = []
    for side, source in zip(joined.sides, options.sources, strict=True):
        count, some = joined.unknown(sandbox, side) if with_songs else (0, [])
        sources.append(
            {
                "name": source.name,
                "table": source.table,
                "rows": side.table.rows,
                "songs_with": known[side.name],
                "songs_without": joined.songs.rows - known[side.name],
                "ids_not_in_songs": count,
                "some_of_them": some,
            }
        )
    songs = joined.songs.name if with_songs else None
    return {"songs": songs, "rows_out": joined.songs.rows, "sources": sources, "renamed": joined.renamed()}


def _lines(options: MergeOptions, report: dict[str, Any]) -> Iterator[str]:
    for one in report["sources"]:
        some = f" ({', '.join(one['some_of_them'])}{', ...' if one['ids_not_in_songs'] > 3 else ''})"
        lost = f"; {one['ids_not_in_songs']} of its ids are no song here{some}" if one["ids_not_in_songs"] else ""
        yield f"{one['name']}: {one['table']} has {one['songs_with']} songs, lacks {one['songs_without']}{lost}"
    pairs = [f"{new} ({old})" for old, new in report["renamed"].items()]
    if pairs:
        more = ", ..." if len(pairs) > SHOWN else ""
        yield f"columns that were there already are called: {', '.join(pairs[:SHOWN])}{more}"
    if options.combination is not None:
        said = ", ".join(f"{weight:g} {name}" for name, weight in options.combination.weights.items())
        missing = {"null": "null where a source is missing", "renormalise": "the rest where a source is missing"}
        yield f"{options.combination.name} = {said}; {missing[options.combination.missing]}"
    yield f"{report['rows_out']} rows out"

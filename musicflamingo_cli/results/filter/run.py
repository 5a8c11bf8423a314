"""One filter run: tables in, kept and dropped rows, ids and the funnel out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from musicflamingo_cli.errors import MfqError, UsageError
from musicflamingo_cli.results.filter.funnel import Funnel
from musicflamingo_cli.results.filter.options import FilterOptions, FilterResult
from musicflamingo_cli.results.filter.query import FilterQuery
from musicflamingo_cli.results.join import Joined, join_tables
from musicflamingo_cli.results.sandbox import Sandbox, work_folder
from musicflamingo_cli.results.spelling import TEXT_FORMS, twins_for
from musicflamingo_cli.results.tables.open import open_table
from musicflamingo_cli.results.tables.table import Reading, naming_damage
from musicflamingo_cli.results.write.formats import STDOUT, check_output, format_of, rows_format
from musicflamingo_cli.results.write.outputs import Outputs, check_folder, check_outputs
from musicflamingo_cli.results.write.parquet import ParquetSink, left_out, write_partitions, write_text

REASON, REASONS = "drop_reason", "drop_reasons"
FILTER_KEY = "mfq.filter"
"""Key, in a kept table's metadata, of the rules that made it and their funnel."""


class ExpectationError(MfqError):
    """The data is not what it was said to be (`--expect-min-rows`, `--missing fail`); nothing was written."""

    exit_code = 1


def filter_table(options: FilterOptions) -> FilterResult:
    """Filter SONGS. Raises `UsageError`, `OutputError`, or `ExpectationError` with nothing written."""
    forms = _check(options)
    with work_folder() as work, Outputs(if_changed=options.if_changed) as outputs:
        how = Reading(twins_for(() if options.dry_run else forms.values()), nulls=options.nulls)
        songs = open_table(options.songs, work, how)
        scores = open_table(options.scores, work, how) if options.scores else None
        joined = join_tables(songs, scores, options.on)
        if options.ids and joined.songs_id is None:
            raise UsageError(f"--ids: {songs.name} has no id column; name it with --on")
        if options.partition_by and options.partition_by not in joined.schema().names:
            raise UsageError(f"--partition-by: no column '{options.partition_by}' in the output")
        tables = [songs, *([scores] if scores else [])]
        for table in tables:
            # Where SONGS' rows are written, reading them is the check.
            if table is not songs or options.dry_run or not (options.output or options.dropped):
                table.verify()
        files = [path for table in tables for path in table.files]
        with naming_damage(tables), Sandbox(work, files, options.limits) as sandbox:
            query = FilterQuery(joined, options, sandbox)
            places = {} if options.dry_run else _places(options, forms, outputs, work)
            funnel = Funnel(query.rules, options.missing, options.per, query.judge())
            sweep = query.sweep()
            _write(query, funnel, forms, places)
            warnings = [
                w for side in joined.sides if (w := joined.few_match(sandbox, side, funnel.all.rows - funnel.unmatched))
            ]
            _expect(funnel, options.expect_min_rows, warnings)
            lost = _converted(joined, options, forms, places)
        swept = {} if sweep is None else {"sweep": sweep.report()}
        report = {"songs": songs.name, "scores": scores.name if scores else None, **funnel.report(), **swept}
        if options.report:
            body = orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
            outputs.part(options.report, work).write_bytes(body + b"\n")
    if sweep and any(rule.ranks for rule in options.rules):
        lost = [*lost, "--sweep counts without --top and --top-percent"]
    notes = [*warnings, *_notes(joined, funnel), *lost, *(f"unchanged: {name}" for name in outputs.unchanged)]
    return FilterResult(tuple(funnel.lines()), tuple(sweep.lines()) if sweep else (), tuple(notes), report)


def _check(options: FilterOptions) -> dict[str, str]:
    asked = (("-o", options.output), ("--dropped", options.dropped))
    forms = {}
    for flag, name in asked:
        if name is None:
            continue
        if flag == "-o" and options.partition_by:
            if options.form not in (None, "parquet") or name in STDOUT:
                raise UsageError("--partition-by writes a folder of Parquet; leave --format out and name a folder")
            check_folder(name)
            forms[flag] = "folder"
            continue
        forms[flag] = format_of(name, options.form) if flag == "-o" else rows_format(flag, name)
        check_output(name, forms[flag])
    outputs = (*asked, ("--ids", options.ids), ("--report-json", options.report))
    check_outputs(outputs, (options.songs, options.scores), folder="-o" if options.partition_by else None)
    return forms


@dataclass(frozen=True, slots=True)
class Place:
    """Where an output is written."""

    part: Path
    """What takes the output's name in the end."""
    rows: Path
    """The Parquet file that its rows go to first; `part` itself where that is the output."""


def _places(options: FilterOptions, forms: dict[str, str], outputs: Outputs, work: Path) -> dict[str, Place]:
    found = {}
    for flag, name in (("-o", options.output), ("--dropped", options.dropped), ("--ids", options.ids)):
        if name is not None:
            part = outputs.part(name, work, folder=forms.get(flag) == "folder")
            found[flag] = Place(part, part if forms.get(flag) in ("parquet", None) else work / f"rows{flag}.parquet")
    return found


def _write(query: FilterQuery, funnel: Funnel, forms: Mapping[str, str], places: Mapping[str, Place]) -> None:
    """Write the kept rows, the dropped ones and the kept ids, as far as there is a place for each."""
    schema = query.joined.schema()
    kinds = dict(zip(_free((REASON, REASONS), schema.names), (pa.string(), pa.list_(pa.string())), strict=True))
    why = query.joined.schema([pa.field(name, kind) for name, kind in kinds.items()])
    note = {FILTER_KEY: orjson.dumps(funnel.report(), option=orjson.OPT_NON_STR_KEYS).decode()}
    kept, dropped = funnel.all.kept, funnel.all.rows - funnel.all.kept
    for flag, rows, fields, expected in (("-o", query.kept, schema, kept), ("--dropped", query.dropped, why, dropped)):
        if flag not in places:
            continue
        sink = ParquetSink(places[flag].rows, fields, typed=forms[flag] not in TEXT_FORMS)
        written = 0
        for songs, added in rows():
            columns = [*songs.columns, *added]
            sink.write(pa.RecordBatch.from_arrays(columns, schema=fields))
            written += len(songs)
        sink.close(note)
        if written != expected:
            raise AssertionError(f"{flag}: {written} rows were written, and {expected} were counted")
    if "--ids" in places:
        with places["--ids"].part.open("wb") as file:
            for ids in query.kept_ids():
                file.write(_id_lines(ids))


def _free(names: tuple[str, ...], taken: list[str]) -> tuple[str, ...]:
    number = 2
    found = names
    while set(found) & set(taken):
        found = tuple(f"{name}_{number}" for name in names)
        number += 1
    return found


def _id_lines(ids: pa.Array) -> bytes:
    ids = ids.filter(pc.not_equal(ids, ""))
    broken = ids.filter(pc.match_substring_regex(ids, "[\r\n]"))
    if len(broken):
        raise UsageError(
            f"--ids: the id {broken[0].as_py()!r} holds a line break, so it can't stand in a list of lines"
        )
    return "".join(f"{song_id}\n" for song_id in ids.to_pylist()).encode()


def _converted(
    joined: Joined, options: FilterOptions, forms: Mapping[str, str], places: Mapping[str, Place]
) -> Sequence[str]:
    """Write the rows in the forms that were asked for; return what a person has to know of that."""
    said = []
    scores = tuple(c.name for c in joined.columns().all if c.span)
    id_name = None if joined.songs_id is None else joined.songs.schema.names[joined.songs_id]
    for flag, place in places.items():
        form = forms.get(flag, "parquet")
        if form == "folder":
            write_partitions(place.rows, place.part, options.partition_by or "")
        elif form != "parquet":
            with place.part.open("wb") as file:
                lost = write_text(place.rows, file, form, scores, id_name)
            said += [left_out(options.output, lost)] if lost else []
    return said


def _expect(funnel: Funnel, least: int | None, warnings: Sequence[str]) -> None:
    """Raise `ExpectationError` if the data is not what it was said to be."""
    tally = funnel.all
    said = "\n".join([*warnings, *funnel.lines()])
    if funnel.missing == "fail" and tally.missing:
        why = ", ".join(f"{n} {name}" for name, n in sorted(funnel.why.items()))
        raise ExpectationError(
            f"--missing fail: {tally.missing} rows could not be judged ({why}); nothing written\n{said}"
        )
    if least is not None and tally.kept < least:
        raise ExpectationError(f"--expect-min-rows {least}: only {tally.kept} kept; nothing written\n{said}")


def _notes(joined: Joined, funnel: Funnel) -> list[str]:
    found = []
    renamed = joined.renamed()
    if renamed:
        pairs = ", ".join(f"{new} ({old})" for old, new in list(renamed.items())[:6])
        more = ", ..." if len(renamed) > 6 else ""
        found.append(f"both tables have these columns, the scores' are called: {pairs}{more}")
    if funnel.unmatched:
        found.append(f"{funnel.unmatched} of {funnel.all.rows} rows have no row in {joined.sides[0].table.name}")
    for table in (joined.songs, *(side.table for side in joined.sides)):
        if table.rejects:
            first = table.rejects[0]
            found.append(f"{table.name}: {len(table.rejects)} rejected, first {first.place}: {first.error}")
    return found

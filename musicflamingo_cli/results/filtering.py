"""One filter run: tables in, kept and dropped rows, ids and the funnel out."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from musicflamingo_cli.errors import MfqError, UsageError
from musicflamingo_cli.results.filter import Filter
from musicflamingo_cli.results.filter_records import Block, Judgement
from musicflamingo_cli.results.funnel import Funnel, Sweep, reasons
from musicflamingo_cli.results.join import Joined, join_tables
from musicflamingo_cli.results.places import check_folder, check_outputs
from musicflamingo_cli.results.sandbox import Limits, Sandbox, work_folder
from musicflamingo_cli.results.selection import Selection
from musicflamingo_cli.results.sinks import (
    Outputs,
    ParquetSink,
    write_partitions,
    write_text,
)
from musicflamingo_cli.results.sources import open_table
from musicflamingo_cli.results.writers import STDOUT, check_output, format_of

FILTER_KEY = "mfq.filter"
"""Key, in a kept table's metadata, of the rules that made it and their funnel."""
REASON, REASONS = "drop_reason", "drop_reasons"


class ExpectationError(MfqError):
    """The data is not what it was said to be (`--expect-min-rows`, `--missing fail`); nothing was written."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """What a person asks of `mfq filter`."""

    songs: str
    judgement: Judgement
    scores: str | None = None
    on: str | None = None
    output: str | None = None
    form: str | None = None
    partition_by: str | None = None
    dropped: str | None = None
    ids: str | None = None
    report: str | None = None
    dry_run: bool = False
    if_changed: bool = False
    expect_min_rows: int | None = None
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class FilterResult:
    """What a filter did."""

    funnel: tuple[str, ...]
    """For a person, line by line."""
    sweep: tuple[str, ...]
    notes: tuple[str, ...]
    report: dict[str, Any]


def filter_table(options: FilterOptions) -> FilterResult:
    """Filter SONGS. Raises `UsageError`, `OutputError`, or `ExpectationError` with nothing written."""
    forms = _check(options)
    with work_folder() as work, Outputs(if_changed=options.if_changed) as outputs:
        songs = open_table(options.songs, work)
        scores = open_table(options.scores, work) if options.scores else None
        joined = join_tables(songs, scores, options.on)
        if options.ids and joined.songs_id is None:
            raise UsageError(f"--ids: {songs.name} has no id column; name it with --on")
        if options.partition_by and options.partition_by not in joined.schema().names:
            raise UsageError(f"--partition-by: no column '{options.partition_by}' in the output")
        files = [*songs.files, *(scores.files if scores else ())]
        with Sandbox(work, files, options.limits) as sandbox:
            chosen = Filter(joined, options.judgement, sandbox)
            places = {} if options.dry_run else _places(options, forms, outputs, work)
            run = _written(chosen, options, places, sandbox)
            run.check()
            for flag in ("-o", "--dropped"):
                if flag in places:
                    _convert(places[flag], forms[flag], options, run.score_names)
        result = run.result()
        if options.report:
            body = orjson.dumps(result.report, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
            outputs.part(options.report, work).write_bytes(body + b"\n")
    left = tuple(f"unchanged: {name}" for name in outputs.unchanged)
    return FilterResult(result.funnel, result.sweep, (*result.notes, *left), result.report)


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
        forms[flag] = format_of(name, options.form if flag == "-o" else None)
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
            part = outputs.part(name, work)
            found[flag] = Place(part, part if forms.get(flag) in ("parquet", None) else work / f"rows{flag}.parquet")
    return found


def _written(chosen: Filter, options: FilterOptions, places: dict[str, Place], sandbox: Sandbox) -> _Run:
    run = _Run(chosen, options, sandbox)
    kept = ParquetSink(places["-o"].rows, run.kept_schema) if "-o" in places else None
    dropped = ParquetSink(places["--dropped"].rows, run.dropped_schema) if "--dropped" in places else None
    run.pass_through(kept, dropped, places["--ids"].part if "--ids" in places else None)
    note = {FILTER_KEY: orjson.dumps(run.funnel.report(), option=orjson.OPT_NON_STR_KEYS).decode()}
    for sink in (kept, dropped):
        if sink is not None:
            sink.close(note)
    return run


def _convert(place: Place, form: str, options: FilterOptions, scores: tuple[str, ...]) -> None:
    if form == "folder":
        write_partitions(place.rows, place.part, options.partition_by or "")
    elif form != "parquet":
        with place.part.open("wb") as file:
            write_text(place.rows, file, form, scores)


class _Run:
    """One pass over SONGS."""

    def __init__(self, chosen: Filter, options: FilterOptions, sandbox: Sandbox) -> None:
        judgement = options.judgement
        self._sandbox = sandbox
        self.options = options
        self.filter = chosen
        self.funnel = Funnel(chosen.rules, judgement.missing, judgement.per)
        self.sweep: Sweep | None = None
        if judgement.sweep:
            self.sweep = Sweep(judgement.sweep, chosen.sweep_ends(), chosen.swept_rules(), judgement.missing)
        joined = chosen.joined
        self.kept_schema = joined.schema()
        self._reason_names = _free((REASON, REASONS), self.kept_schema.names)
        kinds = (pa.string(), pa.list_(pa.string()))
        self.dropped_schema = joined.schema([pa.field(n, k) for n, k in zip(self._reason_names, kinds, strict=True)])
        self.score_names = tuple(c.name for c in joined.columns().all if c.span)

    def pass_through(self, kept: ParquetSink | None, dropped: ParquetSink | None, allow: Path | None) -> None:
        """Read every row once, count it and write it where it belongs."""
        with open(allow, "wb") if allow else nullcontext() as allowed:  # noqa: PTH123 - beside nullcontext
            if dropped is None and self.sweep is None and not self.options.judgement.per:
                self._count_and_keep(kept, allowed)
                return
            for block in self.filter.blocks():
                groups = block.groups() if self.funnel.per else None
                decision = self.funnel.add(block.verdicts, block.matched, None, groups)
                if self.sweep is not None:
                    self.sweep.add(block)
                if kept is not None:
                    kept.write(_rows(block, decision.kept, (), kept.schema))
                if dropped is not None and not decision.kept.all():
                    which = np.flatnonzero(~decision.kept)
                    why = reasons(block, decision, self.filter.rules, which)
                    dropped.write(_rows(block, ~decision.kept, why, dropped.schema))
                if allowed is not None:
                    allowed.write(_id_lines(block.ids(decision.kept)))

    def _count_and_keep(self, kept: ParquetSink | None, allowed: BinaryIO | None) -> None:
        """Count all rows and write the kept ones, where nothing else is asked about the others."""
        wanted = kept is not None or allowed is not None
        selection = Selection(self.filter, self._sandbox, rows=wanted, tables=kept is not None)
        written = 0
        for some in selection.kept():
            written += len(some.songs)
            if kept is not None:
                kept.write(pa.RecordBatch.from_arrays([*some.songs.columns, *some.added], schema=kept.schema))
            if allowed is not None and some.ids is not None:
                allowed.write(_id_lines(some.ids))
        counts = selection.counts()
        self.funnel.add(counts.verdicts, counts.matched, counts.weights)
        if wanted and written != self.funnel.all.kept:
            raise AssertionError("the kept rows are not as many as were counted")

    def check(self) -> None:
        """Raise `ExpectationError` if the data is not what it was said to be."""
        tally, least = self.funnel.all, self.options.expect_min_rows
        said = "\n".join(self.funnel.lines())
        if self.funnel.missing == "fail" and tally.missing:
            why = ", ".join(f"{n} {name}" for name, n in sorted(self.funnel.why.items()))
            raise ExpectationError(
                f"--missing fail: {tally.missing} rows could not be judged ({why}); nothing written\n{said}"
            )
        if least is not None and tally.kept < least:
            raise ExpectationError(f"--expect-min-rows {least}: only {tally.kept} kept; nothing written\n{said}")

    def result(self) -> FilterResult:
        """Return what was counted."""
        joined = self.filter.joined
        scores = joined.sides[0].table.name if joined.sides else None
        report: dict[str, Any] = {"songs": joined.songs.name, "scores": scores}
        report |= self.funnel.report()
        if self.sweep is not None:
            report["sweep"] = self.sweep.report()
        lines = tuple(self.sweep.lines()) if self.sweep else ()
        return FilterResult(tuple(self.funnel.lines()), lines, tuple(_notes(joined, self.funnel)), report)


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


def _free(names: tuple[str, ...], taken: list[str]) -> tuple[str, ...]:
    number = 2
    found = names
    while set(found) & set(taken):
        found = tuple(f"{name}_{number}" for name in names)
        number += 1
    return found


def _rows(block: Block, mask: NDArray[np.bool_], more: tuple[pa.Array, ...], schema: pa.Schema) -> pa.RecordBatch:
    songs = block.songs.columns if mask.all() else block.songs.filter(pa.array(mask)).columns
    return pa.RecordBatch.from_arrays([*songs, *block.added(mask), *more], schema=schema)


def _id_lines(ids: pa.Array) -> bytes:
    ids = ids.filter(pc.not_equal(ids, ""))
    broken = ids.filter(pc.match_substring_regex(ids, "[\r\n]"))
    if len(broken):
        raise UsageError(
            f"--ids: the id {broken[0].as_py()!r} holds a line break, so it can't stand in a list of lines"
        )
    return "".join(f"{song_id}\n" for song_id in ids.to_pylist()).encode()

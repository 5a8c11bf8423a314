"""One merge run: shards into one table, or sources at the side of a catalogue; written whole, with what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.merge.columns import score_names
from musicflamingo_cli.results.merge.options import MergeOptions, MergeResult
from musicflamingo_cli.results.merge.rejects import SHOWN, reject_lines, write_rejects
from musicflamingo_cli.results.merge.shards import Merged, Shards
from musicflamingo_cli.results.sandbox import Sandbox, work_folder
from musicflamingo_cli.results.tables.open import open_table
from musicflamingo_cli.results.tables.table import NothingLeft, Reject, naming_damage
from musicflamingo_cli.results.write.formats import check_output, format_of, rows_format
from musicflamingo_cli.results.write.outputs import Outputs, check_outputs
from musicflamingo_cli.results.write.parquet import left_out, write_batches, write_rows, write_text


def merge_tables(options: MergeOptions) -> MergeResult:
    """Merge. Raises `UsageError` (nothing written but conflicts and rejects) or `OutputError`."""
    from musicflamingo_cli.results.merge.sources import join_sources

    form = format_of(options.output, options.form)
    check_output(options.output, form)
    for flag, name in (("--conflicts", options.conflicts), ("--rejects", options.rejects)):
        if name is not None:
            rows_format(flag, name)
    extra = (("--conflicts", options.conflicts), ("--rejects", options.rejects), ("--report-json", options.report))
    inputs = [*options.tables, *(s.table for s in options.sources), options.audiobox_input]
    check_outputs((("-o", options.output), *extra), inputs)
    with work_folder() as work, Outputs(if_changed=options.if_changed) as outputs:
        part = outputs.part(options.output, work)
        rows = part if form == "parquet" else work / "merged.parquet"
        try:
            result, scores = (join_sources if options.sources else _merge_shards)(options, work, rows)
        except NothingLeft as refusal:
            if options.rejects:
                with Outputs(if_changed=options.if_changed) as told:
                    write_rejects(options.rejects, refusal.rejects, told, work)
            raise
        if form != "parquet":
            with part.open("wb") as file:
                lost = write_text(rows, file, form, scores, result.id_name)
            if lost:
                result = replace(result, lines=(*result.lines, left_out(options.output, lost)))
        if options.report:
            body = orjson.dumps(result.report, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
            outputs.part(options.report, work).write_bytes(body + b"\n")
    return result


def _merge_shards(options: MergeOptions, work: Path, rows: Path) -> tuple[MergeResult, list[str]]:
    tables = [open_table(name, work, options.reading) for name in options.tables]
    for table in tables:
        table.verify()
    files = [path for table in tables for path in table.files]
    with naming_damage(tables), Sandbox(work, files, options.limits) as sandbox:
        shards = Shards(
            tables, options.on, sandbox, allow_mixed=options.allow_mixed, set_aside=options.rejects is not None
        )
        merged = shards.merge()
        report = {**merged.counts, "filled": merged.filled, "rejected": len(merged.rejects)}
        _side_outputs(options, sandbox, merged, work)
        if options.strict and merged.counts["conflicts"]:
            where = f"; {options.conflicts} lists them" if options.conflicts else "; --conflicts lists them"
            raise UsageError(f"--strict: {merged.counts['conflicts']} songs have two different ok scores{where}")
        if options.normalise is not None:
            from musicflamingo_cli.results.merge.sources import write_ranked

            plain = work / "plain.parquet"
            write_batches(shards.batches(merged.statement), merged.schema, plain)
            names = write_ranked(plain, shards.id_name, options, sandbox, rows)
        else:
            write_batches(shards.batches(merged.statement), merged.schema, rows, typed=options.typed)
            names = []
        report["ranked"] = names
    result = MergeResult(tuple(_lines(options, report, merged.rejects)), report, shards.id_name)
    return result, score_names(merged.schema)


def _side_outputs(options: MergeOptions, sandbox: Sandbox, merged: Merged, work: Path) -> None:
    """Write conflicts and rejects: also where the merge itself is then refused, as they say why."""
    with Outputs(if_changed=options.if_changed) as outputs:
        if options.conflicts:
            part, form = outputs.part(options.conflicts, work), rows_format("--conflicts", options.conflicts)
            write_rows(sandbox.batches(merged.conflicts), sandbox.schema(merged.conflicts), part, form, work)
        if options.rejects:
            write_rejects(options.rejects, merged.rejects, outputs, work)


def _lines(options: MergeOptions, report: Mapping[str, Any], rejects: Sequence[Reject]) -> Iterator[str]:
    for name, count in report["tables"].items():
        yield f"{name}: {count} rows"
    for name, columns in report["filled"].items():
        more = ", ..." if len(columns) > SHOWN else ""
        yield f"{name} lacks {len(columns)} columns, null here: {', '.join(columns[:SHOWN])}{more}"
    yield from reject_lines(rejects, options.rejects)
    if report["conflicts"]:
        where = options.conflicts or "--conflicts FILE lists them"
        yield f"{report['conflicts']} songs have two different ok scores; the newer one was taken ({where})"
    shares = ", ".join(f"{n} {status}" for status, n in report["status"].items()) or "none"
    seen = f"{report['rows_in']} rows in, {report['repeated']} of a song seen before"
    nameless = f", {report['without_id']} without an id" if report.get("without_id") else ""
    yield f"{seen}, {report['rows_out']} rows out: {shares}{nameless}"

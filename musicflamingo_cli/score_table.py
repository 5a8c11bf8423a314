"""Scoring: the cached replies of a run, in manifest order, to its table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.intake.packs import pack_hash
from musicflamingo_cli.monitor import counted
from musicflamingo_cli.records import RejectedRow, Song
from musicflamingo_cli.rescore import Reader, rare_collections, read_back
from musicflamingo_cli.results.outcome_rows import RunFacts
from musicflamingo_cli.results.run_card import run_card
from musicflamingo_cli.results.schema import (
    CAPTIONS,
    TableForm,
    captions,
    column_type,
    kept_cells,
)
from musicflamingo_cli.results.write.formats import (
    STDOUT,
    Layout,
    output,
    sweep_parts,
    write_table,
)
from musicflamingo_cli.run_context import RunContext
from musicflamingo_cli.score_stats import ColumnStatistics, bucket, narrow
from musicflamingo_cli.summary import Summary
from musicflamingo_cli.watch import Tick, Watch

if TYPE_CHECKING:
    from musicflamingo_cli.intake.manifest.parquet_typed import TypedColumns

INT64 = 2**63
TICK_ROWS = 32
"""So many rows are written between two looks at the clock."""


def write_scores(context: RunContext, run: str, summary: Summary, watch: Watch, form: str, began: datetime) -> None:
    """Read the cache back, in manifest order, into the table, and count it in the summary. Raises `OutputError`."""
    path = context.options.outputs.table
    rules, every_measure = context.options.rules, context.lookup.intake.plan.measures == "all"
    typed = context.manifest.typed(_kept_names(context))
    table = TableForm(context.pack, _keep_types(context, typed), rules.words, every_measure)
    scores = tuple(f.name for f in context.pack.fields if f.kind == "score")
    layout = Layout(table.schema(), scores, lambda: _card(context, summary, began))
    if rules.words and form == "csv":
        layout = replace(layout, schema=CAPTIONS)
    sweep_parts(path)
    with output(path) as file, rare_collections():
        asked = context.engine.asked
        reader = Reader(context.cache, context.pack, asked, rules, run, table.rows(), _facts(context, began))
        read = read_back(reader, context.rows(), context.rows_total, os.cpu_count() or 1)
        made = _with_kept(read, table, typed) if table.keep else (row for _, row in read)
        rows = _counted(made, summary, watch, context.rows_total)
        write_table(rows if layout.schema is not CAPTIONS else captions(rows), layout, file, form)
    summary.output = None if path in STDOUT else path


def _counted(rows: Iterable[dict[str, Any]], summary: Summary, watch: Watch, total: int) -> Iterator[dict[str, Any]]:
    fields = [f for f in summary.pack.fields if f.kind == "score"] if summary.pack else []
    spans = {"overall_quality_score": (0.0, 1.0), **{f.name: (f.low or 0.0, f.high or 0.0) for f in fields}}
    columns = [ColumnStatistics(name) for name in spans]
    for row in rows:
        summary.add(row)
        for column in columns:
            column.add(row.get(column.name))
        held = bucket(row.get("overall_quality_score"))
        summary.buckets.update([held] if held else [])
        if summary.rows % TICK_ROWS == 0 or summary.rows == total:
            watch.on_tick(Tick("writing", summary.rows, total))
        yield row
    counted_columns = [column.summary() for column in columns]
    summary.scores = [asdict(column) for column in counted_columns]
    for one in counted_columns:
        close = narrow(one.name, one.count, one.quantiles, *spans[one.name]) if one.count else None
        warning = one.collapse_warning or close
        summary.notes += [f"warning: {warning}"] if warning else []


def _with_kept(
    read: Iterable[tuple[Song | RejectedRow, dict[str, Any]]], table: TableForm, typed: TypedColumns | None
) -> Iterator[dict[str, Any]]:
    """Yield table rows with what is kept of the manifest."""
    cells = typed.rows() if typed and typed.types else None
    for source, row in read:
        columns = dict(source.columns)
        if cells is not None:
            columns |= next(found for number, found in cells if number == source.manifest_row)
        yield {**row, **kept_cells(columns, table)}


def _kept_names(context: RunContext) -> list[str]:
    return [name for name in context.options.outputs.keep if name not in ("title", "song_id", "id")]


def _keep_types(context: RunContext, typed: TypedColumns | None) -> dict[str, Any]:
    """Return the types of the kept columns. Where they have none, it looks at every row, of all shards."""
    known = typed.types if typed else {}
    seen: dict[str, set[type]] = {name: set() for name in _kept_names(context) if name not in known}
    names = list(seen)
    if names and not typed:
        for row in context.manifest.rows():
            for name in names:
                value = row.columns.get(name)
                if value is not None:
                    wide = isinstance(value, int) and not -INT64 <= value < INT64
                    seen[name].add(str if wide else type(value))
    found = {name: column_type(types) for name, types in seen.items()} | known
    return {name: found[name] for name in _kept_names(context)}


def _facts(context: RunContext, began: datetime) -> RunFacts:
    def text(key: str) -> str | None:
        value = context.identity.get(key)
        return None if value is None else str(value)

    return RunFacts(
        engine=context.engine.name,
        model=text("model"),
        revision=text("revision"),
        prompt_hash=pack_hash(context.pack),
        decode_mode=text("decode") or "text",
        scored_at=began,
    )


def absolute(path: str) -> str:
    """Return a path as a run card tells it, `-` as it is."""
    return path if path == "-" else as_utf8(str(Path(path).absolute()))


def _card(context: RunContext, summary: Summary, began: datetime) -> dict[str, Any]:
    options, rules = context.options, context.options.rules
    root, shard = options.columns.audio_root, options.cache.shard
    settings = {
        **context.identity,
        "used": dict(context.engine.provenance),
        "licence": context.engine.licence,
        "weights": dict(rules.weights or {f.name: f.weight for f in context.pack.fields if f.weight}),
        "min_coverage": rules.min_coverage,
        "assume_scale": rules.assume_scale,
        "words_around": rules.words_around,
        "min_number_mass": rules.min_number_mass,
        "score_from": rules.score_from,
        "manifest": absolute(options.manifest),
        "audio_root": root and absolute(root),
        "shard": shard and f"{shard[0]}/{shard[1]}",
        "settings_file": options.settings_file and absolute(options.settings_file),
    }
    counts = {
        "rows": summary.rows,
        **counted(summary.status, summary.reasons),
        "repeated_ids": summary.repeated,
        "reruns": summary.reruns,
        "buckets": dict(summary.buckets),
        "scores": {column["name"]: _stated(column) for column in summary.scores},
    }
    return run_card(settings, began, counts)


def _stated(column: dict[str, Any]) -> dict[str, Any]:
    """What the run card says of a column of scores."""
    names = ("count", "mean", "median", "minimum", "maximum", "std", "distinct", "top_value", "top_share")
    return {k: column[k] for k in names} | {"quantiles": {f"{q:g}": v for q, v in column["quantiles"].items()}}


def as_utf8(name: str) -> str:
    """Return a file's name as text that JSON can hold: bytes that are no UTF-8 are written out."""
    return name.encode("utf-8", "backslashreplace").decode()

"""`mfq score` on one page: manifest -> cache (inference) -> table (scoring)."""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.errors import NotNow, Stopped, TooManyFailures, UsageError
from musicflamingo_cli.inference.locks import locked
from musicflamingo_cli.inference.model_pin import note_weights
from musicflamingo_cli.intake.packs import pack_hash
from musicflamingo_cli.monitor import STATUS_NAME, Monitor, counted
from musicflamingo_cli.records import RejectedRow, Song
from musicflamingo_cli.rescore import Finder, Reader, find_ahead, rare_collections, read_back
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
    check_output,
    format_of,
    output,
    sweep_parts,
    write_table,
)
from musicflamingo_cli.run_context import RunContext, holds_replies, kept_settings, open_run
from musicflamingo_cli.score_options import ScoreOptions
from musicflamingo_cli.score_stats import ColumnStatistics, bucket, narrow
from musicflamingo_cli.scoring.scorer import has_scores
from musicflamingo_cli.summary import Summary
from musicflamingo_cli.watch import Tick, Watch

if TYPE_CHECKING:
    from musicflamingo_cli.intake.manifest.parquet_typed import TypedColumns

INT64 = 2**63
TICK_ROWS = 32
"""So many rows are written between two looks at the clock."""


def score(options: ScoreOptions, watch: Watch | None = None) -> Summary:
    """Score a manifest into a table. Raises `MfqError` if the run can't be done or its output can't be written."""
    began, started = datetime.now(UTC), time.monotonic()
    outputs = options.outputs
    form = format_of(outputs.table, outputs.form)
    check_output(outputs.table, form, (options.manifest,))
    _check_apart(options)
    with ExitStack() as stack:
        context = open_run(options, stack)
        run = f"{began:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        summary = _opening(context)
        if options.cache.offline:
            _check_offline(context)
        else:
            _take_cache(context, stack, watch or Watch())
        monitor = stack.enter_context(_monitor(context))
        watch = _watched(watch or Watch(), monitor)
        ended: BaseException | None = None
        try:
            if not options.cache.offline:
                summary.audio_seconds = _infer(context, run, watch, monitor, summary).audio_seconds
        except (NotNow, TooManyFailures, Stopped) as end:
            if not outputs.partial:
                raise
            ended = end
        _write(context, run, summary, watch, (form, began))
        monitor.counts = counted(summary.status, summary.reasons)
        if ended is not None:
            raise ended
        options.limits.check_failures(summary.failed, summary.rows, summary.failures)
        summary.allowed = options.limits.failures is not None
        summary.seconds = time.monotonic() - started
        return summary


def _infer(context: RunContext, run: str, watch: Watch, monitor: Monitor, summary: Summary) -> Tick:
    """Inference: fill the cache with replies."""
    from musicflamingo_cli.inference.attempts import Journal
    from musicflamingo_cli.inference.runner import Runner, RunnerSettings

    options = context.options
    settings = RunnerSettings(
        run=run,
        rules=context.lookup,
        batching=options.batching,
        limits=options.limits,
        readable=partial(has_scores, asked=context.engine.asked, rules=options.rules),
    )
    if not context.lookup.refresh and context.lookup.retry != "unreadable":
        finder = Finder(context.cache, context.pack, context.lookup)
        hits = partial(find_ahead, finder, total=context.songs_total, processes=os.cpu_count() or 1)
        settings = replace(settings, hits=hits)
    with Journal(context.cache.folder, _shard_name(context, "attempts")) as journal:
        runner = Runner(context.engine, context.cache, context.pack, settings, journal, watch)
        monitor.failures, runner.calls.on_death = runner.progress.reasons, monitor.died
        try:
            return runner.fill(context.songs(), context.songs_total)
        finally:
            monitor.engine_seconds = runner.calls.seconds
            summary.reruns = context.engine.reruns + runner.entries.asked_again
            monitor.used = dict(context.engine.provenance)


def _write(context: RunContext, run: str, summary: Summary, watch: Watch, how: tuple[str, datetime]) -> None:
    """Scoring: read the cache back, in manifest order, into the table."""
    form, began = how
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


def _opening(context: RunContext) -> Summary:
    scan = context.manifest.scan
    cache = str(context.cache.folder) if context.options.cache.folder is not None else None
    return Summary(
        repeated=scan.repeated,
        repeated_ids=scan.repeated_ids,
        cache=cache,
        pack=context.pack,
        settings_file=context.options.settings_file,
    )


def _check_apart(options: ScoreOptions) -> None:
    """Refuse two files under one name: the later written would be all that is left. Raises `UsageError`."""
    files = {"what is read": options.manifest, "-o": options.outputs.table}
    files |= {"--stats": options.outputs.stats or "-", "--log-file": options.outputs.log or "-"}
    taken: dict[tuple[int, int] | str, str] = {}
    for option, path in files.items():
        place = None if path in STDOUT else _place(path)
        other = option if place is None else taken.setdefault(place, option)
        if other != option:
            raise UsageError(f"{option} {path} is also {other}; name another file")


def _place(path: str) -> tuple[int, int] | str | None:
    """Return what tells a file from another, by whatever name; None for what is no file, which many may share."""
    try:
        facts = Path(path).stat()
    except (OSError, ValueError):
        return os.path.realpath(path)
    return (facts.st_dev, facts.st_ino) if stat.S_ISREG(facts.st_mode) else None


def _take_cache(context: RunContext, stack: ExitStack, watch: Watch) -> None:
    context.cache.open()
    options, shard = context.options, context.options.cache.shard
    lock = locked(context.cache.folder, shard, wait=options.cache.wait, ends=options.limits.ends, say=watch.say)
    died = stack.enter_context(lock)
    held = context.engine.identity()["revision"]
    if held != context.identity["revision"]:
        note_weights(context.cache.folder, str(held))
    if died:
        context.cache.sweep(older_than_seconds=0.0 if shard is None else 600.0)


def _check_offline(context: RunContext) -> None:
    context.cache.check()
    if holds_replies(context.cache.folder):
        return
    root = context.options.cache.folder or ""
    there = "".join(f"\n  {line}" for line in kept_settings(Path(root), context.identity))
    known = f"it holds those of:{there}" if there else "it is empty"
    raise UsageError(
        f"the cache {root} holds no replies of --engine {context.engine.name} with these settings; {known}"
    )


def _monitor(context: RunContext) -> Monitor:
    options, outputs = context.options, context.options.outputs
    status = context.cache.folder / f"{_shard_name(context, STATUS_NAME[:-5])}.json"
    files: dict[Path, Path | None] = {} if options.cache.offline else {status: context.cache.root}
    if outputs.stats:
        files.setdefault(Path(outputs.stats))
    log = Path(outputs.log) if outputs.log else None
    short = {k: v for k, v in context.identity.items() if k not in ("prompt", "system", "fields")}
    return Monitor(
        files,
        log,
        {
            **short,
            "manifest": _utf8(context.manifest.name),
            "output": _utf8(outputs.table),
            "settings_file": options.settings_file,
        },
    )


def _watched(watch: Watch, monitor: Monitor) -> Watch:
    def both(tick: Tick) -> None:
        monitor.tick(tick)
        watch.on_tick(tick)

    return replace(watch, on_tick=both)


def _shard_name(context: RunContext, name: str) -> str:
    shard = context.options.cache.shard
    return name if shard is None else f"{name}.{shard[0]}-of-{shard[1]}"


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


def _absolute(path: str) -> str:
    return path if path == "-" else _utf8(str(Path(path).absolute()))


def _utf8(name: str) -> str:
    """Return a file's name as text that JSON can hold: bytes that are no UTF-8 are written out."""
    return name.encode("utf-8", "backslashreplace").decode()


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
        "manifest": _absolute(options.manifest),
        "audio_root": root and _absolute(root),
        "shard": shard and f"{shard[0]}/{shard[1]}",
        "settings_file": options.settings_file and _absolute(options.settings_file),
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

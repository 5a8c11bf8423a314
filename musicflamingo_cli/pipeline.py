"""`mfq score` on one page: manifest -> cache (inference) -> table (scoring)."""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from musicflamingo_cli.errors import NotNow, Stopped, TooManyFailures, UsageError
from musicflamingo_cli.inference.limits import Limits
from musicflamingo_cli.inference.locks import locked
from musicflamingo_cli.inference.model_pin import note_weights
from musicflamingo_cli.monitor import STATUS_NAME, Monitor, counted
from musicflamingo_cli.rescore import Finder, find_ahead
from musicflamingo_cli.results.write.formats import (
    STDOUT,
    check_output,
    format_of,
)
from musicflamingo_cli.run_context import RunContext, holds_replies, kept_settings, open_run
from musicflamingo_cli.score_options import ScoreOptions
from musicflamingo_cli.score_table import as_utf8, write_scores
from musicflamingo_cli.scoring.scorer import has_scores
from musicflamingo_cli.summary import Summary
from musicflamingo_cli.watch import Tick, Watch

if TYPE_CHECKING:
    from musicflamingo_cli.inference.runner import Runner


def score(options: ScoreOptions, watch: Watch | None = None) -> Summary:
    """Score a manifest into a table. Raises `MfqError` if the run can't be done or its output can't be written."""
    form = format_of(options.outputs.table, options.outputs.form)
    with opened(options, form, watch or Watch()) as run:
        context, summary = run.context, run.summary
        with run.ending_early() as ended:
            if not options.cache.offline:
                with filling(run, options.limits) as runner:
                    summary.audio_seconds = runner.fill(context.songs(), context.songs_total).audio_seconds
        write_scores(context, run.name, summary, run.watch, form, run.began)
        run.finish(ended)
        return summary


@dataclass(slots=True)
class Run:
    """A run that is under way. Made by `opened`."""

    name: str
    """Kept with every entry that it writes."""
    began: datetime
    started: float
    """The same, by the monotonic clock."""
    context: RunContext
    summary: Summary
    monitor: Monitor
    watch: Watch

    @contextmanager
    def ending_early(self) -> Iterator[list[BaseException]]:
        """Let the block end early and go on, with its end in the list, where a table of what there is was asked for."""
        ended: list[BaseException] = []
        try:
            yield ended
        except (NotNow, TooManyFailures, Stopped) as end:
            if not self.context.options.outputs.partial:
                raise
            ended.append(end)

    def finish(self, ended: Sequence[BaseException]) -> None:
        """Close the books when the table is written. Raises what ended the run early, or `TooManyFailures`."""
        summary, limits = self.summary, self.context.options.limits
        self.monitor.counts = counted(summary.status, summary.reasons)
        if ended:
            raise ended[0]
        limits.check_failures(summary.failed, summary.rows, summary.failures)
        summary.allowed = limits.failures is not None
        summary.seconds = time.monotonic() - self.started


@contextmanager
def opened(
    options: ScoreOptions, form: str, watch: Watch, *, pair: bool = False, reads: Sequence[str] = ()
) -> Iterator[Run]:
    """Check all that a person asked for, take the cache, and keep the status files up to date during the block.

    `pair` is true where songs are asked about in pairs; `reads` are files that are read beside the manifest.
    """
    began, started = datetime.now(UTC), time.monotonic()
    check_output(options.outputs.table, form, (options.manifest, *reads))
    _check_apart(options, reads)
    with ExitStack() as stack:
        context = open_run(options, stack, pair=pair)
        if options.cache.offline:
            _check_offline(context)
        else:
            _take_cache(context, stack, watch)
        monitor = stack.enter_context(_monitor(context))
        name = f"{began:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        yield Run(name, began, started, context, _opening(context), monitor, _watched(watch, monitor))


@contextmanager
def filling(run: Run, limits: Limits) -> Iterator[Runner]:
    """Stand ready to fill the cache with replies, and note at the end what the engine did."""
    from musicflamingo_cli.inference.attempts import Journal
    from musicflamingo_cli.inference.runner import Runner, RunnerSettings

    context, options = run.context, run.context.options
    settings = RunnerSettings(
        run=run.name,
        rules=context.lookup,
        batching=options.batching,
        limits=limits,
        readable=partial(has_scores, asked=context.engine.asked, rules=options.rules),
    )
    if not (context.lookup.refresh or context.lookup.retry == "unreadable" or context.pack.pair):
        finder = Finder(context.cache, context.pack, context.lookup)
        hits = partial(find_ahead, finder, total=context.songs_total, processes=os.cpu_count() or 1)
        settings = replace(settings, hits=hits)
    with Journal(context.cache.folder, _shard_name(context, "attempts")) as journal:
        runner = Runner(context.engine, context.cache, context.pack, settings, journal, run.watch)
        run.monitor.failures, runner.calls.on_death = runner.progress.reasons, run.monitor.died
        try:
            yield runner
        finally:
            context.engine.close()
            run.monitor.engine_seconds = runner.calls.seconds
            run.summary.reruns = context.engine.reruns + runner.entries.asked_again
            run.monitor.used = dict(context.engine.provenance)


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


def _check_apart(options: ScoreOptions, reads: Sequence[str]) -> None:
    """Refuse two files under one name: the later written would be all that is left. Raises `UsageError`."""
    outputs = options.outputs
    files = [("what is read", path) for path in (options.manifest, *reads)]
    files += [("-o", outputs.table), ("--stats", outputs.stats or "-"), ("--log-file", outputs.log or "-")]
    taken: dict[tuple[int, int] | str, str] = {}
    for option, path in files:
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
            "manifest": as_utf8(context.manifest.name),
            "output": as_utf8(outputs.table),
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

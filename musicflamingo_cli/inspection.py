"""Questions that are answered without a run: what would it do, what is known of a song, how is a run going."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from musicflamingo_cli.cache import entry_in, folders
from musicflamingo_cli.engines.base import OutOfMemory
from musicflamingo_cli.engines.parity import Parity, parity
from musicflamingo_cli.errors import EngineError, UsageError
from musicflamingo_cli.inference.estimates import LENGTH_COLUMNS, Lengths, stated_time
from musicflamingo_cli.inference.lookup import look_up
from musicflamingo_cli.inference.sample import first_requests
from musicflamingo_cli.inference.second_try import SecondTry
from musicflamingo_cli.monitor import STATUS_FILES, read_status
from musicflamingo_cli.records import Field, Rules
from musicflamingo_cli.run_context import open_run
from musicflamingo_cli.score_options import ScoreOptions
from musicflamingo_cli.scoring.scorer import has_scores, read_reply
from musicflamingo_cli.summary import Plan


def plan(options: ScoreOptions) -> Plan:
    """Say what `score` would do, without loading an engine or decoding anything."""
    with ExitStack() as stack:
        context = open_run(options, stack, LENGTH_COLUMNS)
        rules = context.lookup
        second = SecondTry(context.engine, partial(has_scores, asked=context.engine.asked, rules=options.rules))
        states: Counter[str] = Counter()
        lengths = Lengths(context.engine.clip_seconds)
        for song in context.songs():
            found = look_up(song, context.pack, context.cache.get, rules)
            state = "hear" if second.is_owed(found, rules.retry == "unreadable") else found.state
            states[state] += 1
            if state == "hear":
                lengths.add(song)
        scan = context.manifest.scan
        whole = options.cache.shard is None
        hours = lengths.whole(lengths.heard_seconds)
        decode = str(context.identity.get("decode"))
        pace = _last_pace(context.cache.folder)
        time = None if pace is None else (pace * lengths.songs, "at the last run's rate")
        time = time or stated_time(context.engine.name, decode, lengths, options.batching)
        return Plan(
            rows=context.rows_total,
            skipped=scan.skipped if whole else None,
            rejected=scan.rejected if whole else None,
            repeated=scan.repeated,
            cached=states["hit"],
            remembered=states["failed"],
            todo=states["hear"] + states["measure"],
            audio_seconds=hours,
            audio_basis=lengths.basis,
            spared_seconds=lengths.whole(lengths.spared_seconds) or 0.0,
            seconds=time and time[0],
            seconds_basis=time[1] if time else "",
            gpu_hour_price=options.gpu_hour_price,
        )


def known_of(song_id: str, cache_dir: str) -> list[dict[str, Any]]:
    """Return what each set of settings in a cache knows of a song: settings, entry, and its reply read again."""
    found = []
    for folder, settings in folders(Path(cache_dir)):
        entry = entry_in(folder, song_id)
        if entry is not None:
            fields = tuple(Field(**field) for field in settings.get("fields", ()))
            answers = [read_reply(reply, str(settings.get("prompt") or ""), fields, Rules()) for reply in entry.replies]
            known = {"folder": str(folder), "settings": settings, "entry": asdict(entry)}
            shown = [asdict(a) | {"fields": {n: one._asdict() for n, one in a.fields.items()}} for a in answers]
            found.append({**known, "answers": shown})
    return found


def status_of(where: str) -> list[dict[str, Any]]:
    """Return the status of every run that a stats file, a cache folder or a cache root tells of.

    Raises `UsageError` if it tells of none.
    """
    path = Path(os.path.expanduser(where))  # noqa: PTH111 - leaves a ~name that nobody has as it is
    files = [path.resolve()] if path.is_file() else sorted({*path.glob(STATUS_FILES), *path.glob(f"*/{STATUS_FILES}")})
    found = [status for status in map(read_status, files) if status is not None]
    if not found:
        raise UsageError(f"{where}: no run has left its status there; name a cache folder or the file of --stats")
    return found


def compared(options: ScoreOptions, count: int) -> tuple[Parity, Mapping[str, object]]:
    """Answer the first songs alone and in a batch; return the finding and what the engine used. Writes nothing.

    Raises `UsageError` if fewer than two songs can be heard, and `EngineError` if they can't be answered together.
    """
    if options.cache.offline:
        raise UsageError("--parity asks the model, and --offline does without; leave one out")
    with ExitStack() as stack:
        context = open_run(options, stack)
        if context.songs_total < 2:
            raise UsageError(f"--parity {count}: the manifest holds {context.songs_total} songs; it takes two")
        engine = context.engine
        engine.load()
        stack.callback(engine.close)
        for line in engine.notes:
            options.settings.say(line)
        intake = context.lookup.intake
        plan = replace(intake.plan, measures=engine.needs_measures, max_clip_seconds=engine.clip_seconds)
        workers = options.batching.workers
        requests = first_requests(context.songs(), count, context.pack, plan, intake.fetching, workers)
        if len(requests) < 2:
            raise UsageError(f"--parity {count}: of the first songs {len(requests)} can be heard; it takes two")
        try:
            return parity(engine, requests), dict(engine.provenance)
        except OutOfMemory as problem:
            said = f"{len(requests)} songs do not fit into one batch ({problem}); say a smaller --parity"
            raise EngineError(said) from None


def _last_pace(folder: Path) -> float | None:
    """Return the seconds a song of the last run, or shard, that had a rate."""
    last = [status for status in map(read_status, folder.glob(STATUS_FILES)) if status is not None]
    paces = [(str(status.get("updated")), status.get("seconds_per_song")) for status in last]
    known = [(when, pace) for when, pace in paces if isinstance(pace, float)]
    return max(known)[1] if known else None

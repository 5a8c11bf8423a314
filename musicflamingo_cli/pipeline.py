"""The whole road on one page: manifest -> cache (the dear half) -> table (the cheap half)."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from musicflamingo_cli.cache import Cache, entry_in, folders
from musicflamingo_cli.engines.base import Engine, EngineSettings
from musicflamingo_cli.engines.registry import build_engine, engine_class
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.inference.conversation import prompt_hash, render
from musicflamingo_cli.intake.manifest import Manifest, ManifestOptions, open_manifest
from musicflamingo_cli.intake.packs import load_pack, pack_hash
from musicflamingo_cli.records import Field, Outcome, Pack, RejectedRow, Rules, Song, Tick
from musicflamingo_cli.results.card import run_card
from musicflamingo_cli.results.table import RunFacts, TableForm, column_type, outcome_row, rejected_row
from musicflamingo_cli.results.writers import Layout, check_output, format_of, output, sweep_parts, write_table
from musicflamingo_cli.runs import Plan, ScoreOptions, Summary
from musicflamingo_cli.scoring.aggregate import ColumnStatistics, parse_weights
from musicflamingo_cli.scoring.scorer import outcome, read_reply

AUDIO_PREPARATION = {"sample_rate": 16000, "channels": "mean", "resampler": "soxr HQ"}
INT64 = 2**63


def score(options: ScoreOptions, on_tick: Callable[[Tick], None] = lambda tick: None) -> Summary:
    """Score a manifest into a table. Raises `MfqError` if the run can't be done or its output can't be written."""
    began, started = datetime.now(UTC), time.monotonic()
    form = format_of(options.output, options.form)
    check_output(options.output, form, (options.manifest,))
    with ExitStack() as stack:
        road = _open(options, stack)
        run = f"{began:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        summary = _opening(options, road)
        if options.offline:
            _check_offline(road, options.cache_dir)
        else:
            road.cache.open()
            road.cache.sweep()
            tick = _fill(options, road, run, on_tick)
            summary.audio_seconds = tick.audio_seconds
        table = TableForm(road.pack, _keep_types(road.manifest, options.keep))
        facts = _facts(road, began)
        scores = tuple(f.name for f in road.pack.fields if f.kind == "score")
        layout = Layout(table.schema(), scores, lambda: _card(road, summary, began))
        sweep_parts(options.output)
        with output(options.output) as file:
            rows = _rows(road, run, table, facts)
            write_table(_counted(rows, summary, on_tick, road.manifest.scan.rows), layout, file, form)
        summary.output = None if options.output == "-" else options.output
        summary.seconds = time.monotonic() - started
        return summary


def plan(options: ScoreOptions) -> Plan:
    """Say what `score` would do, without loading an engine or decoding anything."""
    from musicflamingo_cli.inference.lookup import look_up
    from musicflamingo_cli.intake.lengths import expected_seconds

    with ExitStack() as stack:
        road = _open(options, stack)
        rules = _lookup_rules(options, road.engine)
        states: Counter[str] = Counter()
        waiting, known, seconds = 0, 0, 0.0
        for song in road.songs():
            state = look_up(song, road.pack, road.cache.get, rules).state
            states[state] += 1
            if state == "hear":
                waiting += 1
                length = expected_seconds(song.path) if waiting <= 1000 else None
                known, seconds = known + (length is not None), seconds + (length or 0.0)
        scan = road.manifest.scan
        return Plan(
            rows=scan.rows,
            skipped=scan.skipped,
            rejected=scan.rejected,
            repeated=scan.repeated,
            cached=states["hit"],
            remembered=states["failed"],
            todo=states["hear"] + states["measure"],
            audio_seconds=seconds * waiting / min(waiting, 1000) if known else (0.0 if not waiting else None),
        )


@dataclass(frozen=True, slots=True)
class _Road:
    """What both halves of a run share."""

    pack: Pack
    engine: Engine
    identity: Mapping[str, object]
    cache: Cache
    manifest: Manifest
    rules: Rules

    def songs(self) -> Iterator[Song]:
        return (row for row in self.manifest.rows() if isinstance(row, Song))


def _open(options: ScoreOptions, stack: ExitStack) -> _Road:
    pack = load_pack(options.prompt or engine_class(options.engine).default_pack)
    TableForm(pack, {}).check()
    settings = EngineSettings(pack, options.model, options.revision, options.device, options.dtype, options.max_tokens)
    engine = build_engine(options.engine, settings)
    identity = identity_of(engine, pack)
    root = options.cache_dir
    if root is None:
        root = stack.enter_context(tempfile.TemporaryDirectory(prefix="mfq-"))
    cache = Cache(Path(root), f"{engine.name}-{pack.name}", identity)
    wanted = tuple(dict.fromkeys((*pack.columns, *options.keep)))
    chosen = ManifestOptions(options.id_column, options.audio_column, options.audio_root, wanted, options.limit)
    manifest = stack.enter_context(open_manifest(options.manifest, chosen))
    rules = options.rules
    if options.weights is not None:
        rules = replace(rules, weights=parse_weights(options.weights, pack.fields))
    return _Road(pack, engine, identity, cache, manifest, rules)


def identity_of(engine: Engine, pack: Pack) -> dict[str, object]:
    """Return all that decides which cache folder a run uses."""
    fields = [{"name": f.name, "kind": f.kind, "low": f.low, "high": f.high} for f in pack.asked]
    return {
        **engine.identity(),
        "pack": pack.name,
        "prompt_hash": pack_hash(pack),
        "prompt": pack.template,
        "system": pack.system,
        "fields": fields,
        "audio": AUDIO_PREPARATION,
    }


def _check_offline(road: _Road, cache_dir: str | None) -> None:
    if road.cache.folder.is_dir():
        return
    there = [folder.name for folder, _ in folders(Path(cache_dir or ""))]
    known = f"it holds {', '.join(there)}" if there else "it is empty"
    raise UsageError(f"the cache {cache_dir} holds no replies for {road.cache.folder.name}; {known}")


def _lookup_rules(options: ScoreOptions, engine: Engine) -> Any:
    from musicflamingo_cli.inference.lookup import LookupRules

    level: Literal["basic", "all"] = "all" if options.measure or engine.needs_measures == "all" else "basic"
    return LookupRules(level, options.refresh, options.retry_all, options.verify_audio)


def _fill(options: ScoreOptions, road: _Road, run: str, on_tick: Callable[[Tick], None]) -> Tick:
    from musicflamingo_cli.inference.runner import Runner, RunnerSettings
    from musicflamingo_cli.intake.audio import AudioPlan

    rules = _lookup_rules(options, road.engine)
    settings = RunnerSettings(
        run=run,
        rules=rules,
        workers=options.workers,
        batch_items=options.batch_size,
        decode_seconds=options.decode_seconds,
        plan=AudioPlan(clip=road.engine.needs_clip, measures=rules.measures),
    )
    runner = Runner(road.engine, road.cache, road.pack, settings, on_tick)
    return runner.fill(road.songs(), road.manifest.scan.songs)


def _rows(road: _Road, run: str, table: TableForm, facts: RunFacts) -> Iterator[dict[str, Any]]:
    for row in road.manifest.rows():
        if isinstance(row, RejectedRow):
            yield rejected_row(row, table, facts)
        else:
            yield outcome_row(_outcome(row, road, run), table, facts)


def _outcome(song: Song, road: _Road, run: str) -> Outcome:
    prompt, system = render(road.pack, song)
    entry = road.cache.get(song.song_id)
    what = outcome(song, entry, (prompt, prompt_hash(prompt, system)), road.pack, road.rules)
    return replace(what, cached=entry is not None and entry.run != run and what.reply is not None)


def _counted(
    rows: Iterable[dict[str, Any]], summary: Summary, on_tick: Callable[[Tick], None], total: int
) -> Iterator[dict[str, Any]]:
    names = [f.name for f in summary.pack.fields if f.kind == "score"] if summary.pack else []
    columns = [ColumnStatistics(name) for name in ("overall_quality_score", *names)]
    for row in rows:
        summary.add(row)
        for column in columns:
            column.add(row.get(column.name))
        on_tick(Tick("writing", summary.rows, total))
        yield row
    counted = [column.summary() for column in columns]
    summary.scores = [asdict(column) for column in counted]
    summary.notes += [f"warning: {column.collapse_warning}" for column in counted if column.collapse_warning]


def _opening(options: ScoreOptions, road: _Road) -> Summary:
    scan = road.manifest.scan
    cache = str(road.cache.folder) if options.cache_dir is not None else None
    return Summary(repeated=scan.repeated, repeated_ids=scan.repeated_ids, cache=cache, pack=road.pack)


def _keep_types(manifest: Manifest, keep: tuple[str, ...]) -> dict[str, Any]:
    """Look at the kept columns of every row to type them; costs a pass, only if there are any."""
    names = [name for name in keep if name not in ("title", "song_id", "id")]
    seen: dict[str, set[type]] = {name: set() for name in names}
    if names:
        for row in manifest.rows():
            for name in names:
                value = row.columns.get(name)
                if value is not None:
                    wide = isinstance(value, int) and not -INT64 <= value < INT64
                    seen[name].add(str if wide else type(value))
    return {name: column_type(types) for name, types in seen.items()}


def _facts(road: _Road, began: datetime) -> RunFacts:
    def text(key: str) -> str | None:
        value = road.identity.get(key)
        return None if value is None else str(value)

    return RunFacts(
        engine=road.engine.name,
        model=text("model"),
        revision=text("revision"),
        prompt_hash=pack_hash(road.pack),
        decode_mode=text("decode") or "text",
        scored_at=began,
    )


def _card(road: _Road, summary: Summary, began: datetime) -> dict[str, Any]:
    rules = road.rules
    settings = {
        **road.identity,
        "licence": road.engine.licence,
        "weights": dict(rules.weights or {f.name: f.weight for f in road.pack.fields if f.weight}),
        "min_coverage": rules.min_coverage,
        "manifest": road.manifest.name,
    }
    counts = {
        "rows": summary.rows,
        "status": dict(summary.status),
        "reasons": {f"{status}: {reason}": n for (status, reason), n in summary.reasons.items()},
        "repeated_ids": summary.repeated,
        "scores": {
            s["name"]: {k: s[k] for k in ("count", "mean", "median", "std", "distinct")} for s in summary.scores
        },
    }
    return run_card(settings, began, counts)


def known_of(song_id: str, cache_dir: str) -> list[dict[str, Any]]:
    """Return what each set of settings in a cache knows of a song: settings, entry, and its reply read again."""
    found = []
    for folder, settings in folders(Path(cache_dir)):
        entry = entry_in(folder, song_id)
        if entry is not None:
            fields = tuple(Field(**field) for field in settings.get("fields", ()))
            pack = Pack(str(settings.get("pack")), "", fields, str(settings.get("prompt") or ""))
            answers = [read_reply(reply, pack.template, pack, Rules()) for reply in entry.replies]
            known = {"folder": str(folder), "settings": settings, "entry": asdict(entry)}
            found.append({**known, "answers": [asdict(answer) for answer in answers]})
    return found

"""What one run works with: pack, engine, cache, manifest and rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from musicflamingo_cli.cache import Cache, folders
from musicflamingo_cli.engines.base import Engine
from musicflamingo_cli.engines.registry import build_engine
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.inference.lookup import LookupRules
from musicflamingo_cli.inference.model_pin import noted_weights
from musicflamingo_cli.inference.pairs import SILENCE_SECONDS
from musicflamingo_cli.inference.shards import in_shard
from musicflamingo_cli.intake.fetch.urls import shown_url
from musicflamingo_cli.intake.manifest.cells import bare_audio
from musicflamingo_cli.intake.manifest.columns import fold
from musicflamingo_cli.intake.manifest.manifest import Manifest, open_manifest
from musicflamingo_cli.intake.packs import pack_hash
from musicflamingo_cli.records import Pack, RejectedRow, Song
from musicflamingo_cli.results.schema import TableForm
from musicflamingo_cli.score_options import ScoreOptions
from musicflamingo_cli.work_folder import WorkFolder

OPTION_OF = {"pack": "prompt"}
"""What is called otherwise in a cache's settings than on the command line."""
AUDIO_PREPARATION = {"sample_rate": 16000, "channels": "mean", "resampler": "soxr HQ"}


@dataclass(frozen=True, slots=True)
class RunContext:
    """What one run works with. Made by `open_run`."""

    options: ScoreOptions
    pack: Pack
    engine: Engine
    identity: Mapping[str, object]
    """All that decides which cache folder is used."""
    cache: Cache
    manifest: Manifest
    lookup: LookupRules
    """When a cached entry counts; what songs are decoded for, and within which limits."""
    songs_total: int
    """Songs of this run, its shard only."""
    rows_total: int
    """Table rows of this run, its shard only."""

    def rows(self) -> Iterator[Song | RejectedRow]:
        """Yield the manifest's rows, of this shard."""
        for row in self.manifest.rows():
            if in_shard(row.song_id, self.options.cache.shard):
                yield _shown(row)

    def songs(self) -> Iterator[Song]:
        """Yield the rows that can be listened to, of this shard."""
        return (row for row in self.rows() if isinstance(row, Song))


def open_run(options: ScoreOptions, stack: ExitStack, columns: Iterable[str] = (), *, pair: bool = False) -> RunContext:
    """Check everything that a person asked for and open the manifest; no model is loaded. Raises `UsageError`.

    `columns` are read too where the manifest has them; `pair` is true where songs are asked about in pairs.
    """
    pack = options.settings.pack
    if pack.pair != pair:
        asks = "two songs, which mfq rank does" if pack.pair else "one song, and mfq rank about two (pair = true)"
        raise UsageError(f"pack '{pack.name}' asks about {asks}")
    TableForm(pack, {}, options.rules.words).check()
    engine = build_engine(options.engine, options.settings)
    root = options.cache.folder
    if root is None:
        root = str(stack.enter_context(WorkFolder()).new_path(".cache"))
    cache, identity = _cache_of(Path(root), engine, pack, options.settings.say)
    wanted = tuple(dict.fromkeys((*pack.columns, *options.outputs.keep, *columns)))
    manifest = stack.enter_context(open_manifest(options.manifest, replace(options.columns, columns=wanted)))
    _check_columns(manifest, pack, options)
    songs, rows, shard = manifest.scan.songs, manifest.scan.rows, options.cache.shard
    if shard is not None:
        kinds = [isinstance(row, Song) for row in manifest.rows() if in_shard(row.song_id, shard)]
        songs, rows = sum(kinds), len(kinds)
    intake = options.lookup.intake
    every = "all" in (intake.plan.measures, engine.needs_measures)
    plan = replace(intake.plan, clip=engine.needs_clip, measures="all" if every else "basic")
    lookup = replace(options.lookup, intake=replace(intake, plan=plan))
    return RunContext(options, pack, engine, identity, cache, manifest, lookup, songs, rows)


def _cache_of(root: Path, engine: Engine, pack: Pack, say: Callable[[str], None]) -> tuple[Cache, Mapping[str, object]]:
    """Return the cache of an engine's replies and the identity that it goes by.

    What an earlier version paid for under another digest of the same weights is not paid for again.
    """
    identity = identity_of(engine.identity(), pack)
    name = f"{engine.name}-{pack.name}"
    cache, former = Cache(root, name, identity), engine.former_identity()
    if former is None or holds_replies(cache.folder):
        return cache, identity
    older = identity_of(former, pack)
    paid = Cache(root, name, older)
    if not holds_replies(paid.folder) or noted_weights(paid.folder) not in (None, identity["revision"]):
        return cache, identity
    say(f"going on in {paid.folder}: its replies are of these weights, by the digest that was taken of them before")
    return paid, older


def _shown(row: Song | RejectedRow) -> Song | RejectedRow:
    """Return a row in which a URL can be shown: what user, password or signature it carries stays out of the table."""
    if row.audio is None or "://" not in row.audio:
        return row
    shown = shown_url(row.audio)
    columns = {
        name: shown if isinstance(value, str) and bare_audio(value) == row.audio else value
        for name, value in row.columns.items()
    }
    return replace(row, audio=shown, columns=columns)


def _check_columns(manifest: Manifest, pack: Pack, options: ScoreOptions) -> None:
    """Refuse a column that `--keep` or the prompt names and the manifest does not have. Raises `UsageError`."""
    if options.missing_column not in ("fail", "unknown"):
        raise UsageError(f"--missing-column {options.missing_column}: it is fail or unknown")
    known = manifest.scan.columns
    folded = {fold(column) for column in known}
    said = f"{manifest.name} has no such column (columns: {', '.join(known)})"
    for name in options.outputs.keep if known else ():
        if name.casefold() not in folded:
            raise UsageError(f"--keep {name}: {said}")
    for name in pack.columns if known and options.missing_column == "fail" else ():
        if name != "song_id" and name.casefold() not in folded:
            raise UsageError(
                f"the prompt of {pack.name} names {{{name}}}: {said}; --missing-column unknown asks without"
            )


def identity_of(engine: Mapping[str, object], pack: Pack) -> dict[str, object]:
    """Return all that decides which cache folder a run uses, from the identity of its engine and its pack."""
    fields = [{"name": f.name, "kind": f.kind, "low": f.low, "high": f.high} for f in pack.asked]
    return {
        **engine,
        "pack": pack.name,
        "prompt_hash": pack_hash(pack),
        "prompt": pack.template,
        "system": pack.system,
        "fields": fields,
        "audio": {**AUDIO_PREPARATION, "silence_between": SILENCE_SECONDS} if pack.pair else AUDIO_PREPARATION,
    }


def holds_replies(folder: Path) -> bool:
    """Say if a cache folder holds an entry; one whose engine could not run holds none."""
    return next(folder.glob("[0-9a-f][0-9a-f]/*.json"), None) is not None


def kept_settings(root: Path, wanted: Mapping[str, object]) -> list[str]:
    """Return a line for each set of settings that a cache holds replies of: the options that tell it from `wanted`."""
    lines = []
    for folder, held in folders(root):
        if not holds_replies(folder):
            continue
        if held.get("engine") != wanted["engine"]:
            lines.append(f"--engine {held.get('engine')} --prompt {held.get('pack')}")
            continue
        told = [name for name in wanted if name not in ("engine", "prompt", "prompt_hash", "system", "fields", "audio")]
        apart = [
            f"{OPTION_OF.get(name, name).replace('_', '-')} {held.get(name)} (asked: {wanted[name]})"
            for name in told
            if held.get(name) != wanted[name]
        ]
        lines.append(f"--engine {held['engine']} with {', '.join(apart) or 'another text or other fields of the pack'}")
    return lines

"""What one run works with: pack, engine, cache, manifest and rules."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from musicflamingo_cli.cache import Cache, folders
from musicflamingo_cli.engines.base import Engine, EngineSettings
from musicflamingo_cli.engines.registry import build_engine, engine_class
from musicflamingo_cli.errors import OutputError, UsageError
from musicflamingo_cli.inference.lookup import LookupRules
from musicflamingo_cli.inference.model_pin import noted_weights
from musicflamingo_cli.inference.shards import in_shard, parse_shard
from musicflamingo_cli.intake.audio.settings import AudioPlan
from musicflamingo_cli.intake.fetch.settings import FetchSettings
from musicflamingo_cli.intake.fetch.urls import UrlKey, shown_url
from musicflamingo_cli.intake.manifest.cells import bare_audio
from musicflamingo_cli.intake.manifest.manifest import Manifest, ManifestOptions, open_manifest
from musicflamingo_cli.intake.packs import load_pack, pack_hash
from musicflamingo_cli.intake.settings import IntakeSettings
from musicflamingo_cli.nulls import null_words
from musicflamingo_cli.records import Pack, RejectedRow, Rules, Song
from musicflamingo_cli.results.schema import TableForm
from musicflamingo_cli.scoring.aggregate import parse_weights
from musicflamingo_cli.work_folder import WorkRoom

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
    rules: Rules
    shard: tuple[int, int] | None
    songs_total: int
    """Songs of this run, its shard only."""
    rows_total: int
    """Table rows of this run, its shard only."""

    def rows(self) -> Iterator[Song | RejectedRow]:
        """Yield the manifest's rows, of this shard."""
        for row in self.manifest.rows():
            if in_shard(row.song_id, self.shard):
                yield _shown(row)

    def songs(self) -> Iterator[Song]:
        """Yield the rows that can be listened to, of this shard."""
        return (row for row in self.rows() if isinstance(row, Song))

    @property
    def lookup_rules(self) -> LookupRules:
        """When a cached entry counts."""
        options = self.options
        return LookupRules(self.intake, options.refresh, options.retry_all, options.verify_audio)

    @property
    def intake(self) -> IntakeSettings:
        """What songs are heard for, and within which limits."""
        every = self.options.measure or self.engine.needs_measures == "all"
        level: Literal["basic", "all"] = "all" if every else "basic"
        part: Literal["head", "middle"] = "middle" if self.options.long_audio == "middle" else "head"
        plan = AudioPlan(clip=self.engine.needs_clip, measures=level, placement=part)
        return IntakeSettings(plan, self.options.decode_seconds, self.fetching)

    @property
    def fetching(self) -> FetchSettings:
        """How URLs are fetched."""
        options = self.options
        key: UrlKey = "full" if options.url_key == "full" else "path"
        return FetchSettings(
            total_seconds=options.fetch_seconds,
            max_bytes=options.max_download_bytes,
            per_host=options.fetch_per_host,
            parallel=options.fetch_parallel,
            allow_private_hosts=options.allow_private_hosts,
            store_dir=options.audio_store,
            store_bytes=options.audio_store_bytes,
            url_key=key,
        )


def open_run(
    options: ScoreOptions,
    stack: ExitStack,
    say: Callable[[str], None] = lambda text: None,
    columns: Iterable[str] = (),
) -> RunContext:
    """Check everything that a person asked for and open the manifest; no model is loaded. Raises `UsageError`.

    `say` is told what takes long (weights that are read for their digest, the first time), and which cache is used.
    `columns` are read too where the manifest has them.
    """
    pack = load_pack(options.prompt or engine_class(options.engine).default_pack)
    TableForm(pack, {}, options.words).check()
    engine = build_engine(options.engine, engine_settings(options, pack, say))
    rules = replace(options.rules, words=options.words)
    if options.weights is not None:
        rules = replace(rules, weights=parse_weights(options.weights, pack.fields))
    shard = parse_shard(options.shard)
    root = options.cache_dir
    if root is None:
        try:
            room = WorkRoom(Path(tempfile.gettempdir()))
            stack.callback(room.close)
            root = str(room.new_path(".cache"))
        except OSError as problem:
            where = problem.filename or "TMPDIR"
            raise OutputError(f"{where}: no temporary folder can be made: {problem.strerror}") from None
    cache, identity = _cache_of(Path(root), engine, pack, say)
    wanted = tuple(dict.fromkeys((*pack.columns, *options.keep, *columns)))
    named = (options.id_column, options.audio_column, options.audio_root)
    chosen = ManifestOptions(*named, wanted, options.limit, null_words(options.null_values))
    manifest = stack.enter_context(open_manifest(options.manifest, chosen))
    _check_columns(manifest, pack, options)
    songs, rows = manifest.scan.songs, manifest.scan.rows
    if shard is not None:
        kinds = [isinstance(row, Song) for row in manifest.rows() if in_shard(row.song_id, shard)]
        songs, rows = sum(kinds), len(kinds)
    return RunContext(options, pack, engine, identity, cache, manifest, rules, shard, songs, rows)


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
    folded = {column.strip("\ufeff \t\r\n").casefold() for column in known}
    said = f"{manifest.name} has no such column (columns: {', '.join(known)})"
    for name in options.keep if known else ():
        if name.casefold() not in folded:
            raise UsageError(f"--keep {name}: {said}")
    for name in pack.columns if known and options.missing_column == "fail" else ():
        if name != "song_id" and name.casefold() not in folded:
            raise UsageError(
                f"the prompt of {pack.name} names {{{name}}}: {said}; --missing-column unknown asks without"
            )


def engine_settings(
    options: ScoreOptions, pack: Pack, say: Callable[[str], None] = lambda text: None
) -> EngineSettings:
    """Return what concerns the engine. Raises `UsageError` for a choice that there is not."""
    return EngineSettings(
        pack=pack,
        model=options.model,
        revision=options.revision,
        device=options.device,
        dtype=options.dtype,
        max_tokens=options.max_tokens,
        decode=options.decode,  # type: ignore[arg-type]  # checked as it is made
        attention=options.attention,
        max_audio_seconds=options.max_audio_seconds,
        long_audio=options.long_audio,  # type: ignore[arg-type]  # the same
        score_order=pack.score_order,
        say=say,
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
        "audio": AUDIO_PREPARATION,
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


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """What a person asks of `mfq score`."""

    manifest: str
    output: str = "scores.parquet"
    form: str | None = None
    """`parquet`, `jsonl`, `csv` or `json`; None: by the output's suffix."""
    engine: str = "flamingo"
    prompt: str | None = None
    """A pack's name or folder; None for the engine's own."""
    model: str | None = None
    revision: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    max_tokens: int = 512
    decode: str = "json"
    """`text`, `json` or `scores`, for engines with a model."""
    attention: str = "auto"
    long_audio: str = "head"
    """`head` or `middle`: which part of a song is heard that is longer than can be."""
    max_audio_seconds: float | None = None
    batch_seconds: float | None = None
    cache_dir: str | None = None
    """Folder of the cache; None: thrown away after the run."""
    refresh: bool = False
    offline: bool = False
    """From the cache alone."""
    retry_all: bool = False
    retry_unreadable: bool = False
    """Ask once more for cached replies from which no asked score can be read."""
    verify_audio: bool = False
    measure: bool = False
    limit: int | None = None
    workers: int = 1
    batch_size: int | None = None
    decode_seconds: float = 120.0
    id_column: str | None = None
    audio_column: str | None = None
    audio_root: str | None = None
    keep: tuple[str, ...] = ()
    null_values: str | Iterable[str] | None = None
    """Words that are null in every column of the manifest, beside the usual ones; as text with commas between."""
    missing_column: str = "fail"
    """What a prompt's place for a column that the manifest lacks comes to: `fail`, or the word `unknown`."""
    words: bool = False
    """A run for captions: the table holds the whole text of each reply."""
    weights: str | None = None
    """`name=value,...` or a file of them; None for the pack's own."""
    rules: Rules = Rules()
    shard: str | None = None
    """`i/n`: only this part of the rows."""
    wait: bool = False
    """Wait for another run over the same cache instead of giving up."""
    deadline: str | None = None
    time_budget: str | None = None
    max_failures: str | None = None
    batch_timeout: float | None = None
    """Seconds that a batch may be in the model before the engine counts as hanging."""
    partial_output: bool = False
    """Write the table also when the run ends early."""
    stats: str | None = None
    """File that is rewritten with the state of the run."""
    log_file: str | None = None
    gpu_hour_price: float | None = None
    allow_private_hosts: tuple[str, ...] = ()
    """`HOST:PORT` of hosts whose address may be private."""
    url_key: str = "path"
    """`path` or `full`: what of a URL tells one song from another."""
    audio_store: str | None = None
    """Folder in which fetched audio is kept."""
    audio_store_bytes: int | None = None
    fetch_parallel: int = 8
    fetch_per_host: int = 4
    fetch_seconds: float = 600.0
    """Time that one song's download may take, all attempts together."""
    max_download_bytes: int = 1 << 30
    settings_file: str | None = None
    """The file that some of these are from."""

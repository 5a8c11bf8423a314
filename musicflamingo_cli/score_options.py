"""What a person asks of `mfq score`, in groups: each goes whole to the part that obeys it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.registry import engine_class
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.inference.batching import Batching
from musicflamingo_cli.inference.limits import Limits, end_of, parse_failures
from musicflamingo_cli.inference.lookup import LookupRules
from musicflamingo_cli.inference.shards import parse_shard
from musicflamingo_cli.intake.audio.settings import AudioPlan
from musicflamingo_cli.intake.fetch.settings import FetchSettings
from musicflamingo_cli.intake.manifest.columns import ManifestOptions
from musicflamingo_cli.intake.packs import load_pack
from musicflamingo_cli.intake.settings import IntakeSettings
from musicflamingo_cli.nulls import null_words
from musicflamingo_cli.records import Rules
from musicflamingo_cli.scoring.aggregate import parse_weights

Names = dict[str, str]
"""Field of a group -> option of the command line, with `_` for `-`."""


def _same(*names: str) -> Names:
    return {name: name for name in names}


MANIFEST = _same("id_column", "audio_column", "audio_root", "limit")
ENGINE = _same(
    *("model", "revision", "device", "dtype", "attention"),
    *("max_tokens", "decode", "max_audio_seconds", "long_audio"),
)
RULES = _same("min_coverage", "assume_scale", "min_number_mass", "score_from", "words_around", "words")
FETCHING = _same("url_key") | {
    "parallel": "fetch_parallel",
    "per_host": "fetch_per_host",
    "total_seconds": "fetch_timeout",
    "store_dir": "audio_store",
}
INTAKE = {"decode_seconds": "decode_timeout"}
LOOKUP = _same("refresh", "retry", "verify_audio")
CACHE = {"folder": "cache_dir", "offline": "offline", "wait": "wait"}
BATCHING = {"workers": "workers", "items": "batch_size", "seconds": "batch_seconds"}
OUTPUTS = {"table": "output", "form": "form", "partial": "partial_output", "stats": "stats", "log": "log_file"}
OWN = _same("missing_column", "gpu_hour_price", "settings_file")
OPTIONS = frozenset(
    {
        *(option for names in (MANIFEST, ENGINE, RULES, FETCHING, INTAKE, LOOKUP) for option in names.values()),
        *(option for names in (CACHE, BATCHING, OUTPUTS, OWN) for option in names.values()),
        *("engine", "prompt", "keep", "null_values", "weights", "measure", "shard", "deadline", "time_budget"),
        *("max_failures", "batch_timeout", "allow_private_hosts", "audio_store_gb", "max_download_mb"),
    }
)
"""All options that a run has, by their names on the command line."""


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """Which replies a run may use and fill."""

    folder: str | None = None
    """Folder of the cache; None: thrown away after the run."""
    offline: bool = False
    """From the cache alone."""
    wait: bool = False
    """Wait for another run over the same cache instead of giving up."""
    shard: tuple[int, int] | None = None
    """(i, n): only this part of the rows."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a run writes beside its cache."""

    table: str = "scores.parquet"
    """The table's file; `-` for stdout."""
    form: str | None = None
    """`parquet`, `jsonl`, `csv` or `json`; None: by the table's suffix."""
    keep: tuple[str, ...] = ()
    """Columns of the manifest that the table has too."""
    partial: bool = False
    """Write the table also when the run ends early."""
    stats: str | None = None
    """File that is rewritten with the state of the run."""
    log: str | None = None
    """File to which JSON lines are appended."""


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """What a person asks of `mfq score`."""

    manifest: str
    """A file, folder or glob; `-` for stdin."""
    engine: str
    """Name of the engine."""
    settings: EngineSettings
    """What the engine is told, its pack among it."""
    columns: ManifestOptions = ManifestOptions()
    """How the manifest is read."""
    lookup: LookupRules = LookupRules()
    """Which songs count as done, and how those that don't are had: audio, downloads, limits."""
    cache: CacheOptions = CacheOptions()
    batching: Batching = Batching()
    limits: Limits = Limits()
    """When the run ends before its songs do."""
    rules: Rules = Rules()
    """How replies become scores."""
    outputs: Outputs = Outputs()
    missing_column: str = "fail"
    """What a prompt's place for a column that the manifest lacks comes to: `fail`, or the word `unknown`."""
    gpu_hour_price: float | None = None
    """For the estimate of a dry run."""
    settings_file: str | None = None
    """The file that some of these are from."""


def score_options(
    manifest: str, given: Mapping[str, Any], say: Callable[[str], None] = lambda text: None
) -> ScoreOptions:
    """Sort options into groups; one that is not given has its group's default. Raises `UsageError` for what can't be.

    Args:
        manifest: a file, folder or glob; `-` for stdin.
        given: options by their names on the command line, with `_` for `-`; lists as text with commas, or as such.
        say: told what takes long while the engine is built, and which cache is used.
    """

    def pick(names: Names) -> dict[str, Any]:
        return {field: given[option] for field, option in names.items() if option in given}

    scale, part = given.get("assume_scale"), given.get("long_audio", "head")
    if scale is not None and not 0 < scale < math.inf:
        raise UsageError(f"--assume-scale {scale:g}: a scale is a number above 0")
    if given.get("offline") and given.get("refresh"):
        raise UsageError("--offline and --refresh exclude each other")
    engine = given.get("engine", "flamingo")
    pack = load_pack(given.get("prompt") or engine_class(engine).default_pack)
    settings = EngineSettings(pack, score_order=pack.score_order, say=say, **pick(ENGINE))
    weights = given.get("weights")
    fetching = pick(FETCHING) | {"allow_private_hosts": _listed(given.get("allow_private_hosts"))}
    if given.get("max_download_mb") is not None:
        fetching["max_bytes"] = int(given["max_download_mb"] * 1e6)
    if given.get("audio_store_gb") is not None:
        fetching["store_bytes"] = int(given["audio_store_gb"] * 1e9)
    plan = AudioPlan(measures="all" if given.get("measure") else "basic", placement=part)
    failures, is_share = parse_failures(given.get("max_failures"))
    ends = end_of(given.get("deadline"), given.get("time_budget"))
    return ScoreOptions(
        manifest,
        engine,
        settings,
        columns=ManifestOptions(nulls=null_words(given.get("null_values")), **pick(MANIFEST)),
        lookup=LookupRules(IntakeSettings(plan, fetching=FetchSettings(**fetching), **pick(INTAKE)), **pick(LOOKUP)),
        cache=CacheOptions(shard=parse_shard(given.get("shard")), **pick(CACHE)),
        batching=Batching(**pick(BATCHING)),
        limits=Limits(ends, failures, is_share, given.get("batch_timeout")),
        rules=Rules(weights=None if weights is None else parse_weights(weights, pack.fields), **pick(RULES)),
        outputs=Outputs(keep=_listed(given.get("keep")), **pick(OUTPUTS)),
        **pick(OWN),
    )


def _listed(names: str | Iterable[str] | None) -> tuple[str, ...]:
    return tuple(name for name in (names.split(",") if isinstance(names, str) else names or ()) if name)

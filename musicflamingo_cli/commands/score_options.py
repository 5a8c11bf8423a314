"""From what was typed to a run: shared by `mfq score` and `mfq caption`."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import typer

from musicflamingo_cli import console, inspection, pipeline
from musicflamingo_cli.commands.options import cache_folder
from musicflamingo_cli.commands.verbs import settings_of
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.records import Rules, Watch
from musicflamingo_cli.run_context import ScoreOptions
from musicflamingo_cli.signals import Stops

SAME = (
    *(
        "output",
        "form",
        "engine",
        "prompt",
        "model",
        "revision",
        "device",
        "dtype",
        "max_tokens",
        "decode",
        "missing_column",
        "attention",
    ),
    *("long_audio", "max_audio_seconds", "refresh", "offline", "verify_audio", "measure", "limit", "batch_size"),
    *(
        "batch_seconds",
        "id_column",
        "audio_column",
        "audio_root",
        "null_values",
        "weights",
        "shard",
        "wait",
        "deadline",
        "time_budget",
    ),
    *("max_failures", "batch_timeout", "partial_output", "stats", "log_file", "gpu_hour_price", "url_key"),
    *("audio_store", "fetch_parallel", "fetch_per_host", "words"),
)
"""Options that are called the same here and there."""


def run(context: typer.Context, given: Mapping[str, Any]) -> int:
    """Do what the options of a command say and return the exit code. Raises `MfqError`."""
    options = chosen(given)
    if given["dry_run"]:
        console.plan(inspection.plan(options, console.note))
        return 0
    with console.Progress() as progress:
        stops = context.find_object(Stops)
        watch = Watch(progress.tick, console.note, stops.holding) if stops else Watch(progress.tick, console.note)
        summary = pipeline.score(options, watch)
    console.summary(summary)
    return 1 if summary.failed and not summary.allowed else 0


def chosen(given: Mapping[str, Any]) -> ScoreOptions:
    """Return a command's options, by name, as a run's. Raises `UsageError` for what can't be."""
    manifest, older = given["manifest"], given.get("input_")
    source = older if manifest is None else manifest
    if source is None or (manifest is not None and older is not None):
        raise UsageError("name one manifest: mfq score MANIFEST [-o scores.parquet]")
    if given["no_cache"] and (given["offline"] or given["refresh"]):
        raise UsageError("--no-cache goes with neither --offline nor --refresh")
    scale = given.get("assume_scale")
    if scale is not None and not 0 < scale < math.inf:
        raise UsageError(f"--assume-scale {scale:g}: a scale is a number above 0")
    if given["offline"] and given["refresh"]:
        raise UsageError("--offline and --refresh exclude each other")
    store_gb = given["audio_store_gb"]
    return ScoreOptions(
        manifest=source,
        **{name: given[name] for name in SAME if name in given},
        cache_dir=None if given["no_cache"] else cache_folder(given["cache_dir"]),
        retry_all=given["retry"] == "all",
        retry_unreadable=given["retry"] == "unreadable",
        workers=given["workers"] or max(1, (os.cpu_count() or 2) - 1),
        decode_seconds=given["decode_timeout"],
        keep=_listed(given["keep"]),
        rules=_rules(given),
        allow_private_hosts=_listed(given["allow_private_hosts"]),
        audio_store_bytes=None if store_gb is None else int(store_gb * 1e9),
        fetch_seconds=given["fetch_timeout"],
        max_download_bytes=int(given["max_download_mb"] * 1e6),
        settings_file=settings_of(given["context"]).file,
    )


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(name for name in (text or "").split(",") if name)


def _rules(given: Mapping[str, Any]) -> Rules:
    names = ("min_coverage", "assume_scale", "min_number_mass", "score_from", "words_around")
    return Rules(**{name: given[name] for name in names if name in given})

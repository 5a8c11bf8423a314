"""From what was typed to a run: shared by `mfq score`, `mfq caption` and `mfq rank`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from musicflamingo_cli import console, inspection, pipeline, views
from musicflamingo_cli.commands.options import cache_folder
from musicflamingo_cli.commands.verbs import settings_of
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.progress import Progress
from musicflamingo_cli.score_options import OPTIONS, ScoreOptions, score_options
from musicflamingo_cli.signals import Stops
from musicflamingo_cli.watch import Watch


def run(context: typer.Context, given: Mapping[str, Any]) -> int:
    """Do what the options of a command say and return the exit code. Raises `MfqError`."""
    options = chosen(given)
    if given["dry_run"]:
        views.plan(inspection.plan(options))
        return 0
    with watched(context) as watch:
        summary = pipeline.score(options, watch)
    views.summary(summary)
    return 1 if summary.failed and not summary.allowed else 0


@contextmanager
def watched(context: typer.Context) -> Iterator[Watch]:
    """Show how far a run is, and have a polite stop wait for what is in the model."""
    with Progress() as progress:
        stops = context.find_object(Stops)
        yield Watch(progress.tick, console.note, stops.holding) if stops else Watch(progress.tick, console.note)


def chosen(given: Mapping[str, Any]) -> ScoreOptions:
    """Return a command's options, by name, as a run's. Raises `UsageError` for what can't be."""
    manifest, older = given["manifest"], given.get("input_")
    source = older if manifest is None else manifest
    if source is None or (manifest is not None and older is not None):
        raise UsageError(f"name one manifest: mfq {given['context'].info_name} MANIFEST [-o {given['output']}]")
    if given["no_cache"] and (given["offline"] or given["refresh"]):
        raise UsageError("--no-cache goes with neither --offline nor --refresh")
    own = {
        "cache_dir": None if given["no_cache"] else cache_folder(given["cache_dir"]),
        "workers": given["workers"] or max(1, (os.cpu_count() or 2) - 1),
        "settings_file": settings_of(given["context"]).file,
    }
    return score_options(source, {k: v for k, v in given.items() if k in OPTIONS} | own, console.note)

"""`mfq score`: listen to every song of a manifest and write the table of scores."""

from __future__ import annotations

import os
from typing import Annotated

import typer

DEFAULT_CACHE = "~/.cache/mfq"
AUDIO, SCORES, RUN, NIGHT = "Manifest and audio", "Replies and scores", "Running", "Overnight"
URLS = "Audio by URL"


def score(  # noqa: PLR0913 - a command's options
    context: typer.Context,
    manifest: Annotated[
        str | None,
        typer.Argument(
            help="JSON, JSONL, CSV, TSV or Parquet (also .gz, .zst); a folder, glob or file of audio; - for stdin."
        ),
    ] = None,
    input_: Annotated[str | None, typer.Option("--input", help="The same as MANIFEST.", hidden=True)] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help="The table; its suffix tells the format. - for stdout.")
    ] = "scores.parquet",
    form: Annotated[str | None, typer.Option("--format", help="parquet, jsonl, csv or json (id to scores).")] = None,
    engine: Annotated[
        str, typer.Option(help="Who listens: signal (measures, no model) or fake (for testing).")
    ] = "signal",
    prompt: Annotated[
        str | None, typer.Option(help="Pack by name, or a folder with pack.toml and prompt.md.", rich_help_panel=SCORES)
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "--model-id", help="Checkpoint name or folder.", rich_help_panel=SCORES)
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Commit, tag or branch of the checkpoint.", rich_help_panel=SCORES)
    ] = None,
    decode: Annotated[
        str, typer.Option(help="How a model replies: text, json or scores (numbers alone).", rich_help_panel=SCORES)
    ] = "json",
    score_from: Annotated[
        str, typer.Option(help="expected (mean of the model's distribution) or written.", rich_help_panel=SCORES)
    ] = "expected",
    min_number_mass: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Probability that must fall on numbers at all.", rich_help_panel=SCORES),
    ] = 0.5,
    max_tokens: Annotated[int, typer.Option(min=1, help="New tokens per reply.", rich_help_panel=SCORES)] = 512,
    min_coverage: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Share of the weight that must be answered for an overall.", rich_help_panel=SCORES
        ),
    ] = 1.0,
    weights: Annotated[
        str | None, typer.Option(help="name=value,... or a TOML or JSON file of them.", rich_help_panel=SCORES)
    ] = None,
    assume_scale: Annotated[
        float | None,
        typer.Option(min=0.0, help="Read bare numbers out of range as parts of this.", rich_help_panel=SCORES),
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Take all measures beside the engine's answer.", rich_help_panel=SCORES)
    ] = False,
    id_column: Annotated[str | None, typer.Option(help="Column of the id.", rich_help_panel=AUDIO)] = None,
    audio_column: Annotated[str | None, typer.Option(help="Column of the audio.", rich_help_panel=AUDIO)] = None,
    audio_root: Annotated[
        str | None, typer.Option(help="Folder that relative audio paths start from.", rich_help_panel=AUDIO)
    ] = None,
    keep: Annotated[
        str | None, typer.Option(help="Manifest columns to carry along, comma-separated.", rich_help_panel=AUDIO)
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N rows.", rich_help_panel=AUDIO)] = None,
    max_audio_seconds: Annotated[
        float | None, typer.Option(min=1.0, help="Hear only so much of each song.", rich_help_panel=AUDIO)
    ] = None,
    long_audio: Annotated[
        str, typer.Option(help="Part of a longer song that is heard: head or middle.", rich_help_panel=AUDIO)
    ] = "head",
    cache_dir: Annotated[
        str | None,
        typer.Option(envvar="MFQ_CACHE_DIR", help=f"Cache folder [default: {DEFAULT_CACHE}]", rich_help_panel=RUN),
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Neither read nor keep replies.", rich_help_panel=RUN)
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask again, whatever is cached.", rich_help_panel=RUN)
    ] = False,
    retry: Annotated[
        str, typer.Option(help="Failures to try again: transient or all.", rich_help_panel=RUN)
    ] = "transient",
    verify_audio: Annotated[
        bool, typer.Option("--verify-audio", help="Compare content, not size and time.", rich_help_panel=RUN)
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="From the cache alone: no engine, no audio.", rich_help_panel=RUN)
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Decode processes [default: all cores but one]", rich_help_panel=RUN)
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Songs in a batch.", rich_help_panel=RUN)] = None,
    decode_timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds that one song's decoding may take.", rich_help_panel=RUN)
    ] = 120.0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", rich_help_panel=RUN)] = "auto",
    attention: Annotated[
        str, typer.Option(help="auto, flash_attention_2, sdpa or eager.", rich_help_panel=RUN)
    ] = "auto",
    batch_seconds: Annotated[
        float | None, typer.Option(min=1.0, help="Audio in a batch: songs times the longest.", rich_help_panel=RUN)
    ] = None,
    dtype: Annotated[str, typer.Option(help="auto, bfloat16, float16 or float32.", rich_help_panel=RUN)] = "auto",
    allow_private_hosts: Annotated[
        str | None, typer.Option(help="HOST:PORT,... whose address may be private.", rich_help_panel=URLS)
    ] = None,
    url_key: Annotated[
        str, typer.Option(help="What tells one URL from another: path or full (with the query).", rich_help_panel=URLS)
    ] = "path",
    audio_store: Annotated[
        str | None, typer.Option(help="Folder in which fetched audio is kept.", rich_help_panel=URLS)
    ] = None,
    audio_store_gb: Annotated[
        float | None, typer.Option(min=0.001, help="Size that folder may have.", rich_help_panel=URLS)
    ] = None,
    fetch_parallel: Annotated[int, typer.Option(min=1, help="Downloads at a time.", rich_help_panel=URLS)] = 8,
    fetch_per_host: Annotated[
        int, typer.Option(min=1, help="Downloads at a time from one host.", rich_help_panel=URLS)
    ] = 4,
    fetch_timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds that one download may take, all attempts.", rich_help_panel=URLS)
    ] = 600.0,
    max_download_mb: Annotated[
        float, typer.Option(min=0.001, help="Size that one download may have.", rich_help_panel=URLS)
    ] = 1024.0,
    shard: Annotated[
        str | None, typer.Option(help="i/n: only this part of the songs, by a hash of the id.", rich_help_panel=NIGHT)
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for another run over the same cache.", rich_help_panel=NIGHT)
    ] = False,
    deadline: Annotated[
        str | None, typer.Option(help="Stop before the batch that would not be done by HH:MM.", rich_help_panel=NIGHT)
    ] = None,
    time_budget: Annotated[
        str | None, typer.Option(help="The same, as a duration: 7h, 90m.", rich_help_panel=NIGHT)
    ] = None,
    max_failures: Annotated[
        str | None,
        typer.Option(help="Stop once more songs failed than this: 100 or 5%. Fewer are well.", rich_help_panel=NIGHT),
    ] = None,
    batch_timeout: Annotated[
        float | None,
        typer.Option(min=0.1, help="Seconds after which the engine counts as hanging.", rich_help_panel=NIGHT),
    ] = None,
    partial_output: Annotated[
        bool, typer.Option("--partial-output", help="Write the table also when ending early.", rich_help_panel=NIGHT)
    ] = False,
    stats: Annotated[
        str | None, typer.Option(help="JSON file kept up to date with the run's state.", rich_help_panel=NIGHT)
    ] = None,
    log_file: Annotated[
        str | None, typer.Option(help="File to which JSON lines are appended.", rich_help_panel=NIGHT)
    ] = None,
    gpu_hour_price: Annotated[
        float | None, typer.Option(min=0.0, help="Price of an hour, for --dry-run.", rich_help_panel=NIGHT)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.", rich_help_panel=RUN)
    ] = False,
) -> int:
    """Listen to every song of a manifest and write one row each: scores, measures, status and reason."""
    from musicflamingo_cli import console, enquiries, pipeline
    from musicflamingo_cli.errors import UsageError
    from musicflamingo_cli.records import Rules, Watch
    from musicflamingo_cli.runs import ScoreOptions
    from musicflamingo_cli.stops import Stops

    source = manifest or input_
    if source is None or (manifest and input_):
        raise UsageError("name one manifest: mfq score MANIFEST [-o scores.parquet]")
    if retry not in ("transient", "all"):
        raise UsageError(f"--retry {retry}: it is transient or all")
    if score_from not in ("expected", "written"):
        raise UsageError(f"--score-from {score_from}: it is expected or written")
    if url_key not in ("path", "full"):
        raise UsageError(f"--url-key {url_key}: it is path or full")
    if no_cache and (cache_dir or offline or refresh):
        raise UsageError("--no-cache goes with none of --cache-dir, --offline and --refresh")
    if offline and refresh:
        raise UsageError("--offline and --refresh exclude each other")
    options = ScoreOptions(
        manifest=source,
        output=output,
        form=form,
        engine=engine,
        prompt=prompt,
        model=model,
        revision=revision,
        device=device,
        dtype=dtype,
        max_tokens=max_tokens,
        cache_dir=None if no_cache else os.path.expanduser(cache_dir or DEFAULT_CACHE),  # noqa: PTH111
        refresh=refresh,
        offline=offline,
        retry_all=retry == "all",
        verify_audio=verify_audio,
        measure=measure,
        limit=limit,
        workers=workers or max(1, (os.cpu_count() or 2) - 1),
        batch_size=batch_size,
        decode_seconds=decode_timeout,
        id_column=id_column,
        audio_column=audio_column,
        audio_root=audio_root,
        keep=tuple(name for name in (keep or "").split(",") if name),
        weights=weights,
        decode=decode,
        attention=attention,
        long_audio=long_audio,
        max_audio_seconds=max_audio_seconds,
        batch_seconds=batch_seconds,
        rules=Rules(
            None, min_coverage, assume_scale, min_number_mass, "written" if score_from == "written" else "expected"
        ),
        shard=shard,
        wait=wait,
        deadline=deadline,
        time_budget=time_budget,
        max_failures=max_failures,
        batch_timeout=batch_timeout,
        partial_output=partial_output,
        stats=stats,
        log_file=log_file,
        gpu_hour_price=gpu_hour_price,
        allow_private_hosts=tuple(host for host in (allow_private_hosts or "").split(",") if host),
        url_key=url_key,
        audio_store=audio_store,
        audio_store_bytes=None if audio_store_gb is None else int(audio_store_gb * 1e9),
        fetch_parallel=fetch_parallel,
        fetch_per_host=fetch_per_host,
        fetch_seconds=fetch_timeout,
        max_download_bytes=int(max_download_mb * 1e6),
    )
    if dry_run:
        console.plan(enquiries.plan(options))
        return 0
    with console.Progress() as progress:
        stops = context.find_object(Stops)
        watch = Watch(progress.tick, console.note, stops.holding) if stops else Watch(progress.tick, console.note)
        summary = pipeline.score(options, watch)
    console.summary(summary)
    return 1 if summary.failed and not summary.allowed else 0

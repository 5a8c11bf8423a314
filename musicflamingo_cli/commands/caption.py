"""`mfq caption`: listen to every song of a manifest and write its caption."""

import typer

from musicflamingo_cli.commands import options


def caption(  # noqa: PLR0913 - a command's options
    context: typer.Context,
    manifest: options.Manifest = None,
    output: options.CaptionOutput = "captions.parquet",
    form: options.RowsFormat = None,
    engine: options.Engine = "flamingo",
    prompt: options.Prompt = None,
    model: options.Model = None,
    revision: options.Revision = None,
    max_tokens: options.MaxTokens = 512,
    id_column: options.IdColumn = None,
    audio_column: options.AudioColumn = None,
    audio_root: options.AudioRoot = None,
    keep: options.Keep = None,
    null_values: options.NullValues = None,
    missing_column: options.MissingColumn = "fail",
    limit: options.Limit = None,
    max_audio_seconds: options.MaxAudioSeconds = None,
    long_audio: options.LongAudio = "head",
    cache_dir: options.CacheDir = None,
    no_cache: options.NoCache = False,
    refresh: options.Refresh = False,
    retry: options.Retry = "transient",
    verify_audio: options.VerifyAudio = False,
    offline: options.Offline = False,
    workers: options.Workers = None,
    batch_size: options.BatchSize = None,
    decode_timeout: options.DecodeTimeout = 120.0,
    device: options.Device = "auto",
    attention: options.Attention = "auto",
    batch_seconds: options.BatchSeconds = None,
    dtype: options.Dtype = "auto",
    allow_private_hosts: options.AllowPrivateHosts = None,
    url_key: options.UrlKey = "path",
    audio_store: options.AudioStore = None,
    audio_store_gb: options.AudioStoreGb = None,
    fetch_parallel: options.FetchParallel = 8,
    fetch_per_host: options.FetchPerHost = 4,
    fetch_timeout: options.FetchTimeout = 600.0,
    max_download_mb: options.MaxDownloadMb = 1024.0,
    shard: options.Shard = None,
    wait: options.Wait = False,
    deadline: options.Deadline = None,
    time_budget: options.TimeBudget = None,
    max_failures: options.MaxFailures = None,
    batch_timeout: options.BatchTimeout = None,
    partial_output: options.PartialOutput = False,
    stats: options.Stats = None,
    log_file: options.LogFile = None,
    gpu_hour_price: options.GpuHourPrice = None,
    dry_run: options.DryRun = False,
) -> int:
    """Listen to every song of a manifest and write its caption, whole, and the fields that its pack asks for.

    Examples:
        mfq caption songs.jsonl -o captions.parquet
        mfq caption songs/ --prompt describe --max-audio-seconds 60 -o captions.csv
    """
    from musicflamingo_cli.commands.score_options import run

    return run(context, {**locals(), "words": True, "decode": "text", "prompt": prompt or "caption"})

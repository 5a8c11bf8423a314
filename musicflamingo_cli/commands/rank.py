"""`mfq rank`: put the songs of a manifest into an order by comparing them in pairs."""

from typing import Annotated

import typer

from musicflamingo_cli.commands import options

RANKING = "Pairs"


def rank(  # noqa: PLR0913 - a command's options
    context: typer.Context,
    manifest: options.Manifest = None,
    output: options.Output = "ranks.parquet",
    form: options.RowsFormat = None,
    scores: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            show_default="all songs are near ties",
            help="A table of scores: near ties of it are asked, and the rest keeps its order.",
            rich_help_panel=RANKING,
        ),
    ] = None,
    by: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column of that table, 0 to 1.", rich_help_panel=RANKING)
    ] = "overall_quality_score",
    pairs: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Pairs that are asked at most, each in both orders.", rich_help_panel=RANKING
        ),
    ] = 100,
    engine: options.Engine = "flamingo",
    prompt: options.Prompt = None,
    model: options.Model = None,
    revision: options.Revision = None,
    decode: options.Decode = "scores",
    score_from: options.ScoreFrom = "expected",
    min_number_mass: options.MinNumberMass = 0.5,
    max_tokens: options.MaxTokens = 512,
    id_column: options.IdColumn = None,
    audio_column: options.AudioColumn = None,
    audio_root: options.AudioRoot = None,
    null_values: options.NullValues = None,
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
    wait: options.Wait = False,
    deadline: options.Deadline = None,
    time_budget: options.TimeBudget = None,
    max_failures: options.MaxFailures = None,
    batch_timeout: options.BatchTimeout = None,
    partial_output: options.PartialOutput = False,
    stats: options.Stats = None,
    log_file: options.LogFile = None,
    dry_run: options.DryRun = False,
) -> int:
    """Rank the songs of a manifest by pairs: an engine hears two songs at a time and says which is better.

    Examples:
        mfq rank songs.jsonl --scores scores.parquet --pairs 500 -o ranks.parquet
        mfq rank songs/ --engine signal --pairs 20 -o ranks.csv
    """
    given = locals()
    from musicflamingo_cli import views
    from musicflamingo_cli.commands.score_options import chosen, watched
    from musicflamingo_cli.ranking.contest import RankOptions
    from musicflamingo_cli.ranking.run import plan as rank_plan
    from musicflamingo_cli.ranking.run import rank as rank_songs

    asked = chosen({**given, "prompt": prompt or "pairwise"})
    wanted = RankOptions(pairs, scores, by)
    if dry_run:
        views.figures(rank_plan(asked, wanted))
        return 0
    with watched(context) as watch:
        summary = rank_songs(asked, wanted, watch)
    views.ranking(summary)
    return 1 if summary.failed and not summary.allowed else 0

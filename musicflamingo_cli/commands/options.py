"""The options that several commands share, each with its help."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import typer

EngineName = Literal["flamingo", "signal", "fake"]
DecodeMode = Literal["text", "json", "scores"]
DtypeName = Literal["auto", "bfloat16", "float16", "float32"]
AttentionName = Literal["auto", "flash_attention_2", "sdpa", "eager"]
DEFAULT_CACHE = "~/.cache/mfq"


def cache_folder(given: str | None) -> str:
    """Return the cache folder that `--cache-dir` means."""
    return os.path.expanduser(given or DEFAULT_CACHE)  # noqa: PTH111 - leaves a ~name that nobody has as it is


def _packs() -> list[str]:
    """Return the names of the packs of the house, for shells that complete words."""
    from musicflamingo_cli.intake.packs import pack_names

    return pack_names()


AUDIO, SCORES, RUN, NIGHT = "Manifest and audio", "Replies and scores", "Running", "Overnight"
URLS = "Audio by URL"

Manifest = Annotated[
    str | None,
    typer.Argument(
        metavar="MANIFEST",
        help="JSON, JSONL, CSV, TSV or Parquet (also .gz, .zst); a folder, glob or file of audio; - for stdin.",
    ),
]
OlderManifest = Annotated[
    str | None, typer.Option("--input", metavar="MANIFEST", help="The same as MANIFEST.", hidden=True)
]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="FILE", help="The table; its suffix tells the format. - for stdout.")
]
Format = Annotated[
    Literal["parquet", "jsonl", "csv", "json"] | None,
    typer.Option("--format", show_default="by the suffix", help="What the table is written as; json is id to scores."),
]
Engine = Annotated[
    EngineName,
    typer.Option(help="Who listens: a model on a GPU, measures without a model, or a fake for testing."),
]
Prompt = Annotated[
    str | None,
    typer.Option(
        metavar="PACK",
        autocompletion=_packs,
        show_default="the engine's own",
        help="Pack by name, or a folder with pack.toml and prompt.md.",
        rich_help_panel=SCORES,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "--model-id",
        metavar="MODEL",
        show_default="the engine's own",
        help="Checkpoint by name, or a folder.",
        rich_help_panel=SCORES,
    ),
]
Revision = Annotated[
    str | None,
    typer.Option(metavar="REVISION", help="Commit, tag or branch of the checkpoint.", rich_help_panel=SCORES),
]
Decode = Annotated[
    DecodeMode, typer.Option(help="How a model replies; scores are numbers alone.", rich_help_panel=SCORES)
]
ScoreFrom = Annotated[
    Literal["expected", "written"],
    typer.Option(
        help="Figure that counts: the mean of the model's distribution, or what it wrote.", rich_help_panel=SCORES
    ),
]
MinNumberMass = Annotated[
    float,
    typer.Option(
        min=0.0, max=1.0, metavar="SHARE", help="Probability that must fall on numbers at all.", rich_help_panel=SCORES
    ),
]
MaxTokens = Annotated[int, typer.Option(min=1, metavar="N", help="New tokens per reply.", rich_help_panel=SCORES)]
MinCoverage = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="SHARE",
        help="Share of the weight that must be answered for an overall.",
        rich_help_panel=SCORES,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="NAME=VALUE,...",
        show_default="the pack's",
        help="The weight of each score, or a TOML or JSON file of them.",
        rich_help_panel=SCORES,
    ),
]
AssumeScale = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        metavar="SCALE",
        help="Read every bare score as parts of this: with 10, 8 is 0.8.",
        rich_help_panel=SCORES,
    ),
]
WordsAround = Annotated[
    Literal["keep", "null"],
    typer.Option(help="Answers among other words: keep (told in repairs) or null.", rich_help_panel=SCORES),
]
Measure = Annotated[
    bool, typer.Option("--measure", help="Take all measures beside the engine's answer.", rich_help_panel=SCORES)
]
IdColumn = Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of the id.", rich_help_panel=AUDIO)]
AudioColumn = Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of the audio.", rich_help_panel=AUDIO)]
AudioRoot = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        show_default="the manifest's folder",
        help="Folder that relative audio paths start from.",
        rich_help_panel=AUDIO,
    ),
]
Keep = Annotated[
    str | None, typer.Option(metavar="COLUMN,...", help="Manifest columns to carry along.", rich_help_panel=AUDIO)
]
NullValues = Annotated[
    str | None,
    typer.Option(
        metavar="WORD,...",
        help="Further words that mean no value, as whole cells of any column: FAILED,ERROR. Case counts.",
    ),
]
MissingColumn = Annotated[
    Literal["fail", "unknown"],
    typer.Option(
        help="A column that the prompt names is not there: fail, or ask with 'unknown' in its place.",
        rich_help_panel=AUDIO,
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N rows.", rich_help_panel=AUDIO)]
MaxAudioSeconds = Annotated[
    float | None,
    typer.Option(min=1.0, metavar="SECONDS", help="Hear only so much of each song.", rich_help_panel=AUDIO),
]
LongAudio = Annotated[
    Literal["head", "middle"], typer.Option(help="Part of a longer song that is heard.", rich_help_panel=AUDIO)
]
CacheDir = Annotated[
    str | None,
    typer.Option(metavar="FOLDER", show_default=DEFAULT_CACHE, help="Cache folder.", rich_help_panel=RUN),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Neither read nor keep replies.", rich_help_panel=RUN)]
Refresh = Annotated[bool, typer.Option("--refresh", help="Ask again, whatever is cached.", rich_help_panel=RUN)]
Retry = Annotated[
    Literal["transient", "unreadable", "all"],
    typer.Option(
        help="What to try again: failures that can pass, also replies without a readable score, or all failures.",
        rich_help_panel=RUN,
    ),
]
VerifyAudio = Annotated[
    bool, typer.Option("--verify-audio", help="Compare content, not size and time.", rich_help_panel=RUN)
]
Offline = Annotated[
    bool, typer.Option("--offline", help="From the cache alone: no engine, no audio.", rich_help_panel=RUN)
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", show_default="all cores but one", help="Decode processes.", rich_help_panel=RUN),
]
BatchSize = Annotated[int | None, typer.Option(min=1, metavar="N", help="Songs in a batch.", rich_help_panel=RUN)]
DecodeTimeout = Annotated[
    float,
    typer.Option(min=0.1, metavar="SECONDS", help="Seconds that one song's decoding may take.", rich_help_panel=RUN),
]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda|cuda:N", help="Where the model runs.", rich_help_panel=RUN)]
Attention = Annotated[AttentionName, typer.Option(help="How attention is computed.", rich_help_panel=RUN)]
BatchSeconds = Annotated[
    float | None,
    typer.Option(min=1.0, metavar="SECONDS", help="Audio in a batch: songs times the longest.", rich_help_panel=RUN),
]
Dtype = Annotated[DtypeName, typer.Option(help="Precision of the model.", rich_help_panel=RUN)]
AllowPrivateHosts = Annotated[
    str | None, typer.Option(metavar="HOST:PORT,...", help="Hosts whose address may be private.", rich_help_panel=URLS)
]
UrlKey = Annotated[
    Literal["path", "full"],
    typer.Option(help="What tells one URL from another; full is with the query.", rich_help_panel=URLS),
]
AudioStore = Annotated[
    str | None, typer.Option(metavar="FOLDER", help="Folder in which fetched audio is kept.", rich_help_panel=URLS)
]
AudioStoreGb = Annotated[
    float | None, typer.Option(min=0.001, metavar="GB", help="Size that folder may have.", rich_help_panel=URLS)
]
FetchParallel = Annotated[int, typer.Option(min=1, metavar="N", help="Downloads at a time.", rich_help_panel=URLS)]
FetchPerHost = Annotated[
    int, typer.Option(min=1, metavar="N", help="Downloads at a time from one host.", rich_help_panel=URLS)
]
FetchTimeout = Annotated[
    float,
    typer.Option(
        min=0.1, metavar="SECONDS", help="Seconds that one download may take, all attempts.", rich_help_panel=URLS
    ),
]
MaxDownloadMb = Annotated[
    float, typer.Option(min=0.001, metavar="MB", help="Size that one download may have.", rich_help_panel=URLS)
]
Shard = Annotated[
    str | None,
    typer.Option(metavar="I/N", help="Only this part of the songs, by a hash of the id.", rich_help_panel=NIGHT),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for another run over the same cache.", rich_help_panel=NIGHT)]
Deadline = Annotated[
    str | None,
    typer.Option(
        metavar="HH:MM",
        help="Stop before the batch that would not be done by HH:MM or HH:MM:SS.",
        rich_help_panel=NIGHT,
    ),
]
TimeBudget = Annotated[
    str | None, typer.Option(metavar="DURATION", help="The same, as a duration: 7h, 90m.", rich_help_panel=NIGHT)
]
MaxFailures = Annotated[
    str | None,
    typer.Option(
        metavar="N|N%", help="Stop once more songs failed than this: 100 or 5%. Fewer are well.", rich_help_panel=NIGHT
    ),
]
BatchTimeout = Annotated[
    float | None,
    typer.Option(
        min=0.1, metavar="SECONDS", help="Seconds after which the engine counts as hanging.", rich_help_panel=NIGHT
    ),
]
PartialOutput = Annotated[
    bool, typer.Option("--partial-output", help="Write the table also when ending early.", rich_help_panel=NIGHT)
]
Stats = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="JSON file kept up to date with the run's state.", rich_help_panel=NIGHT),
]
LogFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="File to which JSON lines are appended.", rich_help_panel=NIGHT)
]
GpuHourPrice = Annotated[
    float | None, typer.Option(min=0.0, metavar="PRICE", help="Price of an hour, for --dry-run.", rich_help_panel=NIGHT)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.", rich_help_panel=RUN)]
CaptionOutput = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="FILE", help="The table; .csv has the columns id and caption alone. - for stdout."
    ),
]
RowsFormat = Annotated[
    Literal["parquet", "jsonl", "csv"] | None,
    typer.Option("--format", show_default="by the suffix", help="What the table is written as."),
]

ScoresTable = Annotated[str, typer.Argument(metavar="SCORES", help="A table of scores, in any form that filter reads.")]
ScoresId = Annotated[
    str | None, typer.Option("--on", metavar="COLUMN", show_default="song_id or id", help="Column of the id in SCORES.")
]
Resamples = Annotated[int, typer.Option(min=100, metavar="N", help="Bootstrap resamples.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Of the random numbers.")]

"""What is asked of a run, and what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from musicflamingo_cli.records import Pack, Rules

PREVIEW_ROWS = 40
"""A table of at most this many rows is shown whole at the end of a run."""


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


@dataclass(slots=True)
class Summary:
    """What a run did."""

    rows: int = 0
    status: Counter[str] = field(default_factory=Counter)
    """Rows by status."""
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Rows by (status, reason), where there is a reason."""
    flags: Counter[str] = field(default_factory=Counter)
    """Rows by audio flag."""
    cached: int = 0
    """Rows with an answer whose reply was there before."""
    answered: int = 0
    """Rows with an answer whose reply was paid for in this run."""
    repeated: int = 0
    """Manifest rows left out because their id was seen before."""
    repeated_ids: tuple[str, ...] = ()
    reruns: int = 0
    """Replies of this run that looped, hit the token cap or could not be read, and were asked for once more."""
    audio_seconds: float = 0.0
    """Audio heard in this run."""
    seconds: float = 0.0
    """Wall-clock time of the run."""
    output: str | None = None
    cache: str | None = None
    settings_file: str | None = None
    pack: Pack | None = None
    scores: list[dict[str, Any]] = field(default_factory=list)
    """Per score column: name, count, mean, median, minimum, maximum, std, distinct, top_share, quantiles."""
    buckets: Counter[str] = field(default_factory=Counter)
    """Songs by bucket of the overall score: high, medium, low."""
    notes: list[str] = field(default_factory=list)
    """Things that a person should know, a line each."""
    preview: list[dict[str, Any]] = field(default_factory=list)
    """The rows, if they are few."""

    allowed: bool = False
    """True if the failures were within what the person allowed."""

    @property
    def failures(self) -> Counter[str]:
        """Failed rows by reason."""
        return Counter({reason: n for (status, reason), n in self.reasons.items() if status == "failed"})

    @property
    def failed(self) -> int:
        """Rows without any answer that ought to have one."""
        return self.status["failed"]

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a table row."""
        self.rows += 1
        self.status[row["status"]] += 1
        if row.get("reason"):
            self.reasons[row["status"], row["reason"]] += 1
        self.flags.update(row.get("audio_flags") or ())
        if row["status"] in ("ok", "partial"):
            self.cached += bool(row["cached"])
            self.answered += not row["cached"]
        if len(self.preview) <= PREVIEW_ROWS:
            self.preview.append(dict(row))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do."""

    rows: int
    skipped: int | None
    """Rows without audio; None for a shard."""
    rejected: int | None
    """Rows that can't be read; None for a shard."""
    repeated: int
    cached: int
    remembered: int
    """Failures that would not be tried again."""
    todo: int
    audio_seconds: float | None
    """Of the songs still to be heard, what is heard of them, estimated; None if nothing tells."""
    audio_basis: str = ""
    """What that rests on."""
    seconds: float | None = None
    """How long it would take, estimated; None if nothing tells."""
    seconds_basis: str = ""
    """What that rests on."""
    gpu_hour_price: float | None = None
    """What an hour costs, in any currency."""
    spared_seconds: float = 0.0
    """Of the songs still to be heard, what lies beyond the part that is heard."""

"""What is asked of a run, and what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from musicflamingo_cli.records import Pack

PREVIEW_ROWS = 40
"""A table of at most this many rows is shown whole at the end of a run."""


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

"""What a report holds: plain records that the page and the terminal form are both made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What a person asks of a report."""

    against: str | None = None
    """An older table to compare with."""
    score: str | None = None
    """The column that ranks the songs; None: the overall score, else the first score that has values."""
    group: str | None = None
    """The column that the groups are made of; None: the genre."""
    songs: int = 10
    """How many best, worst and most uncertain songs are shown."""
    audio_root: str | None = None
    """The folder that relative audio paths start from; None: the manifest's, where the run card names it."""
    memory: str = "2GB"
    """What the queries may use before they go to disk."""
    nulls: frozenset[str] = frozenset()
    """Words of `--null-values`."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How the values of one score lie over the songs."""

    name: str
    low: float
    """Left end of the axis: the score's own lowest value, or the lowest found."""
    high: float
    count: int
    """Songs that have a value."""
    mean: float
    std: float
    """Population standard deviation."""
    quantiles: Mapping[float, float]
    """By probability, linear between neighbours."""
    minimum: float
    maximum: float
    distinct: int
    step: float
    """What values are rounded to where they are counted one by one: 1e-6, or coarser for ranges above 1."""
    edges: Sequence[float]
    """Borders of the histogram's bins, one more than `counts`; the last bin holds its upper border too."""
    counts: Sequence[int]
    warning: str | None = None
    """One sentence if the values are too few to rank songs."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """How many songs a threshold keeps."""

    name: str
    rows: int
    """All rows of the table, with a score or without."""
    scored: int
    thresholds: Sequence[float]
    kept: Sequence[int]
    """Songs with a score of at least the threshold."""
    targets: Sequence[tuple[float, float, int]]
    """(share of the scored songs to keep, the threshold for it, songs that this really keeps)."""

    def folded(self) -> list[tuple[float, float, int]]:
        """Return every tenth threshold as (first, last, songs kept), those in one that keep the same."""
        found: list[tuple[float, float, int]] = []
        for threshold, kept in zip(self.thresholds[::10], self.kept[::10], strict=True):
            if found and found[-1][2] == kept:
                found[-1] = (found[-1][0], threshold, kept)
            else:
                found.append((threshold, threshold, kept))
        return found


@dataclass(frozen=True, slots=True)
class Correlation:
    """Spearman's rank correlation between the scores."""

    names: Sequence[str]
    matrix: Sequence[Sequence[float | None]]
    """None where a column does not vary."""
    songs: int
    """How many songs it was computed from."""
    sampled: bool
    """True if these are a sample."""

    def strongest(self, most: int = 8) -> list[tuple[str, str, float]]:
        """Return the pairs of scores that go together most, or against each other, with their correlation."""
        size = range(len(self.names))
        pairs = [(self.names[i], self.names[j], self.matrix[i][j]) for i in size for j in size if i < j]
        known = [(a, b, value) for a, b, value in pairs if value is not None]
        return sorted(known, key=lambda pair: -abs(pair[2]))[:most]


@dataclass(frozen=True, slots=True)
class Group:
    """The songs that share a genre."""

    name: str
    songs: int
    scored: int
    mean: float | None
    quartiles: tuple[float, float, float] | None
    """25 %, 50 % and 75 % of the scored songs lie below."""
    high: int
    """Songs with a score of 0.7 or more (0.7 of the range, where it is another)."""


@dataclass(frozen=True, slots=True)
class SongView:
    """One song as the page shows it."""

    song_id: str
    title: str | None
    status: str | None
    reason: str | None
    error: str | None
    overall: float | None
    """The score that ranks."""
    scores: Sequence[tuple[str, float | None, float | None]]
    """(score, value, standard deviation of the model's own distribution)."""
    texts: Sequence[tuple[str, str]]
    """(column, text), cut to a length that can be read."""
    flags: Sequence[str]
    audio: str | None
    """As the table names it."""
    player: str | None
    """An http(s) or file URL that a browser can play."""
    note: str = ""
    """What brought it onto the list, such as its uncertainty."""


@dataclass(frozen=True, slots=True)
class SongList:
    """Some songs under one heading."""

    heading: str
    basis: str
    """One sentence: how they were chosen, or why there is none."""
    songs: Sequence[SongView]


@dataclass(frozen=True, slots=True)
class Moved:
    """One score in two runs, over the songs that have it in both."""

    name: str
    songs: int
    mean_old: float | None
    mean_new: float | None
    mean_change: float | None
    """Mean of the absolute change."""
    rank_correlation: float | None
    """Spearman's; from a sample if there are many songs."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What moved between an older table and this one."""

    name: str
    """The older table, as a person named it."""
    both: int
    """Songs in both."""
    only_old: int
    only_new: int
    gained: int
    """Songs in both that have a score now and had none."""
    lost: int
    """Songs in both that had a score and have none now."""
    scores: Sequence[Moved]
    status: Sequence[tuple[str, str, int]]
    """(status then, status now, songs), where it changed."""
    settings: Sequence[tuple[str, str, str]]
    """(setting, then, now), where the run cards differ."""
    cautions: Sequence[str]
    """Why the two may not be comparable, a sentence each."""
    few_match: str | None
    """A warning where under half of the songs are in the older table; among the cautions too."""
    crossing: Sequence[tuple[float, int, int]]
    """(threshold, songs that newly pass it, songs that no longer do)."""
    movers: Sequence[tuple[str, str | None, float, float]]
    """(id, title, then, now) of the songs that moved most."""
    pairs: Sequence[tuple[float, float]]
    """(then, now) of the score that ranks, about `SAMPLE` of them, or all if there are fewer."""
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the page and the terminal form show."""

    name: str
    """The table, as a person named it."""
    rows: int
    card: Mapping[str, Any]
    """The run card; empty if there is none."""
    facts: Sequence[tuple[str, str]]
    """Figures of the run as a whole: (what, how much)."""
    missing: Sequence[str]
    """What the table does not tell, a sentence each."""
    rank: str | None
    """The column that ranks."""
    status: Mapping[str, int]
    reasons: Sequence[tuple[str, str, int, str]]
    """(status, reason, songs, the id of the first of them)."""
    flags: Mapping[str, int]
    repairs: Mapping[str, int]
    endings: Mapping[str, int]
    """How the replies ended: finish reason -> songs."""
    spreads: Sequence[Spread] = ()
    losses: Sequence[Spread] = ()
    """What each fault took from a score, the dearest first."""
    measures: Sequence[tuple[Spread, str]] = ()
    """How the plain measures lie, each with its unit; they rank nothing."""
    sweep: Sweep | None = None
    correlation: Correlation | None = None
    obtained: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """What the values of each field were obtained from: field -> source -> songs."""
    group: str | None = None
    """The column that the groups are made of."""
    groups: Sequence[Group] = ()
    groups_left: int = 0
    """Groups that are not shown."""
    songs: Sequence[SongList] = ()
    comparison: Comparison | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What ought to be seen before anything else."""
        return tuple(s.warning for s in self.spreads if s.warning)

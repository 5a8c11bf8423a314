"""What an evaluation is asked, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Join:
    """How scores and labels come together."""

    labels: tuple[str, ...] = ()
    """Columns of LABELS, or `column.field`; none: the only one that holds numbers."""
    on: str | None = None
    """Column of the id in SCORES; None: `song_id` or `id`."""
    label_id: str | None = None
    """Column of the id in LABELS, and with `:stem` or `:N` what of a path in it counts; None: as in SCORES."""
    columns: tuple[str, ...] = ()
    """Columns of SCORES that are judged; none: every score."""
    group: str | None = None
    """Column of what is drawn together (artist, system), or `column:pattern` for what matches in it."""
    per: str | None = None
    """The same for what the agreement is told apart by."""
    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class EvalOptions(Join):
    """What a person asks of `mfq eval`."""

    against: str | None = None
    """Another column, or table of scores, which the first column is set against."""
    pairs: bool = False
    """LABELS holds pairs, in the columns `winner` and `loser`."""
    texts: tuple[str, ...] = ()
    """Columns of SCORES whose words are held to what the labels say (`label:tempo`, `:key`, `:genre`)."""
    good: str | None = None
    """`label >= 4`: which songs are good enough."""
    precision: float = 0.9
    """Share of the kept songs that must be good, by the lower end of its interval."""


@dataclass(frozen=True, slots=True)
class TuneOptions(Join):
    """What a person asks of `mfq tune`."""

    fit: Literal["values", "ranks"] = "values"
    """Whether the labels count by their values or by their order."""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """What counts 0 and what counts 1 of columns of which that is not known."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic and its 95 % interval; NaN where it can't be had."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ColumnAgreement:
    """How one column of scores agrees with one label."""

    column: str
    label: str
    songs: int
    """Songs that have both."""
    missing: int
    """Labelled songs whose score is null."""
    distinct: int
    """Values that the column takes on them."""
    tied: float
    """Share of the pairs of songs that the column can't tell apart, 0..1."""
    statistics: dict[str, Estimate]
    """`spearman`, `kendall`, `pearson` and `accuracy`; for pairs `accuracy` alone; for texts those of their kind."""
    baseline: bool = False
    """True for what any better score must beat: loudness, length, bandwidth, chance."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How far raters agree among themselves."""

    label: str
    songs: int
    """Songs with two ratings or more."""
    ratings: int
    alpha: float
    """Krippendorff's alpha, interval."""
    reliability: float
    """Spearman of the means of two halves of the ratings, stepped up to all (Spearman-Brown), 0..1."""
    best: float
    """Its square root: what a score would reach that knows the mean of endlessly many such ratings (Spearman 1904)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better a column ranks than another one, over the songs that both have."""

    column: str
    other: str
    """A column, or what the same column of another table is called."""
    label: str
    songs: int
    spearman: Estimate
    """Difference of the two."""

    @property
    def says(self) -> str:
        """The finding in words."""
        one = self.spearman
        if not (one.low > 0 or one.high < 0):
            told = f"{self.column} and {self.other} can't be told apart by {self.label} ({one.value:+.3f}"
        else:
            side = "better" if one.value > 0 else "worse"
            told = f"{self.column} ranks {side} than {self.other} by {abs(one.value):.3f} for {self.label} (Spearman"
        return f"{told}, 95 % {one.low:+.3f} to {one.high:+.3f}, {self.songs} songs)"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The lowest score from which songs are good enough often enough."""

    column: str
    good: str
    """What makes a song good."""
    wanted: float
    """Precision asked for, 0..1."""
    base: float
    """Share of all labelled songs that are good, 0..1."""
    at: float | None
    """The score; None where no score reaches what was asked."""
    precision: float
    """Share of good songs among the labelled ones from there on (of the best reachable, where `at` is None)."""
    lower: float
    """Lower end of its 95 % interval (Wilson)."""
    recall: float
    """Share of the good songs that are kept."""
    kept: int
    """Songs of SCORES that reach the score, labelled or not."""
    command: str | None
    """The `mfq filter` line that keeps them."""


@dataclass(frozen=True, slots=True)
class GroupAgreement:
    """How the ranking score does within one group."""

    group: str
    songs: int
    spearman: Estimate
    shift: Estimate
    """Mean of label less what songs of that score have over all groups, in the label's unit."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found."""

    scores: str
    """Name of the table."""
    labels: str
    """Name of the table."""
    matched: int
    """Songs, or pairs, that both tables have."""
    unmatched: int
    """Labelled songs, or pairs, that SCORES lacks."""
    some_unmatched: tuple[str, ...]
    """The first few of them."""
    columns: tuple[ColumnAgreement, ...]
    ceilings: tuple[Ceiling, ...] = ()
    differences: tuple[Difference, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    groups: tuple[GroupAgreement, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tuning:
    """Weights that were fitted to labels, and how they did on songs that they were not made from."""

    scores: str
    """Name of the table."""
    labels: str
    """Name of the table."""
    label: str
    weights: Mapping[str, float]
    """By column, 0 or more; they sum to 1."""
    ranges: Mapping[str, tuple[float, float]]
    """What of each column counts 0, and what 1."""
    fit: str
    group: str | None
    """What was kept together in a fold."""
    folds: int
    songs: int
    """That have every column and a label."""
    incomplete: int
    """Labelled songs that lack one."""
    songs_sha256: str
    """Of the ids, sorted, one a line."""
    tuned: Estimate
    """Spearman's rho of the score by weights that were fitted without the song's fold."""
    today: Estimate
    """The same of what stands today: the overall score, or the mean of the columns."""
    gain: Difference
    """Of the two."""
    error: float
    """Mean distance of a label from what the rising function of the other folds says, in the label's unit."""
    error_of_mean: float
    """The same from the mean of all labels."""
    rising: tuple[tuple[float, float], ...]
    """Score in 0..1 and label: corners of the rising function that is nearest to the labels."""
    doubts: tuple[str, ...]
    """Why these weights should not be used; none where they may."""

"""QualityFilter: the scores in a recommender's own process, with one answer to a missing score in every method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, overload

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.ids import id_text
from musicflamingo_cli.quality_scores import column_of, decimal, ids_of, is_frame, is_number, scores_of, scores_of_frame
from musicflamingo_cli.results.filter.rules import number_text
from musicflamingo_cli.results.tables.table import OVERALL

if TYPE_CHECKING:
    import pandas as pd

Missing = Literal["drop", "keep", "fail"]
BASE, SHARE = 0.7, 0.3
"""The known boost: a score is multiplied by 0.7 + 0.3 x quality."""


class MissingScoreError(UsageError):
    """A song has no score, and `missing` is `fail`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the filter says of one song."""

    song_id: str
    kept: bool
    score: float | None
    """None: missing."""
    reason: str
    """One sentence for a person."""


class QualityFilter:
    """Keeps the songs whose quality reaches a threshold, in the caller's order.

    A score that is null, NaN, infinite or outside 0..1 is missing, and so is that of a song without a row. Nothing is
    rescaled and nothing is guessed.

    Args:
        threshold: Lowest score to keep, 0..1; a score equal to it is kept.
        scores: A scores table (Parquet, a folder of it, CSV, JSONL, `{id: {scores}}` JSON; or a DataFrame), or ids to
            scores. None: the column of the songs given to `fit`.
        missing: What becomes of a song without a score, in every method: `drop`, `keep` or `fail`.
        column: The score to go by.
        quality_threshold, quality_scores_file: Older names of `threshold` and `scores`.

    Raises:
        UsageError: A file is missing or of a wrong form, or an argument makes no sense.
    """

    def __init__(
        self,
        threshold: float | None = None,
        scores: str | Path | Mapping[Any, float | None] | pd.DataFrame | None = None,
        missing: Missing = "drop",
        column: str = OVERALL,
        *,
        quality_threshold: float | None = None,
        quality_scores_file: str | Path | None = None,
    ) -> None:
        if threshold is not None and quality_threshold is not None:
            raise UsageError("give threshold or quality_threshold, not both")
        if scores is not None and quality_scores_file is not None:
            raise UsageError("give scores or quality_scores_file, not both")
        if missing not in get_args(Missing):
            raise UsageError(f"missing={missing!r}: it is 'drop', 'keep' or 'fail'")
        chosen = threshold if threshold is not None else quality_threshold
        if chosen is not None and not is_number(chosen):
            raise UsageError(f"threshold={chosen!r}: it is no number")
        self.threshold = 0.4 if chosen is None else decimal(chosen)
        if not 0 <= self.threshold <= 1:
            raise UsageError(f"threshold={self.threshold}: scores are 0..1")
        self.missing: Missing = missing
        self.column = column
        self._why: dict[str, str] = {}
        self._scores: dict[str, float] | None = None
        source = scores if scores is not None else quality_scores_file
        if source is not None:
            self._scores, self._why = scores_of(source, column)

    def fit(self, songs: pd.DataFrame) -> QualityFilter:
        """Take note of the catalogue; without a table of scores, its own column is the scores. Returns itself.

        Raises:
            UsageError: `songs` has no id column, or no scores where there are no others.
            MissingScoreError: A song of it has no score, and `missing` is `fail`.
        """
        if not is_frame(songs):
            raise UsageError(f"the songs are a {type(songs).__name__}; give a DataFrame with a column 'song_id'")
        ids = ids_of(songs, "the songs")
        if self._scores is None:
            if self.column not in songs.columns:
                raise UsageError(f"no scores: give scores=..., or songs with a column '{self.column}'")
            self._scores, self._why = scores_of_frame(songs, self.column, "the songs", repeats=True)
        if self.missing == "fail":
            self._present(ids)
        return self

    def filter(self, song_ids: Iterable[Any]) -> list[Any]:
        """Return the ids that are kept, as given and in the order given.

        Raises:
            MissingScoreError: One has no score, and `missing` is `fail`.
        """
        ids = list(song_ids)
        self._present(ids)
        return [song_id for song_id in ids if self._keeps(song_id)]

    def scores(self, song_ids: Iterable[Any]) -> dict[Any, float | None]:
        """Return id to score, in the order given. A missing score is left out (`drop`), None (`keep`) or an error."""
        ids = list(song_ids)
        self._present(ids)
        found = {song_id: self._score(song_id) for song_id in ids}
        return {k: v for k, v in found.items() if v is not None} if self.missing == "drop" else found

    @overload
    def apply(self, recommendations: pd.DataFrame, *, boost: bool = False, score: str = "score") -> pd.DataFrame: ...

    @overload
    def apply(
        self, recommendations: Iterable[Mapping[str, Any]], *, boost: bool = False, score: str = "score"
    ) -> list[dict[str, Any]]: ...

    def apply(
        self,
        recommendations: pd.DataFrame | Iterable[Mapping[str, Any]],
        *,
        boost: bool = False,
        score: str = "score",
    ) -> pd.DataFrame | list[dict[str, Any]]:
        """Return the recommendations (`song_id` or `id`, and `score`) that are kept, as copies.

        Of a DataFrame, whose ids are that column or else its index, the rows that are kept, as a DataFrame with their
        index and types.

        With `boost`, each one's score is multiplied by 0.7 + 0.3 x quality and they are sorted by it, ties as they
        came; without, they stay as they came. One that is kept without a quality (`keep`) keeps its score.

        Raises:
            UsageError: One has no id, or no score to boost.
            MissingScoreError: One has no quality, and `missing` is `fail`.
        """
        if is_frame(recommendations):
            return self._apply_to_frame(recommendations, boost, score)
        several = cast("Iterable[Mapping[str, Any]]", recommendations)
        listed = [(self._id_of(one), dict(one)) for one in several]
        self._present([song_id for song_id, _ in listed])
        kept = [(song_id, one) for song_id, one in listed if self._keeps(song_id)]
        if not boost:
            return [one for _, one in kept]
        for song_id, one in kept:
            quality = self._score(song_id)
            if not is_number(one.get(score)):
                raise UsageError(f"recommendation of {song_id}: no number '{score}' to boost")
            if quality is not None:
                one[score] = float(one[score]) * (BASE + SHARE * quality)
        return sorted((one for _, one in kept), key=lambda one: -one[score])

    def _apply_to_frame(self, frame: pd.DataFrame, boost: bool, score: str) -> pd.DataFrame:
        ids = ids_of(frame, "the recommendations")
        self._present(ids)
        keeps = [self._keeps(song_id) for song_id in ids]
        kept = frame.loc[keeps].copy()
        if not boost:
            return kept
        values = column_of(kept, score, "the recommendations").tolist()
        rows = zip([one for one, keep in zip(ids, keeps, strict=True) if keep], values, strict=True)
        boosted = []
        for song_id, value in rows:
            if not is_number(value):
                raise UsageError(f"recommendation of {song_id}: no number '{score}' to boost")
            quality = self._score(song_id)
            boosted.append(float(value) * (1.0 if quality is None else BASE + SHARE * quality))
        kept[score] = boosted
        return kept.iloc[sorted(range(len(boosted)), key=lambda place: -boosted[place])]

    def explain(self, song_id: Any) -> Verdict:
        """Return whether a song is kept, and why; never raises for a missing score."""
        value, name = self._score(song_id), id_text(song_id)
        if value is None:
            why = self._why.get(name or "", "no row in the scores") if name else "no id"
            said = f"{self.column} is missing ({why}); missing={self.missing}"
            return Verdict(name or "", self.missing == "keep", None, said)
        sign = ">=" if value >= self.threshold else "<"
        said = f"{self.column} {number_text(value)} {sign} {number_text(self.threshold)}"
        return Verdict(name or "", value >= self.threshold, value, said)

    def _score(self, song_id: Any) -> float | None:
        if self._scores is None:
            raise UsageError("no scores yet: give scores=..., or call fit with songs that have them")
        key = id_text(song_id)
        return None if key is None else self._scores.get(key)

    def _keeps(self, song_id: Any) -> bool:
        value = self._score(song_id)
        return self.missing == "keep" if value is None else value >= self.threshold

    def _present(self, ids: Sequence[Any]) -> None:
        if self.missing != "fail":
            return
        lacking = [song_id for song_id in ids if self._score(song_id) is None]
        if lacking:
            some = ", ".join(str(i) for i in lacking[:3]) + (", ..." if len(lacking) > 3 else "")
            raise MissingScoreError(f"{len(lacking)} songs have no {self.column} ({some}), and missing='fail'")

    def _id_of(self, one: Mapping[str, Any]) -> Any:
        for name in ("song_id", "id"):
            if isinstance(one, Mapping) and one.get(name) is not None:
                return one[name]
        raise UsageError(f"a recommendation without song_id: {str(one)[:80]}")

"""QualityFilter in a recommender's own process."""

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.recommender import MissingScoreError, QualityFilter

SCORES = {
    "song_id": ["a", "b", "c", "d", "e", "f"],
    "overall_quality_score": [0.9, 0.4, 0.39, None, math.nan, 1.5],
}


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    path = tmp_path / "scores.parquet"
    pq.write_table(pa.table(SCORES), path)
    return path


SONGS = pd.DataFrame({"song_id": ["b", "a", "c", "x"], "title": ["B", "A", "C", "X"]})


def test_the_callers_order_is_kept(scores: Path) -> None:
    quality = QualityFilter(threshold=0.4, scores=scores, missing="drop").fit(SONGS)
    assert quality.filter(["x", "b", "c", "a", "b", "d", "e", "f"]) == ["b", "a", "b"]
    assert quality.filter(iter(["a"])) == ["a"]


@pytest.mark.parametrize("name", ["x", "d", "e", "f"])
def test_a_missing_score_is_what_missing_says_in_every_method(scores: Path, name: str) -> None:
    recommended = [{"song_id": name, "score": 1.0}]
    drop, keep, fail = (QualityFilter(0.4, scores, missing=m) for m in ("drop", "keep", "fail"))  # type: ignore[arg-type]
    assert (drop.filter([name]), drop.scores([name]), drop.apply(recommended)) == ([], {}, [])
    assert drop.explain(name).kept is False
    assert (keep.filter([name]), keep.scores([name]), keep.apply(recommended, boost=True)) == (
        [name],
        {name: None},
        recommended,
    )
    assert keep.explain(name).kept is True
    for call in (fail.filter, fail.scores):
        with pytest.raises(MissingScoreError, match=name):
            call(["a", name])
    with pytest.raises(MissingScoreError):
        fail.apply(recommended)
    with pytest.raises(MissingScoreError):
        fail.fit(pd.DataFrame({"song_id": [name]}))
    assert fail.explain(name).score is None


def test_the_known_boost_is_an_option_and_changes_no_input(scores: Path) -> None:
    quality = QualityFilter(0.4, scores)
    given = [{"song_id": "b", "score": 1.0, "why": "x"}, {"song_id": "c", "score": 9.0}, {"id": "a", "score": 1}]
    assert quality.apply(given) == [given[0], given[2]]
    boosted = quality.apply(given, boost=True)
    assert [(one.get("song_id") or one["id"], round(one["score"], 6)) for one in boosted] == [("a", 0.97), ("b", 0.82)]
    assert given[0]["score"] == 1.0
    with pytest.raises(UsageError, match="no number 'score'"):
        quality.apply([{"song_id": "a"}], boost=True)
    with pytest.raises(UsageError, match="without song_id"):
        quality.apply([{"score": 1.0}])


def test_it_says_why(scores: Path) -> None:
    quality = QualityFilter(0.4, scores)
    said = {name: quality.explain(name).reason for name in "abcdefx"}
    assert said["b"] == "overall_quality_score 0.4 >= 0.4"
    assert said["c"] == "overall_quality_score 0.39 < 0.4"
    assert "null" in said["d"]
    assert "not a finite number" in said["e"]
    assert "outside 0..1" in said["f"]
    assert "no row in the scores" in said["x"]


def test_the_old_names_are_accepted(scores: Path) -> None:
    assert QualityFilter(quality_threshold=0.5, quality_scores_file=str(scores)).filter(["b", "a"]) == ["a"]
    with pytest.raises(UsageError, match="not both"):
        QualityFilter(0.4, quality_threshold=0.5)
    with pytest.raises(UsageError, match="not both"):
        QualityFilter(scores=scores, quality_scores_file=scores)


def test_old_files_are_read_and_failures_are_missing(tmp_path: Path) -> None:
    five = ("content_usefulness", "production_quality", "content_enjoyment", "production_complexity")
    mark = dict.fromkeys((*five, "overall_recommendation_score"), 0.5)
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"a": {"scores": {"overall_quality_score": 0.8}}, "b": 0.3, "c": mark, "d": None}))
    quality = QualityFilter(0.4, path)
    assert quality.scores("abcd") == {"a": 0.8, "b": 0.3}
    assert quality.filter("abcd") == ["a"]


@pytest.mark.parametrize("content", [None, "", "[1, 2", "{}", '"text"', "[]", '[{"id": 1}]', '{"a": "high"}'])
def test_a_missing_file_or_a_wrong_form_is_an_error(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "scores.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=r"scores\.json"):
        QualityFilter(0.4, path)


def test_another_scale_is_an_error_and_nothing_is_rescaled() -> None:
    with pytest.raises(UsageError, match=r"0\.\.1"):
        QualityFilter(0.4, {"a": 7.2, "b": 5.0})
    assert QualityFilter(0.4, {"a": 7.2, "b": 0.45, "c": 0.5}).scores("abc") == {"b": 0.45, "c": 0.5}


def test_scores_can_stand_in_the_songs() -> None:
    songs = pd.DataFrame({"song_id": [1, 2, 3], "overall_quality_score": pd.array([0.7, None, 0.1], "Float64")})
    quality = QualityFilter(0.7).fit(songs)
    assert quality.filter([3, 2, 1, "1", 1.0, np.int64(1)]) == [1, "1", 1.0, 1]
    half = songs.assign(overall_quality_score=np.array([0.7, np.nan, 0.69], np.float32))
    assert QualityFilter(0.7).fit(half).filter([1, 2, 3]) == [1]
    with pytest.raises(UsageError, match="no scores"):
        QualityFilter(0.4).fit(songs[["song_id"]])
    with pytest.raises(UsageError, match="no scores yet"):
        QualityFilter(0.4).filter([1])
    with pytest.raises(UsageError, match="no column 'song_id'"):
        QualityFilter(0.4).fit(pd.DataFrame({"songid": [1]}))


def test_ids_twice_with_two_scores_are_an_error(tmp_path: Path) -> None:
    pq.write_table(pa.table({"song_id": ["a", "a"], "overall_quality_score": [0.1, 0.9]}), tmp_path / "s.parquet")
    with pytest.raises(UsageError, match="more than one score"):
        QualityFilter(0.4, tmp_path / "s.parquet")


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan, "x", True])
def test_arguments_that_make_no_sense_are_refused(threshold: float, scores: Path) -> None:
    with pytest.raises(UsageError):
        QualityFilter(threshold, scores)
    with pytest.raises(UsageError, match="drop"):
        QualityFilter(0.4, scores, missing="guess")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="did you mean overall_quality_score"):
        QualityFilter(0.4, scores, column="overall_quality")


@pytest.mark.parametrize("song_id", [None, math.nan, pd.NA, pd.NaT])
def test_no_id_is_no_song(song_id: object) -> None:
    quality = QualityFilter(0.4, {"None": 0.9, "nan": 0.9, "<NA>": 0.9, "NaT": 0.9, None: 0.9})
    assert quality.filter([song_id]) == []
    assert "no id" in quality.explain(song_id).reason
    assert quality.filter(["nan"]) == ["nan"]


@pytest.mark.parametrize("value", [np.float32(0.7), np.float16(0.7), np.float64(0.7), Decimal("0.7")])
def test_a_threshold_is_met_in_every_precision(value: float) -> None:
    assert QualityFilter(0.7, {"a": value}).filter(["a"]) == ["a"]


@pytest.mark.parametrize("kind", ["float32", "Float32", "float[pyarrow]"])
def test_a_threshold_is_met_in_every_kind_of_column(kind: str) -> None:
    songs = pd.DataFrame({"song_id": ["a", "b"], "overall_quality_score": pd.Series([0.7, None]).astype(kind)})
    assert QualityFilter(0.7).fit(songs).filter(["a", "b"]) == ["a"]


def test_songs_of_a_wrong_form_are_an_error() -> None:
    twice = pd.DataFrame({"song_id": ["a", "a"], "overall_quality_score": [math.nan, math.nan]})
    assert QualityFilter(0.4).fit(twice).filter(["a"]) == []
    with pytest.raises(UsageError, match="more than one score"):
        QualityFilter(0.4).fit(twice.assign(overall_quality_score=[math.nan, 0.5]))
    with pytest.raises(UsageError, match="is a number"):
        QualityFilter(0.4).fit(twice.assign(overall_quality_score=["0.7", "0.7"]))
    columns = ["song_id", "song_id", "overall_quality_score"]
    with pytest.raises(UsageError, match="more than one column 'song_id'"):
        QualityFilter(0.4).fit(pd.DataFrame([["a", "b", 0.5]], columns=columns))


@pytest.mark.parametrize("scores", ["", [("a", 0.5)], pd.DataFrame({"song_id": ["a"]}), 7])
def test_scores_of_a_wrong_kind_are_an_error(scores: object) -> None:
    with pytest.raises(UsageError):
        QualityFilter(0.4, scores)  # type: ignore[arg-type]


@pytest.mark.parametrize("score", [math.nan, math.inf, True, "1", None])
def test_only_a_number_is_boosted(score: object) -> None:
    with pytest.raises(UsageError, match="no number 'score'"):
        QualityFilter(0.4, {"a": 0.5}).apply([{"song_id": "a", "score": score}], boost=True)
    assert QualityFilter(0.4, {"a": 0.5}).apply([{"song_id": "a", "score": np.float32(1)}], boost=True) == [
        {"song_id": "a", "score": pytest.approx(0.85)}
    ]


def test_a_reason_shows_all_digits() -> None:
    assert QualityFilter(0.4, {"a": 0.39999999}).explain("a").reason == "overall_quality_score 0.39999999 < 0.4"


def frame(**columns: Any) -> pd.DataFrame:
    given = {"genre": pd.Categorical(["x", "y", "x", "y"]), "plays": [4, 3, 2, 1], "score": [0.5, 1.0, 2.0, 1.0]}
    return pd.DataFrame({**given, **columns})


@pytest.mark.parametrize("key", ["song_id", "id", None])
def test_a_dataframe_stays_one_with_its_order_index_and_types(key: str | None) -> None:
    ids = ["a", "b", "c", "d"]
    given = frame(**({key: ids} if key else {}))
    given.index = pd.Index(ids if key is None else [9, 8, 7, 6])
    quality = QualityFilter(0.5, {"a": 0.5, "b": 0.4, "c": 1.0, "d": None})
    kept = quality.apply(given)
    assert kept.equals(given.iloc[[0, 2]])
    assert (kept.dtypes == given.dtypes).all()
    kept["plays"] = 0
    assert given["plays"].tolist() == [4, 3, 2, 1]
    boosted = quality.apply(given, boost=True)
    assert boosted["score"].tolist() == pytest.approx([2.0, 0.5 * 0.85])
    assert boosted["plays"].tolist() == [2, 4]
    assert QualityFilter(0.5, {"a": 0.5, "b": 0.4, "c": 1.0}, "keep").apply(given)["plays"].tolist() == [4, 2, 1]
    with pytest.raises(MissingScoreError):
        QualityFilter(0.5, {"a": 0.5}, "fail").apply(given)


def test_a_dataframe_without_ids_or_scores_is_refused() -> None:
    quality = QualityFilter(0.5, {"a": 0.5})
    with pytest.raises(UsageError, match="no column 'song_id'"):
        quality.apply(frame())
    with pytest.raises(UsageError, match="no column 'other'"):
        quality.apply(frame(id=list("abcd")), boost=True, score="other")
    assert quality.apply(frame(id=list("bcde"))).empty
    assert list(quality.apply(frame(id=list("bcde"))).columns) == ["genre", "plays", "score", "id"]
    twice = frame(id=list("abcd"), other=1.0).rename(columns={"other": "score"})
    with pytest.raises(UsageError, match="more than one column 'score'"):
        quality.apply(twice, boost=True)


@pytest.mark.parametrize("key", ["song_id", "id", None])
def test_scores_may_be_a_dataframe(key: str | None) -> None:
    table = pd.DataFrame({"overall_quality_score": [0.5, 0.4, None]}, index=["a", "b", "c"])
    table = table if key is None else table.rename_axis(key).reset_index()
    quality = QualityFilter(0.5, table)
    assert quality.filter(["c", "b", "a", "d"]) == ["a"]
    assert quality.explain("c").score is None
    with pytest.raises(UsageError, match="scores have no column 'other'"):
        QualityFilter(0.5, table, column="other")

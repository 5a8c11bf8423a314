"""The weighted score, weights given by hand, and the summary of a run; all numbers by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.records import Answer, Field, FieldAnswer, Score
from musicflamingo_cli.score_stats import ColumnStatistics, bucket, collapse_warning
from musicflamingo_cli.scoring.aggregate import aggregate, parse_weights


def answer(fields: tuple[Field, ...], *numbers: float | None) -> Answer:
    held = {f.name: FieldAnswer(n) for f, n in zip(fields, numbers, strict=True)}
    return Answer(held, "ok")


def test_the_vector_of_the_old_guide(scores: tuple[Field, ...]) -> None:
    assert aggregate(answer(scores, 0.85, 0.92, 0.78, 0.65, 0.82), scores) == Score(0.8275, 1.0)


def test_five_times_seven_tenths_passes_seven_tenths(scores: tuple[Field, ...]) -> None:
    overall = aggregate(answer(scores, 0.7, 0.7, 0.7, 0.7, 0.7), scores).overall
    assert overall == 0.7
    assert overall >= 0.7
    assert bucket(overall) == "high"


def test_coverage(scores: tuple[Field, ...]) -> None:
    partial = answer(scores, 0.5, 1.0, None, None, 0.0)
    assert aggregate(partial, scores) == Score(None, 0.65)
    assert aggregate(partial, scores, min_coverage=0.65) == Score(round(0.375 / 0.65, 9), 0.65)
    assert aggregate(answer(scores, None, None, None, None, None), scores, min_coverage=0.0) == Score(None, 0.0)


def test_other_weights_and_ranges() -> None:
    fields = (
        Field("a", "score", low=1.0, high=5.0, weight=1.0),
        Field("b", "score", low=0.0, high=1.0),
        Field("t", "text"),
    )
    assert aggregate(answer(fields, 4.0, 0.1, None), fields) == Score(0.75, 1.0)
    assert aggregate(answer(fields, 4.0, 0.25, None), fields, {"a": 1.0, "b": 3.0}) == Score(0.375, 1.0)
    assert aggregate(answer(fields, 4.0, 0.25, None), fields, {"b": 2.0}) == Score(0.25, 1.0)
    assert aggregate(answer(fields, 4.0, 0.25, None), fields, {}) == Score(None, 0.0)


def test_a_loss_is_weighed_by_what_it_leaves_and_only_where_it_is_named() -> None:
    """3 parts of 0.8 and one of 1 - 0.6: 0.7."""
    fields = (Field("a", "score", low=0.0, high=1.0, weight=1.0), Field("loss_noise", "number"), Field("bpm", "number"))
    held = answer(fields, 0.8, 0.6, 120.0)
    assert aggregate(held, fields) == Score(0.8, 1.0)
    assert aggregate(held, fields, parse_weights("a=3,loss_noise=1", fields)) == Score(0.7, 1.0)
    assert aggregate(answer(fields, 0.8, None, 120.0), fields, {"a": 3.0, "loss_noise": 1.0}) == Score(None, 0.75)
    assert parse_weights("a=3", fields) == {"a": 3.0}
    with pytest.raises(UsageError, match="no score named 'bpm'"):
        parse_weights("bpm=1", fields)


@pytest.mark.parametrize(
    ("overall", "name"),
    [(1.0, "high"), (0.7, "high"), (0.699999999, "medium"), (0.4, "medium"), (0.39, "low"), (None, None)],
)
def test_buckets(overall: float | None, name: str | None) -> None:
    assert bucket(overall) == name


def test_weights_from_pairs_and_files(scores: tuple[Field, ...], tmp_path: Path) -> None:
    wanted = {f.name: 0.0 for f in scores} | {"production_quality": 2.0, "content_enjoyment": 0.5}
    assert parse_weights("production_quality=2, content_enjoyment = 0.5", scores) == wanted
    toml = tmp_path / "weights.toml"
    toml.write_text("[weights]\nproduction_quality = 2\ncontent_enjoyment = 0.5\n")
    assert parse_weights(str(toml), scores) == wanted
    flat = tmp_path / "weights.json"
    flat.write_text('{"production_quality": 2, "content_enjoyment": 0.5}')
    assert parse_weights(str(flat), scores) == wanted


@pytest.mark.parametrize("spec", ["production_quality=1e308,content_enjoyment=1e308", "production_quality=5e-324"])
def test_weights_of_any_size_weigh(spec: str, scores: tuple[Field, ...]) -> None:
    held = {name: FieldAnswer(0.85, "json") for name in ("production_quality", "content_enjoyment")}
    score = aggregate(Answer(held, "partial"), scores, parse_weights(spec, scores))
    assert (score.overall, score.coverage) == (0.85, 1.0)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("production_quality=1_0", "0 or more"),
        ("quality=1", "no score named 'quality'"),
        ("genre=1", "no score named 'genre'"),
        ("production_quality=-1", "0 or more"),
        ("production_quality=nan", "0 or more"),
        ("production_quality=inf", "0 or more"),
        ("production_quality=much", "0 or more"),
        ("production_quality=0", "sum to 0"),
        ("production_quality=1,production_quality=2", "given twice"),
        ("no_such_file.toml", "can't be read"),
        ("", "is empty"),
    ],
)
def test_bad_weights(spec: str, message: str, fields: tuple[Field, ...]) -> None:
    with pytest.raises(UsageError, match=message):
        parse_weights(spec, fields)


@pytest.mark.parametrize("text", ["not = [toml", '["a"]', "weights = 3", '{"production_quality": true}', "\x00"])
def test_bad_weights_files(text: str, fields: tuple[Field, ...], tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_text(text)
    with pytest.raises(UsageError):
        parse_weights(str(file), fields)


def statistics(*numbers: float | None) -> ColumnStatistics:
    column = ColumnStatistics("production_quality")
    for number in numbers:
        column.add(number)
    return column


def test_summary() -> None:
    summary = statistics(0.2, 0.4, 0.4, 0.8, None, float("nan")).summary()
    assert (summary.count, summary.minimum, summary.maximum, summary.distinct) == (4, 0.2, 0.8, 3)
    assert summary.mean == pytest.approx(0.45)
    assert summary.median == pytest.approx(0.4)
    assert summary.std == pytest.approx(0.0475**0.5)
    assert (summary.top_value, summary.top_share) == (0.4, 0.5)
    assert summary.quantiles[0.25] == pytest.approx(0.35)
    assert summary.quantiles[0.9] == pytest.approx(0.68)
    assert statistics(None).summary().mean is None


def test_collapse() -> None:
    spread = [n / 200 for n in range(150)]
    assert collapse_warning(statistics(*spread).summary()) is None
    assert "rank" in str(collapse_warning(statistics(*[0.85] * 7, 0.1, 0.2, 0.3).summary()))
    assert collapse_warning(statistics(*[0.85] * 6, 0.1, 0.2, 0.3, 0.4).summary()) is None
    few = [n / 10 for n in range(9)] * 12
    assert "9 distinct values" in str(statistics(*few).summary().collapse_warning)
    assert collapse_warning(statistics(*few[:100]).summary()) is None
    assert collapse_warning(statistics(0.5).summary()) is None


def test_memory_stays_bounded() -> None:
    column = ColumnStatistics("x", max_distinct=1000)
    for n in range(5000):
        column.add(n / 5000)
    summary = column.summary()
    assert summary.count == 5000
    assert summary.distinct <= 1000
    assert summary.approximate
    assert summary.median == pytest.approx(0.5, abs=0.01)
    assert summary.mean == pytest.approx(2499.5 / 5000)

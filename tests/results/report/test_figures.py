"""Spread, quantiles, collapse, sweep and correlation, against numbers worked out by hand."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main
from musicflamingo_cli.results.report.build import build_report
from musicflamingo_cli.results.report.records import Report, ReportOptions
from musicflamingo_cli.score_stats import ColumnStatistics
from tests.results.report.report_tables import write

NAN = math.nan


def report_of(values: Any, folder: Path, **more: Any) -> Report:
    columns = {"song_id": [str(i) for i in range(len(values))], "overall_quality_score": values, **more}
    return build_report(write(folder / "t.parquet", columns), ReportOptions())


def test_a_spread_by_hand(tmp_path: Path) -> None:
    (spread,) = report_of([0.1, 0.2, 0.3, 0.4, None], tmp_path).spreads
    assert (spread.count, spread.distinct, spread.minimum, spread.maximum) == (4, 4, 0.1, 0.4)
    assert spread.mean == pytest.approx(0.25)
    assert spread.std == pytest.approx(0.1118034, abs=1e-6)
    assert spread.quantiles[0.5] == pytest.approx(0.25)
    assert spread.quantiles[0.25] == pytest.approx(0.175)
    assert spread.quantiles[0.95] == pytest.approx(0.385)


def test_a_value_on_a_border_counts_in_the_bin_above_it(tmp_path: Path) -> None:
    (spread,) = report_of([0.0, 0.05, 0.15, 0.7, 0.85, 1.0], tmp_path).spreads
    assert len(spread.counts) == 20
    assert [i for i, n in enumerate(spread.counts) if n] == [0, 1, 3, 14, 17, 19]
    assert (spread.edges[0], spread.edges[-1]) == (0.0, pytest.approx(1.0))


def test_bins_hold_every_song(tmp_path: Path) -> None:
    values = np.random.default_rng(0).beta(2, 3, 5000)
    (spread,) = report_of(values, tmp_path).spreads
    assert len(spread.counts) == 40
    assert sum(spread.counts) == 5000


@pytest.mark.parametrize("others", [[NAN], [NAN, None], [math.inf], [-math.inf], [1e300], [NAN, math.inf, 1e300, None]])
def test_nothing_that_is_no_number_counts(others: list[float | None], tmp_path: Path) -> None:
    report = report_of([0.5, *others], tmp_path)
    assert (report.spreads[0].count, report.spreads[0].maximum) == (1, 0.5)
    assert report.sweep is not None
    assert (report.sweep.scored, report.sweep.rows) == (1, 1 + len(others))


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        ([0.85] * 7 + [0.1, 0.2, 0.3], "is 0.85 for 70% of 10 songs"),
        ([0.85] * 6 + [0.1, 0.2, 0.3, 0.4], None),
        ([0.1 * (i % 9) for i in range(101)], "holds only 9 distinct values for 101 songs"),
        ([0.1 * (i % 9) for i in range(100)], None),
        ([0.5, 0.5], None),
    ],
)
def test_collapse_is_told_as_in_the_summary_of_a_run(values: list[float], warned: str | None, tmp_path: Path) -> None:
    (spread,) = report_of(values, tmp_path).spreads
    counted = ColumnStatistics("overall_quality_score")
    for value in values:
        counted.add(value)
    assert spread.warning == counted.summary().collapse_warning
    assert (spread.warning is None) if warned is None else (warned in (spread.warning or ""))


def test_quantiles_agree_with_the_summary_of_a_run(tmp_path: Path) -> None:
    values = np.round(np.random.default_rng(1).beta(2, 3, 1234), 6)
    (spread,) = report_of(values, tmp_path).spreads
    counted = ColumnStatistics("x")
    for value in values:
        counted.add(float(value))
    summary = counted.summary()
    assert spread.quantiles == pytest.approx(dict(summary.quantiles))
    assert spread.distinct == summary.distinct


def test_a_sweep_keeps_what_reaches_the_threshold(tmp_path: Path) -> None:
    sweep = report_of([0.7, 0.7 - 2e-7, 0.69, 0.1 * 7, 1.0, None], tmp_path).sweep
    assert sweep is not None
    kept = dict(zip(sweep.thresholds, sweep.kept, strict=True))
    assert (kept[0.0], kept[0.69], kept[0.7], kept[0.71], kept[1.0]) == (5, 5, 3, 1, 1)
    assert (sweep.rows, sweep.scored) == (6, 5)


def test_a_sweep_keeps_the_very_songs_that_a_filter_keeps(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    near = random.choice([0.1, 0.33, 0.5, 0.54, 0.7, 0.9], 400)
    values = near + random.choice([-4e-7, -1e-9, 0.0, 1e-9, 4e-7], 400)
    sweep = report_of(values, tmp_path).sweep
    assert sweep is not None
    for threshold, kept in [*zip(sweep.thresholds, sweep.kept, strict=True), *((t, n) for _, t, n in sweep.targets)]:
        assert kept == int((values >= threshold).sum()), threshold
        if threshold in (0.33, 0.54, 0.7):
            words = [str(tmp_path / "t.parquet"), "-o", str(tmp_path / "kept.parquet"), "--min", str(threshold)]
            assert main(["filter", *words]) == 0
            assert kept == pq.read_metadata(tmp_path / "kept.parquet").num_rows
    assert all(kept >= math.ceil(share * 400) for share, _, kept in sweep.targets)


@pytest.mark.parametrize("kind", [pa.float32(), pa.float16(), pa.decimal128(9, 4)])
def test_a_sweep_of_other_numbers(kind: pa.DataType, tmp_path: Path) -> None:
    numbers = np.array([0.75, 0.25, 0.5], np.float16) if pa.types.is_float16(kind) else [0.75, 0.25, 0.5]
    values = pa.array(numbers) if pa.types.is_float16(kind) else pa.array(numbers).cast(kind)
    sweep = report_of(values, tmp_path).sweep
    assert sweep is not None
    kept = dict(zip(sweep.thresholds, sweep.kept, strict=True))
    assert (kept[0.0], kept[0.5], kept[0.51], kept[0.75], kept[0.76]) == (3, 2, 1, 1, 0)


def test_a_score_outside_its_range_is_kept_by_no_threshold(tmp_path: Path) -> None:
    report = report_of([0.5, 0.9, 7.0, -3.0, 1e9], tmp_path)
    assert report.sweep is not None
    assert (report.sweep.thresholds[0], report.sweep.thresholds[-1]) == (0.0, 1.0)
    assert (report.sweep.scored, report.sweep.kept[0], report.sweep.kept[90]) == (2, 2, 1)
    assert any("3 songs have overall_quality_score outside 0 to 1" in told for told in report.missing)


def test_no_score_within_its_range(tmp_path: Path) -> None:
    sweep = report_of([4.0, 5.0], tmp_path).sweep
    assert sweep is not None
    assert (sweep.scored, set(sweep.kept), list(sweep.targets)) == (0, {0}, [])


def test_one_value_that_is_huge_has_a_histogram(tmp_path: Path) -> None:
    table = write(tmp_path / "t.parquet", {"song_id": list("abc"), "x": [1e80] * 3})
    (spread,) = build_report(table, ReportOptions()).spreads
    assert sum(spread.counts) == 3
    assert spread.edges[0] < 1e80 < spread.edges[-1]


def test_the_sweep_names_a_threshold_that_keeps_at_least_a_share(tmp_path: Path) -> None:
    sweep = report_of([round(0.01 * i, 2) for i in range(1, 101)], tmp_path).sweep
    assert sweep is not None
    assert {share: (threshold, kept) for share, threshold, kept in sweep.targets} == {
        0.95: (0.06, 95),
        0.9: (0.11, 90),
        0.75: (0.26, 75),
        0.5: (0.51, 50),
        0.25: (0.76, 25),
        0.1: (0.91, 10),
        0.05: (0.96, 5),
        0.01: (1.0, 1),
    }


def test_a_threshold_can_be_typed_as_it_is_shown(tmp_path: Path) -> None:
    sweep = report_of([0.38079, 0.12345678, 0.91], tmp_path).sweep
    assert sweep is not None
    assert [(t, kept) for share, t, kept in sweep.targets if share in (0.95, 0.5)] == [(0.1234, 3), (0.3807, 2)]


def test_a_collapsed_score_can_not_keep_a_share(tmp_path: Path) -> None:
    sweep = report_of([0.85] * 90 + [0.2] * 10, tmp_path).sweep
    assert sweep is not None
    assert [kept for share, _, kept in sweep.targets if share == 0.1] == [90]


def test_rank_correlation_by_hand(tmp_path: Path) -> None:
    columns = {
        "song_id": list("abcd"),
        "x": [0.1, 0.2, 0.3, 0.4],
        "y": [1.0, 8.0, 27.0, 64.0],
        "z": [0.4, 0.3, 0.2, 0.1],
    }
    found = build_report(write(tmp_path / "t.parquet", columns), ReportOptions(score="x")).correlation
    assert found is not None
    assert (found.names, found.songs, found.sampled) == (("x", "y", "z"), 4, False)
    assert np.array(found.matrix, float) == pytest.approx(np.array([[1, 1, -1], [1, 1, -1], [-1, -1, 1]]))


def test_values_far_from_zero_to_one_have_an_axis_of_their_own(tmp_path: Path) -> None:
    report = build_report(
        write(tmp_path / "t.parquet", {"song_id": list("abc"), "stars": [1.0, 3.5, 5.0]}), ReportOptions(score="stars")
    )
    (spread,) = report.spreads
    assert (spread.edges[0], spread.edges[-1]) == (1.0, pytest.approx(5.0))
    assert report.sweep is not None
    assert report.sweep.thresholds[0] == 1.0
    assert report.sweep.kept[-1] == 1

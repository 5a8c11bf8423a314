"""Statistics against scipy's and hand-computed values."""

import math

import numpy as np
import pytest
import scipy.stats

from musicflamingo_cli.evaluation import statistics

ALTERNATE = np.arange(6) % 2


def test_four_statistics_by_hand() -> None:
    """Of 15 pairs one is out of order: tau is 13 / 15, accuracy 14 / 15; rho is 1 - 6 * 2 / (6 * 35)."""
    scores, labels = np.array([1.0, 2, 3, 4, 5, 6]), np.array([1.0, 2, 4, 3, 5, 6])
    rho, tau, pearson, accuracy = statistics.agreement(scores, labels, ALTERNATE)
    assert (rho, tau, accuracy) == pytest.approx((1 - 12 / 210, 13 / 15, 14 / 15))
    # Fold 0 (labels 1, 4, 5) is fitted to the others' 2, 3, 6 at 2, 4, 6: 2, 2.5, 4.5; fold 1 to 1, 4, 5 at 1, 3, 5.
    fitted = [2, 2.5, 2.5, 4.5, 4.5, 5]
    assert pearson == pytest.approx(np.corrcoef(fitted, labels)[0, 1])


def test_a_tie_in_the_scores_is_half_a_pair() -> None:
    accuracy = statistics.agreement(np.array([1.0, 1, 2]), np.array([1.0, 2, 3]), np.array([0, 1, 0]))[3]
    assert accuracy == pytest.approx((0.5 + 1 + 1) / 3)


def test_ties_on_both_sides_as_scipy_has_them() -> None:
    random = np.random.default_rng(3)
    scores, labels = random.integers(0, 6, 200) / 5, random.integers(1, 6, 200).astype(float)
    rho, tau, _, accuracy = statistics.agreement(scores, labels, np.arange(200) % 2)
    assert rho == pytest.approx(scipy.stats.spearmanr(scores, labels).statistic)
    assert tau == pytest.approx(scipy.stats.kendalltau(scores, labels).statistic)
    apart = [(a, b) for a in range(200) for b in range(a) if labels[a] != labels[b]]
    points = [(1 + np.sign((scores[a] - scores[b]) * (labels[a] - labels[b]))) / 2 for a, b in apart]
    assert accuracy == pytest.approx(np.mean(points))


@pytest.mark.parametrize(("scores", "labels"), [([], []), ([1], [2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [2, 2, 2])])
def test_what_can_not_be_ordered_has_no_statistics(scores: list[float], labels: list[float]) -> None:
    found = statistics.agreement(np.array(scores, float), np.array(labels, float), np.arange(len(scores)) % 2)
    assert np.isnan(found).all()


def test_resamples_draw_whole_groups_and_are_the_same_for_one_seed() -> None:
    groups = np.array([0, 1, 1, 2, 2, 2])
    for places in statistics.resamples(6, groups, 50, 7):
        counts = np.bincount(places, minlength=6)
        assert counts[1] == counts[2] and counts[3] == counts[4] == counts[5]
    one, two = ([list(p) for p in statistics.resamples(6, groups, 5, 7)] for _ in range(2))
    assert one == two


def test_large_samples_are_drawn_in_part_and_the_spread_is_scaled() -> None:
    songs = 16 * statistics.RESAMPLED_SONGS
    assert {len(p) for p in statistics.resamples(songs, None, 3)} == {statistics.RESAMPLED_SONGS}
    assert statistics.shrinkage(songs, None) == 0.25
    assert statistics.shrinkage(10, None) == 1.0
    low, high = statistics.interval(0.5, np.linspace(0.1, 0.9, 1001), 0.25)
    assert (low, high) == pytest.approx((0.5 - 0.38 / 4, 0.5 + 0.38 / 4))


def test_an_interval_of_what_mostly_failed_is_none() -> None:
    assert all(map(math.isnan, statistics.interval(0.5, [0.5, math.nan])))
    assert all(map(math.isnan, statistics.interval(math.nan, [0.5, 0.6])))


@pytest.mark.parametrize(("good", "kept"), [(9, 10), (0, 5), (50, 50), (181, 200)])
def test_wilson_as_scipy_has_it(good: int, kept: int) -> None:
    expected = scipy.stats.binomtest(good, kept).proportion_ci(method="wilson").low
    assert statistics.wilson_lower(np.array([float(good)]), np.array([float(kept)]))[0] == pytest.approx(expected)


def test_raters_who_agree_and_raters_who_guess() -> None:
    same = np.repeat(np.arange(20.0)[:, None], 4, axis=1)
    assert statistics.rater_agreement(same) == pytest.approx((1.0, 1.0))
    alpha, reliability = statistics.rater_agreement(np.random.default_rng(0).random((2000, 4)))
    assert abs(alpha) < 0.05 and abs(reliability) < 0.1


def test_a_score_that_knows_the_truth_reaches_the_square_root_of_the_reliability() -> None:
    """Four ratings of variance 1 around a truth of variance 1: reliability 1 / (1 + 1 / 4)."""
    random = np.random.default_rng(4)
    truth = random.normal(size=4000)
    ratings = truth[:, None] + random.normal(size=(4000, 4))
    _, reliability = statistics.rater_agreement(ratings)
    assert reliability == pytest.approx(4 / 5, abs=0.02)
    assert statistics.spearman(truth, ratings.mean(axis=1)) == pytest.approx(math.sqrt(reliability), abs=0.02)


def test_raters_who_contradict_each_other_have_no_reliability() -> None:
    ratings = np.arange(10.0)[:, None] * [1, -1]
    alpha, reliability = statistics.rater_agreement(ratings)
    assert alpha < 0 and reliability == 0


def test_alpha_by_hand() -> None:
    """Two songs, rated 1, 2 and 3, 4: observed disagreement 1, expected over all pairs of the four values 10 / 3."""
    alpha, _ = statistics.rater_agreement(np.array([[1.0, 2], [3, 4]]))
    assert alpha == pytest.approx(1 - 1 / (10 / 3))

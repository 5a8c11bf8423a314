"""Strengths out of comparisons: by hand, as a logistic regression, and against a known truth."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from musicflamingo_cli.ranking.strengths import SPREAD, Strengths, fit, groups, prior_of

NONE = math.nan


def test_one_win_between_two_songs_by_hand() -> None:
    """Both at +-x, with variance 2 each: x / 2 = 1 - 1 / (1 + exp(-2x)), so x = .5213; the inverse of the curvature."""
    found = fit(prior_of(np.array([NONE, NONE])), [(0, 1)], [1.0])
    np.testing.assert_allclose(found.mean, [0.5213, -0.5213], atol=1e-4)
    np.testing.assert_allclose(found.error, [1.2509, 1.2509], atol=1e-4)


def test_a_tie_counts_for_both_and_tells_something() -> None:
    """Curvature of each: 1 / 2 + 1 / 4, and -1 / 4 between them: the inverse has .75 / (.75 ** 2 - .25 ** 2) = 1.5."""
    found = fit(prior_of(np.array([NONE, NONE])), [(0, 1)], [0.5])
    np.testing.assert_allclose(found.mean, [0, 0], atol=1e-9)
    np.testing.assert_allclose(found.error, math.sqrt(1.5))


def test_before_any_comparison_the_score_tells_the_strength() -> None:
    prior = prior_of(np.array([0.2, 0.4, 0.6, NONE]))
    np.testing.assert_allclose(prior.mean, [-math.sqrt(1.5), 0, math.sqrt(1.5), 0], atol=1e-12)
    np.testing.assert_allclose(prior.error, [1, 1, 1, math.sqrt(2)])
    assert fit(prior, [], []) is prior


@pytest.mark.parametrize("scores", [[0.7, 0.7], [0.7, NONE], [NONE, NONE]])
def test_scores_that_tell_nothing_apart_say_nothing(scores: list[float]) -> None:
    assert prior_of(np.array(scores)).mean.tolist() == [0, 0]


def test_songs_that_were_not_compared_stay_what_they_were() -> None:
    prior = prior_of(np.array([0.1, 0.5, 0.9]))
    found = fit(prior, [(0, 2)], [1.0])
    assert (found.mean[1], found.error[1]) == (prior.mean[1], prior.error[1])
    assert prior.mean[0] < found.mean[0] < found.mean[2] < prior.mean[2]


def test_without_scores_it_is_a_logistic_regression() -> None:
    rng = np.random.default_rng(3)
    pairs = [tuple(int(n) for n in rng.choice(30, 2, replace=False)) for _ in range(200)]
    won = rng.integers(0, 2, 200)
    design = np.zeros((200, 30))
    for row, (first, second) in enumerate(pairs):
        design[row, first], design[row, second] = 1, -1
    other = LogisticRegression(C=SPREAD, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(design, won)
    found = fit(prior_of(np.full(30, NONE)), pairs, won.astype(float).tolist())
    np.testing.assert_allclose(found.mean, other.coef_[0], atol=1e-4)
    chance = 1 / (1 + np.exp(-design @ found.mean))
    curvature = design.T @ np.diag(chance * (1 - chance)) @ design + np.eye(30) / SPREAD
    np.testing.assert_allclose(found.error, np.sqrt(np.diag(np.linalg.inv(curvature))))


def test_who_always_wins_is_not_infinitely_strong() -> None:
    pairs = [(0, n) for n in range(1, 31)]
    found = fit(prior_of(np.full(31, NONE)), pairs, [1.0] * 30)
    assert 2 < found.mean[0] < 6
    assert found.error[0] > 0.5


def test_the_errors_are_as_large_as_what_is_off() -> None:
    """Of strengths drawn as the prior says, 95 % lie within 1.96 errors: of 900, 855, give or take 3 x 6.5."""
    rng, inside = np.random.default_rng(11), 0
    for _ in range(15):
        scores = rng.random(60)
        prior = prior_of(scores)
        truth = prior.mean + prior.error * rng.standard_normal(60)
        pairs = [tuple(int(n) for n in rng.choice(60, 2, replace=False)) for _ in range(240)]
        won = [float(rng.random() < 1 / (1 + math.exp(truth[j] - truth[i]))) for i, j in pairs]
        found = fit(prior, pairs, won)
        inside += int(np.sum(np.abs(found.mean - truth) < 1.96 * found.error))
    assert 835 <= inside <= 875


def test_the_prior_can_be_any_normal_distribution() -> None:
    found = fit(Strengths(np.array([3.0, 0.0]), np.array([1e-4, 1e-4])), [(0, 1)], [0.0])
    np.testing.assert_allclose(found.mean, [3, 0], atol=1e-6)


def test_groups_are_what_no_pair_links() -> None:
    assert groups([]) == 0
    assert groups([(0, 1), (5, 6)]) == 2
    assert groups([(0, 1), (5, 6), (6, 1)]) == 1

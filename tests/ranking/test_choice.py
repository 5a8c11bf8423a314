"""Which pairs are asked next."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from musicflamingo_cli.ranking.choice import NEIGHBOURS, next_pairs
from musicflamingo_cli.ranking.strengths import Strengths, fit, prior_of


def strengths(*means: float, error: float = 0.5) -> Strengths:
    return Strengths(np.array(means), np.full(len(means), error))


def chosen(known: Strengths, most: int, asked: set[tuple[int, int]] | None = None, out: tuple[int, ...] = ()):
    usable = np.array([place not in out for place in range(len(known.mean))])
    return next_pairs(known, usable, asked or set(), most)


def test_near_ties_come_first_whatever_their_place() -> None:
    known = strengths(0.0, 4.0, 2.1, -3.0, 2.0, 0.9)
    assert chosen(known, 1) == [(2, 4)]
    assert chosen(known, 2) == [(2, 4), (0, 5)]
    assert chosen(known, 3) == [(2, 4), (0, 5), (1, 3)]


def test_of_ties_those_come_first_of_which_less_is_known() -> None:
    known = Strengths(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.2, 0.2, 0.9, 0.9]))
    assert chosen(known, 1) == [(2, 3)]


def test_no_song_is_in_two_pairs_of_a_round_and_no_pair_is_asked_twice() -> None:
    known = strengths(0, 0, 0, 0, 0)
    assert chosen(known, 10) == [(0, 1), (2, 3)]
    assert chosen(known, 10, {(0, 1), (2, 3)}) == [(1, 2), (3, 4)]


def test_songs_that_can_not_be_heard_are_in_no_pair() -> None:
    assert chosen(strengths(0, 0, 0), 5, out=(1,)) == [(0, 2)]
    assert chosen(strengths(0, 0, 0), 5, out=(0, 1)) == []
    assert chosen(strengths(0), 5) == []


def test_a_larger_budget_begins_with_the_pairs_of_a_smaller_one() -> None:
    known = strengths(*np.random.default_rng(2).normal(size=60))
    whole = chosen(known, 1000)
    assert [chosen(known, most) for most in range(len(whole))] == [whole[:most] for most in range(len(whole))]


def test_rounds_grow_with_the_catalogue_only() -> None:
    assert len(chosen(strengths(*np.linspace(0, 1, 400)), 10_000)) == 64
    assert len(chosen(strengths(*np.linspace(0, 1, 3200)), 10_000)) == 200


def test_chosen_pairs_mend_more_of_the_order_than_random_ones() -> None:
    """By Kendall's tau with the truth, of 200 songs, 400 answers as the model says, and the mean of 12 draws."""
    gains = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        known = prior = prior_of(rng.random(200))
        truth = prior.mean + prior.error * rng.standard_normal(200)

        def won(pairs, rng=rng, truth=truth):
            return [float(rng.random() < 1 / (1 + np.exp(truth[j] - truth[i]))) for i, j in pairs]

        asked, shares = [], []
        while pairs := chosen(known, 400 - len(asked), set(asked)):
            asked += pairs
            shares += won(pairs)
            known = fit(prior, asked, shares)
        anyhow = [tuple(int(n) for n in rng.choice(200, 2, replace=False)) for _ in range(400)]
        other = fit(prior, anyhow, won(anyhow))
        gains.append(kendalltau(truth, known.mean)[0] - kendalltau(truth, other.mean)[0])
    assert np.mean(gains) > 0.015


@pytest.mark.parametrize("songs", [2, 5, NEIGHBOURS + 1, NEIGHBOURS + 8])
def test_all_pairs_of_neighbours_are_asked_in_the_end(songs: int) -> None:
    known, asked = strengths(*np.linspace(1, 0, songs)), set()
    while pairs := chosen(known, 1000, asked):
        assert not asked & set(pairs)
        asked |= set(pairs)
    assert asked == {(i, j) for i in range(songs) for j in range(i + 1, songs) if j - i <= NEIGHBOURS}

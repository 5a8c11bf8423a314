"""Which pairs are asked next."""

import numpy as np
import pytest

from musicflamingo_cli.ranking.choice import NEIGHBOURS, next_pairs, possible_pairs
from musicflamingo_cli.ranking.strengths import Strengths


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


@pytest.mark.parametrize("songs", [2, 5, NEIGHBOURS + 1, NEIGHBOURS + 8])
def test_all_pairs_of_neighbours_are_asked_in_the_end(songs: int) -> None:
    known, asked = strengths(*np.linspace(1, 0, songs)), set()
    while pairs := chosen(known, 1000, asked):
        assert not asked & set(pairs)
        asked |= set(pairs)
    assert asked == {(i, j) for i in range(songs) for j in range(i + 1, songs) if j - i <= NEIGHBOURS}
    assert possible_pairs(songs) == len(asked)

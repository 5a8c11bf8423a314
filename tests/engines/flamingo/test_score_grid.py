"""Numbers by hand: which there are, how they are written, and what their probabilities come to."""

import numpy as np
import pytest

from musicflamingo_cli.engines.flamingo.score_grid import ALPHABET, END, choices, grid, read, written
from musicflamingo_cli.engines.flamingo.token_tree import ROOT, Branch, groves, grow
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.records import Field

UNIT = grid(Field("q", "score", low=0.0, high=1.0))
CODES = tuple(range(100, 112))


def logs(grid, chances):
    """Log-probabilities from `{prefix: {character or "end": probability}}`; all else is impossible."""
    table = np.zeros((len(grid.prefixes), END + 1))
    for prefix, row in chances.items():
        for what, chance in row.items():
            column = END if what == "end" else ALPHABET.index(what)
            table[grid.prefixes.index(prefix), column] = chance
    with np.errstate(divide="ignore"):
        return np.log(table)


def test_the_unit_range_has_101_values_of_two_decimals():
    assert len(UNIT.values) == 101
    assert (UNIT.texts[0], UNIT.texts[85], UNIT.texts[100]) == ("0.00", "0.85", "1.00")
    assert UNIT.values[85] == 0.85
    assert UNIT.prefixes[:3] == ("", "0", "1")
    assert len(UNIT.prefixes) == 1 + 2 + 2 + 11


@pytest.mark.parametrize(
    ("low", "high", "count", "first", "last"),
    [
        (0, 10, 1001, "0.00", "10.00"),
        (1, 10, 901, "1.00", "10.00"),
        (0, 100, 1001, "0.0", "100.0"),
        (0.5, 1, 51, "0.50", "1.00"),
        (0.005, 0.014, 1, "0.01", "0.01"),
        (1, 5, 401, "1.00", "5.00"),
        (900, 910, 1001, "900.00", "910.00"),
    ],
)
def test_other_ranges(low, high, count, first, last):
    made = grid(Field("q", "score", low=low, high=high))
    assert (len(made.values), made.texts[0], made.texts[-1]) == (count, first, last)
    assert all(low <= value <= high for value in made.values)
    assert [float(text) for text in made.texts] == list(made.values)


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 1000), (0.001, 0.004), (None, 1), (1, 1)])
def test_ranges_that_cannot_be_written_are_refused_by_name(low, high):
    with pytest.raises(UsageError, match="'mood'"):
        grid(Field("mood", "score", low=low, high=high))


def test_a_joint_distribution_by_hand():
    """P(0.85) = .9 x .8 x .5 x .4 = .144; P(0.8) ends: .9 x .8 x .5 x .3 = .108; P(1) ends: .1 x .6 = .06."""
    spread = read(
        UNIT,
        logs(
            UNIT,
            {
                "": {"0": 0.9, "1": 0.1},
                "0": {".": 0.8, "end": 0.0},
                "0.": {"8": 0.5},
                "0.8": {"5": 0.4, "0": 0.1, "end": 0.3},
                "1": {"end": 0.6},
            },
        ),
    )
    chances = dict(zip(spread.values, spread.probabilities, strict=True))
    assert chances[0.85] == pytest.approx(0.144)
    assert chances[0.8] == pytest.approx(0.036 + 0.108)
    assert chances[1.0] == pytest.approx(0.06)
    assert spread.mass == pytest.approx(0.144 + 0.144 + 0.06)
    assert spread.written == 0.85


def test_a_number_beyond_the_range_is_no_mass():
    """After `1.` only 0 is in range: 1.5 would be a number, but not a score."""
    spread = read(UNIT, logs(UNIT, {"": {"1": 1.0}, "1": {".": 1.0}, "1.": {"5": 0.7, "0": 0.3}, "1.0": {"0": 1.0}}))
    assert spread.mass == pytest.approx(0.3)
    assert spread.written == 1.0


def test_greedy_goes_character_by_character_not_by_the_likeliest_value():
    table = logs(
        UNIT,
        {
            "": {"0": 0.6, "1": 0.4},
            "0": {".": 1.0},
            "0.": {str(d): 0.1 for d in range(10)},
            **{f"0.{d}": {"5": 1.0} for d in range(10)},
            "1": {"end": 1.0},
        },
    )
    spread = read(UNIT, table)
    assert max(zip(spread.probabilities, spread.values, strict=True)) == (0.4, 1.0)
    assert spread.written == 0.05
    assert written(UNIT, table) == "0.05"


def test_nothing_possible_is_no_mass_and_still_a_text_in_range():
    spread = read(UNIT, np.full((len(UNIT.prefixes), END + 1), -np.inf))
    assert spread.mass == 0.0
    assert spread.written in UNIT.values


def test_choices_keep_within_the_range():
    tens = grid(Field("q", "score", low=1, high=10))
    assert choices(tens, "") == list("123456789")
    assert choices(tens, "1") == [".", "0"]
    assert choices(tens, "10.0") == ["0"]


def test_a_tree_shares_beginnings_and_hides_siblings():
    tree = grow([Branch("a", (7, 8), UNIT), Branch("b", (7, 9), UNIT)], CODES)
    assert tree.tokens[:2] == (7, 8)
    assert tree.tokens.count(7) == 1
    assert len(tree.tokens) == 3 + 2 * 15
    for node, line in enumerate(tree.ancestors()):
        assert len(line) == tree.depths[node]
        assert line[-1] == node
    a, b = (tree.nodes[n][UNIT.prefixes.index("0.8")] for n in (0, 1))
    assert set(tree.ancestors()[a]) & set(tree.ancestors()[b]) == {0}


def test_a_tree_without_a_scaffold_starts_at_what_was_fed():
    tree = grow([Branch("a", (), UNIT)], CODES)
    assert tree.nodes[0][0] == ROOT
    assert tree.depths[0] == 1


def test_wide_ranges_are_read_in_several_trees():
    wide = grid(Field("q", "score", low=0, high=100))
    branches = [Branch(str(n), (n,), wide) for n in range(5)]
    trees = groves(branches, CODES, limit=512)
    assert [len(tree.branches) for tree in trees] == [2, 2, 1]
    assert all(len(tree.tokens) <= 512 for tree in trees)
    assert groves([], CODES) == []

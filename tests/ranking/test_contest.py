"""What two answers to one pair come to."""

import pytest

from musicflamingo_cli.ranking.contest import Comparison


@pytest.mark.parametrize(
    ("first_order", "second_order", "share", "changed"),
    [
        (0.0, 1.0, 1.0, False),
        (0.2, 0.6, 1.0, False),
        (1.0, 0.0, 0.0, False),
        (0.51, 0.49, 0.0, False),
        (0.0, 0.0, 0.5, True),
        (0.9, 0.6, 0.5, True),
        (0.5, 0.5, 0.5, False),
        (0.5, 1.0, 0.5, False),
        (0.0, 0.5, 0.5, False),
        (None, 1.0, None, False),
        (0.0, None, None, False),
        (None, None, None, False),
    ],
)
def test_a_win_takes_the_same_song_in_both_orders(
    first_order: float | None, second_order: float | None, share: float | None, changed: bool
) -> None:
    """Each answer says how far the second of the two that were heard was preferred."""
    found = Comparison((first_order, second_order), 0)
    assert (found.share, found.changed) == (share, changed)

"""Work against size, counted in calls rather than seconds: twice the text takes at most two and a half times the calls.

What regular expressions do inside is not counted; `scripts/bench_parser.py` times the same texts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType

import pytest

from musicflamingo_cli.records import Answer, Field
from musicflamingo_cli.scoring.reply.parse import parse_reply
from tests.scoring.reply.hostile import ANSWER, CASES, hostile

PROMPT = "Rate this song. " * 60


def calls(text: str, fields: Sequence[Field]) -> int:
    """How many functions reading this text calls."""
    count = 0

    def note(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        parse_reply(text, fields, PROMPT, "length")
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("case", CASES)
def test_a_loop_costs_calls_in_proportion(case: str, fields: Sequence[Field]) -> None:
    small, large = (calls(hostile(case, size), fields) for size in (15_000, 30_000))
    assert large < 2.5 * small + 2000


@pytest.mark.parametrize("case", CASES)
def test_a_large_loop_is_read_to_its_end(case: str, fields: Sequence[Field]) -> None:
    assert isinstance(parse_reply(hostile(case, 200_000), fields, PROMPT, "length"), Answer)


def test_an_answer_after_very_many_objects_is_found(fields: Sequence[Field]) -> None:
    answer = parse_reply("{a:1}" * 50_000 + ANSWER, fields, "", "stop")
    assert answer.fields["production_quality"].value == 0.8

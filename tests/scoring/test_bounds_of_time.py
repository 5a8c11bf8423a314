"""Time against size: loops of small fragments, in and outside objects, stay within the same few seconds a megabyte."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.answers import parse_reply

ANSWER = '\n{"production_quality": 0.8}\n'
SIZE = 200_000
LIMIT = 2.0
"""Processor seconds: five times what a megabyte's share is, so that a busy machine passes and a square does not."""
CASES = {
    "comments": ('{"production_quality": 0.8, ', "#\n", ""),
    "objects cut off": ("", '{"a":1,', ANSWER),
    "keys cut off": ("", '{"a"', ANSWER),
    "braces and angles": ("", "{<", ANSWER),
    "small objects": ("", "{a:1}", ANSWER),
    "lines in a string": ('{"mood": "', "\n", ANSWER),
    "headings": ("production quality: 0.8\n", ":\n", ""),
    "number lines": ("production quality: 0.8\n", "0.8\n", ""),
    "objects in a list": ('{"mood": [', '{"a":1},', "]}"),
    "names": ("", "production quality: 0.8. ", ""),
}


@pytest.mark.parametrize("case", CASES)
def test_a_loop_costs_time_in_proportion(case: str, fields: Sequence[Field]) -> None:
    before, unit, after = CASES[case]
    begun = time.process_time()
    parse_reply(before + unit * (SIZE // len(unit)) + after, fields, "Rate this song. " * 60, "length")
    assert time.process_time() - begun < LIMIT


def test_an_answer_after_very_many_objects_is_found(fields: Sequence[Field]) -> None:
    answer = parse_reply("{a:1}" * 50_000 + ANSWER, fields, "", "stop")
    assert answer.fields["production_quality"].value == 0.8


def test_scores_before_very_many_headings_count_and_those_under_them_do_not(fields: Sequence[Field]) -> None:
    loop = "".join(f"{number}:\n" for number in range(6000))
    answer = parse_reply(f"production quality: 0.8\n{loop}content enjoyment: 0.4\n", fields, "", "length")
    assert answer.fields["production_quality"].value == 0.8
    assert answer.fields["content_enjoyment"].value is None

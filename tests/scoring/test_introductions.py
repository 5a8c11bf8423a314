"""Lines that only introduce an answer never take it away, whatever single words they hold."""

from __future__ import annotations

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.answers import parse_reply
from musicflamingo_cli.scoring.introductions import is_introduction

OBJECT = '{"genre": "dub", "production_quality": 0.83, "content_enjoyment": 0.71}'
LINES = "- **Production Quality:** 0.83\n- **Content Enjoyment:** 0.71\n"


@pytest.mark.parametrize(
    "line",
    [
        "Okay, here's the breakdown:",
        "Breakdown:",
        "In JSON format:",
        "In the format you specified:",
        "In the order you gave:",
        "Without further ado:",
        "After careful listening:",
        "Per your instructions:",
        "Then the five ratings:",
        "Scores (higher is better):",
        "For reference, here is the full evaluation:",
        "Here's the filled template:",
        "Ratings and reasons:",
        "According to the rubric:",
    ],
)
@pytest.mark.parametrize("answer", [OBJECT, f"```json\n{OBJECT}\n```", LINES])
def test_an_introduction_takes_nothing_away(line: str, answer: str, fields: tuple[Field, ...]) -> None:
    assert is_introduction(line)
    read = parse_reply(f"{line}\n\n{answer}", fields, "", "stop")
    assert [read.fields[name].value for name in ("production_quality", "content_enjoyment")] == [0.83, 0.71]


@pytest.mark.parametrize(
    "line",
    [
        "Example:",
        "The format is:",
        "The format I was given:",
        "Use it like so:",
        "The output should look like this:",
        "Here is how much each criterion counts:",
        "The instrumental version would score:",
        "I almost wrote:",
        "Distance to a perfect score:",
        "Breakdown of a typical pop song:",
    ],
)
@pytest.mark.parametrize("answer", [OBJECT, f"```json\n{OBJECT}\n```", LINES])
def test_what_says_that_it_is_no_answer_is_none(line: str, answer: str, fields: tuple[Field, ...]) -> None:
    assert not is_introduction(line)
    assert parse_reply(f"{line}\n\n{answer}", fields, "", "stop").fields["production_quality"].value is None

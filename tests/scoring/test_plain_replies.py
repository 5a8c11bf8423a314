"""Ordinary replies that must be read, and what looks like them and must not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.answers import parse_reply

LEADS = (
    "Here's the JSON response you asked for:",
    "Sure! Below is my evaluation of this track:",
    "Based on the audio, here are the scores:",
    "As requested, the ratings:",
    'Rating for "Song title" by X:',
    "Evaluation of the audio sample:",
    "Here is the JSON according to the schema:",
)
BRACKETED = "\n".join(
    f"- **{name}** ({{}}): The mix is clean."
    for name in (
        "Content Usefulness",
        "Production Quality",
        "Content Enjoyment",
        "Production Complexity",
        "Overall Recommendation Score",
    )
)


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("answer", ['{"production_quality": 0.8}', "production quality: 0.8\n"])
def test_an_ordinary_lead_leaves_the_answer(lead: str, answer: str, fields: Sequence[Field]) -> None:
    assert parse_reply(f"{lead}\n{answer}", fields, "", "stop").fields["production_quality"].value == 0.8


@pytest.mark.parametrize("lead", ["Sample output:", "The schema:", "Example:"])
def test_a_lead_to_something_else_does_not(lead: str, fields: Sequence[Field]) -> None:
    assert (
        parse_reply(f"{lead}\nproduction quality: 0.8\n", fields, "", "stop").fields["production_quality"].value is None
    )


@pytest.mark.parametrize(
    "reply",
    [
        "production quality is great, earning a 0.8.\n",
        "### Production Quality\n0.8 – crisp\n",
        "### Production Quality\n0.8 (crisp and clean)\n",
        "`production_quality`: 0.8\n\nOverall, with 4 chords and a 1980s feel, it works.\n",
    ],
)
def test_plain_prose(reply: str, fields: Sequence[Field]) -> None:
    assert parse_reply(reply, fields, "", "stop").fields["production_quality"].value == 0.8


def test_scores_in_brackets_before_their_words(fields: Sequence[Field]) -> None:
    answer = parse_reply(BRACKETED.format(0.5, 0.85, 0.7, 0.6, 0.8) + "\n", fields, "", "stop")
    assert [answer.fields[f.name].value for f in fields if f.kind == "score"] == [0.5, 0.85, 0.7, 0.6, 0.8]


@pytest.mark.parametrize(
    "reply",
    [
        BRACKETED.format(0.15, 0.30, 0.25, 0.1, 0.2),
        BRACKETED.format(0.5, 0.85, 0.7, 0.6, 0.8) + "\nThe weights apply.",
        BRACKETED.format(0.5, 0.85, 0.7, 0.6, 0.8) + "\nProduction complexity of 0.3 or so",
        BRACKETED.format(0.5, 0.85, 0.7, 0.6, 0.8).partition("\n")[0],
    ],
)
def test_brackets_that_may_hold_weights_are_not_read(reply: str, fields: Sequence[Field]) -> None:
    answer = parse_reply(reply + "\n", fields, "", "stop")
    assert answer.fields["production_quality"].value is None
    assert answer.fields["content_usefulness"].value is None

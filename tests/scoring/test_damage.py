"""Replies with a sign or letter damaged: what the whole reply did not state as a score is not read out of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.answers import parse_reply

DRAFT = '{"production_quality": 0.11}'


@pytest.mark.parametrize(
    "opener", ["t<hink>", "<thnk>", "< think >", "<think", "<thinkP>", "think>", "<th`ink>", "<tihnk>"]
)
@pytest.mark.parametrize("between", ["", "\n"])
def test_thinking_behind_a_damaged_opener_is_no_answer(opener: str, between: str, fields: Sequence[Field]) -> None:
    for draft in (DRAFT, DRAFT[:-1], "\nproduction quality: 0.11\n"):
        assert parse_reply(opener + between + draft, fields).fields["production_quality"].value is None


@pytest.mark.parametrize("closer", ["</thnk>", "/think>", "</think", "/<think>", "</th ink>"])
def test_what_follows_a_damaged_closer_is_the_answer_or_nothing(closer: str, fields: Sequence[Field]) -> None:
    answer = parse_reply(f'<think>{DRAFT}{closer}\n{{"production_quality": 0.8}}', fields)
    assert answer.fields["production_quality"].value in (0.8, None)


@pytest.mark.parametrize("mark", ["```thinking", "```reasoning", "~~~ thoughts"])
def test_a_fence_marked_thinking_is_thinking(mark: str, fields: Sequence[Field]) -> None:
    close = mark[:3]
    assert parse_reply(f"{mark}\n{DRAFT}", fields).fields["production_quality"].value is None
    answer = parse_reply(f'{mark}\n{DRAFT}\n{close}\n{{"production_quality": 0.8}}', fields)
    assert answer.fields["production_quality"].value == 0.8


@pytest.mark.parametrize(
    "reply",
    [
        "**Exam;ple:**\n- Production Quality: 0.22\n",
        "Confi(dence:\n" + DRAFT,
        "Confidence:\n}" + DRAFT[:-1] + ', "conte',
        "Forexample:\n```json\n" + DRAFT + "\n```",
        "| Dimension | We]ight |\n|---|---|\n| Production Quality | 0.22 |\n",
        "scores:\n  mood: calm\n  production_complexity: 0.8weights:\n  production_quality: 0.22\n",
        "Weights:- Content Usefulness 0.1\n- Production Quality: 0.22\n",
        '{"mood": "wistful", "weights"[: {"content_usefulness": 0.1, "production_quality": 0.22}}',
        '{"mood": "wistful", "weights: {"content_usefulness": 0.1, "production_quality": 0.22}}',
        '{"thinki”ng": "production_quality: 0.11", "mood": "wistful", "content_usefulness": 0.8, "produ',
        '{"genre": "...", "mood: "...", "production_style": "...", "production_quality": 0.0}',
        "Production quality: The vocals are crisp. Vocal Score: 0.3\n",
    ],
)
def test_a_damaged_label_still_says_what_it_is(reply: str, fields: Sequence[Field]) -> None:
    assert parse_reply(reply, fields).fields["production_quality"].value is None


@pytest.mark.parametrize(
    "reply",
    [
        "| Dimension | Score | Max |\n|---|---|---|\n| Production Quality | 1 | 1",
        "Production quality: 0.8 (voc",
        "Production quality: 0.8 for the in",
        '{"production_quality": 0.3 "',
        '{"production_quality": 1 // out',
    ],
)
def test_a_remark_that_the_end_cuts_off_leaves_doubt(reply: str, fields: Sequence[Field]) -> None:
    assert parse_reply(reply, fields, "", "length").fields["production_quality"].value is None

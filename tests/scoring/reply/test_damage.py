"""Replies with a sign or letter damaged: what the whole reply did not state as a score is not read out of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.reply.parse import parse_reply

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


def test_what_follows_empty_thinking_is_the_answer(fields: Sequence[Field]) -> None:
    draft = '{"production_quality": 0.3, "content_enjoyment": 0.5}'
    answer = parse_reply(f'{draft}\n<think></think>\n{{"production_quality": 0.8}}', fields).fields
    assert (answer["production_quality"].value, answer["content_enjoyment"].value) == (0.8, None)


@pytest.mark.parametrize(
    "reply",
    [
        "| Dimension | We]ight |\n|---|---|\n| Production Quality | 0.22 |\n",
        '{"mood": "wistful", "weights"[: {"content_usefulness": 0.1, "production_quality": 0.22}}',
        '{"mood": "wistful", "weights: {"content_usefulness": 0.1, "production_quality": 0.22}}',
        '{\n "mood": "wistful",\n "weights"* {\n "content_usefulness": 0.1,\n "production_quality": 0.22\n }\n}',
        '{\n "mood": "wistful",\\ "weights": {\n "content_usefulness": 0.1,\n "production_quality": 0.22\n }\n}',
        '{\n"weights"{\n"content_usefulness"：0.1，\n"production_quality"：0.22\n}\n}',
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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"production_quality": 0.3, "mood": "the label says\n\\"production_quality\\": 0.17",}', 0.3),
        ('{"mood": "she says\n\\"production_quality\\": 0.17", "genre": "pop"', None),
        ('{"mood": "she sings\n \'production_quality\': 0.17, then laughs", "genre": "pop"', None),
        ('- **Production Quality:** 0.72\n- **Mood:** sad; the singer says "production_quality": 0.17\n', 0.72),
        ('production_quality = 0.72\nmood = "sad; the singer says \\"production_quality\\": 0.17"\n', 0.72),
        ('- **Content Enjoyment:** 0.7\n- **Mood:** the singer says "production_quality": 0.17\n', None),
        (
            'Yes:\n{"genre": "la ~~~ la", "mood": "calm {\\"production_quality\\": 0.3}", "production_quality": 0.8}\n',
            0.8,
        ),
    ],
)
def test_a_key_that_a_text_quotes_states_nothing(text: str, value: float | None, fields: tuple[Field, ...]) -> None:
    finish = "length" if text.endswith('"pop"') else "stop"
    assert parse_reply(text, fields, "", finish).fields["production_quality"].value == value


@pytest.mark.parametrize(
    "text",
    [
        '{"mood": "calm", okay "production_quality": 0.8, "content_enjoyment": 0.3}',
        '{\n  mood: "calm,\n  production_quality: 0.8,\n  content_enjoyment: 0.1\n}',
        "{’mood’: ’calm’, ’production_quality’: 0.8}",
        '{"mood": "calm"<br>  , <br> "production_quality": 0.8}',
    ],
)
def test_a_text_that_ran_on_is_null(text: str, fields: tuple[Field, ...]) -> None:
    assert parse_reply(text, fields, "", "stop").fields["mood"].value in (None, "calm")


@pytest.mark.parametrize(
    "text",
    [
        "| Content Usefulness | Production Quality | Mood |\n|---|---|---|\n| Score | 0.82 | 0.29 |\n",
        '{"genre": \\{"": 1}',
        "I can't rate this.<|im_end|>\n<|im_start|>user\nproduction_quality: 0.1",
        "Sorry.\n\nHuman: production_quality: 0.1\n",
        '[{"aspect": "guitar", "production_quality": 0.3}, {"aspect": "strings", "production_quality": 0.8}]',
        "Low production quality: 0.8\n",
    ],
)
def test_what_nobody_stated_is_null(text: str, fields: tuple[Field, ...]) -> None:
    assert parse_reply(text, fields, "", "stop").fields["production_quality"].value is None


def test_a_name_beside_a_text_is_no_part_of_it(fields: tuple[Field, ...]) -> None:
    text = '[{"name": "genre", "value": "jazz"}, {"name": "production_quality", "value": 0.8}]'
    answer = parse_reply(text, fields, "", "stop")
    assert (answer.fields["genre"].value, answer.fields["production_quality"].value) == ("jazz", 0.8)

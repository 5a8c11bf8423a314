"""What stands around scores: scales for all of them, words that say they are others, and the marks of thinking."""

from __future__ import annotations

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.answers import parse_reply

LIST = "- Production quality: {0}\n- Content enjoyment: {0}\n"
OBJECT = '{{"production_quality": {0}, "content_enjoyment": {0}}}'
TABLE = "| Dimension | Score |\n|---|---|\n| Production quality | {0} |\n| Content enjoyment | {0} |\n"
FORMS = (LIST, OBJECT, f"```json\n{OBJECT}\n```\n", TABLE)


def quality(text: str, fields: tuple[Field, ...]) -> float | str | None:
    return parse_reply(text, fields, "", "stop").fields["production_quality"].value


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "lead",
    [
        *(
            "Scale 1-10.",
            "All scores are on a scale from 1 to 10.",
            "On a scale of 1 to 10:",
            "Each is rated out of ten.",
        ),
        *(
            "I rate from 1 to 10.",
            "I'll use a ten-point scale.",
            "Using a 5-star system:",
            "Ratings: 1-5",
            "Rated on ten.",
        ),
        *(
            "(1 = lowest, 5 = highest)",
            "Scored from 0 (worst) to 10 (best):",
            "Bewertung von 0 bis 10:",
            "Notes sur 10 :",
        ),
    ],
)
def test_another_scale_for_all_leaves_bare_numbers_out(lead: str, form: str, fields: tuple[Field, ...]) -> None:
    for gap in ("\n", "\n\n"):
        assert quality(lead + gap + form.format("1"), fields) in (None, 0.1)


@pytest.mark.parametrize("lead", ["Scores out of 10:", "Scores (0-10):", "My ratings (out of ten):", "Ratings (/10):"])
def test_an_exact_scale_for_all_is_heard(lead: str, fields: tuple[Field, ...]) -> None:
    assert quality(f"{lead}\n" + OBJECT.format("8"), fields) == 0.8
    assert quality(f"{lead} " + OBJECT.format("8"), fields) == 0.8
    assert quality(f"{lead}\n" + LIST.format("8"), fields) == 0.8
    assert quality(f"{lead}\n" + LIST.format("1"), fields) == 0.1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("lead", ["Scores (0-1):", "I rate each dimension from 0.0 to 1.0.", "On a scale of 0 to 1:"])
def test_the_own_scale_changes_nothing(lead: str, form: str, fields: tuple[Field, ...]) -> None:
    assert quality(f"{lead}\n\n" + form.format("0.8"), fields) == 0.8


@pytest.mark.parametrize("tail", ["All scores are out of 10.", "(Scale: 1-10)", "Note: ratings are out of ten."])
def test_a_scale_below_counts_as_well(tail: str, fields: tuple[Field, ...]) -> None:
    assert quality(OBJECT.format("1") + f"\n\n{tail}\n", fields) is None
    assert quality(LIST.format("1") + f"\n{tail}\n", fields) is None


@pytest.mark.parametrize("form", FORMS[:3])
@pytest.mark.parametrize(
    "lead",
    [
        *(
            "I weigh them as follows:",
            "My confidence in each:",
            "For comparison, a typical track gets:",
            "How sure I am:",
        ),
        *("Average of the genre:", "A similar song would get:", "Other songs by this artist:", "If this were a demo:"),
        *("Most songs get:", "Critics say:", "My first impression was:", "The worst case:", "Song B:", "Error bars:"),
        *(
            "Ignore this:",
            "Chorus only:",
            "Before mastering:",
            "Compared with that, the remix has",
            "Standard deviation:",
        ),
    ],
)
def test_numbers_of_something_else_are_left_out(lead: str, form: str, fields: tuple[Field, ...]) -> None:
    assert quality(f"{lead}\n" + form.format("0.3"), fields) is None
    assert quality(form.format("0.8") + f"\n\n{lead}\n" + form.format("0.3"), fields) == 0.8


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "lead",
    [
        *("Here are my scores:", "My ratings:", "Final answer:", "The track gets:", "This song gets:", "In summary:"),
        *("Compared to typical lo-fi tracks this one is dense. My scores:", "If I had to rate it, I would say:"),
        *(
            "I am confident in these scores:",
            "Here's the JSON response you asked for:",
            "Let me know if you need changes:",
            "The scores would be:",
            'The song "Last Night" gets:',
            "It reminds me of other lo-fi tracks. Scores:",
            "In other words:",
            "Here are the scores for this demo recording, my answer:",
        ),
    ],
)
def test_ordinary_leads_change_nothing(lead: str, form: str, fields: tuple[Field, ...]) -> None:
    assert quality(f"{lead}\n" + form.format("0.8"), fields) == 0.8


@pytest.mark.parametrize(
    "text",
    [
        "Most songs have a production quality of 0.8.",
        "A production quality of 0.8 would be generous.",
        "To get a production quality of 0.8, it needs work.",
        "I doubt production quality is 0.8",
        "Who says production quality is 0.8?",
        "I almost gave production quality a 0.8.",
        "I was going to give production quality a 0.8.",
        "The penalty for production quality is 0.1.",
        "I deducted 0.1 for production quality.",
        "+0.1 for production quality.",
        "The demo got 0.8 for production quality.",
        "Production quality (vocals): 0.6",
        "**Production Quality (previous):** 0.3",
        "~production_quality: 0.3",
        "!production_quality: 0.3",
        "Production quality: was 0.8",
        "Production quality: TBD (0.5)",
        "On a scale from 1 to 10, production quality is 1",
        "Production Quality (30%)",
    ],
)
def test_sentences_that_state_no_score(text: str, fields: tuple[Field, ...]) -> None:
    assert quality(f"{text}\n", fields) is None


@pytest.mark.parametrize(
    "text",
    [
        "On a scale from 0 to 10, production quality is 8.",
        "Out of ten, production quality is 8",
        "Production quality /10: 8",
        "Production quality in percent: 80",
        "The production quality of this track is 0.8",
        "In terms of production quality, it scores 0.8.",
        "Production Quality (mixing, mastering): 0.8",
        "production_quality:\n  reason: clean mix\n  score: 0.8",
        "Given the clean mix, I'd rate production quality at 0.8.",
    ],
)
def test_sentences_that_state_one(text: str, fields: tuple[Field, ...]) -> None:
    assert quality(f"{text}\n", fields) == 0.8


@pytest.mark.parametrize(
    ("opener", "closer"),
    [
        ("<|think|>", "<|/think|>"),
        ("<|begin_of_thought|>", "<|end_of_thought|>"),
        ("<|thinking_start|>", "<|thinking_end|>"),
        ("<|START_THINKING|>", "<|END_THINKING|>"),
        ("<seed:think>", "</seed:think>"),
        ("<analysis>", "</analysis>"),
        ("Thinking...\n", "\n...done thinking.\n"),
        ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ],
)
def test_marks_of_thinking(opener: str, closer: str, fields: tuple[Field, ...]) -> None:
    for form in (LIST, OBJECT):
        thought = opener + form.format("0.3")
        assert quality(thought, fields) is None
        assert quality(thought + closer, fields) is None
        assert quality(thought + closer + "\n" + form.format("0.8"), fields) == 0.8


_TABLE = "| metric | value |\n|---|---|\n| production_quality | 0.3 |\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"production_quality: 0.61\n\nWeights:\n{_TABLE}", 0.61),
        (f"- **Production Quality**: 0.61\n\n### Example\n{_TABLE}", 0.61),
        (f"**Confidence**\n\n{_TABLE}", None),
        (f"For comparison, an average track:\n\n{_TABLE}", None),
        (f"Scores:\n{_TABLE}", 0.3),
        ('{"production_quality": 0.61}\nFor example, a weak track:\n{"production_quality": 0.1}', 0.61),
        ('Here is the format:\n{"production_quality": 0.5}', None),
        ('The following is not my answer: {"production_quality": 0.2}', None),
        ('Here is the analysis in the requested format:\n{"production_quality": 0.5}', 0.5),
        ('{"output_format": {"production_quality": 0.3}}', None),
        ('{"contributions": {"production_quality": 0.3}}', None),
        ('{"production_quality": 1, "note": "scores on a 1-10 scale"}', None),
        ('{"production_quality": 0.8, "notes": "All scores are on a 0-1 scale."}', 0.8),
        ('{"production_quality": 0.8, // 0-1 scale\n "mood": "calm"}', 0.8),
        ("Production quality: 0.62<|im_end|>", 0.62),
        ("Production quality: 0.44\\\nContent enjoyment: 0.41\\\n", 0.44),
    ],
)
def test_what_heads_tables_objects_and_lines(text: str, value: float | None, fields: tuple[Field, ...]) -> None:
    assert parse_reply(text, fields, finish_reason="stop").fields["production_quality"].value == value

"""What a reply takes back, changes, says of something else, or says twice."""

from __future__ import annotations

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.answers import parse_reply

LIST = "Production Quality: 0.85\nContent Enjoyment: 0.7\n"
OBJECT = '{"production_quality": 0.85, "content_enjoyment": 0.7}\n'


def two(text: str, fields: tuple[Field, ...], finish: str | None = "stop") -> tuple[object, object]:
    found = parse_reply(text, fields, "", finish).fields
    return found["production_quality"].value, found["content_enjoyment"].value


@pytest.mark.parametrize("answer", [LIST, OBJECT, f"```json\n{OBJECT}```\n"])
@pytest.mark.parametrize(
    "words",
    [
        "I'd lower production quality to 0.6.",
        "Actually, production quality should be 0.6.",
        "Hmm, I would revise production quality down to 0.6.",
        "Edit: production quality could be 0.6.",
        "Let me adjust production quality to 0.6.",
        "I take back the production quality score.",
        "Wait, I misjudged the production quality. It is 0.75.",
        "0.85 for production quality is too generous.",
    ],
)
def test_a_changed_score_is_nobodys(answer: str, words: str, fields: tuple[Field, ...]) -> None:
    assert two(f"{answer}\n{words}\n", fields) == (None, 0.7)


@pytest.mark.parametrize("answer", [LIST, OBJECT])
@pytest.mark.parametrize(
    "words",
    [
        "Please ignore the scores above; I could not hear the audio.",
        "Note: these are placeholder values, since no audio was attached.",
        "I could not hear the audio, so these numbers are made up.",
        "The numbers above are the genre averages, not this song's.",
        "These are the weights, not the scores.",
    ],
)
def test_scores_that_are_taken_back_are_none(answer: str, words: str, fields: tuple[Field, ...]) -> None:
    assert two(f"{answer}\n{words}\n", fields) == (None, None)


@pytest.mark.parametrize("answer", [LIST, OBJECT])
@pytest.mark.parametrize(
    "words",
    [
        "These scores are subjective.",
        "Let me know if you'd like more detail on any of the 5 scores.",
        "The overall score is a weighted average of the others.",
        "If the drums were live, I would raise production quality to 0.9.",
        "If you like, I can also convert these to a 1-10 scale.",
        "For comparison, an average track would get a production quality of 0.5.",
        "Actually, the key is A minor.",
    ],
)
def test_ordinary_closings_change_nothing(answer: str, words: str, fields: tuple[Field, ...]) -> None:
    assert two(f"{answer}\n{words}\n", fields) == (0.85, 0.7)


@pytest.mark.parametrize(
    "text",
    [
        "The gap in production quality is 0.5.",
        "The bar for production quality is 0.5.",
        "I hesitated to give production quality a 0.5.",
        "I expected a production quality of 0.5.",
        "Someone rated production quality at 0.5.",
        "The vocals have a production quality of 0.5.",
        "The bass gets 0.5 for production quality.",
        "On the chorus, the production quality is 0.5.",
        "Despite its production quality, the song gets 0.5.",
        "Given the production quality, I'd say 0.5 overall.",
        "Compared with Song B, which has a production quality of 0.5, this is worse.",
        "Compared with the average song, whose\nproduction quality is 0.5, this one is better.",
        "Lack of production quality: 0.5",
        "Old scores: content usefulness 0.9, content enjoyment 0.8, production quality 0.5.",
        "Lowest plausible values:\n- Production Quality: 0.5",
        "If the mix were fixed, I would rate it:\n- Production Quality: 0.5",
        "Scores for the intro:\n- Production Quality: 0.5",
        "Weights: Content Enjoyment: 0.25\nProduction Quality: 0.5",
        "genre: <genre>\nproduction_quality: 0.0",
        "Production Quality: ~~0.5~~",
    ],
)
def test_words_that_lead_to_something_else(text: str, fields: tuple[Field, ...]) -> None:
    assert two(f"{text}\n", fields)[0] is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"{LIST}\nSong B\n\nProduction Quality: 0.3\n", 0.85),
        (f"{LIST}\nThe second half:\n\nProduction Quality: 0.3\n", 0.85),
        (f"{LIST}\nProduction Quality: 0.3\n", None),
        (f"**Draft**\n{LIST}\n**Final scores**\nProduction Quality: 0.6\n", 0.6),
        (f"{LIST}\nFinal scores:\nProduction Quality: 0.6\n", 0.6),
        (f"{LIST}\nOn reflection, production quality: 0.6\n", 0.6),
        ("Weights: production quality 0.30, content enjoyment 0.25.\n\n" + LIST, 0.85),
        (f"Average: 0.78\n{LIST}", 0.85),
        ("- Production Quality: 0.85\n  - Confidence: 0.9\n- Content Enjoyment: 0.7\n", 0.85),
        (f"{OBJECT}\nUser: And this one?\nAssistant: " + OBJECT.replace("0.85", "0.3"), 0.85),
        (f"{OBJECT}<|im_end|>\n<|im_start|>user\nNext.<|im_end|>\n" + OBJECT.replace("0.85", "0.3"), 0.85),
        ('{"production_quality": 0.52,\n\nLet me redo that:\n' + OBJECT, 0.85),
        ('{"production_quality": 0.52, "reason": "an\n' + OBJECT, 0.85),
        (f"```json\n{OBJECT}```\n\nWait. Final answer:\n" + OBJECT.replace("0.85", "0.6"), 0.6),
        (f"{OBJECT}\n/* " + OBJECT.replace("0.85", "0.3") + " */", 0.85),
        (f"{OBJECT}\nCut-offs:\n" + OBJECT.replace("0.85", "0.3"), 0.85),
        ('{"name": "submit", "arguments": ' + OBJECT + "}", 0.85),
        ('{"song_1": {"production_quality": 0.85}, "song_2": {"production_quality": 0.3}}', None),
    ],
)
def test_which_of_several_answers_counts(text: str, value: float | None, fields: tuple[Field, ...]) -> None:
    assert two(text, fields)[0] == value


@pytest.mark.parametrize(
    ("numbers", "value"),
    [("6 8 7 1 7", None), ("0.6 0.8 0.7 1 0.7", 1.0), ("1 1 1 1 1", 1.0), ("8 0.7 0.6 1 0.5", 1.0)],
)
def test_a_lone_one_among_bigger_numbers_is_on_their_scale(
    numbers: str, value: float | None, scores: tuple[Field, ...]
) -> None:
    pairs = zip(scores, numbers.split(), strict=True)
    text = "{" + ", ".join(f'"{field.name}": {number}' for field, number in pairs) + "}"
    assert parse_reply(text, scores, "", "stop").fields[scores[3].name].value == value


def test_a_repeated_number_that_is_cut_off_leaves_the_earlier_ones(fields: tuple[Field, ...]) -> None:
    text = LIST + "Content Enjoyment: 0.7\n" * 20
    assert two(f"{text}Content Enjoyment: 0.", fields, "length") == (0.85, 0.7)


def test_the_example_of_a_prompt_is_known_in_any_spelling(fields: tuple[Field, ...]) -> None:
    prompt = "Answer like this: " + OBJECT.replace("0.7", "0.55")
    echo = OBJECT.replace("0.7", "0.55").replace("production_quality", "Production Quality")
    assert parse_reply(echo, fields, prompt, "stop").status == "failed"
    assert parse_reply(OBJECT, fields, prompt, "stop").fields["production_quality"].value == 0.85


@pytest.mark.parametrize("second", [LIST, OBJECT])
@pytest.mark.parametrize("lead", ["", "Corrected scores:\n", "Please ignore the above. "])
def test_the_last_answer_tag_counts(lead: str, second: str, fields: tuple[Field, ...]) -> None:
    first = '<answer>{"production_quality": 0.2, "content_enjoyment": 0.3}</answer>\n'
    assert two(f"{first}{lead}<answer>{second}</answer>", fields) == (0.85, 0.7)


def test_an_answer_tag_may_correct_one_field(fields: tuple[Field, ...]) -> None:
    assert two(f"<answer>{OBJECT}</answer>\n<answer>Production Quality: 0.6</answer>", fields) == (0.6, 0.7)


@pytest.mark.parametrize("answer", [LIST, OBJECT])
@pytest.mark.parametrize("lead", ["Weights;", "Weights:,", "Example output:,", "Points deducted:", "| Weights |"])
def test_a_damaged_lead_still_leads_elsewhere(lead: str, answer: str, fields: tuple[Field, ...]) -> None:
    assert two(f"{lead}\n{answer}", fields) == (None, None)


def test_zeros_beside_marked_places_are_a_template(fields: tuple[Field, ...]) -> None:
    zeros = '"scores": {"production_quality": 0.0, "content_enjoyment": 0.0}}'
    assert two(f'{{"description": {{"genre": "...", "mood": "..."}}, {zeros}', fields) == (None, None)
    assert two(f'{{"description": {{"genre": "Jazz", "mood": "calm"}}, {zeros}', fields) == (0.0, 0.0)


def test_a_heading_that_lost_its_newline_heads(fields: tuple[Field, ...]) -> None:
    assert two(f'{{"result": ## Weights\n{LIST}\n## Scores\nContent Enjoyment: 0.2\n', fields) == (None, 0.2)


def test_a_sentence_goes_on_over_a_line_break(fields: tuple[Field, ...]) -> None:
    text = "I cannot hear the file, so any number such as \n0.71 for production quality would be made up."
    assert two(text, fields) == (None, None)


def test_a_fence_does_not_end_what_an_example_began(fields: tuple[Field, ...]) -> None:
    fence = "```json\n{{\n  ''production_quality'': {},\n  ''content_{}'': {}\n}}\n```\n"
    example, answer = fence.format(0.11, "enjoyment", 0.62), fence.format(0.26, "enj/oyment", 0.16)
    assert two(f"The format is, for example:\n{example}\nMy answer for this track:\n{answer}", fields) == (0.26, None)

"""Which object is the answer, under which names, on which scale."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.reply.parse import parse_reply

ONE, OTHER_ONE = '{"production_quality": 0.85}', '{"production_quality": 0.25}'


def quality(text: str, fields: Sequence[Field], finish: str = "stop") -> float | str | None:
    return parse_reply(text, fields, "", finish).fields["production_quality"].value


@pytest.mark.parametrize(
    "key",
    [
        *("production_quality", "Production Quality", "productionQuality", "PRODUCTION-QUALITY", "ProductionQuality"),
        *("production quality score", "1. Production Quality", "**Production Quality**", "production\\u005fquality"),
        *("Production Quality (0-1)", "production_quality [0.0 to 1.0]", "Production Quality (score)"),
    ],
)
def test_every_spelling_of_a_key_is_the_key(key: str, fields: Sequence[Field]) -> None:
    assert quality(f'{{"{key}": 0.8}}', fields) == 0.8


@pytest.mark.parametrize(
    "key",
    [
        *(
            f"production_quality ({note})"
            for note in ("weight", "previous", "vocals", "B-side", "max", "2", "weight 30%")
        ),
        *("!production_quality", "~production_quality", "production_quality?", "production_quality+"),
        *("production_quality[1]", "production_quality²", "production&quality", "production_quality.max"),
        *(
            "production_quality_weight",
            "vocal production quality",
            "reproduction_quality",
            "weights.production_quality",
        ),
    ],
)
def test_other_keys_are_others(key: str, fields: Sequence[Field]) -> None:
    assert quality(f'{{"{key}": 0.3}}', fields) is None
    assert quality(f'{{"production_quality": 0.8, "{key}": 0.3}}', fields) == 0.8
    assert quality(f"{key}: 0.3\n", fields) is None
    assert quality(f"| Dimension | Score |\n|---|---|\n| {key} | 0.3 |\n", fields) is None


@pytest.mark.parametrize(
    "name", ["scores", "ratings", "result", "answer", "song_evaluation", "qualityRatings", "final_answer", "properties"]
)
def test_an_answer_counts_under_names_of_the_closed_list(name: str, fields: Sequence[Field]) -> None:
    assert quality(f'{{"genre": "dub", "{name}": {ONE}}}', fields) == 0.85
    assert quality(f'{{"result": {{"{name}": [{ONE}]}}}}', fields) == 0.85
    assert quality(json.dumps({name: f"```json\n{ONE}\n```"}), fields) == 0.85


OTHERS = (
    *("weights", "confidence", "example", "similar_songs", "comparison", "reference_track", "genre_average", "demo"),
    *("user_scores", "previous_version", "rubric", "track_b", "standard_deviation", "Midnight Drive", "0", "draft"),
)


@pytest.mark.parametrize("name", OTHERS)
def test_it_counts_under_no_other_name(name: str, fields: Sequence[Field]) -> None:
    other = '{"production_quality": 0.3, "content_enjoyment": 0.3}'
    assert quality(f'{{"{name}": {other}}}', fields) is None
    for text in (
        f'{{"{name}": {other}, "scores": {{"production_quality": 0.8}}}}',
        f'{{"scores": {{"production_quality": 0.8}}, "{name}": [{other}]}}',
        f'{{"production_quality": 0.8, "{name}": {other}}}',
        f'{{"production_quality": 0.8, "{name}" {other}}}',
        f'{{"production_quality": 0.8, "{name}"": {other}}}',
        f'{{""production_quality": 0.8, "{name}": [{other}]}}',
        f'{{"production_quality": 0.8}}, "{name}": {other}}}',
        f'{{"production_quality": 0.8, {name}\n{other}}}',
    ):
        answer = parse_reply(text, fields, "", "stop").fields
        assert answer["production_quality"].value in (0.8, None), text
        assert answer["content_enjoyment"].value is None, text


@pytest.mark.parametrize(
    "text",
    [
        f"{OTHER_ONE}\n{ONE}",
        f"{OTHER_ONE}\nOn reflection:\n{ONE}",
        f"```json\n{ONE}\n```\nrather than {OTHER_ONE}",
        f"{ONE}\nAgain: {OTHER_ONE[:-1]}, ",
        f"{ONE}\nproduction_quality: 0.25\n",
        f"production_quality: 0.25\n{ONE}",
        f'{OTHER_ONE}\n{{"production_quality": 0.85, "content_enjoyment": 0.7}}\n{OTHER_ONE}',
        f'{ONE}\n{{"song": "b-side", "year": 1999}}',
        f'{ONE}\nWhy: {{"production_quality": "because the mix is clean"}}',
        '{"production_quality": 0.25, "production_quality": 0.85}',
        '{"production_quality": "clean", "scores": {"production_quality": 0.85}}',
        '{"genre": "dub"}\n\nScores:\n- Production Quality: 0.85\n',
        f'{{"genre": "...", "production_quality": 0.0}}\n{ONE}',
        f'{ONE}\n{{"genre": "<genre>", "mood": "<mood>", "production_quality": 0.1, "content_enjoyment": 0.1}}',
    ],
)
def test_which_object_counts(text: str, fields: Sequence[Field]) -> None:
    assert quality(text, fields) == 0.85


@pytest.mark.parametrize(
    "text",
    [
        f"[{ONE}, {OTHER_ONE}]",
        f'{{"scores": {ONE}, "ratings": {OTHER_ONE}}}',
        f'{{"results": [{ONE}, {OTHER_ONE}]}}',
        f'{{"production_quality": 0.25, "scores": {ONE}}}',
        '[{"name": "production_quality", "score": 0.85}, {"name": "production_quality", "score": 0.25}]',
        "{'production_quality': 0.25, 'production_quality': 0.85}",
    ],
)
def test_siblings_that_differ_are_ambiguous(text: str, fields: Sequence[Field]) -> None:
    answer = parse_reply(text, fields, "", "stop").fields["production_quality"]
    assert (answer.value, answer.reason) == (None, "ambiguous")
    assert quality(text.replace("0.25", "0.85"), fields) == 0.85


def test_objects_parted_by_a_comma_are_siblings(fields: Sequence[Field]) -> None:
    assert quality(f"{OTHER_ONE},\n{ONE}", fields) is None
    assert quality(f"{ONE},\n{ONE}", fields) == 0.85
    assert quality(f"{OTHER_ONE}\n\n{ONE}", fields) == 0.85
    assert quality(f'{ONE},\n{{"content_enjoyment": 0.25}}', fields) == 0.85


@pytest.mark.parametrize("texts", [("...", "..."), ("<genre>", "<mood>"), ("string", "string"), ("", "")])
def test_a_template_is_no_answer(texts: tuple[str, str], fields: Sequence[Field]) -> None:
    template = {"genre": texts[0], "mood": texts[1], "production_quality": 0.0, "content_enjoyment": 0.0}
    assert parse_reply(json.dumps(template), fields, "", "stop").status == "failed"
    whole = json.dumps({"genre": "dub", "mood": "calm", "production_quality": 0.8})
    for text in (f"{json.dumps(template)}\n{whole}", f"{whole}\n{json.dumps(template)}"):
        assert quality(text, fields) == 0.8


@pytest.mark.parametrize("filler", ["0.0-1.0", "0.xx", "float between 0 and 1"])
def test_one_filler_under_all_keys_is_a_template(filler: str, fields: Sequence[Field]) -> None:
    template = json.dumps(dict.fromkeys(("genre", "mood", "production_quality"), filler))
    whole = json.dumps({"genre": "dub", "mood": "calm", "production_quality": 0.8})
    for text in (f"{template}\n{whole}", f"{whole}\n{template}"):
        assert quality(text, fields) == 0.8


@pytest.mark.parametrize(
    ("members", "value"),
    [
        ('"score": 8.5, "out_of": 10', 0.85),
        ('"score": 1, "total": 10', 0.1),
        ('"bestRating": 10, "score": 1', 0.1),
        ('"score": 1, "scale": "0-10"', 0.1),
        ('"score": 0.8, "min": 0, "max": 1', 0.8),
        ('"type": "number", "minimum": 0, "maximum": 1, "value": 0.8', 0.8),
        ('"weight": 0.25, "score": 0.8', 0.8),
        ('"score": 0.8, "reason": "8 out of 10 bars are clean"', 0.8),
        ('"score": 2, "min": 1, "max": 10', None),
        ('"score": 8, "max": 0', None),
        ('"score": 8, "max": ' + "9" * 400, None),
        ('"score": 1, "scale": "1-5"', None),
        ('"score": 1, "unit": "stars"', None),
        ('"score": 1, "range": [0, 10, 20]', None),
        ('"score": 1, "comment": "on a 1-10 scale"', None),
        ('"score": 0.8, "adjusted": 0.7', None),
        ('"score": 0.8, "value": 0.9', None),
        ('"low": 0.7, "high": 0.9, "score": 0.8', None),
        ('"mix": 0.3, "master": 0.9', None),
    ],
)
def test_the_object_of_one_field(members: str, value: float | None, fields: Sequence[Field]) -> None:
    assert quality(f'{{"production_quality": {{{members}}}}}', fields) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"scores_out_of_10": {"production_quality": 1}}', 0.1),
        ('{"scores (0-10)": {"production_quality": 8}}', 0.8),
        ('{"production_quality (0-10)": 1}', 0.1),
        ('{"production_quality (%)": 80}', 0.8),
        ('{"production_quality (1-10)": 8}', None),
        ('{"production_quality": 1}', 1.0),
        ('{"production_quality": 1, "content_enjoyment": 0.4, "max": 10}', 1.0),
        ('{"production_quality": 1, "max": 10}', None),
        ('{"rating_scale": "1-10", "production_quality": 1}', None),
        ('{"production_quality": 1, "content_enjoyment": 7}', None),
        ('Out of ten:\n{"production_quality": 1}', None),
        ('{"scores_1_to_5": {"production_quality": 1}}', None),
        ('{"stars": {"production_quality": 1}}', None),
        ('{"production_quality": 0.8, "scale": "E minor", "range": "A2-C5", "total": 1.7}', 0.8),
    ],
)
def test_scales_are_stated_or_not_guessed(text: str, value: float | None, fields: Sequence[Field]) -> None:
    assert quality(text, fields) == value


FIVE = (
    '"content_usefulness": 0.13, "production_quality": 0.57, "content_enjoyment": 0.14, "production_complexity": 0.38'
)


@pytest.mark.parametrize("separator", ["\n", "\n\n", "\n\n```json\n"])
@pytest.mark.parametrize(
    "broken",
    [
        '{"genre": "pop", "content_usefulness": 0.89, "production_qual',
        '{"genre": "pop", "content_usefulness": 0.89, "production_quality": 0.',
        '{"scores": {"content_usefulness": 0.89, "production_quality": 0.8,',
        '{"genre": "pop", "content_usefulness": 0.89, "mo',
    ],
)
@pytest.mark.parametrize("whole", [f"{{{FIVE}}}", f'{{"result": {{{FIVE}}}}}'])
def test_a_complete_object_counts_over_the_broken_one_before_it(
    broken: str, separator: str, whole: str, fields: Sequence[Field]
) -> None:
    answer = parse_reply(broken + separator + whole, fields, "", "stop")
    assert answer.fields["production_quality"].value == 0.57
    assert answer.fields["content_usefulness"].value == 0.13


SHAPES = (
    '{{"weights": {0}, "scores": {1}}}',
    '{{"scores": {1}, "confidence": {0}}}',
    '{{"production_quality": 0.81, "content_enjoyment": 0.62, "similar_songs": [{0}]}}',
    '[{{"name": "production_quality", "score": 0.81}}, {{"name": "content_enjoyment", "score": 0.62}}]',
    '{{"production_quality": {{"weight": 0.35, "score": 0.81}}, "content_enjoyment": {{"weight": 0.24, "score": 0.62}}}}',  # noqa: E501
)
OTHER, OWN = (f'{{"production_quality": {a}, "content_enjoyment": {b}}}' for a, b in ((0.35, 0.24), (0.81, 0.62)))


@pytest.mark.parametrize("shape", SHAPES)
def test_one_broken_mark_never_lends_the_number_of_another(shape: str, scores: tuple[Field, ...]) -> None:
    whole = shape.format(OTHER, OWN)
    draw = random.Random(7)
    marks = "{}[]\",:\n' "
    spots = [i for i, char in enumerate(whole) if char in marks]
    damaged = [whole[:i] + whole[i + 1 :] for i in spots] + [whole[:i] + whole[i] + whole[i:] for i in spots]
    damaged += [whole[:i] + draw.choice(marks) + whole[i:] for i in itertools.chain(spots, spots)]
    for text in damaged:
        answer = parse_reply(text, scores, "", "stop").fields
        assert answer["production_quality"].value not in (0.35, 0.24, 0.62), text
        assert answer["content_enjoyment"].value not in (0.35, 0.24, 0.81), text


def test_what_other_turns_and_metadata_hold_is_no_answer(fields: Sequence[Field]) -> None:
    for role, value in (("user", None), ("system", None), ("assistant", 0.85)):
        assert quality(json.dumps({"role": role, "content": ONE}), fields) == value
    assert quality(f'{{"metadata": {OTHER_ONE}}}', fields) is None
    assert quality(f'{{"metadata": {OTHER_ONE}, "production_quality": 0.85}}', fields) == 0.85


@pytest.mark.parametrize(
    "text",
    [
        '[{"title": "A", "production_quality": 0.42, "content_enjoyment": 0.24}, {"production_quality": 0.93}]',
        '[{"title": "A", "production_quality": 0.42}, {"title": "B", "content_enjoyment": 0.94}]',
        '[{"title": "A", "production_quality": 0.42}, {"title": "B",',
        '[{"title": "A", "production_quality": 0.42}, {"title": "B", "production_quality":: 0.93}]',
        '{"scores": {"production_quality": 0.42, "content_enjoyment": 0.24}, "ratings": {"production_quality": 0.93}}',
        '{"scores": [{"production_quality": 0.42, "content_enjoyment": 0.24}, {"production_quality": 0.93}]}',
    ],
)
def test_of_two_songs_no_score_counts(text: str, fields: Sequence[Field]) -> None:
    for finish in ("stop", "length"):
        answer = parse_reply(text, fields, "", finish)
        for name in ("production_quality", "content_enjoyment"):
            assert answer.fields[name].value is None
        assert "ambiguous" in {answer.fields[name].reason for name in ("production_quality", "content_enjoyment")}


@pytest.mark.parametrize(
    "text",
    [
        '[{"production_quality": 0.42}, {"content_enjoyment": 0.24}]',
        '[{"name": "production_quality", "score": 0.42}, {"name": "content_enjoyment", "score": 0.24}]',
        '[{"production_quality": 0.42, "content_enjoyment": 0.24}]',
    ],
)
def test_a_list_of_one_song_counts(text: str, fields: Sequence[Field]) -> None:
    answer = parse_reply(text, fields, "", "stop")
    assert [answer.fields[name].value for name in ("production_quality", "content_enjoyment")] == [0.42, 0.24]

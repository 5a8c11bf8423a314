"""Objects and tables: whose numbers they hold, on which scale, and what damage makes them doubtful."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.aggregate import parse_weights
from musicflamingo_cli.scoring.answers import parse_reply
from musicflamingo_cli.scoring.notes import is_note, stated_scale
from musicflamingo_cli.scoring.parents import standing_of

SCORE = Field("production_quality", "score", low=0.0, high=1.0)
HEAD = "| Dimension | Score |{} |\n|---|---|---|\n"


def quality(text: str, fields: tuple[Field, ...], finish: str = "stop") -> object:
    return parse_reply(text, fields, "", finish).fields["production_quality"].value


@pytest.mark.parametrize(
    ("members", "value"),
    [
        ('"score": 1, "range": [0, 10]', 0.1),
        ('"score": 1, "total": 10', 0.1),
        ('"bestRating": 10, "score": 1', 0.1),
        ('"score": 1, "unit": "/10"', 0.1),
        ('"value": 80, "unit": "percent"', 0.8),
        ('"score": 1, "scale": {"min": 0, "max": 10}', 0.1),
        ('"score (0-10)": 1', 0.1),
        ('"score": 0.8, "min": 0, "max": 1', 0.8),
        ('"score": 0.8, "reason": "8 out of 10 bars are clean"', 0.8),
        ('"score": 0.8, "old_score": 0.7', 0.8),
        ('"score": 2, "min": 1, "max": 10', None),
        ('"score": 1, "scale": "1-5"', None),
        ('"score": 1, "unit": "stars"', None),
        ('"score": 1, "range": [0, 10, 20]', None),
        ('"score": 1, "comment": "on a 1-10 scale"', None),
        ('"score": 0.8, "adjusted": 0.7', None),
        ('"score": 0.8, "score": 0.9', None),
        ('"low": 0.7, "high": 0.9, "score": 0.8', None),
    ],
)
def test_an_object_of_its_own(members: str, value: float | None, fields: tuple[Field, ...]) -> None:
    assert quality(f'{{"production_quality": {{{members}}}}}', fields) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"production_quality": 1, "max": 10}', 0.1),
        ('{"max": 10, "scores": {"production_quality": 1}}', 0.1),
        ('{"production_quality": 1, "production_quality_max": 10}', 0.1),
        ('{"scores/10": {"production_quality": 1}}', 0.1),
        ('{"percent_scores": {"production_quality": 1}}', 0.01),
        ('{"production_quality": 0.8, "scale": "E minor", "range": "A2-C5", "total": 1.7}', 0.8),
        ('{"rating_scale": "1-10", "production_quality": 1}', None),
        ('{"scores_1_to_5": {"production_quality": 1}}', None),
        ('{"stars": {"production_quality": 1}}', None),
        ('{"production_quality": 1, "production_quality_scale": "1-10"}', None),
    ],
)
def test_a_scale_beside_the_scores(text: str, value: float | None, fields: tuple[Field, ...]) -> None:
    assert quality(text, fields) == value


@pytest.mark.parametrize("note", ["0-1", "0..1", "out of 1", "/1", "score", "float 0-1", "weight 30%", "30%"])
def test_a_note_that_changes_nothing(note: str, fields: tuple[Field, ...]) -> None:
    assert quality(f'{{"production_quality ({note})": 0.8}}', fields) == 0.8
    assert is_note(note)


@pytest.mark.parametrize(
    ("note", "top"), [("0-10", 10), ("max. 10", 10), ("between 0 and 10", 10), ("in percent", 100), ("score /5", 5)]
)
def test_a_note_that_states_a_scale(note: str, top: float, fields: tuple[Field, ...]) -> None:
    assert stated_scale(note, SCORE).top == top
    assert quality(f'{{"Production Quality [{note}]": 1}}', fields) == 1 / top


@pytest.mark.parametrize("note", ["1-10", "out of ten", "stars", "in dB", "-1 to 1", "0-10-20"])
def test_a_note_on_a_scale_that_cannot_be_mapped(note: str, fields: tuple[Field, ...]) -> None:
    assert quality(f'{{"production_quality ({note})": 1}}', fields) is None


@pytest.mark.parametrize(
    "key",
    [
        *(
            f"production_quality ({note})"
            for note in ("weight", "previous", "confidence", "vocals", "B-side", "max", "2")
        ),
        *(
            "!production_quality",
            "~production_quality",
            "production_quality?",
            "production_quality+",
            "production_quality[1]",
        ),
        *("production_quality²", "production&quality", "production_quality.max"),
    ],
)
def test_keys_that_are_others(key: str, fields: tuple[Field, ...]) -> None:
    assert quality(f'{{"{key}": 0.3}}', fields) is None
    assert quality(f'{{"production_quality": 0.8, "{key}": 0.3}}', fields) == 0.8
    assert quality(f"| Dimension | Score |\n|---|---|\n| {key} | 0.3 |\n", fields) is None


OTHERS = (
    *("similar_songs", "comparison", "other_track", "reference_track", "genre_average", "demo", "user_scores"),
    *("previous_version", "rubric", "track_b", "not_final", "standard_deviation", "recommended_songs", "if_remixed"),
)


@pytest.mark.parametrize("name", OTHERS)
def test_parents_of_other_numbers(name: str, fields: tuple[Field, ...]) -> None:
    other = '{"production_quality": 0.3, "content_enjoyment": 0.3}'
    assert standing_of(name) == "other" or name == "if_remixed"
    assert quality(f'{{"{name}": {other}}}', fields) is None
    for text in (
        f'{{"{name}": {other}, "scores": {{"production_quality": 0.8}}}}',
        f'{{"scores": {{"production_quality": 0.8}}, "{name}": [{other}]}}',
        f'{{"production_quality": 0.8, "{name}": {other}}}',
        f'{{"production_quality": 0.8, "{name}" {other}}}',
        f'{{"production_quality": 0.8, "{name}"": {other}}}',
        f'{{""production_quality": 0.8, "{name}": [{other}]}}',
    ):
        answer = parse_reply(text, fields, "", "stop").fields
        assert answer["production_quality"].value in (0.8, None), text
        assert answer["content_enjoyment"].value is None, text


@pytest.mark.parametrize("name", ["scores", "song_evaluation", "qualityRatings", "final_answer", "0", "Midnight Drive"])
def test_parents_of_the_answer(name: str, fields: tuple[Field, ...]) -> None:
    assert quality(f'{{"genre": "dub", "{name}": {{"production_quality": 0.8}}}}', fields) == 0.8


def test_two_songs_under_unknown_names_are_neither(fields: tuple[Field, ...]) -> None:
    assert quality('{"Night": {"production_quality": 0.8}, "Day": {"production_quality": 0.3}}', fields) is None


@pytest.mark.parametrize(
    "rest",
    [
        *(
            "1, 0.4",
            "1; 0.4",
            "1\n0.4",
            "1, of 10",
            '1 "out of 10"',
            "1, /10",
            '1, {"max": 10}',
            "1 [0-10]",
            '"0"."82"',
        ),
        *("0;82", "0.\n82", "0.x", "1//10", "1 // out of 10\n", "1 /* /10 */", "1, # percent\n", "1}0", "0]82"),
        *('"1"%', '" 0.54}, {', "/* 1-10 */ 1", "0.4 /* corrected: 0.7 */", "1 # of 10\n"),
    ],
)
def test_leftovers_that_may_belong_to_a_number(rest: str, fields: tuple[Field, ...]) -> None:
    for finish in ("stop", "length"):
        assert quality(f'{{"production_quality": {rest}, "content_enjoyment": 0.5}}', fields, finish) is None


@pytest.mark.parametrize(
    "rest", ["0.8 // clean", "0.8, # crisp, 3 guitars", "0.8 /* was 0.7 */", "0.8, ...", "0.8 <!-- ok -->"]
)
def test_leftovers_that_do_not(rest: str, fields: tuple[Field, ...]) -> None:
    assert quality(f'{{"production_quality": {rest}\n}}', fields) == 0.8


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((HEAD.format(t) + "| Production Quality | 1 | 10 |\n", 0.1) for t in ("Max", "Scale", "Total", "Out of")),
        *(
            (f"| Dimension | {t} |\n|---|---|\n| Production Quality | 1 |\n", 0.1)
            for t in ("Score /10", "Score (max 10)")
        ),
        ("| Dimension | Score % |\n|---|---|\n| Production Quality | 1 |\n", 0.01),
        ("| production_quality /10 | content_enjoyment /10 |\n|---|---|\n| 1 | 8 |\n", 0.1),
        ("| Dimension | Min | Max | Score |\n|---|---|---|---|\n| Production Quality | 1 | 10 | 1 |\n", None),
        (HEAD.format("Mx") + "| Production Quality | 1 | 10 |\n", None),
        ("| Dimension | Weight | Score |\n|---|---|---|\n| Production Quality | 0.3 | <0.5 |\n", None),
        ("| Dimension | Weight | Score |\n|---|---|---|\n| Production Quality | 0.3 | 0.\n82 |\n", None),
        ("| Dimension | Track A | Track B |\n|---|---|---|\n| Production Quality | 0.1 | 0.8 |\n", None),
        ("production_quality;content_enjoyment\n0,8;0,4\n", 0.8),
        ("production_quality\tcontent_enjoyment\n0.8\t0.4\n", 0.8),
        ("dimension,weight,score\nproduction_quality,0.3,0.8\n", 0.8),
        ("production_quality,content_enjoyment\n0.8,0.4,0.5\n", None),
        ("production_quality,content_enjoyment\n0.8,0.4\n0.3,0.4\n", None),
    ],
)
def test_tables(text: str, value: float | None, fields: tuple[Field, ...]) -> None:
    assert quality(text, fields) == value


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


def test_a_weights_file_names_each_score_once(tmp_path: Path, scores: tuple[Field, ...]) -> None:
    path = tmp_path / "weights.json"
    for text in (
        '{"production_quality": 1, "production_quality": 2}',
        '{"weights": {"production_quality": 1, "production_quality": 1}}',
        '{"weights": {"production_quality": 1}, "weights": {"production_quality": 2}}',
        "production_quality = 1\nproduction_quality = 2\n",
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=r"twice|overwrite"):
            parse_weights(str(path), scores)
    with pytest.raises(UsageError, match="empty"):
        parse_weights("", scores)

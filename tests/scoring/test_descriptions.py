"""Texts: under labels and headings, over several lines, in tables, and in JSON whose quotes are damaged."""

from __future__ import annotations

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.answers import parse_reply

DESCRIBE = tuple(Field(name, "text") for name in ("genre", "tempo", "key", "description"))
WHOLE = {"genre": "dub, 4 to the floor", "tempo": "120 BPM", "key": "A minor", "description": "It opens.\n\nIt ends."}


def texts(text: str, fields: tuple[Field, ...], finish: str | None = "stop") -> dict[str, object]:
    return {n: one.value for n, one in parse_reply(text, fields, "", finish).fields.items() if one.value is not None}


@pytest.mark.parametrize(
    "form",
    [
        "genre: {genre}\ntempo: {tempo}\nkey: {key}\ndescription: {description}\n",
        "**Genre:** {genre}\n**Tempo:** {tempo}\n**Key:** {key}\n**Description:**\n{description}\n",
        "## Genre\n{genre}\n\n## Tempo\n{tempo}\n\n## Key\n{key}\n\n## Description\n{description}\n",
        "**Genre**\n{genre}\n\n**Tempo**\n{tempo}\n\n**Key**\n{key}\n\n**Description**\n{description}\n",
    ],
)
def test_the_words_of_a_pack_without_numbers_are_whole(form: str) -> None:
    assert texts(form.format(**WHOLE), DESCRIBE) == WHOLE


def test_a_table_holds_words(fields: tuple[Field, ...]) -> None:
    for edge in ("| ", ""):
        rows = ("Field | Value", "---|---", "Genre | dub", "Mood | calm", "Production Quality | 0.8")
        table = "".join(f"{edge}{row}\n" for row in rows)
        assert texts(table, fields) == {"genre": "dub", "mood": "calm", "production_quality": 0.8}


@pytest.mark.parametrize(
    "words",
    [
        "The guitar (key: C major) plays a riff.",
        "What is key: the groove.",
        "The first part is slow; tempo: 60 BPM. The second is fast.",
    ],
)
def test_names_among_words_are_words(words: str) -> None:
    text = f"genre: dub\ntempo: 120 BPM\nkey: A minor\ndescription: {words}\n"
    assert texts(text, DESCRIBE) == {"genre": "dub", "tempo": "120 BPM", "key": "A minor", "description": words}


def test_words_that_the_end_cuts_off_are_none() -> None:
    assert texts("genre: dub\n\ndescription: It opens.\nIt en", DESCRIBE, "length") == {"genre": "dub"}


def test_marks_of_markdown_leave_no_gaps() -> None:
    assert texts("genre: *dub*, **blues**\n", DESCRIBE)["genre"] == "dub, blues"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"genre": "dub", "mood" "calm", "production_quality": 0.8}', {"genre": "dub", "mood": "calm"}),
        ('{"genre": "dub", "mood"": "calm", "production_quality": 0.8}', {"genre": "dub", "mood": "calm"}),
        ('{"genre": "dub",\n- "mood": "calm",\n- "production_quality": 0.8}', {"genre": "dub", "mood": "calm"}),
        ('{"genre": "dub", <!-- so --> "mood": "calm", "production_quality": 0.8}', {"genre": "dub", "mood": "calm"}),
        ('{"genre": "du"\n "b", "mood": "calm", "production_quality": 0.8}', {"genre": "dub", "mood": "calm"}),
        ('{"genre" -> "dub", "mood" -> "calm", "production_quality" -> 0.8}', {"genre": "dub", "mood": "calm"}),
        (
            '> {\n> "genre": "dub",\n> "mood": "calm",\n> "production_quality": 0.8\n> }',
            {"genre": "dub", "mood": "calm"},
        ),
        (
            '[{"key": "genre", "value": "dub"}, {"key": "production_quality", "value": 0.8}]',
            {},
        ),
    ],
)
def test_damage_between_members_takes_nothing_along(
    text: str, found: dict[str, object], fields: tuple[Field, ...]
) -> None:
    read = texts(text, fields)
    assert read["production_quality"] == 0.8
    assert {name: read.get(name) for name in found} == found


@pytest.mark.parametrize(
    "text",
    [
        '{"mood": "calm", "notes": "weights were {"production_quality": 0.3, "content_enjoyment": 0.2}"}',
        '{"reasoning": "first I had "production_quality": 0.3, "content_enjoyment": 0.2, then raised it"}',
        '{"genre": "dub", **weights**: {"production_quality": 0.3}}',
        '{"genre": "dub", weights\n{"production_quality": 0.3}}',
        '{"production_quality": {"reason": "clean}, content_enjoyment: {"reason": "x", "score": 0.6}}',
    ],
)
def test_numbers_within_texts_are_none(text: str, fields: tuple[Field, ...]) -> None:
    assert parse_reply(text, fields, "", "stop").fields["production_quality"].value is None

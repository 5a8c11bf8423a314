"""Replies that say that their numbers were not heard in this song, in several languages, and harmless words."""

from __future__ import annotations

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.answers import parse_reply

LIST = "Production Quality: 0.85\nContent Enjoyment: 0.7\n"
OBJECT = '{"production_quality": 0.85, "content_enjoyment": 0.7}\n'


def two(text: str, fields: tuple[Field, ...]) -> tuple[object, object]:
    found = parse_reply(text, fields, "", "stop").fields
    return found["production_quality"].value, found["content_enjoyment"].value


@pytest.mark.parametrize("answer", [LIST, OBJECT], ids=["list", "object"])
@pytest.mark.parametrize(
    "words",
    [
        "I can't listen to audio, so here is an invented answer:",
        "Since no audio was attached, I'm making up values:",
        "I couldn't open the audio file.",
        "No puedo escuchar el audio, así que invento los valores:",
        "Je ne peux pas écouter le morceau.",
        "Ich kann kein Audio hören. Beispielantwort:",
        "Não consigo ouvir áudio. Exemplo de resposta:",
        "注意：我无法听到音频。",
        "音声を聞けないため、以下は架空の例です：",
    ],
)
def test_nothing_was_heard(words: str, answer: str, fields: tuple[Field, ...]) -> None:
    assert two(f"{words}\n\n{answer}", fields) == (None, None)


@pytest.mark.parametrize("answer", [LIST, OBJECT], ids=["list", "object"])
@pytest.mark.parametrize(
    "words",
    [
        "These are sample values only.",
        "I made these numbers up.",
        "None of these numbers are based on the audio.",
        "This is a sample response.",
        "The above scores are for the previous song.",
        "These ratings belong to the other song.",
        "These numbers describe the last track you sent, not this one.",
        "Estas puntuaciones son de la canción anterior.",
        "Ces valeurs ne sont qu'un exemple.",
        "以上分数是虚构的。",
        "上記は例です。",
    ],
)
def test_taken_back_afterwards(words: str, answer: str, fields: tuple[Field, ...]) -> None:
    assert two(f"{answer}\n{words}\n", fields) == (None, None)


@pytest.mark.parametrize("answer", [LIST, OBJECT], ids=["list", "object"])
@pytest.mark.parametrize(
    "words",
    [
        "I can't hear any clipping.",
        "The band is made up of four players.",
        "It is a textbook example of modern pop.",
        "Par exemple, la basse est très ronde.",
        "La otra canción del disco es más lenta.",
        "The samples are well chosen.",
    ],
)
def test_words_that_take_nothing_back(words: str, answer: str, fields: tuple[Field, ...]) -> None:
    assert two(f"{words}\n\n{answer}", fields) == (0.85, 0.7)
    assert two(f"{answer}\n{words}\n", fields) == (0.85, 0.7)


@pytest.mark.parametrize(
    "member",
    [
        '"is_example": true',
        '"placeholder": true',
        '"type": "example"',
        '"song": "previous"',
        '"track": "reference"',
        '"comment": "Just an example of the format."',
        '"note": "Scores are for the previous song."',
        '"section": "intro"',
        '"time": "1:00"',
    ],
)
def test_a_member_that_makes_the_others_no_answer(member: str, fields: tuple[Field, ...]) -> None:
    assert two(f'{{{member}, "production_quality": 0.85, "content_enjoyment": 0.7}}', fields) == (None, None)


@pytest.mark.parametrize(
    "remark",
    [
        ", but this number is made up",
        ", but I take it back",
        ", in the previous song",
        " for the previous song",
        " I gave last time",
        ", which is wrong",
        ", hmm, no",
        " (first draft)",
        " (average track)",
        ", wenn remastert",
        "（上一首歌）",
        "（权重）",
        "，应为0.33",
        ". Final: 0.2",
        ". I'll go with 0.2.",
        ". Too high. 0.2.",
    ],
)
def test_a_remark_that_takes_one_number_back(remark: str, fields: tuple[Field, ...]) -> None:
    assert two(f"Production Quality: 0.85{remark}\nContent Enjoyment: 0.7\n", fields) == (None, 0.7)


@pytest.mark.parametrize(
    "words",
    [
        "Échelle : 0 à 10",
        "En una escala del 0 al 10:",
        "10点満点で評価します。",
        "满分为十分：",
        "Note maximale : 5",
        "Escala: 0 a 10",
    ],
)
def test_a_scale_in_another_language_makes_a_bare_one_doubtful(words: str, fields: tuple[Field, ...]) -> None:
    assert two(f"{words}\n\nProduction Quality: 1\nContent Enjoyment: 1\n", fields) == (None, None)


@pytest.mark.parametrize(
    "name", ["上一首歌", "canción_anterior", "morceau_precedent", "重み", "superseded", "drop", "voz"]
)
def test_an_object_under_a_name_that_is_not_the_answers(name: str, fields: tuple[Field, ...]) -> None:
    assert two(f'{{"genre": "pop", "{name}": {OBJECT.strip()}}}', fields) == (None, None)

"""Packs with other fields than the one that ships: names that hold one another, other ranges, a single score."""

from __future__ import annotations

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.reply.parse import parse_reply


def pack(*names: str, low: float = 0.0, high: float = 10.0) -> tuple[Field, ...]:
    return tuple(Field(name, "score", low=low, high=high, weight=1.0) for name in names)


def read(text: str, fields: tuple[Field, ...], finish: str = "stop") -> dict[str, object]:
    return {name: one.value for name, one in parse_reply(text, fields, "", finish).fields.items()}


@pytest.mark.parametrize(
    ("names", "text", "values"),
    [
        (("mix", "mix_balance"), "- Mix: 6\n- Mix Balance: 7.5\n", [6, 7.5]),
        (("energy", "energy_level"), "energy: 6\nenergy_level: 7\n", [6, 7]),
        (("overall", "overall_score"), "- Overall Score: 8\n", [None, 8]),
        (("overall", "overall_score"), "- Overall: 6\n- Overall Score: 8\n", [6, 8]),
        (("quality", "production_quality"), '{"quality": 6, "production_quality": 7}', [6, 7]),
        (("mix", "impact"), "Mix: 6\nImpact: 7.5\n", [6, 7.5]),
    ],
)
def test_each_name_has_its_own_number(names: tuple[str, ...], text: str, values: list[float | None]) -> None:
    assert list(read(text, pack(*names)).values()) == values


def test_a_label_that_begins_with_a_text_is_another_field() -> None:
    fields = (Field("genre", "text"), Field("genre_fit", "score", low=0.0, high=1.0, weight=1.0))
    assert read("- **Genre:** funk\n- **Genre Fit:** 0.9\n", fields) == {"genre": "funk", "genre_fit": 0.9}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rhythm", '{"rhythm": "4/4"}'),
        ("rhythm", "**Rhythm:** 4/4\n"),
        ("drums", "Drums: 6/8, straight\n"),
        ("hook", "### Hook 2\nBig.\n"),
        ("hook", "For hook 2, the vocals rise."),
        ("energy", "Low energy: 6\n"),
        ("energy", "Energy (6/10): a\nEnergy of the intro (7/10): b\n"),
    ],
)
def test_what_is_no_score_of_the_field(name: str, text: str) -> None:
    assert read(text, pack(name))[name] in (None, 6.0) if "intro" in text else read(text, pack(name))[name] is None


def test_a_number_called_negative_is_not_positive() -> None:
    fields = pack("valence", low=-1.0, high=1.0)
    assert read("Valence: 0.3 (negative)\n", fields) == {"valence": None}
    assert read("Valence: -0.3\n", fields) == {"valence": -0.3}


@pytest.mark.parametrize(
    "text",
    [
        "7",
        "7/10",
        "**7/10**",
        '"7"',
        "Score: 7\n",
        "I'd give it a 7.",
        '{"score": 7}',
        "<answer>7</answer>",
        "7 8",
        "Song 7",
    ],
)
def test_a_number_without_its_label_is_none_of_a_pack_of_one_score_either(text: str) -> None:
    assert read(text, pack("danceability")) == {"danceability": None}


@pytest.mark.parametrize("text", ["Danceability: 7\n", '{"danceability": 7}', "### Danceability\n7/10\n"])
def test_a_pack_of_one_score(text: str) -> None:
    assert read(text, pack("danceability")) == {"danceability": 7.0}

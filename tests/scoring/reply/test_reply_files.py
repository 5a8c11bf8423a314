"""Every repair has a broken reply that needs it: the files of tests/assets/replies with what must come out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.reply.parse import parse_reply

FOLDER = Path(__file__).parents[2] / "assets" / "replies"
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))


def read(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_bytes().decode("utf-8")


def test_every_file_has_an_expectation() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_reply(name: str, fields: tuple[Field, ...]) -> None:
    expected = EXPECTED[name]
    answer = parse_reply(read(name), fields, "", expected["finish_reason"])
    assert {key: one.value for key, one in answer.fields.items()} == expected["values"]
    assert (answer.status, answer.reason) == (expected["status"], expected.get("reason"))
    assert list(answer.repairs) == expected["repairs"]
    if expected["obtained"] is not None:
        assert {one.obtained for one in answer.fields.values() if one.value is not None} == {expected["obtained"]}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_cut_anywhere_it_never_gives_another_number(name: str, fields: tuple[Field, ...]) -> None:
    """Cut off at every character, a reply may lose numbers; it never gives one that its whole does not state."""
    text, values = read(name), EXPECTED[name]["values"]
    step = 1 if len(text) < 1500 else 7
    stated_before = {"loop_only", "example_first", "lone_closer", "second_number", "comment_on_the_scale"}
    stated_before |= {
        "inner_brace_lost",
        "list_brace_lost",
        "weights_brace_lost",
        "missing_open",
    }  # a lost brace: doubt
    for end in range(0, len(text), step):
        answer = parse_reply(text[:end], fields, "", "length")
        for key, one in answer.fields.items():
            if isinstance(one.value, float) and name not in stated_before:
                assert one.value == values[key], (end, text[:end][-60:])


def no_json(literal: str) -> float:
    raise ValueError(f"{literal} is no JSON")


@pytest.mark.parametrize("name", sorted(n for n, e in EXPECTED.items() if set(e["repairs"]) - {"words_around"}))
def test_what_is_repaired_is_not_json(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        loaded = json.loads(read(name), parse_constant=no_json)
        if not isinstance(loaded, dict):
            raise ValueError("no object")

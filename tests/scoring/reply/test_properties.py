"""Properties of the parser that must hold for any reply."""

from __future__ import annotations

import json
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musicflamingo_cli.records import Answer, Field
from musicflamingo_cli.scoring.reply.parse import parse_reply

NAMES = (
    "content_usefulness",
    "production_quality",
    "content_enjoyment",
    "production_complexity",
    "overall_recommendation_score",
)
FIELDS = tuple(Field(name, "score", low=0.0, high=1.0, weight=0.2) for name in NAMES)
QUICK = settings(
    deadline=None, derandomize=True, max_examples=150, suppress_health_check=[HealthCheck.too_slow], database=None
)
UNIT = st.floats(0.0, 1.0, allow_nan=False, allow_subnormal=False)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\"), max_size=30)
SAFE_WORDS = st.text("abcdefghij klmnop,.;'!?()-", max_size=40)


def values(answer: Answer) -> dict[str, object]:
    return {name: one.value for name, one in answer.fields.items()}


@st.composite
def replies(draw: st.DrawFn) -> tuple[dict[str, float], str]:
    """The five numbers, and a valid JSON object that holds them among others, in some spacing, fence and prose."""
    numbers = {name: draw(UNIT) for name in draw(st.permutations(NAMES))}
    extras = draw(
        st.dictionaries(WORDS.filter(lambda k: not re.search("score|cont|prod|overall", k.lower())), WORDS, max_size=3)
    )
    members: list[tuple[str, object]] = draw(
        st.permutations([*numbers.items(), *extras.items(), ("notes", "2 guitars")])
    )
    text = json.dumps(
        dict(members),
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 1, 4, "\t"])),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")])),
    )
    frame = draw(
        st.sampled_from(
            [
                "{}",
                "```json\n{}\n```",
                "```\n{}\n```\n",
                "Here you are:\n{}\nIt has 3 parts.",
                "\ufeff{}",
                "<think>0.5?</think>{}",
                "<answer>{}</answer>",
                "In short {{so to say}}: {}",
            ]
        )
    )
    return numbers, frame.replace("{{", "{").replace("}}", "}").replace("{}", text, 1)


@QUICK
@given(replies(), st.sampled_from(["stop", "length", None]))
def test_valid_json_round_trips(reply: tuple[dict[str, float], str], finish: str | None) -> None:
    numbers, text = reply
    answer = parse_reply(text, FIELDS, "", finish)
    assert values(answer) == numbers
    assert {one.obtained for one in answer.fields.values()} == {"json"}
    assert answer.status == "ok"
    assert set(answer.repairs) <= {"words_around"}


@QUICK
@given(replies(), st.data())
def test_a_prefix_gives_only_what_the_whole_states(reply: tuple[dict[str, float], str], data: st.DataObject) -> None:
    numbers, text = reply
    end = data.draw(st.integers(0, len(text)))
    for name, value in values(parse_reply(text[:end], FIELDS, "", "length")).items():
        assert value is None or value == numbers[name]


DAMAGES = {
    "single quotes": lambda t: t.replace('"', "'"),
    "no quotes on keys": lambda t: re.sub(r'"(\w+)":', r"\1:", t),
    "smart quotes": lambda t: re.sub(r'"([^"]*)"', "“\\1”", t),
    "trailing comma": lambda t: t[:-1] + ",}",
    "no commas": lambda t: re.sub(r",\s*\n", "\n", t),
    "no closing brace": lambda t: t[:-1],
    "no opening brace": lambda t: t[1:],
    "doubled braces": lambda t: "{" + t + "}",
    "escaped": lambda t: t.replace('"', '\\"'),
    "entities": lambda t: t.replace('"', "&quot;"),
    "comment": lambda t: t.replace("{", "{ // 0.5 of 1\n", 1),
    "underscores": lambda t: t.replace("_", "\\_"),
    "strings": lambda t: re.sub(r": ([\d.e-]+)", r': "\1"', t),
    "python": lambda t: t.replace('"', "'").replace("}", ", 'other': None}"),
    "semicolons": lambda t: t.replace(",\n", ";\n"),
    "quoted": json.dumps,
}


@QUICK
@given(
    st.fixed_dictionaries({name: st.integers(0, 1000).map(lambda n: n / 1000) for name in NAMES}),
    SAFE_WORDS,
    st.sampled_from(sorted(DAMAGES)),
    st.booleans(),
)
def test_known_damage_changes_no_number(numbers: dict[str, float], words: str, damage: str, fenced: bool) -> None:
    text = DAMAGES[damage](json.dumps({**numbers, "note": words.replace("'", "").replace(";", "") + " so"}, indent=1))
    text = f"```\n{text}\n```" if fenced else text
    read = values(parse_reply(text, FIELDS, "", "stop"))
    assert all(value is None or value == numbers[name] for name, value in read.items())
    if damage not in ("no closing brace", "no opening brace"):
        assert read == numbers


@QUICK
@given(
    st.fixed_dictionaries({name: st.integers(0, 1000).map(lambda n: n / 1000) for name in NAMES}),
    st.sampled_from(["deleted", "inserted", "doubled"]),
    st.data(),
)
def test_one_broken_mark_changes_no_number(numbers: dict[str, float], how: str, data: st.DataObject) -> None:
    text = json.dumps({"genre": "dub, 4 on the floor", **numbers}, indent=1)
    marks = [i for i, char in enumerate(text) if char in '{}",: \n']
    at = data.draw(st.sampled_from(marks))
    if how == "deleted":
        text = text[:at] + text[at + 1 :]
    elif how == "inserted":
        text = text[:at] + data.draw(st.sampled_from(list("{}[]\"',:;()*\n"))) + text[at:]
    else:
        text = text[:at] + text[at] + text[at:]
    for name, value in values(parse_reply(text, FIELDS, "", "stop")).items():
        assert value is None or value == numbers[name], text


SCRAPS = st.sampled_from(
    [
        *"{}[]\"',:;()|*#<>\\/`-=+%&",
        "\n",
        " ",
        "0.8",
        "8/10",
        "1",
        "production_quality",
        "Content Enjoyment",
        "score",
        "null",
        "<think>",
        "</think>",
        "<answer>",
        "```",
        "```json",
        "weights",
        "NaN",
        "\\u00",
        "\\",
        "0.",
        "&quot;",
        "\ud800",
        "½",
        "·",
        '""',
        '{"',
        '": ',
        "\\{",
        '"weights": {',
        "|---|",
        "Actually",
    ]
)


@QUICK
@given(st.one_of(st.text(), st.lists(SCRAPS, max_size=60).map("".join)), st.sampled_from(["stop", "length", None]))
def test_no_text_raises_and_no_value_leaves_its_range(text: str, finish: str | None) -> None:
    answer = parse_reply(text, FIELDS, "Rate it from 0.0 to 1.0.", finish)
    assert list(answer.fields) == list(NAMES)
    for one in answer.fields.values():
        assert one.value is None or (isinstance(one.value, float) and 0.0 <= one.value <= 1.0)
        assert (one.value is None) == (one.obtained is None)
        assert (one.value is None) == (one.reason is not None)
    obtained = sum(one.value is not None for one in answer.fields.values())
    assert answer.status == ("ok" if obtained == 5 else "partial" if obtained else "failed")
    assert obtained == 5 or answer.reason


@QUICK
@given(st.text(alphabet=st.characters(exclude_characters="0123456789", exclude_categories=["Nd", "No", "Nl"])))
def test_without_a_digit_there_is_no_number(text: str) -> None:
    assert set(values(parse_reply(f"production_quality: {text}", FIELDS, "", "stop")).values()) == {None}

"""Damaged JSON: what is repaired, and which number a repair leaves in doubt. The files of tests/assets/replies hold
one broken reply for each repair."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.reply.json_tokens import Scalar
from musicflamingo_cli.scoring.reply.objects import read_trees
from musicflamingo_cli.scoring.reply.parse import parse_reply
from musicflamingo_cli.scoring.reply.tolerant_json import Node


def quality(text: str, fields: Sequence[Field], finish: str | None = "stop") -> float | str | None:
    return parse_reply(text, fields, "", finish).fields["production_quality"].value


def test_trees_know_no_fields_and_keep_spans() -> None:
    text = 'See {"a": [1, {"b": "x"}], "c": .5} and {d: null'
    first, second = read_trees(text)
    assert text[first.start : first.end] == '{"a": [1, {"b": "x"}], "c": .5}'
    assert first.repairs == ("number_spelling",)
    items = Node(True, [("", Scalar("1", False)), ("", Node(False, [("b", Scalar("x"))], True))], True)
    assert first.root == Node(False, [("a", items), ("c", Scalar(".5", False))], True)
    assert text[second.start : second.end] == "{d: null"
    assert second.repairs == ("unquoted_keys", "truncated")
    assert second.root == Node(False, [("d", Scalar("null", False, "cut_off"))])


@pytest.mark.parametrize(
    "rest",
    [
        *("1, 0.4", "1; 0.4", "1\n0.4", "1, of 10", '1 "out of 10"', "1, /10", '1, {"max": 10}', "1 [0-10]"),
        *(
            "0;82",
            "0.\n82",
            "0.x",
            "1//10",
            "1 // out of 10\n",
            "1 /* /10 */",
            "1, # percent\n",
            "1}0",
            "0]82",
            "0.7}x2",
            '0"b".82',
            "0.8)b{",
            '0.7}"2',
        ),
        *('"1"%', '" 0.54}, {', "/* 1-10 */ 1", "1 # of 10\n", '"0"."82"', '"0.8', '"0.8, ', "0.8 0.9", "[0.8, 0.9]"),
        *('"0.8", "0.9"', "0.8 ± 0.1", "'0.8", "0.8 | 0.9", "0.8\\n0.9", "0.8 // 0.9 rather\n0.9", "0.8 because"),
    ],
)
def test_what_may_belong_to_a_number_leaves_it_out(rest: str, fields: Sequence[Field]) -> None:
    for finish in ("stop", "length"):
        assert quality(f'{{"production_quality": {rest}, "content_enjoyment": 0.5}}', fields, finish) is None


@pytest.mark.parametrize(
    "rest",
    [
        *("0.8 // clean", "0.8, # crisp, 3 guitars", "0.8 /* was 0.7 */", "0.8, ...", "0.8,"),
        *('0.8"', "'0.8'", "“0.8”", "0.8;", "0\\.8", "+0.8", "0,8", "0.8\n, note to self"),
    ],
)
def test_what_may_not_leaves_it(rest: str, fields: Sequence[Field]) -> None:
    assert quality(f'{{"production_quality": {rest}\n}}', fields) == 0.8


@pytest.mark.parametrize(
    ("text", "repairs"),
    [
        ('{"production_quality": .8}', ("number_spelling",)),
        ('{"production_quality": 00.8}', ("number_spelling",)),
        ('{"genre": dream pop, "production_quality": 0.8}', ("unquoted_value",)),
        ('> {\n> "production_quality": 0.8\n> }\n', ("quoted_lines",)),
        ('{"genre": , "production_quality": 0.8}', ("missing_value",)),
        ('{"genre": "dub" "production_quality": 0.8}', ("missing_comma",)),
        ('{"genre": \'dub "lite"\', "production_quality": 0.8}', ("single_quotes",)),
    ],
)
def test_what_is_no_json_is_repaired_and_says_how(text: str, repairs: tuple[str, ...], fields: Sequence[Field]) -> None:
    answer = parse_reply(text, fields, "", "stop")
    one = answer.fields["production_quality"]
    assert (one.value, one.obtained, answer.repairs) == (0.8, "repaired", repairs)


@pytest.mark.parametrize("raw", ['"0.8" + "5"', '"0." + "85"', '"0.85" + " or less"'])
def test_strings_that_are_added_make_no_number(raw: str, fields: Sequence[Field]) -> None:
    answer = parse_reply(f'{{"genre": "dub", "production_quality": {raw}}}', fields, "", "stop").fields
    assert (answer["production_quality"].value, answer["production_quality"].reason) == (None, "ambiguous")


@pytest.mark.parametrize("raw", ['"du" + "b"', '"""dub"""'])
def test_a_string_of_another_language_is_no_text(raw: str, fields: Sequence[Field]) -> None:
    answer = parse_reply(f'{{"genre": {raw}, "production_quality": 0.8}}', fields, "", "stop").fields
    assert (answer["genre"].value, answer["production_quality"].value) == (None, 0.8)


@pytest.mark.parametrize("mood", ["no </think> here", "<answer>0.3</answer>", "<think>production_quality: 0.3"])
def test_tags_within_strict_json_are_words(mood: str, fields: Sequence[Field]) -> None:
    text = f'{{"genre": "dub", "mood": "{mood}", "production_quality": 0.8}}'
    for whole in (text, f"```json\n{text}\n```"):
        answer = parse_reply(whole, fields, "", "stop").fields
        assert [answer[name].value for name in ("genre", "mood", "production_quality")] == ["dub", mood, 0.8]
        assert answer["production_quality"].obtained == "json"


@pytest.mark.parametrize(
    ("text", "genre"),
    [
        ('{"genre": "dub, "lite", and slow", "production_quality": 0.8}', 'dub, "lite", and slow'),
        ('{"genre": ""dub" and more", "production_quality": 0.8}', '"dub" and more'),
        ('{"genre": "dub", "mood" "calm", "production_quality": 0.8}', "dub"),
        ('{"genre": ["dub", "ska"], "production_quality": 0.8}', "dub, ska"),
        ('{"genre": "singer\\\'s choice", "production_quality": 0.8}', "singer's choice"),
        ('{"genre": "a\\u00e9\\ud83d\\ude00", "production_quality": 0.8}', "aé😀"),
    ],
)
def test_texts(text: str, genre: str, fields: Sequence[Field]) -> None:
    answer = parse_reply(text, fields, "", "stop").fields
    assert (answer["genre"].value, answer["production_quality"].value) == (genre, 0.8)


@pytest.mark.parametrize(
    "text",
    [
        '{"mood": "calm", "notes": "weights were {"production_quality": 0.3, "content_enjoyment": 0.2}"}',
        '{"genre": "dub", **weights**: {"production_quality": 0.3}}',
        '{"genre": "dub", weights\n{"production_quality": 0.3}}',
        '{"production_quality": {"reason": "clean}, content_enjoyment: {"reason": "x", "score": 0.6}}',
        '{"thinking": "production_quality: 0.3", "mood": "calm"}',
        '{"notes": "\\"production_quality\\": 0.3"}',
        '{\n"weights"：{\n"production_quality"：0.3，\n"content_enjoyment"：0.4\n}\n}\n',
    ],
)
def test_numbers_within_texts_are_none(text: str, fields: Sequence[Field]) -> None:
    answer = parse_reply(text, fields, "", "stop").fields
    assert (answer["production_quality"].value, answer["content_enjoyment"].value) == (None, None)


@pytest.mark.parametrize("opener", ["[", "{", '{"scores":', '{"a":[', "[{"])
def test_a_hundred_thousand_brackets_are_read_without_recursion(opener: str, fields: Sequence[Field]) -> None:
    text = opener * 100_000
    assert parse_reply(text, fields, "", "stop").status == "failed"
    assert quality(text + '\n\n{"production_quality": 0.8}', fields) in (0.8, None)


def test_an_answer_within_many_brackets_is_read(fields: Sequence[Field]) -> None:
    assert quality("[" * 100_000 + '{"production_quality": 0.85}' + "]" * 100_000, fields) == 0.85


STATED = '"production_quality": 0.3, "content_enjoyment": 0.2'


@pytest.mark.parametrize(
    "text",
    [
        *(f'{{"mood": "calm", {STATED}}}}}', f"weights: {{{STATED}}}}}", f'"weights": {{\n{STATED}\n}}\n}}'),
        *(f'{{"weights":}} {{{STATED}}}, "x": 1}}', f"{{weights {{{STATED}}}}}", f'{{"weights" ; {{{STATED}}}}}'),
        *(f'{{"weights": /{{{STATED}}}}}', f'{{"mood": "calm", "weights": {STATED}}}, "x": 1}}'),
        *(f'{{"weights": [{STATED}], "x": 1}}', f'{{"weights": ({STATED}}}}}', f'{{\n{{{STATED}}},\n"x": 1}}'),
        *(f'{{"weights": {{\n{{\n{STATED}\n}}\n}}', f' {STATED}\n }},\n "scores": {{}}\n}}'),
    ],
)
def test_an_object_that_lost_a_brace_or_its_name_states_nothing(text: str, fields: Sequence[Field]) -> None:
    answer = parse_reply(text, fields, "", "stop").fields
    assert (answer["production_quality"].value, answer["content_enjoyment"].value) == (None, None)


@pytest.mark.parametrize("finish", ["stop", "length"])
@pytest.mark.parametrize(
    "key", ['{"example":', '{"genre": "pop",\n"weights":', '{"production_quality"', ' {\n "previous":\n']
)
def test_an_object_behind_a_key_stands_under_it_at_the_margin_too(
    key: str, finish: str, fields: Sequence[Field]
) -> None:
    for end in ("", "\n", "\n}"):
        assert quality(f'{key}\n{{"production_quality": 0.42}}{end}', fields, finish) is None
    assert quality('{"scores":\n{"production_quality": 0.42}\n}', fields) == 0.42


@pytest.mark.parametrize(
    "broken", ['{"mood": "ca', '{"draft": {', '{"instruments": ["drums", ', '{"a": "x", "b', '{"a": 1']
)
def test_where_an_object_breaks_off_only_a_whole_one_that_begins_a_line_is_read(
    broken: str, fields: Sequence[Field]
) -> None:
    for lead in ("\n", "\n\nLet me start again.\n", "\n```json\n"):
        assert quality(f'{broken}{lead}{{"production_quality": 0.8}}', fields) == 0.8
        assert quality(f'{broken}{lead}  {{"production_quality": 0.8}}', fields) is None


@pytest.mark.parametrize("number", [r"0.5\1", r'"0.5\1"', r"1/1\10", r'"8\5%"'])
def test_a_backslash_joins_no_digits(number: str, fields: Sequence[Field]) -> None:
    assert quality(f'{{"production_quality": {number}}}', fields) is None
    assert quality(f'{{"production_quality": {number}, "content_enjoyment": 0.6}}', fields) is None


@pytest.mark.parametrize("between", ["", "---\n", "// note\n", "Some words.\n", "},\n"])
def test_a_brace_too_many_behind_whatever_words_tells_of_a_lost_parent(between: str, fields: Sequence[Field]) -> None:
    assert quality(f'{{"production_quality": 0.42}}\n{between}}}\n', fields) is None


@pytest.mark.parametrize("sign", ["", ",", "- ", ",\n // note\n", ",\n },\n"])
def test_a_key_behind_an_object_tells_of_a_lost_parent(sign: str, fields: Sequence[Field]) -> None:
    first, second = '{\n "mood": "calm",\n "production_quality": 0.42\n }', '"scores": {"production_quality": 0.82}\n}'
    assert quality(f"{first}{sign}\n {second}", fields) in (None, 0.82)


@pytest.mark.parametrize("comment", ["// of 10", "# out of 10", "// 5/10", "/* /10 */"])
def test_a_comment_may_state_what_a_number_is_out_of(comment: str, fields: Sequence[Field]) -> None:
    assert quality(f'{{"production_quality": 0.5 {comment}\n}}', fields) is None
    assert quality('{"production_quality": 0.5 // clean\n}', fields) == 0.5


@pytest.mark.parametrize("finish", ["length", None])
@pytest.mark.parametrize(
    "cut", ['"prod', '"', "", '"production_quality', '"production_quality"', '"production_quality": ']
)
def test_a_cut_in_a_key_leaves_the_number_before_it(cut: str, finish: str | None, fields: Sequence[Field]) -> None:
    text = f'{{"content_usefulness": 0.71, "content_enjoyment": 0.64, {cut}'
    for written in (text, '"' + text.replace('"', '\\"')):
        answer = parse_reply(written, fields, "", finish)
        assert answer.fields["content_usefulness"].value == 0.71
        assert answer.fields["content_enjoyment"].value == 0.64
        assert answer.fields["production_quality"].value is None
        assert "words_around" not in answer.repairs


@pytest.mark.parametrize("finish", ["stop", "length", None])
@pytest.mark.parametrize("number", ["0", "1", "1,", "0 ", "0."])
def test_a_whole_number_at_the_end_of_an_open_object_may_have_been_cut(
    number: str, finish: str | None, fields: Sequence[Field]
) -> None:
    assert quality(f'{{"content_enjoyment": 0.64, "production_quality": {number}', fields, finish) is None


def test_a_key_is_as_long_as_what_it_says_not_as_its_escapes() -> None:
    key = "\x1f\x07\U00010000" * 25
    (tree,) = read_trees(json.dumps({"a": 0.5, key: 0.25}) + " and words")
    assert dict(tree.root.members) == {"a": Scalar("0.5", False), key: Scalar("0.25", False)}
    assert tree.repairs == ()

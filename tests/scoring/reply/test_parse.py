"""Choosing the answer: thinking, echoes, examples, fences, the last word; and what the whole reply comes to."""

from __future__ import annotations

import json
import sys

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.reply.parse import parse_reply
from musicflamingo_cli.scoring.reply.parts import thinking_of

ONE = '{"production_quality": 0.85}'
OTHER = '{"production_quality": 0.25}'


def quality(text: str, fields: tuple[Field, ...], prompt: str = "", finish: str | None = "length") -> object:
    return parse_reply(text, fields, prompt, finish).fields["production_quality"].value


@pytest.mark.parametrize(
    "text",
    [
        f"<think>{OTHER}</think>{ONE}",
        f"<thinking>\n{OTHER}\n</thinking>\n{ONE}",
        f"{OTHER}</think>{ONE}",
        f"<THINK>{OTHER}</THINK>{ONE}",
        f"<think>a</think>b<think>{OTHER}</think>{ONE}",
        f"<think>{OTHER} and so on <answer>{ONE}</answer>",
        f"<answer>{ONE}</answer> {OTHER}",
        f"{ONE}<think>{OTHER}",
        f"```json\n{ONE}\n```\nrather than {OTHER}",
        f"{OTHER}\n{ONE}",
        f"{ONE}\nAgain: {OTHER[:-1]}, ",
        f"{ONE}\nproduction_quality: 0.25\n",
        f"Example: {OTHER}\nAnswer: {ONE}",
        f'{ONE}\n{{"song": "b-side", "year": 1999}}',
        f'{ONE}\nWhy: {{"production_quality": "because the mix is clean"}}',
        '{"draft": {"production_quality": 0.25}, "final": {"production_quality": 0.85}}',
        '{"production_quality": 0.25, "production_quality": 0.85}',
        '{"weights": {"production_quality": 0.25}, "scores": {"production_quality": 0.85}}',
        '{"production_quality": {"weight": 0.25, "score": 0.85}}',
        '{"production_quality": {"score": 8.5, "out_of": 10}}',
        '{"scores_out_of_10": {"production_quality": 8.5}}',
        '[{"name": "production_quality", "score": 0.85}]',
        '{"genre": "dub"}\n\nScores:\n- Production Quality: 0.85\n',
        "[" * 100_000 + ONE + "]" * 100_000,
    ],
)
def test_the_answer(text: str, fields: tuple[Field, ...]) -> None:
    assert quality(text, fields) == 0.85


@pytest.mark.parametrize(
    "text",
    [
        f"<think>{ONE}",
        f"{ONE}</think>",
        f'{{"confidence": {ONE}}}',
        f'{{"example_output": {ONE}}}',
        '{"genre": "<genre>", "mood": "...", "production_quality": 0.85}',
        '{"genre": "string", "mood": "string", "production_quality": 0.85}',
        '{"production_quality_weight": 0.85}',
        '{"reproduction_quality": 0.85}',
        '{"weights.production_quality": 0.85}',
        '{"production_quality": [0.85, 0.9]}',
        '{"production_quality": "0.85',
        '{"production_quality": 0.85',
        '{"mood": "dark", "thoughts": "production_quality: 0.85"}',
        'Production quality: 0.85\n{"genre": "dub", "mood": "da',
    ],
)
def test_no_answer(text: str, fields: tuple[Field, ...]) -> None:
    assert quality(text, fields) is None


PROMPT = (
    'Rate the song as JSON. An example: {"genre": "ska", "production_quality": 0.85, "content_enjoyment": 0.5}. '
    "Think in <think></think> and give numbers from 0.0 to 1.0 only, nothing else."
)


@pytest.mark.parametrize(
    "text",
    [
        PROMPT,
        PROMPT[:110],
        '{"genre": "ska", "production_quality": 0.85, "content_enjoyment": 0.5}',
        '{\n "genre": "ska",\n "production_quality": 0.85\n}',
        "{'genre': 'ska', 'production_quality': 0.85, 'content_enj",
    ],
)
def test_an_echo_of_the_prompt_is_no_answer(text: str, fields: tuple[Field, ...]) -> None:
    assert quality(text, fields, PROMPT) is None
    assert quality(f"{text}\n\n{OTHER}", fields, PROMPT) == 0.25


def test_the_same_numbers_with_other_words_are_an_answer(fields: tuple[Field, ...]) -> None:
    assert quality('{"genre": "dub", "production_quality": 0.85}', fields, PROMPT) == 0.85


def test_how_it_was_obtained(fields: tuple[Field, ...]) -> None:
    text = '{"content_usefulness": 0.5, "production_quality": "85%", "content_enjoyment": 7}'
    answer = parse_reply(text, fields, "", "stop")
    assert answer.fields["content_usefulness"].obtained == "json"
    assert (answer.fields["production_quality"].obtained, answer.fields["production_quality"].written) == (
        "rescaled",
        85.0,
    )
    assert (answer.fields["content_enjoyment"].reason, answer.fields["content_enjoyment"].written) == (
        "out_of_range",
        7.0,
    )
    assert (answer.status, answer.reason) == ("partial", "out_of_range")
    assumed = parse_reply(text, fields, "", "stop", assume_scale=10).fields
    assert (assumed["content_enjoyment"].value, assumed["content_enjoyment"].obtained) == (0.7, "rescaled")
    assert assumed["content_usefulness"].value == 0.05


def test_measure_fields_are_not_asked() -> None:
    fields = (
        Field("production_quality", "score", low=0.0, high=1.0),
        Field("tempo_bpm", "measure", measure="tempo_bpm"),
    )
    assert parse_reply(ONE, fields).status == "ok"
    assert list(parse_reply(ONE, fields).fields) == ["production_quality"]


@pytest.mark.parametrize(
    ("text", "finish", "status", "reason"),
    [
        ("", "stop", "failed", "empty"),
        (" \n\ufeff<|im_end|>\n", "stop", "failed", "empty"),
        ("I can't listen to audio.", "stop", "failed", "no_answer"),
        ("The song begins with", "length", "failed", "token_cap"),
        ("#@ $% ^& 12 -- ;; // 9 8 7 {{ 6", "stop", "failed", "gibberish"),
        ("la la la la " * 80, "length", "failed", "loop_detected"),
        ("{" * 500, "length", "failed", "loop_detected"),
        ("bar 1, beat 1; " + "".join(f"at {n}:00, " for n in range(99)), "length", "failed", "loop_detected"),
        (ONE + "\n" + "the drums, the drums, " * 40, "length", "partial", "loop_detected"),
        (ONE, "stop", "partial", "missing"),
        (ONE, "length", "partial", "missing"),
        (ONE[:-1] + ", ", "length", "partial", "token_cap"),
        ('{"production_quality": 9}', "stop", "failed", "out_of_range"),
    ],
)
def test_status_and_reason(text: str, finish: str, status: str, reason: str, fields: tuple[Field, ...]) -> None:
    answer = parse_reply(text, fields, "", finish)
    assert (answer.status, answer.reason) == (status, reason)


CAPTION = """The track opens with a slow, breathing pad and a single plucked guitar whose echoes fall on the off-beat.
After eight bars a dry kick and a brushed snare join, and the bass answers the guitar a fifth below. The singer enters
close to the microphone, almost whispering, with a doubled take panned to both sides in the chorus. Verses stay sparse;
each chorus adds one layer: first a string pad, then hand claps, at last a second guitar with a slow tremolo. The bridge
drops to voice and organ, modulates up a step, and builds with a snare roll into the last chorus, which is the loudest
part of the song. Harmonically it moves between the tonic and the submediant, with a borrowed minor subdominant at the
end of every second phrase. The mix is warm and slightly dark, with the vocal well in front, a long plate reverb on the
snare and little compression on the master, so that the choruses really do rise. """


def test_an_ordinary_caption_is_no_loop(fields: tuple[Field, ...]) -> None:
    text = (
        CAPTION
        + "Lyrically, "
        + CAPTION.lower().replace("track", "song").replace("the", "this")
        + json.dumps({"production_quality": 0.8})
    )
    assert len(text.split()) > 280
    assert parse_reply(text, fields, "", "length").reason == "missing"


def test_thinking_can_be_had_apart() -> None:
    assert thinking_of(f"<think>It is hazy.</think>{ONE}") == "It is hazy."
    assert thinking_of(f"Hazy.</think>{ONE}") == "Hazy."
    assert thinking_of("<think>cut off") == "cut off"
    assert thinking_of(ONE) is None


def test_importing_the_parser_loads_nothing_heavy() -> None:
    import subprocess

    code = (
        "import sys; import musicflamingo_cli.scoring.reply.parse; "
        "print([m for m in ('numpy', 'pandas', 'torch', 'pyarrow', 'soundfile', 'json_repair') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        '{"a": 1}',
        "[0.8, 0.7, 0.9]",
        '{"mood": null}',
        "これはとても良い曲で、声も楽器もはっきり聞こえる。" * 20,
    ],
)
def test_what_is_language_or_json_is_no_gibberish(text: str, fields: tuple[Field, ...]) -> None:
    answer = parse_reply(text, fields, "", "stop")
    assert answer.status == "failed"
    assert answer.reason != "gibberish"


def test_an_entity_in_valid_json_stays_as_it_is_in_a_fence_too(fields: tuple[Field, ...]) -> None:
    text = '{"genre": "R&amp;B &#39;n&#39; soul", "production_quality": 0.8}'
    for reply in (text, f"```json\n{text}\n```"):
        answer = parse_reply(reply, fields, "", "stop")
        assert answer.fields["genre"].value == "R&amp;B &#39;n&#39; soul"
        assert answer.repairs == ()


WORDS = "I could not hear this song, these numbers are an example."


@pytest.mark.parametrize(
    "around", ["{}", "```json\n{}\n```", "## Result\n\n{}", "Here it is:\n{}", "<think>No.</think>\n{}"]
)
def test_what_stands_around_an_answer_is_said_and_never_judged(around: str, fields: tuple[Field, ...]) -> None:
    for answer in (ONE, "Production Quality: 0.85"):
        plain = parse_reply(around.format(answer), fields, "", "stop")
        assert (plain.fields["production_quality"].value, plain.repairs) == (0.85, ())
        for text in (f"{WORDS}\n\n{around}\n", f"{around}\n\n{WORDS}", f"Well:\n{WORDS[:20]}:\n{around}"):
            found = parse_reply(text.format(answer), fields, "", "stop")
            if "<think>" not in around or text.startswith(around):
                assert found.fields["production_quality"].value == 0.85
                assert found.repairs == ("words_around",), text


@pytest.mark.parametrize("fence", ["```", "````", "~~~", "~~~~~"])
@pytest.mark.parametrize("language", ["", "json", "c++", "objective-c"])
def test_no_fence_counts_as_words(fence: str, language: str, fields: tuple[Field, ...]) -> None:
    answer = parse_reply(f'{fence}{language}\n{{"production_quality": 0.8}}\n{fence}\n', fields, "", "stop")
    assert (answer.fields["production_quality"].value, answer.repairs) == (0.8, ())

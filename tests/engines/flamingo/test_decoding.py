"""Every decode mode against the plainest way to get the same, on random weights, in float32."""

import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from musicflamingo_cli.engines.flamingo.constrained import Guide
from musicflamingo_cli.engines.flamingo.decoding import allowed_tokens
from musicflamingo_cli.engines.flamingo.free_text import has_loop, loop_at_end
from musicflamingo_cli.engines.flamingo.reply_plan import Free, Number
from musicflamingo_cli.engines.flamingo.score_grid import ALPHABET, choices
from musicflamingo_cli.engines.flamingo.vocabulary import Vocabulary
from musicflamingo_cli.records import Field, Pack, Reply
from tests.engines.flamingo.conftest import request_for, same, sound

KINDS = ["musicflamingo", "audioflamingo3"]
SCORES = (
    "content_usefulness",
    "production_quality",
    "content_enjoyment",
    "production_complexity",
    "overall_recommendation_score",
)
PROMPTS = ("Rate this song.", "Listen to the whole track, then rate its melody, rhythm and mix.", "Score it:")


def songs(seed, count=3):
    """Return requests about songs of one window of 30 s of the audio tower; with seed 0 also one of two."""
    chance = np.random.default_rng(seed)
    lengths = [30.0, 31.5, *chance.uniform(1, 12, count)][:count] if seed == 0 else chance.uniform(1, 12, count)
    return [request_for(sound(s, seed * 10 + n), PROMPTS[n % 3], f"s{n}") for n, s in enumerate(lengths)]


def whole(engine, requests):
    """Return one batch's tensors as the model takes them, made by the processor alone."""
    turns = [
        [{"role": "user", "content": [{"type": "audio", "audio": r.heard.clip}, {"type": "text", "text": r.prompt}]}]
        for r in requests
    ]
    loaded = engine._loaded
    return loaded.model, loaded.processor.apply_chat_template(
        turns, tokenize=True, add_generation_prompt=True, return_dict=True
    )


def vocabulary_of(engine):
    model, tokenizer = engine._loaded.model, engine._loaded.processor.tokenizer
    return Vocabulary(tokenizer, model.config.text_config.vocab_size, (tokenizer.eos_token_id,))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("decode", ["text", "json", "scores"])
@pytest.mark.parametrize("seed", [0])
def test_a_batch_answers_as_its_songs_do_alone(engine, kind, decode, seed):
    one = engine(decode, kind, **({"max_tokens": 40} if decode == "text" else {}))
    requests = songs(seed)
    together = one.reply(requests)
    for reply, request in zip(together, requests, strict=True):
        same(reply, one.reply([request])[0])


@pytest.mark.parametrize("decode", ["json", "scores"])
def test_a_prefill_in_groups_changes_nothing(engine, decode):
    one = engine(decode)
    requests = songs(0, 4)
    at_once = one.reply(requests)
    one._mode._network.prefill_tokens = 1000
    for reply, expected in zip(one.reply(requests), at_once, strict=True):
        same(reply, expected)


def test_log_mel_in_groups_changes_nothing(engine, monkeypatch):
    one = engine("scores")
    requests = [*songs(0, 4), request_for(None, "No sound here.")]
    at_once = one.reply(requests)
    for windows in (1, 3):
        monkeypatch.setattr("musicflamingo_cli.engines.flamingo.inputs.MEL_WINDOWS", windows)
        for reply, expected in zip(one.reply(requests), at_once, strict=True):
            same(reply, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_text_is_what_generate_says(engine, kind):
    import torch

    one = engine("text", kind, max_tokens=60)
    requests = songs(2)
    model, batch = whole(one, requests)
    with torch.inference_mode():
        out = model.generate(**batch, max_new_tokens=60, do_sample=False)[:, batch["input_ids"].shape[1] :]
    end = vocabulary_of(one).end_ids[0]
    plain = [row[: row.index(end)] if end in row else row for row in out.tolist()]
    from musicflamingo_cli.engines.flamingo.free_text import FreeSettings, generate

    with torch.inference_mode():
        said = generate(one._mode._network, one.prepare(requests).groups[0], FreeSettings(60, (end,)))
    assert [s.tokens for s in said] == plain


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("max_tokens", [170, 260])
def test_forced_tokens_and_trees_give_what_plain_constrained_greedy_gives(engine, kind, max_tokens):
    import torch
    from transformers import LogitsProcessor

    one = engine("json", kind, max_tokens=max_tokens)
    requests = songs(4)
    model, batch = whole(one, requests)
    grammar, reader = one._mode._grammar, one._mode._reader
    length = batch["input_ids"].shape[1]

    class Plain(LogitsProcessor):
        """One token a forward, every one of them, through `generate`."""

        def __init__(self):
            self.guides = [Guide(grammar) for _ in requests]
            self.forced = [list(guide.said) for guide in self.guides]
            self.number = ["" for _ in requests]

        def allowed(self, row):
            guide = self.guides[row]
            if self.forced[row]:
                return [self.forced[row][0]]
            if isinstance(guide.part, Free):
                return allowed_tokens([guide], grammar, torch.device("cpu"))[0].nonzero().flatten().tolist()
            if isinstance(guide.part, Number):
                return [reader.characters[ALPHABET.index(c)] for c in choices(guide.part.grid, self.number[row])]
            return [vocabulary_of(one).end_ids[0]]

        def take(self, row, token):
            guide = self.guides[row]
            if self.forced[row]:
                self.forced[row].pop(0)
            elif isinstance(guide.part, Free):
                guide.choose(token)
                self.forced[row] = guide.take()[1:]
            elif isinstance(guide.part, Number):
                self.number[row] += ALPHABET[reader.characters.index(token)]
                if self.number[row] in guide.part.grid.texts:
                    guide.state(reader.tokens(self.number[row]))
                    self.forced[row] = guide.take()[len(self.number[row]) :]
                    self.number[row] = ""

        def __call__(self, ids, logits):
            masked = torch.full_like(logits, float("-inf"))
            for row in range(len(ids)):
                if ids.shape[1] > length:
                    self.take(row, int(ids[row, -1]))
                allowed = self.allowed(row)
                masked[row, allowed] = logits[row, allowed]
            return masked

    with torch.inference_mode():
        out = model.generate(**batch, max_new_tokens=400, do_sample=False, logits_processor=[Plain()])[:, length:]
    plain = [vocabulary_of(one).decode(row.tolist()) for row in out]
    replies = one.reply(requests)
    assert [reply.text for reply in replies] == plain
    assert all(reply.generated_tokens <= max_tokens for reply in replies)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("decode", ["scores", "json"])
def test_the_tree_gives_the_joint_probabilities_of_separate_forwards(engine, kind, decode):
    import torch

    one = engine(decode, kind)
    requests = songs(5)
    with torch.inference_mode():
        replies = one._mode.decode(one.prepare(requests).groups[0], Counter())
    encode = one._mode._reader.tokens
    ends = list(vocabulary_of(one).number_ends)
    checked = 0
    for request, reply in zip(requests, replies, strict=True):
        model, alone = whole(one, [request])
        name = SCORES[1]
        if decode == "scores":
            start = vocabulary_of(one).encode(f'{{"{name}": ')
        else:  # the tokens as they were said: words may be cut otherwise than the tokenizer would cut them
            said = [vocabulary_of(one).decode(reply.tokens[:n]) for n in range(len(reply.tokens))]
            start = reply.tokens[: next(n for n, text in enumerate(said) if text.endswith(f'"{name}": '))]

        def after(text, alone=alone, model=model, start=start):
            ids = torch.cat([alone["input_ids"], torch.tensor([[*start, *encode(text)]])], 1)
            sound = {k: alone[k] for k in ("input_features", "input_features_mask")}
            with torch.inference_mode():
                logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), **sound, logits_to_keep=1).logits
            return logits[0, -1].double().softmax(-1)

        first, zero, point, eight = after(""), after("0"), after("0."), after("0.8")
        token = dict(zip(ALPHABET, one._mode._reader.characters, strict=True))
        stem = first[token["0"]] * zero[token["."]]
        spread = dict(zip(reply.scores[name].values, reply.scores[name].probabilities, strict=True))
        for digit in "0123456789":
            expected = stem * point[token["8"]] * eight[token[digit]]
            if digit == "0":
                expected += stem * point[token["8"]] * eight[ends].sum()
            assert spread[float(f"0.8{digit}")] == pytest.approx(float(expected), rel=1e-4, abs=1e-18)
            assert abs(spread[float(f"0.8{digit}")] - float(expected)) < 1e-5
            checked += 1
    assert checked == 30


@pytest.mark.parametrize("max_tokens", [168, 175, 210, 400])
def test_every_reply_of_noise_is_valid_json_with_all_keys(engine, max_tokens):
    one = engine("json", max_tokens=max_tokens)
    requests = [request_for(sound(1 + n, n), PROMPTS[n % 3] * (1 + n % 4), f"s{n}") for n in range(12)]
    names = [f.name for f in one.asked]
    for reply in one.reply(requests):
        stated = json.loads(reply.text)
        assert list(stated) == names
        assert all(isinstance(stated[n], str) and stated[n].strip() for n in names[:6])
        assert all(re.search(rf'"{n}": (0\.\d\d|1\.00)[,}}]', reply.text) for n in SCORES)
        assert [reply.scores[n].written for n in SCORES] == [stated[n] for n in SCORES]
        assert reply.generated_tokens <= max_tokens
        assert reply.finish_reason == "stop"


def test_too_few_tokens_for_the_scores_are_refused_before_any_song(engine):
    from musicflamingo_cli.errors import UsageError

    with pytest.raises(UsageError, match=r"--max-tokens 60: .* at least \d+"):
        engine("json", max_tokens=60)


def pack_of(*fields):
    return Pack("own", "1", tuple(fields), "Rate it.")


@pytest.mark.parametrize(
    ("low", "high", "form"),
    [
        (1.0, 10.0, r"(10\.00|[1-9]\.\d\d)"),
        (0.0, 100.0, r"(100\.0|\d{1,2}\.\d)"),
        (0.25, 0.5, r"0\.(2[5-9]|[34]\d|50)"),
    ],
)
@pytest.mark.parametrize("decode", ["json", "scores"])
def test_other_ranges_are_written_within_them(engine, low, high, form, decode):
    fields = (Field("mood", "text"), Field("rating", "score", low=low, high=high, weight=1.0), Field("bpm", "number"))
    one = engine(decode, pack=pack_of(*fields), max_tokens=90)
    requests = songs(6)
    for reply, request in zip(one.reply(requests), requests, strict=True):
        same(reply, one.reply([request])[0])
        stated = json.loads(reply.text)
        assert re.search(rf'"rating": {form}[,}}]', reply.text)
        assert low <= stated["rating"] <= high
        assert list(stated) == ([f.name for f in fields] if decode == "json" else ["rating"])
        spread = reply.scores["rating"]
        assert (min(spread.values), max(spread.values)) == (low, high)
        assert spread.mass == pytest.approx(sum(spread.probabilities))


def test_scores_in_sequence_see_the_ones_before(engine):
    free = engine("scores")
    chained = engine("scores", score_order="sequence")
    requests = songs(7)
    for alone, after in zip(free.reply(requests), chained.reply(requests), strict=True):
        assert list(json.loads(after.text)) == list(SCORES)
        np.testing.assert_allclose(
            alone.scores[SCORES[0]].probabilities, after.scores[SCORES[0]].probabilities, rtol=2e-3, atol=1e-18
        )
        assert alone.scores[SCORES[4]].probabilities != after.scores[SCORES[4]].probabilities


def test_scores_takes_two_forwards_and_json_one_a_score_after_its_words(engine, monkeypatch):
    from musicflamingo_cli.engines.flamingo.model import Network

    calls = []
    plain_prompt, plain_extend = Network.prompt, Network.extend
    monkeypatch.setattr(Network, "prompt", lambda self, *a: calls.append("prompt") or plain_prompt(self, *a))
    monkeypatch.setattr(Network, "extend", lambda self, *a: calls.append("extend") or plain_extend(self, *a))
    one = engine("scores")
    one.reply(songs(1))
    assert calls == ["prompt", "extend"]
    calls.clear()
    engine("scores", score_order="sequence").reply(songs(1))
    assert calls == ["prompt"] + ["extend"] * 5


def test_loops_are_seen_and_prose_is_not():
    prose = list(range(40)) * 2
    assert not has_loop(prose)
    assert not loop_at_end([1, 2, 3] * 3)
    assert loop_at_end([9, 8, *[5] * 32])
    assert not loop_at_end([9, 8, *[5] * 31])
    assert loop_at_end([*range(50), *[1, 2, 3] * 11])
    assert loop_at_end([*range(20), *list(range(100, 200)) * 4])
    assert has_loop([*[7] * 64, *range(100, 130)])
    assert not has_loop([])


def test_a_reply_that_hits_the_cap_is_asked_once_more_and_counted(engine):
    one = engine("text", max_tokens=12)
    replies = one.reply(songs(1))
    capped = [reply for reply in replies if reply.finish_reason == "length"]
    assert one.reruns >= len(capped) > 0
    assert all(reply.generated_tokens <= 12 for reply in replies)
    assert all(reply.generated_tokens == 12 for reply in capped)


def test_a_second_try_that_does_not_fit_is_not_counted_twice(engine, monkeypatch):
    import torch

    from musicflamingo_cli.engines.base import OutOfMemory
    from musicflamingo_cli.engines.flamingo import modes

    one = engine("text", max_tokens=12)
    plain = modes.generate

    def tight(network, inputs, settings):
        if settings.careful and inputs.rows > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(network, inputs, settings)

    monkeypatch.setattr(modes, "generate", tight)
    requests = [request_for(sound(2)), request_for(sound(2))]
    with pytest.raises(OutOfMemory):
        one.reply(requests)
    for request in requests:
        one.reply([request])
    assert one.reruns == 2


def test_a_looping_model_is_asked_again_with_anti_repeat_settings(engine, monkeypatch):
    """A head that always says one token loops for ever; with the penalty it must say something else."""
    one = engine("text", max_tokens=60)
    plain = one._mode._network.logits

    def stuck(hidden):
        logits = plain(hidden) * 0.05
        logits[:, 40] = logits.max() + 0.05
        return logits

    monkeypatch.setattr(one._mode._network, "logits", stuck)
    reply = one.reply(songs(1)[:1])[0]
    assert one.reruns == 1
    assert not has_loop(vocabulary_of(one).encode(reply.text))


def test_a_second_try_is_held_to_the_schema(engine):
    one = engine("text")
    assert one.second_try == "schema"
    again = [replace(request, second_try=True) for request in songs(5)]
    for reply, expected in zip(one.reply(again), engine("json").reply(songs(5)), strict=True):
        same(reply, expected)


def test_a_second_try_without_room_for_the_schema_may_not_repeat_itself(engine):
    one = engine("text", max_tokens=20)
    assert one.second_try == "sentence"
    (reply,) = one.reply([replace(songs(5)[0], second_try=True)])
    assert isinstance(reply, Reply)
    assert one.reruns == 0
    assert [engine(mode).second_try for mode in ("json", "scores")] == [None, None]

"""The engine's promises, on tiny random checkpoints."""

import json

import numpy as np
import pytest

from musicflamingo_cli.engines.base import (
    Engine,
    EngineSettings,
    OutOfMemory,
)
from musicflamingo_cli.engines.fake import FakeEngine
from musicflamingo_cli.engines.flamingo.engine import FlamingoEngine
from musicflamingo_cli.engines.flamingo.memory import kept_bytes, propose_batch_seconds, propose_prefill_tokens
from musicflamingo_cli.engines.parity import parity
from musicflamingo_cli.errors import EngineError, UsageError
from musicflamingo_cli.intake.packs import load_pack
from musicflamingo_cli.records import Distribution, Failure, Field, Pack, Reply
from tests.engines.flamingo.conftest import RATE, request_for, sound

MODES = ["text", "json", "scores"]


def settings(**changes):
    return EngineSettings(**{"pack": load_pack("quality"), "device": "cpu", **changes})


def test_identity_comes_from_the_settings_without_a_model_and_can_be_written():
    one = FlamingoEngine(settings(model="nowhere/near", revision="abc", decode="json", max_tokens=300))
    identity = json.loads(json.dumps(one.identity()))
    assert {"engine", "version", "model", "revision", "decode"} <= set(identity)
    assert (identity["model"], identity["revision"], identity["max_tokens"]) == ("nowhere/near", "abc", 300)


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        ({"max_tokens": 99}, True),
        ({"dtype": "bfloat16"}, True),
        ({"max_audio_seconds": 30.0}, True),
        ({"long_audio": "middle"}, True),
        ({"decode": "scores"}, True),
        ({"revision": "x"}, True),
        ({"device": "auto"}, False),
        ({"attention": "eager"}, False),
    ],
)
def test_what_can_change_a_reply_is_in_the_identity(change, moves):
    one = FlamingoEngine(settings()).identity()
    assert (FlamingoEngine(settings(**change)).identity() != one) is moves


def test_the_token_cap_does_not_split_the_cache_of_scores():
    caps = [FlamingoEngine(settings(decode="scores", max_tokens=n)).identity() for n in (100, 200)]
    assert caps[0] == caps[1]


def test_cudnn_is_not_asked_for_attention(engine):
    import torch

    torch.backends.cuda.enable_cudnn_sdp(True)
    engine("scores")
    assert not torch.backends.cuda.cudnn_sdp_enabled()


@pytest.mark.parametrize("decode", MODES)
def test_the_contract(engine, decode):
    one = engine(decode, **({"max_tokens": 20} if decode == "text" else {}))
    assert one.prepares
    typed: Engine = one
    assert typed.name == "flamingo"
    assert typed.licence
    requests = [request_for(sound(2, n), name=f"s{n}") for n in range(3)]
    replies = one.reply(requests)
    assert len(replies) == 3
    for reply in replies:
        assert isinstance(reply, Reply)
        assert reply.prompt_tokens > 50
        assert reply.seconds > 0
        assert (reply.generated_tokens == 0) is (decode == "scores")
    assert one.reply([]) == []
    assert [r.text for r in one.answer(one.prepare(requests))] == [r.text for r in replies]


@pytest.mark.parametrize("decode", MODES)
def test_sound_words_or_both(engine, decode):
    one = engine(decode, **({"max_tokens": 20} if decode == "text" else {}))
    requests = [
        request_for(None, "What is a cadence?", "words"),
        request_for(sound(3), "", "sound"),
        request_for(sound(3), "Rate it.", "both"),
        request_for(None, " ", "nothing"),
    ]
    replies = one.reply(requests)
    assert [type(reply) for reply in replies] == [Reply, Reply, Reply, Failure]
    assert replies[3].reason == "empty"
    for request, reply in zip(requests[:3], replies, strict=False):
        assert one.reply([request])[0].text == reply.text


def test_a_system_prompt_takes_the_place_of_the_model_s_own(engine):
    from dataclasses import replace

    one = engine("scores")
    plain = request_for(sound(3))
    own = replace(plain, system="You are strict.")
    replies = one.reply([plain, own])
    assert replies[0].prompt_tokens != replies[1].prompt_tokens
    assert replies[0].scores != replies[1].scores
    assert one.reply([own])[0].text == replies[1].text


def test_long_audio_is_heard_up_to_the_cap_of_the_checkpoint_or_the_settings(engine):
    assert engine("scores").clip_seconds == 1200
    assert engine("scores", "audioflamingo3").clip_seconds == 600
    short = engine("scores", max_audio_seconds=30.0)
    assert short.clip_seconds == 30
    long = sound(70)
    heard, head = short.reply([request_for(long), request_for(long[: 30 * RATE])])
    assert heard.prompt_tokens == head.prompt_tokens
    assert heard.text == head.text


@pytest.mark.parametrize("decode", MODES)
def test_memory_that_runs_out_at_any_call_is_said_and_leaves_the_engine_sound(engine, decode, monkeypatch):
    import torch

    from musicflamingo_cli.engines.flamingo.model import Network

    one = engine(decode, **({"max_tokens": 6} if decode == "text" else {}))
    requests = [request_for(sound(2, n), name=f"s{n}") for n in range(2)]
    clean = [reply.text for reply in one.reply(requests)]
    calls = {"now": 0, "fail": 0}
    plain_prompt, plain_extend = Network.prompt, Network.extend

    def counted(plain):
        def call(*arguments):
            calls["now"] += 1
            if calls["now"] == calls["fail"]:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return plain(*arguments)

        return call

    monkeypatch.setattr(Network, "prompt", counted(plain_prompt))
    monkeypatch.setattr(Network, "extend", counted(plain_extend))
    one.reply(requests)
    total = calls["now"]
    assert total >= 2
    for fail in sorted({*range(1, min(total, 6) + 1), total}):
        calls.update(now=0, fail=fail)
        with pytest.raises(OutOfMemory, match="out of memory"):
            one.reply(requests)
        calls.update(now=0, fail=0)
    assert [reply.text for reply in one.reply(requests)] == clean


def test_a_lost_gpu_ends_the_run_cleanly(engine, monkeypatch):
    from musicflamingo_cli.engines.flamingo.model import Network

    one = engine("scores")

    def lost(*arguments):
        raise RuntimeError("CUDA error: device-side assert triggered\nsome more lines")

    monkeypatch.setattr(Network, "prompt", lost)
    with pytest.raises(EngineError, match=r"the GPU can't go on: .*device-side assert") as caught:
        one.reply([request_for(sound(2))])
    assert caught.value.exit_code == 3


def test_a_song_that_upsets_a_batch_is_found_and_fails_alone(engine, monkeypatch):
    from musicflamingo_cli.engines.flamingo.model import Network

    one = engine("scores")
    requests = [request_for(sound(2 + n, n), name=f"s{n}") for n in range(3)]
    clean = one.reply(requests)
    plain, bad = Network.prompt, int(clean[1].prompt_tokens)

    def upset(self, tensors, cache):
        if bad in [cache.lengths[row] for row in cache.prompts]:
            raise ValueError("something about this very song")
        return plain(self, tensors, cache)

    monkeypatch.setattr(Network, "prompt", upset)
    replies = one.reply(requests)
    assert (replies[1].reason, "very song" in replies[1].error) == ("engine_error", True)
    assert [replies[n].text for n in (0, 2)] == [clean[n].text for n in (0, 2)]


def test_a_model_that_answers_no_song_at_all_ends_the_run(engine, monkeypatch):
    from musicflamingo_cli.engines.flamingo.model import Network

    one = engine("scores")

    def broken(*arguments):
        raise TypeError("unexpected keyword")

    monkeypatch.setattr(Network, "prompt", broken)
    requests = [request_for(sound(2)), request_for(sound(3)), request_for(sound(4))]
    assert [reply.reason for reply in one.reply(requests[:2])] == ["engine_error"] * 2
    with pytest.raises(EngineError, match="the model can't answer any song"):
        one.reply(requests)


def test_first_songs_that_fail_do_not_end_a_run_whose_next_are_answered(engine, monkeypatch):
    from musicflamingo_cli.engines.flamingo.model import Network

    one = engine("scores")
    requests = [request_for(sound(9 - n, n), name=f"s{n}") for n in range(4)]
    plain, good = Network.prompt, one.reply(requests)[3].prompt_tokens
    one._answered = 0

    def upset(self, tensors, cache):
        if {cache.lengths[row] for row in cache.prompts} != {good}:
            raise ValueError("long ones upset it")
        return plain(self, tensors, cache)

    monkeypatch.setattr(Network, "prompt", upset)
    assert [type(reply) for reply in one.reply(requests)] == [Failure, Failure, Failure, Reply]


def test_a_model_of_noise_without_numbers_ends_the_run(engine, monkeypatch):
    import torch

    one = engine("scores")
    weight = one._loaded.model.lm_head.weight
    monkeypatch.setattr(weight, "data", torch.full_like(weight, torch.nan))
    with pytest.raises(EngineError, match="can't answer any song"):
        one.reply([request_for(sound(2, n)) for n in range(3)])


def test_a_song_that_upsets_the_processor_is_found_and_fails_alone(engine, monkeypatch):
    one = engine("scores")
    requests = [request_for(sound(2 + n, n), name=f"s{n}") for n in range(3)]
    clean = one.reply(requests)
    plain = type(one._preparer)._templated

    def upset(self, request, clip):
        if request.song_id == "s1":
            raise KeyError("a template that can't take this")
        return plain(self, request, clip)

    monkeypatch.setattr(type(one._preparer), "_templated", upset)
    replies = one.reply(requests)
    assert replies[1].reason == "engine_error"
    assert [replies[n].text for n in (0, 2)] == [clean[n].text for n in (0, 2)]


def test_a_closed_engine_says_so(engine):
    one = engine("scores")
    one.close()
    one.close()
    with pytest.raises(EngineError, match="not loaded"):
        one.reply([request_for(sound(2))])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decode": "yaml"}, "--decode yaml"),
        ({"device": "tpu"}, "--device tpu"),
        ({"device": "cuda:x"}, "--device cuda:x"),
        ({"dtype": "int4"}, "--dtype int4"),
        ({"attention": "magic"}, "--attention magic"),
        ({"long_audio": "tail"}, "--long-audio tail"),
        ({"max_audio_seconds": 0.0}, "--max-audio-seconds 0.0"),
        ({"max_audio_seconds": float("nan")}, "--max-audio-seconds nan"),
        ({"max_tokens": 0}, "--max-tokens 0"),
        ({"decode": "scores", "pack": Pack("p", "1", (Field("text", "text"),), "x")}, "no scores"),
        (
            {"pack": Pack("p", "1", (Field("a", "score", low=0, high=1000, weight=1),), "x"), "decode": "json"},
            "too many values",
        ),
        ({"pack": Pack("p", "1", (Field("a", "score", low=-1, high=1, weight=1),), "x")}, "below 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused_when_they_are_made(changes, words):
    with pytest.raises(UsageError, match=words):
        FlamingoEngine(settings(**changes))


def test_what_other_engines_do_not_say_has_defaults():
    fake = FakeEngine(settings())
    assert (fake.batch_seconds, fake.clip_seconds) == (3600.0, 1200.0)
    assert fake.asked == load_pack("quality").asked
    scores = FlamingoEngine(settings(decode="scores"))
    assert [f.kind for f in scores.asked] == ["score"] * 5


def test_a_batch_is_sized_by_the_free_memory():
    """The real model in bfloat16: 57 344 bytes a token in the cache; 120 GB free hold some hundred songs."""
    from types import SimpleNamespace

    text = SimpleNamespace(
        num_key_value_heads=4,
        num_attention_heads=28,
        hidden_size=3584,
        num_hidden_layers=28,
        intermediate_size=18944,
    )
    config = SimpleNamespace(text_config=text)
    assert kept_bytes(config, 2) == 57_344
    roomy, tight = (propose_batch_seconds(free, config, 2, 512) for free in (120e9, 6e9))
    assert 60 * 180 < roomy < 300 * 180
    assert 2 * 180 < tight < 15 * 180
    assert propose_batch_seconds(0, config, 2, 512) == 30
    assert propose_prefill_tokens(120e9, config, 2) == 16_384
    assert 5_000 < propose_prefill_tokens(6e9, config, 2) < 10_000


@pytest.mark.parametrize("decode", MODES)
def test_parity_is_exact_to_rounding_in_float32(engine, decode):
    one = engine(decode, **({"max_tokens": 15} if decode == "text" else {}))
    found = parity(one, [request_for(sound(2 + 9 * n, n), name=f"s{n}") for n in range(3)])
    assert (found.songs, found.identical) == (3, 3)
    assert set(found.largest) == (set() if decode == "text" else {f.name for f in one.asked if f.kind == "score"})
    assert all(difference < 1e-3 for difference in found.largest.values())


def test_parity_counts_differences_in_parts_of_a_scores_range():
    class Drifting:
        def reply(self, requests):
            shares = (0.5, 0.5) if len(requests) == 1 else (0.4, 0.6)
            return [Reply("", scores={"energy": Distribution((0.0, 100.0), shares, 1.0)}) for _ in requests]

    found = parity(Drifting(), [request_for(sound(1)), request_for(sound(1))])
    assert found.largest == {"energy": pytest.approx(0.1)}  # a mean of 60 against one of 50, out of 100
    assert found.says == "2 of 2 replies alike; expected scores differ by at most 0.1000 of their range (energy)"


def test_parity_leaves_out_songs_that_fail(engine):
    one = engine("scores")
    broken = np.full(9000, np.nan, np.float32)
    assert parity(one, [request_for(sound(2)), request_for(broken)]).songs == 1

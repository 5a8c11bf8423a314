"""What would crash the model, or spoil the next song of a batch. Each test fails without its guard."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from musicflamingo_cli.engines.flamingo.inputs import TOKEN_SAMPLES, WINDOW_SAMPLES, safe_clip
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.records import Failure, Pack, Reply
from tests.engines.flamingo.conftest import RATE, request_for, sound

KINDS = ["musicflamingo", "audioflamingo3"]


def cut(samples):
    return np.resize(sound(31), samples)


@pytest.mark.parametrize("rest", [1, 80, 160, 161, 319, 320])
@pytest.mark.parametrize("windows", [1, 2])
def test_a_sliver_after_a_whole_window_is_dropped(windows, rest):
    clip = cut(windows * WINDOW_SAMPLES + rest)
    assert len(safe_clip(clip, 1200)) == windows * WINDOW_SAMPLES


@pytest.mark.parametrize("rest", [0, 321, 480_000 - 1])
def test_what_gives_a_token_stays(rest):
    clip = cut(WINDOW_SAMPLES + rest)
    assert len(safe_clip(clip, 1200)) == WINDOW_SAMPLES + rest


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rest", [1, 200, 320])
def test_a_sliver_neither_crashes_nor_changes_the_next_song(engine, kind, rest):
    one = engine("scores", kind)
    after = request_for(sound(7, 1), name="after")
    sliver = request_for(cut(2 * WINDOW_SAMPLES + rest), name="sliver")
    alone = one.reply([after])[0]
    for batch in ([sliver, after], [after, sliver]):
        replies = one.reply(batch)
        assert all(isinstance(reply, Reply) for reply in replies)
        assert replies[batch.index(after)].text == alone.text
        for name, spread in alone.scores.items():
            got = replies[batch.index(after)].scores[name]
            np.testing.assert_allclose(got.probabilities, spread.probabilities, rtol=2e-3, atol=1e-18)


def test_the_cap_can_leave_a_sliver_too():
    assert len(safe_clip(cut(40 * RATE), 30.01)) == WINDOW_SAMPLES


@pytest.mark.parametrize("samples", [0, 1, TOKEN_SAMPLES - 1])
def test_too_few_samples_are_a_failure(samples):
    failure = safe_clip(cut(samples) if samples else np.zeros(0, np.float32), 1200)
    assert (failure.stage, failure.reason) == ("engine", "too_short")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_poisoned_song_among_eight_leaves_the_other_seven_identical(engine, value):
    one = engine("scores")
    requests = [request_for(sound(2 + n, n), name=f"s{n}") for n in range(8)]
    poisoned = sound(5, 3).copy()
    poisoned[1000] = value
    bad = replace(requests[3], heard=replace(requests[3].heard, clip=poisoned))
    clean = one.reply(requests)
    replies = one.reply([*requests[:3], bad, *requests[4:]])
    assert isinstance(replies[3], Failure)
    assert replies[3].reason == "bad_samples"
    for n in (0, 1, 2, 4, 5, 6, 7):
        assert replies[n].text == clean[n].text
        for name, spread in clean[n].scores.items():
            np.testing.assert_allclose(
                replies[n].scores[name].probabilities, spread.probabilities, rtol=2e-3, atol=1e-18
            )


@pytest.mark.parametrize("decode", ["text", "json", "scores"])
def test_output_that_is_not_finite_fails_its_own_song_only(engine, decode, monkeypatch):
    """Noise in the model itself: a row whose hidden states are NaN has no reply; its neighbours keep theirs."""
    import torch

    one = engine(decode, **({"max_tokens": 20} if decode == "text" else {}))
    requests = [request_for(sound(3 + n, n), name=f"s{n}") for n in range(3)]
    clean = one.reply(requests)
    network = one._mode._network
    plain_prompt, plain_extend = network.prompt, network.extend

    def spoil(hidden):
        if len(hidden) == 3:
            hidden = hidden.clone()
            hidden[1] = torch.nan
        return hidden

    monkeypatch.setattr(network, "prompt", lambda *a: spoil(plain_prompt(*a)))
    monkeypatch.setattr(network, "extend", lambda *a: spoil(plain_extend(*a)))
    replies = one.reply(requests)
    assert (replies[1].stage, replies[1].reason) == ("engine", "not_finite")
    assert [replies[n].text for n in (0, 2)] == [clean[n].text for n in (0, 2)]


def test_two_channels_are_refused_not_guessed():
    assert safe_clip(np.zeros((2, 9000), np.float32), 1200).reason == "bad_samples"


@pytest.mark.parametrize("mark", ["<sound>", "<|im_end|>", "<|sound_eos|>", "<|im_start|>"])
def test_a_mark_of_the_chat_in_a_prompt_fails_that_song_alone(engine, mark):
    one = engine("scores")
    good = request_for(sound(3), name="good")
    replies = one.reply([request_for(sound(3), f"Rate {mark} this."), good])
    assert (replies[0].reason, isinstance(replies[1], Reply)) == ("bad_prompt", True)
    assert mark in replies[0].error


def test_a_mark_in_the_pack_is_refused_before_any_song(engine):
    pack = Pack("mine", "1", engine("scores").asked, "Rate this <sound> please.")
    with pytest.raises(UsageError, match="pack 'mine' holds <sound>"):
        engine("scores", pack=pack)


def test_thinking_marks_are_words(engine):
    assert engine("scores")._preparer.mark_in("Think in <think> tags") is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_bfloat16_model_takes_float32_features_and_keeps_its_rotary_angles(engine, kind):
    import torch

    one = engine("scores", kind, dtype="bfloat16")
    reply = one.reply([request_for(sound(4))])[0]
    assert isinstance(reply, Reply)
    assert one._loaded.model.dtype == torch.bfloat16
    if kind == "musicflamingo":
        angles = one._loaded.model.model.pos_emb
        assert (angles.inv_freq.dtype, angles.position_angles.dtype) == (torch.float32, torch.float32)


def test_a_torchaudio_that_cannot_load_its_library_does_not_stop_transformers(tmp_path):
    package = tmp_path / "torchaudio"
    package.mkdir()
    (package / "__init__.py").write_text('raise OSError("libc10_cuda.so: cannot open shared object file")\n')
    info = tmp_path / "torchaudio-2.11.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torchaudio\nVersion: 2.11.0\n")
    (info / "RECORD").write_text("torchaudio/__init__.py,,\n")
    code = (
        "from musicflamingo_cli.engines.flamingo.loading import import_transformers\n"
        "hf = import_transformers()\n"
        "print(hf.WhisperFeatureExtractor.__name__, hf.MusicFlamingoProcessor.__name__)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["WhisperFeatureExtractor", "MusicFlamingoProcessor"], done.stderr[-2000:]

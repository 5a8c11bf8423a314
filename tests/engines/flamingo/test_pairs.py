"""Two songs for one answer, on the real classes."""

import json

import numpy as np
import pytest

from musicflamingo_cli.inference.pairs import joined
from musicflamingo_cli.intake.packs import load_pack
from musicflamingo_cli.records import Fingerprint, LoadedAudio, Reply, Request
from tests.engines.flamingo.conftest import same, sound

PAIR = load_pack("pairwise")


def heard(name: str, seconds: float, seed: int) -> LoadedAudio:
    print_ = Fingerprint(f"/{name}.wav", 1, 1, name * 64)
    return LoadedAudio(print_, seconds, 16_000, 1, used_seconds=seconds, clip=sound(seconds, seed))


@pytest.mark.parametrize("kind", ["musicflamingo", "audioflamingo3"])
def test_the_processor_takes_one_recording_a_prompt(models, kind):
    """Why a pair is one clip: where this fails, two audio entries in one message may be the better way."""
    processor, clip = models[kind].processor, sound(1.0)
    with pytest.raises(ValueError, match=r"(?i)1 text|audio"):
        processor(text=["<sound><sound>which?"], audio=[clip, clip])


@pytest.mark.parametrize("kind", ["musicflamingo", "audioflamingo3"])
@pytest.mark.parametrize("decode", ["scores", "json"])
def test_a_pair_is_answered_alone_as_in_a_batch_and_its_order_counts(engine, kind, decode):
    one = engine(decode, kind=kind, pack=PAIR)
    a, b = heard("a", 31.0, 1), heard("b", 4.0, 2)
    requests = [Request(f"{n}", PAIR.template, joined(both)) for n, both in enumerate(((a, b), (b, a)))]
    together = one.reply(requests)
    for request, reply in zip(requests, together, strict=True):
        same(one.reply([request])[0], reply)
        assert isinstance(reply, Reply)
        assert 1 <= json.loads(reply.text)["better"] <= 2
    first, second = (reply.scores["better"].probabilities for reply in together)
    assert not np.allclose(first, second, rtol=1e-3)


def test_songs_are_ranked_with_a_model_each_heard_as_long_as_was_said(bench, checkpoints, monkeypatch):
    bench.songs(3)
    words = ["rank", bench.manifest, "--model", checkpoints["musicflamingo"], "--device", "cpu", "--workers", 1]
    words += ["--cache-dir", bench.folder / "cache", "-o", bench.table, "--max-audio-seconds", 1.25]
    words += ["--min-number-mass", 0, "--batch-size", 2]
    assert bench.mfq(*words) == 0
    assert {(row["status"], row["pairs"]) for row in bench.result()} == {("ok", 2)}
    entries = [json.loads(path.read_bytes())["body"] for path in bench.folder.glob("cache/*/??/*.json")]
    assert {entry["heard"]["used_seconds"] for entry in entries} == {4.5}
    assert len(entries) == 6
    before = bench.result()

    def never(*arguments):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr("musicflamingo_cli.engines.flamingo.engine.load", never)
    assert bench.mfq(*words) == 0
    assert bench.result() == before

"""`mfq score --parity N`: songs alone against the same songs in a batch."""

import pytest

from musicflamingo_cli.engines.base import OutOfMemory
from musicflamingo_cli.engines.fake import FakeEngine
from musicflamingo_cli.records import Distribution, Reply


def answering(monkeypatch, answer):
    monkeypatch.setattr(FakeEngine, "reply", lambda self, requests: answer(requests))


def test_the_first_songs_that_can_be_heard_are_compared_and_nothing_is_written(bench, monkeypatch):
    bench.songs(3)
    bench.rows([{"id": "gone", "audio": "gone.wav"}, *({"id": n, "audio": f"{n}.wav"} for n in range(3))])
    asked = []

    def answer(requests):
        asked.append([request.song_id for request in requests])
        share = 1.0 if len(requests) == 1 else 0.9
        spread = Distribution((0.0, 1.0), (1 - share, share), 1.0)
        return [Reply("{}", scores={"production_quality": spread}) for _ in requests]

    answering(monkeypatch, answer)
    assert bench.score("--parity", 2) == 0
    assert asked == [["0"], ["1"], ["0", "1"]]
    said = bench.capture.readouterr().out
    assert "2 of 2 replies alike; expected scores differ by at most 0.1000 of their range (production_quality)" in said
    assert not bench.table.exists()
    assert not (bench.folder / "cache").exists()


@pytest.mark.parametrize("words", [("--parity", 1), ("--parity", 2, "--limit", 1), ("--parity", 2, "--offline")])
def test_what_parity_can_not_be_asked_of(bench, words):
    bench.songs(2)
    assert bench.score(*words) == 2
    assert "parity" in bench.stderr()


def test_songs_that_can_not_be_heard_are_too_few(bench):
    bench.rows([{"id": n, "audio": f"{n}.wav"} for n in range(3)])
    assert bench.score("--parity", 2) == 2
    assert "0 can be heard" in bench.stderr()


def test_a_batch_that_does_not_fit_says_what_to_do(bench, monkeypatch):
    bench.songs(2)

    def answer(requests):
        if len(requests) > 1:
            raise OutOfMemory("no room")
        return [Reply("{}") for _ in requests]

    answering(monkeypatch, answer)
    assert bench.score("--parity", 2) == 3
    assert "smaller --parity" in bench.stderr()

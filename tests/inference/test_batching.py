"""Which songs go together, and what a batch that did not fit teaches."""

import pytest

from musicflamingo_cli.engines.fake import FakeEngine
from musicflamingo_cli.inference.batching import audio_room, batches, grouped
from musicflamingo_cli.records import Fingerprint, Heard, Request


def of(*lengths):
    prints = Fingerprint("/a.wav", 1, 1, "0" * 64)
    return [Request(f"s{n}", "Rate.", Heard(prints, s, 16000, 1, used_seconds=s)) for n, s in enumerate(lengths)]


def lengths_of(made):
    return [[request.heard.used_seconds for request in batch] for batch in made]


def test_songs_of_like_length_go_together_longest_first():
    assert lengths_of(batches(of(10, 200, 12, 190, 11, 210), 3)) == [[210, 200, 190], [12, 11, 10]]


@pytest.mark.parametrize("seconds", [100.0, 399.0, 400.0, 1000.0])
def test_a_batch_keeps_within_songs_times_the_longest(seconds):
    made = list(batches(of(*range(1, 200)), 7, seconds))
    assert sorted(s for batch in lengths_of(made) for s in batch) == list(range(1, 200))
    for batch in made:
        assert len(batch) == 1 or (len(batch) <= 7 and audio_room(batch, len(batch)) <= seconds)


def test_what_is_held_back_is_bounded_in_seconds():
    taken = []

    def endless():
        for request in of(*[100.0] * 1000):
            taken.append(request)
            yield request

    next(batches(endless(), 64, 3600.0, 500.0))
    assert len(taken) == 6


def test_songs_without_a_length_count_for_a_second():
    assert [len(batch) for batch in grouped(of(0, 0, 0, 0, 0), 9, 2.0)] == [2, 2, 1]
    assert audio_room(of(0.2, 0), 2) == 2.0


def test_long_songs_that_do_not_fit_do_not_make_short_ones_go_alone(bench, script, monkeypatch):
    """Two songs of 8 s do not fit together. What fits is remembered in seconds, so that songs of 1 s go by twos."""
    for n in range(6):
        bench.tone(f"{n}.wav", seconds=8.0 if n < 2 else 1.0)
    bench.rows([{"id": f"song-{n}", "audio": f"{n}.wav"} for n in range(6)])
    script({f"song-{n}": {"out_of_memory_above": 1} for n in range(2)})
    sizes = []
    plain = FakeEngine.reply

    def counted(self, requests):
        replies = plain(self, requests)
        sizes.append(len(requests))
        return replies

    monkeypatch.setattr(FakeEngine, "reply", counted)
    assert bench.score("--batch-size", 2) == 0
    assert sizes == [1, 1, 2, 2]
    assert [row["status"] for row in bench.result()] == ["ok"] * 6

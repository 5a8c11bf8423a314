"""Which songs go together, and what a batch that did not fit teaches."""

import time

import pytest

from musicflamingo_cli.engines.fake import FakeEngine
from musicflamingo_cli.inference import batching
from musicflamingo_cli.inference.batching import audio_room, batches, grouped
from musicflamingo_cli.records import Fingerprint, LoadedAudio, Request


def of(*lengths):
    prints = Fingerprint("/a.wav", 1, 1, "0" * 64)
    return [Request(f"s{n}", "Rate.", LoadedAudio(prints, s, 16000, 1, used_seconds=s)) for n, s in enumerate(lengths)]


def lengths_of(made):
    return [[request.heard.used_seconds for request in batch] for batch in made]


def test_songs_of_like_length_go_together_longest_first_and_the_first_come_first():
    assert lengths_of(batches(of(10, 200, 12, 190, 11, 210), 3)) == [[12, 11, 10], [210, 200, 190]]


@pytest.mark.parametrize("seconds", [100.0, 399.0, 400.0, 1000.0])
def test_a_batch_keeps_within_songs_times_the_longest(seconds):
    made = list(batches(of(*range(1, 200)), 7, seconds))
    assert sorted(s for batch in lengths_of(made) for s in batch) == list(range(1, 200))
    for batch in made:
        assert len(batch) == 1 or (len(batch) <= 7 and audio_room(batch, len(batch)) <= seconds)


def taken_before(first, **how):
    """Return how many of endless songs are taken before a first batch leaves, and how many songs that has."""
    taken = []

    def endless():
        for request in of(*first):
            taken.append(request)
            yield request

    batch = next(batches(endless(), 64, **how))
    return len(taken), len(batch)


@pytest.mark.parametrize(
    ("length", "seconds", "taken", "songs"),
    [
        (100.0, 500.0, 21, 5),  # four batches of 500 s, and one song more
        (100.0, 3600.0, 145, 36),  # four batches of 3600 s
        (400.0, 20000.0, 157, 50),  # as much as memory holds
        (1.0, 3600.0, 256, 64),  # four batches of 64 songs
    ],
)
def test_what_is_held_back_is_bounded(length, seconds, taken, songs, monkeypatch):
    monkeypatch.setattr(batching, "waiting_room", lambda: 62_500.0)
    assert taken_before([length] * 1000, seconds=seconds) == (taken, songs)


def test_memory_holds_what_the_machine_or_its_container_has(tmp_path, monkeypatch):
    """16 GB, a quarter of it, at 64 kB a second; then a container of 8 GB, and one without a limit."""
    monkeypatch.setattr(batching.os, "sysconf", {"SC_PHYS_PAGES": 4_000_000, "SC_PAGE_SIZE": 4000}.__getitem__)
    monkeypatch.setattr(batching, "MEMORY_LIMIT", tmp_path / "memory.max")
    assert batching.waiting_room() == 62_500
    for limit, seconds in (("8000000000\n", 31_250), ("max\n", 62_500)):
        (tmp_path / "memory.max").write_text(limit)
        assert batching.waiting_room() == seconds


def test_long_nights_go_by_batches_as_large_as_asked(monkeypatch):
    """400 songs of 180 s for an engine that takes 128 of them, decoded faster than they are answered."""
    monkeypatch.setattr(batching, "waiting_room", lambda: 62_500.0)
    made = list(batches(of(*[180.0] * 400), 128, 128 * 180.0))
    assert [len(batch) for batch in made] == [128, 128, 128, 16]


def test_a_batch_leaves_at_once_for_an_idle_engine_when_full():
    assert taken_before([10.0] * 1000, idle=lambda: True) == (64, 64)


def test_songs_that_are_ready_wait_a_while_for_others_and_then_leave(monkeypatch):
    """Songs come at 0 and 1 s, then none; the engine is idle from the start."""
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def slowly():
        for request in of(10, 20):
            yield request
            clock[0] += 1.0
        while True:
            yield None
            clock[0] += 0.25

    assert lengths_of([next(batches(slowly(), 8, idle=lambda: True, patience=lambda: 3.0))]) == [[20, 10]]
    assert clock[0] == 3.0


def test_a_busy_engine_is_not_given_half_a_batch():
    def pauses():
        yield from of(10, 20)
        yield from [None] * 100
        yield from of(30)

    assert lengths_of(batches(pauses(), 8, patience=lambda: 0.0)) == [[30, 20, 10]]


def test_no_song_waits_for_ever_behind_others_that_suit_each_other_better():
    first, others = of(500.0), of(*[10.0] * 400)
    left = []
    for batch in batches(iter([*first, *others]), 4):
        left.append(batch)
        if first[0] in batch:
            break
    assert len(left) == 1


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

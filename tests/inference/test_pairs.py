"""Two songs as one clip."""

import numpy as np
import pytest

from musicflamingo_cli.cache_entry import Entry, decode_entry, encode_entry
from musicflamingo_cli.inference.pairs import Pairs, joined, seconds_for, share_of
from musicflamingo_cli.records import Failure, Fingerprint, LoadedAudio, LoadedPair, PairFailure, Song, SongPair

A, B = (Song(n, name, f"{name}.wav", f"/{name}.wav") for n, name in enumerate("ab", 1))
PAIR = SongPair(1, "ab", A.audio, A.path, parts=(A, B))


def heard(name: str, seconds: float, *flags: str) -> LoadedAudio:
    clip = np.full(round(seconds * 16_000), ord(name) / 200, np.float32)
    print_ = Fingerprint(f"/{name}.wav", 1, 1, name * 64)
    return LoadedAudio(print_, 2 * seconds, 44_100, 2, flags, used_seconds=seconds, clip=clip)


def test_the_first_stands_before_the_second_with_silence_between_them() -> None:
    pair = joined([heard("a", 1.5, "clipped"), heard("b", 1.0, "clipped", "silent")])
    assert pair.clip is not None
    np.testing.assert_array_equal(pair.clip[:24_000], np.float32(ord("a") / 200))
    np.testing.assert_array_equal(pair.clip[24_000:56_000], 0)
    np.testing.assert_array_equal(pair.clip[56_000:], np.float32(ord("b") / 200))
    assert (len(pair.clip), pair.used_seconds, pair.audio_seconds) == (72_000, 4.5, 5.0)
    assert pair.flags == ("clipped", "silent")
    assert [one.fingerprint.path for one in pair.parts] == ["/a.wav", "/b.wav"]
    assert [one.clip for one in pair.parts] == [None, None]


def test_the_order_is_part_of_what_a_pair_is_known_by() -> None:
    one, other = joined([heard("a", 1), heard("b", 1)]), joined([heard("b", 1), heard("a", 1)])
    assert one.fingerprint.sha256 != other.fingerprint.sha256


def test_each_song_gets_half_of_what_an_engine_hears() -> None:
    assert share_of(1200) == 599
    assert seconds_for(30) == 62
    assert share_of(seconds_for(45.5)) == 45.5


@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_a_pair_is_there_when_both_are_whichever_comes_first(order: tuple[Song, Song]) -> None:
    pairs = Pairs()
    assert pairs.add(PAIR, order[0], heard(order[0].song_id, 1)) is None
    got = pairs.add(PAIR, order[1], heard(order[1].song_id, 1))
    assert isinstance(got, LoadedPair)
    assert [one.fingerprint.path for one in got.parts] == ["/a.wav", "/b.wav"]
    alone = heard("a", 1)
    assert pairs.add(A, A, alone) is alone


@pytest.mark.parametrize(("bad", "number"), [(A, 0), (B, 1)])
@pytest.mark.parametrize("first", [True, False])
def test_a_failure_names_its_song(bad: Song, number: int, first: bool) -> None:
    pairs, broken = Pairs(), Failure("intake", "not_found", "there is no such file", True)
    came = sorted((A, B), key=lambda song: (song is bad) != first)
    assert pairs.add(PAIR, came[0], broken if came[0] is bad else heard("a", 1)) is None
    failure = pairs.add(PAIR, came[1], broken if came[1] is bad else heard("a", 1))
    assert failure == PairFailure("intake", "not_found", f"{bad.song_id}: there is no such file", True, part=number)


def test_the_cache_gives_a_pair_back_and_writes_a_song_as_before() -> None:
    pair = joined([heard("a", 1), heard("b", 1)])
    failure = PairFailure("intake", "not_found", "b: gone", part=1)
    back = decode_entry(encode_entry(Entry("ab", "0", pair, failure=failure)), "ab")
    assert back is not None
    assert isinstance(back.heard, LoadedPair)
    assert [one.fingerprint for one in back.heard.parts] == [one.fingerprint for one in pair.parts]
    assert back.failure == failure
    alone = encode_entry(Entry("a", "0", heard("a", 1), failure=Failure("engine", "silent", "")))
    assert b"part" not in alone

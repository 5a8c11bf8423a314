"""The bytes of an entry: what they give back, and which of them are none."""

import pytest

from musicflamingo_cli.cache_entry import Entry, decode_entry, encode_entry
from musicflamingo_cli.measures import Measures
from musicflamingo_cli.records import Distribution, Fingerprint, LoadedAudio, Reply

HEARD = LoadedAudio(
    Fingerprint("/music/a.wav", 1234, 1_700_000_000_000_000_000, "ab" * 32),
    audio_seconds=12.5,
    sample_rate=44100,
    channels=2,
    flags=("clipped", "truncated_file"),
    measures=Measures(loudness_lufs=-14.2, key_tonic="Eb", abrupt_end=True),
    used_seconds=12.5,
)
REPLY = Reply(
    'He said "{0.85}"\n\x00 \u2028',
    "length",
    120,
    7,
    0.25,
    {"production_quality": Distribution((0.1, 0.2), (0.25, 0.5), 0.75, 0.2)},
)
ENTRY = Entry("song/1", "cd" * 32, HEARD, (REPLY,), run="r1", measures_version="1")


def test_every_cut_and_every_changed_byte_is_no_hit() -> None:
    whole = encode_entry(ENTRY)
    assert decode_entry(whole, "song/1") == ENTRY
    for end in range(len(whole) - 1):
        assert decode_entry(whole[:end], "song/1") is None
    for at in range(len(whole) - 2):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        assert decode_entry(changed, "song/1") is None, at


def test_an_older_format_is_no_hit() -> None:
    raw = encode_entry(ENTRY).replace(b'"format":1', b'"format":0')
    assert decode_entry(raw, "song/1") is None


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[]", b"[" * 100_000, b'{"song_id":"song/1"}', b"\xff\xfe", b'{"a":1}\n']
)
def test_rubbish_is_no_hit(raw: bytes) -> None:
    assert decode_entry(raw, "song/1") is None

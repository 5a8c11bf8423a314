"""Which part of a catalogue a run works on."""

from __future__ import annotations

import hashlib

from musicflamingo_cli.errors import UsageError


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """Return (i, n) from `i/n`, 1 <= i <= n. Raises `UsageError`."""
    if text is None:
        return None
    number, slash, count = text.partition("/")
    if not slash or not number.isdecimal() or not count.isdecimal() or not 1 <= int(number) <= int(count):
        raise UsageError(f"--shard {text}: say i/n with i from 1 to n, such as 1/4")
    return int(number), int(count)


def in_shard(song_id: str | None, shard: tuple[int, int] | None) -> bool:
    """True if a row belongs to a shard, by a hash of its id; rows without an id belong to the first."""
    if shard is None:
        return True
    number, count = shard
    if song_id is None:
        return number == 1
    digest = hashlib.sha256(song_id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[8:16], "big") % count == number - 1

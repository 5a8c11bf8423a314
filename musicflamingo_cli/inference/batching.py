"""Which songs go to the engine together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from musicflamingo_cli.records import Request

LOOK_AHEAD_BATCHES = 4
"""Songs are grouped by length among this many batches' worth."""


def batches(
    requests: Iterable[Request], items: int, seconds: float = 3600.0, look_ahead_seconds: float = 10800.0
) -> Iterator[list[Request]]:
    """Group requests of like length: at most `items` songs, and `items` x the longest within `seconds` of audio.

    At most `look_ahead_seconds` of audio is held back to find songs of like length (64 kB a second). A song longer
    than `seconds` goes alone. Yields longest first within a look-ahead, so that a batch that can't fit shows early.
    """
    held: list[Request] = []
    for request in requests:
        held.append(request)
        if len(held) >= (LOOK_AHEAD_BATCHES * items if items > 1 else 1) or _seconds(held) > look_ahead_seconds:
            yield from grouped(held, items, seconds)
            held = []
    yield from grouped(held, items, seconds)


def grouped(held: list[Request], items: int, seconds: float) -> Iterator[list[Request]]:
    """Cut some requests into batches, longest first, within `items` songs and `seconds` of audio; one song at least."""
    batch: list[Request] = []
    for request in sorted(held, key=lambda r: -(r.heard.used_seconds or 0.0)):
        if batch and (len(batch) >= items or audio_room(batch, len(batch) + 1) > seconds):
            yield batch
            batch = []
        batch.append(request)
    if batch:
        yield batch


def audio_room(batch: Sequence[Request], songs: int) -> float:
    """Return the audio that so many songs like a batch's longest take, seconds; a song counts for 1 s at least."""
    return songs * max(1.0, *(request.heard.used_seconds or 0.0 for request in batch))


def _seconds(held: list[Request]) -> float:
    return sum(request.heard.used_seconds or 0.0 for request in held)

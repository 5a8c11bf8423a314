"""Which songs go to the engine together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from musicflamingo_cli.records import Request

LOOK_AHEAD_BATCHES = 4
"""Songs are grouped by length among this many batches' worth, as far as the machine's memory goes."""
CLIP_BYTES = 4 * 16_000
"""What a second of audio takes while it waits."""
MEMORY_SHARE = 0.25
"""Of the machine's memory, what clips that wait may take."""
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""What a container may take of it, bytes, or `max`."""
PATIENCE_SECONDS = 3.0
"""How long a song that is ready waits for others to go with while the engine has nothing to do."""


@dataclass(frozen=True, slots=True)
class Batching:
    """How much is worked on at a time; nothing here changes a reply."""

    workers: int = 1
    """Decode processes."""
    items: int | None = None
    """Songs in a batch at most; None for the engine's own choice."""
    seconds: float | None = None
    """Audio in a batch at most (songs times the longest, seconds); None for the engine's own choice."""


def batches(
    requests: Iterable[Request | None],
    items: int,
    seconds: float = 3600.0,
    *,
    idle: Callable[[], bool] = lambda: False,
    patience: Callable[[], float] = lambda: PATIENCE_SECONDS,
) -> Iterator[list[Request]]:
    """Group requests of like length: at most `items` songs, and `items` x the longest within `seconds` of audio.

    Each batch is that of the request which came first, so that none waits for ever. A batch leaves once the look-ahead
    is full; while the engine is `idle`, as soon as the batch is full or the first has waited for `patience` seconds.
    None among the requests is a pause: nothing came for a moment. A song longer than `seconds` goes alone.
    """
    held: list[tuple[float, Request]] = []
    look_ahead = min(LOOK_AHEAD_BATCHES * seconds, waiting_room())
    for request in requests:
        if request is not None:
            held.append((time.monotonic(), request))
        while held:
            came, _ = held[0]
            audio = sum(request.heard.used_seconds or 0.0 for _, request in held)
            enough = items == 1 or len(held) >= LOOK_AHEAD_BATCHES * items
            full = len(held) >= items or audio >= seconds
            if not (enough or audio > look_ahead or (idle() and (full or time.monotonic() - came >= patience()))):
                break
            yield _with_first(held, items, seconds)
    while held:
        yield _with_first(held, items, seconds)


def waiting_room() -> float:
    """Return how much audio this machine's memory holds beside all else, seconds."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):
        memory = min(memory, int(MEMORY_LIMIT.read_text()))
    return MEMORY_SHARE * memory / CLIP_BYTES


def _with_first(held: list[tuple[float, Request]], items: int, seconds: float) -> list[Request]:
    """Take the batch of the request that came first from those held back."""
    first = held[0][1]
    made = grouped([request for _, request in held], items, seconds)
    batch = next(batch for batch in made if any(request is first for request in batch))
    gone = set(map(id, batch))
    held[:] = [one for one in held if id(one[1]) not in gone]
    return batch


def grouped(held: Sequence[Request], items: int, seconds: float) -> Iterator[list[Request]]:
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

"""Two songs as one clip: what an engine is given where it is asked which of them is better.

Models of the Flamingo family take one recording a prompt (their processors refuse a second one), so both songs stand
in one, the first before the second. Of speech, models judged joined clips better (AudioJudge, arXiv 2507.12705).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import asdict, replace

from musicflamingo_cli.records import Failure, Fingerprint, LoadedAudio, LoadedPair, PairFailure, Song

SAMPLE_RATE = 16_000
"""Of a clip, Hz."""
SILENCE_SECONDS = 2.0
"""Between the two songs; part of what a cache folder is known by."""


class Pairs:
    """Puts the two songs of each pair together, whichever comes first, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._there: dict[str, LoadedAudio | Failure] = {}

    def add(self, song: Song, part: Song, got: LoadedAudio | Failure) -> LoadedAudio | Failure | None:
        """Return what was heard, or why nothing was: of a song at once, of a pair when both parts came; else None."""
        if len(song.parts) == 1:
            return got
        with self._lock:
            other = self._there.pop(song.song_id, None)
            if other is None:
                self._there[song.song_id] = got
                return None
        both = (got, other) if part is song.parts[0] else (other, got)
        for number, one in enumerate(both):
            if isinstance(one, Failure):
                return of_part(one, song, number)
        return joined([one for one in both if isinstance(one, LoadedAudio)])


def of_part(failure: Failure, song: Song, number: int) -> Failure:
    """Return a failure that names the song which it is about, if that is one of a pair."""
    if len(song.parts) == 1:
        return failure
    named = replace(failure, error=f"{song.parts[number].song_id}: {failure.error}")
    return PairFailure(**asdict(named), part=number)


def joined(parts: Sequence[LoadedAudio]) -> LoadedPair:
    """Return two songs as one clip, the first before the second; measures stay with each."""
    first, second = parts
    clip = None
    if first.clip is not None and second.clip is not None:
        import numpy as np

        silence = np.zeros(round(SILENCE_SECONDS * SAMPLE_RATE), np.float32)
        clip = np.concatenate([first.clip, silence, second.clip])
    used = [one.audio_seconds if one.used_seconds is None else one.used_seconds for one in parts]
    digest = hashlib.sha256("".join(one.fingerprint.sha256 for one in parts).encode()).hexdigest()
    return LoadedPair(
        fingerprint=replace(first.fingerprint, sha256=digest),
        audio_seconds=first.audio_seconds + second.audio_seconds,
        sample_rate=min(one.sample_rate for one in parts),
        channels=max(one.channels for one in parts),
        flags=tuple(sorted({*first.flags, *second.flags})),
        measured="all" if all(one.measured == "all" for one in parts) else "basic",
        used_seconds=sum(used) + SILENCE_SECONDS,
        clip=clip,
        parts=tuple(replace(one, clip=None) for one in parts),
    )


def with_fingerprints(heard: LoadedAudio, known: Sequence[Fingerprint]) -> LoadedAudio:
    """Return what was heard with other facts (name, time) of the same bytes."""
    if not isinstance(heard, LoadedPair):
        return replace(heard, fingerprint=known[0])
    parts = tuple(replace(part, fingerprint=one) for part, one in zip(heard.parts, known, strict=True))
    return replace(heard, parts=parts)


def share_of(clip_seconds: float) -> float:
    """Return how much of each song of a pair an engine can hear that hears so much at once, seconds."""
    return (clip_seconds - SILENCE_SECONDS) / 2


def seconds_for(song_seconds: float) -> float:
    """Return how much an engine hears at once where it hears so much of each song of a pair, seconds."""
    return 2 * song_seconds + SILENCE_SECONDS

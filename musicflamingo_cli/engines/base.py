"""What every engine promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from musicflamingo_cli.records import Failure, Field, Pack, Reply, Request

Decode = Literal["text", "json", "scores"]
"""How a model's reply is decoded: freely; within the pack's schema; or the numbers alone."""
BATCH_SECONDS = 3600.0
"""Audio in a batch (songs times the longest, seconds) for engines that name no limit of their own."""
CLIP_SECONDS = 1200.0
"""Audio of one song, for engines that name no limit of their own."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What a person chose; an engine obeys what concerns it."""

    pack: Pack
    """The prompt and its fields."""
    model: str | None = None
    """Checkpoint name or folder; None for the engine's own default."""
    revision: str | None = None
    """Commit, tag or branch of the checkpoint."""
    device: str = "auto"
    dtype: str = "auto"
    max_tokens: int = 512
    """New tokens a reply may have."""
    decode: Decode = "json"
    """For engines with a model."""
    attention: str = "auto"
    """`auto`, `flash_attention_2`, `sdpa` or `eager`."""
    max_audio_seconds: float | None = None
    """Seconds of each song that are heard at most, > 0; None for all that the checkpoint takes."""
    long_audio: Literal["head", "middle"] = "head"
    """Which part of a longer song is heard (the decode worker cuts it)."""
    score_order: Literal["independent", "sequence"] = "independent"
    """With `scores`: each number on its own, or each after the ones before it, as the pack says."""
    say: Callable[[str], None] = lambda text: None
    """Told what takes long while an engine is built."""


class OutOfMemory(Exception):
    """A batch did not fit; the runner tries smaller ones."""


class Engine(Protocol):
    """Turns requests into replies. Building one is cheap; `load` is what costs."""

    name: str
    default_pack: str
    """The pack that is used when none is named."""
    needs_clip: bool
    """Whether `Request.heard.clip` must hold samples."""
    needs_measures: Literal["basic", "all"]
    """Which measures `Request.heard` must carry."""
    batch_items: int
    """Songs in a batch when nothing else is said."""
    second_try: Literal["schema", "sentence"] | None
    """What it does with `Request.second_try`: holds the reply to the pack's schema; or keeps it from repeating itself,
    where a corrective sentence is of use; None where every reply can be read."""
    licence: str | None
    """What the engine's output may be used for, where that is restricted."""

    def identity(self) -> Mapping[str, object]:
        """Return all that can change a reply and is the same for every song: name, version, model, decode mode...

        It holds at least `engine`, `version`, `model`, `revision` and `decode`, comes from the settings alone
        (nothing is loaded for it) and can be written as JSON.
        """
        ...

    def load(self) -> None:
        """Load what is heavy. Raises `EngineError` with what to do if that can't be had."""
        ...

    def reply(self, requests: Sequence[Request]) -> list[Reply | Failure]:
        """Answer a batch: one reply or failure per request, in their order. Raises `OutOfMemory` if it doesn't fit."""
        ...

    def close(self) -> None:
        """Give back what `load` took."""
        ...


@runtime_checkable
class PreparingEngine(Protocol):
    """What an engine can promise beside `Engine`: `reply(batch)` in two steps, of which the first needs no GPU.

    While one batch is answered, a thread may prepare the next (`answer(prepare(batch))` is `reply(batch)`).
    """

    def prepare(self, requests: Sequence[Request]) -> object:
        """Turn a batch into tensors. Called from one other thread at most, after `load`. Raises like `reply`."""
        ...

    def answer(self, prepared: Any) -> list[Reply | Failure]:
        """Answer what `prepare` returned: one reply or failure per request, in their order. Raises like `reply`."""
        ...


def batch_seconds(engine: Engine) -> float:
    """Return how much audio a batch may hold: songs times the longest, seconds. A model knows it after `load`."""
    return float(getattr(engine, "batch_seconds", BATCH_SECONDS))


def clip_seconds(engine: Engine) -> float:
    """Return how much of one song the engine can use, seconds. A model knows it for certain after `load`."""
    return float(getattr(engine, "clip_seconds", CLIP_SECONDS))


def asked_fields(engine: Engine, pack: Pack) -> tuple[Field, ...]:
    """Return the fields that a reply of this engine answers: all that the pack asks, or only its scores."""
    fields: tuple[Field, ...] | None = getattr(engine, "asked", None)
    return pack.asked if fields is None else fields


def notes(engine: Engine) -> tuple[str, ...]:
    """Return lines that a person should know after `load` (what was asked for and could not be had) and at the end."""
    return tuple(getattr(engine, "notes", ()))


def reruns(engine: Engine) -> int:
    """Return how many replies the engine asked for once more by itself, because they looped or hit the token cap."""
    counts: Mapping[str, int] = getattr(engine, "counts", None) or {}
    return counts.get("rerun", 0)


def pin(engine: Engine, commit: str) -> None:
    """Have `load` take this commit of the model and no other, where an engine's models have commits."""
    take = getattr(engine, "pin", None)
    if take is not None:
        take(commit)


def former_identity(engine: Engine) -> Mapping[str, object] | None:
    """Return the identity under which an earlier version may have filled a cache; None if it was the same."""
    tell = getattr(engine, "former_identity", None)
    found: Mapping[str, object] | None = None if tell is None else tell()
    return found


def provenance(engine: Engine) -> Mapping[str, object]:
    """Return what was used in the end (device, dtype, attention, commit, versions), for the run card; after `load`."""
    found: Mapping[str, object] = getattr(engine, "provenance", None) or {}
    return found

"""What every engine promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.records import Failure, Field, Pack, Reply, Request

Decode = Literal["text", "json", "scores"]
"""How a model's reply is decoded: freely; within the pack's schema; or the numbers alone."""
DECODES, PARTS, ORDERS = ("text", "json", "scores"), ("head", "middle"), ("independent", "sequence")


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

    def __post_init__(self) -> None:
        """Raise `UsageError` for a choice that there is not, by the name of the option."""
        if self.decode not in DECODES:
            raise UsageError(f"--decode {self.decode}: it is text, json or scores")
        if self.long_audio not in PARTS:
            raise UsageError(f"--long-audio {self.long_audio}: it is head or middle")
        if self.score_order not in ORDERS:
            raise UsageError(f"score order '{self.score_order}': it is independent or sequence")
        if self.max_audio_seconds is not None and not self.max_audio_seconds >= 1:
            raise UsageError(f"--max-audio-seconds {self.max_audio_seconds}: it must be 1 or more")
        if self.max_tokens < 1:
            raise UsageError(f"--max-tokens {self.max_tokens}: it must be 1 or more")


class OutOfMemory(Exception):
    """A batch did not fit; the runner tries smaller ones."""


class Engine(ABC):
    """Turns requests into replies. Building one is cheap; `load` is what costs.

    An engine names itself, says its `identity` and answers; what else is asked of it has a default here.
    """

    name: ClassVar[str]
    default_pack: ClassVar[str]
    """The pack that is used when none is named."""
    needs_clip: ClassVar[bool]
    """Whether `Request.heard.clip` must hold samples."""
    needs_measures: ClassVar[Literal["basic", "all"]] = "basic"
    """Which measures `Request.heard` must carry."""
    licence: ClassVar[str | None] = None
    """What the engine's output may be used for, where that is restricted."""
    prepares: ClassVar[bool] = False
    """Whether one thread may `prepare` a batch while another one `answer`s the batch before it."""
    batch_items: int
    """Songs in a batch when nothing else is said."""
    batch_seconds: float = 3600.0
    """Audio in a batch (songs times the longest, seconds). A model knows it after `load`."""
    clip_seconds: float = 1200.0
    """Audio of one song that the engine can use, seconds. A model knows it for certain after `load`."""
    second_try: Literal["schema", "sentence"] | None = None
    """What it does with `Request.second_try`: holds the reply to the pack's schema; or keeps it from repeating itself,
    where a corrective sentence is of use; None where every reply can be read."""
    notes: tuple[str, ...] = ()
    """Lines that a person should know after `load` (what was asked for and could not be had) and at the end."""
    reruns: int = 0
    """Replies that the engine asked for once more by itself, because they looped or hit the token cap."""
    provenance: Mapping[str, object] = MappingProxyType({})
    """What was used in the end (device, dtype, attention, commit, versions), for the run card; after `load`."""

    def __init__(self, settings: EngineSettings) -> None:
        """Check the settings. Raises `UsageError` for what can't be done."""
        self.asked: tuple[Field, ...] = settings.pack.asked
        """The fields that a reply of this engine answers: all that the pack asks, or only its scores."""

    @abstractmethod
    def identity(self) -> Mapping[str, object]:
        """Return all that can change a reply and is the same for every song: name, version, model, decode mode...

        It holds at least `engine`, `version`, `model`, `revision` and `decode`, comes from the settings alone
        (nothing is loaded for it) and can be written as JSON.
        """

    def former_identity(self) -> Mapping[str, object] | None:
        """Return the identity under which an earlier version may have filled a cache; None if it was the same."""
        return None

    def pin(self, commit: str) -> None:  # noqa: B027 - nothing to pin is an answer
        """Have `load` take this commit of the model and no other, where an engine's models have commits."""

    def load(self) -> None:  # noqa: B027 - nothing to load is an answer
        """Load what is heavy. Raises `EngineError` with what to do if that can't be had."""

    def prepare(self, requests: Sequence[Request]) -> object:
        """Turn a batch into what `answer` takes, without a GPU; after `load`, from one thread. Raises like `reply`."""
        return requests

    def answer(self, prepared: Any) -> list[Reply | Failure]:
        """Answer what `prepare` returned: one reply or failure per request, in their order. Raises like `reply`."""
        return self.reply(prepared)

    @abstractmethod
    def reply(self, requests: Sequence[Request]) -> list[Reply | Failure]:
        """Answer a batch: one reply or failure per request, in their order. Raises `OutOfMemory` if it doesn't fit."""

    def close(self) -> None:  # noqa: B027 - nothing to give back is an answer
        """Give back what `load` took."""

"""What every engine promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from musicflamingo_cli.records import Failure, Pack, Reply, Request


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

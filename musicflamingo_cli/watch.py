"""How far a run is, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Tick:
    """How far a run is."""

    stage: Literal["loading", "listening", "writing"]
    """The engine is made ready; songs are heard and answered; the table is written."""
    done: int
    """Songs or questions (loading, listening) or rows (writing) that are finished."""
    total: int
    cached: int = 0
    """Of them, served from the cache."""
    failed: int = 0
    audio_seconds: float = 0.0
    """Audio heard in this run, seconds."""
    tokens: int = 0
    """Tokens generated in this run."""
    left_seconds: float | None = None
    """Time that the stage still takes; infinite while nobody can know; None where the rate so far tells it."""
    model: str | None = None
    """What is being loaded."""
    unit: str = "song"
    """What is counted, in a word."""

    def plus(self, cached: bool, failed: bool, audio_seconds: float, tokens: int) -> Tick:
        """Return the tick after one more song."""
        return replace(
            self,
            done=self.done + 1,
            cached=self.cached + cached,
            failed=self.failed + failed,
            audio_seconds=self.audio_seconds + audio_seconds,
            tokens=self.tokens + tokens,
        )

    def after(self, before: Tick, total: int) -> Tick:
        """Return the tick as one of a longer stage, of which `before` was done already."""
        return replace(
            self,
            done=self.done + before.done,
            total=total,
            cached=self.cached + before.cached,
            failed=self.failed + before.failed,
            audio_seconds=self.audio_seconds + before.audio_seconds,
            tokens=self.tokens + before.tokens,
            left_seconds=None,
        )


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how it goes, and how a batch is kept from being cut short."""

    on_tick: Callable[[Tick], None] = lambda tick: None
    """Told after every song and every row."""
    say: Callable[[str], None] = lambda text: None
    """Writes a line for a person."""
    holding: Callable[[str], AbstractContextManager[None]] = lambda what: nullcontext()
    """A block that a polite stop waits for."""

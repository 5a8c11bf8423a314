"""Calls of the engine: no larger than memory and the time left hold, noted lest it dies, and timed lest it hangs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from musicflamingo_cli.engines.base import Engine, OutOfMemory
from musicflamingo_cli.errors import EngineError, Stopped
from musicflamingo_cli.inference.attempts import Journal
from musicflamingo_cli.inference.batching import audio_room, grouped
from musicflamingo_cli.inference.limits import Limits, Pace
from musicflamingo_cli.inference.progress import Progress
from musicflamingo_cli.records import Failure, Reply, Request
from musicflamingo_cli.watch import Watch


class EngineCalls:
    """Has one engine answer batches."""

    def __init__(self, engine: Engine, limits: Limits, journal: Journal, progress: Progress, watch: Watch) -> None:
        self._engine, self._limits, self._journal, self._progress, self._watch = (
            engine,
            limits,
            journal,
            progress,
            watch,
        )
        self._room = float("inf")  # songs times the longest, seconds, that a batch may still hold
        self.pace = Pace(limits.ends)
        self.items = engine.batch_items
        """Songs in a batch at most."""
        self.seconds = 0.0
        """Time that the engine was busy."""
        self.on_death: Callable[[str], None] = lambda why: None
        """Told, from another thread, why the process ends itself right now."""

    def takes_whole(self, batch: list[Request]) -> bool:
        """Say if a batch is no larger than what memory held so far, nor than the time left."""
        room = audio_room(batch, len(batch))
        fits = len(batch) == 1 or (len(batch) <= self.items and room <= self._room)
        return fits and self.pace.fits(len(batch), room)

    def part(self, batch: list[Request]) -> list[Request]:
        """Return what of a batch memory holds, the longest songs; of those too many for the time left the shortest.

        Empty where there is no time for any.
        """
        part = next(grouped(batch, self.items, self._room))
        songs = len(batch)
        while self._engine.needs_clip and not self.pace.fits(len(part), audio_room(part, len(part))):
            if songs == 1:
                return []
            songs //= 2
            shortest = sorted(batch, key=lambda request: request.heard.used_seconds or 0.0)[:songs]
            part = next(grouped(shortest, self.items, self._room))
        return part

    def prepare(self, batch: list[Request]) -> object | None:
        """Turn a batch into tensors, where the engine has a step for that and memory holds them."""
        if not self._engine.prepares:
            return None
        self._journal.prepare([request.song_id for request in batch])
        try:
            return self._engine.prepare(batch)
        except OutOfMemory:
            return None
        except EngineError:
            self._journal.brought_down()
            raise

    def answer(self, batch: list[Request], prepared: object | None) -> list[Reply | Failure] | None:
        """Return the engine's answer to each request; None if the batch must be made smaller."""
        ids = [request.song_id for request in batch]
        room, began = audio_room(batch, len(batch)), time.monotonic()
        self._journal.start(ids)
        try:
            with self._timed(ids):
                answers = self._engine.reply(batch) if prepared is None else self._engine.answer(prepared)
        except OutOfMemory as problem:
            self._journal.end(ids)
            if len(batch) > 1:
                self._room = audio_room(batch, len(batch) // 2)
                return None
            return [Failure("engine", "out_of_memory", f"the song alone does not fit: {problem}", True)]
        except EngineError:
            self._journal.brought_down()
            raise
        except (Stopped, KeyboardInterrupt):  # A person's wish says nothing of the songs.
            self._journal.end(ids, cleared=False)
            raise
        self._journal.end(ids)
        seconds = time.monotonic() - began
        self.seconds += seconds
        self.pace.done(len(batch), room, seconds)
        self._progress.answered(ids, seconds)
        return answers

    @contextmanager
    def _timed(self, ids: list[str]) -> Iterator[None]:
        """End the process if the block takes longer than a batch may: a hung engine can't be interrupted."""
        limit = self._limits.batch_seconds
        if limit is None:
            yield
            return
        timer = threading.Timer(limit, self._give_up, (limit, ids))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _give_up(self, limit: float, ids: list[str]) -> None:
        self._journal.brought_down()
        why = f"the engine gave no answer for {limit:g} s (--batch-timeout) on {', '.join(ids[:5])}"
        self.on_death(why)
        self._watch.say(f"{why}; run the same command again: it tries them alone")
        os._exit(EngineError.exit_code)

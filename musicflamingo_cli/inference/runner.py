"""The dear half on one page: look up, hear, batch, answer, keep."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain

from musicflamingo_cli.cache import Cache, Entry
from musicflamingo_cli.engines.base import Engine, OutOfMemory, PreparingEngine, batch_seconds, clip_seconds, notes
from musicflamingo_cli.errors import EngineError
from musicflamingo_cli.inference.batching import audio_room, batches, grouped
from musicflamingo_cli.inference.journal import Journal
from musicflamingo_cli.inference.limits import Limits, Pace
from musicflamingo_cli.inference.lineage import load_as_before
from musicflamingo_cli.inference.lookup import Found, LookupRules, look_up
from musicflamingo_cli.inference.prefetch import Feeder
from musicflamingo_cli.inference.sources import Source, Sources
from musicflamingo_cli.intake.workers import DecodePool
from musicflamingo_cli.records import MEASURES_VERSION, Failure, Heard, Pack, Reply, Request, Song, Tick, Watch

Prepared = tuple[list[Request], object | None]
"""A batch, and what its engine made of it ahead of time."""
SAME_SECONDS = 0.5
"""How far two readings of the same bytes may lie apart: codec delays and rounding."""
ENGINE_CRASH = Failure("engine", "engine_crash", "the engine died twice on this song; --retry all tries it again")


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """How the dear half works; nothing here changes a reply."""

    run: str
    """Name of this run, kept with every entry that it writes."""
    rules: LookupRules = LookupRules()
    workers: int = 1
    """Decode processes."""
    batch_items: int | None = None
    """Songs in a batch at most; None for the engine's own choice."""
    batch_seconds: float | None = None
    """Audio in a batch at most (songs times the longest, seconds); None for the engine's own choice."""
    limits: Limits = Limits()


class Runner:
    """Fills the cache with one engine's replies."""

    def __init__(
        self, engine: Engine, cache: Cache, pack: Pack, settings: RunnerSettings, journal: Journal, watch: Watch
    ) -> None:
        self._engine, self._cache, self._pack, self._settings = engine, cache, pack, settings
        self._journal, self._watch = journal, watch
        self._pace = Pace(settings.limits.ends)
        self._intake = settings.rules.intake
        self._sources = Sources(self._intake.fetching)
        self._lock = threading.Lock()
        self._tick = Tick("listening", 0, 0)
        self._in_work: dict[str, Found] = {}
        self._alone: list[Found] = []
        self._items = settings.batch_items or engine.batch_items
        self._room = float("inf")  # songs times the longest, seconds, that a batch may still hold
        self.engine_seconds = 0.0
        """Time that the engine was busy."""
        self.reasons: Counter[str] = Counter()
        """Failed songs so far, by reason."""
        self.on_death: Callable[[str], None] = lambda why: None
        """Told, from another thread, why the process ends itself right now."""

    def fill(self, songs: Iterable[Song], total: int) -> Tick:
        """See to it that each of `total` songs has an entry: a reply or a failure. Returns the final count.

        The engine is loaded, and workers are started, only if a song needs them. Songs that a death left under
        suspicion come last, each alone.

        Raises:
            EngineError: the engine can't run.
            OutputError: the cache can't be written.
            NotNow: the deadline came.
            TooManyFailures: more songs failed than allowed.
        """
        self._tick = Tick("listening", 0, total)
        todo = self._todo(songs)
        first = next(todo, None)
        if first is None and not self._alone:
            return self._tick
        load_as_before(self._engine, self._cache.folder)
        self._items = self._settings.batch_items or self._engine.batch_items  # a model knows it only now
        try:
            for line in notes(self._engine):
                self._watch.say(line)
            self._work(chain([first] if first else [], todo))
            if self._alone:
                self._items = 1
                self._work(self._alone)
        finally:
            self._engine.close()
        return self._tick

    def _work(self, todo: Iterable[Found]) -> None:
        settings = self._settings
        plan = replace(self._intake.plan, max_clip_seconds=clip_seconds(self._engine))
        feeder: Feeder[Prepared] = Feeder()
        self._sources = Sources(self._intake.fetching)
        with ExitStack() as stack:
            stack.callback(feeder.join)  # after the pool is gone, which ends the feeder's source
            pool = DecodePool(settings.workers, plan, timeout_seconds=self._intake.decode_seconds)
            heard = stack.enter_context(pool).hear(self._local(todo))
            stack.callback(self._sources.close)
            stack.callback(feeder.stop)
            limit = settings.batch_seconds or batch_seconds(self._engine)
            made = self._prepared(batches(self._requests(heard), self._items, limit))
            for prepared in feeder.run(made, self._idle):
                self._pace.check()
                self._answer(*prepared)

    def _idle(self) -> None:
        """No batch is ready yet: end here if none could be done in time any more; else show that the run is alive."""
        self._pace.check()
        with self._lock:
            self._watch.on_tick(self._tick)

    def _prepared(self, made: Iterable[list[Request]]) -> Iterator[Prepared]:
        """Turn batches into tensors, where the engine has a step for that."""
        engine = self._engine
        for batch in made:
            if not isinstance(engine, PreparingEngine) or not self._fits(batch):
                yield batch, None
                continue
            try:
                yield batch, engine.prepare(batch)
            except OutOfMemory:
                yield batch, None

    def _todo(self, songs: Iterable[Song]) -> Iterator[Found]:
        suspects = self._journal.suspects
        for song in songs:
            found = look_up(song, self._pack, self._cache.get, self._settings.rules)
            if found.state in ("hear", "measure"):
                if suspects.condemned(song.song_id) and not self._settings.rules.retry_all:
                    self._keep_failure(found, ENGINE_CRASH, None)
                elif suspects.alone(song.song_id):
                    self._alone.append(found)
                else:
                    yield found
                continue
            if found.changed and found.entry:
                self._cache.put(found.entry)
            failure = found.entry.failure if found.entry and found.state == "failed" else None
            self._count(cached=found.state == "hit", failure=failure)

    def _local(self, todo: Iterable[Found]) -> Iterator[tuple[Source, str]]:
        for found, fetched in self._sources.local(todo):
            if isinstance(fetched, Failure):
                self._keep_failure(found, fetched, None)
            else:
                yield (found, fetched), fetched.path

    def _requests(self, heard: Iterable[tuple[Source, Heard | Failure]]) -> Iterator[Request]:
        for source, raw in heard:
            found, got = source[0], self._sources.heard(source, raw)
            if isinstance(got, Failure):
                self._keep_failure(found, got, None)
            elif found.state == "measure" and found.entry and found.entry.heard and _same_audio(found.entry.heard, got):
                self._cache.put(replace(found.entry, heard=got, measures_version=MEASURES_VERSION))
                self._count(cached=True, audio_seconds=got.audio_seconds)
            else:
                self._in_work[found.song.song_id] = found
                yield Request(found.song.song_id, found.prompt, got, found.system)

    def _answer(self, batch: list[Request], prepared: object | None = None) -> None:
        answers: list[Reply | Failure] | None = None
        ids = [request.song_id for request in batch]
        if self._fits(batch):
            with self._watch.holding(
                f"the {len(batch)} songs in the model" if len(batch) > 1 else "the song in the model"
            ):
                answers = self._ask(batch, ids, prepared)
                if answers is not None:
                    for request, answer in zip(batch, answers, strict=True):
                        self._keep(request, answer)
        if answers is None:
            for part in grouped(batch, self._items, self._room):
                self._answer(part)

    def _fits(self, batch: list[Request]) -> bool:
        """Say if a batch is no larger than what memory held so far."""
        return len(batch) == 1 or (len(batch) <= self._items and audio_room(batch, len(batch)) <= self._room)

    def _ask(self, batch: list[Request], ids: list[str], prepared: object | None) -> list[Reply | Failure] | None:
        """Return the engine's answers, or None if the batch must be made smaller."""
        began = time.monotonic()
        self._journal.start(ids)
        try:
            with self._timed(ids):
                if prepared is not None and isinstance(self._engine, PreparingEngine):
                    answers = self._engine.answer(prepared)
                else:
                    answers = self._engine.reply(batch)
        except OutOfMemory as problem:
            self._journal.end(ids)
            if len(batch) > 1:
                self._room = audio_room(batch, len(batch) // 2)
                return None
            return [Failure("engine", "out_of_memory", f"the song alone does not fit: {problem}", True)]
        except EngineError:
            self._journal.brought_down()
            raise
        self._journal.end(ids)
        self.engine_seconds += time.monotonic() - began
        self._pace.done(time.monotonic() - began)
        return answers

    @contextmanager
    def _timed(self, ids: list[str]) -> Iterator[None]:
        """End the process if the block takes longer than a batch may: a hung engine can't be interrupted."""
        limit = self._settings.limits.batch_seconds
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

    def _keep(self, request: Request, answer: Reply | Failure) -> None:
        found = self._in_work.pop(request.song_id)
        heard = replace(request.heard, clip=None)
        if isinstance(answer, Failure):
            self._keep_failure(found, answer, heard)
            return
        entry = Entry(
            song_id=request.song_id,
            prompt_hash=found.digest,
            heard=heard,
            replies=(answer,),
            run=self._settings.run,
            measures_version=MEASURES_VERSION,
        )
        self._cache.put(entry)
        self._count(audio_seconds=heard.audio_seconds, tokens=answer.generated_tokens or 0)

    def _keep_failure(self, found: Found, failure: Failure, heard: Heard | None) -> None:
        old = found.entry
        new = Entry(found.song.song_id, found.digest, heard=heard, measures_version=MEASURES_VERSION)
        entry = old if old is not None and old.replies else new
        failed = self._settings.rules.failed(entry, failure, found.song.path)
        self._cache.put(replace(failed, run=self._settings.run))
        self._count(failure=failure, audio_seconds=heard.audio_seconds if heard else 0.0)

    def _count(
        self, *, cached: bool = False, failure: Failure | None = None, audio_seconds: float = 0.0, tokens: int = 0
    ) -> None:
        failed = failure is not None
        with self._lock:
            if failure is not None:
                self.reasons[failure.reason] += 1
            tick = self._tick = self._tick.plus(cached, failed, audio_seconds, tokens)
            self._watch.on_tick(tick)
        if failed:
            self._settings.limits.check_failures(tick.failed, tick.total, self.reasons)


def _same_audio(one: Heard, other: Heard) -> bool:
    """Say if the same was heard of the same bytes; a newer decoder may hear more of them."""
    seconds = one.used_seconds, other.used_seconds
    is_as_long = None in seconds or abs((seconds[0] or 0.0) - (seconds[1] or 0.0)) < SAME_SECONDS
    return one.fingerprint.sha256 == other.fingerprint.sha256 and is_as_long

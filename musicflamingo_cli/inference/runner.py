"""Inference on one page: look up, hear, batch, answer, keep."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain

from musicflamingo_cli.cache import Cache, Entry
from musicflamingo_cli.engines.base import Engine, OutOfMemory, PreparingEngine, batch_seconds, clip_seconds, notes
from musicflamingo_cli.errors import EngineError, MfqError, NotNow, Stopped
from musicflamingo_cli.inference.attempts import Journal
from musicflamingo_cli.inference.batching import PATIENCE_SECONDS, audio_room, batches, grouped
from musicflamingo_cli.inference.limits import Limits, Pace
from musicflamingo_cli.inference.lookup import Found, LookupRules, look_up
from musicflamingo_cli.inference.model_pin import load_as_before
from musicflamingo_cli.inference.prefetch import Feeder
from musicflamingo_cli.inference.second_try import Readable, SecondTry
from musicflamingo_cli.inference.sources import Source, Sources
from musicflamingo_cli.inference.time_left import TimeLeft
from musicflamingo_cli.intake.audio.pool import DecodePool
from musicflamingo_cli.records import MEASURES_VERSION, Failure, Heard, Pack, Reply, Request, Song, Tick, Watch

Prepared = tuple[list[Request], object | None]
"""A batch, and what its engine made of it ahead of time."""
SAME_SECONDS = 0.5
"""How far two readings of the same bytes may lie apart: codec delays and rounding."""
PAUSE_SECONDS = 0.25
"""How often it is asked whether a batch should leave while no song is ready."""
ENGINE_CRASH = Failure("engine", "engine_crash", "the engine died twice on this song; --retry all tries it again")


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """How inference works; nothing here changes a reply."""

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
    readable: Readable | None = None
    """Says of a reply whether any asked score can be read out of it; None asks for no reply again."""
    hits: Callable[[Iterable[Song]], Iterable[tuple[Song, bool]]] = lambda songs: ((song, False) for song in songs)
    """Says of songs, in their order, whether their cached replies are known to count; all others are looked up."""
    retry_unreadable: bool = False
    """Ask again also for the unreadable replies of earlier runs."""


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
        self._pool: DecodePool | None = None
        self._lock = threading.Lock()
        self._tick = Tick("listening", 0, 0)
        self._left = TimeLeft(0)
        self._answered = 0
        self._apart = False  # whether nothing is made ready while the engine answers: then a death has one cause only
        self._in_work: dict[str, Found] = {}
        self._alone: list[Found] = []
        self._unreadable: list[Found] = []
        self._due: list[Request] = []  # the second tries of the batch that was answered last
        self._second = SecondTry(engine, settings.readable)
        self._items = settings.batch_items or engine.batch_items
        self._room = float("inf")  # songs times the longest, seconds, that a batch may still hold
        self.engine_seconds = 0.0
        """Time that the engine was busy."""
        self.asked_again = 0
        """Replies that could not be read and were asked for once more."""
        self.reasons: Counter[str] = Counter()
        """Failed songs so far, by reason."""
        self.on_death: Callable[[str], None] = lambda why: None
        """Told, from another thread, why the process ends itself right now."""

    def fill(self, songs: Iterable[Song], total: int) -> Tick:
        """See to it that each of `total` songs has an entry: a reply or a failure. Returns the final count.

        The engine is loaded, and workers are started, only if a song needs them. Songs that a death left under
        suspicion come last, each alone, those first that were there at the fewest deaths.

        Raises:
            EngineError: the engine can't run.
            OutputError: the cache can't be written.
            NotNow: the deadline came.
            TooManyFailures: more songs failed than allowed.
        """
        self._tick = Tick("listening", 0, total)
        self._left = TimeLeft(self._cache.entries())
        todo = self._todo(songs)
        first = next(todo, None)
        if first is None and not self._alone and not self._unreadable:
            return self._tick
        self._load()
        try:
            for line in notes(self._engine):
                self._watch.say(line)
            self._work(chain([first] if first else [], todo))
            if self._unreadable:
                self._work(self._unreadable)
            if self._alone:
                self._items, self._apart = 1, True
                self._alone.sort(key=lambda found: self._journal.suspects.weight(found.song.song_id))
                named = ", ".join(found.song.song_id for found in self._alone[:5])
                more = ", ..." if len(self._alone) > 5 else ""
                self._watch.say(f"tried alone, for they were in the model when an earlier run died: {named}{more}")
                self._work(self._alone)
        finally:
            self._engine.close()
            todo.close()
        return self._tick

    def _load(self) -> None:
        model = self._engine.identity().get("model")
        self._watch.on_tick(replace(self._tick, stage="loading", model=None if model is None else str(model)))
        load_as_before(self._engine, self._cache.folder)
        self._watch.on_tick(self._tick)
        self._items = self._settings.batch_items or self._engine.batch_items  # a model knows it only now
        if not self._engine.needs_clip:  # Measures need no company: each song is answered as it comes.
            self._items = 1

    def _work(self, todo: Iterable[Found]) -> None:
        settings = self._settings
        plan = replace(self._intake.plan, max_clip_seconds=clip_seconds(self._engine))
        feeder: Feeder[Prepared] = Feeder()
        self._sources = Sources(self._intake.fetching)
        with ExitStack() as stack:
            stack.callback(feeder.join)  # after the pool is gone, which ends the feeder's source
            pool = DecodePool(settings.workers, plan, timeout_seconds=self._intake.decode_seconds)
            self._pool = stack.enter_context(pool)
            stack.callback(self._sources.close)
            stack.callback(feeder.stop)
            limit = settings.batch_seconds or batch_seconds(self._engine)
            requests = self._requests(pool.hear_or_pause(self._local(todo), PAUSE_SECONDS))
            made = batches(
                requests,
                self._items,
                limit,
                idle=lambda: feeder.empty,
                patience=lambda: self._pace.share(PATIENCE_SECONDS),
            )
            try:
                for batch, prepared in feeder.run(self._prepared(made), self._idle):
                    self._answer(batch, prepared)
            except (NotNow, Stopped):
                self._keep_measured(feeder)
                raise

    def _keep_measured(self, feeder: Feeder[Prepared]) -> None:
        """Answer, before the run ends, what was measured but not written: for such an engine that was the dear part."""
        if self._engine.needs_clip or self._pool is None:
            return
        self._sources.close()
        self._pool.halt()
        for batch, _ in feeder.rest():
            self._ask(batch, None)

    def _idle(self) -> None:
        """No batch is ready yet: end here if none could be done in time any more; else show that the run is alive.

        The first song that the workers have begun is finished all the same: several workers on few cores take longer
        for it than one alone, and a run that gives all of them up would do so every night.
        """
        first = not self._answered and not self._engine.needs_clip and self._pool is not None and self._pool.busy
        if self._pace.over() and not first:
            raise self._not_now()
        with self._lock:
            self._watch.on_tick(self._tick)

    def _not_now(self) -> NotNow:
        if not self._answered:
            return NotNow("stopped by its own deadline before any song was answered; give it more time")
        return NotNow(
            f"stopped by its own deadline; what was answered is in the cache ({self._answered} songs by this run), "
            "and the same command goes on"
        )

    def _prepared(self, made: Iterable[list[Request]]) -> Iterator[Prepared]:
        """Turn batches into tensors, where the engine has a step for that; not those that will be parted."""
        engine = self._engine
        for batch in made:
            parted = not self._fits(batch) or not self._pace.fits(len(batch), audio_room(batch, len(batch)))
            if not isinstance(engine, PreparingEngine) or parted or self._apart:
                yield batch, None
                continue
            self._journal.prepare([request.song_id for request in batch])
            try:
                prepared = engine.prepare(batch)
            except OutOfMemory:
                prepared = None
            except EngineError:
                self._journal.brought_down()
                raise
            yield batch, prepared
            del prepared

    def _todo(self, songs: Iterable[Song]) -> Generator[Found]:
        suspects = self._journal.suspects
        pairs = iter(self._settings.hits(songs))
        while True:
            began = time.monotonic()
            song, is_hit = next(pairs, (None, False))
            if song is None:
                return
            if is_hit:
                with self._lock:
                    self._left.looked(song.song_id, None, time.monotonic() - began)
                self._count(None, cached=True)
                continue
            found = look_up(song, self._pack, self._cache.get, self._settings.rules)
            retries = self._retries(found)
            with self._lock:
                path = song.path if retries or found.state in ("hear", "measure") else None
                self._left.looked(song.song_id, path, time.monotonic() - began)
            if found.state in ("hear", "measure"):
                if suspects.condemned(song.song_id) and not self._settings.rules.retry_all:
                    self._keep_failure(found, ENGINE_CRASH, None)
                elif suspects.alone(song.song_id):
                    self._alone.append(found)
                else:
                    yield found
                continue
            if retries:
                (self._alone if suspects.alone(song.song_id) else self._unreadable).append(found)
                continue
            if found.changed and found.entry:
                self._cache.put(found.entry)
            failure = found.entry.failure if found.entry and found.state == "failed" else None
            self._count(None, cached=found.state == "hit", failure=failure)

    def _local(self, todo: Iterable[Found]) -> Iterator[tuple[Source, str]]:
        for found, fetched in self._sources.local(todo):
            if isinstance(fetched, Failure):
                self._keep_failure(found, fetched, None)
            else:
                if fetched.path != found.song.path:
                    with self._lock:
                        self._left.fetched()
                yield (found, fetched), fetched.path

    def _requests(self, heard: Iterable[tuple[Source, Heard | Failure] | None]) -> Iterator[Request | None]:
        for one in heard:
            if one is None:
                yield None
                continue
            source, raw = one
            found, got = source[0], self._sources.heard(source, raw)
            if not isinstance(got, Failure):
                with self._lock:
                    self._left.heard(found.song.song_id, _used(got))
            if isinstance(got, Failure):
                self._keep_failure(found, got, None)
            elif found.state == "measure" and found.entry and found.entry.heard and _same_audio(found.entry.heard, got):
                self._cache.put(replace(found.entry, heard=got, measures_version=MEASURES_VERSION))
                self._count(found.song.song_id, cached=True, heard=got)
            else:
                self._in_work[found.song.song_id] = found
                request = Request(found.song.song_id, found.prompt, got, found.system)
                yield self._second.request(request) if found.state == "hit" else request

    def _answer(self, batch: list[Request], prepared: object | None = None) -> None:
        """Answer a batch, in parts where memory or the time left do not hold it whole. Raises `NotNow` between them."""
        while batch:
            part = self._part(batch)
            what = f"the {len(part)} songs in the model" if len(part) > 1 else "the song in the model"
            with self._watch.holding(what):
                done = self._ask(part, prepared if len(part) == len(batch) else None)
            prepared = None
            if done:
                gone = {request.song_id for request in part}
                batch = [request for request in batch if request.song_id not in gone]
        if self._due:
            due, self._due = self._due, []
            self._answer(due)
        elif self._pace.over() and self._tick.done < self._tick.total:
            raise self._not_now()

    def _part(self, batch: list[Request]) -> list[Request]:
        """Return what of a batch memory holds, the longest songs; of those too many for the time left the shortest."""
        part = next(grouped(batch, self._items, self._room))
        songs = len(batch)
        while self._engine.needs_clip and not self._pace.fits(len(part), audio_room(part, len(part))):
            if songs == 1:
                raise self._not_now()
            songs //= 2
            shortest = sorted(batch, key=lambda request: request.heard.used_seconds or 0.0)[:songs]
            part = next(grouped(shortest, self._items, self._room))
        return part

    def _fits(self, batch: list[Request]) -> bool:
        """Say if a batch is no larger than what memory held so far."""
        return len(batch) == 1 or (len(batch) <= self._items and audio_room(batch, len(batch)) <= self._room)

    def _ask(self, batch: list[Request], prepared: object | None) -> bool:
        """Have the engine answer and keep what it says; False if the batch must be made smaller."""
        ids = [request.song_id for request in batch]
        room, began = audio_room(batch, len(batch)), time.monotonic()
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
                return False
            answers = [Failure("engine", "out_of_memory", f"the song alone does not fit: {problem}", True)]
        except EngineError:
            self._journal.brought_down()
            raise
        except (Stopped, KeyboardInterrupt):  # A person's wish says nothing of the songs.
            self._journal.end(ids, cleared=False)
            raise
        else:
            self._journal.end(ids)
            seconds = time.monotonic() - began
            self.engine_seconds += seconds
            self._pace.done(len(batch), room, seconds)
            with self._lock:
                self._left.answered(ids, seconds)
        self._keep_all(batch, answers)
        return True

    def _keep_all(self, batch: list[Request], answers: list[Reply | Failure]) -> None:
        """Keep each answer, whatever becomes of the others. Raises the first trouble when all were tried."""
        trouble: MfqError | None = None
        for request, answer in zip(batch, answers, strict=True):
            try:
                self._keep(request, answer)
            except MfqError as problem:  # The disk is full, or too many songs failed.
                trouble = trouble or problem
        self._answered += sum(not request.second_try for request in batch)
        if trouble is not None:
            raise trouble

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

    def _retries(self, found: Found) -> bool:
        """Whether a reply of an earlier run is asked for again now: on demand, or since that run ended too soon."""
        entry = found.entry
        if found.state != "hit" or entry is None or not (entry.due or self._settings.retry_unreadable):
            return False
        if len(entry.replies) != 1 or self._journal.suspects.condemned(found.song.song_id):
            return False
        return self._second.is_due(found.prompt, entry.replies[0])

    def _keep(self, request: Request, answer: Reply | Failure) -> None:
        """Write what was answered; a reply that can't be read is written, too, and asked for once more."""
        found = self._in_work[request.song_id]
        heard = replace(request.heard, clip=None)
        earlier = found.entry.replies if request.second_try and found.entry else ()
        self.asked_again += request.second_try
        if isinstance(answer, Failure) and not earlier:
            self._keep_failure(self._in_work.pop(request.song_id), answer, heard)
            return
        due = not request.second_try and self._second.is_due(request.prompt, answer)
        entry = Entry(
            song_id=request.song_id,
            prompt_hash=found.digest,
            heard=heard,
            replies=earlier if isinstance(answer, Failure) else (*earlier, answer),
            run=self._settings.run,
            measures_version=MEASURES_VERSION,
            due=due,
        )
        self._cache.put(entry)
        if due:
            self._in_work[request.song_id] = replace(found, entry=entry)
            self._due.append(self._second.request(request))
            return
        self._in_work.pop(request.song_id)
        paid = entry.replies[1:] if found.state == "hit" else entry.replies
        tokens = sum(reply.generated_tokens or 0 for reply in paid)
        self._count(found.song.song_id, heard=heard, tokens=tokens)

    def _keep_failure(self, found: Found, failure: Failure, heard: Heard | None) -> None:
        old = found.entry
        new = Entry(found.song.song_id, found.digest, heard=heard, measures_version=MEASURES_VERSION)
        entry = old if old is not None and old.replies else new
        failed = self._settings.rules.failed(entry, failure, found.song.path)
        self._cache.put(replace(failed, run=self._settings.run))
        self._count(found.song.song_id, failure=failure, heard=heard)

    def _count(
        self,
        paid: str | None,
        *,
        cached: bool = False,
        failure: Failure | None = None,
        heard: Heard | None = None,
        tokens: int = 0,
    ) -> None:
        """Count a finished song, with its id if it cost more than a look-up; `heard` is what this run decoded of it."""
        failed = failure is not None
        seconds = _used(heard) if heard else 0.0
        with self._lock:
            if failure is not None:
                self.reasons[failure.reason] += 1
            if paid is not None:
                self._left.finished(paid)
            decoding = self._pool.seconds_per_song if self._pool else 0.0
            left = self._left.seconds(self._tick.total, decoding)
            tick = self._tick = replace(self._tick.plus(cached, failed, seconds, tokens), left_seconds=left)
            self._watch.on_tick(tick)
        if failed:
            self._settings.limits.check_failures(tick.failed, tick.total, self.reasons)


def _used(heard: Heard) -> float:
    return heard.audio_seconds if heard.used_seconds is None else heard.used_seconds


def _same_audio(one: Heard, other: Heard) -> bool:
    """Say if the same was heard of the same bytes; a newer decoder may hear more of them."""
    seconds = one.used_seconds, other.used_seconds
    is_as_long = None in seconds or abs((seconds[0] or 0.0) - (seconds[1] or 0.0)) < SAME_SECONDS
    return one.fingerprint.sha256 == other.fingerprint.sha256 and is_as_long

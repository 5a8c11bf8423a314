"""Inference on one page: look up, hear, batch, answer, keep."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain

from musicflamingo_cli.cache import Cache
from musicflamingo_cli.engines.base import Engine
from musicflamingo_cli.errors import MfqError, NotNow, Stopped
from musicflamingo_cli.inference.attempts import Journal
from musicflamingo_cli.inference.batching import PATIENCE_SECONDS, Batching, batches
from musicflamingo_cli.inference.engine_calls import EngineCalls
from musicflamingo_cli.inference.entries import Entries
from musicflamingo_cli.inference.limits import Limits
from musicflamingo_cli.inference.lookup import Found, LookupRules, look_up
from musicflamingo_cli.inference.model_pin import load_as_before
from musicflamingo_cli.inference.pairs import Pairs, share_of
from musicflamingo_cli.inference.prefetch import Feeder
from musicflamingo_cli.inference.progress import Progress
from musicflamingo_cli.inference.second_try import Readable, SecondTry
from musicflamingo_cli.inference.sources import Part, Source, Sources
from musicflamingo_cli.intake.audio.pool import DecodePool
from musicflamingo_cli.measures import MEASURES_VERSION
from musicflamingo_cli.records import Failure, LoadedAudio, Pack, Reply, Request, Song
from musicflamingo_cli.watch import Tick, Watch

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
    batching: Batching = Batching()
    limits: Limits = Limits()
    readable: Readable | None = None
    """Says of a reply whether any asked score can be read out of it; None asks for no reply again."""
    hits: Callable[[Iterable[Song]], Iterable[tuple[Song, bool]]] = lambda songs: ((song, False) for song in songs)
    """Says of songs, in their order, whether their cached replies are known to count; all others are looked up."""


class Runner:
    """Fills the cache with one engine's replies."""

    def __init__(
        self, engine: Engine, cache: Cache, pack: Pack, settings: RunnerSettings, journal: Journal, watch: Watch
    ) -> None:
        self._engine, self._cache, self._pack, self._settings = engine, cache, pack, settings
        self._journal, self._watch = journal, watch
        self._intake = settings.rules.intake
        self._sources = Sources(self._intake.fetching)
        self._pool: DecodePool | None = None
        self._apart = False  # whether nothing is made ready while the engine answers: then a death has one cause only
        self._alone: list[Found] = []
        self._unreadable: list[Found] = []
        self._due: list[Request] = []  # the second tries of the batch that was answered last
        self._pairs = Pairs()
        self._loaded = False
        self._second = SecondTry(engine, settings.readable)
        self.progress = Progress(settings.limits, watch)
        """What became of the songs so far."""
        self.calls = EngineCalls(engine, settings.limits, journal, self.progress, watch)
        """What the engine was asked."""
        self.entries = Entries(cache, settings.run, settings.rules, self._second, self.progress)
        """What was written."""

    def fill(self, songs: Iterable[Song], total: int) -> Tick:
        """See to it that each of `total` songs has an entry: a reply or a failure. Returns the final count.

        The engine is loaded, and workers are started, only if a song needs them; it stays loaded for further songs.
        Those that a death left under suspicion come last, each alone, those first that were there at the fewest deaths.

        Raises:
            EngineError: the engine can't run.
            OutputError: the cache can't be written.
            NotNow: the deadline came.
            TooManyFailures: more songs failed than allowed.
        """
        self.progress.begin(self._cache.entries(), total, self._pack.unit)
        self._alone, self._unreadable, self._apart = [], [], False
        todo = self._todo(songs)
        first = next(todo, None)
        if first is None and not self._alone and not self._unreadable:
            return self.progress.tick
        self._load()
        try:
            self._work(chain([first] if first else [], todo))
            if self._unreadable:
                self._work(self._unreadable)
            if self._alone:
                self.calls.items, self._apart = 1, True
                self._alone.sort(key=lambda found: self._journal.suspects.weight(found.song.song_id))
                named = ", ".join(found.song.song_id for found in self._alone[:5])
                more = ", ..." if len(self._alone) > 5 else ""
                self._watch.say(f"tried alone, for they were in the model when an earlier run died: {named}{more}")
                self._work(self._alone)
        finally:
            todo.close()
        return self.progress.tick

    def _load(self) -> None:
        if not self._loaded:
            model = self._engine.identity().get("model")
            self.progress.loading(None if model is None else str(model))
            load_as_before(self._engine, self._cache.folder)
            self._loaded = True
            for line in self._engine.notes:
                self._watch.say(line)
        self.progress.alive()
        self.calls.items = self._settings.batching.items or self._engine.batch_items  # a model knows it only now
        if not self._engine.needs_clip:  # Measures need no company: each song is answered as it comes.
            self.calls.items = 1

    def _work(self, todo: Iterable[Found]) -> None:
        settings = self._settings
        seconds = self._engine.clip_seconds
        plan = replace(self._intake.plan, max_clip_seconds=share_of(seconds) if self._pack.pair else seconds)
        feeder: Feeder[Prepared] = Feeder()
        self._sources = Sources(self._intake.fetching)
        with ExitStack() as stack:
            stack.callback(feeder.join)  # after the pool is gone, which ends the feeder's source
            pool = DecodePool(settings.batching.workers, plan, timeout_seconds=self._intake.decode_seconds)
            self._pool = stack.enter_context(pool)
            self.progress.decode_seconds = lambda: pool.seconds_per_song
            stack.callback(self._sources.close)
            stack.callback(feeder.stop)
            limit = settings.batching.seconds or self._engine.batch_seconds
            requests = self._requests(pool.load_or_pause(self._local(todo), PAUSE_SECONDS))
            made = batches(
                requests,
                self.calls.items,
                limit,
                idle=lambda: feeder.empty,
                patience=lambda: self.calls.pace.share(PATIENCE_SECONDS),
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
        first = not self.entries.songs and not self._engine.needs_clip and self._pool is not None and self._pool.busy
        if self.calls.pace.over() and not first:
            raise self._not_now()
        self.progress.alive()

    def _not_now(self) -> NotNow:
        unit = self._pack.unit
        if not self.entries.songs:
            return NotNow(f"stopped by its own deadline before any {unit} was answered; give it more time")
        return NotNow(
            f"stopped by its own deadline; what was answered is in the cache ({self.entries.songs} {unit}s by "
            "this run), and the same command goes on"
        )

    def _prepared(self, made: Iterable[list[Request]]) -> Iterator[Prepared]:
        """Turn batches into tensors ahead of time; not those that will be parted."""
        for batch in made:
            prepared = None if self._apart or not self.calls.takes_whole(batch) else self.calls.prepare(batch)
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
                self.progress.looked(song.song_id, None, time.monotonic() - began)
                self.progress.finished(None, cached=True)
                continue
            found = look_up(song, self._pack, self._cache.get, self._settings.rules)
            retries = self._retries(found)
            path = song.path if retries or found.state in ("hear", "measure") else None
            self.progress.looked(song.song_id, path, time.monotonic() - began)
            if found.state in ("hear", "measure"):
                if suspects.condemned(song.song_id) and self._settings.rules.retry != "all":
                    self.entries.failed(found, ENGINE_CRASH, None)
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
            self.progress.finished(None, cached=found.state == "hit", failure=failure)

    def _local(self, todo: Iterable[Found]) -> Iterator[tuple[Source, str]]:
        for part, fetched in self._sources.local(todo):
            if isinstance(fetched, Failure):
                self._whole(part, fetched)
            else:
                if fetched.path != part[1].path:
                    self.progress.fetched()
                yield (part, fetched), fetched.path

    def _whole(self, part: Part, got: LoadedAudio | Failure) -> LoadedAudio | None:
        """Return what was heard for an answer, once all of it is there; a failure is written."""
        found, song = part
        whole = self._pairs.add(found.song, song, got)
        if isinstance(whole, Failure):
            self.entries.failed(found, whole, None)
            return None
        return whole

    def _requests(self, heard: Iterable[tuple[Source, LoadedAudio | Failure] | None]) -> Iterator[Request | None]:
        for one in heard:
            if one is None:
                yield None
                continue
            source, raw = one
            found, got = source[0][0], self._whole(source[0], self._sources.heard(source, raw))
            if got is None:
                continue
            self.progress.heard(found.song.song_id, got)
            if found.state == "measure" and found.entry and found.entry.heard and _same_audio(found.entry.heard, got):
                self._cache.put(replace(found.entry, heard=got, measures_version=MEASURES_VERSION))
                self.progress.finished(found.song.song_id, cached=True, heard=got)
            else:
                yield self.entries.request(found, got)

    def _answer(self, batch: list[Request], prepared: object | None = None) -> None:
        """Answer a batch, in parts where memory or the time left do not hold it whole. Raises `NotNow` between them."""
        while batch:
            part = self.calls.part(batch)
            if not part:
                raise self._not_now()
            unit = self._pack.unit
            what = f"the {len(part)} {unit}s in the model" if len(part) > 1 else f"the {unit} in the model"
            with self._watch.holding(what):
                done = self._ask(part, prepared if len(part) == len(batch) else None)
            prepared = None
            if done:
                gone = {request.song_id for request in part}
                batch = [request for request in batch if request.song_id not in gone]
        if self._due:
            due, self._due = self._due, []
            self._answer(due)
        elif self.calls.pace.over() and self.progress.tick.done < self.progress.tick.total:
            raise self._not_now()

    def _ask(self, batch: list[Request], prepared: object | None) -> bool:
        """Have the engine answer and keep what it says; False if the batch must be made smaller."""
        answers = self.calls.answer(batch, prepared)
        if answers is not None:
            self._keep_all(batch, answers)
        return answers is not None

    def _keep_all(self, batch: list[Request], answers: list[Reply | Failure]) -> None:
        """Keep each answer, whatever becomes of the others. Raises the first trouble when all were tried."""
        trouble: MfqError | None = None
        for request, answer in zip(batch, answers, strict=True):
            try:
                second = self.entries.answered(request, answer)
                if second is not None:
                    self._due.append(second)
            except MfqError as problem:  # The disk is full, or too many songs failed.
                trouble = trouble or problem
        if trouble is not None:
            raise trouble

    def _retries(self, found: Found) -> bool:
        """Whether a reply of an earlier run is asked for again now, by a song that kills no engine."""
        on_demand = self._settings.rules.retry == "unreadable"
        return self._second.is_owed(found, on_demand) and not self._journal.suspects.condemned(found.song.song_id)


def _same_audio(one: LoadedAudio, other: LoadedAudio) -> bool:
    """Say if the same was heard of the same bytes; a newer decoder may hear more of them."""
    seconds = one.used_seconds, other.used_seconds
    is_as_long = None in seconds or abs((seconds[0] or 0.0) - (seconds[1] or 0.0)) < SAME_SECONDS
    return one.fingerprint.sha256 == other.fingerprint.sha256 and is_as_long

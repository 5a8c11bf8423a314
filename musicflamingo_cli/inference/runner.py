"""The dear half on one page: look up, hear, batch, answer, keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from threading import Lock

from musicflamingo_cli.cache import Cache, Entry
from musicflamingo_cli.engines.base import Engine, OutOfMemory
from musicflamingo_cli.inference.batching import batches
from musicflamingo_cli.inference.lookup import Found, LookupRules, file_facts, look_up
from musicflamingo_cli.intake.audio import AudioPlan
from musicflamingo_cli.intake.workers import DecodePool
from musicflamingo_cli.records import MEASURES_VERSION, Failure, Heard, Pack, Reply, Request, Song, Tick


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
    decode_seconds: float = 120.0
    """Time that one song's decoding may take."""
    plan: AudioPlan = field(default_factory=AudioPlan)


class Runner:
    """Fills the cache with one engine's replies."""

    def __init__(
        self, engine: Engine, cache: Cache, pack: Pack, settings: RunnerSettings, on_tick: Callable[[Tick], None]
    ) -> None:
        self._engine, self._cache, self._pack, self._settings = engine, cache, pack, settings
        self._on_tick = on_tick
        self._lock = Lock()
        self._tick = Tick("listening", 0, 0)
        self._in_work: dict[str, Found] = {}
        self._items = settings.batch_items or engine.batch_items

    def fill(self, songs: Iterable[Song], total: int) -> Tick:
        """See to it that each of `total` songs has an entry: a reply or a failure. Returns the final count.

        The engine is loaded, and workers are started, only if a song needs them. Raises `EngineError` if the engine
        can't run and `OutputError` if the cache can't be written; what was answered until then is kept.
        """
        self._tick = Tick("listening", 0, total)
        todo = self._todo(songs)
        first = next(todo, None)
        if first is None:
            return self._tick
        self._engine.load()
        try:
            settings = self._settings
            with DecodePool(settings.workers, settings.plan, timeout_seconds=settings.decode_seconds) as pool:
                work = ((found, found.song.path) for found in chain([first], todo))
                requests = self._requests(pool.hear(work))
                for batch in batches(requests, self._items):
                    self._answer(batch)
        finally:
            self._engine.close()
        return self._tick

    def _todo(self, songs: Iterable[Song]) -> Iterator[Found]:
        for song in songs:
            found = look_up(song, self._pack, self._cache.get, self._settings.rules)
            if found.state in ("hear", "measure"):
                yield found
                continue
            if found.changed and found.entry:
                self._cache.put(found.entry)
            self._count(cached=found.state == "hit", failed=found.state == "failed")

    def _requests(self, heard: Iterable[tuple[Found, Heard | Failure]]) -> Iterator[Request]:
        for found, got in heard:
            if isinstance(got, Failure):
                self._keep_failure(found, got, None)
            elif found.state == "measure" and found.entry and found.entry.heard and _same_audio(found.entry.heard, got):
                self._cache.put(replace(found.entry, heard=got, measures_version=MEASURES_VERSION))
                self._count(cached=True, audio_seconds=got.audio_seconds)
            else:
                self._in_work[found.song.song_id] = found
                yield Request(found.song.song_id, found.prompt, got, found.system)

    def _answer(self, batch: list[Request]) -> None:
        try:
            answers = self._engine.reply(batch) if len(batch) <= self._items else None
        except OutOfMemory as problem:
            if len(batch) == 1:
                answers = [Failure("engine", "out_of_memory", f"the song alone does not fit: {problem}", True)]
            else:
                self._items = max(1, len(batch) // 2)
                answers = None
        if answers is None:
            size = self._items
            for start in range(0, len(batch), size):
                self._answer(batch[start : start + size])
            return
        for request, answer in zip(batch, answers, strict=True):
            self._keep(request, answer)

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
        self._count(audio_seconds=heard.audio_seconds)

    def _keep_failure(self, found: Found, failure: Failure, heard: Heard | None) -> None:
        old = found.entry
        new = Entry(found.song.song_id, found.digest, heard=heard, measures_version=MEASURES_VERSION)
        entry = old if old is not None and old.replies else new
        facts = file_facts(found.song.path)
        self._cache.put(replace(entry, failure=failure, failed_file=facts, run=self._settings.run))
        self._count(failed=True, audio_seconds=heard.audio_seconds if heard else 0.0)

    def _count(self, *, cached: bool = False, failed: bool = False, audio_seconds: float = 0.0) -> None:
        with self._lock:
            tick = self._tick
            self._tick = replace(
                tick,
                done=tick.done + 1,
                cached=tick.cached + cached,
                failed=tick.failed + failed,
                audio_seconds=tick.audio_seconds + audio_seconds,
            )
        self._on_tick(self._tick)


def _same_audio(one: Heard, other: Heard) -> bool:
    return one.fingerprint.sha256 == other.fingerprint.sha256

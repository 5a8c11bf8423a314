"""A pool of decode workers that outlives the death of any of them.

Each worker is a process of its own, looked after by a thread of the pool: a song that hangs, crashes or eats memory
costs itself and nothing else. `concurrent.futures.ProcessPoolExecutor` would fail the neighbours too.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from musicflamingo_cli.errors import EngineError, OutputError
from musicflamingo_cli.extras import install_command
from musicflamingo_cli.intake.audio.load import AudioPlan, hear
from musicflamingo_cli.intake.audio.worker_process import StartError, WorkerLimits, WorkerProcess
from musicflamingo_cli.intake.reasons import fail
from musicflamingo_cli.records import Failure, Heard

T = TypeVar("T")
Result = Heard | Failure

START_ATTEMPTS = 2
WAIT_SECONDS = 1.0
"""How long the consumer waits at a time. Python runs a signal's handler between two waits, and one that comes just
before a wait begins does not end it: without a limit Ctrl-C then counts only when the next song is done."""
JOIN_SECONDS = 10.0
"""How long closing waits for a thread; only an input that blocks can hold one longer."""


@dataclass(frozen=True, slots=True)
class _Room:
    """How far the workers may run ahead."""

    songs: int
    clip_bytes: int


class DecodePool:
    """Hears songs in worker processes, ahead of whoever consumes them.

    Workers keep decoding while the consumer is busy, until `look_ahead` songs or `look_ahead_bytes` of clips wait for
    it. They start when the first song needs them and are gone when the iteration ends, however it ends.
    """

    def __init__(
        self,
        workers: int,
        plan: AudioPlan,
        *,
        timeout_seconds: float = 120.0,
        memory_bytes: int = 4 << 30,
        look_ahead: int = 64,
        look_ahead_bytes: int = 1 << 30,
    ) -> None:
        """Set up the pool; nothing is started yet.

        Args:
            workers: processes, >= 0; 0 decodes in this process, without limits on time and memory.
            plan: what is wanted of every song.
            timeout_seconds: wall clock that one song may take, > 0.
            memory_bytes: address space that one song may take, beyond that of the libraries.
            look_ahead: songs that may be in work or wait for the consumer, >= 1.
            look_ahead_bytes: no new song is begun while so many bytes of clips wait for the consumer.
        """
        self._workers, self._plan = workers, plan
        self._limits = WorkerLimits(timeout_seconds, memory_bytes)
        self._room = _Room(max(1, look_ahead), max(1, look_ahead_bytes))
        self._runs: list[_Run[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for run in list(self._runs):
            run.stop()

    def hear(self, items: Iterable[tuple[T, str]]) -> Iterator[tuple[T, Result]]:
        """Hear (key, absolute path) pairs; yields (key, result) in the order in which they are done.

        `items` is drawn from as needed, by one of the pool's threads at a time. What it raises is raised here, after
        the songs before it.

        Raises:
            EngineError: no worker can be started.
            OutputError: no temporary file can be made.
        """
        return (done for done in self.hear_or_pause(items, WAIT_SECONDS) if done is not None)

    def hear_or_pause(self, items: Iterable[tuple[T, str]], pause_seconds: float) -> Iterator[tuple[T, Result] | None]:
        """Do as `hear`, and yield None whenever nothing was done for so long, so that the consumer may act."""
        if self._workers == 0:
            yield from ((key, hear(path, self._plan)) for key, path in items)
            return
        try:
            complaints_file = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        except OSError as problem:
            where = problem.filename or "TMPDIR"
            raise OutputError(f"{where}: no temporary file can be made: {problem.strerror}") from None
        with complaints_file as complaints:
            run = _Run(iter(items), self._plan, self._limits, self._room, complaints.fileno())
            self._runs.append(run)
            try:
                run.start(self._workers)
                yield from run.results(pause_seconds)
            finally:
                run.stop()
                self._runs.remove(run)

    def halt(self) -> None:
        """Begin no further song and give up those in work; what was heard is still yielded. From any thread."""
        for run in list(self._runs):
            run.halt()

    @property
    def busy(self) -> bool:
        """Whether a worker has a song."""
        return any(run.decoding for run in list(self._runs))

    @property
    def seconds_per_song(self) -> float:
        """How long the workers took a song so far, all of them together; 0 before the first."""
        songs = sum(run.songs for run in self._runs)
        return sum(run.seconds for run in self._runs) / (songs * self._workers) if songs else 0.0


class _Run(Generic[T]):
    """One iteration: its threads, its workers, and the songs that wait for the consumer."""

    def __init__(
        self, items: Iterator[tuple[T, str]], plan: AudioPlan, limits: WorkerLimits, room: _Room, complaints: int
    ) -> None:
        self._items, self._plan, self._limits, self._room, self._complaints = items, plan, limits, room, complaints
        self._drawing = threading.Lock()
        self._changed = threading.Condition()
        # All that follows is under `_changed`.
        self._done: deque[tuple[T, Result]] = deque()
        self._waiting_bytes = 0
        self._busy = 0
        """Songs that are being drawn (fetched, perhaps) or decoded."""
        self.decoding = 0
        """Of these, the ones that a worker has."""
        self._threads: list[threading.Thread] = []
        self._alive = 0
        self._processes: set[WorkerProcess] = set()
        self._error: BaseException | None = None
        self._drained = False
        """No further song is to be begun."""
        self._cancelled = False
        """Nor are those in work to be ended."""
        self._halted = False
        """As drained, and nobody waits for those in work."""
        self.songs, self.seconds = 0, 0.0
        """Songs that were heard, and the time that their workers took."""

    def start(self, workers: int) -> None:
        """Start the threads; each starts its worker when it has a song for it."""
        self._alive = workers
        for _ in range(workers):
            thread = threading.Thread(target=self._serve, daemon=True, name="mfq-decode")
            self._threads.append(thread)
            thread.start()

    def results(self, pause_seconds: float) -> Iterator[tuple[T, Result] | None]:
        """Yield what is done until everything is, and None after each pause."""
        while True:
            with self._changed:
                there = self._changed.wait_for(
                    lambda: self._done or not self._alive or self._cancelled or self._halted, pause_seconds
                )
                if self._cancelled:
                    raise RuntimeError("the pool of decode workers was closed")
                if there and not self._done:
                    break
                done = self._done.popleft() if there else None
                if done is not None:
                    self._waiting_bytes -= _clip_bytes(done[1])
                    self._changed.notify_all()
            yield done
            del done
        if self._error is not None and not self._halted:
            raise self._error

    def halt(self) -> None:
        """Give up the songs in work; what is done is still yielded."""
        with self._changed:
            self._drained = self._halted = True
            self._changed.notify_all()

    def stop(self) -> None:
        """End all threads and workers; harmless when they have ended."""
        with self._changed:
            self._drained = self._cancelled = True
            for process in self._processes:
                process.kill()
            self._changed.notify_all()
        until = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _serve(self) -> None:
        """What each thread does: wait for room, draw a song, have it heard."""
        worker: WorkerProcess | None = None
        try:
            while self._wait_for_room():
                drawn = self._draw()
                if drawn is None:
                    break
                key, path = drawn
                result: Result | None = None
                for _ in range(START_ATTEMPTS):
                    if worker is None or worker.worn:
                        self._discard(worker)
                        worker = None
                        worker = self._launch()
                    began = time.monotonic()
                    result = worker.hear(path)
                    if result is not None:
                        break
                else:
                    result = fail("decoder_crash", "the decode workers die before they begin", transient=True)
                self._hand_over(key, result, time.monotonic() - began)
                del key, result, drawn
        except BaseException as error:
            with self._changed:
                self._error = self._error or error
                self._drained = True
        finally:
            self._discard(worker)
            with self._changed:
                self._alive -= 1
                self._changed.notify_all()

    def _wait_for_room(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._drained or self._has_room())
            self._busy += not self._drained
            return not self._drained

    def _has_room(self) -> bool:
        return len(self._done) + self._busy < self._room.songs and self._waiting_bytes < self._room.clip_bytes

    def _draw(self) -> tuple[T, str] | None:
        with self._drawing:
            drawn = None if self._drained else next(self._items, None)
            if drawn is None:
                with self._changed:
                    self._drained = True
                    self._changed.notify_all()
            else:
                with self._changed:
                    self.decoding += 1
            return drawn

    def _hand_over(self, key: T, result: Result, seconds: float) -> None:
        with self._changed:
            self.songs, self.seconds = self.songs + 1, self.seconds + seconds
            self.decoding -= 1
            if self._cancelled:  # Then it was most likely killed, which is no word on the song.
                return
            self._busy -= 1
            self._done.append((key, result))
            self._waiting_bytes += _clip_bytes(result)
            self._changed.notify_all()

    def _launch(self) -> WorkerProcess:
        """Start a worker and wait until it can hear."""
        reason = ""
        for attempt in range(START_ATTEMPTS):
            time.sleep(0.2 * attempt)
            try:
                with self._changed:
                    if self._cancelled:
                        raise StartError("the pool was closed")
                    worker = WorkerProcess(self._plan, self._limits, self._complaints)
                    self._processes.add(worker)
            except OSError as error:
                reason = str(error)
                continue
            try:
                worker.wait_ready()
                return worker
            except StartError as error:
                self._discard(worker)
                reason = _last_line(self._complaints) or str(error)
        lacking = f": {install_command('signal')}" if reason.startswith(("ImportError", "ModuleNotFoundError")) else ""
        raise EngineError(f"no decode worker can be started: {reason}{lacking}")

    def _discard(self, worker: WorkerProcess | None) -> None:
        if worker is not None:
            with self._changed:
                self._processes.discard(worker)
            worker.close()


def _clip_bytes(result: Result) -> int:
    return result.clip.nbytes if isinstance(result, Heard) and result.clip is not None else 0


def _last_line(fd: int) -> str:
    """What a worker that could not start said last."""
    size = os.fstat(fd).st_size
    lines = os.pread(fd, 4096, max(0, size - 4096)).decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")

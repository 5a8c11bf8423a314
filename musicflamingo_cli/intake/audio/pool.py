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
from typing import Any, Self, TypeVar

from musicflamingo_cli.errors import EngineError, OutputError
from musicflamingo_cli.extras import install_command
from musicflamingo_cli.intake.audio.load import AudioPlan, load_audio
from musicflamingo_cli.intake.audio.worker import Result, Worker
from musicflamingo_cli.intake.reasons import fail
from musicflamingo_cli.records import LoadedAudio

T = TypeVar("T")

START_ATTEMPTS = 2
WAIT_SECONDS = 1.0
"""How long the consumer waits at a time. Python runs a signal's handler between two waits, and one that comes just
before a wait begins does not end it: without a limit Ctrl-C then counts only when the next song is done."""
JOIN_SECONDS = 10.0
"""How long closing waits for a thread; only an input that blocks can hold one longer."""


class DecodePool:
    """Decodes the songs of one iteration in worker processes, ahead of whoever consumes them.

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
        self._timeout_seconds, self._memory_bytes = timeout_seconds, memory_bytes
        self._look_ahead, self._look_ahead_bytes = max(1, look_ahead), max(1, look_ahead_bytes)
        self._drawing = threading.Lock()
        self._changed = threading.Condition()
        # All that follows is under `_changed`.
        self._done: deque[tuple[Any, Result]] = deque()
        self._waiting_bytes = 0
        """Size of the clips among these."""
        self._busy = 0
        """Songs that are being drawn (fetched, perhaps) or decoded."""
        self._decoding = 0
        """Of these, the ones that a worker has."""
        self._threads: list[threading.Thread] = []
        self._alive = 0
        """Threads that have not ended."""
        self._processes: set[Worker] = set()
        self._error: BaseException | None = None
        self._drained = False
        """No further song is to be begun."""
        self._halted = False
        """Nor are those in work waited for."""
        self._closed = False
        """Nor are those that are done."""
        self._songs, self._seconds = 0, 0.0
        """Songs that were decoded, and the time that their workers took."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def load(self, items: Iterable[tuple[T, str]]) -> Iterator[tuple[T, Result]]:
        """Decode (key, absolute path) pairs; yields (key, result) in the order in which they are done.

        `items` is drawn from as needed, by one of the pool's threads at a time. What it raises is raised here, after
        the songs before it.

        Raises:
            EngineError: no worker can be started.
            OutputError: no temporary file can be made.
        """
        return (done for done in self.load_or_pause(items, WAIT_SECONDS) if done is not None)

    def load_or_pause(self, items: Iterable[tuple[T, str]], pause_seconds: float) -> Iterator[tuple[T, Result] | None]:
        """Do as `load`, and yield None whenever nothing was done for so long, so that the consumer may act."""
        if self._workers == 0:
            yield from ((key, load_audio(path, self._plan)) for key, path in items)
            return
        try:
            complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        except OSError as problem:
            where = problem.filename or "TMPDIR"
            raise OutputError(f"{where}: no temporary file can be made: {problem.strerror}") from None
        with complaints:
            try:
                work = iter(items), complaints.fileno()
                for _ in range(self._workers):
                    thread = threading.Thread(target=self._serve, args=work, daemon=True, name="mfq-decode")
                    with self._changed:
                        thread.start()
                        self._threads.append(thread)
                        self._alive += 1
                yield from self._results(pause_seconds)
            finally:
                self._close()

    def halt(self) -> None:
        """Begin no further song and give up those in work; what is done is still yielded. From any thread."""
        with self._changed:
            self._drained = self._halted = True
            self._changed.notify_all()

    @property
    def busy(self) -> bool:
        """Whether a worker has a song."""
        return self._decoding > 0

    @property
    def seconds_per_song(self) -> float:
        """How long the workers took a song so far, all of them together; 0 before the first."""
        return self._seconds / (self._songs * self._workers) if self._songs else 0.0

    def _results(self, pause_seconds: float) -> Iterator[tuple[Any, Result] | None]:
        while True:
            with self._changed:
                there = self._changed.wait_for(
                    lambda: self._done or not self._alive or self._closed or self._halted, pause_seconds
                )
                if self._closed:
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

    def _close(self) -> None:
        """End all threads and workers; harmless when they have ended."""
        with self._changed:
            self._drained = self._closed = True
            for worker in self._processes:
                worker.kill()
            self._changed.notify_all()
        until = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _serve(self, items: Iterator[tuple[Any, str]], complaints: int) -> None:
        """What each thread does: draw a song, have it decoded, by a worker that lives as long as it can."""
        worker: Worker | None = None
        try:
            while (drawn := self._draw(items)) is not None:
                key, path = drawn
                for _ in range(START_ATTEMPTS):
                    if worker is None or worker.worn:
                        self._discard(worker)
                        worker = None
                        worker = self._launch(complaints)
                    began = time.monotonic()
                    result = worker.decode(path)
                    if result is not None:
                        break
                else:
                    result = fail("decoder_crash", "the decode workers die before they begin", transient=True)
                self._deliver(key, result, time.monotonic() - began)
                del key, result, drawn
        except BaseException as error:  # For the consumer, after the songs before it.
            with self._changed:
                self._error = self._error or error
                self._drained = True
        finally:
            self._discard(worker)
            with self._changed:
                self._alive -= 1
                self._changed.notify_all()

    def _draw(self, items: Iterator[tuple[Any, str]]) -> tuple[Any, str] | None:
        """Wait for room and draw a song; None when no further one is to be begun."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._drained
                    or (
                        len(self._done) + self._busy < self._look_ahead and self._waiting_bytes < self._look_ahead_bytes
                    )
                )
            )
            if self._drained:
                return None
            self._busy += 1
        with self._drawing:
            drawn = None if self._drained else next(items, None)
            with self._changed:
                if drawn is None:
                    self._drained = True
                    self._changed.notify_all()
                else:
                    self._decoding += 1
        return drawn

    def _deliver(self, key: object, result: Result, seconds: float) -> None:
        with self._changed:
            self._songs, self._seconds = self._songs + 1, self._seconds + seconds
            self._decoding -= 1
            if self._closed:  # Then the worker was most likely killed, which is no word on the song.
                return
            self._busy -= 1
            self._done.append((key, result))
            self._waiting_bytes += _clip_bytes(result)
            self._changed.notify_all()

    def _launch(self, complaints: int) -> Worker:
        """Start a worker and wait until it can decode."""
        reason = ""
        for attempt in range(START_ATTEMPTS):
            time.sleep(0.2 * attempt)
            worker = None
            try:
                with self._changed:
                    if self._closed:
                        raise EngineError("the pool of decode workers was closed")
                    worker = Worker(self._plan, self._timeout_seconds, self._memory_bytes, complaints)
                    self._processes.add(worker)
                worker.wait_ready()
                return worker
            except OSError as error:
                reason = str(error)
                if worker is not None:
                    self._discard(worker)
                    end = os.pread(complaints, 4096, max(0, os.fstat(complaints).st_size - 4096))
                    reason = end.decode("utf-8", "replace").rstrip().rpartition("\n")[2].strip() or reason
        lacking = f": {install_command('signal')}" if reason.startswith(("ImportError", "ModuleNotFoundError")) else ""
        raise EngineError(f"no decode worker can be started: {reason}{lacking}")

    def _discard(self, worker: Worker | None) -> None:
        if worker is not None:
            with self._changed:
                self._processes.discard(worker)
            worker.close()


def _clip_bytes(result: Result) -> int:
    return result.clip.nbytes if isinstance(result, LoadedAudio) and result.clip is not None else 0

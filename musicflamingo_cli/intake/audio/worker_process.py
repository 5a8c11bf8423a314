"""A decode worker as its parent sees it: start it, give it one path at a time, end it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from dataclasses import asdict, dataclass

from musicflamingo_cli.intake.audio.frames import read_frame, unpack_result, write_frame
from musicflamingo_cli.intake.audio.settings import AudioPlan
from musicflamingo_cli.intake.reasons import fail
from musicflamingo_cli.processes import python_command, python_environment
from musicflamingo_cli.records import Failure, Heard

START_SECONDS = 60.0
"""How long a worker may take to import its libraries, on a cold network file system too."""
MAX_SONGS = 1000
"""A worker is replaced after so many: whatever its libraries leak stays small."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT}


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What one song may cost."""

    timeout_seconds: float
    """Wall clock."""
    memory_bytes: int
    """Address space beyond what the libraries themselves take."""


class StartError(Exception):
    """A worker could not be started; says why."""


class WorkerProcess:
    """One worker. Used by one thread; only `kill` may be called by others."""

    def __init__(self, plan: AudioPlan, limits: WorkerLimits, complaints: int) -> None:
        """Start the process; `complaints` is the descriptor of a file for what goes wrong before it is ready.

        It has a session of its own: Ctrl-C is the parent's affair.

        Raises:
            OSError: the system can't start a process now.
        """
        self._plan, self._limits = plan, limits
        self._songs = 0
        self.worn = False
        """True if it should not be given another song."""
        self._process = subprocess.Popen(
            python_command("musicflamingo_cli.intake.audio.worker", os.getpid()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**python_environment(), **dict.fromkeys(_ONE_THREAD, "1"), "MALLOC_ARENA_MAX": "2"},
            bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        self._requests, self._results = self._process.stdin.fileno(), self._process.stdout.fileno()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait until its libraries are imported.

        Raises:
            StartError: it died or took too long; the reason is among the complaints.
        """
        hello = {"plan": asdict(self._plan), "memory_bytes": self._limits.memory_bytes}
        try:
            write_frame(self._requests, hello)
            frame = self._read(time.monotonic() + START_SECONDS)
        except (OSError, ValueError) as error:
            raise StartError(str(error)) from None
        if frame is None or "ready" not in frame[0]:
            raise StartError(f"it ended with exit code {self._end()}")

    def hear(self, path: str) -> Heard | Failure | None:
        """Hear one song; None if the worker turned out to be gone before it began."""
        try:
            name = os.fsencode(path)
        except UnicodeEncodeError:
            return fail("not_found", "there is no such file")
        try:
            if self._process.poll() is not None:
                raise BrokenPipeError
            write_frame(self._requests, {}, name)
        except OSError:
            self.worn = True
            return None
        deadline = time.monotonic() + self._limits.timeout_seconds
        try:
            if self._read(deadline) is None:  # It died before it began: not this song's fault.
                self.worn = True
                return None
            frame = self._read(deadline)
            result = None if frame is None else unpack_result(*frame, path)
        except TimeoutError:
            self._end()
            return fail("timeout", f"decoding took longer than {self._limits.timeout_seconds:g} s")
        except (ValueError, TypeError, KeyError, OSError):
            self._end()
            return fail("decoder_crash", "the decode worker answered with garbage")
        if result is None:
            return self._cause_of_death()
        self._songs += 1
        lacked_memory = isinstance(result, Failure) and result.reason == "out_of_memory"
        self.worn = self._songs >= MAX_SONGS or lacked_memory
        return result

    def _read(self, deadline: float) -> tuple[dict[str, object], memoryview] | None:
        poll = select.poll()
        poll.register(self._results, select.POLLIN)

        def read(buffer: memoryview) -> int:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise TimeoutError("it took too long")
            return os.readv(self._results, [buffer])

        return read_frame(read)

    def _cause_of_death(self) -> Failure:
        code = self._end(patience=5.0)
        if code == -signal.SIGKILL:
            return fail("out_of_memory", "the decode worker was killed, most likely for want of memory")
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return fail("decoder_crash", f"the decoder died on this file ({name})", transient=-code not in _FAULTS)

    def _end(self, patience: float = 0.0) -> int:
        """Wait up to `patience` seconds for the process, then kill it; its exit code."""
        self.worn = True
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(patience)
        self._process.kill()
        return self._process.wait()

    def kill(self) -> None:
        """End it now; harmless if it has ended. Its pipe closes, which wakes the thread that waits for it."""
        self._process.kill()

    def close(self) -> None:
        """End it and let go of its pipes."""
        self._end()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

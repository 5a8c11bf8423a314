"""One decode worker: how the pool starts, asks and ends it, and what runs in its process.

It reads paths from its standard input and writes what it made of them to its standard output, in frames of a JSON
header and raw bytes. Nothing is unpickled: what a worker sends that a hostile file took over is numbers and text.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from musicflamingo_cli.intake.audio.settings import AudioPlan
from musicflamingo_cli.intake.reasons import fail
from musicflamingo_cli.measures import Measures
from musicflamingo_cli.processes import die_with, python_command, python_environment
from musicflamingo_cli.records import Failure, Fingerprint, LoadedAudio

Result = LoadedAudio | Failure
Frame = tuple[dict[str, Any], memoryview]
"""Header and payload."""

START_SECONDS = 60.0
"""How long a worker may take to import its libraries, on a cold network file system too."""
MAX_SONGS = 1000
"""A worker is replaced after so many: whatever its libraries leak stays small."""
MAX_HEADER_BYTES = 1 << 20
MAX_CLIP_BYTES = 1 << 32

_LENGTHS = struct.Struct("<IQ")
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT}


class Worker:
    """A worker process as the pool sees it. Used by one thread; only `kill` may be called by others."""

    def __init__(self, plan: AudioPlan, timeout_seconds: float, memory_bytes: int, complaints: int) -> None:
        """Start the process; `complaints` is the descriptor of a file for what goes wrong before it is ready.

        It has a session of its own: Ctrl-C is the parent's affair.

        Raises:
            OSError: the system can't start a process now.
        """
        self._timeout_seconds = timeout_seconds
        self._songs = 0
        self.worn = False
        """True if it should not be given another song."""
        settings = orjson.dumps({"plan": asdict(plan), "memory_bytes": memory_bytes}).decode()
        self._process = subprocess.Popen(
            python_command(__name__, os.getpid(), settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**python_environment(), **dict.fromkeys(_ONE_THREAD, "1"), "MALLOC_ARENA_MAX": "2"},
            bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        self._requests, self._results = self._process.stdin, self._process.stdout

    def wait_ready(self) -> None:
        """Wait until its libraries are imported.

        Raises:
            OSError: it died, or took too long.
        """
        if self._read(time.monotonic() + START_SECONDS) is None:
            raise ChildProcessError(f"it ended with exit code {self._end()}")

    def decode(self, path: str) -> Result | None:
        """Have one song decoded; None if the worker turned out to be gone before it began."""
        try:
            name = os.fsencode(path)
        except UnicodeEncodeError:
            return fail("not_found", "there is no such file")
        deadline = time.monotonic() + self._timeout_seconds
        try:
            if self._process.poll() is not None:
                raise BrokenPipeError
            write_frame(self._requests.fileno(), {}, name)
        except OSError:
            self.worn = True
            return None
        try:
            if self._read(deadline) is None:  # It died before it began: not this song's fault.
                self.worn = True
                return None
            frame = self._read(deadline)
            if frame is None:
                return self._cause_of_death()
            result = unpack_result(frame, path)
        except TimeoutError:
            self._end()
            return fail("timeout", f"decoding took longer than {self._timeout_seconds:g} s")
        except (ValueError, TypeError, KeyError, OSError):
            self._end()
            return fail("decoder_crash", "the decode worker answered with garbage")
        self._songs += 1
        lacked_memory = isinstance(result, Failure) and result.reason == "out_of_memory"
        self.worn = self._songs >= MAX_SONGS or lacked_memory
        return result

    def _read(self, deadline: float) -> Frame | None:
        poll = select.poll()
        poll.register(self._results, select.POLLIN)

        def read(buffer: memoryview) -> int:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise TimeoutError("it took too long")
            return os.readv(self._results.fileno(), [buffer])

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
        self._requests.close()
        self._results.close()


def main(parent: str, settings: str) -> None:
    """Serve one pool until its end of the pipe closes; import no torch, and be gone soon after a parent that died.

    An empty frame says that the worker is ready, and another that it has begun with a song.

    Args:
        parent: process id of the pool.
        settings: JSON; `plan`, the fields of the AudioPlan, and `memory_bytes` for one song.
    """
    die_with(int(parent))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # A service manager sends them to every process.
        signal.signal(number, signal.SIG_IGN)
    requests, results = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)  # Nothing that a library prints may get between the frames.

    import av
    import scipy.signal  # noqa: F401
    import soundfile  # noqa: F401
    import soxr  # noqa: F401

    from musicflamingo_cli.intake.audio.load import load_audio

    asked = orjson.loads(settings)
    plan = AudioPlan(**asked["plan"])
    _limit(asked["memory_bytes"])
    av.logging.set_level(None)
    write_frame(results, {})
    os.dup2(nowhere, 2)  # From here on it would be libraries complaining about songs.
    while (frame := read_frame(lambda buffer: os.readv(requests, [buffer]))) is not None:
        write_frame(results, {})
        write_frame(results, *_packed(load_audio(os.fsdecode(bytes(frame[1])), plan)))


def _limit(memory_bytes: int) -> None:
    """Allow `memory_bytes` of address space beyond what is mapped already, no core files, and no file to be written."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with contextlib.suppress(OSError, ValueError):
        mapped = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        wanted, hard = mapped + memory_bytes, resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _packed(result: Result) -> tuple[dict[str, Any], memoryview | bytes]:
    """A result as a frame. The path stays out of it: it need not be Unicode, and the pool has it."""
    if isinstance(result, Failure):
        return {"failure": asdict(result)}, b""
    bare = replace(result, clip=None, fingerprint=replace(result.fingerprint, path=""))
    clip = b"" if result.clip is None else result.clip.view(np.uint8).data
    return {"heard": asdict(bare), "clip": result.clip is not None}, clip


def unpack_result(frame: Frame, path: str) -> Result:
    """Rebuild what a worker made of the song at a path.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    header, payload = frame
    if "failure" in header:
        return Failure(**header["failure"])
    fields = dict(header["heard"])
    fields["fingerprint"] = Fingerprint(**{**fields["fingerprint"], "path": os.path.abspath(path)})  # noqa: PTH100
    fields["measures"] = Measures(**fields["measures"])
    fields["flags"] = tuple(fields["flags"])
    fields["clip"] = np.frombuffer(payload, np.float32) if header["clip"] else None
    return LoadedAudio(**fields)


def write_frame(fd: int, header: object, payload: memoryview | bytes = b"") -> None:
    """Write one frame to a blocking descriptor."""
    head = orjson.dumps(header)
    for part in (_LENGTHS.pack(len(head), len(payload)) + head, payload):
        data = memoryview(part)
        while data:
            data = data[os.write(fd, data) :]


def read_frame(read: Callable[[memoryview], int]) -> Frame | None:
    """Read one frame by a function that fills a buffer from its begin and says how far; None at the end of the pipe.

    Raises:
        ValueError: what comes is no frame.
    """
    lengths = _read_exactly(read, _LENGTHS.size)
    if lengths is None:
        return None
    head_bytes, payload_bytes = _LENGTHS.unpack(lengths)
    if head_bytes > MAX_HEADER_BYTES or payload_bytes > MAX_CLIP_BYTES:
        raise ValueError("a frame of impossible size")
    head, payload = _read_exactly(read, head_bytes), _read_exactly(read, payload_bytes)
    if head is None or payload is None:
        return None
    header = orjson.loads(head)
    if not isinstance(header, dict):
        raise ValueError("a frame without a header")
    return header, payload


def _read_exactly(read: Callable[[memoryview], int], count: int) -> memoryview | None:
    data = np.empty(count, np.uint8).data
    left = data
    while left:
        got = read(left)
        if got == 0:
            return None
        left = left[got:]
    return data

"""Decode workers forked from one interpreter that has their libraries imported.

A worker's imports take a second and a half, a test's song a few milliseconds. What is forked runs the worker's own
`main` as a process of its own behind the same pipes, under the same limits; only how an interpreter starts is left
out. `tests/intake/audio/test_pool.py`, where that is the subject, and runs of `mfq` in processes start theirs afresh.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from musicflamingo_cli.processes import die_with, module_path

WIDTH = 16
"""Digits of a number in the pipe that tells a worker's process id, and then its exit code."""


class ForkServer:
    """The interpreter that is forked, started when the first worker is asked for. Stands in for `subprocess`."""

    PIPE, TimeoutExpired = subprocess.PIPE, subprocess.TimeoutExpired

    def __init__(self, joined: int | None = None) -> None:
        self._asking, self._joined = threading.Lock(), joined is not None
        self._channel, self._remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if joined is not None:
            self._channel = socket.socket(fileno=joined)
        self._process: subprocess.Popen[bytes] | None = None
        self._start = (sys.executable, module_path(), os.environ.get("PYTHONPATH"))

    def Popen(self, command: Sequence[str], *, stderr: int, env: dict[str, str], **rest: Any) -> Any:
        """Start what `command`, made by `python_command`, would start."""
        if self._start != (sys.executable, module_path(), os.environ.get("PYTHONPATH")):
            return subprocess.Popen(command, stderr=stderr, env=env, **rest)
        asked = {"words": command[7 + int(command[4]) :], "environment": env, "folder": str(Path.cwd())}
        with self._asking:
            self._begin()
            return ForkedProcess(self._channel, asked, stderr)

    def share(self) -> tuple[str, int]:
        """Return the code by which another process forks its workers here too, and the descriptor it is to inherit."""
        with self._asking:
            self._begin()
        fd = self._channel.fileno()
        return f"import runpy; runpy.run_path({__file__!r})['join']({fd})", fd

    def _begin(self) -> None:
        if self._process is None and not self._joined:
            remote, env = self._remote.fileno(), os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            self._process = subprocess.Popen([sys.executable, "-P", __file__, str(remote)], pass_fds=[remote], env=env)
            self._remote.close()

    def close(self) -> None:
        """End the interpreter, and what is left of its workers with it."""
        self._channel.close()
        if self._process is None:
            self._remote.close()
        else:
            self._process.wait()


class ForkedProcess:
    """A forked worker, as `subprocess.Popen` would show it."""

    def __init__(self, channel: socket.socket, asked: dict[str, Any], stderr: int) -> None:
        self.returncode: int | None = None
        requests, to_requests = os.pipe()
        from_results, results = os.pipe()
        self._status, status = os.pipe()
        socket.send_fds(channel, [json.dumps(asked).encode()], [requests, results, stderr, status])
        for fd in (requests, results, status):
            os.close(fd)
        self.stdin, self.stdout = os.fdopen(to_requests, "wb", 0), os.fdopen(from_results, "rb", 0)
        self.pid = int(os.read(self._status, WIDTH))

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a forked worker", timeout or 0)
            self.returncode = int(os.read(self._status, WIDTH) or -signal.SIGKILL)
            os.close(self._status)
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def join(fd: int) -> None:
    """Fork this process's workers from an interpreter that another process has started."""
    from musicflamingo_cli.intake.audio import worker

    worker.subprocess = ForkServer(fd)  # type: ignore[assignment]


def serve(channel: socket.socket) -> None:
    """Fork a worker for each message until the other end closes."""
    import av  # noqa: F401
    import scipy.signal  # noqa: F401
    import soundfile  # noqa: F401
    import soxr  # noqa: F401

    import musicflamingo_cli.intake.audio.load
    import musicflamingo_cli.intake.audio.worker  # noqa: F401

    parent = os.getpid()
    while True:
        message, fds, _, _ = socket.recv_fds(channel, 1 << 20, 4)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # Whose time then counts among that of the tests.
                pass
        if not message:
            return
        if not os.fork():
            channel.close()
            look_after(json.loads(message), fds, parent)
        for fd in fds:
            os.close(fd)


def look_after(asked: dict[str, Any], fds: list[int], parent: int) -> None:
    """Be the parent of one worker: tell its process id, then its exit code."""
    *streams, status = fds
    worker = os.fork()
    if not worker:
        os.close(status)
        work(asked, streams)
    die_with(parent)
    for fd in streams:
        os.close(fd)
    os.write(status, b"%*d" % (WIDTH, worker))
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    os.write(status, b"%*d" % (WIDTH, code))
    os._exit(0)


def work(asked: dict[str, Any], streams: list[int]) -> None:
    """Be the worker."""
    code = 1
    try:
        os.setsid()
        for number, fd in enumerate(streams):
            os.dup2(fd, number)
        os.closerange(3, 1 << 16)
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.chdir(asked["folder"])
        from musicflamingo_cli.intake.audio.worker import main

        main(str(os.getppid()), *asked["words"])
        code = 0
    except BaseException:
        traceback.print_exc()
    os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))

"""The process that decodes: reads paths from its standard input, writes what it heard to its standard output.

Started by `intake.audio.pool`. It never imports torch, and it is gone soon after its parent, however that died.
"""

from __future__ import annotations

import contextlib
import os
import queue
import resource
import signal
import threading
from pathlib import Path
from typing import Any

from musicflamingo_cli.intake.audio.frames import pack_result, read_frame, write_frame
from musicflamingo_cli.processes import die_with


def main(parent: str) -> None:
    """Serve one pool until its end of the pipe closes. `parent` is the process id of the pool."""
    die_with(int(parent))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # A service manager sends them to every process.
        signal.signal(number, signal.SIG_IGN)
    requests_fd, results_fd = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)  # Nothing that a library prints may get between the frames.

    import av
    import numpy as np  # noqa: F401
    import scipy.signal  # noqa: F401
    import soundfile  # noqa: F401
    import soxr  # noqa: F401

    from musicflamingo_cli.intake.audio.load import AudioPlan, hear

    with os.fdopen(requests_fd, "rb", buffering=0) as requests:
        first = read_frame(requests.readinto)
        if first is None:
            return
        plan = AudioPlan(**first[0]["plan"])
        _limit(int(first[0]["memory_bytes"]))
        av.logging.set_level(None)
        write_frame(results_fd, {"ready": True})
        os.dup2(nowhere, 2)  # From here on it would be libraries complaining about songs.
        todo: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=_receive, args=(requests.readinto, todo), daemon=True).start()
        while True:
            path = todo.get()
            write_frame(results_fd, {"begun": True})
            header, payload = pack_result(hear(path, plan))
            write_frame(results_fd, header, payload)
            del header, payload


def _receive(read: Any, todo: queue.SimpleQueue[str]) -> None:
    """Pass on the paths; leave at once when the pool is gone, whatever is being decoded."""
    with contextlib.suppress(OSError, ValueError):
        while (frame := read_frame(read)) is not None:
            todo.put(os.fsdecode(bytes(frame[1])))
    os._exit(0)


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

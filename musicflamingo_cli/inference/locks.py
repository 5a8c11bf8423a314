"""One run at a time over a cache folder, or several shards of it side by side.

The kernel holds the locks (flock), so that a killed run blocks nobody. A whole run locks the folder alone. A shard
shares the folder with the other shards of the same count and locks its own part.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import orjson

from musicflamingo_cli.errors import NotNow, OutputError
from musicflamingo_cli.files import open_regular
from musicflamingo_cli.inference.limits import Ends

POLL_SECONDS = 1.0
MOST_BYTES = 1024 * 1024
"""No command line is longer than what is read of a lock file."""
UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}
COUNT = re.compile(r"lock\.of-(\d+)")


@contextmanager
def locked(
    folder: Path,
    shard: tuple[int, int] | None,
    *,
    wait: bool,
    ends: Ends = Ends(),  # noqa: B008 - frozen
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[bool]:
    """Hold a cache folder, or shard (i, n) of it, for the length of a block.

    Yields True if the holder before died. With `wait`, says who is waited for, and waits until `ends`.

    Raises:
        NotNow: another run holds it (named), and `wait` is not set, or it still did at `ends`.
        OutputError: the folder can't be written.
    """
    told = False
    while True:
        stack = ExitStack()
        try:
            try:
                died = _take(folder, shard, stack)
                break
            except BlockingIOError:
                stack.close()
                if not wait:
                    raise NotNow(
                        f"another run works on {folder}{_holders(folder)}; wait for it with --wait, or run it later"
                    ) from None
                if ends.left() <= 0:
                    raise NotNow(
                        f"another run still worked on {folder}{_holders(folder)} when the deadline came"
                    ) from None
                if not told:
                    say(f"waiting for another run that works on {folder}{_holders(folder)}")
                told = True
                time.sleep(POLL_SECONDS)
        except OSError as problem:
            stack.close()
            hint = "; --offline reads a cache that can't be written" if problem.errno in UNWRITABLE else ""
            raise OutputError(f"cache {folder}: can't lock it: {problem.strerror}{hint}") from None
    with stack:
        yield died


def _take(folder: Path, shard: tuple[int, int] | None, stack: ExitStack) -> bool:
    if shard is None:
        return _flock(folder / "lock", fcntl.LOCK_EX, stack)
    _flock(folder / "lock", fcntl.LOCK_SH, stack, told=False)
    number, count = shard
    _flock(folder / f"lock.of-{count}", fcntl.LOCK_SH, stack, told=False)
    for other in folder.glob("lock.of-*"):
        match = COUNT.fullmatch(other.name)
        if match and int(match.group(1)) != count:
            with ExitStack() as probe:  # other shards of another count would overlap with this one
                _flock(other, fcntl.LOCK_EX, probe, told=False)
    return _flock(folder / f"lock.{number}-of-{count}", fcntl.LOCK_EX, stack)


def _flock(path: Path, kind: int, stack: ExitStack, *, told: bool = True) -> bool:
    handle = open_regular(path, os.O_RDWR | os.O_CREAT, within=path.parent.parent)
    stack.callback(os.close, handle)
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except OSError as problem:
        if problem.errno in (errno.EACCES, errno.EAGAIN):
            raise BlockingIOError from None
        raise
    died = os.fstat(handle).st_size > 0
    if told:
        command = [word.encode("utf-8", "backslashreplace").decode() for word in sys.argv]
        facts = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC), "command": command}
        os.ftruncate(handle, 0)
        os.pwrite(handle, orjson.dumps(facts, default=str), 0)
        stack.callback(_forget, handle)
    return died


def _forget(handle: int) -> None:
    """Empty a lock file. What stays on a full disk only makes the next run look for part files."""
    with suppress(OSError):
        os.ftruncate(handle, 0)


def _holders(folder: Path) -> str:
    told = []
    for path in sorted(folder.glob("lock*")):
        try:
            with os.fdopen(open_regular(path, os.O_RDONLY, within=folder.parent), "rb") as file:
                raw = file.read(MOST_BYTES)
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    continue  # nobody holds it: what it says is of a run that died
                except BlockingIOError:
                    facts = orjson.loads(raw)
            told.append(f"process {facts['pid']} on {facts['host']} since {str(facts['since'])[:19]} UTC")
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return f" ({'; '.join(told)})" if told else ""

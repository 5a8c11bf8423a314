"""Files that appear whole or not at all."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PART = ".part"
"""A file whose name ends so is being written, or was when its writer died."""


@contextmanager
def whole_file(path: Path, *, durable: bool = True, straight: bool = True) -> Iterator[BinaryIO]:
    """Open a part file beside `path`; on leaving without an exception it is synced and renamed to `path`.

    A device or a FIFO is written to as it is; without `straight` the file takes its place, as it does a link's.

    With an exception the part file is removed and whatever stood at `path` before is untouched. Without `durable` it is
    not synced: then a loss of power may leave an empty file. Raises `OSError`.
    """
    if straight and path.exists() and not path.is_file():
        # A device or a FIFO: renaming would put a file in its place.
        with path.open("wb") as as_it_is:
            yield as_it_is
        return
    part = path.with_name(f".{path.name[:60]}.{secrets.token_hex(4)}{PART}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with suppress(OSError):  # a file system without locks
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_whole(path: Path, data: bytes, *, durable: bool = True, straight: bool = True) -> None:
    """Write `data` to `path`, whole or not at all; see `whole_file`. Raises `OSError`."""
    with whole_file(path, durable=durable, straight=straight) as file:
        file.write(data)


def sweep_part(part: Path) -> bool:
    """Remove a part file whose writer is gone, which its lock tells; return whether it was. Raises `OSError`."""
    handle = os.open(part, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        part.unlink(missing_ok=True)
        return True
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable; a file system that can't is left alone."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

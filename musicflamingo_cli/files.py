"""Files that appear whole or not at all, and folders that others can write to.

`within` names a folder that a person chose. It may be a link itself; of what lies in it no link is followed, no FIFO is
waited for, and no file that has a second name is written to. Folders are opened one below the other (`openat`), so
that none can be put in another's place in between.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

PART = ".part"
"""A file whose name ends so is being written, or was when its writer died."""
SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
SEARCH = getattr(os, "O_PATH", os.O_RDONLY)
"""A folder that is opened so need not be readable (Linux)."""
FOREIGN = {errno.ELOOP, errno.ENXIO, errno.EISDIR}
"""What opening a link, a FIFO that nobody reads, or a folder ends in."""


@contextmanager
def open_folder(path: Path, within: Path) -> Iterator[int]:
    """Open a folder below `within` for names relative to it (`dir_fd`). Raises `OSError`, also for a link below it."""
    handle = os.open(within, SEARCH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in path.relative_to(within).parts:
            try:
                below = os.open(name, SEARCH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
            except OSError as problem:
                if problem.errno not in (errno.ENOTDIR, errno.ELOOP):
                    raise
                raise OSError(errno.ELOOP, f"{name} is a link, or no folder; nothing is written through it") from None
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _place(path: Path, within: Path | None) -> Iterator[tuple[str, int | None]]:
    """Yield what to call a file, and the open folder that the name is relative to."""
    if within is None:
        yield str(path), None
    else:
        with open_folder(path.parent, within) as folder:
            yield path.name, folder


def open_regular(path: Path | str, flags: int, *, within: Path | None = None) -> int:
    """Open a regular file, never a link, a FIFO or a device; to be written to, only one without a second name.

    Without `within` only the file itself is held to that, not its folder. Say no `O_TRUNC`: what is opened is looked
    at first. Raises `OSError`.
    """
    with nullcontext((path, None)) if within is None else _place(Path(path), within) as (name, folder):
        try:
            handle = os.open(name, flags | SAFELY, 0o666, dir_fd=folder)
        except OSError as problem:
            raise (_foreign(path) if problem.errno in FOREIGN else problem) from None
    facts = os.fstat(handle)
    if stat.S_ISREG(facts.st_mode) and (facts.st_nlink < 2 or flags & os.O_ACCMODE == os.O_RDONLY):
        return handle
    os.close(handle)
    raise _foreign(path)


def _foreign(path: Path | str) -> OSError:
    what = "is a link, a FIFO, a folder or a file with a second name; remove it"
    return OSError(errno.ELOOP, f"{os.path.basename(path)} {what}")  # noqa: PTH119 - it may be text


def read_regular(path: Path | str, most: int, *, within: Path | None = None) -> bytes:
    """Return what a regular file holds; see `open_regular`. Raises `OSError`, also if it is over `most` bytes."""
    handle = open_regular(path, os.O_RDONLY, within=within)
    try:
        size = os.fstat(handle).st_size
        if size > most:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return os.read(handle, size)
    finally:
        os.close(handle)


@contextmanager
def whole_file(path: Path, *, durable: bool = True, within: Path | None = None) -> Iterator[BinaryIO]:
    """Open a part file beside `path`; on leaving without an exception it is synced and renamed to `path`.

    A device or a FIFO is written to as it is; `within` a folder the file takes its place, as it does a link's.

    With an exception the part file is removed and whatever stood at `path` before is untouched. Without `durable` it is
    not synced: then a loss of power may leave an empty file. Raises `OSError`.
    """
    if within is None and path.exists() and not path.is_file():
        # A device or a FIFO: renaming would put a file in its place.
        with path.open("wb") as as_it_is:
            yield as_it_is
        return
    with _place(path, within) as (name, folder):
        part = str(Path(name).with_name(f".{path.name[:60]}.{secrets.token_hex(4)}{PART}"))
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(part, dir_fd=folder)
            raise


def write_whole(path: Path, data: bytes, *, durable: bool = True, within: Path | None = None) -> None:
    """Write `data` to `path`, whole or not at all; see `whole_file`. Raises `OSError`."""
    with whole_file(path, durable=durable, within=within) as file:
        file.write(data)


def sweep_part(part: Path, *, within: Path | None = None) -> bool:
    """Remove a part file whose writer is gone, which its lock tells; return whether it was. Raises `OSError`."""
    handle = open_regular(part, os.O_WRONLY, within=within)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        remove(part, within=within)
        return True
    finally:
        os.close(handle)


def remove(path: Path, *, within: Path | None = None) -> None:
    """Remove a file or a link, if there is one. Raises `OSError`."""
    with suppress(FileNotFoundError), _place(path, within) as (name, folder):
        os.unlink(name, dir_fd=folder)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable; a file system that can't is left alone."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

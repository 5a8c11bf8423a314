"""Local files as sources of bytes: only regular ones, opened once, and known again by their fingerprint."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from musicflamingo_cli.intake.reasons import IntakeError, fail
from musicflamingo_cli.records import Failure, Fingerprint
from musicflamingo_cli.urls import has_scheme

MAX_FILE_BYTES = 16 << 30
"""20 minutes of 8 channels at 192 kHz and 32 bits are half of this."""


def fingerprint(path: str) -> Fingerprint | Failure:
    """Tell which bytes a path holds, reading all of them."""
    try:
        with open_regular(path) as (fd, status):
            result = take_fingerprint(path, fd, status)
            check_unchanged(fd, status)
            return result
    except IntakeError as error:
        return error.failure
    except OSError as error:
        return fail("read_error", f"the file could not be read: {error.strerror or error}")


def same_file(path: str, known: Fingerprint) -> bool:
    """True if a path still holds what was heard, judged by name, size and modification time alone."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return False
    is_same = (os.path.abspath(path), status.st_size, status.st_mtime_ns) == (known.path, known.size, known.mtime_ns)  # noqa: PTH100
    return is_same and stat.S_ISREG(status.st_mode)


@contextmanager
def open_regular(path: str) -> Iterator[tuple[int, os.stat_result]]:
    """A regular file's descriptor and status. Nothing that is no regular file is opened: a FIFO would wait for ever."""
    if has_scheme(path):
        raise IntakeError("unsupported_source", "a URL; only local files are read")
    try:
        _check_regular(os.stat(path))  # noqa: PTH116
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except PermissionError:
        raise IntakeError("permission_denied", "the file may not be read") from None
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise IntakeError("not_found", _missing(path)) from None
    except OSError as error:
        reason = "read_error" if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP) else "not_found"
        raise IntakeError(reason, f"the file could not be opened: {error.strerror}") from None
    try:
        status = os.fstat(fd)
        _check_regular(status)
        if status.st_size == 0:
            raise IntakeError("empty_file", "the file is empty")
        if status.st_size > MAX_FILE_BYTES:
            raise IntakeError("too_large", f"{status.st_size} bytes; at most {MAX_FILE_BYTES} are read")
        yield fd, status
    finally:
        os.close(fd)


def _missing(path: str) -> str:
    name = path.rpartition("/")[2]
    blank = f", and its name {name!r} has blanks around it" if name != name.strip() else ""
    return f"there is no such file{blank}"


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        what = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
        raise IntakeError("not_a_file", f"{what.get(stat.S_IFMT(status.st_mode), 'a device')}, no file")


def check_unchanged(fd: int, before: os.stat_result) -> None:
    """Raise IntakeError if an open file is no longer what it was."""
    after = os.fstat(fd)
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise IntakeError("changed_while_reading", "the file was written to while it was read")


def take_fingerprint(path: str, fd: int, status: os.stat_result) -> Fingerprint:
    """The fingerprint of an open file; reads all of it."""
    digest, at = hashlib.sha256(), 0
    while data := os.pread(fd, 1 << 20, at):
        digest.update(data)
        at += len(data)
        if at > MAX_FILE_BYTES:
            raise IntakeError("changed_while_reading", "the file grows while it is read")
    absolute = os.path.abspath(path)  # noqa: PTH100
    return Fingerprint(absolute, status.st_size, status.st_mtime_ns, digest.hexdigest())

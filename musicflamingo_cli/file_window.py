"""A stretch of an open file as a file of its own."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class FileWindow(io.RawIOBase):
    """The bytes of a descriptor from `start` to `stop`, read at a position of its own.

    Others may read the same descriptor meanwhile; closing the window leaves it open.
    """

    def __init__(self, fd: int, start: int = 0, stop: int | None = None) -> None:
        """Begin at byte `start` of the file; `stop` is the first one behind the window, None for the file's end."""
        self._fd, self._start, self._stop, self._at = fd, start, stop, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer from the current position; 0 at the end."""
        at = self._start + self._at
        room = memoryview(buffer)
        if self._stop is not None:
            room = room[: max(0, self._stop - at)]
        count = os.preadv(self._fd, [room], at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, as `io.IOBase.seek`; returns the new position."""
        end = os.fstat(self._fd).st_size if self._stop is None else self._stop
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: end - self._start}[whence]
        if base + offset < 0:
            raise OSError("seek before the start")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """The current position."""
        return self._at

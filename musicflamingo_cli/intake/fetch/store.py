"""Fetched audio kept on disk: whole files only, the least recently used removed first, safe against other processes.

A file's name holds its length, so that one that lost its end is known without a second file beside it. What is taken
out is a second name (hard link) of the same bytes: removing it from the store can't pull it away from a decoder.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.files import open_folder, open_regular, remove

LOCK = ".lock"
LOOK_SHARE = 16
"""Every 1/16 of the limit that is written, the whole folder is looked at again: other processes write too."""

_NAME = re.compile(r"([0-9a-f]{64})\.(\d{1,15})")


class AudioStore:
    """A folder of audio by name (64 hexadecimal digits). Thread-safe."""

    def __init__(self, folder: Path, limit_bytes: int | None) -> None:
        """Open or make the folder. Raises `OutputError`."""
        self._folder, self._limit = folder, limit_bytes
        self._guard = threading.Lock()
        self._written = 0
        """Bytes since the folder was looked at."""
        self._known = 0
        """Bytes that it held then, with what was written since."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._make_room(0)
        except OSError as error:
            raise unwritable(str(folder), error) from error

    def take(self, name: str, path: Path) -> bool:
        """Give the audio of that name the new path; False if it is not here, or not whole."""
        for file, size in self._files_of(name):
            try:
                _link_or_copy(file, path)
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) and status.st_size == size:
                    # Marks it as used. The modification time stays: a decoder watches it for changes.
                    with suppress(PermissionError):  # Another user's file.
                        os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
                    return True
                remove(file, within=self._folder)
            except OSError:
                pass
            with suppress(OSError):
                path.unlink()
        return False

    def keep(self, name: str, path: Path, size: int) -> None:
        """Keep the file at `path` under that name too, if it fits. Raises `OutputError`."""
        if self._limit is not None and size > self._limit:
            return
        new = self._folder / name[:2] / f"{name}.{size}"
        second = path.with_name(f"{path.name}.store")
        try:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            with self._guard:
                new.parent.mkdir(exist_ok=True)
                self._written += size
                self._known += size
                if self._limit is not None and (self._known > self._limit or self._written > self._limit // LOOK_SHARE):
                    self._make_room(size)
                    self._known += size
                _link_or_copy(path, second)
                with open_folder(new.parent, self._folder) as level:
                    os.replace(second, new.name, dst_dir_fd=level)
                # Renaming one name of a file onto another of the same file does nothing (POSIX).
                second.unlink(missing_ok=True)
            for old, _ in self._files_of(name):
                if old != new:
                    remove(old, within=self._folder)
        except OSError as error:
            raise unwritable(str(self._folder), error) from error

    def close(self) -> None:
        """Bring the folder to its size limit, now that this process adds nothing more."""
        with suppress(OSError), self._guard:
            self._make_room(0)

    def _files_of(self, name: str) -> list[tuple[Path, int]]:
        folder = self._folder / name[:2]
        if folder.is_symlink():
            return []
        with suppress(OSError), os.scandir(folder) as entries:
            found = [_NAME.fullmatch(entry.name) for entry in entries if entry.name.startswith(name)]
            return [(folder / match[0], int(match[2])) for match in found if match]
        return []

    def _make_room(self, size: int) -> None:
        """Remove the least recently used until `size` more bytes fit."""
        self._written = 0
        if self._limit is None:
            return
        with self._locked():
            files = sorted(self._all_files())
            self._known = sum(length for _, length, _ in files)
            for _, length, file in files:
                if self._known + size <= self._limit:
                    break
                remove(file, within=self._folder)
                self._known -= length

    def _all_files(self) -> Iterator[tuple[int, int, Path]]:
        """Time of last use, length and path of each file here."""
        for number in range(256):
            folder = self._folder / f"{number:02x}"
            if folder.is_symlink():
                continue
            with suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(OSError):
                        if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                            status = entry.stat(follow_symlinks=False)
                            yield status.st_atime_ns, status.st_size, folder / entry.name

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time removes files, so that two don't remove twice what is too much."""
        lock = open_regular(self._folder / LOCK, os.O_RDWR | os.O_CREAT, within=self._folder)
        try:
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def unwritable(path: str, error: OSError) -> OutputError:
    """The error of a disk that does not take a song."""
    why = error.strerror or error
    return OutputError(
        f"{path}: fetched audio can't be kept there: {why}; TMPDIR or the audio store's folder must be writable and "
        "large enough"
    )


def _link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name; a second copy where the file system has no such names."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target, follow_symlinks=False)

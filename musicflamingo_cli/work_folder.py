"""A temporary folder of one process's own, gone with it, and cleared by the next one if it was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.files import open_regular

PREFIX = "mfq-work-"
LOCK = "lock"
YOUNG_SECONDS = 60.0
"""A folder without a lock that is younger may be about to get one."""


class WorkFolder:
    """Unused file names in a folder that exists from the first name until `close`.

    Its lock file is held (`flock`) as long as the process lives, so that a folder whose lock can be taken is one that
    nobody uses any more. Thread-safe.
    """

    def __init__(self, parent: Path | None = None) -> None:
        """Name the folder that it is to be made in, and clear that of what killed processes left there.

        None: the system's temporary folder, which `TMPDIR` names. Raises `OutputError` where there is none.
        """
        try:
            self._parent = parent or Path(tempfile.gettempdir())
        except OSError as error:
            raise OutputError(f"TMPDIR: no temporary folder can be made: {error.strerror}") from None
        self._guard = threading.Lock()
        self._folder: Path | None = None
        self._lock = -1
        self._count = 0
        sweep(self._parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def new_path(self, suffix: str) -> Path:
        """A name in the folder that no file has. Raises `OutputError`."""
        with self._guard:
            if self._folder is None:
                try:
                    self._folder, self._lock = _make(self._parent)
                except OSError as error:
                    raise OutputError(
                        f"{self._parent}: no temporary folder can be made there: {error.strerror or error}; TMPDIR "
                        "(or the audio store's folder) must be writable and large enough"
                    ) from None
            self._count += 1
            return self._folder / f"{self._count:08d}{suffix}"

    def close(self) -> None:
        """Remove the folder and all that is still in it."""
        with self._guard:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                os.close(self._lock)
            self._folder, self._lock = None, -1


def sweep(parent: Path) -> None:
    """Remove the folders of processes that are gone."""
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with suppress(OSError):
                    _remove_if_abandoned(Path(entry.path))


def _make(parent: Path) -> tuple[Path, int]:
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = -1
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with suppress(OSError):  # A file system without locks: nobody will ever clear it, and nobody by mistake.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_nlink:  # 0 if another process cleared it before it was locked.
                return folder, lock
        except FileNotFoundError:
            pass
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            if lock >= 0:
                os.close(lock)
            raise
        if lock >= 0:
            os.close(lock)


def _remove_if_abandoned(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        return
    try:
        lock = open_regular(folder / LOCK, os.O_RDWR, within=folder.parent)
    except FileNotFoundError:
        if time.time() - status.st_mtime > YOUNG_SECONDS:
            shutil.rmtree(folder)
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(lock)

"""SHA-256 of large files, taken once: what a file's digest was is remembered until the file changes.

SHA-256 makes 2 GB/s a core with SHA instructions (BLAKE2b: 1.4), so that 16.5 GB take as long as the disk needs for
them. What is remembered stands in a folder of the user's own, not in `--cache-dir`, which others may write to.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import orjson

from musicflamingo_cli.files import open_regular, whole_file

BLOCK = 4 * 1024 * 1024
THREADS = 4
"""Files that are read at a time; hashing lets other threads run."""
MOST_REMEMBERED = 1000
MOST_BYTES = 1024 * 1024
EVERY_SECONDS = 10.0
SETTLED_NS = 10_000_000
"""A file that changed less than this before it was read may change again under the same time stamp."""


def memory_file() -> Path:
    """Return where digests are remembered."""
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(root).expanduser() / "mfq" / "digests" / "sha256.json"


def sha256_of(paths: Sequence[Path], name: str, say: Callable[[str], None]) -> list[str]:
    """Return the SHA-256 of each file, hexadecimal; `say` is told while `name` is read. Raises `OSError`."""
    known, files = _remembered(), [path.resolve() for path in paths]
    facts = [_facts(path) for path in files]
    found = {path: str(known[str(path)][-1]) for path, now in zip(files, facts, strict=True)
             if known.get(str(path), [])[:-1] == now}  # fmt: skip
    missing = [path for path in files if path not in found]
    if not missing:
        return [found[path] for path in files]
    progress = _Progress(sum(path.stat().st_size for path in missing), name, say)
    began = time.time_ns()
    with ThreadPoolExecutor(min(THREADS, len(missing))) as pool:
        try:
            found |= zip(missing, pool.map(progress.digest, missing), strict=True)
        except BaseException:
            progress.stopped.set()
            raise
    for path, before in zip(files, facts, strict=True):
        if path in missing and before == _facts(path) and max(before[1:3]) < began - SETTLED_NS:
            known.pop(str(path), None)
            known[str(path)] = [*before, found[path]]
    _remember(known)
    return [found[path] for path in files]


class _Progress:
    """Reads files in several threads and says how far they are."""

    def __init__(self, total: int, name: str, say: Callable[[str], None]) -> None:
        self._total, self._name, self._say = total, name, say
        self._lock = threading.Lock()
        self._done = 0
        self._began = self._told = time.monotonic()
        self.stopped = threading.Event()
        say(f"reading the weights of {name} for their digest ({total / 1e9:.1f} GB): once, until they change")

    def digest(self, path: Path) -> str:
        """Return the digest of one file."""
        digest, block = hashlib.sha256(), bytearray(BLOCK)
        with path.open("rb", buffering=0) as file:
            while (size := file.readinto(block)) and not self.stopped.is_set():
                digest.update(memoryview(block)[:size])
                self._tell(size)
        return digest.hexdigest()

    def _tell(self, size: int) -> None:
        with self._lock:
            self._done += size
            now = time.monotonic()
            if now - self._told < EVERY_SECONDS:
                return
            self._told = now
            rate = self._done / (now - self._began)
        self._say(
            f"reading the weights of {self._name}: {self._done / 1e9:.1f} of {self._total / 1e9:.1f} GB, "
            f"{rate / 1e9:.2f} GB/s, {(self._total - self._done) / rate:.0f} s to go"
        )


def _facts(path: Path) -> list[int]:
    """Size, times of change (of the content; of anything) and inode: together they change with the content."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _remembered() -> dict[str, list[int | str]]:
    """Return what is remembered; nothing from a file or a folder that anybody else can write to."""
    path = memory_file()
    try:
        for status in (path.parent.stat(), path.lstat()):
            if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return {}
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            known = orjson.loads(file.read(MOST_BYTES))
        return {str(name): list(facts) for name, facts in known.items() if len(facts) == 5}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(known: dict[str, list[int | str]]) -> None:
    path = memory_file()
    newest = dict(list(known.items())[-MOST_REMEMBERED:])
    with suppress(OSError):  # read-only, full: it is read again next time
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with whole_file(path, within=path.parent) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(orjson.dumps(newest))

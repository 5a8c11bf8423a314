"""Outputs that appear whole, all of them or none: where they may stand, and parts that take their places at the end.

They stand beside what is there, never in place of a folder or of what is read.
"""

from __future__ import annotations

import fcntl
import filecmp
import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from musicflamingo_cli.errors import OutputError, UsageError
from musicflamingo_cli.files import PART, sync_folder
from musicflamingo_cli.results.write.formats import STDOUT, stale_parts

OLD = f".old{PART}"
"""End of the name that a folder has between being set aside and being replaced."""


def check_folder(name: str) -> None:
    """Refuse to replace a folder that holds anything but partitions. Raises `UsageError`."""
    target = Path(name).resolve()
    if target.exists() and not target.is_dir():
        raise UsageError(f"-o {name} is a file; --partition-by writes a folder")
    for path in sorted(target.rglob("*")):
        pieces = path.relative_to(target).parts
        ours = len(pieces) == 2 and "=" in pieces[0] and pieces[1].startswith("part-") and path.suffix == ".parquet"
        if path.is_symlink() or (path.is_file() and not ours):
            raise UsageError(f"-o {name} holds {'/'.join(pieces)}, which is no partition; name another folder")


def check_outputs(
    outputs: Sequence[tuple[str, str | None]], inputs: Sequence[str | None], *, folder: str | None = None
) -> None:
    """Refuse an output without a folder, that is a folder, or that is an input or another output.

    Args:
        outputs: Flags and the names after them.
        inputs: What is read.
        folder: The flag whose output is a folder.

    Raises:
        UsageError: With the flag and the name.
    """
    seen = {Path(name).resolve(): f"the input {name}" for name in inputs if name}
    for flag, name in outputs:
        if name is None:
            continue
        straight = name in STDOUT
        place = Path("-") if straight else Path(name).resolve()
        if not straight and not place.parent.is_dir():
            raise UsageError(f"{flag} {name}: there is no folder {place.parent}; make it first")
        if not straight and place.is_dir() and flag != folder:
            raise UsageError(f"{flag} {name} is a folder; name a file in it")
        clash = next((what for path, what in seen.items() if path == place or path in place.parents), None)
        if clash and not (place.exists() and not place.is_file() and not place.is_dir()):
            raise UsageError(f"{flag} {name}: that is {clash}, or in it; name another place")
        seen[place] = f"the output of {flag}"


class Outputs:
    """Files and folders that are written under part names and take their places together at the end.

    Leaving with an exception removes the parts; whatever stood there before is untouched.
    """

    def __init__(self, *, if_changed: bool = False) -> None:
        self._if_changed = if_changed
        self._waiting: list[tuple[Path, Path]] = []
        self._straight: list[tuple[Path, str]] = []
        self._locks: list[int] = []
        self.unchanged: list[str] = []
        """Outputs that stayed as they were, as they were equal."""

    def part(self, name: str, work: Path, *, folder: bool = False) -> Path:
        """Make an empty file or folder to write an output to, and return it.

        One for standard output, a device or a FIFO is spooled in `work`. Raises `OSError`.
        """
        target = Path(name).resolve()
        if name in STDOUT or (target.exists() and not target.is_file() and not target.is_dir()):
            # Renaming would put a file in the place of the device.
            spool = work / f"straight{len(self._straight)}"
            self._straight.append((spool, name))
            return spool
        for old in stale_parts(target):
            with suppress(OSError):
                _sweep(old, target)
        part = target.with_name(f".{target.name[:60]}.{secrets.token_hex(4)}{PART}")
        self._waiting.append((part, target))
        part.mkdir() if folder else part.touch(exist_ok=False)
        handle = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
        self._locks.append(handle)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return part

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, _: TracebackType | None
    ) -> None:
        where = ", ".join(str(target) for _, target in self._waiting) or "the output"
        try:
            if isinstance(problem, OSError) and not isinstance(problem, BrokenPipeError):
                raise problem
            if kind is None:
                for part, target in self._waiting:
                    where = str(target)
                    self._settle(part, target)
                for spool, name in self._straight:
                    where = "standard output" if name in STDOUT else name
                    _pour(spool, name)
        except BrokenPipeError:
            raise
        except OSError as trouble:
            raise OutputError(f"could not write {where}: {trouble.strerror or trouble}") from None
        finally:
            for part, _target in self._waiting:
                _remove(part)
            for handle in self._locks:
                os.close(handle)

    def _settle(self, part: Path, target: Path) -> None:
        if self._if_changed and _same(part, target):
            self.unchanged.append(str(target))
            return
        for path in [part, *part.rglob("*")] if part.is_dir() else [part]:
            _sync(path)
        old = part.with_name(f"{part.name}{OLD}")
        if part.is_dir() and target.is_dir():
            target.rename(old)
        try:
            part.replace(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
        _remove(old)
        sync_folder(target.parent)


def _sweep(old: Path, target: Path) -> None:
    """Remove what a killed run left beside an output; what it had set aside and not yet replaced comes back."""
    if old.name.endswith(OLD):
        if _is_held(old.with_name(old.name.removesuffix(OLD))):
            return
        if not target.exists():
            old.rename(target)
            return
    if not _is_held(old):
        _remove(old)


def _is_held(part: Path) -> bool:
    """Return whether the writer of a part lives, which its lock tells. Raises `OSError`."""
    if not part.exists():
        return False
    handle = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _pour(spool: Path, name: str) -> None:
    with spool.open("rb") as file:
        if name in STDOUT:
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        with Path(name).open("wb") as straight:
            shutil.copyfileobj(file, straight)


def _same(one: Path, other: Path) -> bool:
    if one.is_file():
        return other.is_file() and filecmp.cmp(one, other, shallow=False)
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    if not other.is_dir() or files != sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file()):
        return False
    return all(filecmp.cmp(one / p, other / p, shallow=False) for p in files)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

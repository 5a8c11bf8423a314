"""Where inference and scoring meet: one JSON file per song, with the raw replies.

A folder holds what was answered under one set of settings; `run.json` in it says which. A file is written whole
(part file, fsync, rename) and carries a checksum, so that a torn, altered or foreign file is never taken for an answer.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from musicflamingo_cli.cache_entry import Entry, decode_entry, encodable, encode_entry
from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.files import PART, open_folder, read_regular, sweep_part, write_whole

MAX_ENTRY_BYTES = 64 * 1024 * 1024
MAX_NAME = 120
"""A file name longer than this (before `.json`) is cut and ends in a hash."""
LEVELS, COUNTED = 256, 1000
"""Sub-folders of a cache folder; so many entries in the first of them tell how many there are in all."""
LACKING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT}
"""What a file could not be opened for that says nothing of it: a reply that was paid for may be there."""
PLAIN = re.compile(r"[a-z0-9_-]*")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


class Cache:
    """The entries of one set of settings."""

    def __init__(self, root: Path, name: str, settings: Mapping[str, object]) -> None:
        """`root` is the cache folder of the user; `name` leads the folder's name; `settings` decide the folder."""
        body = orjson.dumps(encodable(settings), option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(body).hexdigest()[:12]
        self.root = root
        """What a person chose; it may be a link, what lies in it may not."""
        self.folder = root / f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', name)[:60]}-{digest}"
        self._settings = encodable(dict(settings))
        self._real: set[str] = set()

    def open(self) -> None:
        """Make the folder and its readable `run.json`. Raises `OutputError` if that can't be written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.check()
            card = self.folder / "run.json"
            if card.is_symlink() or not card.is_file():
                raw = orjson.dumps(self._settings, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
                write_whole(card, raw, within=self.root)
        except OSError as problem:
            raise OutputError(f"cache {self.folder}: {problem.strerror}; name another with --cache-dir") from None

    def check(self) -> None:
        """Raise `OutputError` if another folder stands in this one's place: a link, which may lead anywhere."""
        if self.folder.is_symlink():
            raise OutputError(f"cache {self.folder}: it is a link; of a cache only the folder --cache-dir may be one")

    def path(self, song_id: str) -> Path:
        """Return the file of a song. No id leads out of the folder and no two ids share a file."""
        return self.folder / entry_name(song_id)

    def get(self, song_id: str) -> Entry | None:
        """Return a song's entry, or None if there is none that is whole, its own and of this format.

        Raises `OutputError` if the system can't open files now.
        """
        name = entry_name(song_id)
        raw = _read(f"{self.folder}/{name}") if self._is_real(name[:2]) else None
        return None if raw is None else decode_entry(raw, song_id)

    def _is_real(self, level: str) -> bool:
        """Say if a level is a folder of this cache, and no link. Looked at once: what is read is held to a checksum."""
        if level not in self._real:
            try:
                with open_folder(self.folder / level, self.root):
                    self._real.add(level)
            except OSError as problem:
                _check_lacking(self.folder / level, problem)
        return level in self._real

    def put(self, entry: Entry) -> None:
        """Write an entry; one with replies durably, for they were paid for. Raises `OutputError` with the path."""
        path = self.path(entry.song_id)
        data, durable = encode_entry(entry), bool(entry.replies)
        try:
            try:
                write_whole(path, data, durable=durable, within=self.root)
            except FileNotFoundError:
                with open_folder(self.folder, self.root) as folder, suppress(FileExistsError):
                    os.mkdir(path.parent.name, dir_fd=folder)
                write_whole(path, data, durable=durable, within=self.root)
            except IsADirectoryError:
                with open_folder(path.parent, self.root) as level:
                    os.rename(path.name, f"{path.name}.foreign-{os.getpid()}", src_dir_fd=level, dst_dir_fd=level)
                write_whole(path, data, durable=durable, within=self.root)
        except OSError as problem:
            raise OutputError(f"cache file {path}: {problem.strerror}; what was answered before is kept") from None

    def entries(self) -> int:
        """Return about how many songs the folder holds: from all of it if they are few, else from a part."""
        found, level = 0, 0
        while level < LEVELS and found < COUNTED:
            with suppress(OSError), os.scandir(self.folder / f"{level:02x}") as names:
                found += sum(1 for _ in names)
            level += 1
        return found * LEVELS // level

    def sweep(self, older_than_seconds: float = 0.0) -> int:
        """Remove part files that a killed run left behind; return how many."""
        swept = 0
        before = time.time() - older_than_seconds
        for part in self.folder.glob(f"**/.*{PART}"):
            try:
                if part.lstat().st_mtime <= before:
                    swept += sweep_part(part, within=self.root)
            except OSError:
                continue
        return swept


def folders(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield (folder, its run.json) of every set of settings under a cache root."""
    for card in sorted(root.glob("*/run.json")):
        raw = _read(card, root)
        try:
            settings = orjson.loads(raw or b"")
        except orjson.JSONDecodeError:
            continue
        if isinstance(settings, dict):
            yield card.parent, settings


def entry_in(folder: Path, song_id: str) -> Entry | None:
    """Return a song's entry from a folder that `folders` gave."""
    raw = _read(folder / entry_name(song_id), folder.parent)
    return None if raw is None else decode_entry(raw, song_id)


def entry_name(song_id: str) -> str:
    """Return the name of a song's file in its folder, two hexadecimal digits first."""
    return f"{hashlib.sha256(song_id.encode()).hexdigest()[:2]}/{escaped(song_id)}.json"


def escaped(song_id: str) -> str:
    """Return an id as a file name: injective, safe on file systems that fold case or Unicode, at most 120 characters.

    Lower-case letters, digits, `_` and `-` stand for themselves; every other byte of the UTF-8 becomes `%xx`.
    """
    name = song_id
    if not PLAIN.fullmatch(song_id):
        name = "".join(chr(b) if PLAIN.fullmatch(chr(b)) else f"%{b:02x}" for b in song_id.encode())
    if RESERVED.match(name):
        name = f"%{ord(name[0]):02x}{name[1:]}"
    if len(name) > MAX_NAME:
        name = f"{name[: MAX_NAME - 66]}~{hashlib.sha256(song_id.encode()).hexdigest()}"
    return name


def _read(path: Path | str, root: Path | None = None) -> bytes | None:
    """Return a regular file's bytes; None for anything else (links, FIFOs, folders, files beyond all reason).

    Raises `OutputError` if the system can't open files now, for then nobody knows.
    """
    try:
        return read_regular(path, MAX_ENTRY_BYTES, within=root)
    except OSError as problem:
        _check_lacking(path, problem)
        return None


def _check_lacking(path: Path | str, problem: OSError) -> None:
    if problem.errno in LACKING:
        raise OutputError(f"cache file {path}: {problem.strerror}") from None

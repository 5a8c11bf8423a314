"""Audio files themselves as a manifest: a folder, a glob pattern, or one file."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.container import Container, shown, spool
from musicflamingo_cli.intake.manifest.rows import Raw

_SUFFIXES = """
    aac ac3 aif aifc aiff alac ape au caf flac m4a m4b mka mp2 mp3 mp4 mpga oga ogg opus snd w64 wav wave webm wma wv
"""
AUDIO_SUFFIXES = frozenset("." + suffix for suffix in _SUFFIXES.split())
"""What counts as an audio file in a folder; whether it is one, the decoder finds out."""

FoundFile = tuple[str, str]
"""Path relative to the root, and why it can't be used ("" if it can)."""


def spool_files(files: Iterable[FoundFile], name: str) -> Container:
    """A list of audio files, taken once, so that every pass sees the same ones."""
    # JSON in ASCII: a file name may hold anything, also bytes that are no text.
    lines = (json.dumps(file).encode() + b"\n" for file in files)
    return Container(spool(lines, name), name)


def file_rows(files: Container) -> Iterator[Raw]:
    """A row a file; its id and its audio are the path relative to the root, with forward slashes."""
    with files.reader() as reader:
        for number, line in enumerate(reader, 1):
            path, problem = json.loads(line)
            yield number, None if problem else {"id": path, "audio": path}, problem


def is_audio_name(name: str) -> bool:
    """True if the suffix says audio."""
    return os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES  # noqa: PTH122 - three times as fast as Path


def walk_folder(root: str) -> Iterator[FoundFile]:
    """The audio files under `root` in the order of their names; hidden names and links to folders are passed over."""
    pending = [iter(_listed(root, ""))]
    while pending:
        found = next(pending[-1], None)
        if found is None:
            pending.pop()
        elif found[1] or not found[0].endswith("/"):
            yield found
        else:
            pending.append(iter(_listed(root, found[0])))


def _listed(root: str, folder: str) -> list[FoundFile]:
    """The sub-folders (a slash ends their names) and audio files of one folder, sorted."""
    found: list[FoundFile] = []
    try:
        with os.scandir(Path(root) / folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    found.append((f"{folder}{entry.name}/", ""))
                elif is_audio_name(entry.name) and not entry.is_dir():
                    found.append(_file(folder + entry.name))
    except OSError as error:
        if not folder:
            raise UsageError(f"{shown(root)} can't be listed: {error.strerror}") from error
        return [(folder, f"the folder {shown(folder)} can't be listed ({error.strerror})")]
    return sorted(found)


def _file(path: str) -> FoundFile:
    try:
        path.encode()
    except UnicodeEncodeError:
        return path, f"the file name {shown(path)} is not UTF-8; rename it"
    return path, ""


def is_pattern(source: str) -> bool:
    """True if `source` holds a wildcard."""
    return glob.has_magic(source)


def expand_pattern(pattern: str) -> tuple[str, list[FoundFile]]:
    """The folder in front of the first wildcard, and the audio files that match, sorted and relative to it.

    `**` stands for any folders that are no links, so that a link that leads back up gives no file twice; a name that
    begins with a dot is matched only by a pattern that begins with one.
    """
    parts = Path(pattern).parts
    magic = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    root = Path(*parts[:magic]) if magic else Path()
    wanted = [part if part == "**" else part.replace("**", "*") for part in parts[magic:]]
    if wanted[-1] == "**":
        wanted.append("*")
    dotted = any(part.startswith(".") and part != ".." for part in wanted)
    matches = {
        str(path)
        for match in root.glob("/".join(wanted))
        if is_audio_name(match.name) and not match.is_dir()
        for path in (match.relative_to(root),)
        if dotted or not any(part.startswith(".") and part != ".." for part in path.parts)
    }
    return str(root), [_file(path) for path in sorted(matches)]

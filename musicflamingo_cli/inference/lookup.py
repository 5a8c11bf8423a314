"""What of a song is already in the cache, and what is still to be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from musicflamingo_cli.cache import Entry
from musicflamingo_cli.inference.conversation import prompt_hash, render
from musicflamingo_cli.intake.fingerprints import fingerprint, same_file
from musicflamingo_cli.records import MEASURES_VERSION, Failure, Pack, Song

State = Literal["hit", "failed", "hear", "measure"]
"""A reply that counts; a failure that is remembered; to be heard and answered; to be measured only."""


@dataclass(frozen=True, slots=True)
class Found:
    """A song beside what the cache holds of it."""

    song: Song
    prompt: str
    system: str | None
    digest: str
    """Hash of the rendered prompt."""
    state: State
    entry: Entry | None = None
    changed: bool = False
    """True if `entry` differs from what is on disk and should be written."""


@dataclass(frozen=True, slots=True)
class LookupRules:
    """When a cached entry counts."""

    measures: Literal["basic", "all"] = "basic"
    refresh: bool = False
    """Ask again, whatever is cached."""
    retry_all: bool = False
    """Try again also what can't pass."""
    verify_audio: bool = False
    """Read every file to compare its content, also where size and time say that it is unchanged."""


def look_up(song: Song, pack: Pack, get: Callable[[str], Entry | None], rules: LookupRules) -> Found:
    """Say what is to be done for a song. Reads its cache entry and, only if the file's facts changed, the file."""
    prompt, system = render(pack, song)
    found = Found(song, prompt, system, prompt_hash(prompt, system), "hear", get(song.song_id))
    entry = found.entry
    if entry is None or rules.refresh:
        return found
    same_prompt = entry.prompt_hash == found.digest or (entry.failure is not None and entry.failure.stage == "intake")
    lasting = entry.failure is not None and not entry.failure.transient and same_prompt and not rules.retry_all
    if lasting and entry.failed_file is not None and entry.failed_file == file_facts(song.path):
        return replace(found, state="failed")
    if entry.replies and entry.heard and entry.prompt_hash == found.digest:
        return _match_audio(found, entry, rules)
    return found


def file_facts(path: str) -> tuple[str, int, int] | None:
    """Return (path, size, mtime_ns) of a file, or None if there is none."""
    try:
        facts = Path(path).stat()
    except (OSError, ValueError):
        return None
    return path, facts.st_size, facts.st_mtime_ns


def _match_audio(found: Found, entry: Entry, rules: LookupRules) -> Found:
    heard = entry.heard
    if heard is None:
        return found
    if rules.verify_audio or not same_file(found.song.path, heard.fingerprint):
        now = fingerprint(found.song.path)
        if isinstance(now, Failure):
            failed = replace(entry, failure=now, failed_file=file_facts(found.song.path))
            return replace(found, state="failed", entry=failed, changed=True)
        if now.sha256 != heard.fingerprint.sha256:
            return found
        heard = replace(heard, fingerprint=now)
    kept = replace(entry, heard=heard, failure=None, failed_file=None)
    fresh = heard.measured == "all" or rules.measures == "basic"
    state: State = "hit" if fresh and entry.measures_version == MEASURES_VERSION else "measure"
    return replace(found, state=state, entry=kept, changed=kept != entry)

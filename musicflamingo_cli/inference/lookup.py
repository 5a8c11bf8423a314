"""What of a song is already in the cache, and what is still to be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from musicflamingo_cli.cache_entry import Entry
from musicflamingo_cli.inference.pairs import of_part, with_fingerprints
from musicflamingo_cli.inference.prompt import prompt_hash, render
from musicflamingo_cli.intake.audio.fingerprint import fingerprint, same_file
from musicflamingo_cli.intake.fetch.urls import UrlKey, is_url, url_facts, url_key
from musicflamingo_cli.intake.settings import IntakeSettings
from musicflamingo_cli.measures import MEASURES_VERSION
from musicflamingo_cli.records import Failure, Fingerprint, LoadedAudio, Pack, Song

LOUDNESS_RATE = 32_000
"""Hz. Below it the loudness of versions 1 and 2 differs."""
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

    intake: IntakeSettings = field(default_factory=IntakeSettings)
    """What songs are heard for, and within which limits: a remembered failure belongs to them."""
    refresh: bool = False
    """Ask again, whatever is cached."""
    retry: Literal["transient", "unreadable", "all"] = "transient"
    """What to try again: failures that can pass; also replies that can't be read; or failures that can't pass too."""
    verify_audio: bool = False
    """Read every file to compare its content, also where size and time say that it is unchanged."""

    @property
    def url_key(self) -> UrlKey:
        """What of a URL tells one song from another."""
        return self.intake.fetching.url_key

    def failed(self, entry: Entry, failure: Failure, path: str) -> Entry:
        """The entry of a song that failed now: with it stands all that the failure is remembered against."""
        under = self.intake.remembered_under(path) or ""
        return replace(entry, failure=failure, failed_file=file_facts(path, self.url_key), failed_under=under)

    def remembers(self, entry: Entry, path: str) -> bool:
        """Whether a failure that can't pass still counts: the same file, or URL, under the same settings."""
        if entry.failure is None or entry.failure.transient or self.retry == "all" or entry.failed_file is None:
            return False
        under = self.intake.remembered_under(path)
        return entry.failed_file == file_facts(path, self.url_key) and under in (None, entry.failed_under)


def look_up(song: Song, pack: Pack, get: Callable[[str], Entry | None], rules: LookupRules) -> Found:
    """Say what is to be done for a song. Reads its cache entry and, only if the file's facts changed, the file."""
    prompt, system = render(pack, song)
    found = Found(song, prompt, system, prompt_hash(prompt, system), "hear", get(song.song_id))
    entry = found.entry
    if entry is None or rules.refresh:
        return found
    same_prompt = entry.prompt_hash == found.digest or (entry.failure is not None and entry.failure.stage == "intake")
    if same_prompt and any(rules.remembers(entry, one.path) for one in song.parts):
        return replace(found, state="failed")
    if entry.replies and entry.heard and entry.prompt_hash == found.digest:
        return _match_audio(found, entry, rules)
    return found


def file_facts(path: str, key: UrlKey) -> tuple[str, int, int] | None:
    """Return (path, size, mtime_ns) of a file, or None if there is none; of a URL what stands for it."""
    if is_url(path):
        return url_facts(path, key)
    try:
        facts = Path(path).stat()
    except (OSError, ValueError):
        return None
    return path, facts.st_size, facts.st_mtime_ns


def _match_audio(found: Found, entry: Entry, rules: LookupRules) -> Found:
    """Hold the audio that a reply is about to what lies there now."""
    heard = entry.heard
    if heard is None:
        return found
    current: list[Fingerprint | None] = []
    for number, (song, part) in enumerate(zip(found.song.parts, heard.parts, strict=False)):
        now = _current(song.path, part.fingerprint, rules)
        if isinstance(now, Failure):
            failure = of_part(now, found.song, number)
            return replace(found, state="failed", entry=rules.failed(entry, failure, song.path), changed=True)
        if now is not None and now.sha256 != part.fingerprint.sha256:
            return found
        current.append(now)
    known = [now or part.fingerprint for now, part in zip(current, heard.parts, strict=False)]
    if known != [part.fingerprint for part in heard.parts]:
        heard = with_fingerprints(heard, known)
        entry = replace(entry, heard=heard)
    kept = _without_failure(entry)
    state: State = "measure" if None in current else _hit_or_measure(heard, entry, rules)
    return replace(found, state=state, entry=kept, changed=kept is not found.entry)


def _current(path: str, known: Fingerprint, rules: LookupRules) -> Fingerprint | Failure | None:
    """Return what a path or URL holds now; None where only its content, fetched again, would tell."""
    if is_url(path):
        same = url_key(path, rules.url_key) == known.path
        return known if same and not rules.verify_audio else None
    return fingerprint(path) if rules.verify_audio or not same_file(path, known) else known


def _without_failure(entry: Entry) -> Entry:
    """Return an entry whose replies count again; the same one if no failure stood before them."""
    if (entry.failure, entry.failed_file, entry.failed_under) == (None, None, ""):
        return entry
    return replace(entry, failure=None, failed_file=None, failed_under="")


def _hit_or_measure(heard: LoadedAudio, entry: Entry, rules: LookupRules) -> State:
    if rules.intake.plan.measures == "all":
        return "hit" if heard.measured == "all" and entry.measures_version == MEASURES_VERSION else "measure"
    # What is always measured came out alike before, but for low rates, and for what version 1 took otherwise.
    alike = {"1": heard.channels <= 2 and "truncated_file" not in heard.flags, "2": True}
    as_before = alike.get(entry.measures_version, False) and heard.sample_rate >= LOUDNESS_RATE
    return "hit" if as_before or entry.measures_version == MEASURES_VERSION else "measure"

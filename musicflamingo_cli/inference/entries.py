"""What was answered, written into the cache as soon as it exists."""

from __future__ import annotations

from dataclasses import replace

from musicflamingo_cli.cache import Cache
from musicflamingo_cli.cache_entry import Entry
from musicflamingo_cli.inference.lookup import Found, LookupRules
from musicflamingo_cli.inference.progress import Progress
from musicflamingo_cli.inference.second_try import SecondTry
from musicflamingo_cli.measures import MEASURES_VERSION
from musicflamingo_cli.records import Failure, LoadedAudio, PairFailure, Reply, Request


class Entries:
    """Writes an entry for every song that goes to the engine, and one for every song that can't."""

    def __init__(self, cache: Cache, run: str, rules: LookupRules, second: SecondTry, progress: Progress) -> None:
        self._cache, self._run, self._rules, self._second, self._progress = cache, run, rules, second, progress
        self._in_work: dict[str, Found] = {}
        self.songs = 0
        """Songs that the engine answered."""
        self.asked_again = 0
        """Replies that could not be read and were asked for once more."""

    def request(self, found: Found, heard: LoadedAudio) -> Request:
        """Return what the engine is asked for a song; it is in work from now on."""
        self._in_work[found.song.song_id] = found
        request = Request(found.song.song_id, found.prompt, heard, found.system)
        return self._second.request(request) if found.state == "hit" else request

    def answered(self, request: Request, answer: Reply | Failure) -> Request | None:
        """Write what was answered. Returns the second try of a reply that can't be read; it is written, too."""
        found = self._in_work[request.song_id]
        heard = replace(request.heard, clip=None)
        earlier = found.entry.replies if request.second_try and found.entry else ()
        self.asked_again += request.second_try
        self.songs += not request.second_try
        if isinstance(answer, Failure) and not earlier:
            self.failed(self._in_work.pop(request.song_id), answer, heard)
            return None
        due = not request.second_try and self._second.is_due(request.prompt, answer)
        entry = Entry(
            song_id=request.song_id,
            prompt_hash=found.digest,
            heard=heard,
            replies=earlier if isinstance(answer, Failure) else (*earlier, answer),
            run=self._run,
            measures_version=MEASURES_VERSION,
            due=due,
        )
        self._cache.put(entry)
        if due:
            self._in_work[request.song_id] = replace(found, entry=entry)
            return self._second.request(request)
        self._in_work.pop(request.song_id)
        paid = entry.replies[1:] if found.state == "hit" else entry.replies
        tokens = sum(reply.generated_tokens or 0 for reply in paid)
        self._progress.finished(found.song.song_id, heard=heard, tokens=tokens)
        return None

    def failed(self, found: Found, failure: Failure, heard: LoadedAudio | None) -> None:
        """Write why a song has no answer; replies of an earlier run stay."""
        old = found.entry
        new = Entry(found.song.song_id, found.digest, heard=heard, measures_version=MEASURES_VERSION)
        entry = old if old is not None and old.replies else new
        at_fault = found.song.parts[failure.part if isinstance(failure, PairFailure) else 0]
        failed = self._rules.failed(entry, failure, at_fault.path)
        self._cache.put(replace(failed, run=self._run))
        self._progress.finished(found.song.song_id, failure=failure, heard=heard)

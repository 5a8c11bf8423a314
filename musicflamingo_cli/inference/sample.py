"""The first songs of a run as an engine would be given them, for trying it out beside the cache."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice

from musicflamingo_cli.inference.lookup import LookupRules, look_up
from musicflamingo_cli.inference.sources import Source, Sources
from musicflamingo_cli.intake.audio.pool import DecodePool
from musicflamingo_cli.intake.audio.settings import AudioPlan
from musicflamingo_cli.intake.fetch.settings import FetchSettings
from musicflamingo_cli.records import Failure, Pack, Request, Song


def first_requests(
    songs: Iterable[Song], count: int, pack: Pack, plan: AudioPlan, fetching: FetchSettings, workers: int
) -> list[Request]:
    """Hear songs in their order until `count` can be asked about; those that can't be heard are passed over."""
    sources = Sources(fetching)
    todo = (look_up(song, pack, lambda _: None, LookupRules()) for song in songs)

    def local() -> Iterator[tuple[Source, str]]:
        for part, fetched in sources.local(todo):
            if not isinstance(fetched, Failure):
                yield (part, fetched), fetched.path

    requests: list[tuple[int, Request]] = []
    with ExitStack() as stack:
        pool = stack.enter_context(DecodePool(workers, plan))
        stack.callback(sources.close)
        for source, raw in pool.load(islice(local(), 2 * count)):
            heard, (found, _) = sources.heard(source, raw), source[0]
            if not isinstance(heard, Failure):
                request = Request(found.song.song_id, found.prompt, heard, found.system)
                requests.append((found.song.manifest_row, request))
    return [request for _, request in sorted(requests, key=lambda pair: pair[0])[:count]]

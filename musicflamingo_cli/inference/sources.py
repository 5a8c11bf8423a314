"""Songs on their way into the decode workers: local files as they are, URLs fetched first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from musicflamingo_cli.inference.lookup import Found
from musicflamingo_cli.intake.fetch.settings import Fetched, FetchSettings
from musicflamingo_cli.intake.fetch.urls import is_url, url_key
from musicflamingo_cli.records import Failure, LoadedAudio, Song

if TYPE_CHECKING:
    from musicflamingo_cli.intake.fetch.fetcher import Fetcher

Part = tuple[Found, Song]
"""What is looked for an answer of, and the song of it that is to be heard: itself, or one of a pair."""
Source = tuple[Part, Fetched]
"""A song, and where its audio lies on this machine."""


class Sources:
    """Fetches what must be fetched; nothing is opened before the first URL."""

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings
        self._fetcher: Fetcher | None = None

    def local(self, todo: Iterable[Found]) -> Iterator[tuple[Part, Fetched | Failure]]:
        """Yield each song with its audio on this machine, or why it could not be had; in the order they are there."""
        parts = ((found, song) for found in todo for song in found.song.parts)
        for part in parts:
            path = part[1].path
            if not is_url(path):
                yield part, Fetched(path, path, temporary=False)
                continue
            from musicflamingo_cli.intake.fetch.fetcher import Fetcher  # its client takes a while to import

            self._fetcher = Fetcher(self._settings)
            yield from self._fetcher.fetch_ahead((one, one[1].path) for one in chain([part], parts))

    def close(self) -> None:
        """End what is being fetched, from any thread, and remove what is left of it."""
        if self._fetcher is not None:
            self._fetcher.close()

    def heard(self, source: Source, got: LoadedAudio | Failure) -> LoadedAudio | Failure:
        """Remove what was only fetched to be heard; a URL's fingerprint carries the URL's key in place of a path."""
        (_, song), fetched = source
        if fetched.temporary:
            Path(fetched.path).unlink(missing_ok=True)
        if isinstance(got, Failure) or not is_url(song.path):
            return got
        key = url_key(song.path, self._settings.url_key)
        return replace(got, fingerprint=replace(got.fingerprint, path=key, mtime_ns=0))

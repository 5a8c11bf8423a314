"""Audio by http and https: fetched to this machine, within limits, from public addresses only.

A song's trouble is a value. The way of one song: `urls` (taken apart) -> `store` (kept already?) -> `client` (attempts)
over `network` (checked addresses) -> `content` (audio at all?).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar

from musicflamingo_cli.intake.fetch.ahead import DownloadWindow
from musicflamingo_cli.intake.fetch.client import Client, Download, TransientError
from musicflamingo_cli.intake.fetch.content import check_file
from musicflamingo_cli.intake.fetch.network import Clock, FetcherClosed
from musicflamingo_cli.intake.fetch.settings import Fetched, FetchSettings
from musicflamingo_cli.intake.fetch.store import AudioStore, unwritable
from musicflamingo_cli.intake.fetch.urls import Target, parse, store_name
from musicflamingo_cli.intake.reasons import IntakeError
from musicflamingo_cli.records import Failure
from musicflamingo_cli.work_folder import WorkFolder

__all__ = ["FetchSettings", "Fetched", "Fetcher", "FetcherClosed"]

T = TypeVar("T")

BACKOFF_SECONDS = 1.0
"""Pause after the first vain attempt; it doubles with each further one."""
BACKOFF_MOST = 30.0
ASKED_MOST = 120.0
"""Retry-After that is waited for; a host that asks for more gets no further attempt at this song."""
PROGRESS_BYTES = 1 << 20
"""An attempt that brought so much of a song that can be resumed was not in vain."""


class Fetcher(AbstractContextManager["Fetcher"]):
    """Fetches songs. Thread-safe; a context manager, at whose end connections, threads and temporary files are gone.

    Nothing is opened before the first URL.
    """

    def __init__(self, settings: FetchSettings) -> None:
        """Set up; raises `UsageError` for a host that is not HOST:PORT and `OutputError` for a store that can't be."""
        self._settings = settings
        self._client = Client(settings)
        store = settings.store_dir
        self._store = None if store is None else AudioStore(Path(store), settings.store_bytes)
        self._folder = WorkFolder(None if store is None else Path(store))
        self._lock = threading.Lock()
        self._windows: list[DownloadWindow[Any]] = []

    def fetch(self, url: str) -> Fetched | Failure:
        """Fetch one song, or take it from the store. A path that is no URL is `unsupported_source`.

        Raises:
            OutputError: the disk does not take it.
            FetcherClosed: `close` was called.
        """
        try:
            target = parse(url)
            path = self._folder.new_path(".audio")
            name = store_name(target, self._settings.url_key)
            if self._store is None or not self._store.take(name, path):
                try:
                    with path.open("xb+", buffering=0) as file:
                        length = self._download(target, file)
                        check_file(file.fileno(), length)
                    if self._store is not None:
                        self._store.keep(name, path, length)
                except BaseException:
                    path.unlink(missing_ok=True)
                    raise
        except IntakeError as error:
            return error.failure
        except OSError as error:  # Those of the network have become other exceptions.
            raise unwritable(str(path), error) from error
        return Fetched(target.shown, str(path), temporary=True)

    def fetch_ahead(self, items: Iterable[tuple[T, str]]) -> Iterator[tuple[T, Fetched | Failure]]:
        """Fetch (key, audio) pairs, several at a time and ahead of the consumer; yields in the order they are done.

        What is no URL passes untouched, as not temporary. `items` is drawn from by a thread of the fetcher's; what it
        raises is raised here, after the songs before it. Raises what `fetch` raises.
        """
        settings = self._settings
        if self._client.network.closed.is_set():
            raise FetcherClosed
        window = DownloadWindow(items, self.fetch, max(1, settings.per_host), max(1, settings.parallel))
        with self._lock:
            self._windows.append(window)
        try:
            yield from window.results()
        finally:
            window.stop()
            window.join()
            with self._lock:
                self._windows.remove(window)

    def close(self) -> None:
        """End all that is going on, from any thread, and remove every temporary file. Harmless a second time."""
        self._client.network.close()
        with self._lock:
            windows = list(self._windows)
        for window in windows:
            window.stop()
        for window in windows:
            window.join()
        self._client.close()
        if self._store is not None:
            self._store.close()
        self._folder.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _download(self, target: Target, file: FileIO) -> int:
        """Try until the song is there or no attempt is left. Returns its length, bytes. Raises `IntakeError`."""
        hosts, closed = self._client.hosts, self._client.network.closed
        clock = Clock(time.monotonic() + self._settings.total_seconds)
        download = Download(self._client, target, file, clock)
        vain = best = 0
        while True:
            try:
                download.attempt()
                hosts.note(target.authority, reached=True)
                return download.length
            except IntakeError as verdict:
                if verdict.failure.reason != "network":
                    hosts.note(target.authority, reached=True)
                raise
            except TransientError as trouble:
                gained, best = download.length - best, max(best, download.length)
                vain = 0 if gained >= PROGRESS_BYTES else vain + 1
                pause = max(trouble.wait, _backoff(vain))
                last = vain > self._settings.retries or hosts.is_down(target.authority)
                if last or trouble.wait > ASKED_MOST or pause >= clock.left():
                    hosts.note(target.authority, reached=trouble.reached)
                    asked = f"; it asks to wait {trouble.wait:.0f} s" if trouble.wait else ""
                    raise IntakeError(trouble.reason, trouble.error + asked) from None
            if closed.wait(pause):
                raise FetcherClosed


def _backoff(vain: int) -> float:
    """Seconds of pause, exponential with full jitter in its upper half, so that many songs don't return at once."""
    most = min(BACKOFF_MOST, BACKOFF_SECONDS * 2.0 ** max(0, vain - 1))
    return random.uniform(most / 2, most)  # noqa: S311

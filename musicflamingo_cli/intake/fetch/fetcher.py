"""Audio by http and https: fetched to this machine, within limits, from public addresses only.

A song's trouble is a value. The road of one song: `fetch_urls` (taken apart) -> `fetch_store` (kept already?) ->
`fetch_download` (attempts) over `fetch_wire` (addresses, deadlines) -> `fetch_content` (audio at all?).
"""

from __future__ import annotations

import random
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpcore2 as httpcore

from musicflamingo_cli.intake.fetch.addresses import AddressRules
from musicflamingo_cli.intake.fetch.ahead import AheadRun
from musicflamingo_cli.intake.fetch.client import Download, Means
from musicflamingo_cli.intake.fetch.content import check_file
from musicflamingo_cli.intake.fetch.hosts import HostGate
from musicflamingo_cli.intake.fetch.network import Clock, FetcherClosed, Wire
from musicflamingo_cli.intake.fetch.part import Part, Passing
from musicflamingo_cli.intake.fetch.settings import Fetched, FetchSettings
from musicflamingo_cli.intake.fetch.store import AudioStore
from musicflamingo_cli.intake.fetch.urls import Target, is_url, parse, shown_url, store_name, url_facts, url_key
from musicflamingo_cli.intake.reasons import Unheard
from musicflamingo_cli.records import Failure
from musicflamingo_cli.work_folder import WorkRoom, unwritable

__all__ = ["FetchSettings", "Fetched", "Fetcher", "FetcherClosed", "is_url", "shown_url", "url_facts", "url_key"]

T = TypeVar("T")

BACKOFF_SECONDS = 1.0
"""Pause after the first vain attempt; it doubles with each further one."""
BACKOFF_MOST = 30.0
ASKED_MOST = 120.0
"""Retry-After that is waited for; a host that asks for more gets no further attempt at this song."""
PAUSE_MOST = 5.0
"""How long the other songs of a host wait with it: the answer may be meant for the one song alone."""
PROGRESS_BYTES = 1 << 20
"""An attempt that brought so much of a song that can be resumed was not in vain."""
IDLE_SECONDS = 30.0
"""How long a connection is kept for the next song."""


class Fetcher:
    """Fetches songs. Thread-safe; a context manager, at whose end connections, threads and temporary files are gone.

    Nothing is opened before the first URL.
    """

    def __init__(self, settings: FetchSettings) -> None:
        """Set up; raises `UsageError` for a host that is not HOST:PORT and `OutputError` for a store that can't be."""
        self._settings = settings
        self._wire = Wire(AddressRules(settings.allow_private_hosts))
        self._gate = HostGate(max(1, settings.per_host), self._wire.closed)
        store = settings.store_dir
        self._store = None if store is None else AudioStore(Path(store), settings.store_bytes)
        self._room = WorkRoom(Path(tempfile.gettempdir() if store is None else store))
        self._guard = threading.Lock()
        self._pools: dict[str, httpcore.ConnectionPool] = {}
        self._means = Means(self._pool, self._wire, self._gate, settings)
        self._runs: list[AheadRun[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fetch(self, url: str) -> Fetched | Failure:
        """Fetch one song, or take it from the store. A path that is no URL is `unsupported_source`.

        Raises:
            OutputError: the disk does not take it.
            FetcherClosed: `close` was called.
        """
        try:
            target = parse(url)
            path = self._room.new_path()
            try:
                self._get(target, path)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        except Unheard as error:
            return error.failure
        return Fetched(target.shown, str(path), temporary=True)

    def fetch_ahead(self, items: Iterable[tuple[T, str]]) -> Iterator[tuple[T, Fetched | Failure]]:
        """Fetch (key, audio) pairs, several at a time and ahead of the consumer; yields in the order they are done.

        What is no URL passes untouched, as not temporary. `items` is drawn from by one of the fetcher's threads at a
        time; what it raises is raised here, after the songs before it. Raises what `fetch` raises.
        """
        if self._wire.closed.is_set():
            raise FetcherClosed
        run = AheadRun(iter(items), self.fetch, self._gate, max(1, self._settings.parallel))
        with self._guard:
            self._runs.append(run)
        try:
            run.start()
            yield from run.results()
        finally:
            run.stop()
            run.join()
            with self._guard:
                self._runs.remove(run)

    def close(self) -> None:
        """End all that is going on, from any thread, and remove every temporary file. Harmless a second time."""
        self._wire.close()
        with self._guard:
            runs, pools = list(self._runs), list(self._pools.values())
            self._pools.clear()
        for run in runs:
            run.stop()
        for run in runs:
            run.join()
        for pool in pools:
            pool.close()
        if self._store is not None:
            self._store.close()
        self._room.close()

    def _get(self, target: Target, path: Path) -> None:
        name = store_name(target, self._settings.url_key)
        if self._store is not None and self._store.take(name, path):
            return
        try:
            file = path.open("xb+", buffering=0)
        except OSError as error:
            raise unwritable(str(path), error) from error
        with file:
            part = Part(file)
            self._insist(target, part)
            check_file(file.fileno(), part.length)
        if self._store is not None:
            self._store.keep(name, path, part.length)

    def _insist(self, target: Target, part: Part) -> None:
        """Try until the song is there or no attempt is left. Raises `Unheard`."""
        clock = Clock(self._settings.total_seconds)
        download = Download(target, part, self._means, clock)
        vain = best = 0
        while True:
            try:
                download.attempt()
                self._gate.note(target.authority, reached=True)
                return
            except Unheard as verdict:
                if verdict.failure.reason != "network":
                    self._gate.note(target.authority, reached=True)
                raise
            except Passing as trouble:
                if trouble.wait:
                    self._gate.pause(download.host, min(trouble.wait, PAUSE_MOST))
                gained, best = part.length - best, max(best, part.length)
                vain = 0 if gained >= PROGRESS_BYTES else vain + 1
                pause = max(trouble.wait, _backoff(vain))
                last = vain > self._settings.retries or self._gate.is_down(target.authority)
                if last or trouble.wait > ASKED_MOST or pause >= clock.left():
                    self._gate.note(target.authority, reached=trouble.reached)
                    asked = f"; it asks to wait {trouble.wait:.0f} s" if trouble.wait else ""
                    raise Unheard(trouble.reason, trouble.error + asked) from None
            if self._wire.closed.wait(pause):
                raise FetcherClosed

    def _pool(self, scheme: Literal["http", "https"]) -> httpcore.ConnectionPool:
        with self._guard:
            if self._wire.closed.is_set():
                raise FetcherClosed
            if scheme not in self._pools:
                self._pools[scheme] = httpcore.ConnectionPool(
                    # Reading the certificates takes some 50 ms.
                    ssl_context=httpcore.default_ssl_context() if scheme == "https" else None,
                    max_connections=None,
                    max_keepalive_connections=max(1, self._settings.parallel),
                    keepalive_expiry=IDLE_SECONDS,
                    network_backend=self._wire,
                )
            return self._pools[scheme]


def _backoff(vain: int) -> float:
    """Seconds of pause, exponential with full jitter in its upper half, so that many songs don't return at once."""
    most = min(BACKOFF_MOST, BACKOFF_SECONDS * 2.0 ** max(0, vain - 1))
    return random.uniform(most / 2, most)  # noqa: S311

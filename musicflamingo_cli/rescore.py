"""Reading the cache over several processes where the rows are many: to table rows, and before inference to which songs
need nothing."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar, cast

from musicflamingo_cli.cache import Cache
from musicflamingo_cli.inference.lookup import LookupRules, look_up
from musicflamingo_cli.inference.prompt import prompt_hash, render
from musicflamingo_cli.processes import die_with, python_command, python_environment
from musicflamingo_cli.records import Field, Pack, RejectedRow, Rules, Song
from musicflamingo_cli.results.outcome_rows import RowForm, RunFacts, outcome_row, rejected_row
from musicflamingo_cli.scoring.scorer import outcome

Chunk = list[Song | RejectedRow]
Read_co = TypeVar("Read_co", covariant=True)
MANY_ROWS = 5_000
"""From so many rows on, starting processes is worth its second."""
COLLECTED = 200_000
"""Objects made and not freed between two collections; Python's own number is 700."""
CHUNK_ROWS = 256
MOST_PROCESSES = 4
"""Each takes some 30 MB; what more of them bring waits for the one that writes the table."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What a process needs to read replies back. It knows no Arrow, which alone would take 30 MB in each."""

    cache: Cache
    pack: Pack
    asked: Sequence[Field]
    rules: Rules
    run: str
    """This run; replies of others were cached."""
    form: RowForm
    facts: RunFacts

    def read(self, row: Song | RejectedRow) -> dict[str, Any]:
        """Return the table row of a manifest row, without what is kept of the manifest."""
        if isinstance(row, RejectedRow):
            return rejected_row(row, self.form, self.facts)
        prompt, system = render(self.pack, row)
        entry = self.cache.get(row.song_id)
        what = outcome(row, entry, (prompt, prompt_hash(prompt, system)), self.asked, self.rules)
        cached = entry is not None and entry.run != self.run and what.reply is not None
        return outcome_row(replace(what, cached=True) if cached else what, self.form, self.facts)


@dataclass(frozen=True, slots=True)
class Finder:
    """What a process needs to tell which songs' cached replies count as they are."""

    cache: Cache
    pack: Pack
    rules: LookupRules

    def read(self, row: Song | RejectedRow) -> bool:
        """Say if a song is a hit with which nothing is to be done. Of all others the run finds out for itself."""
        entry = None if isinstance(row, RejectedRow) else self.cache.get(row.song_id)
        if entry is None or entry.failure is not None or entry.due or isinstance(row, RejectedRow):
            return False
        found = look_up(row, self.pack, lambda song_id: entry, self.rules)
        return found.state == "hit" and not found.changed


class ReadsRows(Protocol[Read_co]):
    """What processes can be sent to do to manifest rows. It must be fit to be pickled."""

    def read(self, row: Song | RejectedRow) -> Read_co:
        """Return what became of a row."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Have the garbage collector look at what a block makes, less often.

    Rows hold no cycles; walking through those of a row group again and again took a quarter of the time.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECTED)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def find_ahead(finder: Finder, songs: Iterable[Song], total: int, processes: int) -> Iterator[tuple[Song, bool]]:
    """Yield `total` songs with what `finder` says of each, looked up ahead of time where many are cached."""
    if processes < 2 or min(total, finder.cache.entries()) < MANY_ROWS:
        return ((song, False) for song in songs)
    return cast(Iterator[tuple[Song, bool]], read_back(finder, iter(songs), total, processes))


def read_back(
    reader: ReadsRows[Read_co], rows: Iterator[Song | RejectedRow], total: int, processes: int
) -> Iterator[tuple[Song | RejectedRow, Read_co]]:
    """Yield `total` manifest rows with what was read of each, in their order, with at most so many processes."""
    processes = min(processes, MOST_PROCESSES)
    if processes < 2 or total < MANY_ROWS:
        yield from ((row, reader.read(row)) for row in rows)
        return
    helpers = _Helpers(reader, processes)
    waiting: deque[tuple[Chunk, Future[list[Read_co]]]] = deque()
    try:
        while chunk := list(islice(rows, CHUNK_ROWS)):
            waiting.append((chunk, helpers.submit(chunk)))
            if len(waiting) > 3 * processes:
                sent, promised = waiting.popleft()
                yield from zip(sent, promised.result(), strict=True)
        for sent, promised in waiting:
            yield from zip(sent, promised.result(), strict=True)
    finally:
        helpers.close()


class _Helpers(Generic[Read_co]):
    """Processes that read chunks of rows, each fed by a thread of its own.

    What one can't do, because it could not be started or died, its thread does. `ProcessPoolExecutor` would fail all of
    them with the first, run the caller's main module again, and look for it in the working folder.
    """

    def __init__(self, reader: ReadsRows[Read_co], processes: int) -> None:
        self._reader = reader
        self._threads = ThreadPoolExecutor(processes)
        self._own = threading.local()
        self._starting = threading.Lock()
        self._children: list[subprocess.Popen[bytes]] = []
        self._closed = False

    def submit(self, chunk: Chunk) -> Future[list[Read_co]]:
        """Have a chunk read."""
        return self._threads.submit(self._read, chunk)

    def close(self) -> None:
        """End the threads and processes now: a chunk of long replies may take minutes."""
        with self._starting:
            self._closed = True
            for child in self._children:
                child.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for child in self._children:
            with suppress(OSError):
                child.communicate()

    def _read(self, chunk: Chunk) -> list[Read_co]:
        own = self._own.__dict__
        try:
            if "child" not in own:
                own["child"] = None
                own["child"] = self._start()
            if own["child"] is not None:
                return cast(list[Read_co], _ask(own["child"], chunk))
        except (OSError, EOFError, pickle.UnpicklingError):
            own["child"] = None  # It died, or what it says next would answer another chunk.
        return [self._reader.read(row) for row in chunk if not self._closed]

    def _start(self) -> subprocess.Popen[bytes]:
        with self._starting:
            if self._closed:
                raise EOFError
            child = subprocess.Popen(
                python_command(__name__, os.getpid()),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=python_environment(),
                start_new_session=True,  # Ctrl-C is the parent's affair.
            )
            self._children.append(child)
        assert child.stdin is not None  # noqa: S101
        pickle.dump(self._reader, child.stdin)
        return child


def _ask(child: subprocess.Popen[bytes], chunk: Chunk) -> object:
    assert child.stdin is not None and child.stdout is not None  # noqa: S101
    pickle.dump(chunk, child.stdin)
    child.stdin.flush()
    return pickle.load(child.stdout)  # noqa: S301 - a process of ours


def main(parent: str) -> None:
    """Read chunks of rows for a parent, from standard input to standard output, until it closes the pipe."""
    die_with(int(parent))
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # Nothing that a library prints may get between the answers.
    reader = pickle.load(source)  # noqa: S301 - what the parent sends
    with suppress(EOFError), rare_collections():
        while True:
            pickle.dump([reader.read(row) for row in pickle.load(source)], sink)  # noqa: S301
            sink.flush()

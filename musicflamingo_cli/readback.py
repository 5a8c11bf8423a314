"""The cheap half: from the cache to table rows, over several processes where the rows are many."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.cache import Cache
from musicflamingo_cli.inference.conversation import prompt_hash, render
from musicflamingo_cli.orphans import die_with
from musicflamingo_cli.records import Field, Outcome, Pack, RejectedRow, Rules, Song
from musicflamingo_cli.scoring.scorer import outcome

if TYPE_CHECKING:
    from musicflamingo_cli.results.table import RunFacts, TableForm

Chunk = list[Song | RejectedRow]
Read = list[Outcome | RejectedRow]
MANY_ROWS = 20_000
"""From so many rows on, starting processes is worth its second."""
CHUNK_ROWS = 256
MOST_PROCESSES = 4
"""Each takes some 30 MB; what more of them bring waits for the one that writes the table."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What a process needs to read replies back. It knows no tables: pyarrow alone would take 30 MB in each."""

    cache: Cache
    pack: Pack
    asked: Sequence[Field]
    rules: Rules
    run: str
    """This run; replies of others were cached."""

    def read(self, row: Song | RejectedRow) -> Outcome | RejectedRow:
        """Return what became of a song; a row that is none passes."""
        if isinstance(row, RejectedRow):
            return row
        return self._outcome(row)

    def _outcome(self, song: Song) -> Outcome:
        prompt, system = render(self.pack, song)
        entry = self.cache.get(song.song_id)
        what = outcome(song, entry, (prompt, prompt_hash(prompt, system)), self.asked, self.rules)
        return replace(what, cached=entry is not None and entry.run != self.run and what.reply is not None)


@dataclass(frozen=True, slots=True)
class Readback:
    """Everything that turns a manifest row into a table row."""

    reader: Reader
    form: TableForm
    facts: RunFacts

    def row(self, what: Outcome | RejectedRow) -> dict[str, Any]:
        """Return the table row of what became of a manifest row."""
        from musicflamingo_cli.results.table import outcome_row, rejected_row

        if isinstance(what, RejectedRow):
            return rejected_row(what, self.form, self.facts)
        return outcome_row(what, self.form, self.facts)


def read_back(
    readback: Readback, rows: Iterator[Song | RejectedRow], total: int, processes: int
) -> Iterator[dict[str, Any]]:
    """Yield the table rows of `total` manifest rows, in their order, with at most so many processes."""
    reader = readback.reader
    processes = min(processes, MOST_PROCESSES)
    if processes < 2 or total < MANY_ROWS:
        yield from (readback.row(reader.read(row)) for row in rows)
        return
    helpers = _Helpers(reader, processes)
    waiting: deque[tuple[Chunk, Future[Read] | None]] = deque()
    try:
        while chunk := list(islice(rows, CHUNK_ROWS)):
            waiting.append((chunk, helpers.submit(chunk)))
            if len(waiting) > 3 * processes:
                yield from map(readback.row, helpers.result(*waiting.popleft()))
        while waiting:
            yield from map(readback.row, helpers.result(*waiting.popleft()))
    except BaseException:
        helpers.kill()
        raise
    finally:
        helpers.close()


class _Helpers:
    """Processes that read chunks of rows. What they can't do, because one of them died, is done here."""

    def __init__(self, reader: Reader, processes: int) -> None:
        self._reader = reader
        self._others = multiprocessing.active_children()
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, spawn, _start, (reader, os.getpid()))

    def submit(self, chunk: Chunk) -> Future[Read] | None:
        """Have a chunk read; None if no process can."""
        try:
            return self._pool.submit(_read, chunk)
        except (BrokenProcessPool, OSError):
            return None

    def result(self, chunk: Chunk, promised: Future[Read] | None) -> Read:
        """Return what a chunk became."""
        with suppress(BrokenProcessPool):
            if promised is not None:
                return promised.result()
        return [self._reader.read(row) for row in chunk]

    def kill(self) -> None:
        """End the processes now: a chunk of long replies may take minutes."""
        for child in multiprocessing.active_children():
            if child not in self._others:
                child.kill()

    def close(self) -> None:
        """Wait until they are gone."""
        self._pool.shutdown(wait=True, cancel_futures=True)


_reader: Reader | None = None


def _start(reader: Reader, parent: int) -> None:
    global _reader  # noqa: PLW0603 - what a worker process is given once
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _reader = reader


def _read(chunk: Chunk) -> Read:
    if _reader is None:
        raise RuntimeError("this process was not started by read_back")
    return [_reader.read(row) for row in chunk]

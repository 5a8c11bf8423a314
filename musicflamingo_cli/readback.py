"""The cheap half: from the cache to table rows, over several processes where the rows are many."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from musicflamingo_cli.cache import Cache
from musicflamingo_cli.inference.conversation import prompt_hash, render
from musicflamingo_cli.orphans import die_with
from musicflamingo_cli.records import Field, Outcome, Pack, RejectedRow, Rules, Song
from musicflamingo_cli.results.table import RunFacts, TableForm, outcome_row, rejected_row
from musicflamingo_cli.scoring.scorer import outcome

MANY_ROWS = 20_000
"""From so many rows on, starting processes is worth its second."""
CHUNK_ROWS = 256


@dataclass(frozen=True, slots=True)
class Readback:
    """Everything that turns a manifest row into a table row."""

    cache: Cache
    pack: Pack
    asked: Sequence[Field]
    rules: Rules
    form: TableForm
    facts: RunFacts
    run: str
    """This run; replies of others were cached."""

    def row(self, row: Song | RejectedRow) -> dict[str, Any]:
        """Return the table row of a manifest row."""
        if isinstance(row, RejectedRow):
            return rejected_row(row, self.form, self.facts)
        return outcome_row(self._outcome(row), self.form, self.facts)

    def _outcome(self, song: Song) -> Outcome:
        prompt, system = render(self.pack, song)
        entry = self.cache.get(song.song_id)
        what = outcome(song, entry, (prompt, prompt_hash(prompt, system)), self.asked, self.rules)
        return replace(what, cached=entry is not None and entry.run != self.run and what.reply is not None)


def read_back(
    readback: Readback, rows: Iterator[Song | RejectedRow], total: int, processes: int
) -> Iterator[dict[str, Any]]:
    """Yield the table rows of `total` manifest rows, in their order."""
    if processes < 2 or total < MANY_ROWS:
        yield from map(readback.row, rows)
        return
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, spawn, _start, (readback, os.getpid()))
    waiting: deque[Future[list[dict[str, Any]]]] = deque()
    try:
        while chunk := list(islice(rows, CHUNK_ROWS)):
            waiting.append(pool.submit(_rows, chunk))
            if len(waiting) > 3 * processes:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_readback: Readback | None = None


def _start(readback: Readback, parent: int) -> None:
    global _readback  # noqa: PLW0603 - what a worker process is given once
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _readback = readback


def _rows(chunk: list[Song | RejectedRow]) -> list[dict[str, Any]]:
    if _readback is None:
        raise RuntimeError("this process was not started by read_back")
    return [_readback.row(row) for row in chunk]

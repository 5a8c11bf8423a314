"""Which batches were in the model when the process died, so that no song can bring every night down.

A line beside `run.json` names the songs that go into the model and is taken back when they come out. A line that is
still there is a death; whether it came from inside (a fatal signal, caught by the fault handler, or a hang) or from
outside (a kill) decides what it counts.
"""

from __future__ import annotations

import faulthandler
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.files import open_regular, read_regular, remove, write_whole

CRASHES = 2
"""After so many deaths from inside a song is `engine_crash`."""
KILLS = 4
"""So do so many kills in a row with the song alone in the model."""
MOST_BYTES = 64 * 1024 * 1024
"""A journal that is longer is none of ours."""


@dataclass(slots=True)
class Suspects:
    """What earlier deaths say of songs."""

    crashes: Counter[str] = field(default_factory=Counter)
    """Deaths from inside with the song in the batch."""
    kills: Counter[str] = field(default_factory=Counter)
    """Kills in a row with the song alone; 0 for a song that was killed among others."""

    def alone(self, song_id: str) -> bool:
        """True if the song must not share a batch."""
        return self.crashes[song_id] > 0 or song_id in self.kills

    def condemned(self, song_id: str) -> bool:
        """True if the song is not tried again."""
        return self.crashes[song_id] >= CRASHES or self.kills[song_id] >= KILLS


class Journal:
    """The attempts of one run, or of one shard."""

    def __init__(self, folder: Path, name: str = "attempts") -> None:
        self._root = folder.parent
        self._path = folder / f"{name}.jsonl"
        self._fault_path = folder / f"{name}.fault"
        self._handle: int | None = None
        self._faults: int | None = None
        self._base = 0
        self.suspects = Suspects()

    def __enter__(self) -> Journal:
        """Read what an earlier run left, shorten it to what still matters, and watch for fatal signals."""
        self.suspects = self._read()
        try:
            self._rewrite()
            remove(self._fault_path, within=self._root)
            self._faults = open_regular(self._fault_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, within=self._root)
            faulthandler.enable(self._faults, all_threads=False)
        except OSError as problem:
            raise self._trouble(problem) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._faults is not None:
            faulthandler.disable()
            os.close(self._faults)
            remove(self._fault_path, within=self._root)
            self._faults = None
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def start(self, song_ids: Sequence[str]) -> None:
        """Note that these songs go into the model together."""
        self._append({"event": "start", "songs": list(song_ids)})

    def end(self, song_ids: Sequence[str]) -> None:
        """Note that the model gave them back: they are no suspects."""
        known = len(self.suspects.crashes) + len(self.suspects.kills)
        for song_id in song_ids:
            self.suspects.crashes.pop(song_id, None)
            self.suspects.kills.pop(song_id, None)
        try:
            if known != len(self.suspects.crashes) + len(self.suspects.kills):
                self._rewrite()
            elif self._handle is not None:
                os.ftruncate(self._handle, self._base)
        except OSError as problem:
            raise self._trouble(problem) from None

    def brought_down(self) -> None:
        """Note that the batch under way made the engine hang or fail for good: a death from inside."""
        self._append({"event": "down"})

    def _append(self, line: dict[str, object]) -> None:
        try:
            if self._handle is not None:
                os.write(self._handle, orjson.dumps(line) + b"\n")
        except OSError as problem:
            raise self._trouble(problem) from None

    def _rewrite(self) -> None:
        """Start the file anew with what is known of suspects. A kill leaves the older file or the newer."""
        kept = {"event": "kept", "crashes": dict(self.suspects.crashes), "kills": dict(self.suspects.kills)}
        raw = orjson.dumps(kept) + b"\n"
        write_whole(self._path, raw, within=self._root)
        if self._handle is not None:
            os.close(self._handle)
        self._handle = open_regular(self._path, os.O_WRONLY | os.O_APPEND, within=self._root)
        self._base = len(raw)

    def _read(self) -> Suspects:
        suspects, under_way, down = Suspects(), list[str](), False
        try:
            lines = read_regular(self._path, MOST_BYTES, within=self._root).splitlines()
        except OSError:
            return suspects
        for raw in lines:
            try:
                line = orjson.loads(raw)
                event = line["event"]
                if event == "kept":
                    suspects = Suspects(Counter(line["crashes"]), Counter(line["kills"]))
                elif event == "start":
                    under_way = line["songs"]
                down = down or event == "down"
            except (ValueError, KeyError, TypeError):
                continue  # a torn last line
        if down or self._fault_seen():
            suspects.crashes.update(under_way)
        else:
            for song_id in under_way:
                suspects.kills[song_id] += len(under_way) == 1
        return suspects

    def _fault_seen(self) -> bool:
        try:
            return bool(read_regular(self._fault_path, MOST_BYTES, within=self._root))
        except OSError:
            return False

    def _trouble(self, problem: OSError) -> OutputError:
        return OutputError(f"cache file {self._path}: {problem.strerror}")

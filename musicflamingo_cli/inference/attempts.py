"""Which songs were with the engine when the process died, so that no song can bring every night down.

A line beside `run.json` names the songs that are in the model, and those that are being made ready for it; what comes
out is taken off it. A line that is still there is a death. Only what the engine did itself counts against a song: a
fatal signal, which the fault handler notes, a hang, or an engine that gave up. A kill, a reboot and a loss of power
can't be told from each other afterwards, nor from the kernel's out-of-memory killer: then the songs that were in the
model are tried last, each alone, as often as it takes.
"""

from __future__ import annotations

import faulthandler
import os
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.files import open_regular, read_regular, remove, write_whole

CRASHES = 2
"""After so many deaths from inside a song is `engine_crash`."""
MOST_BYTES = 64 * 1024 * 1024
"""A journal that is longer is none of ours."""


@dataclass(slots=True)
class Suspects:
    """What earlier deaths say of songs."""

    crashes: Counter[str] = field(default_factory=Counter)
    """Deaths from inside with the song in the batch."""
    kills: Counter[str] = field(default_factory=Counter)
    """Deaths from outside with the song alone in the model; 0 for a song that was there among others."""

    def alone(self, song_id: str) -> bool:
        """True if the song must not share a batch."""
        return self.crashes[song_id] > 0 or song_id in self.kills

    def condemned(self, song_id: str) -> bool:
        """True if the song is not tried again."""
        return self.crashes[song_id] >= CRASHES

    def weight(self, song_id: str) -> tuple[int, int]:
        """Return how much speaks against a song: the heavier, the later it is tried, so that it stops no other.

        Kills first: they never end by themselves, as crashes do once the song is condemned.
        """
        return self.kills[song_id], self.crashes[song_id]


class Journal:
    """The attempts of one run, or of one shard."""

    def __init__(self, folder: Path, name: str = "attempts") -> None:
        self._root = folder.parent
        self._path = folder / f"{name}.jsonl"
        self._fault_path = folder / f"{name}.fault"
        self._handle: int | None = None
        self._faults: int | None = None
        self._kept = b""
        """First line of the file: what is known of suspects."""
        self._lock = threading.Lock()
        self._model: list[str] = []
        self._preparing: list[str] = []
        self._down = False
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
            with suppress(OSError):  # an empty one that stays accuses nobody
                remove(self._fault_path, within=self._root)
            self._faults = None
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def prepare(self, song_ids: Sequence[str]) -> None:
        """Note that these songs are made ready for the model, maybe in another thread while others are in it."""
        with self._lock:
            self._preparing = list(song_ids)
            self._note()

    def start(self, song_ids: Sequence[str]) -> None:
        """Note that these songs go into the model together."""
        with self._lock:
            self._model = list(song_ids)
            self._preparing = [one for one in self._preparing if one not in self._model]
            self._note()

    def end(self, song_ids: Sequence[str], *, cleared: bool = True) -> None:
        """Note that the model gave them back: they are no suspects; unless `cleared`, they stay what they were."""
        with self._lock:
            self._model = []
            known = len(self.suspects.crashes) + len(self.suspects.kills)
            for song_id in song_ids if cleared else ():
                self.suspects.crashes.pop(song_id, None)
                self.suspects.kills.pop(song_id, None)
            if known != len(self.suspects.crashes) + len(self.suspects.kills):
                try:
                    self._rewrite()
                except OSError as problem:
                    raise self._trouble(problem) from None
            self._note()

    def brought_down(self) -> None:
        """Note that the engine hangs or failed for good with what is under way: a death from inside."""
        with self._lock:
            self._down = True
            self._note()

    def _note(self) -> None:
        """Write what is under way behind the first line."""
        if self._handle is None:
            return
        under_way = {"event": "start", "songs": self._model, "preparing": self._preparing}
        text = orjson.dumps(under_way) + b"\n" if self._model or self._preparing else b""
        text += orjson.dumps({"event": "down"}) + b"\n" if self._down else b""
        try:
            os.pwrite(self._handle, text, len(self._kept))
            os.ftruncate(self._handle, len(self._kept) + len(text))
        except OSError as problem:
            raise self._trouble(problem) from None

    def _rewrite(self) -> None:
        """Start the file anew with what is known of suspects. A kill leaves the older file or the newer."""
        kept = {"event": "kept", "crashes": dict(self.suspects.crashes), "kills": dict(self.suspects.kills)}
        self._kept = orjson.dumps(kept) + b"\n"
        write_whole(self._path, self._kept, within=self._root)
        if self._handle is not None:
            os.close(self._handle)
        self._handle = open_regular(self._path, os.O_WRONLY, within=self._root)

    def _read(self) -> Suspects:
        suspects, down = Suspects(), False
        model, preparing = list[str](), list[str]()
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
                    model, preparing = line["songs"], line.get("preparing", [])
                down = down or event == "down"
            except (ValueError, KeyError, TypeError):
                continue  # a torn last line
        if down or self._fault_seen():
            suspects.crashes.update([*model, *preparing])
        else:
            for song_id in model:
                suspects.kills[song_id] += len(model) == 1
        return suspects

    def _fault_seen(self) -> bool:
        try:
            return bool(read_regular(self._fault_path, MOST_BYTES, within=self._root))
        except OSError:
            return False

    def _trouble(self, problem: OSError) -> OutputError:
        return OutputError(f"cache file {self._path}: {problem.strerror}")

"""Stopping politely: a signal ends the run between two batches, or at once where nothing dear is under way."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from musicflamingo_cli.errors import Stopped

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
"""Signal -> exit code."""
PATIENCE_SECONDS = 8.0
"""How long a batch that is in the model is waited for."""


class Stops:
    """Turns signals into `Stopped`; inside `holding` it waits for the end of the block first."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """`say` writes a line for a person."""
        self._say = say
        self._held: str | None = None
        self._code: int | None = None
        self._old: dict[int, object] = {}

    def __enter__(self) -> Stops:
        if threading.current_thread() is threading.main_thread():
            for number in CODES:
                self._old[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal returned
        self._old.clear()

    @contextmanager
    def holding(self, what: str) -> Iterator[None]:
        """Let a block finish before a signal counts, for at most `PATIENCE_SECONDS`."""
        self._held = what
        try:
            yield
        finally:
            self._held = None
        if self._code is not None:
            raise Stopped(self._code)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        code = CODES[signal.Signals(number)]
        if self._held is None or self._code is not None:
            self._code = code
            for other in CODES:
                signal.signal(other, self._at_once)
            raise Stopped(code)
        self._code = code
        self._say(f"stopping: waiting up to {PATIENCE_SECONDS:.0f} s for {self._held}; again to stop at once")
        timer = threading.Timer(PATIENCE_SECONDS, self._give_up)
        timer.daemon = True
        timer.start()

    def _at_once(self, number: int, frame: FrameType | None) -> None:
        os._exit(CODES[signal.Signals(number)])

    def _give_up(self) -> None:
        if self._held is not None and self._code is not None:
            self._say(f"stopped without {self._held}; what was answered before is in the cache")
            os._exit(self._code)  # decode workers end with their parent

"""Stopping politely: a signal ends the run between two batches, or at once where nothing dear is under way."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from musicflamingo_cli.errors import Stopped

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
"""Signal -> exit code."""
PATIENCE_SECONDS = 6.0
"""How long a batch that is in the model is waited for."""
DEAF_SECONDS = 1.0
"""How long after that a model may take to come back to Python; then the process is ended as it is."""

IMPORT_SECONDS = 2.0
"""How long an import is waited for: an exception in a half imported extension may be lost in it, or crash at exit."""
AGAIN_SECONDS = 0.05
"""After so long a signal that could not end what was under way is sent again."""


class Stops:
    """Turns signals into `Stopped`; inside `holding` it waits for the end of the block first.

    SIGHUP stays ignored where it was (`nohup`): such a run is meant to outlive its terminal.
    """

    def __init__(self, say: Callable[[str], None], again: str) -> None:
        """`say` writes a line for a person; `again` is the command that goes on."""
        self._say, self._again = say, again
        self._late = False
        self._held: str | None = None
        self._code: int | None = None
        self._old: dict[int, object] = {}
        self._importing_since: float | None = None
        self._hook: Callable[[Any], object] | None = None

    def __enter__(self) -> Stops:
        if threading.current_thread() is threading.main_thread():
            for number in CODES:
                if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                    continue
                self._old[number] = signal.signal(number, self._on_signal)
            self._hook, sys.unraisablehook = sys.unraisablehook, self._on_unraisable
        return self

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal returned
        self._old.clear()
        if self._hook is not None:
            sys.unraisablehook, self._hook = self._hook, None
        if self._code is not None and not isinstance(problem, Stopped):  # DuckDB makes another error of it.
            raise Stopped(self._code) from problem

    @contextmanager
    def holding(self, what: str) -> Iterator[None]:
        """Let a block finish before a signal counts, for at most `PATIENCE_SECONDS`; none begins after one."""
        if self._code is not None:
            raise Stopped(self._code)
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
            self._code = self._code if self._late and self._code is not None else code
            if _imports(frame):
                since = self._importing_since = self._importing_since or time.monotonic()
                if time.monotonic() - since > IMPORT_SECONDS:
                    self._end(self._code)
                self._again_soon(number)
                return
            for other in self._old:
                signal.signal(other, self._at_once)
            raise Stopped(self._code)
        self._code = code
        self._say(f"stopping: waiting up to {PATIENCE_SECONDS:.0f} s for {self._held}; again to stop at once")
        self._later(PATIENCE_SECONDS, self._interrupt)

    def _on_unraisable(self, trouble: Any) -> None:
        """Send a signal again whose exception came up where none can be raised, as in `__del__`."""
        if not isinstance(trouble.exc_value, Stopped):
            (self._hook or sys.__unraisablehook__)(trouble)
        elif self._code is not None:
            for number in self._old:
                signal.signal(number, self._on_signal)
            self._again_soon(self._code - 128)

    def _again_soon(self, number: int) -> None:
        def send() -> None:
            main = threading.main_thread().ident
            if main is not None and self._old:
                signal.pthread_kill(main, number)

        self._later(AGAIN_SECONDS, send)

    def _at_once(self, number: int, frame: FrameType | None) -> None:
        self._end(CODES[signal.Signals(number)])

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, what)
        timer.daemon = True
        timer.start()

    def _interrupt(self) -> None:
        """Raise `Stopped` in the main thread, which is still in the block; if it does not hear that, end here."""
        main = threading.main_thread().ident
        if self._held is None or main is None:
            return
        self._say(f"stopped without {self._held}; what was answered before is in the cache")
        self._late = True
        self._later(DEAF_SECONDS, self._give_up)
        signal.pthread_kill(main, signal.SIGTERM)

    def _give_up(self) -> None:
        if self._held is not None and self._code is not None:
            self._end(self._code)

    def _end(self, code: int) -> None:
        self._say(f"mfq: stopped at once\n{self._again}")
        os._exit(code)  # decode workers end with their parent


def _imports(frame: FrameType | None) -> bool:
    """Say if a module is being imported in a stack of frames."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def command_line(words: Sequence[str]) -> str:
    """Return a command as it can be pasted into a shell, also where a word holds control or undecodable characters."""
    return " ".join(map(_quoted, words))


def program() -> str:
    """Return how this program was called: `mfq`, or its path where a shell would not find it by that name."""
    path = Path(sys.argv[0])
    if path.name != "mfq" or not path.is_file():
        return "mfq"
    found = shutil.which("mfq")
    return "mfq" if found is not None and path.samefile(found) else sys.argv[0]


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in "\\'" else f"\\{byte:03o}" for byte in os.fsencode(word)
    )
    return f"$'{plain}'"

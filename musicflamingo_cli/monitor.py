"""A running job as a file: `--stats`, `mfq status` and `--log-file` read and write this."""

from __future__ import annotations

import math
import os
import resource
import socket
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import orjson

from musicflamingo_cli.errors import OutputError, Stopped
from musicflamingo_cli.files import read_regular, write_whole
from musicflamingo_cli.watch import Tick

STATUS_NAME = "status.json"
STATUS_FILES = "status*.json"
"""Those of a whole run and of shards."""
MOST_BYTES = 64 * 1024 * 1024
"""A status file that is longer is none of ours."""
EVERY_SECONDS = 5.0
LOG_SECONDS = 60.0


class Monitor:
    """Keeps the status files and the log of one run up to date."""

    def __init__(self, files: Mapping[Path, Path | None], log: Path | None, settings: Mapping[str, object]) -> None:
        """`files` are rewritten whole every few seconds; lines of JSON are appended to `log`.

        What others could have put in a file's place is never written to within the folder beside it, if there is one.
        """
        self._files, self._log, self._settings = files, log, dict(settings)
        self._began = time.monotonic()
        self._started = datetime.now(UTC)
        self._told = self._logged = 0.0
        self._tick: Tick | None = None
        old = read_status(next(iter(files))) if files else None
        self._pace = old.get("seconds_per_song") if old else None
        self._heard: Tick | None = None
        self._error: str | None = None
        self.engine_seconds = 0.0
        """Time that the engine was busy."""
        self.failures: Mapping[str, int] = {}
        """Failed songs so far, by reason; may be counted on by others meanwhile."""
        self.used: dict[str, Any] = {}
        """What the engine used in the end: device, dtype, versions."""
        self.counts: dict[str, Any] = {}
        """What the finished table holds, once there is one."""

    def __enter__(self) -> Self:
        self.write("running")
        self.log("start", settings=self._settings)
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, _: object) -> None:
        if kind is None:
            self.end("done")
            return
        said = f"exit code {problem.code}" if isinstance(problem, Stopped) else problem
        with suppress(OutputError):
            self.end("stopped", f"{kind.__name__}: {said}")

    def end(self, state: str, error: str | None = None) -> None:
        """Leave the last word on the run, and why it ended early. Raises `OutputError` with the path."""
        self._error = None if error is None else error.encode("utf-8", "backslashreplace").decode()
        self.write(state)
        self.log(state, **self.status(state))

    def died(self, why: str) -> None:
        """Leave the last word before the process ends itself; what can't be written is not waited for."""
        with suppress(OutputError):
            self.end("stopped", f"EngineError: {why}")

    def tick(self, tick: Tick) -> None:
        """Take note of progress; a new stage is written at once."""
        begun = self._tick is None or self._tick.stage != tick.stage
        self._tick = tick
        if tick.stage == "listening":
            self._heard = tick
        now = time.monotonic()
        if begun or now - self._told >= EVERY_SECONDS:
            self.write("running")
        if self._log is not None and now - self._logged >= LOG_SECONDS:
            self.log("progress", **self.status("running"))

    def status(self, state: str) -> dict[str, Any]:
        """Return the run as it stands. Rates are over the whole run; memory is the peak so far, bytes."""
        seconds = time.monotonic() - self._began
        heard = self._heard or Tick("listening", 0, 0)
        answered = heard.done - heard.cached - heard.failed
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        return {
            "state": state,
            **({"error": self._error} if self._error is not None else {}),
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started": self._started.isoformat(),
            "updated": datetime.now(UTC).isoformat(),
            "seconds": round(seconds, 3),
            "stage": self._tick.stage if self._tick else "opening",
            "done": self._tick.done if self._tick else 0,
            "total": self._tick.total if self._tick else 0,
            "left_seconds": _left(self._tick),
            "songs": heard.total,
            "answered": answered,
            "cached": heard.cached,
            "failed": heard.failed,
            "songs_per_hour": round(answered / seconds * 3600, 1) if seconds else 0.0,
            "audio_seconds": round(heard.audio_seconds, 3),
            "audio_hours_per_hour": round(heard.audio_seconds / seconds, 2) if seconds else 0.0,
            "tokens_per_second": round(heard.tokens / seconds, 1) if seconds else 0.0,
            "engine_share": round(min(1.0, self.engine_seconds / seconds), 4) if seconds else 0.0,
            "seconds_per_song": seconds / answered if answered else self._pace,
            "peak_memory_bytes": own * 1024,
            "peak_worker_memory_bytes": workers * 1024,
            "reasons": {f"failed: {reason}": n for reason, n in dict(self.failures).items()},
            **self.counts,
            "settings": self._settings,
            **({"used": self.used} if self.used else {}),
        }

    def write(self, state: str) -> None:
        """Rewrite the status files. Raises `OutputError` with the path."""
        self._told = time.monotonic()
        raw = orjson.dumps(self.status(state), default=str, option=orjson.OPT_INDENT_2)
        for path, within in self._files.items():
            try:
                write_whole(path, raw, within=within)
            except OSError as problem:
                raise OutputError(f"could not write {path}: {problem.strerror}") from None

    def log(self, event: str, **facts: object) -> None:
        """Append a line to the log. Raises `OutputError` with the path."""
        if self._log is None:
            return
        self._logged = time.monotonic()
        line = {"time": datetime.now(UTC).isoformat(), "event": event, **facts}
        try:
            with self._log.open("ab") as file:
                file.write(orjson.dumps(line, default=str) + b"\n")
        except OSError as problem:
            raise OutputError(f"could not write {self._log}: {problem.strerror}") from None


def _left(tick: Tick | None) -> float | None:
    left = tick.left_seconds if tick else None
    return round(left, 1) if left is not None and math.isfinite(left) else None


def counted(status: Counter[str], reasons: Counter[tuple[str, str]]) -> dict[str, Any]:
    """Return a table's counts as they stand in status files."""
    return {"status": dict(status), "reasons": {f"{state}: {reason}": n for (state, reason), n in reasons.items()}}


def read_status(path: Path) -> dict[str, Any] | None:
    """Return what a status file says, or None if it is none, or a link. A run gone without a word is `killed`."""
    try:
        status = orjson.loads(read_regular(path, MOST_BYTES))
    except (OSError, ValueError):
        return None
    if not isinstance(status, dict) or not isinstance(status.get("state"), str) or "seconds" not in status:
        return None
    if not isinstance(status.get("settings", {}), dict):
        return None
    here = status.get("host") == socket.gethostname()
    if status["state"] == "running" and here and not _runs(status.get("pid")):
        status["state"] = "killed"
    return status


def _runs(pid: object) -> bool:
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True

"""When a run ends before its songs do: its deadline, and too many failures."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from musicflamingo_cli.errors import NotNow, TooManyFailures, UsageError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MARGIN_SECONDS = 5.0
"""Kept free before a deadline, for ending the run."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a person allows a run."""

    ends: float | None = None
    """`time.time()` by which the last batch must be done; None: no deadline."""
    failures: float | None = None
    """Songs that may fail: a share of all songs below 1 where `failures_are_share`, else a count; None: any."""
    failures_are_share: bool = False
    batch_seconds: float | None = None
    """Seconds that one batch may be in the model before the engine counts as hanging; None: any."""

    def check_failures(self, failed: int, total: int, reasons: Counter[str]) -> None:
        """Raise `TooManyFailures` if more songs failed than allowed."""
        if self.failures is None:
            return
        allowed = self.failures * total if self.failures_are_share else self.failures
        if failed > allowed:
            counted = ", ".join(f"{reason} {n}" for reason, n in reasons.most_common())
            raise TooManyFailures(
                f"{failed} of {total} songs failed ({counted}), more than --max-failures allows; "
                "what was answered is in the cache"
            )


class Pace:
    """Says whether the next batch would be done before the deadline."""

    def __init__(self, ends: float | None) -> None:
        self._ends = ends
        self._slowest = 0.0

    def done(self, seconds: float) -> None:
        """Learn how long a batch took. Recent slow ones count, and fade."""
        self._slowest = max(seconds, self._slowest * 0.9)

    def check(self) -> None:
        """Raise `NotNow` if the next batch would not fit."""
        needed = self._slowest * 1.2 + MARGIN_SECONDS if self._slowest else 0.0
        if self._ends is not None and time.time() + needed > self._ends:
            raise NotNow("stopped by its own deadline; what was answered is in the cache, and the same command goes on")


def end_of(deadline: str | None, budget: str | None) -> float | None:
    """Return the `time.time()` at which a run must end: the earlier of a clock time and a duration from now.

    Args:
        deadline: `HH:MM` (today, or tomorrow if that is past) or an ISO date and time; local time.
        budget: a number with `s`, `m`, `h` or `d`, several in a row: `7h`, `1h30m`.

    Raises:
        UsageError: one of them can't be read.
    """
    ends = [end for end in (_clock(deadline), _budget(budget)) if end is not None]
    return min(ends) if ends else None


def parse_failures(text: str | None) -> tuple[float | None, bool]:
    """Return (how many may fail, whether that is a share) from `5%` or `100`. Raises `UsageError`."""
    if text is None:
        return None, False
    number = text.removesuffix("%")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    share = number != text
    if not 0 <= value < float("inf") or (share and value > 100) or (not share and value != int(value)):
        raise UsageError(f"--max-failures {text}: say a count such as 100, or a share such as 5%")
    return (value / 100 if share else value), share


def _clock(text: str | None) -> float | None:
    if text is None:
        return None
    now = datetime.now()  # without a zone: on the night when the clocks change, an offset of now is wrong at dawn
    try:
        if "T" in text or "-" in text:
            when = datetime.fromisoformat(text)
        else:
            clock = datetime.strptime(text, "%H:%M")
            when = now.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
            if when <= now:
                when += timedelta(days=1)
        return when.timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"--deadline {text}: say HH:MM or a date and time such as 2026-11-21T06:30") from None


def _budget(text: str | None) -> float | None:
    if text is None:
        return None
    seconds, number = 0.0, ""
    for character in text.replace(" ", ""):
        if character in UNITS and number.replace(".", "", 1).isdecimal():
            seconds, number = seconds + float(number) * UNITS[character], ""
        else:
            number += character
    if number or seconds <= 0:
        raise UsageError(f"--time-budget {text}: say a duration such as 7h or 90m")
    return time.time() + seconds

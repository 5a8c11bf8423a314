"""When a run ends before its songs do: its deadline, and too many failures."""

from __future__ import annotations

import math
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from musicflamingo_cli.errors import TooManyFailures, UsageError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
CLOCKS = ("%H:%M", "%H:%M:%S")
MARGIN_SECONDS = 5.0
"""Kept free before the end, but no more than `MARGIN_SHARE` of all the time that there was."""
MARGIN_SHARE = 0.05
SLACK = 1.2
"""Batches of one size differ by so much in the time that they take."""


@dataclass(frozen=True, slots=True)
class Ends:
    """When a run must end: the earlier of a clock time and a duration."""

    wall: float | None = None
    """`time.time()` of a deadline, which follows the wall clock, also when that is set anew; None: no deadline."""
    monotonic: float | None = None
    """`time.monotonic()` at which a budget is spent, whatever becomes of the wall clock; None: no budget."""

    def left(self) -> float:
        """Return the seconds left: infinite where there is no end, negative behind it."""
        by_wall = math.inf if self.wall is None else self.wall - time.time()
        by_budget = math.inf if self.monotonic is None else self.monotonic - time.monotonic()
        return min(by_wall, by_budget)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a person allows a run."""

    ends: Ends = Ends()
    """By when the last batch must be done."""
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
    """Says whether a batch would be done before the run must end.

    The time that a batch takes is bounded by that of an earlier one: of no more songs and no more audio, it takes no
    longer; of k times as many songs or k times the audio, at most k times as long. Until a batch is known, one song is
    begun, so that every run with time left gets on.
    """

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._margin = min(MARGIN_SECONDS, MARGIN_SHARE * max(0.0, ends.left()))
        self._known: dict[int, tuple[float, float]] = {}
        """Songs in a batch -> of the last batch of so many: audio (songs times the longest) and time, seconds."""

    def done(self, songs: int, audio: float, seconds: float) -> None:
        """Learn how long a batch took."""
        self._known[songs] = audio, seconds

    def fits(self, songs: int, audio: float) -> bool:
        """Say if a batch of so many songs and so much audio (songs times the longest, seconds) would be done in time.

        A song alone needs no more than what it is reckoned to take; of larger batches nobody should lose much.
        """
        left = self._ends.left()
        if left == math.inf:
            return True
        if not self._known:
            return songs == 1 and left > 0
        needed = min(
            seconds * max(1.0, songs / known, audio / max(1.0, heard))
            for known, (heard, seconds) in self._known.items()
        )
        return left > 0 and (needed if songs == 1 else needed * SLACK + self._margin) <= left

    def share(self, seconds: float) -> float:
        """Return how long something may be waited for that is worth `seconds` when there is time enough."""
        return min(seconds, MARGIN_SHARE * self._ends.left())

    def over(self) -> bool:
        """Say if not even the shortest song would be done in time."""
        return not self.fits(1, 0.0)


def end_of(deadline: str | None, budget: str | None) -> Ends:
    """Return when a run must end.

    Args:
        deadline: `HH:MM` or `HH:MM:SS` (today, or tomorrow if that is past) or an ISO date and time; local time where
            no zone is given.
        budget: a number with `s`, `m`, `h` or `d`, several in a row: `7h`, `1h30m`.

    Raises:
        UsageError: one of them can't be read.
    """
    return Ends(_clock(deadline), _budget(budget))


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
    for form in CLOCKS:
        with suppress(ValueError):
            clock = datetime.strptime(text.strip(), form)
            when = now.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
            return (when if when > now else when + timedelta(days=1)).timestamp()
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(
            f"--deadline {text}: say HH:MM, HH:MM:SS, or a date and time such as 2026-11-21T06:30"
        ) from None


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
    return time.monotonic() + seconds

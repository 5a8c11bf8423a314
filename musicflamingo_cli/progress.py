"""How far a run is: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.console import draws, note, safe
from musicflamingo_cli.watch import Tick

if TYPE_CHECKING:
    from tqdm import tqdm

LINE_SECONDS = 60.0
"""Without a terminal, progress is a line each so many seconds."""
TENTH_SECONDS = 5.0
"""...and one at every tenth of the songs, if the last is so long ago."""
BAR_SECONDS = 0.1
"""The bar is drawn again after so long."""
RATE_LINES = 10
"""Rates and ETA of a line are of the time since so many lines ago: what the cache holds goes by in no time."""


class Progress:
    """A bar on a terminal; elsewhere a line a minute and at every tenth. Times are of the monotonic clock."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._stage = ""
        self._began = self._told = time.monotonic()
        self._tenth = 0
        self._lines: deque[tuple[float, Tick]] = deque(maxlen=RATE_LINES)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def tick(self, tick: Tick) -> None:
        """Show how far the run is."""
        now = time.monotonic()
        if tick.stage != self._stage:
            self._begin(tick, now)
        since, before = self._lines[0]
        if self._bar is not None:
            if now - self._told >= BAR_SECONDS or tick.done == tick.total:
                self._draw(tick, now)
        elif now - self._told >= LINE_SECONDS or (
            now - self._told >= TENTH_SECONDS and 10 * tick.done // max(1, tick.total) > self._tenth
        ):
            self._told, self._tenth = now, 10 * tick.done // max(1, tick.total)
            note(progress_line(tick, before, now - since))
            self._lines.append((now, tick))

    def _begin(self, tick: Tick, now: float) -> None:
        self._close()
        self._stage = tick.stage
        self._began = self._told = now
        self._tenth = 10 * tick.done // max(1, tick.total)
        self._lines.clear()
        self._lines.append((now, tick))
        if draws():
            from tqdm import tqdm

            self._bar = tqdm(total=tick.total, file=sys.stderr, leave=False, bar_format=_bar(tick, tick, 0.0))
        elif tick.model is not None and tick.stage == "loading":
            note(f"loading {tick.model}")

    def _draw(self, tick: Tick, now: float) -> None:
        if self._bar is not None:
            self._told = now
            self._bar.n, self._bar.bar_format = tick.done, _bar(tick, self._lines[0][1], now - self._began)
            self._bar.refresh()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _bar(tick: Tick, before: Tick, seconds: float) -> str:
    """Return what tqdm makes a bar of: how far a stage is that began so many seconds ago with `before`."""
    from tqdm import tqdm

    gone = tqdm.format_interval(seconds)
    if tick.stage == "loading":
        return f"loading {safe(tick.model or 'the engine')} [{gone}]".replace("{", "{{").replace("}", "}}")
    times = f"[{gone}<{_left(tick, before, seconds)}]"
    counts = f" cached={tick.cached}, failed={tick.failed}" if tick.stage == "listening" else ""
    return f"{tick.stage}: {{percentage:3.0f}}%|{{bar}}| {{n_fmt}}/{{total_fmt}} {times}{counts}"


def _left(tick: Tick, before: Tick, seconds: float) -> str:
    """Return the time that a stage still takes: what its tick says, else by what was done in the seconds since."""
    left = tick.left_seconds
    if left is None:
        rate = (tick.done - before.done) / seconds if seconds > 0 else 0.0
        left = (tick.total - tick.done) / rate if rate > 0 else math.inf
    from tqdm import tqdm

    return tqdm.format_interval(left) if math.isfinite(left) else "?"


def progress_line(tick: Tick, before: Tick, seconds: float) -> str:
    """Return one line of progress: how far it is, and rates and ETA by what was done in the seconds since `before`."""
    rate = (tick.done - before.done) / seconds if seconds > 0 else 0.0
    heard = ""
    if tick.audio_seconds and seconds > 0:
        audio, tokens = tick.audio_seconds - before.audio_seconds, tick.tokens - before.tokens
        heard = f", {audio / seconds:.1f} h of audio/h, {tokens / seconds:.0f} tokens/s"
    return (
        f"{tick.stage} {tick.done}/{tick.total} {tick.unit}s, {rate * 3600:.0f} {tick.unit}s/h{heard}, "
        f"{tick.cached} cached, {tick.failed} failed, ETA {_left(tick, before, seconds)}"
    )


@contextmanager
def counter(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of something are done: a bar on a terminal, elsewhere a line a minute."""
    if draws():
        from tqdm import tqdm

        with tqdm(desc=what, file=sys.stderr, leave=False) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield show
        return
    told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= LINE_SECONDS:
            told = time.monotonic()
            note(f"{what} {done}/{total}")

    yield tell

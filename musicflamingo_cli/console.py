"""The only room that prints. Data goes to stdout; progress, summaries and errors go to stderr."""

from __future__ import annotations

import math
import os
import re
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.errors import OutputError

if TYPE_CHECKING:  # `mfq --help` waits for every import of this file.
    from tqdm import tqdm

    from musicflamingo_cli.records import Tick
    from musicflamingo_cli.summary import Plan, Summary

STATISTICS = ("name", "count", "mean", "std", "minimum", "p05", "median", "p95", "maximum", "distinct", "most_common")
LINE_SECONDS = 60.0
"""Without a terminal, progress is a line each so many seconds."""
TENTH_SECONDS = 5.0
"""...and one at every tenth of the songs, if the last is so long ago."""
BAR_SECONDS = 0.1
"""The bar is drawn again after so long."""
RATE_LINES = 10
"""Rates and ETA of a line are of the time since so many lines ago: what the cache holds goes by in no time."""
CELL = 34
"""Characters that a cell of a printed table may have."""
HEADS = {"overall_quality_score": "overall"}
"""Shorter names for the columns of a printed table."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def safe(text: object) -> str:
    """Return text in which nothing can steer a terminal: control and direction characters are written out."""
    return CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), str(text))


def data(text: str) -> None:
    """Write a line of data to stdout; what its encoding lacks is written out."""
    if sys.stdout is None:
        raise OutputError("could not write standard output: it is closed")
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        raise
    except OSError as problem:
        raise OutputError(f"could not write standard output: {problem.strerror}") from None


@dataclass(slots=True)
class Voice:
    """How much stderr tells."""

    quiet: bool = False
    """Only errors."""
    verbose: bool = False
    """Details too."""


_VOICE = Voice()


def speak(*, quiet: bool = False, verbose: bool = False) -> None:
    """Choose how much stderr tells from now on."""
    _VOICE.quiet, _VOICE.verbose = quiet, verbose


def detail(text: str) -> None:
    """Write a line to stderr that only `--verbose` asks for."""
    if _VOICE.verbose:
        _tell(text)


def note(text: str) -> None:
    """Write a line to stderr, over any progress bar; with `--quiet`, nothing."""
    if not _VOICE.quiet:
        _tell(text)


def _tell(text: str) -> None:
    if sys.stderr is None:
        return
    try:
        lines = "\n".join(map(safe, text.split("\n")))
        if bars := sys.modules.get("tqdm"):
            bars.tqdm.write(lines, file=sys.stderr)
        else:
            sys.stderr.write(f"{lines}\n")
            sys.stderr.flush()
    except (OSError, ValueError):
        return


def error(text: str) -> None:
    """Write an error to stderr: what, where and what to do."""
    _tell(f"mfq: {text}")


def usage_error(problem: Any) -> int:
    """Write a wrong use of the command line to stderr; return its exit code."""
    context = getattr(problem, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context is not None else ""
    if problem.format_message():
        error(f"{problem.format_message()}{hint}")
    return int(getattr(problem, "exit_code", 2))


def internal_error(problem: Exception) -> int:
    """Write an error of ours to stderr; return its exit code. MFQ_DEBUG=1 or `-v` shows where it came from."""
    if os.environ.get("MFQ_DEBUG") or _VOICE.verbose:
        traceback.print_exception(problem)
    error(f"internal error: {type(problem).__name__}: {problem} (MFQ_DEBUG=1 shows where); what was answered is kept")
    return 4


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
        if sys.stderr is not None and sys.stderr.isatty() and not _VOICE.quiet:
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
        f"{tick.stage} {tick.done}/{tick.total} songs, {rate * 3600:.0f} songs/h{heard}, "
        f"{tick.cached} cached, {tick.failed} failed, ETA {_left(tick, before, seconds)}"
    )


@contextmanager
def counter(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of something are done: a bar on a terminal, elsewhere a line a minute."""
    if sys.stderr is not None and sys.stderr.isatty() and not _VOICE.quiet:
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


def plan(what: Plan) -> None:
    """Print what a run would do."""
    hours = "unknown" if what.audio_seconds is None else f"{what.audio_seconds / 3600:.2f} h"
    data(f"rows              {what.rows}")
    if what.skipped is not None and what.rejected is not None:
        data(f"  without audio   {what.skipped}")
        data(f"  unreadable      {what.rejected}")
    data(f"  cached          {what.cached}")
    data(f"  failed for good {what.remembered}")
    data(f"  to do           {what.todo}")
    data(f"audio to hear     {hours}" + (f", estimated: {what.audio_basis}" if what.audio_basis else ""))
    if what.audio_seconds is not None and what.spared_seconds:
        share = what.spared_seconds / (what.audio_seconds + what.spared_seconds)
        data(f"  not heard       {what.spared_seconds / 3600:.2f} h, {share:.0%} of the audio, is beyond the limit")
    data(f"repeated ids      {what.repeated}")
    if what.seconds is not None:
        took = f"{what.seconds:.0f} s" if what.seconds < 360 else f"{what.seconds / 3600:.2f} h"
        data(f"time              {took}, estimated: {what.seconds_basis}")
        if what.gpu_hour_price is not None:
            data(f"cost              {what.seconds / 3600 * what.gpu_hour_price:.2f}")
    else:
        data("time              unknown: there was no run to take the rate from, and no figures fit")


def status(runs: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print how runs are going."""
    if as_json:
        import orjson

        data(orjson.dumps(list(runs), option=orjson.OPT_INDENT_2).decode())
        return
    for run in runs:
        settings = run.get("settings", {})
        who = f"{settings.get('engine')} {settings.get('pack')}"
        data(safe(f"{who}: {run['state']}, {run.get('stage')}"))
        for name, value in run.items():
            if name not in ("settings", "state", "stage") and value is not None:
                data(f"  {safe(name):<26}{safe(value)}")


def summary(what: Summary) -> None:
    """Write the summary of a run to stderr."""
    from musicflamingo_cli.summary import PREVIEW_ROWS

    if what.pack is not None and len(what.preview) <= PREVIEW_ROWS:
        scores = [f.name for f in what.pack.fields if f.kind == "score"]
        names = ["song_id", "status", "overall_quality_score", *scores, "reason", "audio_flags"]
        note("")
        for line in table(names, what.preview, HEADS):
            note(line)
        note("")
    shown = [_statistics(column) for column in what.scores if column["count"]]
    for line in table(STATISTICS, shown, {"minimum": "min", "maximum": "max", "most_common": "most common"}):
        note(line)
    if what.buckets:
        held = ", ".join(f"{name} {what.buckets[name]}" for name in ("high", "medium", "low"))
        note(f"overall: {held} (high from 0.7, low below 0.4)")
    shares = ", ".join(f"{n} {status}" for status, n in sorted(what.status.items())) or "none"
    note(f"{what.rows} rows: {shares}  ({what.answered} answered now, {what.cached} from the cache)")
    for (status, reason), count in sorted(what.reasons.items(), key=lambda item: (-item[1], item[0])):
        note(f"  {status} {reason}: {count}")
    if what.flags:
        note("audio flags: " + ", ".join(f"{flag} {n}" for flag, n in sorted(what.flags.items())))
    if what.reruns:
        note(f"asked once more, because the reply looped, hit the token cap or could not be read: {what.reruns}")
    if what.repeated:
        some = ", ".join(what.repeated_ids[:5])
        more = ", ..." if what.repeated > len(what.repeated_ids[:5]) else ""
        note(f"repeated ids left out (the first row counts): {what.repeated} ({some}{more})")
    for line in what.notes:
        note(line)
    speed = what.audio_seconds / what.seconds if what.seconds else 0.0
    times = f", {speed:.{0 if speed >= 10 else 1}f} x realtime" if what.audio_seconds else ""
    note(f"{what.seconds:.1f} s for {what.audio_seconds / 60:.1f} min of audio heard{times}")
    if what.output:
        note(f"table: {what.output}")
    if what.cache:
        note(f"cache: {what.cache}")
    if what.settings_file:
        note(f"settings: {what.settings_file}")


def table(names: Sequence[str], rows: Iterable[Mapping[str, Any]], heads: Mapping[str, str]) -> list[str]:
    """Return rows as aligned lines under a header; columns without any value are left out."""
    rows = list(rows)
    if not rows:
        return []
    used = [n for n in names if any(row.get(n) not in (None, []) for row in rows)]
    cells = [[heads.get(n, n) for n in used], *([_cell(row.get(n)) for n in used] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(used))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def _statistics(column: Mapping[str, Any]) -> dict[str, Any]:
    """A column of scores as a line of the summary."""
    return {
        **column,
        "p05": column["quantiles"].get(0.05),
        "p95": column["quantiles"].get(0.95),
        "most_common": f"{column['top_value']:g} ({column['top_share']:.0%})",
    }


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    text = safe(", ".join(map(str, value)) if isinstance(value, list | tuple) else value)
    return text if len(text) <= CELL else text[: CELL - 1] + "\u2026"


def song(found: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print what each set of settings knows of one song."""
    if as_json:
        import orjson

        data(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode())
        return
    for one in found:
        entry, settings = one["entry"], one["settings"]
        data(f"== {safe(settings.get('engine'))} with pack {safe(settings.get('pack'))}: {safe(one['folder'])}")
        for key in ("version", "model", "revision", "decode", "prompt_hash"):
            if settings.get(key) is not None:
                data(f"{key:<18}{safe(settings[key])}")
        if entry["failure"]:
            data(f"{'failure':<18}{safe(entry['failure']['reason'])}: {safe(entry['failure']['error'])}")
        for reply, answer in zip(entry["replies"], one["answers"], strict=True):
            _reply(reply, answer)
        if entry["heard"]:
            _heard(entry["heard"])
        data("")


def _reply(reply: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
    data(f"{'reply':<18}{reply['finish_reason']}, {reply['generated_tokens']} tokens, {reply['seconds']:.3f} s")
    for line in reply["text"].splitlines() or [""]:
        data(f"  | {safe(line)}")
    data(f"{'read as':<18}{answer['status']}{' (' + answer['reason'] + ')' if answer['reason'] else ''}")
    if answer["repairs"]:
        data(f"{'repairs':<18}{', '.join(answer['repairs'])}")
    for name, field in answer["fields"].items():
        data(f"  {name:<32}{_cell(field['value']):<30}{field['obtained'] or field['reason'] or ''}")


def _heard(heard: Mapping[str, Any]) -> None:
    data(f"{'audio':<18}{safe(heard['fingerprint']['path'])}")
    facts = f"{heard['audio_seconds']:.2f} s, {heard['sample_rate']} Hz, {heard['channels']} channels"
    data(f"{'':<18}{facts}{', ' + ', '.join(heard['flags']) if heard['flags'] else ''}")
    for name, value in heard["measures"].items():
        if value is not None:
            data(f"  {name:<32}{value if isinstance(value, bool) else _cell(value)}")

"""What commands tell a person: a plan, how runs are going, a summary, and all that is known of one song."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from musicflamingo_cli.console import data, note, safe
from musicflamingo_cli.summary import PREVIEW_ROWS, Plan, Summary

STATISTICS = ("name", "count", "mean", "std", "minimum", "p05", "median", "p95", "maximum", "distinct", "most_common")
CELL = 34
"""Characters that a cell of a printed table may have."""
BEST = 10
"""So many songs are shown of a longer ranking."""
RANKED = ("strength", "strength_error", "pairs", "wins", "losses", "ties", "score")
HEADS = {"overall_quality_score": "overall"}
"""Shorter names for the columns of a printed table."""


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


def figures(lines: Iterable[tuple[str, int]]) -> None:
    """Print what a ranking would do."""
    for name, value in lines:
        data(f"{name:<18}{value}")


def ranking(what: Summary) -> None:
    """Write the summary of a ranking to stderr, its best songs first."""
    shown = what.preview if len(what.preview) <= PREVIEW_ROWS else what.preview[:BEST]
    note("")
    for line in table(("rank", "song_id", *RANKED, "status", "reason"), shown, {"strength_error": "error"}):
        note(line)
    note("")
    summary(what)


def status(runs: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print how runs are going."""
    if as_json:
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

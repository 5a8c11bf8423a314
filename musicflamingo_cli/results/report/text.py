"""A report as text for a terminal or a mail: summary, quantiles, sweep, histograms. No line is wider than asked."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from musicflamingo_cli.results.report.records import Comparison, Correlation, Report, SongList, Spread, Sweep
from musicflamingo_cli.results.run_card import part_of

NARROWEST = 40
BAR = "#"
TEXT_BINS = 20
NAME = 30
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What breaks lines, turns their direction or is no character."""
SPARE = ("distinct", "std", "25%", "75%", "5%", "95%")
"""Columns that a narrow terminal goes without, in this order."""
LEAST_NAME = 22
SHOWN = (0.05, 0.25, 0.5, 0.75, 0.95)


def report_lines(report: Report, width: int, encoding: str = "utf-8") -> list[str]:
    """Return the report's lines, each at most `width` columns wide (at least 40).

    Characters that `encoding` lacks are written out, such as `\\u6c11`.
    """
    width = max(NARROWEST, width)
    lines = (line.encode(encoding, "backslashreplace").decode(encoding) for line in _lines(report, width))
    return [cut(line, width).rstrip() for line in lines]


def _lines(report: Report, width: int) -> Iterator[str]:
    yield f"{report.rows:,} rows: {report.name}"
    named = part_of(report.card, "settings")
    for key in ("engine", "model", "pack", "decode", "licence"):
        if named.get(key) is not None:
            yield f"  {key:<18}{named[key]}"
    for name, value in report.facts:
        yield f"  {name:<18}{value}"
    yield from _counts("status", report.status, report.rows, width)
    if report.reasons:
        yield ""
        yield "reasons"
        for status, reason, n, first in report.reasons[:10]:
            told = f"  {fit(f'{status} {reason}', min(NAME, width - 25))}  {n:>12,}  {_share(n, report.rows):>7}"
            yield f"{told}  such as {first}" if first else told
    yield from _counts("audio flags", report.flags, report.rows, width)
    remarks = [*(f"warning: {line}" for line in report.warnings), *(f"note: {line}" for line in report.missing)]
    if remarks:
        yield ""
    for remark in remarks:
        yield from textwrap.wrap(remark, width, subsequent_indent="  ")
    if report.comparison:
        yield from _compared(report.comparison, width)
    if report.spreads:
        yield from _quantiles("scores", report.spreads, width)
    if report.losses:
        yield from _quantiles("losses (what a fault took from the score)", report.losses, width)
    if report.measures:
        yield from _quantiles("measures", [one for one, _ in report.measures], width)
    if report.sweep:
        yield from _sweep(report.sweep, width)
    for spread in report.spreads:
        yield from _histogram(spread, width)
    if report.correlation:
        yield from _correlations(report.correlation, width)
    if report.groups:
        rows = [[g.name, f"{g.songs:,}", f"{g.scored:,}", _number(g.mean)] for g in report.groups[:10]]
        yield from _table(f"by {report.group}", ["", "songs", "scored", "mean"], rows, width)
    for songs in report.songs:
        yield from _songs(songs, width)


def _counts(title: str, counts: Mapping[str, int], total: int, width: int) -> Iterator[str]:
    if counts:
        yield ""
        yield title
        for name, n in counts.items():
            yield f"  {fit(name, min(NAME, width - 25))}  {n:>12,}  {_share(n, total):>7}"


def _quantiles(title: str, spreads: Sequence[Spread], width: int) -> Iterator[str]:
    heads = ["", "songs", "mean", "std", *(f"{q:.0%}" for q in SHOWN), "distinct"]
    rows: list[list[str]] = []
    for s in spreads:
        figures = [s.mean, s.std, *(s.quantiles[q] for q in SHOWN)]
        rows.append([s.name, f"{s.count:,}", *map(_number, figures), f"{s.distinct:,}"])
    for spare in SPARE:
        if sum(max(len(line[i]) for line in (heads, *rows)) + 2 for i in range(1, len(heads))) + LEAST_NAME <= width:
            break
        place = heads.index(spare)
        for line in (heads, *rows):
            del line[place]
    yield from _table(title, heads, rows, width)


def _sweep(sweep: Sweep, width: int) -> Iterator[str]:
    yield ""
    told = f"threshold on {sweep.name} (kept: at least the threshold; share of all {sweep.rows:,} rows)"
    yield from textwrap.wrap(told, width)
    rows = [(f"{a:z.3g}" if a == b else f"{a:z.3g} to {b:z.3g}", kept) for a, b, kept in sweep.folded()]
    first = max(len(named) for named, _ in rows)
    room = max(6, width - 27 - first)
    for named, kept in rows:
        bar = BAR * round(room * kept / max(1, sweep.rows))
        yield f"  {named:>{first}}  {kept:>12,}  {_share(kept, sweep.rows):>7}  {bar}"


def _histogram(spread: Spread, width: int) -> Iterator[str]:
    step = max(1, len(spread.counts) // TEXT_BINS)
    counts = [sum(spread.counts[i : i + step]) for i in range(0, len(spread.counts), step)]
    room, most = max(10, width - 36), max(1, *counts)
    yield ""
    yield f"{spread.name} ({spread.count:,} songs)"
    for i, n in enumerate(counts):
        low, high = spread.edges[i * step], spread.edges[min(len(spread.edges) - 1, (i + 1) * step)]
        bar = BAR * max(round(room * n / most), 1 if n else 0)
        yield f"  {low:>z8.4g} .. {high:<z8.4g}{n:>12,} {bar}"


def _correlations(what: Correlation, width: int) -> Iterator[str]:
    yield ""
    yield from textwrap.wrap(f"correlations (Spearman, {'a sample of ' * what.sampled}{what.songs:,} songs)", width)
    room = max(8, (width - 14) // 2)
    for one, other, value in what.strongest():
        yield f"  {value:>+z6.2f}  {fit(one, min(NAME, room))}  {cut(other, room)}"


def _songs(songs: SongList, width: int) -> Iterator[str]:
    rows = [[_number(s.overall), s.song_id, s.title or "", s.note] for s in songs.songs]
    if rows:
        yield ""
        yield from textwrap.wrap(f"{songs.heading.lower()}, {songs.basis}", width)
        room = max(8, (width - 26) // 2)
        for overall, song_id, title, note in rows:
            yield f"  {overall:>6}  {fit(song_id, room)}  {fit(title if title != song_id else '', room)}  {note}"


def _compared(what: Comparison, width: int) -> Iterator[str]:
    yield ""
    yield f"against {what.name}"
    yield f"  {what.both:,} songs in both, {what.only_new:,} new, {what.only_old:,} gone"
    yield f"  gained a score: {what.gained:,}, lost it: {what.lost:,}"
    for caution in what.cautions:
        yield from textwrap.wrap(f"caution: {caution}", width, initial_indent="  ", subsequent_indent="    ")
    for one in what.scores if what.both else ():
        held = "-" if one.rank_correlation is None else f"{one.rank_correlation:z.3f}"
        means = f"mean {_number(one.mean_old)} -> {_number(one.mean_new)}, moved by {_number(one.mean_change)}"
        told = f"  {fit(one.name, NAME)}  {means}, rank correlation {held}"
        if columns_of(told) <= width:
            yield told
        else:
            yield f"  {one.name}"
            yield from textwrap.wrap(
                f"{means}, rank correlation {held}", width, initial_indent="    ", subsequent_indent="    "
            )
    for border, more, fewer in what.crossing if what.both else ():
        yield f"  at {border:<z6.3g} newly kept {more:,}, newly dropped {fewer:,}"
    for name, then, now in what.settings:
        yield f"  {name}: {then} -> {now}"


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    yield ""
    yield title
    widths = [max(len(line[i]) for line in (heads, *rows)) for i in range(1, len(heads))]
    longest = max((columns_of(row[0]) for row in rows), default=0)
    first = min(NAME, longest, max(8, width - sum(w + 2 for w in widths) - 2))
    for line in (heads, *rows):
        cells = "".join(f"  {cell:>{w}}" for cell, w in zip(line[1:], widths, strict=True))
        yield f"  {fit(line[0], first)}{cells}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:z.3f}" if abs(value) < 1000 else f"{value:.5g}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(_columns(one) for one in text)


def fit(text: str, width: int) -> str:
    """Return a text that takes `width` columns exactly: cut or filled up."""
    short = cut(text, width)
    return short + " " * (width - columns_of(short))


def cut(text: str, width: int) -> str:
    """Return a text of at most `width` columns; three dots stand for what was cut. Control characters become spaces."""
    text = CONTROL.sub(" ", text)
    if columns_of(text) <= width:
        return text
    kept, used = [], 0
    for one in text:
        used += _columns(one)
        if used > width - 3:
            break
        kept.append(one)
    return "".join(kept) + "..."


def _columns(one: str) -> int:
    if unicodedata.combining(one) or unicodedata.category(one) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(one) in ("W", "F") else 1

"""The songs that a report shows one by one: the best, the worst and the most uncertain, with text and player."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from musicflamingo_cli.results.report.card import settings_of
from musicflamingo_cli.results.report.columns import Columns, Dimension, number_sql
from musicflamingo_cli.results.report.records import ReportOptions, SongList, SongView
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.urls import has_scheme

TEXT = 1200
"""Characters of one text that are shown."""
PATH = 4000
"""Characters of an audio path or URL; a longer one is not played."""
BEST, WORST, UNCERTAIN, FIRST = "Best", "Worst", "Most uncertain", "First"
WHOLE = "text"
"""The column of whole replies; where a field holds all of one, it is shown once."""
UNRANKED = "nothing here ranks songs, so these are the first of the table"


def song_lists(
    sandbox: Sandbox, columns: Columns, view: str, rank: Dimension | None, options: ReportOptions
) -> list[SongList]:
    """Return the best, the worst and the most uncertain songs; ties in the order of the table."""
    if options.songs < 1 or not columns.table.rows:
        return []
    if rank is None:
        views = _views(sandbox, columns, view, range(min(options.songs, columns.table.rows)))
        folders = audio_folders(columns, options)
        return [SongList(FIRST, UNRANKED, [_view(views[row], columns, None, folders, "") for row in sorted(views)])]
    value = columns.number(rank.name)
    scored = int(sandbox.rows(f"SELECT count({value}) FROM {view}")[0][0])
    chosen = f"SELECT row, {value} AS v FROM {view} WHERE {value} IS NOT NULL"
    lists = []
    for heading, order, half in ((BEST, "DESC", (scored + 1) // 2), (WORST, "ASC", scored // 2)):
        found = sandbox.rows(f"{chosen} ORDER BY v {order}, row LIMIT {min(options.songs, half)}")
        basis = f"by {rank.name}, {'highest' if heading == BEST else 'lowest'} first"
        lists.append((heading, basis, {int(row): "" for row, _ in found}))
    lists.append(_uncertain(sandbox, columns, view, options.songs))
    wanted = {row for _, _, notes in lists for row in notes}
    views = _views(sandbox, columns, view, sorted(wanted))
    folders = audio_folders(columns, options)
    return [
        SongList(heading, basis, [_view(views[row], columns, rank, folders, note) for row, note in notes.items()])
        for heading, basis, notes in lists
    ]


def _uncertain(sandbox: Sandbox, columns: Columns, view: str, count: int) -> tuple[str, str, dict[int, str]]:
    parts = []
    for dimension in columns.dimensions:
        part = columns.detail(dimension.name, "std") if dimension.has_std else None
        if part is not None:
            reach = (dimension.high or 1.0) - (dimension.low or 0.0)
            parts.append(f"{number_sql(part)} / {reach if reach > 0 else 1.0!r}")
    if parts:
        mean = f"list_avg([{', '.join(parts)}])"
        query = f"SELECT row, u FROM (SELECT row, {mean} AS u FROM {view}) WHERE u > 0 ORDER BY u DESC, row"
        found = sandbox.rows(f"{query} LIMIT {count}")
        if found:
            basis = "by the mean spread (standard deviation) of the model's own distribution over the numbers"
            return UNCERTAIN, basis, {int(row): f"spread {u:.3f}" for row, u in found}
    if columns.has("coverage"):
        cover = columns.number("coverage")
        query = f"SELECT row, c FROM (SELECT row, {cover} AS c FROM {view}) WHERE c < 1 AND c > 0 ORDER BY c, row"
        found = sandbox.rows(f"{query} LIMIT {count}")
        basis = "by coverage, the share of the weight that was answered: lowest first (this table holds no spread)"
        if found:
            return UNCERTAIN, basis, {int(row): f"coverage {c:.0%}" for row, c in found}
    return UNCERTAIN, "nothing in this table tells: no spread of a model's own, and no song answered in part", {}


def _views(sandbox: Sandbox, columns: Columns, view: str, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Read what is shown of some rows, and no other row's text."""
    if not rows:
        return {}
    parts = {"row": "row", "song_id": columns.id_text(300)}
    for name in ("title", "status", "reason", "error", "audio"):
        parts[name] = columns.text(name, PATH + 1 if name == "audio" else 400)
    parts["audio_flags"] = columns.text("audio_flags", 400)
    for i, one in enumerate(columns.dimensions):
        parts[f"v{i}"] = columns.number(one.name)
        parts[f"s{i}"] = (columns.detail(one.name, "std") if one.has_std else None) or "NULL"
    for i, name in enumerate(columns.texts):
        parts[f"t{i}"] = columns.text(name, TEXT + 1)
    selected = ", ".join(f"{sql} AS {name}" for name, sql in parts.items())
    found = sandbox.rows(f"SELECT {selected} FROM {view} WHERE row IN ({', '.join(map(str, rows))})")
    return {int(line[0]): dict(zip(parts, line, strict=True)) for line in found}


def _view(
    row: Mapping[str, Any], columns: Columns, rank: Dimension | None, folders: Sequence[Path], note: str
) -> SongView:
    scores, overall = [], None
    for i, one in enumerate(columns.dimensions):
        std = row[f"s{i}"]
        if rank is not None and one.name == rank.name:
            overall = row[f"v{i}"]
        else:
            scores.append((one.name, row[f"v{i}"], std if isinstance(std, float) and math.isfinite(std) else None))
    texts = [(name, str(row[f"t{i}"])) for i, name in enumerate(columns.texts) if row[f"t{i}"]]
    fields = {text.strip() for name, text in texts if name != WHOLE}
    texts = [(name, text) for name, text in texts if name != WHOLE or text.strip() not in fields]
    flags = str(row["audio_flags"] or "").strip("[]")
    return SongView(
        song_id=str(row["song_id"]) if row["song_id"] is not None else f"row {row['row'] + 1}",
        title=row["title"],
        status=row["status"],
        reason=row["reason"],
        error=row["error"],
        overall=overall,
        scores=scores,
        texts=[(name, text if len(text) <= TEXT else text[:TEXT] + " \u2026") for name, text in texts],
        flags=[flag.strip() for flag in flags.split(",") if flag.strip()],
        audio=row["audio"],
        player=player_url(row["audio"], folders),
        note=note,
    )


def audio_folders(columns: Columns, options: ReportOptions) -> list[Path]:
    """Return the folders that a relative audio path may start from, the likeliest first."""
    if options.audio_root is not None:
        return [Path(options.audio_root)]
    named = settings_of(columns.table.card)
    found = [Path(named["audio_root"])] if isinstance(named.get("audio_root"), str) else []
    if isinstance(named.get("manifest"), str) and "/" in named["manifest"]:
        found.append(Path(named["manifest"]).parent)
    return [*found, Path()]


def player_url(audio: str | None, folders: Sequence[Path]) -> str | None:
    """Return a URL that a browser can play: an http(s) URL as it is, or `file:` for a local file that exists.

    None for anything else: other schemes, names and passwords or control characters inside a URL, files that are not
    there.
    """
    if not audio or len(audio) > PATH or "\x00" in audio:
        return None
    if has_scheme(audio):
        try:
            parts = urlsplit(audio)
        except ValueError:
            return None
        plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc and audio.isprintable()
        return audio if plain else None
    for folder in folders:
        try:
            path = folder / audio
            if path.is_file():
                return path.absolute().as_uri()
        except (OSError, ValueError):
            continue
    return None

"""The songs that a report shows one by one: the best, the worst and the most uncertain, with text and player."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from musicflamingo_cli.results.report.records import ReportOptions, SongList, SongView
from musicflamingo_cli.results.report.view import Score, View
from musicflamingo_cli.results.run_card import part_of
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.urls import has_scheme

TEXT = 1200
"""Characters of one text that are shown."""
PATH = 4000
"""Characters of an audio path or URL; a longer one is not played."""
LINE = 400
"""Characters of a title, an error and the like."""
WHOLE = "text"
"""The column of whole replies; where a field holds all of one, it is shown once."""
UNRANKED = "nothing here ranks songs, so these are the first of the table"


def song_lists(sandbox: Sandbox, view: View, rank: Score | None, options: ReportOptions) -> list[SongList]:
    """Return the best, the worst and the most uncertain songs; ties in the order of the table."""
    most = min(options.songs, view.table.rows)
    if most < 1:
        return []
    if rank is None:
        chosen = [("First", UNRANKED, dict.fromkeys(range(most), ""))]
    else:
        scored = sandbox.rows(f"SELECT count({rank.column}) FROM {view.name}")[0][0]
        chosen = []
        for heading, order, half in (("Best", "DESC", (scored + 1) // 2), ("Worst", "ASC", scored // 2)):
            query = f"SELECT row FROM {view.name} WHERE {rank.column} IS NOT NULL ORDER BY {rank.column} {order}, row"
            found = sandbox.rows(f"{query} LIMIT {min(most, half)}")
            basis = f"by {rank.name}, {'highest' if heading == 'Best' else 'lowest'} first"
            chosen.append((heading, basis, {row: "" for (row,) in found}))
        chosen.append(("Most uncertain", *_uncertain(sandbox, view, most)))
    rows = _rows(sandbox, view, sorted({row for _, _, notes in chosen for row in notes}))
    folders = _audio_folders(view, options)
    return [
        SongList(heading, basis, [_song(rows[row], view, rank, folders, note) for row, note in notes.items()])
        for heading, basis, notes in chosen
    ]


def _uncertain(sandbox: Sandbox, view: View, most: int) -> tuple[str, dict[int, str]]:
    """Return how the songs were found, and a note on each by its row."""
    spreads = [f"{one.std} / {one.ends[1] - one.ends[0]!r}" for one in view.scores if one.std]
    mean = f"list_avg([{', '.join(spreads)}])" if spreads else "NULL"
    uncertain = f"SELECT row, {mean} AS u FROM {view.name} WHERE u > 0 ORDER BY u DESC, row LIMIT {most}"
    if found := sandbox.rows(uncertain):
        basis = "by the mean spread (standard deviation) of the model's own distribution over the numbers"
        return basis, {row: f"spread {u:.3f}" for row, u in found}
    partial = f"SELECT row, coverage FROM {view.name} WHERE coverage > 0 AND coverage < 1 ORDER BY coverage, row"
    if found := sandbox.rows(f"{partial} LIMIT {most}"):
        basis = "by coverage, the share of the weight that was answered: lowest first (this table holds no spread)"
        return basis, {row: f"coverage {share:.0%}" for row, share in found}
    return "nothing in this table tells: no spread of a model's own, and no song answered in part", {}


def _rows(sandbox: Sandbox, view: View, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Read what is shown of some rows, and no other row's text."""
    lengths = {
        "id": 300,
        "audio": PATH + 1,
        **dict.fromkeys(("title", "status", "reason", "error", "audio_flags"), LINE),
    }
    lengths |= {f"t{i}": TEXT + 1 for i in range(len(view.texts))}
    numbers = [name for one in view.scores for name in (one.column, one.std) if name]
    picked = ["row", *numbers, *(f"left({name}, {length})" for name, length in lengths.items())]
    listed = ", ".join(map(str, rows)) or "NULL"
    found = sandbox.rows(f"SELECT {', '.join(picked)} FROM {view.name} WHERE row IN ({listed})")
    return {line[0]: dict(zip(("row", *numbers, *lengths), line, strict=True)) for line in found}


def _song(row: Mapping[str, Any], view: View, rank: Score | None, folders: Sequence[Path], note: str) -> SongView:
    texts = [(name, row[f"t{i}"]) for i, name in enumerate(view.texts) if row[f"t{i}"]]
    fields = {text.strip() for name, text in texts if name != WHOLE}
    return SongView(
        song_id=f"row {row['row'] + 1}" if row["id"] is None else row["id"],
        title=row["title"],
        status=row["status"],
        reason=row["reason"],
        error=row["error"],
        overall=row[rank.column] if rank else None,
        scores=[
            (one.name, row[one.column], row[one.std] if one.std else None)
            for one in view.scores
            if rank is None or one.name != rank.name
        ],
        texts=[
            (name, text if len(text) <= TEXT else f"{text[:TEXT]} \u2026")
            for name, text in texts
            if name != WHOLE or text.strip() not in fields
        ],
        flags=[flag.strip() for flag in (row["audio_flags"] or "").strip("[]").split(",") if flag.strip()],
        audio=row["audio"],
        player=player_url(row["audio"], folders),
        note=note,
    )


def _audio_folders(view: View, options: ReportOptions) -> list[Path]:
    """Return the folders that a relative audio path may start from, the likeliest first."""
    if options.audio_root is not None:
        return [Path(options.audio_root)]
    settings = part_of(view.table.card, "settings")
    root, manifest = settings.get("audio_root"), settings.get("manifest")
    found = [Path(root)] if isinstance(root, str) else []
    if isinstance(manifest, str) and "/" in manifest:
        found.append(Path(manifest).parent)
    return [*found, Path()]


def player_url(audio: str | None, folders: Sequence[Path]) -> str | None:
    """Return a URL that a browser can play: an http(s) URL as it is, or `file:` for a local file that exists.

    None for anything else: other schemes, names and passwords or control characters inside a URL, files that are not
    there.
    """
    if not audio or len(audio) > PATH:
        return None
    if has_scheme(audio):
        with suppress(ValueError):
            parts = urlsplit(audio)
            if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc:
                return audio if audio.isprintable() else None
        return None
    for path in (folder / audio for folder in folders):
        with suppress(OSError, ValueError):  # no name that a file can have
            if path.is_file():
                return path.absolute().as_uri()
    return None

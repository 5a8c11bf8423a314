"""Two runs over the same songs: what moved, and whether the order held."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.join import lacking
from musicflamingo_cli.results.report.card import settings_of
from musicflamingo_cli.results.report.columns import Columns, Dimension
from musicflamingo_cli.results.report.figures import every_nth, rank_correlations
from musicflamingo_cli.results.report.records import Comparison, Moved
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.tables.ids import few_match

PAIRS = 50_000
"""Songs that the chart and the rank correlation are made of, about; all of them where there are fewer."""
MOVERS = 10
CROSSINGS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Thresholds, as shares of the range."""
SHOWN = 60
"""Characters of a setting's value."""
MEANING = ("engine", "model", "revision", "pack", "prompt_hash", "decode", "weights", "assume_scale", "score_from")
"""Settings without which a score is another score."""
EXACT = ("prompt", "fields", "system")
"""Settings too long to show; `prompt_hash` stands for them."""


def compare(sandbox: Sandbox, new: Columns, old: Columns, rank: Dimension | None) -> Comparison:
    """Compare the views `new` and `old` by song id. Raises `UsageError` if one of them has no ids."""
    for columns in (new, old):
        if columns.id_name is None:
            raise UsageError(f"{columns.table.name}: no column song_id or id to compare songs by")
    names = [d.name for d in new.dimensions if d.name in {o.name for o in old.dimensions}]
    if rank is not None and rank.name in names:
        names.sort(key=lambda name: name != rank.name)
    for columns, view in ((new, "new"), (old, "old")):
        sandbox.run(f"CREATE TEMP VIEW {view}_songs AS {_songs(columns, view, names)}")
    sandbox.run("CREATE TEMP TABLE pairs AS SELECT * FROM new_songs JOIN old_songs USING (id)")
    both = _one(sandbox, "SELECT count(*) FROM pairs")
    rows, rows_new = (_one(sandbox, f"SELECT count(*) FROM {view}_songs") for view in ("old", "new"))
    few = None
    if 2 * both < rows_new:
        views = ("new_songs", "old_songs")
        some = [lacking(f"FROM {a}", f"FROM {b}", sandbox)[1] for a, b in (views, views[::-1])]
        few = few_match(both, rows_new, (new.table.name, some[0]), (old.table.name, some[1]))
    ranks = bool(names) and rank is not None and names[0] == rank.name
    low, high = _ends(rank)
    gained, lost, crossing = _crossing(sandbox, low, high) if ranks else (0, 0, [])
    changed = "SELECT old_status, new_status, count(*) AS n FROM pairs WHERE old_status IS DISTINCT FROM new_status"
    statuses = sandbox.rows(f"{changed} GROUP BY 1, 2 ORDER BY n DESC, 1, 2 LIMIT 20")
    sample = f"SELECT old0, new0 FROM pairs WHERE {every_nth('id', both, PAIRS)} AND old0 + new0 IS NOT NULL"
    return Comparison(
        name=old.table.name,
        rows=rows,
        both=both,
        only_old=rows - both,
        only_new=rows_new - both,
        gained=gained,
        lost=lost,
        scores=[_moved(sandbox, name, i, both) for i, name in enumerate(names)],
        status=[(str(a or "(none)"), str(b or "(none)"), int(n)) for a, b, n in statuses],
        settings=differing(old.table.card, new.table.card),
        cautions=[*([few.removeprefix("warning: ")] if few else []), *_cautions(old.table.card, new.table.card)],
        few_match=few,
        crossing=crossing,
        movers=_movers(sandbox, new) if ranks else [],
        pairs=[(a, b) for a, b in sandbox.rows(sample)] if ranks else [],
        low=low,
        high=high,
    )


def _songs(columns: Columns, view: str, names: Sequence[str]) -> str:
    """Return a query of one row a song: a repeated id counts once, as it stands first."""
    key = columns.id_text()
    values = "".join(f", {columns.number(name)} AS {view}{i}" for i, name in enumerate(names))
    first = f"SELECT min(row) FROM {view} WHERE {key} IS NOT NULL GROUP BY {key}"
    taken = f"SELECT {key} AS id, row AS {view}_row, {columns.text('status')} AS {view}_status{values} FROM {view}"
    return f"{taken} WHERE row IN ({first})"


def _movers(sandbox: Sandbox, new: Columns) -> list[tuple[str, str | None, float, float]]:
    most = "SELECT id, new_row, old0, new0 FROM pairs WHERE old0 <> new0"
    found = sandbox.rows(f"{most} ORDER BY abs(new0 - old0) DESC, new_row LIMIT {MOVERS}")
    rows = ", ".join(str(row) for _, row, _, _ in found) or "-1"
    titles = dict(sandbox.rows(f"SELECT row, {new.text('title')} FROM new WHERE row IN ({rows})"))
    return [(str(song_id), titles.get(row), then, now) for song_id, row, then, now in found]


def _crossing(sandbox: Sandbox, low: float, high: float) -> tuple[int, int, list[tuple[float, int, int]]]:
    counts = [f"count(*) FILTER ({a} IS NULL AND {b} IS NOT NULL)" for a, b in (("old0", "new0"), ("new0", "old0"))]
    borders = [round(low + (high - low) * share, 9) for share in CROSSINGS]
    for border in borders:
        then, now = (f"coalesce({column} >= '{border!r}'::DOUBLE, false)" for column in ("old0", "new0"))
        counts += [f"count(*) FILTER ({now} AND NOT {then})", f"count(*) FILTER ({then} AND NOT {now})"]
    row = sandbox.rows(f"SELECT {', '.join(counts)} FROM pairs")[0]
    return row[0], row[1], [(b, row[2 + 2 * i], row[3 + 2 * i]) for i, b in enumerate(borders)]


def _moved(sandbox: Sandbox, name: str, i: int, both: int) -> Moved:
    there = f"old{i} IS NOT NULL AND new{i} IS NOT NULL"
    figures = f"SELECT count(*), avg(old{i}), avg(new{i}), avg(abs(new{i} - old{i})) FROM pairs WHERE {there}"
    songs, then, now, change = sandbox.rows(figures)[0]
    sample = f"SELECT old{i}, new{i} FROM pairs WHERE {there} AND {every_nth('id', both, PAIRS)}"
    pairs = np.array(sandbox.rows(sample), float)
    kept = float(rank_correlations(pairs)[0, 1]) if len(pairs) >= 3 else math.nan
    return Moved(name, songs, then, now, change, kept if math.isfinite(kept) else None)


def _one(sandbox: Sandbox, query: str) -> int:
    return int(sandbox.rows(query)[0][0])


def _ends(rank: Dimension | None) -> tuple[float, float]:
    if rank is None or rank.low is None or rank.high is None or rank.high <= rank.low:
        return 0.0, 1.0
    return rank.low, rank.high


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the settings and versions in which two run cards differ: (name, then, now)."""
    told = []
    for part in ("settings", "versions"):
        then, now = _part(old, part), _part(new, part)
        for key in dict.fromkeys((*then, *now)):
            a, b = then.get(key), now.get(key)
            if a != b and key not in EXACT:
                told.append((str(key), plain(a), plain(b)))
    return told


def _cautions(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    told = []
    then, now = settings_of(old), settings_of(new)
    differ = [name for name in MEANING if then.get(name) != now.get(name)] if then and now else []
    if differ:
        told.append(
            f"The runs differ in {', '.join(differ)}: a score of one may mean something else in the other, "
            "so that what moved need not be the songs."
        )
    return told


def _part(card: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = card.get(name)
    return part if isinstance(part, dict) else {}


def plain(value: object, length: int = SHOWN) -> str:
    """Return a value of a run card as short text."""
    if value is None:
        return "(none)"
    if isinstance(value, str):
        text = value
    else:
        text = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return text if len(text) <= length else text[: length - 1] + "\u2026"

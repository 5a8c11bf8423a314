"""Two runs over the same songs: what moved, and whether the order held."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.join import lacking
from musicflamingo_cli.results.report.figures import every_nth, spearman
from musicflamingo_cli.results.report.records import Comparison, Moved
from musicflamingo_cli.results.report.view import Score, View
from musicflamingo_cli.results.run_card import part_of
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.sweep import double
from musicflamingo_cli.results.tables.ids import few_match

MOVERS = 10
CROSSINGS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Thresholds, as shares of the range."""
SHOWN = 60
"""Characters of a setting's value."""
MEANING = ("engine", "model", "revision", "pack", "prompt_hash", "decode", "weights", "assume_scale", "score_from")
"""Settings without which a score is another score."""
LONG = ("prompt", "fields", "system")
"""Settings too long to show; `prompt_hash` stands for them."""


def compare(sandbox: Sandbox, new: View, old: View, rank: Score | None) -> Comparison:
    """Compare two tables by song id, the score that ranks first. Raises `UsageError` if one of them has no ids."""
    for view in (new, old):
        if view.id_name is None:
            raise UsageError(f"{view.table.name}: no column song_id or id to compare songs by")
    then = {one.name: one.column for one in old.scores}
    names = [one.name for one in new.scores if one.name in then]
    if rank is not None and rank.name in names:
        names.sort(key=lambda name: name != rank.name)
    ranked = names[:1] if rank is not None and names[:1] == [rank.name] else []
    now = {one.name: one.column for one in new.scores}
    for view, columns in ((new, now), (old, then)):
        values = "".join(f", {columns[name]} AS {view.name}{i}" for i, name in enumerate(names))
        # A repeated id counts once, as it stands first.
        sandbox.run(
            f"CREATE TEMP VIEW {view.name}_songs AS SELECT id, row AS {view.name}_row, "
            f"left(status, 200) AS {view.name}_status{values} FROM {view.name} "
            f"WHERE row IN (SELECT min(row) FROM {view.name} WHERE id IS NOT NULL GROUP BY id)"
        )
    sandbox.run("CREATE TEMP TABLE pairs AS SELECT * FROM new_songs JOIN old_songs USING (id)")
    songs = ("pairs", "new_songs", "old_songs")
    both, rows_new, rows_old = (sandbox.rows(f"SELECT count(*) FROM {one}")[0][0] for one in songs)
    few = None
    if 2 * both < rows_new:
        some = [lacking(f"FROM {a}", f"FROM {b}", sandbox)[1] for a, b in (songs[1:], songs[:0:-1])]
        few = few_match(both, rows_new, (new.table.name, some[0]), (old.table.name, some[1]))
    changed = "SELECT old_status, new_status, count(*) AS n FROM pairs WHERE old_status IS DISTINCT FROM new_status"
    statuses = sandbox.rows(f"{changed} GROUP BY 1, 2 ORDER BY n DESC, 1, 2 LIMIT 20")
    low, high = rank.ends if rank else (0.0, 1.0)
    gained, lost, crossing = _crossing(sandbox, low, high) if ranked else (0, 0, [])
    sampled = every_nth("id", both)
    scored_twice = f"SELECT old0, new0 FROM pairs WHERE {sampled} AND old0 + new0 IS NOT NULL"
    return Comparison(
        name=old.table.name,
        both=both,
        only_old=rows_old - both,
        only_new=rows_new - both,
        gained=gained,
        lost=lost,
        scores=[_moved(sandbox, name, i, sampled) for i, name in enumerate(names)],
        status=[(a or "(none)", b or "(none)", n) for a, b, n in statuses],
        settings=differing(old.table.card, new.table.card),
        cautions=[*([few.removeprefix("warning: ")] if few else []), *_cautions(old.table.card, new.table.card)],
        few_match=few,
        crossing=crossing,
        movers=_movers(sandbox) if ranked else [],
        pairs=sandbox.rows(scored_twice) if ranked else [],
        low=low,
        high=high,
    )


def _movers(sandbox: Sandbox) -> list[tuple[str, str | None, float, float]]:
    order = "ORDER BY abs(new0 - old0) DESC, new_row"
    most = f"SELECT id, new_row, old0, new0 FROM pairs WHERE old0 <> new0 {order} LIMIT {MOVERS}"
    return sandbox.rows(
        f"SELECT p.id, left(title, 200), old0, new0 FROM ({most}) p JOIN new ON new.row = p.new_row {order}"
    )


def _crossing(sandbox: Sandbox, low: float, high: float) -> tuple[int, int, list[tuple[float, int, int]]]:
    counts = [f"count(*) FILTER ({a} IS NULL AND {b} IS NOT NULL)" for a, b in (("old0", "new0"), ("new0", "old0"))]
    borders = [round(low + (high - low) * share, 9) for share in CROSSINGS]
    for border in borders:
        then, now = (f"coalesce({column} >= {double(border)}, false)" for column in ("old0", "new0"))
        counts += [f"count(*) FILTER ({now} AND NOT {then})", f"count(*) FILTER ({then} AND NOT {now})"]
    gained, lost, *crossed = sandbox.rows(f"SELECT {', '.join(counts)} FROM pairs")[0]
    return gained, lost, list(zip(borders, crossed[::2], crossed[1::2], strict=True))


def _moved(sandbox: Sandbox, name: str, i: int, sampled: str) -> Moved:
    there = f"FROM pairs WHERE old{i} IS NOT NULL AND new{i} IS NOT NULL"
    means = f"SELECT count(*), avg(old{i}), avg(new{i}), avg(abs(new{i} - old{i})) {there}"
    pairs = sandbox.rows(f"SELECT old{i}, new{i} {there} AND {sampled}")
    kept = spearman(pairs)[0][1] if len(pairs) >= 3 else math.nan
    songs, then, now, change = sandbox.rows(means)[0]
    return Moved(name, songs, then, now, change, kept if math.isfinite(kept) else None)


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the settings and versions in which two run cards differ: (name, then, now)."""
    told = []
    for part in ("settings", "versions"):
        then, now = part_of(old, part), part_of(new, part)
        for key in dict.fromkeys((*then, *now)):
            if then.get(key) != now.get(key) and key not in LONG:
                told.append((str(key), shown(then.get(key)), shown(now.get(key))))
    return told


def _cautions(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    then, now = part_of(old, "settings"), part_of(new, "settings")
    differ = [name for name in MEANING if then.get(name) != now.get(name)] if then and now else []
    if not differ:
        return []
    return [
        f"The runs differ in {', '.join(differ)}: a score of one may mean something else in the other, "
        "so that what moved need not be the songs."
    ]


def shown(value: object, length: int = SHOWN) -> str:
    """Return a value of a run card as short text."""
    if value is None:
        return "(none)"
    plain = value if isinstance(value, str) else orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
    text = plain if isinstance(plain, str) else plain.decode()
    return text if len(text) <= length else f"{text[: length - 1]}\u2026"

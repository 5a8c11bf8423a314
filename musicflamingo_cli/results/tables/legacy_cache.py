"""The forms that scores had before: id to scores in JSON, and a folder of five-number caches, one file a song."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.tables.score_documents import FAILURE_MARK, LEGACY, WEIGHTS, valid
from musicflamingo_cli.results.tables.table import OVERALL, Reject, Table


def is_cache_folder(folder: Path) -> bool:
    """Return whether a folder holds the older script's caches: JSON files, one a song."""
    return next((p for p in _caches(folder) if p.is_file()), None) is not None


def _caches(folder: Path) -> Iterator[Path]:
    return (p for p in folder.glob("*.json") if not p.name.startswith("."))


def read_cache_folder(name: str, work: Path) -> Table:
    """Read a folder of `<song_id>.json` as a table; `obtained` is `legacy`, failures and broken files are rejects."""
    from musicflamingo_cli.results.tables.json_table import stage_rows

    rows, rejects = [], []
    for path in sorted(_caches(Path(name))):
        found = _cached(name, path)
        if isinstance(found, Reject):
            rejects.append(found)
        else:
            rows.append(found)
    if not rows:
        rows = [dict.fromkeys(_cache_row("", {}))]
        table = stage_rows(name, work, rows, rejects, LEGACY)
        raise UsageError(f"{table.name}: none of its {len(rejects)} files holds scores ({_first(rejects)})")
    return stage_rows(name, work, rows, rejects, LEGACY)


def _first(rejects: list[Reject]) -> str:
    return f"{rejects[0].place}: {rejects[0].error}" if rejects else "it is empty"


def _cached(name: str, path: Path) -> dict[str, Any] | Reject:
    from musicflamingo_cli.results.tables.json_table import loads

    def reject(reason: str, error: str) -> Reject:
        return Reject(name, path.name, path.stem, reason, error)

    if not path.is_file():
        return reject("broken_file", "no regular file")
    try:
        found = loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as problem:
        return reject("broken_file", f"not a whole JSON document ({problem})")
    scores = found.get("scores", found) if isinstance(found, dict) else None
    if not isinstance(scores, dict) or not any(field in scores for field in WEIGHTS):
        return reject("no_scores", "none of the five scores")
    if all(scores.get(field) == FAILURE_MARK for field in WEIGHTS):
        return reject("legacy_failure", "five exact 0.5s, the older script's mark of a failure")
    return _cache_row(path.stem, scores)


def _cache_row(song_id: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    values = {field: valid(scores.get(field)) for field in WEIGHTS}
    known = sum(weight for field, weight in WEIGHTS.items() if values[field] is not None)
    whole = all(value is not None for value in values.values())
    overall = round(sum(WEIGHTS[f] * (v or 0.0) for f, v in values.items()), 9) if whole else None
    return {
        "song_id": song_id,
        "status": "ok" if whole else ("partial" if known else "failed"),
        "reason": None if whole else "missing",
        OVERALL: overall,
        "coverage": round(known, 9),
        "engine": LEGACY,
        "obtained": LEGACY,
        **values,
    }

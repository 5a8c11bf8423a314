"""Songs in a JSON document of scores, older forms too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.tables.ids import ID_NAMES
from musicflamingo_cli.results.tables.pandas_json import pandas_rows
from musicflamingo_cli.results.tables.reading import nulled_song
from musicflamingo_cli.results.tables.table import OVERALL, Reject

WEIGHTS = {
    "content_usefulness": 0.15,
    "production_quality": 0.30,
    "content_enjoyment": 0.25,
    "production_complexity": 0.10,
    "overall_recommendation_score": 0.20,
}
"""The five scores of the older scripts and their share in the overall."""


FAILURE_MARK = 0.5
"""What the older script wrote into all five when it had no answer, and then kept as one."""


SPARE = "overall_recommendation_score"
"""Taken for the overall where a song states no overall, as the older filter does."""


LEGACY = "legacy"


def valid(value: object) -> float | None:
    """Return a score in 0..1; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= 1:
        return None
    return float(value)


def rows_of_document(
    name: str, document: Any, rejects: list[Reject], nulls: frozenset[str]
) -> Iterator[dict[str, Any]]:
    """Read one JSON document as rows: a list of songs, `{"songs": [...]}`, or id to scores (or to one number)."""
    if isinstance(document, dict) and isinstance(document.get("songs"), list):
        document = document["songs"]
    rows = pandas_rows(name, document)
    if rows is not None:
        document = list(rows)
    if isinstance(document, list):
        yield from _songs(name, [nulled_song(song, nulls) for song in document], rejects)
        return
    if not isinstance(document, dict) or not document:
        raise UsageError(f"{name}: neither a list of songs nor an object of id to scores")
    if _is_song(document):
        yield _flat(nulled_song(document, nulls))
        return
    for song_id, scores in document.items():
        row = _by_id(song_id, nulled_song(scores, nulls))
        if row is None:
            rejects.append(Reject(name, f"key {song_id}", song_id, "not_a_number", f"holds {_shown(scores)}"))
        elif _is_failure(row):
            rejects.append(Reject(name, f"key {song_id}", song_id, "legacy_failure", "five exact 0.5s"))
        else:
            yield nulled_song(row, nulls)


def _songs(name: str, songs: list[Any], rejects: list[Reject]) -> Iterator[dict[str, Any]]:
    """Read a list of songs; where some have a `song_id` and others only an `id`, that stands for it."""
    named = any(isinstance(row, dict) and row.get("song_id") is not None for row in songs)
    for number, row in enumerate(songs, 1):
        if not isinstance(row, dict):
            rejects.append(Reject(name, f"element {number}", None, "not_an_object", "not an object"))
            continue
        if named and row.get("song_id") is None and row.get("id") is not None:
            song = {**row, "song_id": row["id"]}
        else:
            song = row
        lifted = lift(name, f"element {number}", song, rejects)
        if lifted is not None:
            yield lifted


def lift(name: str, place: str, row: dict[str, Any], rejects: list[Reject]) -> dict[str, Any] | None:
    """Return a song of an older form with its scores beside its id; None, and a reject, for the mark of a failure."""
    flat = _flat(row)
    if "status" not in flat and _is_failure(flat):
        song_id = flat.get("song_id", flat.get("id"))
        shown = None if song_id is None else str(song_id)
        rejects.append(Reject(name, place, shown, "legacy_failure", "five exact 0.5s"))
        return None
    return flat


def _by_id(song_id: str, scores: Any) -> dict[str, Any] | None:
    if isinstance(scores, dict):
        nothing = () if scores.get("scores", True) else ("scores",)
        flat = {k: v for k, v in _flat(scores).items() if k not in ("song_id", "id", *nothing)}
        return {"song_id": _own_id(song_id, scores), **flat}
    if scores is None or (isinstance(scores, int | float) and not isinstance(scores, bool)):
        return {"song_id": song_id, OVERALL: None if scores is None else float(scores)}
    return None


def _own_id(key: str, row: Mapping[str, Any]) -> Any:
    """Return what a row says of its id, before the key that it stands under: pandas' index is often a mere count."""
    if row.get("song_id") is not None:
        return row["song_id"]
    return next((row[name] for name in ID_NAMES if name in row), key) if key.isdigit() else key


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Lift `scores` into the row, and find the overall where the older filter looks for it."""
    inner = row.get("scores")
    if not isinstance(inner, dict) or not inner.keys() & {OVERALL, *WEIGHTS}:
        return _overall(row)
    outer = {k: v for k, v in row.items() if k != "scores"}
    return _overall({**outer, **inner, **{k: outer[k] for k in (OVERALL,) if outer.get(k) is not None}})


def _overall(row: dict[str, Any]) -> dict[str, Any]:
    if OVERALL not in row and SPARE in row:
        return {**row, OVERALL: row[SPARE]}
    return row


def _is_song(document: Mapping[str, Any]) -> bool:
    return any(key in document and not isinstance(document[key], dict) for key in ("song_id", "id"))


def _is_failure(row: Mapping[str, Any]) -> bool:
    return all(row.get(field) == FAILURE_MARK for field in WEIGHTS)


def _shown(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()[:60]

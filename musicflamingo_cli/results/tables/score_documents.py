"""Songs in a JSON document: a list, scores by id, what pandas writes; and the caches of the older script."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.schema import HEAD
from musicflamingo_cli.results.tables.cells import nulled_song
from musicflamingo_cli.results.tables.ids import ID_NAMES
from musicflamingo_cli.results.tables.json_columns import loads
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


def rows_of_document(
    name: str, document: Any, rejects: list[Reject], nulls: frozenset[str]
) -> Iterator[dict[str, Any]]:
    """Read one JSON document as rows: a list of songs, `{"songs": [...]}`, or id to scores (or to one number)."""
    if isinstance(document, dict) and isinstance(document.get("songs"), list):
        document = document["songs"]
    rows = _pandas_rows(name, document)
    if rows is not None:
        document = list(rows)
    if isinstance(document, list):
        yield from _songs(name, [nulled_song(song, nulls) for song in document], rejects)
        return
    if not isinstance(document, dict) or not document:
        raise UsageError(f"{name}: neither a list of songs nor an object of id to scores")
    if any(key in document and not isinstance(document[key], dict) for key in ("song_id", "id")):
        yield _flat(nulled_song(document, nulls))
        return
    for song_id, scores in document.items():
        row = _by_id(song_id, nulled_song(scores, nulls))
        if row is None:
            shown = orjson.dumps(scores, default=str).decode()[:60]
            rejects.append(Reject(name, f"key {song_id}", song_id, "not_a_number", f"holds {shown}"))
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
        stands_in = named and row.get("song_id") is None and row.get("id") is not None
        song = {**row, "song_id": row["id"]} if stands_in else row
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


def _by_id(key: str, scores: Any) -> dict[str, Any] | None:
    if isinstance(scores, dict):
        # What a row says of its id goes before the key that it stands under: pandas' index is often a mere count.
        own = next((name for name in ID_NAMES if name in scores), None) if key.isdigit() else None
        song_id = scores.get("song_id") if scores.get("song_id") is not None else scores[own] if own else key
        nothing = () if scores.get("scores", True) else ("scores",)
        return {"song_id": song_id, **{k: v for k, v in _flat(scores).items() if k not in ("song_id", "id", *nothing)}}
    if scores is None or (isinstance(scores, int | float) and not isinstance(scores, bool)):
        return {"song_id": key, OVERALL: None if scores is None else float(scores)}
    return None


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Lift `scores` into the row, and find the overall where the older filter looks for it."""
    inner = row.get("scores")
    if isinstance(inner, dict) and inner.keys() & {OVERALL, *WEIGHTS}:
        outer = {k: v for k, v in row.items() if k != "scores"}
        row = {**outer, **inner, **{k: outer[k] for k in (OVERALL,) if outer.get(k) is not None}}
    return {**row, OVERALL: row[SPARE]} if OVERALL not in row and SPARE in row else row


def _is_failure(row: Mapping[str, Any]) -> bool:
    return all(row.get(field) == FAILURE_MARK for field in WEIGHTS)


def _pandas_rows(name: str, document: Any) -> Iterator[dict[str, Any]] | None:
    """Return the rows of pandas' `to_json` in orient `split`, `table` or `columns`; None for any other document.

    The index is the id where no column is one and it is more than a count; pandas has then written away its name.
    Raises `UsageError` for `values`, which has no names.
    """
    if isinstance(document, list) and document and all(isinstance(row, list) for row in document):
        raise UsageError(
            f"{name}: rows without the names of their columns, as pandas' to_json(orient='values') writes them; "
            "write it with orient='records'"
        )
    if not isinstance(document, dict):
        return None
    columns, data, schema = document.get("columns"), document.get("data"), document.get("schema")
    if isinstance(data, list) and isinstance(columns, list):
        return _split(name, [str(column) for column in columns], document.get("index"), data)
    if isinstance(data, list) and isinstance(schema, dict) and "fields" in schema:
        counted = ("index",) if schema.get("primaryKey") == ["index"] else ()
        return ({k: v for k, v in row.items() if k not in counted} if isinstance(row, dict) else row for row in data)
    # Columns, not songs: the names of our columns stand outside, and not inside.
    shapes = {tuple(values) if isinstance(values, dict) else None for values in document.values()}
    known = {*HEAD, *ID_NAMES}
    if len(shapes) != 1 or None in shapes or not known & set(document) or known & set(*shapes):
        return None
    index = list(next(iter(document.values())))
    ids = _index_ids(list(document), index)
    return (
        {**ids(number), **{column: values[key] for column, values in document.items()}}
        for number, key in enumerate(index)
    )


def _split(name: str, columns: Sequence[str], index: Any, data: Sequence[Any]) -> Iterator[dict[str, Any]]:
    ids = _index_ids(columns, index if isinstance(index, list) and len(index) == len(data) else range(len(data)))
    for number, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            raise UsageError(f"{name}: 'data' element {number + 1} is no list of {len(columns)} values, one a column")
        yield {**ids(number), **dict(zip(columns, row, strict=True))}


def _index_ids(columns: Sequence[str], index: Sequence[Any]) -> Callable[[int], dict[str, Any]]:
    counted = all(str(key) == str(number) for number, key in enumerate(index))
    named = bool(set(ID_NAMES) & set(columns)) or counted
    return lambda number: {} if named else {"song_id": index[number]}


def cache_files(folder: Path) -> list[Path]:
    """Return the files of a folder of the older script's caches, one a song; none if it is no such folder."""
    found = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
    return found if any(path.is_file() for path in found) else []


def rows_of_caches(name: str, files: Sequence[Path], rejects: list[Reject]) -> Iterator[dict[str, Any]]:
    """Read the older script's caches, `<song_id>.json`; `obtained` is `legacy`, failures and broken files are rejects.

    Raises `UsageError` if none of them holds scores.
    """
    for path in files:
        row = _cached(path)
        if isinstance(row, dict):
            yield row
        else:
            rejects.append(Reject(name, path.name, path.stem, *row))
    if len(rejects) == len(files):
        first = rejects[0]
        raise UsageError(f"{name}: none of its {len(files)} files holds scores ({first.place}: {first.error})")


def _cached(path: Path) -> dict[str, Any] | tuple[str, str]:
    """Return a row, or the reason and the error of a file that holds none."""
    if not path.is_file():
        return "broken_file", "no regular file"
    try:
        found = loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as problem:
        return "broken_file", f"not a whole JSON document ({problem})"
    scores = found.get("scores", found) if isinstance(found, dict) else None
    if not isinstance(scores, dict) or not any(field in scores for field in WEIGHTS):
        return "no_scores", "none of the five scores"
    if _is_failure(scores):
        return "legacy_failure", "five exact 0.5s, the older script's mark of a failure"
    values = {field: _valid(scores.get(field)) for field in WEIGHTS}
    known = sum(weight for field, weight in WEIGHTS.items() if values[field] is not None)
    whole = None not in values.values()
    return {
        "song_id": path.stem,
        "status": "ok" if whole else ("partial" if known else "failed"),
        "reason": None if whole else "missing",
        OVERALL: round(sum(WEIGHTS[f] * (v or 0.0) for f, v in values.items()), 9) if whole else None,
        "coverage": round(known, 9),
        "engine": LEGACY,
        "obtained": LEGACY,
        **values,
    }


def _valid(value: object) -> float | None:
    """Return a score in 0..1; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= 1 else None

"""A score for each song, out of a table, a DataFrame or a mapping; and why others have none."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import pyarrow as pa

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.ids import id_text
from musicflamingo_cli.results.sandbox import work_folder
from musicflamingo_cli.results.tables.ids import id_column, nearest
from musicflamingo_cli.results.tables.open import open_table
from musicflamingo_cli.results.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd

OUTSIDE, NO_NUMBER = "outside 0..1", "not a number"
Known = tuple[dict[str, float], dict[str, str]]
"""Usable scores by id; and of other ids, why theirs is none."""


def scores_of(source: object, column: str) -> Known:
    """Read the scores of a file's name, a DataFrame or a mapping. Raises `UsageError` for what holds none."""
    if isinstance(source, Mapping):
        return usable(((id_text(k), v) for k, v in source.items()), column, "scores")
    if isinstance(source, str | Path):
        with work_folder() as work:
            table = open_table(str(source), work)
            names = table.schema.names
            if column not in names:
                raise UsageError(f"{source}: no column '{column}'{nearest(column, names)}")
            return usable(_pairs(table, id_column(table, None, "column"), names.index(column)), column, str(source))
    if is_frame(source):
        return scores_of_frame(source, column, "scores")
    kind = type(source).__name__
    raise UsageError(f"scores is a {kind}; give a file's name, a DataFrame, or a mapping of ids to scores")


def scores_of_frame(frame: pd.DataFrame, column: str, name: str, *, repeats: bool = False) -> Known:
    """Read the scores of a DataFrame; with `repeats` an id may stand several times with one score."""
    ids = [id_text(one) for one in ids_of(frame, name)]
    return usable(zip(ids, as_written(column_of(frame, column, name)), strict=True), column, name, repeats=repeats)


def usable(pairs: Iterable[tuple[str | None, Any]], column: str, name: str, *, repeats: bool = False) -> Known:
    """Part scores that are 0..1 from what is none. Raises `UsageError` for a wrong scale, or an id with two scores."""
    found: dict[str, float] = {}
    others: dict[str, str] = {}
    unfit: Counter[str] = Counter()
    for song_id, value in pairs:
        if song_id is None:
            continue
        why = unusable(value)
        if song_id in found or song_id in others:
            same = others.get(song_id) == why and (why is not None or found[song_id] == decimal(value))
            if not (repeats and same):
                raise UsageError(f"{name}: the id {song_id} has more than one score; mfq merge makes one row of each")
        elif why is None:
            found[song_id] = decimal(value)
        else:
            others[song_id] = why
            unfit[why] += 1
    if unfit[OUTSIDE] and not found:
        said = f"{name}: no {column} is in 0..1 ({unfit[OUTSIDE]} are outside)"
        raise UsageError(f"{said}; mfq merge --scale maps another scale")
    if unfit[NO_NUMBER] and not found:
        raise UsageError(f"{name}: no {column} is a number ({unfit[NO_NUMBER]} are something else)")
    return found, others


def is_frame(songs: object) -> TypeGuard[pd.DataFrame]:
    """Say if something is a DataFrame, without importing pandas where nobody else did."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(songs, pandas.DataFrame)


def ids_of(frame: pd.DataFrame, what: str) -> list[Any]:
    """Return the ids of a DataFrame's rows. Raises `UsageError` if neither a column nor the index holds them."""
    key = next((name for name in ("song_id", "id") if name in frame.columns), None)
    index = frame.index
    if key is None and index.nlevels == 1 and (index.name in ("song_id", "id") or type(index).__name__ != "RangeIndex"):
        return list(index.tolist())
    return list(column_of(frame, key or "song_id", what).tolist())


def column_of(frame: pd.DataFrame, name: str, what: str) -> pd.Series[Any]:
    """Return a column. Raises `UsageError` if `what` has none of that name, or several."""
    names = [str(one) for one in frame.columns]
    if names.count(name) != 1:
        said = f"no column '{name}'{nearest(name, names)}" if name not in names else f"more than one column '{name}'"
        raise UsageError(f"{what} have {said}")
    return frame[name]


def _pairs(table: Table, key: int, column: int) -> Iterable[tuple[str | None, Any]]:
    for batch in table.batches():
        values = batch.column(column)
        if pa.types.is_float32(values.type):
            values = values.cast(pa.string()).cast(pa.float64())
        for song_id, value in zip(batch.column(key).to_pylist(), values.to_pylist(), strict=True):
            if song_id is not None:
                yield id_text(song_id), value


def unusable(value: Any) -> str | None:
    """Return why a value is no score; None if it is one."""
    if value is None or value is _na():
        return "null"
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return NO_NUMBER
    number = float(value)
    if not math.isfinite(number):
        return "not a finite number"
    return None if 0 <= number <= 1 else OUTSIDE


def _na() -> Any:
    """Return pandas' mark of a missing value, if pandas is in use."""
    return getattr(sys.modules.get("pandas"), "NA", None)


def decimal(value: Any) -> float:
    """Return a number as float64; a numpy float32 or float16 as the decimal number that it was written from."""
    narrow = type(value).__name__ in ("float32", "float16")
    return float(str(value)) if narrow else float(value)


def as_written(column: pd.Series[Any]) -> list[Any]:
    """Return a column's values; a float32 as the decimal number that it was written from."""
    values = column.tolist()
    if str(column.dtype).lower() not in ("float32", "float[pyarrow]"):
        return values
    import numpy as np

    return [v if v is None or v is _na() else np.float32(v) for v in values]


def is_number(value: object) -> bool:
    """Return whether a value is a finite number; a truth value is none."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)

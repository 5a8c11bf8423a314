"""How a table is read: what its rows carry, what becomes of what is no row, and which further words are null."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from musicflamingo_cli.nulls import BLANKS, is_null_word
from musicflamingo_cli.results.sandbox import text


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is read."""

    twins: Collection[str] = ()
    """What its rows have to carry of how they were written: marks of `spelling`."""
    set_aside: bool | None = None
    """Whether what can't be a row is a reject, and not an error; None: an error, where no --rejects is at hand."""
    nulls: frozenset[str] = frozenset()
    """Words of `--null-values`."""

    @property
    def remedy(self) -> str:
        """What an error over a row that can't be read ends in."""
        return "" if self.set_aside is None else "; --rejects FILE sets such rows aside"


PLAIN = Reading()


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column's cells may be null words."""
    kind = kind.value_type if isinstance(kind, pa.DictionaryType) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def are_null_words(cells: pa.Array, words: frozenset[str]) -> pa.Array:
    """Return which of some text cells are null words."""
    plain = cells.cast(cells.type.value_type) if isinstance(cells.type, pa.DictionaryType) else cells
    return pc.is_in(pc.utf8_trim(plain, characters=BLANKS), pa.array(sorted(words), plain.type))


def nulled(cells: pa.Array, words: frozenset[str]) -> pa.Array:
    """Return a column with null for null words."""
    return pc.if_else(are_null_words(cells, words), None, cells) if words and is_text(cells.type) else cells


def nulled_sql(sql: str, kind: pa.DataType, words: frozenset[str]) -> str:
    """Return SQL for `nulled`."""
    if not words or not is_text(kind):
        return sql
    listed = ", ".join(map(text, sorted(words)))
    return f"CASE WHEN trim({sql}, {text(BLANKS)}) IN ({listed}) THEN NULL ELSE {sql} END"


def nulled_song(song: Any, words: frozenset[str]) -> Any:
    """Return what a JSON file holds of a song, an object or a mere value, with null for null words; in `scores` too."""
    if not words or not isinstance(song, dict):
        return None if is_null_word(song, words) else song
    return {
        key: nulled_song(cell, words) if key == "scores" or isinstance(cell, str) else cell
        for key, cell in song.items()
    }

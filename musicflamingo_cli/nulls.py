"""Words that stand for no value: those that pandas, Python and SQL write, and those that a person names."""

from __future__ import annotations

from collections.abc import Iterable

NOTHING = frozenset({"", "nan", "NaN", "None", "null", "NULL", "<NA>", "NaT"})
"""Cells that hold no value, blanks around apart: in a manifest, and in a CSV table where no quotes part them."""
FAILURES = frozenset({"FAILED_RENDER", "FAILED", "ERROR"})
"""What older scripts write in a column of numbers where there is none."""
BLANKS = "".join(c for c in map(chr, range(0x3001)) if c.isspace())
"""What `str.strip` takes away, for Arrow and DuckDB."""


def null_words(named: str | Iterable[str] | None) -> frozenset[str]:
    """Return the words of `--null-values`, which are null beside `NOTHING`: whole cells, as written, in any column."""
    words = named.split(",") if isinstance(named, str) else named or ()
    return frozenset(bare for word in words if (bare := word.strip()))


def is_null_word(cell: object, words: frozenset[str]) -> bool:
    """Return whether a cell is one of the words, blanks around it apart. Bytes count as the text that they hold."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    return isinstance(cell, str) and cell.strip() in words

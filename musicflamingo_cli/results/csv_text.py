"""Text in CSV: written so that every reader sees the same cells, and no spreadsheet runs one of them as a formula."""

from __future__ import annotations

import re

from musicflamingo_cli.nulls import NOTHING

_UNSEEN = "'\x00- \x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff"
"""What a spreadsheet may drop before it looks at a cell: blanks, controls, marks without width. And the apostrophe, so
that a guarded cell is guarded again."""
FORMULA = f"(?:[{_UNSEEN}]*[=+@＝＋－＠-]|'*[\t\r\n])"
"""How a text begins that spreadsheets run; the same with an apostrophe before it. Read by `re` and by Arrow's RE2."""
_FORMULA = re.compile(FORMULA)
_NUMBER = re.compile(r"[+-]([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
"""What begins as a formula does, and is none."""
_QUOTED = re.compile(r"[\",;|\x00-\x1f\x7f\x85\u2028\u2029]|^[\s\ufeff]|\s$")


def text_cell(text: str) -> str:
    """Return a text as a CSV cell: guarded, and in quotes where a reader could take it for another or for nothing."""
    return quoted_cell(f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text)


def quoted_cell(text: str) -> str:
    """Return a text as a CSV cell, in quotes where they tell something."""
    return in_quotes(text) if text in NOTHING or _QUOTED.search(text) else text


def in_quotes(text: str) -> str:
    """Return a text as a CSV cell in quotes."""
    return '"' + text.replace('"', '""') + '"'


def unguarded(text: str) -> str:
    """Return a text without the apostrophe that keeps it from being a formula."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


class Cell(str):
    """A CSV cell that is written as it is."""

    __slots__ = ()

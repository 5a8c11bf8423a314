"""One JSON document as a manifest: an array, ``{"songs": [...]}``, an object keyed by id, or one row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from musicflamingo_cli.intake.manifest.columns import AUDIO_ALIASES, ID_ALIASES, ManifestOptions
from musicflamingo_cli.intake.manifest.json_text import JsonText, Unreadable
from musicflamingo_cli.intake.manifest.lines import json_kind
from musicflamingo_cli.intake.manifest.rows import Raw, Table

SONGS_KEY = "songs"

_SURE_PAIRS = 1000
"""After so many pairs without a list of songs an object is taken as keyed by id."""


def document_table(text: Callable[[], JsonText], options: ManifestOptions) -> Table:
    """The rows of a JSON document, each with the line on which it begins."""
    shape = _shape(text(), options)

    def rows(wanted: Sequence[str]) -> Iterator[Raw]:
        document = text()
        for line, value in _values(document, shape, named=options.id_column is None):
            if isinstance(value, dict):
                yield line, value, ""
            elif isinstance(value, Unreadable):
                yield line, None, value.problem
            else:
                yield line, None, f"expected an object, found {json_kind(value)}"
        document.end()

    return None, rows


def _shape(text: JsonText, options: ManifestOptions) -> Literal["array", "songs", "keyed", "row"]:
    """What the rows of a JSON document are."""
    if text.peek() == "[":
        return "array"
    own = {options.id_column or "", options.audio_column or "", *ID_ALIASES, *AUDIO_ALIASES}
    names = {name.casefold() for name in own}
    is_row = holds_objects = False
    count = 0
    for count, key in enumerate(text.pairs(), 1):
        opening = text.peek()
        if key == SONGS_KEY and opening == "[":
            return "songs"
        holds_objects = holds_objects or opening == "{"
        # An id or audio with a plain value is a row's, not a song that is called so.
        is_row = is_row or (opening not in "[{" and key.strip().casefold() in names)
        if count >= _SURE_PAIRS:
            break
        text.skip()
    return "keyed" if not count or (holds_objects and not is_row) else "row"


def _values(text: JsonText, shape: str, *, named: bool) -> Iterator[tuple[int, object]]:
    """(line, value) of each row; if `named` one that is keyed by its id is given it as a cell."""
    if shape == "array":
        yield from text.elements()
    elif shape == "row":
        yield text.value()
    else:
        for key in text.pairs():
            if shape == "keyed":
                line, value = text.value()
                yield line, {**value, ID_ALIASES[0]: key} if isinstance(value, dict) and named else value
            elif key == SONGS_KEY and text.peek() == "[":
                yield from text.elements()
            else:
                text.skip()

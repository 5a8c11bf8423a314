"""One JSON document as a manifest: an array, ``{"songs": [...]}``, an object keyed by id, or one row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from musicflamingo_cli.intake.manifest.json_text import JsonText, Unreadable
from musicflamingo_cli.intake.manifest.lines import json_kind
from musicflamingo_cli.intake.manifest.rows import AUDIO_ALIASES, ID_ALIASES, ManifestOptions, Raw

Shape = Literal["array", "songs", "keyed", "row"]
SONGS_KEY = "songs"

_SURE_PAIRS = 1000
"""After so many pairs without a list of songs an object is taken as keyed by id."""


def document_shape(text: JsonText, options: ManifestOptions) -> Shape:
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


def document_rows(text: JsonText, shape: Shape, options: ManifestOptions) -> Iterator[Raw]:
    """The rows of a JSON document, each with the line on which it begins."""
    if shape == "array":
        for line, value in text.elements():
            yield _row(line, value)
    elif shape == "row":
        text.peek()
        yield _row(text.line, text.value())
    elif shape == "songs":
        for key in text.pairs():
            if key == SONGS_KEY and text.peek() == "[":
                for line, value in text.elements():
                    yield _row(line, value)
            else:
                text.skip()
    else:
        for key in text.pairs():
            text.peek()
            line, value = text.line, text.value()
            if isinstance(value, dict) and options.id_column is None:
                value = {**value, ID_ALIASES[0]: key}
            yield _row(line, value)
    text.end()


def _row(line: int, value: object) -> Raw:
    if isinstance(value, dict):
        return line, value, ""
    if isinstance(value, Unreadable):
        return line, None, value.problem
    return line, None, f"expected an object, found {json_kind(value)}"

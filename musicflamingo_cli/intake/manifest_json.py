"""One JSON document as a manifest: an array, ``{"songs": [...]}``, an object keyed by id, or one row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Literal

from musicflamingo_cli.intake.containers import shown
from musicflamingo_cli.intake.manifest_jsontext import JsonText, Unreadable
from musicflamingo_cli.intake.rows import AUDIO_ALIASES, ID_ALIASES, ManifestOptions, Raw

Shape = Literal["array", "songs", "keyed", "row"]
SONGS_KEY = "songs"

_SURE_PAIRS = 1000
"""After so many pairs without a list of songs an object is taken as keyed by id."""
_LONGEST_NAME = 1000


def document_shape(text: JsonText, options: ManifestOptions) -> Shape:
    """What the rows of a JSON document are."""
    if text.peek() == "[":
        return "array"
    ids = {options.id_column} if options.id_column else set(ID_ALIASES)
    audio = {options.audio_column} if options.audio_column else set(AUDIO_ALIASES)
    plain: set[str] = set()
    for count, key in enumerate(text.pairs(), 1):
        opening = text.peek()
        if key == SONGS_KEY and opening == "[":
            return "songs"
        if opening not in "[{" and len(key) <= _LONGEST_NAME:
            plain.add(key.strip().casefold())
        if count >= _SURE_PAIRS:
            return "keyed"
        text.skip()
    text.end()
    return "row" if _meets(plain, ids) and _meets(plain, audio) else "keyed"


def _meets(folded: set[str], names: Iterable[str]) -> bool:
    return any(name.strip().casefold() in folded for name in names)


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
            if value is None or isinstance(value, str):
                value = {options.audio_column or AUDIO_ALIASES[0]: value}
            if isinstance(value, dict) and options.id_column is None:
                value = {**value, ID_ALIASES[0]: key}
            yield _row(line, value)
    text.end()


def _row(line: int, value: object) -> Raw:
    if isinstance(value, dict):
        return line, value, ""
    if isinstance(value, Unreadable):
        return line, None, value.problem
    return line, None, f"expected an object, found {shown(json.dumps(value), 40)}"

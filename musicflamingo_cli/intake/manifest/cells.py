"""What one cell of a manifest says: text, number or nothing."""

from __future__ import annotations

import json
import math
from decimal import Decimal

from musicflamingo_cli.ids import EXACT, id_text
from musicflamingo_cli.intake.manifest.container import shown
from musicflamingo_cli.nulls import NOTHING
from musicflamingo_cli.urls import has_scheme

MAX_CELL_BYTES = 1_000_000
"""A larger cell, in UTF-8, makes its row a `bad_row`."""

_CONTAINERS = (list, tuple, dict)
_LONGEST_WORD = 16


class Oversize:
    """Stands for a cell over `MAX_CELL_BYTES` that was not loaded."""


class CellError(ValueError):
    """A cell that can't be used; the message says why."""


def plain_text(text: str) -> str:
    r"""`text` as valid UTF-8, a lone surrogate as six characters, ``\ud8ab``. Raises `CellError` if over 1 MB."""
    if text.isascii():
        if len(text) > MAX_CELL_BYTES:
            raise CellError(f"holds {len(text)} bytes, over {MAX_CELL_BYTES}")
        return text
    raw = text.encode("utf-8", "backslashreplace") if len(text) <= MAX_CELL_BYTES else b""
    if not raw or len(raw) > MAX_CELL_BYTES:
        raise CellError(f"holds over {MAX_CELL_BYTES} bytes")
    return raw.decode()


def loaded(value: object) -> object:
    """A cell that Parquet gave as bytes, as text. Raises `CellError` for one that is not UTF-8, or was too long."""
    if isinstance(value, Oversize):
        raise CellError(f"holds over {MAX_CELL_BYTES} bytes")
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise CellError(f"holds bytes that are not UTF-8 (byte {error.start})") from error
    return value


def cell_value(value: object) -> str | int | float | bool | None:
    """A cell of any column but the id: words of `NOTHING`, NaN and Infinity as None, lists and objects as JSON text."""
    if isinstance(value, str):
        # Without blanks around, a long text can only be null if it is nothing but blanks.
        empty = value.strip() in NOTHING if len(value) <= _LONGEST_WORD else value.isspace()
        return None if empty else plain_text(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, _CONTAINERS):
        return plain_text(json.dumps(_finite(value), ensure_ascii=False))
    if isinstance(value, Decimal):
        return cell_value(id_text(value))
    return cell_value(str(value))


def cell_text(value: object) -> str | None:
    """A cell as text: whole numbers without a decimal point."""
    plain = cell_value(value)
    if plain is None or isinstance(plain, str):
        return plain
    if isinstance(plain, float) and plain.is_integer() and abs(plain) < EXACT:
        plain = int(plain)
    return json.dumps(plain)


def id_cell(value: object) -> str | None:
    """The id, as `ids.id_text` gives it; what can be none of a song's is an error of its row."""
    if isinstance(value, str):
        return plain_text(value) or None
    if isinstance(value, (bool, *_CONTAINERS)):
        raise CellError(f"holds {shown(json.dumps(value, default=str), 40)}, which is neither text nor a whole number")
    if isinstance(value, float) and math.isfinite(value) and abs(value) >= EXACT:
        raise CellError(f"holds the rounded number {value!r}; write ids as text")
    return id_text(value)


def audio_text(value: object) -> str | None:
    """The audio's path, unchanged, or URL, without blanks around it; None for no value."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if not isinstance(value, str):
        raise CellError(f"holds {shown(value, 40)}, which is no text")
    text = cell_text(value)
    if text is None:
        return None
    if "\0" in text:
        raise CellError("holds a NUL character")
    bare = bare_audio(text)
    return bare if has_scheme(bare) else text


def bare_audio(text: str) -> str:
    """`text` without the blanks around it, and without quotes that these blanks made part of a CSV cell."""
    bare = text.strip()
    return bare[1:-1] if bare != text and len(bare) > 1 and bare[0] == bare[-1] == '"' else bare


def _finite(value: object) -> object:
    """`value` with None for every number that JSON has no word for."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, str):
        return value
    return cell_value(loaded(value))

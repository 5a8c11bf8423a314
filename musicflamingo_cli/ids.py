"""One id as one text, whatever type it came in; `results/ids.py` says the same in SQL."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from numbers import Integral, Real

EXACT = 2**53
"""From here on a float stands for more than one whole number, so that it is nobody's id."""


def id_text(value: object) -> str | None:
    """Return an id as text; None for what is none.

    Text stays as it is, but for the empty one. A whole number is its digits, of whatever type it is: pandas makes
    floats of whole numbers beside a null. Other numbers are their shortest decimal form, dates are ISO, bytes are
    UTF-8. NaN, rounded numbers (`EXACT`), truth values, lists and moments in time are no ids.
    """
    if isinstance(value, str):
        return value or None
    if isinstance(value, bytes):
        try:
            return value.decode() or None
        except UnicodeDecodeError:
            return None
    if isinstance(value, bool | list | tuple | dict | datetime) or type(value).__name__ in ("bool", "NAType"):
        return None
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None
        return str(int(value)) if value == value.to_integral_value() else format(value, "f")
    if isinstance(value, Real):
        number = float(str(value)) if type(value).__name__ in ("float16", "float32") else float(value)
        if not math.isfinite(number) or abs(number) >= EXACT:
            return None
        return str(int(number)) if number.is_integer() else repr(number)
    return None if value is None or value != value else str(value)  # noqa: PLR0124 - NaT

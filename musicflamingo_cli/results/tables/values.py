"""Single values of a caller's that may be scores."""

from __future__ import annotations

import math
import sys
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

OUTSIDE, NO_NUMBER = "outside 0..1", "not a number"


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

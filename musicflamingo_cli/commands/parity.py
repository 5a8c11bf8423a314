"""`mfq score --parity N`: are the first songs answered in a batch as they are alone?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from musicflamingo_cli import console, inspection
from musicflamingo_cli.commands.score_options import chosen


def compare(given: Mapping[str, Any]) -> int:
    """Do what `--parity` asks and return 0. Writes neither table nor cache. Raises `MfqError`."""
    found, used = inspection.compared(chosen(given), given["parity"])
    how = ", ".join(str(used[name]) for name in ("device", "dtype", "attention") if name in used)
    console.data(f"alone against in a batch{f' ({how})' if how else ''}: {found.says}")
    for name, largest in found.largest.items():
        console.data(f"  {name:32} largest {largest:.6f}  mean {found.mean[name]:.6f}")
    return 0

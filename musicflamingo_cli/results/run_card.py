"""The run card: which model, prompt, settings and versions a table comes from. It stands in the file's metadata.

What is read of one is checked: a table may come from anywhere."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import pyarrow as pa

CARD_KEY = "mfq.run"
"""Key of the run card in a Parquet file's metadata; the value is JSON."""
PACKAGES = ("musicflamingo-cli", "numpy", "pyarrow", "scipy", "soundfile", "soxr", "av", "torch", "transformers")


def run_card(settings: Mapping[str, object], began: datetime, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card: `settings` decide the replies and how they were weighed, `counts` say what came of it."""
    return {
        "tool": "mfq",
        "scored_at": began.isoformat(),
        "versions": {"python": platform.python_version(), **_versions()},
        "settings": dict(settings),
        "counts": dict(counts),
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def card_of(schema: pa.Schema) -> dict[str, Any]:
    """Return the run card of a schema's metadata; empty if there is none that can be read."""
    try:
        return part_of({"": orjson.loads((schema.metadata or {})[CARD_KEY.encode()])}, "")
    except (KeyError, ValueError):
        return {}


def part_of(card: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the `settings`, `versions` or `counts` of a run card; empty if it has none."""
    part = card.get(name)
    return part if isinstance(part, dict) else {}


def stated_scores(card: Mapping[str, Any]) -> dict[str, tuple[float, float] | None] | None:
    """Return the scores that a run card names, each with its range if it states one; None if it names no fields."""
    fields = part_of(card, "settings").get("fields")
    if not isinstance(fields, list) or not fields:
        return None
    scores = (f for f in fields if isinstance(f, dict) and f.get("kind") == "score")
    return {str(f.get("name")): _range(f.get("low"), f.get("high")) for f in scores}


def _range(low: object, high: object) -> tuple[float, float] | None:
    if isinstance(low, int | float) and isinstance(high, int | float) and low < high:
        return float(low), float(high)
    return None

"""The run card: which model, prompt, settings and versions a table comes from. It stands in the file's metadata."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

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

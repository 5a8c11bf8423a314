"""What makes an audio a URL: a file may be called `Artist: Title.mp3`."""

from __future__ import annotations

import re

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def has_scheme(audio: str) -> bool:
    """Return whether an audio begins as a URL does, and is no path of a file."""
    return SCHEME.match(audio) is not None

"""A song's prompt: the pack's words with the manifest's text put safely in its places."""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache

from musicflamingo_cli.intake.packs import PLACE
from musicflamingo_cli.records import Pack, Song

VALUE_CHARACTERS = 300
"""A manifest value longer than this is cut in the prompt."""
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def render(pack: Pack, song: Song) -> tuple[str, str | None]:
    """Return (prompt, system prompt or None) for a song."""
    values = {**song.columns, "title": song.title, "song_id": song.song_id}

    def place(match: re.Match[str]) -> str:
        return quoted(values.get(match.group(1)))

    return PLACE.sub(place, pack.template), PLACE.sub(place, pack.system) if pack.system else None


def quoted(value: object) -> str:
    """Return a manifest value as a quoted string that can't break out of its place, or `unknown` without one.

    Control and direction characters become spaces; quotes and backslashes are escaped; angle brackets become their
    single-quotation look-alikes, so that no special token of a chat template (`<sound>`, `<|im_end|>`) can be formed.
    """
    if value is None:
        return "unknown"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(UNSAFE.sub(" ", text).split()).replace("<", "\u2039").replace(">", "\u203a")
    if len(text) > VALUE_CHARACTERS:
        text = text[:VALUE_CHARACTERS] + "\u2026"
    return json.dumps(text, ensure_ascii=False)


@lru_cache(maxsize=64)
def prompt_hash(prompt: str, system: str | None) -> str:
    """Return the SHA-256 of a rendered prompt, hexadecimal."""
    return hashlib.sha256(json.dumps([prompt, system]).encode()).hexdigest()

"""What is wanted of every song and within which limits: also what a failure is remembered under."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.metadata import version
from typing import Any, Literal

from musicflamingo_cli.intake.fetch_settings import FetchSettings
from musicflamingo_cli.intake.fetch_urls import is_url, login_mark
from musicflamingo_cli.records import MEASURES_VERSION

MEASURED_SECONDS = 1200.0
"""What is measured of a song: its first 20 minutes."""


@dataclass(frozen=True, slots=True)
class AudioPlan:
    """What is wanted of every file."""

    clip: bool = True
    """The engine wants samples."""
    measures: Literal["basic", "all"] = "basic"
    max_clip_seconds: float = MEASURED_SECONDS
    """Seconds that the engine can use, > 0."""
    placement: Literal["head", "middle"] = "head"
    """Which part of a longer song the engine is given."""
    min_seconds: float = 0.5
    """Clips of at most this length are `too_short`."""


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """All that decides whether a song can be had and heard.

    Whatever is added here, or to one of the records in it, becomes part of `remembered_under` by itself, unless its
    field says `metadata=MANNERS`.
    """

    plan: AudioPlan = field(default_factory=AudioPlan)
    decode_seconds: float = 120.0
    """Time that one song's decoding may take."""
    fetching: FetchSettings = field(default_factory=FetchSettings)

    def remembered_under(self, path: str) -> str | None:
        """The fingerprint of what decides about a path or URL; None where nothing could be tried: no decoder is here.

        A failure under another fingerprint says nothing of a run under this one.
        """
        libraries = decoder_versions()
        if libraries is None:
            return None
        deciding = {"libraries": libraries, "plan": _deciding(self.plan), "decode_seconds": self.decode_seconds}
        if is_url(path):
            deciding |= {"fetching": _deciding(self.fetching), "login": login_mark(path)}
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]


def _deciding(record: Any) -> dict[str, Any]:
    """The fields of a settings record that can make or mend a failure; the order of what it lists does not matter."""
    values = {f.name: getattr(record, f.name) for f in fields(record) if not f.metadata.get("manners")}
    return {name: sorted(value) if isinstance(value, tuple) else value for name, value in values.items()}


@cache
def decoder_versions() -> dict[str, object] | None:
    """The versions of all that turns bytes into samples and figures, mfq included; None if a decoder is missing."""
    try:
        import av
        import soundfile
    except (ImportError, OSError):  # soundfile's OSError: there is no libsndfile.
        return None
    ours = {"mfq": version("musicflamingo-cli"), "measures": MEASURES_VERSION}
    return {
        **ours,
        "av": av.__version__,
        **av.library_versions,
        "soundfile": soundfile.__version__,
        "libsndfile": soundfile.__libsndfile_version__,
    }

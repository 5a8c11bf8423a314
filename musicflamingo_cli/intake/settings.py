"""What is wanted of every song and within which limits: also what a failure is remembered under."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any

from musicflamingo_cli.intake.audio.settings import AudioPlan
from musicflamingo_cli.intake.fetch.settings import FetchSettings
from musicflamingo_cli.intake.fetch.urls import is_url, login_mark
from musicflamingo_cli.measures import MEASURES_VERSION


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
        return None if libraries is None else _fingerprint(self, libraries, login_mark(path) if is_url(path) else None)


@lru_cache(64)
def _fingerprint(settings: IntakeSettings, libraries: str, login: str | None) -> str:
    """Of settings and decoders, for a URL with that login mark or for a local file (None), which nobody fetches."""
    deciding = _deciding(settings if login is not None else replace(settings, fetching=FetchSettings()))
    return hashlib.sha256(json.dumps([libraries, login, deciding], sort_keys=True).encode()).hexdigest()[:16]


def _deciding(value: Any) -> Any:
    """A settings record as JSON data, without its manners; the order of what it lists does not matter."""
    if is_dataclass(value):
        return {f.name: _deciding(getattr(value, f.name)) for f in fields(value) if not f.metadata.get("manners")}
    return sorted(value) if isinstance(value, tuple) else value


@cache
def decoder_versions() -> str | None:
    """The versions of all that turns bytes into samples and figures, mfq included; None if a decoder is missing."""
    try:
        import av
        import soundfile
    except (ImportError, OSError):  # soundfile's OSError: there is no libsndfile.
        return None
    versions = {
        "mfq": version("musicflamingo-cli"),
        "measures": MEASURES_VERSION,
        "av": av.__version__,
        **av.library_versions,
        "soundfile": soundfile.__version__,
        "libsndfile": soundfile.__libsndfile_version__,
    }
    return json.dumps(versions)

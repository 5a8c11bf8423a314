"""The signal engine: scores from measurements alone, without a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.records import MEASURES_VERSION, Failure, Measures, Reply, Request

VERSION = "1"
"""Goes up whenever a mapping would give another score for the same measures."""
JUDGED_FROM_SECONDS = 1.0
"""Shorter sounds get no score."""


def technical_scores(measures: Measures) -> dict[str, float | None]:
    """Map measures to `production_quality` and `production_complexity`, 0..1, None where they can't be judged."""
    if measures.loudness_lufs is None:
        return {"production_quality": None, "production_complexity": None}
    quality = 1.0
    if measures.clipped_share:
        quality *= 1 - min(1.0, measures.clipped_share / 0.1)
    return {"production_quality": round(quality, 4), "production_complexity": None}


def _judge(request: Request) -> Reply | Failure:
    heard = request.heard
    if heard.measured != "all":
        return Failure("engine", "not_measured", "the signal engine needs all measures of the original")
    if heard.audio_seconds < JUDGED_FROM_SECONDS:
        return Failure("engine", "too_short", f"{heard.audio_seconds:.2f} s is too short to judge; 1 s is needed")
    if heard.measures.loudness_lufs is None:
        return Failure("engine", "silent", "nothing sounds above -70 LUFS")
    return Reply(text=json.dumps(technical_scores(heard.measures)), finish_reason="stop", measured=True)


class SignalEngine:
    """Scores songs from their measures. Heavy libraries are not needed and not imported."""

    name = "signal"
    default_pack = "technical"
    needs_clip = False
    needs_measures: Literal["basic", "all"] = "all"
    batch_items = 64
    licence: str | None = None

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings

    def identity(self) -> Mapping[str, object]:
        """Return the versions of the mappings and of the measures, which decide every reply."""
        return {
            "engine": self.name,
            "version": VERSION,
            "measures_version": MEASURES_VERSION,
            "model": None,
            "revision": None,
            "decode": "measured",
        }

    def load(self) -> None:
        """Do nothing: there is nothing to load."""

    def reply(self, requests: Sequence[Request]) -> list[Reply | Failure]:
        """Score every song from its measures, in order."""
        return [_judge(request) for request in requests]

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""

"""Tables to report on: as mfq writes them, large ones, and what strangers write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FIELDS = ("production_quality", "content_enjoyment")
CARD = {
    "tool": "mfq",
    "scored_at": "2026-11-20T02:00:00+00:00",
    "versions": {"python": "3.11.7"},
    "settings": {
        "engine": "flamingo",
        "model": "nvidia/music-flamingo-2601-hf",
        "pack": "quality",
        "prompt": "Listen to the whole track.",
        "fields": [{"name": name, "kind": "score", "low": 0.0, "high": 1.0} for name in FIELDS],
        "weights": {"production_quality": 0.6, "content_enjoyment": 0.4},
    },
}
HOSTILE = "</style></svg><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7*7 }}$\\frac{1}{2}$\x1b[31m\u202e"


def write(path: Path, columns: dict[str, Any], card: object = None) -> str:
    """Write a Parquet table with a run card, as mfq does; return its path as text."""
    table = pa.table(columns)
    with pq.ParquetWriter(path, table.schema, store_schema=False) as writer:
        writer.write_table(table, row_group_size=8192)
        if card is not None:
            writer.add_key_value_metadata({"mfq.run": card if isinstance(card, str) else json.dumps(card)})
    return str(path)


def detail(obtained: list[str | None], std: list[float | None]) -> pa.Array:
    """Return a detail column."""
    kind = pa.struct([("obtained", pa.string()), ("std", pa.float64())])
    return pa.array(
        [None if o is None else {"obtained": o, "std": s} for o, s in zip(obtained, std, strict=True)], kind
    )


def five_songs() -> dict[str, Any]:
    """Four songs with scores and one that failed."""
    return {
        "song_id": ["a", "b", "c", "d", "e"],
        "title": ["Anthem", "Ballad", None, "Dirge", "Etude"],
        "audio": ["a.wav", "https://example.org/b.mp3", None, "d.wav", "e.wav"],
        "status": ["ok", "ok", "partial", "ok", "failed"],
        "reason": [None, None, "missing", None, "not_audio"],
        "error": [None, None, None, None, "e.wav holds no audio"],
        "overall_quality_score": [0.9, 0.7, None, 0.2, None],
        "coverage": [1.0, 1.0, 0.6, 1.0, None],
        "finish_reason": ["stop", "length", "stop", "stop", None],
        "repairs": pa.array([[], ["single_quotes"], ["single_quotes"], [], None], pa.list_(pa.string())),
        "audio_seconds": [60.0, 60.0, 60.0, 60.0, None],
        "audio_flags": pa.array([["clipped"], [], [], ["clipped", "very_quiet"], None], pa.list_(pa.string())),
        "mood": ["bright", "tender", None, "dark", None],
        "production_quality": [0.8, 0.6, 0.5, 0.2, None],
        "production_quality_detail": detail(["json", "json", "prose", "json", None], [0.01, 0.3, None, 0.02, None]),
        "content_enjoyment": [1.0, 0.9, None, 0.2, None],
        "content_enjoyment_detail": detail(["json", "json", None, "repaired", None], [0.01, 0.1, None, 0.02, None]),
        "manifest_genre": ["rock", "jazz", "rock", "rock", None],
    }


def many_songs(count: int, seed: int = 0) -> dict[str, Any]:
    """As many songs as asked, with five scores, one of them collapsed."""
    random = np.random.default_rng(seed)
    quality = np.random.default_rng(99).beta(4, 2, count)
    names = ("content_usefulness", "production_quality", "content_enjoyment", "overall_recommendation_score")
    scores = {name: np.clip(quality + random.normal(0, 0.1, count), 0, 1) for name in names}
    scores["production_complexity"] = np.where(random.random(count) < 0.7, 0.85, np.round(quality * 20) / 20)
    good = np.arange(count) % 20 != 0
    columns: dict[str, Any] = {
        "song_id": [f"song-{i:07d}" for i in range(count)],
        "title": [f"Song {i}" for i in range(count)],
        "audio": [f"https://example.org/{i}.mp3" for i in range(count)],
        "status": np.where(good, "ok", "failed"),
        "reason": np.where(good, None, "timeout"),
        "overall_quality_score": pa.array(sum(scores.values()) / len(scores), mask=~good),
        "mood": ["A slow, warm ballad with lush strings and brushed drums. " * (1 + i % 12) for i in range(count)],
        "manifest_genre": [("rock", "jazz", "民謡", "spoken word")[i % 4] for i in range(count)],
    }
    for name, values in scores.items():
        columns[name] = pa.array(values, mask=~good)
        columns[f"{name}_detail"] = pa.StructArray.from_arrays(
            [pa.array(np.where(random.random(count) < 0.9, "distribution", "repaired")), random.gamma(2, 0.03, count)],
            ["obtained", "std"],
        )
    return columns

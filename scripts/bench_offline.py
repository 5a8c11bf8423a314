"""Seconds to read a cache of made replies back into a table: `mfq score --offline`, with the share of each stage."""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import tempfile
import time
from pathlib import Path

from musicflamingo_cli import pipeline
from musicflamingo_cli.cache import Cache, Entry
from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.registry import build_engine
from musicflamingo_cli.inference.conversation import prompt_hash, render
from musicflamingo_cli.intake.packs import load_pack
from musicflamingo_cli.records import MEASURES_VERSION, Fingerprint, Heard, Measures, Reply, Song
from musicflamingo_cli.road import identity_of
from musicflamingo_cli.runs import ScoreOptions

WORDS = "warm analogue drums under a bright vocal, wide reverb and a slow build towards the last chorus "


def reply_of(number: int) -> str:
    """Return a reply as the model writes them; every third is a fenced block, every tenth single-quoted."""
    answer = dict.fromkeys(("genre", "instruments", "production_style", "mood"), WORDS)
    answer |= {"tempo": "around 120 BPM", "key": "Eb minor"}
    for place, key in enumerate(("content_usefulness", "production_quality", "content_enjoyment")):
        answer[key] = round((number * 7 + place * 13) % 100 / 100, 2)  # type: ignore[assignment]
    answer |= {"production_complexity": 0.65, "overall_recommendation_score": 0.82}  # type: ignore[dict-item]
    if number % 10 == 0:
        return str(answer)
    return f"Here it is:\n```json\n{json.dumps(answer)}\n```" if number % 3 == 0 else json.dumps(answer)


def main() -> None:
    """Make the cache, time the offline run over it, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=10_000)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mfq-bench-") as folder:
        root = Path(folder)
        pack = load_pack("quality")
        engine = build_engine("fake", EngineSettings(pack))
        cache = Cache(root / "cache", f"fake-{pack.name}", identity_of(engine, pack))
        cache.open()
        with (root / "songs.jsonl").open("w") as manifest:
            for number in range(asked.songs):
                song = Song(number + 1, f"song-{number:07d}", "x.wav", "/x.wav")
                heard = Heard(Fingerprint("/x.wav", 1, 1, "00"), 180.0, 44100, 2, (), Measures(loudness_lufs=-14.0))
                digest = prompt_hash(*render(pack, song))
                reply = (Reply(reply_of(number)),)
                cache.put(Entry(song.song_id, digest, heard, reply, measures_version=MEASURES_VERSION))
                manifest.write(json.dumps({"id": song.song_id, "audio": "x.wav"}) + "\n")
        options = ScoreOptions(
            str(root / "songs.jsonl"),
            str(root / "t.parquet"),
            engine="fake",
            offline=True,
            cache_dir=str(root / "cache"),
        )
        profile = cProfile.Profile()
        if asked.profile:
            profile.enable()
        began = time.perf_counter()
        summary = pipeline.score(options)
        seconds = time.perf_counter() - began
        profile.disable()
        print(f"offline: {asked.songs} replies in {seconds:.1f} s, {seconds / asked.songs * 1e5:.1f} s per 100 000")
        print(f"status: {dict(summary.status)}")
        if asked.profile:
            pstats.Stats(profile).sort_stats("cumulative").print_stats(35)


if __name__ == "__main__":
    main()

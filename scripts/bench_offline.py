"""Seconds to read a cache of made replies back into a table, beside those that its files take to be read alone.

`score` finds every song cached; `--offline` does not look for audio. Both are set against a loop in the same run that
opens, reads and JSON-parses the same files; the parser's share is what it takes for the same replies, in one process.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import tempfile
import time
from pathlib import Path

import orjson

from musicflamingo_cli import pipeline
from musicflamingo_cli.cache import Cache, Entry, encode_entry
from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.registry import build_engine
from musicflamingo_cli.inference.prompt import prompt_hash, render
from musicflamingo_cli.intake.audio.fingerprint import fingerprint
from musicflamingo_cli.intake.packs import load_pack
from musicflamingo_cli.records import MEASURES_VERSION, Fingerprint, Heard, Measures, Reply, Rules, Song
from musicflamingo_cli.run_context import ScoreOptions, identity_of
from musicflamingo_cli.scoring.scorer import read_reply
from musicflamingo_cli.summary import Summary

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


def make_cache(root: Path, songs: int) -> Path:
    """Fill a cache under `root` with so many replies about one file; return its folder."""
    audio = root / "x.wav"
    audio.write_bytes(b"no audio: nobody listens")
    taken = fingerprint(str(audio))
    assert isinstance(taken, Fingerprint)
    heard = Heard(taken, 180.0, 44100, 2, (), Measures(loudness_lufs=-14.0))
    pack = load_pack("quality")
    engine = build_engine("fake", EngineSettings(pack))
    cache = Cache(root / "cache", f"fake-{pack.name}", identity_of(engine.identity(), pack))
    cache.open()
    with (root / "songs.jsonl").open("w") as manifest:
        for number in range(songs):
            song = Song(number + 1, f"song-{number:07d}", "x.wav", str(audio))
            digest = prompt_hash(*render(pack, song))
            reply = (Reply(reply_of(number)),)
            entry = Entry(song.song_id, digest, heard, reply, measures_version=MEASURES_VERSION)
            path = cache.path(song.song_id)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(encode_entry(entry))
            manifest.write(json.dumps({"id": song.song_id, "audio": "x.wav"}) + "\n")
    return cache.folder


def read_plainly(folder: Path) -> float:
    """Return the seconds that a plain loop takes over the entries of a cache folder."""
    paths = [str(path) for path in folder.glob("??/*.json")]
    began = time.perf_counter()
    for path in paths:
        with open(path, "rb") as file:  # noqa: PTH123 - as plain as it gets
            orjson.loads(file.read())
    return time.perf_counter() - began


def parse_alone(songs: int) -> float:
    """Return the CPU seconds that the parser takes for the same replies."""
    pack = load_pack("quality")
    prompt, _ = render(pack, Song(1, "song-0000000", "x.wav", "/x.wav"))
    replies = [Reply(reply_of(number)) for number in range(songs)]
    began = time.process_time()
    for reply in replies:
        read_reply(reply, prompt, pack.asked, Rules())
    return time.process_time() - began


def timed(root: Path, *, offline: bool) -> tuple[float, float, Summary]:
    """Return the seconds of a run over the made cache, the CPU seconds of this process, and its summary."""
    options = ScoreOptions(
        str(root / "songs.jsonl"),
        str(root / "t.parquet"),
        engine="fake",
        offline=offline,
        cache_dir=str(root / "cache"),
    )
    began, own = time.perf_counter(), time.process_time()
    summary = pipeline.score(options)
    return time.perf_counter() - began, time.process_time() - own, summary


def main() -> None:
    """Make the cache, time both runs over it, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=20_000)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mfq-bench-") as name:
        root = Path(name)
        folder = make_cache(root, asked.songs)
        share = parse_alone(asked.songs)
        print(f"parser alone: {share / asked.songs * 1e6:.0f} us a reply")
        for offline in (False, True):
            plain = min(read_plainly(folder) for _ in range(3))
            profile = cProfile.Profile()
            if asked.profile:
                profile.enable()
            seconds, own, summary = timed(root, offline=offline)
            profile.disable()
            print(
                f"{'offline' if offline else 'score'}: {asked.songs} cached replies in {seconds:.2f} s, "
                f"{seconds / asked.songs * 1e5:.1f} s per 100 000, {seconds / plain:.1f} x the {plain:.2f} s that "
                f"reading their files takes; {own / asked.songs * 1e6:.0f} us CPU a song in the process that writes"
            )
            print(f"status: {dict(summary.status)}")
            if asked.profile:
                pstats.Stats(profile).sort_stats("cumulative").print_stats(35)


if __name__ == "__main__":
    main()

"""Seconds to read a cache of made replies back into a table, beside those that its files take to be read alone.

`score` finds every song cached; `--offline` does not look for audio. Both are set against a loop in the same run that
opens, reads and JSON-parses the same files: from the page cache, where the loop is at its fastest, or with `--cold`
from the disk, as on the morning after. Entries are those of both decode modes of a model: `json` with its
distributions, `text` without.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import math
import os
import pstats
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import orjson

from musicflamingo_cli import pipeline
from musicflamingo_cli.cache import Cache
from musicflamingo_cli.cache_entry import Entry, encode_entry
from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.registry import build_engine
from musicflamingo_cli.inference.prompt import prompt_hash, render
from musicflamingo_cli.intake.audio.fingerprint import fingerprint
from musicflamingo_cli.intake.packs import load_pack
from musicflamingo_cli.measures import MEASURES_VERSION, Measures
from musicflamingo_cli.records import Distribution, Fingerprint, LoadedAudio, Reply, Rules, Song
from musicflamingo_cli.run_context import identity_of
from musicflamingo_cli.score_options import score_options
from musicflamingo_cli.scoring.scorer import read_reply
from musicflamingo_cli.summary import Summary

WORDS = "warm analogue drums under a bright vocal, wide reverb and a slow build towards the last chorus "

SCORES = (
    *("content_usefulness", "production_quality", "content_enjoyment"),
    *("production_complexity", "overall_recommendation_score"),
)
MEASURES = Measures(-14.0, -1.0, 0.0, 0.01, 0.2, 1.5, 0.0, 7.5, noise_floor_dbfs=-62.0, stereo_correlation=0.6)
GRID = tuple(step / 100 for step in range(101))


def spoken(number: int) -> dict[str, str]:
    """Return a tempo and a key, of 120 and 24."""
    key = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")[number % 12]
    return {"tempo": f"around {60 + number * 7 % 120} BPM", "key": f"{key} {('minor', 'major')[number % 2]}"}


def text_reply(number: int) -> Reply:
    """Return a reply as `--decode text` has them; every third is a fenced block, every tenth single-quoted."""
    answer = dict.fromkeys(("genre", "instruments", "production_style", "mood"), WORDS)
    answer |= spoken(number)
    for place, key in enumerate(SCORES[:3]):
        answer[key] = round((number * 7 + place * 13) % 100 / 100, 2)  # type: ignore[assignment]
    answer |= {"production_complexity": 0.65, "overall_recommendation_score": 0.82}  # type: ignore[dict-item]
    if number % 10 == 0:
        return Reply(str(answer))
    return Reply(f"Here it is:\n```json\n{json.dumps(answer)}\n```" if number % 3 == 0 else json.dumps(answer))


def json_reply(number: int) -> Reply:
    """Return a reply as `--decode json` has them: strict JSON, and of each score all 101 probabilities."""
    answer: dict[str, object] = dict.fromkeys(("genre", "instruments", "production_style", "mood"), WORDS)
    answer |= spoken(number)
    scores = {}
    for place, name in enumerate(SCORES):
        middle = 30 + (number * 7 + place * 13) % 60
        scores[name] = distribution(middle)
        answer[name] = GRID[middle]
    return Reply(json.dumps(answer), "stop", 312, 148, 0.21, scores)


@lru_cache
def distribution(middle: int) -> Distribution:
    """Return a bell over the grid of hundredths, with 0.99 of all probability."""
    chances = [math.exp(-(((step - middle) / 9) ** 2)) for step in range(101)]
    kept = tuple(float(f"{chance / math.fsum(chances) * 0.99:.6g}") for chance in chances)
    return Distribution(GRID, kept, math.fsum(kept), GRID[middle])


def make_cache(root: Path, songs: int, reply_of: Callable[[int], Reply]) -> Path:
    """Fill a cache under `root` with so many replies about one file; return its folder."""
    audio = root / "x.wav"
    audio.write_bytes(b"no audio: nobody listens")
    taken = fingerprint(str(audio))
    assert isinstance(taken, Fingerprint)
    heard = LoadedAudio(taken, 180.0, 44100, 2, (), MEASURES)
    pack = load_pack("quality")
    engine = build_engine("fake", EngineSettings(pack))
    cache = Cache(root / "cache", f"fake-{pack.name}", identity_of(engine.identity(), pack))
    cache.open()
    for level in range(256):
        (cache.folder / f"{level:02x}").mkdir()
    with (root / "songs.jsonl").open("w") as manifest:
        for number in range(songs):
            song = Song(number + 1, f"song-{number:07d}", "x.wav", str(audio))
            digest = prompt_hash(*render(pack, song))
            reply = (reply_of(number),)
            entry = Entry(song.song_id, digest, heard, reply, measures_version=MEASURES_VERSION)
            cache.path(song.song_id).write_bytes(encode_entry(entry))
            manifest.write(json.dumps({"id": song.song_id, "audio": "x.wav"}) + "\n")
    return cache.folder


def evict(folder: Path) -> None:
    """Put the entries of a cache folder out of the page cache."""
    os.sync()  # What is still to be written can't be dropped.
    for path in folder.glob("??/*.json"):
        handle = os.open(path, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def read_plainly(folder: Path) -> float:
    """Return the seconds that a plain loop takes over the entries of a cache folder."""
    paths = [str(path) for path in folder.glob("??/*.json")]
    began = time.perf_counter()
    for path in paths:
        with open(path, "rb") as file:  # noqa: PTH123 - as plain as it gets
            orjson.loads(file.read())
    return time.perf_counter() - began


def parse_alone(songs: int, reply_of: Callable[[int], Reply]) -> float:
    """Return the CPU seconds that it takes to read the same replies, parser and distributions."""
    pack = load_pack("quality")
    prompt, _ = render(pack, Song(1, "song-0000000", "x.wav", "/x.wav"))
    replies = [reply_of(number) for number in range(songs)]
    began = time.process_time()
    for reply in replies:
        read_reply(reply, prompt, pack.asked, Rules())
    return time.process_time() - began


def timed(root: Path, *, offline: bool) -> tuple[float, float, Summary]:
    """Return the seconds of a run over the made cache, the CPU seconds of all its processes, and its summary."""
    given = {"output": str(root / "t.parquet"), "engine": "fake", "offline": offline, "cache_dir": str(root / "cache")}
    options = score_options(str(root / "songs.jsonl"), given)
    began, own = time.perf_counter(), cpu_seconds()
    summary = pipeline.score(options)
    return time.perf_counter() - began, cpu_seconds() - own, summary


def cpu_seconds() -> float:
    """Return the CPU seconds that this process and its ended children have taken."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """For each decode mode make the cache, time both runs over it, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=20_000)
    parser.add_argument("--decode", choices=tuple(REPLIES), help="one mode only")
    parser.add_argument("--repeat", type=int, default=2, help="runs of each kind; the fastest counts")
    parser.add_argument("--cold", action="store_true", help="evict the entries from the page cache before each reading")
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    for decode in [asked.decode] if asked.decode else REPLIES:
        with tempfile.TemporaryDirectory(prefix="mfq-bench-") as name:
            root = Path(name)
            folder = make_cache(root, asked.songs, REPLIES[decode])
            size = next(folder.glob("??/*.json")).stat().st_size
            share = parse_alone(min(asked.songs, 5_000), REPLIES[decode]) / min(asked.songs, 5_000)
            print(f"{decode}: entries of {size / 1000:.1f} kB; reading a reply alone {share * 1e6:.0f} us")
            for offline in (True, False):
                measure(root, folder, asked, offline=offline)


def measure(root: Path, folder: Path, asked: argparse.Namespace, *, offline: bool) -> None:
    """Time runs over a made cache, each right after the plain loop over its files, and print the fastest of both."""
    runs, plain = [], []
    for _ in range(asked.repeat):
        if asked.cold:
            evict(folder)
        plain.append(read_plainly(folder))
        if asked.cold:
            evict(folder)
        profile = cProfile.Profile()
        if asked.profile:
            profile.enable()
        runs.append(timed(root, offline=offline))
        profile.disable()
    seconds, cpu, summary = min(runs, key=lambda run: run[0])
    least, name = min(plain), "offline" if offline else "score"
    each, loop = seconds / asked.songs * 1e6, least / asked.songs * 1e6
    print(f"  {name}: {asked.songs} songs in {seconds:.2f} s, {each / 10:.1f} s per 100 000, {dict(summary.status)}")
    print(
        f"    {seconds / least:.1f} x the {loop:.0f} us a file of the plain loop; "
        f"{cpu / asked.songs * 1e6:.0f} us CPU a song over all processes"
    )
    if asked.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)


REPLIES = {"json": json_reply, "text": text_reply}

if __name__ == "__main__":
    main()

"""Prove the signal engine: damage real music by known degrees and see whether `production_quality` follows.

    python scripts/bench_signal.py [--music FOLDER] [--limit N] [--seconds S] [--codings FLAC,"MP3 128"] [--json OUT]

Every excerpt is damaged in the kinds and degrees of `damage.py`, and clean and damaged twin alike are coded. A pair is
won where the clean one scores higher by at least 0.01 (less decides nothing), inverted where the damaged one does. Of
degrees that nobody can hear no pair should be won. Changes that are no damage should move the score by nothing. Key
and tempo are held against what the manifest of the sample songs says. Without --music the sample songs are damaged.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile as sf
from damage import CODINGS, HARMLESS, KINDS, Wave, code, rms
from scipy.stats import spearmanr

from musicflamingo_cli.engines.signal import technical_scores
from musicflamingo_cli.measure import measure

SAMPLES = Path(__file__).resolve().parent.parent / "data" / "sample"
SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".m4a", ".opus", ".aiff"}
DECIDES = 0.01
"""A smaller difference of quality decides nothing."""


@dataclass(slots=True)
class Judged:
    """What came out over all excerpts."""

    clean: list[float] = field(default_factory=list)
    """Quality of every excerpt as FLAC."""
    drops: dict[tuple[str, str, float], list[float]] = field(default_factory=lambda: defaultdict(list))
    """By kind, coding and amount: by how much the damaged twin scores lower, for every excerpt."""
    moves: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By harmless change: by how much the score moved."""
    audio_seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Of the audio that was measured, and of the measuring."""

    def quality(self, wave: Any, rate: int) -> float:
        """Quality of a version of an excerpt; 0 where it is taken for no music."""
        began = time.process_time()
        found = measure(np.ascontiguousarray(wave, dtype=np.float32), rate, "all")
        self.cpu_seconds += time.process_time() - began
        self.audio_seconds += len(wave) / rate
        return technical_scores(found)["production_quality"] or 0.0


def load(path: Path) -> tuple[Wave, int]:
    """All of a file, float32 [n_frames, n_channels], and its rate."""
    try:
        return sf.read(path, dtype="float32", always_2d=True)  # type: ignore[no-any-return]
    except sf.LibsndfileError:
        with av.open(str(path)) as container:
            resampler = av.AudioResampler(format="flt")
            frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
            rate = frames[0].sample_rate
            blocks = [frame.to_ndarray().reshape(-1, frame.layout.nb_channels) for frame in frames]
        return np.concatenate(blocks), rate


def excerpts(paths: list[Path], seconds: float) -> Iterator[tuple[Wave, int]]:
    """The middle of every file that sounds and is at least 5 s long, in stereo."""
    for path in paths:
        wave, rate = load(path)
        length = min(len(wave), int(seconds * rate))
        start = (len(wave) - length) // 2
        wave = wave[start : start + length, :2]
        if length >= 5 * rate and rms(wave) > 1e-3 and rate >= 44_100:
            wave = np.repeat(wave, 2, axis=1) if wave.shape[1] == 1 else wave
            yield np.ascontiguousarray(wave / max(1.0, float(np.abs(wave).max()))), rate


def judge(paths: list[Path], seconds: float, codings: list[str]) -> Judged:
    """Measure every version of every excerpt; what coded twins lose is counted for their audible degrees alone."""
    judged = Judged()
    for number, (wave, rate) in enumerate(excerpts(paths, seconds)):
        coded: dict[str, float] = {}
        for coding in codings:
            coded[coding] = judged.quality(_coded(wave, rate, coding), rate)
        judged.clean.append(coded["FLAC"])
        for name, change in HARMLESS.items():
            rng = np.random.default_rng(number)
            judged.moves[name].append(judged.quality(change(wave, rate, rng), rate) - coded["FLAC"])
        for name, kind in KINDS.items():
            for amount in (*kind.inaudible, *kind.audible):
                damaged = kind.make(wave, rate, amount, np.random.default_rng(number))
                for coding in codings if amount in kind.audible else ["FLAC"]:
                    worse = judged.quality(_coded(damaged, rate, coding), rate)
                    judged.drops[name, coding, amount].append(coded[coding] - worse)
    return judged


def _coded(wave: Any, rate: int, coding: str) -> Wave:
    how = CODINGS[coding]
    plain: Wave = np.ascontiguousarray(wave, dtype=np.float32)
    return plain if how is None else code(np.clip(plain, -1, 1), rate, *how)


def summarise(judged: Judged, codings: list[str]) -> dict[str, Any]:
    """Shares of pairs won, tied and inverted by kind and coding, and what harmless and inaudible changes did."""
    kinds: dict[str, dict[str, Any]] = {}
    for name, kind in KINDS.items():
        kinds[name] = {}
        for coding in codings:
            drops = np.array([judged.drops[name, coding, amount] for amount in kind.audible])
            degrees = np.repeat(np.arange(len(drops) + 1), drops.shape[1])
            rising = np.concatenate((np.zeros(drops.shape[1]), drops.ravel()))
            kinds[name][coding] = {
                "won": float((drops >= DECIDES).mean()),
                "inverted": float((drops <= -DECIDES).mean()),
                "drop": drops.mean(axis=1).round(3).tolist(),
                "srcc": float(spearmanr(rising, degrees)[0]) if np.ptp(rising) else 0.0,
            }
    quiet = [d for n, kind in KINDS.items() for a in kind.inaudible for d in judged.drops[n, "FLAC", a]]
    return {
        "excerpts": len(judged.clean),
        "clean": {"mean": float(np.mean(judged.clean)), "least": float(np.min(judged.clean))},
        "kinds": kinds,
        "all": {
            coding: {
                part: float(np.mean([row[coding][part] for row in kinds.values()])) for part in ("won", "inverted")
            }
            for coding in codings
        },
        "inaudible": {"largest": float(np.abs(quiet).max()), "decided": float((np.abs(quiet) >= DECIDES).mean())},
        "harmless": {name: float(np.abs(moves).max()) for name, moves in judged.moves.items()},
        "realtime_factor": judged.audio_seconds / judged.cpu_seconds,
    }


def key_and_tempo() -> dict[str, Any]:
    """Key (mir_eval's weighted score) and tempo (within 4 %, octaves forgiven or not) of the undamaged sample songs."""
    import mir_eval

    songs = [json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text("utf-8").splitlines()]
    keys, exact, octave = [], [], []
    for song in songs:
        if song["damage"]:
            continue
        wave, rate = load(SAMPLES / song["audio"])
        found = measure(wave, rate, "all")
        name = f"{found.key_tonic} {found.key_mode}"
        keys.append(mir_eval.key.weighted_score(song["known_key"], name) if found.key_tonic else 0.0)
        ratio = (found.tempo_bpm or 0.0) / song["known_tempo_bpm"]
        exact.append(abs(ratio - 1) < 0.04)
        octave.append(any(abs(ratio / times - 1) < 0.04 for times in (1 / 3, 0.5, 1, 2, 3)))
    return {
        "songs": len(keys),
        "key_weighted_score": float(np.mean(keys)),
        "key_exact": keys.count(1.0),
        "tempo_within_4_percent": int(sum(exact)),
        "tempo_octaves_forgiven": int(sum(octave)),
    }


def show(report: dict[str, Any]) -> None:
    """Print the tables as Markdown: per kind and coding the pairs won / inverted in per cent, and the mean drops."""
    codings = list(report["all"])
    print(f"{report['excerpts']} excerpts, clean quality {report['clean']}")
    print(f"measured at {report['realtime_factor']:.0f} times realtime (CPU time, one core)\n")
    print(f"| kind (degrees) | {' | '.join(codings)} | drop as FLAC | SRCC |")
    print("|---" * (len(codings) + 3) + "|")
    for name, row in report["kinds"].items():
        cells = [f"{row[coding]['won']:.0%} / {row[coding]['inverted']:.0%}" for coding in codings]
        degrees = " ".join(f"{amount:g}" for amount in KINDS[name].audible)
        drop = " ".join(f"{value:.2f}" for value in row["FLAC"]["drop"])
        print(f"| {name} ({degrees}) | {' | '.join(cells)} | {drop} | {row['FLAC']['srcc']:.2f} |")
    cells = [f"{report['all'][coding]['won']:.1%} / {report['all'][coding]['inverted']:.1%}" for coding in codings]
    print(f"| **all** | {' | '.join(cells)} | | |\n")
    print(
        f"inaudible degrees: {report['inaudible']['decided']:.1%} decided, {report['inaudible']['largest']:.3f} at most"
    )
    print("harmless, largest move:", ", ".join(f"{name} {most:.3f}" for name, most in report["harmless"].items()))
    print("key and tempo of the sample songs:", json.dumps(report["key_and_tempo"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--music", type=Path, help="folder of sound recordings (default: the sample songs)")
    parser.add_argument("--limit", type=int, default=4, help="most files taken, evenly over the folder (default 4)")
    parser.add_argument("--seconds", type=float, default=10, help="taken of every file (default 10)")
    parser.add_argument("--codings", default=",".join(CODINGS), help=f"FLAC and any of {', '.join(CODINGS)}")
    parser.add_argument("--json", type=Path, help="write the report there as well")
    options = parser.parse_args()
    if options.music:
        paths = sorted(p for p in options.music.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    else:
        songs = [json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text("utf-8").splitlines()]
        paths = [SAMPLES / song["audio"] for song in songs if not song["damage"]]
    paths = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, min(options.limit, len(paths))).astype(int))]
    codings = ["FLAC", *(one for one in options.codings.split(",") if one != "FLAC")]
    report = summarise(judge(paths, options.seconds, codings), codings) | {"key_and_tempo": key_and_tempo()}
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Prove the signal engine: damage real music by known degrees and see whether `production_quality` follows.

    python scripts/bench_signal.py [--music FOLDER] [--limit N] [--half odd] [--json OUT]

Prints, for each kind of damage in five degrees, how often the clean excerpt beats its damaged versions and the rank
correlation of quality with the degree; how far quality moves under changes that are no damage; and key and tempo
against what the manifest of the sample songs says. Without --music the sample songs themselves are damaged.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from scipy import signal
from scipy.stats import spearmanr

from musicflamingo_cli.engines.signal import technical_scores
from musicflamingo_cli.measure import measure
from musicflamingo_cli.measures import Measures

Wave = NDArray[np.float32]
SAMPLES = Path(__file__).resolve().parent.parent / "data" / "sample"
SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".m4a", ".opus", ".aiff"}
SECONDS = 20.0
DEGREES = 5


def rms(wave: Wave) -> float:
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))


def clip(wave: Wave, rate: int, degree: int, rng: np.random.Generator) -> Wave:
    """Cut off the loudest 0.05 to 10 % of the samples."""
    ceiling = np.quantile(np.abs(wave), 1 - (0.0005, 0.002, 0.01, 0.03, 0.1)[degree])
    return np.clip(wave, -ceiling, ceiling).astype(np.float32)


def low_pass(wave: Wave, rate: int, degree: int, rng: np.random.Generator) -> Wave:
    """Keep what lies below 16, 11, 8, 5.5 or 3.5 kHz (8th order, zero phase)."""
    sections = signal.butter(4, (16_000, 11_000, 8000, 5500, 3500)[degree], fs=rate, output="sos")
    return signal.sosfiltfilt(sections, wave, axis=0).astype(np.float32)


def noise(wave: Wave, rate: int, degree: int, rng: np.random.Generator) -> Wave:
    """Add white noise 45 to 5 dB under the programme."""
    level = rms(wave) * 10 ** (-(45, 35, 25, 15, 5)[degree] / 20)
    return (wave + rng.standard_normal(wave.shape) * level).astype(np.float32)


def hum(wave: Wave, rate: int, degree: int, rng: np.random.Generator) -> Wave:
    """Add 50 Hz and harmonics 40 to 8 dB under the programme."""
    seconds = np.arange(len(wave)) / rate
    tone = sum(a * np.sin(2 * np.pi * 50 * k * seconds + k) for k, a in enumerate((1, 0.5, 0.3, 0.2, 0.1), 1))
    level = rms(wave) * 10 ** (-(40, 32, 24, 16, 8)[degree] / 20)
    return (wave + (tone / np.sqrt(np.mean(tone**2)) * level)[:, None]).astype(np.float32)


def dropouts(wave: Wave, rate: int, degree: int, rng: np.random.Generator) -> Wave:
    """Silence 1 to 50 random stretches of 15 to 60 ms."""
    damaged = wave.copy()
    for _ in range((1, 3, 8, 20, 50)[degree]):
        length = int(rate * rng.uniform(0.015, 0.06))
        start = int(rng.integers(0, len(wave) - length))
        damaged[start : start + length] = 0
    return damaged


def mp3(wave: Wave, rate: int, degree: int, rng: np.random.Generator) -> Wave:
    """Encode as MP3 at 192 to 32 kbit/s and decode again."""
    layout = "mono" if wave.shape[1] == 1 else "stereo"
    with io.BytesIO() as file:
        with av.open(file, "w", format="mp3") as container:
            stream: Any = container.add_stream("libmp3lame", rate=rate)
            stream.bit_rate = (192, 128, 96, 64, 32)[degree] * 1000
            stream.layout = layout
            for start in range(0, len(wave), 1152):
                block = np.ascontiguousarray(wave[start : start + 1152].T)
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
                frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        file.seek(0)
        decoded, decoded_rate = sf.read(file, dtype="float32", always_2d=True)
    if decoded_rate != rate:
        raise ValueError(f"the encoder changed the rate from {rate} to {decoded_rate} Hz")
    return decoded[: len(wave)]


def old(wave: Wave, rate: int, rng: np.random.Generator) -> Wave:
    """Mono, 100 Hz to 6 kHz at 12 dB per octave, hiss 42 dB under the programme."""
    mono = wave.mean(axis=1, keepdims=True)
    mono = signal.sosfilt(signal.butter(2, 6000, fs=rate, output="sos"), mono, axis=0)
    mono = signal.sosfilt(signal.butter(2, 100, "high", fs=rate, output="sos"), mono, axis=0)
    return (mono + rng.standard_normal(mono.shape) * rms(mono) * 10 ** (-42 / 20)).astype(np.float32)


DAMAGE: dict[str, Callable[[Wave, int, int, np.random.Generator], Wave]] = {
    "clipping": clip,
    "low-pass": low_pass,
    "noise": noise,
    "hum": hum,
    "dropouts": dropouts,
    "mp3": mp3,
}
HARMLESS: dict[str, Callable[[Wave, int, np.random.Generator], Wave]] = {
    "gain -6 dB": lambda wave, rate, rng: wave * np.float32(0.5),
    "gain -20 dB": lambda wave, rate, rng: wave * np.float32(0.1),
    "gain -20 dB, 16 bit": lambda wave, rate, rng: (np.round(wave * 3276.7) / 32768).astype(np.float32),
    "mono": lambda wave, rate, rng: wave.mean(axis=1, keepdims=True),
    "old recording": old,
}


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


def excerpts(paths: list[Path]) -> Iterator[tuple[str, Wave, int]]:
    """The middle 20 s of every file that sounds and is at least 5 s long."""
    for path in paths:
        wave, rate = load(path)
        length = min(len(wave), int(SECONDS * rate))
        start = (len(wave) - length) // 2
        wave = wave[start : start + length]
        if length >= 5 * rate and rms(wave) > 1e-3 and rate >= 44_100:
            yield path.name, np.ascontiguousarray(wave / max(1.0, float(np.abs(wave).max()))), rate


def quality(measures: Measures) -> float:
    """Quality of a version of an excerpt; the excerpts all sound, so that there is one."""
    value = technical_scores(measures)["production_quality"]
    if value is None:
        raise ValueError("no production_quality for a sounding excerpt")
    return value


def judge(paths: list[Path]) -> dict[str, Any]:
    """Quality of every excerpt: clean, damaged [kind][degree], and harmlessly changed."""
    rows: list[dict[str, Any]] = []
    audio_seconds = measure_seconds = 0.0
    for name, wave, rate in excerpts(paths):
        rng = np.random.default_rng(len(rows))
        began = time.process_time()
        clean = quality(measure(wave, rate, "all"))
        measure_seconds += time.process_time() - began
        audio_seconds += len(wave) / rate
        damaged = {
            kind: [quality(measure(make(wave, rate, degree, rng), rate, "all")) for degree in range(DEGREES)]
            for kind, make in DAMAGE.items()
        }
        harmless = {kind: quality(measure(make(wave, rate, rng), rate, "all")) for kind, make in HARMLESS.items()}
        inverted = None
        if wave.shape[1] == 2:
            inverted = quality(measure(wave * np.array([1, -1], np.float32), rate, "all"))
        rows.append({"name": name, "clean": clean, "damaged": damaged, "harmless": harmless, "inverted": inverted})
    return {"excerpts": rows, "realtime_factor": audio_seconds / max(measure_seconds, 1e-9)}


def summarise(judged: dict[str, Any]) -> dict[str, Any]:
    """Pairwise accuracy and SRCC by kind of damage, and what harmless changes did."""
    rows = judged["excerpts"]
    clean = np.array([row["clean"] for row in rows])
    degrees = np.tile(np.arange(DEGREES), len(rows))
    kinds = {}
    for kind in DAMAGE:
        values = np.array([row["damaged"][kind] for row in rows])
        within = [float(spearmanr(row, np.arange(DEGREES))[0]) if np.ptp(row) else 0.0 for row in values]
        kinds[kind] = {
            "pairwise": float((values < clean[:, None]).mean()),
            "pairwise_by_degree": (values < clean[:, None]).mean(axis=0).round(3).tolist(),
            "srcc_pooled": -float(spearmanr(values.ravel(), degrees)[0]),
            "srcc_within": -float(np.mean(within)),
            "mean_quality": values.mean(axis=0).round(3).tolist(),
        }
    moved = {kind: np.array([row["harmless"][kind] for row in rows]) - clean for kind in HARMLESS}
    inverted = [row["inverted"] < row["clean"] for row in rows if row["inverted"] is not None]
    return {
        "excerpts": len(rows),
        "clean_quality": {"mean": float(clean.mean()), "least": float(clean.min())},
        "pairwise": float(np.mean([kind["pairwise"] for kind in kinds.values()])),
        "kinds": kinds,
        "harmless": {
            kind: {"most": float(np.abs(by).max()), "under_0.02": float((np.abs(by) < 0.02).mean())}
            for kind, by in moved.items()
        },
        "inverted_is_worse": float(np.mean(inverted)) if inverted else None,
        "realtime_factor": judged["realtime_factor"],
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
        octave.append(any(abs(ratio / factor - 1) < 0.04 for factor in (1 / 3, 0.5, 1, 2, 3)))
    return {
        "songs": len(keys),
        "key_weighted_score": float(np.mean(keys)),
        "key_exact": keys.count(1.0),
        "tempo_within_4_percent": int(sum(exact)),
        "tempo_octaves_forgiven": int(sum(octave)),
    }


def show(report: dict[str, Any]) -> None:
    print(f"{report['excerpts']} excerpts, clean quality {report['clean_quality']}")
    print(f"measured at {report['realtime_factor']:.0f} times realtime (CPU time, one core)\n")
    print(f"{'damage':10} {'clean wins':>10} {'SRCC pooled':>11} {'within':>7}  clean wins; mean quality (by degree)")
    for kind, row in report["kinds"].items():
        print(
            f"{kind:10} {row['pairwise']:10.3f} {row['srcc_pooled']:11.3f} {row['srcc_within']:7.3f}  "
            f"{row['pairwise_by_degree']}; {row['mean_quality']}"
        )
    print(f"{'all':10} {report['pairwise']:10.3f}\n")
    for kind, row in report["harmless"].items():
        print(f"{kind:20} moves quality by at most {row['most']:.3f}; under 0.02 for {row['under_0.02']:.0%}")
    if report["inverted_is_worse"] is not None:
        print(f"{'one channel inverted':20} is worse for {report['inverted_is_worse']:.0%}")
    print("\nkey and tempo of the sample songs:", json.dumps(report["key_and_tempo"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--music", type=Path, help="folder of sound recordings (default: the sample songs)")
    parser.add_argument("--limit", type=int, default=24, help="most files taken, evenly over the folder (default 24)")
    parser.add_argument("--half", choices=("all", "even", "odd"), default="all", help="every second file only")
    parser.add_argument("--json", type=Path, help="write the report there as well")
    options = parser.parse_args()
    if options.music:
        paths = sorted(p for p in options.music.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    else:
        songs = [json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text("utf-8").splitlines()]
        paths = [SAMPLES / song["audio"] for song in songs if not song["damage"]]
    paths = paths[{"all": 0, "even": 0, "odd": 1}[options.half] :: 1 if options.half == "all" else 2]
    paths = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, min(options.limit, len(paths))).astype(int))]
    report = summarise(judge(paths)) | {"key_and_tempo": key_and_tempo()}
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

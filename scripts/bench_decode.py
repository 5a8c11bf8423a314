"""Decode speed against librosa.load and an ffmpeg pipe, in one run: audio to mono float32 at 16 kHz.

    python scripts/bench_decode.py [FILE ...] [--repeat 3]

Without files, a sample song looped to three minutes in every common format. A figure is seconds of audio per second of
wall clock in one process, the best of the repeats; `decode` is what is compared (fingerprint and clip), `load` adds the
basic measures that every song gets. A ratio above 1 means that `decode` is faster.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

from musicflamingo_cli.extras import install_command
from musicflamingo_cli.intake.audio.fingerprint import open_regular, take_fingerprint
from musicflamingo_cli.intake.audio.formats import sniff
from musicflamingo_cli.intake.audio.load import AudioPlan, listen, load_audio
from musicflamingo_cli.records import LoadedAudio

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sample" / "greensleeves.flac"
SECONDS = 180
PLAN = AudioPlan()


def by_load(path: Path) -> None:
    assert isinstance(load_audio(str(path), PLAN), LoadedAudio), path


def by_decode(path: Path) -> None:
    with open_regular(str(path)) as (fd, status):
        form = sniff(fd, status.st_size)
        assert form is not None, path
        take_fingerprint(str(path), fd, status)
        listen(fd, form, PLAN)


def by_librosa(path: Path) -> None:
    import librosa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        librosa.load(str(path), sr=16_000, mono=True)


def by_ffmpeg(path: Path) -> None:
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-threads",
        "1",
        "-i",
        str(path),
        "-ac",
        "1",
        "-ar",
        "16000",
        "-f",
        "f32le",
        "-",
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    np.frombuffer(done.stdout, np.float32)


def best(decode: Callable[[Path], None], path: Path, repeat: int) -> float | None:
    """Seconds of the fastest of `repeat` runs, or None if it can't read this file."""
    seconds = []
    for _ in range(repeat):
        began = time.perf_counter()
        try:
            decode(path)
        except Exception:
            return None
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def looped(folder: Path) -> list[Path]:
    """The sample song, looped, in every common format; tones where there are no samples."""
    if SAMPLE.exists():
        piece, rate = soundfile.read(SAMPLE, dtype="float32", always_2d=True)
    else:
        rate = 44_100
        piece = np.sin(np.arange(rate * 20)[:, None] * np.float32([0.05, 0.06])).astype(np.float32) * 0.3
    samples = np.resize(piece, (SECONDS * rate, piece.shape[1]))
    paths = [folder / name for name in ("a.wav", "a.flac", "a.mp3", "a.ogg")]
    for path in paths:
        with soundfile.SoundFile(path, "w", rate, samples.shape[1]) as file:
            for start in range(0, len(samples), rate):  # libsndfile's Vorbis writer overflows its stack on long blocks.
                file.write(samples[start : start + rate])
    return [
        *paths,
        encoded(folder / "a.m4a", samples, rate, "aac"),
        encoded(folder / "a.opus", samples, rate, "libopus"),
    ]


def encoded(path: Path, samples: np.ndarray, rate: int, codec: str) -> Path:
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48_000 if codec == "libopus" else rate, layout=layout)
        resampler = av.AudioResampler(
            format=stream.format.name,
            rate=stream.rate,
            layout=layout,
            frame_size=stream.codec_context.frame_size or 1024,
        )
        for start in range(0, len(samples), rate):
            frame = av.AudioFrame.from_ndarray(samples[start : start + rate].reshape(1, -1).copy(), "flt", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            for part in resampler.resample(frame):
                container.mux(stream.encode(part))
        for part in resampler.resample(None):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    rivals: dict[str, Callable[[Path], None]] = {}
    if importlib.util.find_spec("librosa"):
        rivals["librosa.load"] = by_librosa
    else:
        print(f"librosa is not installed ({install_command('bench')}); not compared")
    if shutil.which("ffmpeg"):
        rivals["ffmpeg pipe"] = by_ffmpeg
    else:
        print("ffmpeg is not on the path; not compared")
    with tempfile.TemporaryDirectory() as folder:
        report(options.files or looped(Path(folder)), rivals, options.repeat)


def report(paths: list[Path], rivals: dict[str, Callable[[Path], None]], repeat: int) -> None:
    print(f"{'file':<28}{'seconds':>8}{'decode':>9}{'load':>9}", *(f"{name:>14}{'ratio':>7}" for name in rivals))
    for path in paths:
        heard = load_audio(str(path), PLAN)
        if not isinstance(heard, LoadedAudio):
            print(f"{path.name:<28}{heard.reason}")
            continue
        length = heard.audio_seconds
        ours, whole = best(by_decode, path, repeat), best(by_load, path, repeat)
        assert ours is not None
        assert whole is not None
        for rival in rivals.values():
            best(rival, path, 1)  # What is compiled or imported at the first call is not the point.
        cells = []
        for rival in rivals.values():
            theirs = best(rival, path, repeat)
            cells.append(f"{'-':>14}{'-':>7}" if theirs is None else f"{length / theirs:>13.0f}x{theirs / ours:>7.2f}")
        print(f"{path.name:<28}{length:>8.1f}{length / ours:>8.0f}x{length / whole:>8.0f}x", *cells)


if __name__ == "__main__":
    main()

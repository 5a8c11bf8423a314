"""Render the sample songs in ``data/sample`` from their scores, and the damaged twins of some of them.

    python scripts/render_samples.py --out data/sample

Reads ``scores/*.toml`` (one song each) and ``twins.toml`` from the sample folder; writes the audio files and
``manifest.jsonl``. The notation and the ways to damage a song are described in ``data/sample/README.md``. Needs the
programs fluidsynth and ffmpeg, a General MIDI soundfont (Debian: fluid-soundfont-gm), and from PyPI mido, numpy,
pyloudnorm and soundfile. The same versions of these give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from score_notation import parse_part

try:
    import mido
    import numpy as np
    import pyloudnorm
    import soundfile
except ImportError as missing:
    sys.exit(f"render_samples: no Python package {missing.name!r}: pip install mido numpy pyloudnorm soundfile")

SAMPLE_RATE = 44_100
TICKS_PER_BEAT = 480
LOUDNESS_LUFS = -15.0
PEAK_DBTP = -1.5
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
ENCODERS = {
    ".wav": ["-c:a", "pcm_s16le"],
    ".flac": ["-c:a", "flac", "-compression_level", "12", "-sample_fmt", "s16"],
    ".mp3": ["-c:a", "libmp3lame"],
    ".ogg": ["-c:a", "libvorbis", "-q:a", "5"],
    ".m4a": ["-c:a", "aac"],
}
BITRATES = {1: "96k", 2: "160k"}


def write_midi(song: dict[str, Any], path: Path) -> float:
    """Write the song as a MIDI file with its tempo, and return its length in seconds, last echo included."""
    midi = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    tempo = mido.bpm2tempo(song["tempo_bpm"])
    meter, pickup = float(song["beats_per_bar"]), float(song.get("pickup_beats", 0))
    melodic = iter(channel for channel in range(16) if channel != 9)
    end = 0.0
    midi.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=tempo)]))
    for part in song["part"]:
        channel = 9 if "drums" in part else next(melodic)
        events = [
            (0.0, 0, mido.Message("program_change", channel=channel, program=part.get("program", 0))),
            (0.0, 1, mido.Message("control_change", channel=channel, control=7, value=part.get("volume", 100))),
            (0.0, 1, mido.Message("control_change", channel=channel, control=10, value=part.get("pan", 64))),
        ]
        for note in parse_part(part, meter, pickup):
            velocity = min(127, part.get("velocity", 84) + note.accent)
            pitch = note.pitch + (0 if channel == 9 else part.get("transpose", 0))
            stop = note.start + note.length * part.get("gate", 0.95)
            events.append((note.start, 3, mido.Message("note_on", channel=channel, note=pitch, velocity=velocity)))
            events.append((stop, 2, mido.Message("note_off", channel=channel, note=pitch)))
            end = max(end, stop)
        events.sort(key=lambda event: event[:2])
        track, before = mido.MidiTrack(), 0
        for at, _, message in events:
            tick = round(at * TICKS_PER_BEAT)
            track.append(message.copy(time=tick - before))
            before = tick
        midi.tracks.append(track)
    tail_beats = song.get("tail_seconds", 1.5) * song["tempo_bpm"] / 60
    midi.tracks[0].append(mido.MetaMessage("end_of_track", time=round((end + tail_beats) * TICKS_PER_BEAT)))
    midi.save(path)
    return (end + tail_beats) * 60 / song["tempo_bpm"]


def render(song: dict[str, Any], soundfont: Path, scratch: Path) -> np.ndarray:
    """The clean song: float64 [n_samples, n_channels], faded out over its tail, at LOUDNESS_LUFS, peaks limited."""
    midi, raw, limited = scratch / "song.mid", scratch / "raw.wav", scratch / "limited.wav"
    seconds = write_midi(song, midi)
    synth = ["fluidsynth", "-ni", "-q", "-g", "0.5", "-r", str(SAMPLE_RATE), "-O", "float", "-T", "wav"]
    subprocess.run([*synth, "-F", str(raw), str(soundfont), str(midi)], check=True, capture_output=True)
    audio, _ = soundfile.read(raw, always_2d=True)
    audio = audio[: round(seconds * SAMPLE_RATE)]
    tail = round(song.get("tail_seconds", 1.5) * SAMPLE_RATE)
    audio[-tail:] *= np.cos(np.linspace(0, np.pi / 2, tail))[:, None]
    middle = audio.mean(axis=1, keepdims=True)  # some of the soundfont's strings are wider than a real recording
    audio = middle if song.get("channels") == 1 else middle + song.get("width", 1.0) * (audio - middle)
    meter = pyloudnorm.Meter(SAMPLE_RATE)
    for _ in range(2):  # the limiter takes a little of the loudness: the second round gives it back
        loudness = meter.integrated_loudness(audio)
        if not np.isfinite(loudness):
            raise ValueError("rendered as silence: is the soundfont a General MIDI one?")
        audio = audio * 10 ** ((LOUDNESS_LUFS - loudness) / 20)
        soundfile.write(raw, audio, SAMPLE_RATE, subtype="FLOAT")
        limit = f"aresample=176400,alimiter=limit={PEAK_DBTP}dB:attack=5:release=100:level=false,aresample=44100"
        run_ffmpeg(["-i", str(raw), "-af", limit, "-c:a", "pcm_f32le", str(limited)])
        audio, _ = soundfile.read(limited, always_2d=True)
    return audio


def run_ffmpeg(arguments: list[str]) -> None:
    bitexact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments[:-1], *bitexact, arguments[-1]]
    subprocess.run(command, check=True)


def encode(source: Path, target: Path, twin: dict[str, Any]) -> None:
    """Encode as the suffix says, through the twin's ffmpeg filters; ``keep_share`` cuts the file itself."""
    filters = ["-af", ",".join(twin["filters"])] if "filters" in twin else []
    bitrate = ["-b:a", twin.get("bitrate", BITRATES[soundfile.info(source).channels])]
    lossy = bitrate if target.suffix in (".mp3", ".m4a") else []
    run_ffmpeg(["-i", str(source), *filters, *ENCODERS[target.suffix], *lossy, str(target)])
    if "keep_share" in twin:
        whole = target.read_bytes()
        target.write_bytes(whole[: int(len(whole) * twin["keep_share"])])


def manifest_line(song_id: str, song: dict[str, Any], twin: dict[str, Any]) -> str:
    row = {
        "id": twin.get("id", song_id),
        "title": song["title"] + (f", {twin['damage'].replace('_', ' ')}" if twin else ""),
        "audio": f"{twin.get('id', song_id)}.{twin.get('format', song['format'])}",
        "composer": song["composer"],
        "genre": song["genre"],
        "known_tempo_bpm": song["tempo_bpm"],
        "known_key": song["key"],
        "damage": twin.get("damage"),
        "twin_of": song_id if twin else None,
    }
    return json.dumps(row, ensure_ascii=False)


def render_all(folder: Path, out: Path, soundfont: Path) -> None:
    twins = tomllib.loads((folder / "twins.toml").read_text(encoding="utf-8"))["twin"]
    lines: list[str] = []
    twin_lines: list[str] = []
    for score in sorted((folder / "scores").glob("*.toml")):
        song = tomllib.loads(score.read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as name:
            try:
                audio = render(song, soundfont, Path(name))
            except KeyError as error:
                sys.exit(f"render_samples: {score}: no {error}")
            except (ValueError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
                sys.exit(f"render_samples: {score}: {error}")
            master = Path(name) / "master.wav"
            soundfile.write(master, audio, SAMPLE_RATE, subtype="FLOAT")
            encode(master, out / f"{score.stem}.{song['format']}", {})
            lines.append(manifest_line(score.stem, song, {}))
            for twin in (twin for twin in twins if twin["of"] == score.stem):
                encode(master, out / f"{twin['id']}.{twin['format']}", twin)
                twin_lines.append(manifest_line(score.stem, song, twin))
        print(f"{score.stem}: {len(audio) / SAMPLE_RATE:.1f} s", file=sys.stderr)
    (out / "manifest.jsonl").write_text("\n".join(lines + twin_lines) + "\n", encoding="utf-8")


def main() -> None:
    sample = Path(__file__).resolve().parent.parent / "data" / "sample"
    parser = argparse.ArgumentParser(description="Render the sample songs and their damaged twins.")
    parser.add_argument("--scores", type=Path, default=sample, help="folder with scores/ and twins.toml")
    parser.add_argument("--out", type=Path, default=sample, help="folder for the audio files and manifest.jsonl")
    parser.add_argument("--soundfont", type=Path, default=SOUNDFONT, help="General MIDI soundfont (%(default)s)")
    options = parser.parse_args()
    for program in ("fluidsynth", "ffmpeg"):
        if shutil.which(program) is None:
            parser.error(f"no program {program!r}: apt-get install {program}")
    if not options.soundfont.is_file():
        parser.error(f"no soundfont {options.soundfont}: apt-get install fluid-soundfont-gm, or name one: --soundfont")
    with options.soundfont.open("rb") as file:
        if file.read(12)[8:] != b"sfbk":  # fluidsynth would quietly play another one
            parser.error(f"{options.soundfont} is no soundfont")
    if not (options.scores / "twins.toml").is_file():
        parser.error(f"no scores in {options.scores}: it must hold scores/ and twins.toml")
    options.out.mkdir(parents=True, exist_ok=True)
    render_all(options.scores, options.out, options.soundfont)


if __name__ == "__main__":
    main()

"""Makers of audio files for tests: sound ones, odd ones and damaged ones."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 44_100


def music(seconds: float = 3.0, rate: int = RATE, channels: int = 2) -> NDArray[np.float32]:
    """Two tones that beat and some noise, different in every channel and every second; rms about 0.2."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(7).standard_normal((len(time), channels)) * 0.02
    tones = [
        0.25 * np.sin(2 * np.pi * (220 + 40 * c + time) * time) * (1 + 0.2 * np.sin(time)) for c in range(channels)
    ]
    return (np.stack(tones, axis=1) + noise).astype(np.float32)


def write(path: Path, samples: NDArray[np.float32] | None = None, rate: int = RATE, **how: str) -> Path:
    """Write with libsndfile; the format by the suffix unless told."""
    soundfile.write(path, music(rate=rate) if samples is None else samples, rate, **how)
    return path


def encode(
    path: Path,
    codec: str,
    form: str,
    *,
    samples: NDArray[np.float32] | None = None,
    rate: int = RATE,
    options: dict[str, str] | None = None,
    video: bool = False,
) -> Path:
    """Write with FFmpeg's encoders, with a video track before the audio if asked."""
    samples = music(rate=rate) if samples is None else samples
    channels = samples.shape[1]
    with av.open(str(path), "w", format=form, options=options or {}) as container:
        picture = container.add_stream("mpeg4", rate=10) if video else None
        sound = None
        if codec:
            layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}.get(channels, f"{channels} channels")
            more = {"mapping_family": "255"} if channels > 8 else {}
            sound = container.add_stream(codec, rate=rate, layout=layout, options=more)
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
            for n in range(round(len(samples) / rate * 10)):
                image = av.VideoFrame.from_ndarray(np.full((48, 64, 3), n * 7 % 255, np.uint8), "rgb24")
                container.mux(picture.encode(image))
            container.mux(picture.encode(None))
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.reshape(1, -1)), "flt", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            cutter = av.AudioResampler(format=sound.format.name, frame_size=sound.codec_context.frame_size or 1024)
            for part in [*cutter.resample(frame), *cutter.resample(None)]:
                container.mux(sound.encode(part))
            container.mux(sound.encode(None))
    return path


def wav_bytes(
    data: bytes, *, rate: int = RATE, channels: int = 1, bits: int = 16, kind: int = 1, data_size: int | None = None
) -> bytes:
    """A WAV file as its header's fields say; `data_size` is what it claims, truly or not."""
    align = channels * bits // 8
    head = struct.pack("<HHIIHH", kind, channels, rate & 0xFFFFFFFF, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    claimed = len(data) if data_size is None else data_size
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", claimed) + data
    return b"RIFF" + struct.pack("<I", (len(body) if claimed < 1 << 31 else claimed) & 0xFFFFFFFF) + body


def noise_16(count: int = RATE) -> bytes:
    """Little-endian 16-bit noise."""
    return np.random.default_rng(3).integers(-8000, 8000, count).astype("<i2").tobytes()


def id3_tag(size: int) -> bytes:
    """An ID3v2.3 tag with `size` bytes of what could be a picture, frame syncs included."""
    picture = np.random.default_rng(5).integers(0, 256, size, np.uint8).tobytes()
    return b"ID3\x03\x00\x00" + bytes(size >> shift & 127 for shift in (21, 14, 7, 0)) + picture


def cut(path: Path, share: float = 0.5) -> Path:
    """Drop the end of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def blank(path: Path, at: float = 0.5, count: int = 2000) -> Path:
    """Overwrite bytes in the middle of a file with zeros."""
    data = bytearray(path.read_bytes())
    start = int(len(data) * at)
    data[start : start + count] = bytes(count)
    path.write_bytes(data)
    return path


def rot(path: Path, flips: int = 60, seed: int = 1) -> Path:
    """Flip single bits behind the first tenth of a file."""
    data = np.frombuffer(path.read_bytes(), np.uint8).copy()
    rng = np.random.default_rng(seed)
    places = rng.integers(len(data) // 10, len(data), flips)
    data[places] ^= (1 << rng.integers(0, 8, flips)).astype(np.uint8)
    path.write_bytes(data.tobytes())
    return path

"""Which channel is for which loudspeaker: what the file tells counts, and where it tells nothing that is said."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from musicflamingo_cli.intake.audio.load import AudioPlan, load_audio
from musicflamingo_cli.records import LoadedAudio
from tests.intake.audio.audio_files import write

RATE = 48_000
BITS = {name: 1 << n for n, name in enumerate(["FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR"])}
"""Bits of the channel mask of WAVE_FORMAT_EXTENSIBLE."""
LAYOUTS = {
    "2.1": "FL FR LFE",
    "3.0": "FL FR FC",
    "3.1": "FL FR FC LFE",
    "4.0": "FL FR FC BC",
    "quad": "FL FR BL* BR*",
    "4.1": "FL FR FC LFE BC",
    "5.0": "FL FR FC BL* BR*",
    "5.0(side)": "FL FR FC SL* SR*",
    "5.1": "FL FR FC LFE BL* BR*",
    "5.1(side)": "FL FR FC LFE SL* SR*",
    "6.0": "FL FR FC BC SL* SR*",
    "6.1": "FL FR FC LFE BC SL* SR*",
    "7.1": "FL FR FC LFE BL BR SL* SR*",
    "7.1(wide)": "FL FR FC LFE BL* BR* FLC FRC",
}
"""Layout -> its channels in the order of the file; * weighs 1.41 in ITU-R BS.1770-4."""


def tone(channel: int, channels: int, hertz: float = 997.0) -> NDArray[np.float32]:
    """A second of a sine at -20 dBFS (peak) in one channel, silence in all others."""
    samples = np.zeros((RATE, channels), np.float32)
    samples[:, channel] = 0.1 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)
    return samples


def wav(path: Path, samples: NDArray[np.float32], mask: int) -> Path:
    """A WAV file in WAVE_FORMAT_EXTENSIBLE of 32-bit floats."""
    channels = samples.shape[1]
    data = samples.astype("<f4").tobytes()
    guid = struct.pack("<H", 3) + bytes.fromhex("000000001000800000aa00389b71")
    form = struct.pack("<HHIIHHHHI", 0xFFFE, channels, RATE, RATE * channels * 4, channels * 4, 32, 22, 32, mask) + guid
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def encoded(path: Path, samples: NDArray[np.float32], layout: str, codec: str, form: str) -> Path:
    """A file by FFmpeg's encoders, with that layout."""
    with av.open(str(path), "w", format=form) as container:
        sound = container.add_stream(codec, rate=RATE, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.reshape(1, -1)), "flt", layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        size = sound.codec_context.frame_size or 1024
        cutter = av.AudioResampler(format=sound.format.name, layout=layout, frame_size=size)
        for part in [*cutter.resample(frame), *cutter.resample(None)]:
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


def with_channel_chunk(path: Path, samples: NDArray[np.float32], form: str, tag: int) -> Path:
    """A CAF or AIFF file whose layout is told by one of Apple's layout tags."""
    write(path, samples, RATE, format=form, subtype="PCM_16")
    data = path.read_bytes()
    told = struct.pack(">III", tag, 0, 0)
    if form == "CAF":  # Behind the file header (8 bytes) and the description chunk (12 + 32).
        path.write_bytes(data[:52] + b"chan" + struct.pack(">q", 12) + told + data[52:])
    else:  # The first chunk of the form.
        size = int.from_bytes(data[4:8], "big") + 20
        path.write_bytes(b"FORM" + struct.pack(">I", size) + b"AIFFCHAN" + struct.pack(">I", 12) + told + data[12:])
    return path


def heard(path: Path) -> LoadedAudio:
    got = load_audio(str(path), AudioPlan())
    assert isinstance(got, LoadedAudio), got
    return got


def level(got: LoadedAudio) -> float:
    assert got.clip is not None
    return float(np.sqrt(np.mean(got.clip[4000:12_000] ** 2)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_channel_weighs_by_its_place(tmp_path: Path, layout: str) -> None:
    names = LAYOUTS[layout].split()
    mask = sum(BITS[name.rstrip("*")] for name in names)
    full = sum(name != "LFE" for name in names)
    for channel, name in enumerate(names):
        got = heard(wav(tmp_path / "a.wav", tone(channel, len(names)), mask))
        assert "assumed_layout" not in got.flags
        loudness = got.measures.loudness_lufs
        if name == "LFE":
            assert loudness is None
            assert level(got) == 0.0
            continue
        # 0 dBFS at 997 Hz in one channel reads -3.01 LUFS; 10 log10(1.41) is 1.49.
        assert loudness == pytest.approx(-23.01 + 1.49 * name.endswith("*"), abs=0.05), (layout, name)
        assert level(got) == pytest.approx(0.1 / np.sqrt(2) / full, rel=0.01)


@pytest.mark.parametrize(
    ("codec", "form", "layout", "lfe"),
    [
        ("flac", "flac", "2.1", 2),
        ("flac", "flac", "4.1", 3),
        ("flac", "flac", "6.1(back)", 3),
        ("flac", "flac", "7.1", 3),
        ("pcm_s16le", "w64", "3.1", 3),
        ("pcm_s16le", "wav", "4.1", 3),
        ("ac3", "ac3", "2.1", 2),
        ("aac", "ipod", "5.1", 3),
        ("aac", "adts", "7.1", 3),
        ("libopus", "ogg", "5.1", 3),
        ("wavpack", "wv", "4.1", 3),
    ],
)
def test_the_lfe_does_not_count_in_any_format(tmp_path: Path, codec: str, form: str, layout: str, lfe: int) -> None:
    channels = av.AudioLayout(layout).nb_channels
    rumble = heard(encoded(tmp_path / "low", tone(lfe, channels, 60.0), layout, codec, form))
    assert rumble.channels == channels
    assert rumble.measures.loudness_lufs is None or rumble.measures.loudness_lufs < -60
    assert level(rumble) < 1e-3
    left = heard(encoded(tmp_path / "left", tone(0, channels), layout, codec, form))
    assert left.measures.loudness_lufs == pytest.approx(-23.01, abs=0.3)
    for got in (rumble, left):
        assert "assumed_layout" not in got.flags


@pytest.mark.parametrize("form", ["CAF", "AIFF"])
@pytest.mark.parametrize(
    ("tag", "channels", "lfe"), [(133 << 16 | 3, 3, 2), (136 << 16 | 4, 4, 3), (121 << 16 | 6, 6, 3)]
)
def test_the_layout_tags_of_apple(tmp_path: Path, form: str, tag: int, channels: int, lfe: int) -> None:
    rumble = heard(with_channel_chunk(tmp_path / "low", tone(lfe, channels, 60.0), form, tag))
    assert (rumble.channels, rumble.measures.loudness_lufs) == (channels, None)
    assert "assumed_layout" not in rumble.flags
    left = heard(with_channel_chunk(tmp_path / "left", tone(0, channels), form, tag))
    assert left.measures.loudness_lufs == pytest.approx(-23.01, abs=0.05)


@pytest.mark.parametrize(
    ("channels", "weights"),
    [
        (3, "1 1 1"),
        (4, "1 1 1.41 1.41"),
        (5, "1 1 1 1.41 1.41"),
        (6, "1 1 1 0 1.41 1.41"),
        (7, "1 1 1 0 1 1.41 1.41"),
        (8, "1 1 1 0 1 1 1.41 1.41"),
        (9, "1 1 1 1 1 1 1 1 1"),
    ],
)
@pytest.mark.parametrize("form", ["WAV", "AIFF", "AU", "masked with 0"])
def test_what_is_assumed_is_said(tmp_path: Path, form: str, channels: int, weights: str) -> None:
    for channel, weight in enumerate(weights.split()):
        samples = tone(channel, channels)
        if form == "masked with 0":
            got = heard(wav(tmp_path / "a", samples, 0))
        else:
            got = heard(write(tmp_path / "a", samples, RATE, format=form, subtype="PCM_24"))
        assert "assumed_layout" in got.flags
        expected = {"0": None, "1": -23.01, "1.41": -21.52}[weight]
        assert got.measures.loudness_lufs == (expected and pytest.approx(expected, abs=0.05))


@pytest.mark.parametrize("channels", [1, 2])
def test_mono_and_stereo_need_no_telling(tmp_path: Path, channels: int) -> None:
    got = heard(write(tmp_path / "a.wav", tone(0, channels), RATE))
    assert "assumed_layout" not in got.flags
    assert got.measures.loudness_lufs == pytest.approx(-23.01, abs=0.05)
    assert level(got) == pytest.approx(0.1 / np.sqrt(2) / channels, rel=0.01)


def test_a_centre_and_its_lfe_are_no_stereo_pair(tmp_path: Path) -> None:
    """1.1, as AC-3 can have it."""
    got = heard(wav(tmp_path / "a.wav", tone(1, 2, 60.0), BITS["FC"] | BITS["LFE"]))
    assert got.measures.loudness_lufs is None
    assert level(got) == 0.0


def test_nothing_but_an_lfe_is_heard_but_has_no_loudness(tmp_path: Path) -> None:
    got = heard(wav(tmp_path / "a.wav", tone(0, 1, 60.0), BITS["LFE"]))
    assert got.measures.loudness_lufs is None
    assert level(got) == pytest.approx(0.1 / np.sqrt(2), rel=0.01)


def test_the_spectrum_is_never_that_of_the_lfe(tmp_path: Path) -> None:
    noise = np.random.default_rng(2).standard_normal((4 * RATE, 6)).astype(np.float32) * 0.02
    noise[:, 3] = 0.8 * np.sin(2 * np.pi * 50 * np.arange(4 * RATE) / RATE)
    got = load_audio(str(wav(tmp_path / "a.wav", noise, 0x3F)), AudioPlan(measures="all"))
    assert isinstance(got, LoadedAudio)
    noise[:, 3] = 0
    without = load_audio(str(wav(tmp_path / "a.wav", noise, 0x3F)), AudioPlan(measures="all"))
    assert isinstance(without, LoadedAudio)
    assert got.measures.bandwidth_hz == without.measures.bandwidth_hz
    assert got.measures.loudness_lufs == without.measures.loudness_lufs

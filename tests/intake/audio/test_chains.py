"""Recordings joined in one file, as chained Ogg is meant to be and others are by `cat`: heard whole, at their pitch."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from musicflamingo_cli.intake.audio.load import AudioPlan, load_audio
from musicflamingo_cli.intake.reasons import FLAGS
from musicflamingo_cli.records import Failure, LoadedAudio
from tests.intake.audio.audio_files import encode, id3_tag, write

FIRST, SECOND = (2.0, 440.0), (3.0, 660.0)
"""Seconds and Hz of the two parts."""


def tone(seconds: float, hertz: float, rate: int, channels: int) -> NDArray[np.float32]:
    """The same sine at -14 dBFS rms on every channel but an LFE."""
    wave = 0.28 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    wave += 1e-3 * np.random.default_rng(4).standard_normal(len(wave))  # So that a codec has something to do.
    samples = np.repeat(wave[:, None], channels, axis=1).astype(np.float32)
    if channels == 6:
        samples[:, 3] = 0
    return samples


def part(path: Path, form: str, seconds_hertz: tuple[float, float], rate: int, channels: int) -> bytes:
    samples = tone(*seconds_hertz, rate, channels)
    encoders = {
        "opus": ("libopus", "ogg"), "Ogg FLAC": ("flac", "ogg"), "MP4": ("aac", "ipod"), "ADTS": ("aac", "adts"),
        "MPEG-TS": ("aac", "mpegts"), "WavPack": ("wavpack", "wv"), "TTA": ("tta", "tta"), "AC-3": ("ac3", "ac3"),
        "Matroska": ("flac", "matroska"), "LAME": ("libmp3lame", "mp3"), "piped WAV": ("pcm_s16le", "wav"),
    }  # fmt: skip
    if form == "streamed Matroska":  # Of unknown lengths, the segment's and its clusters'.
        encode(path, "flac", "matroska", samples=samples, rate=rate, options={"live": "1"})
    elif form in encoders:
        encode(path, *encoders[form], samples=samples, rate=rate)
    elif form == "vorbis":
        write(path, samples, rate, format="OGG", subtype="VORBIS")
    else:
        write(path, samples, rate, format=form)
    data = path.read_bytes()
    if form == "piped WAV":  # As written to a pipe: nobody knows how long it will be.
        at = data.index(b"data")
        data = data[:4] + b"\xff" * 4 + data[8 : at + 4] + b"\xff" * 4 + data[at + 8 :]
    return data


def heard(path: Path, **plan: object) -> LoadedAudio:
    got = load_audio(str(path), AudioPlan(**plan))  # type: ignore[arg-type]
    assert isinstance(got, LoadedAudio), got
    assert set(got.flags) <= set(FLAGS)
    return got


def pitch_and_level(clip: NDArray[np.float32]) -> tuple[float, float]:
    """Hz and dBFS rms of a sine at 16 kHz."""
    spectrum = np.abs(np.fft.rfft(clip * np.hanning(len(clip))))
    return float(spectrum.argmax() * 16_000 / len(clip)), float(20 * np.log10(np.sqrt(np.mean(clip**2))))


def check_both(got: LoadedAudio, level: float = -14.0) -> None:
    """Both parts are there, whole, in order, at their pitch and level."""
    assert got.audio_seconds == pytest.approx(FIRST[0] + SECOND[0], abs=0.15)
    assert got.clip is not None
    assert got.clip.size == pytest.approx(16_000 * got.audio_seconds, abs=2)
    for start, hertz in ((0.3, FIRST[1]), (FIRST[0] + 0.3, SECOND[1])):
        found = pitch_and_level(got.clip[int(16_000 * start) : int(16_000 * (start + 1))])
        assert found[0] == pytest.approx(hertz, abs=2)
        assert found[1] == pytest.approx(level, abs=1.0)


CD, DAT = (44_100, 2), (48_000, 2)
CHANGES = [(CD, CD), (CD, DAT), ((48_000, 1), CD), (CD, (44_100, 1))]
FORMS = ["vorbis", "Ogg FLAC", "WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU", "FLAC", "TTA", "WavPack", "MP4"]
NATIVE = ["MP3", "LAME", "ADTS", "MPEG-TS", "AC-3", "Matroska", "piped WAV"]


@pytest.mark.parametrize(("first", "second"), CHANGES)
@pytest.mark.parametrize("form", [*FORMS, *NATIVE])
def test_joined_files_are_heard_whole(
    tmp_path: Path, form: str, first: tuple[int, int], second: tuple[int, int]
) -> None:
    song = tmp_path / "song"
    song.write_bytes(part(tmp_path / "a", form, FIRST, *first) + part(tmp_path / "b", form, SECOND, *second))
    got = heard(song)
    check_both(got)
    assert (got.sample_rate, got.channels) == first
    assert ("mixed_formats" in got.flags) is (first != second)
    assert not {"truncated_file", "decode_errors"} & set(got.flags)


@pytest.mark.parametrize(("first", "second"), [(2, 1), (1, 2), (2, 6), (6, 2), (6, 6)])
def test_opus_links_of_other_channels(tmp_path: Path, first: int, second: int) -> None:
    song = tmp_path / "song"
    parts = [(FIRST, first), (SECOND, second)]
    song.write_bytes(b"".join(part(tmp_path / "a", "opus", what, 48_000, channels) for what, channels in parts))
    got = heard(song)
    assert got.audio_seconds == pytest.approx(5.0, abs=0.1)
    assert ("mixed_formats" in got.flags) is (first != second)
    assert got.clip is not None
    # On 5.1, stereo is left and right: two of the five channels that the clip is the mean of.
    fold = 20 * np.log10(2 / 5) if (first, second) == (6, 2) else 0.0
    hertz, level = pitch_and_level(got.clip[40_000:72_000])
    assert hertz == pytest.approx(660, abs=1)
    assert level == pytest.approx(-14 + fold, abs=1.0)


@pytest.mark.parametrize("forms", [("vorbis", "opus"), ("opus", "Ogg FLAC"), ("WAV", "FLAC"), ("WAV", "W64")])
def test_parts_of_different_kinds(tmp_path: Path, forms: tuple[str, str]) -> None:
    song = tmp_path / "song"
    parts = zip(forms, (FIRST, SECOND), strict=True)
    song.write_bytes(b"".join(part(tmp_path / "a", form, what, 48_000, 2) for form, what in parts))
    got = heard(song)
    check_both(got)


@pytest.mark.parametrize("form", ["vorbis", "FLAC", "WAV", "LAME", "Matroska", "streamed Matroska"])
def test_many_links(tmp_path: Path, form: str) -> None:
    song = tmp_path / "song"
    rates = [44_100, 22_050, 48_000, 32_000] * 3
    song.write_bytes(b"".join(part(tmp_path / "a", form, (1.0, 500.0), rate, 2) for rate in rates))
    got = heard(song)
    assert got.audio_seconds == pytest.approx(12.0, abs=0.1)
    assert got.clip is not None
    assert pitch_and_level(got.clip)[0] == pytest.approx(500, abs=1)
    assert got.flags == ("mixed_formats",)


@pytest.mark.parametrize("form", ["vorbis", "opus", "WAV", "FLAC"])
def test_an_end_that_is_missing_is_said(tmp_path: Path, form: str) -> None:
    song = tmp_path / "song"
    first, second = (part(tmp_path / "a", form, what, 48_000, 2) for what in (FIRST, SECOND))
    song.write_bytes(first + second[: len(second) // 2])
    got = heard(song)
    assert 2.5 < got.audio_seconds < 4.5
    assert "truncated_file" in got.flags


@pytest.mark.parametrize("form", ["vorbis", "WAV", "FLAC"])
def test_a_part_that_can_not_be_heard_is_damage(tmp_path: Path, form: str) -> None:
    song = tmp_path / "song"
    first, second, third = (part(tmp_path / "a", form, what, 48_000, 2) for what in (FIRST, SECOND, SECOND))
    broken = second[:60] + bytes(len(second) - 60) if form == "vorbis" else second[:12] + bytes(len(second) - 12)
    song.write_bytes(first + broken + third)
    got = heard(song)
    assert got.audio_seconds == pytest.approx(5.0, abs=0.5) or "decode_errors" in got.flags
    assert {"decode_errors", "truncated_file"} & set(got.flags)


@pytest.mark.parametrize("form", ["vorbis", "WAV", "FLAC", "AIFF"])
def test_the_middle_of_joined_files_is_found(tmp_path: Path, form: str) -> None:
    song = tmp_path / "song"
    parts = [((4.0, 440.0), 44_100), ((4.0, 660.0), 48_000), ((4.0, 550.0), 22_050)]
    song.write_bytes(b"".join(part(tmp_path / "a", form, what, rate, 2) for what, rate in parts))
    got = heard(song, max_clip_seconds=2.0, placement="middle")
    assert got.clip is not None
    assert pitch_and_level(got.clip)[0] == pytest.approx(660, abs=1)


def test_a_tag_between_and_behind_them_is_no_part(tmp_path: Path) -> None:
    song = tmp_path / "song"
    first, second = (part(tmp_path / "a", "FLAC", what, 44_100, 2) for what in (FIRST, SECOND))
    song.write_bytes(first + id3_tag(3000) + second + b"TAG" + bytes(125))
    check_both(heard(song))


def test_words_about_other_files_in_the_sound_are_no_part(tmp_path: Path) -> None:
    """Whatever PCM holds, the header says how long it is."""
    noise = np.random.default_rng(1).integers(-99, 99, 40_000).astype("<i2").tobytes()
    inside = part(tmp_path / "a", "WAV", FIRST, 44_100, 2)
    sound = np.frombuffer(noise + inside[: len(inside) // 2 * 2], "<i2").astype(np.float32) / 32768
    song = write(tmp_path / "song.wav", sound)
    assert "mixed_formats" not in heard(song).flags
    whole = len(noise + inside) // 2 / 44_100
    assert heard(song).audio_seconds == pytest.approx(whole, abs=0.01)


def test_nothing_that_can_be_heard_has_the_first_parts_reason(tmp_path: Path) -> None:
    song = tmp_path / "song"
    page = part(tmp_path / "a", "vorbis", FIRST, 44_100, 2)[:58]
    song.write_bytes(page * 3)
    got = load_audio(str(song), AudioPlan())
    assert isinstance(got, Failure)
    assert got.reason == "decode_error"

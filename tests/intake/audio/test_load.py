"""Sound files of every common format, and what is said about them."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import soxr

from musicflamingo_cli.intake.audio.load import AudioPlan, fingerprint, load_audio, same_file
from musicflamingo_cli.intake.reasons import FLAGS, REASONS, TRANSIENT
from musicflamingo_cli.records import Failure, Fingerprint, LoadedAudio
from tests.intake.audio.audio_files import RATE, encode, id3_tag, music, noise_16, wav_bytes, write


def heard(path: Path, **plan: object) -> LoadedAudio:
    result = load_audio(str(path), AudioPlan(**plan))
    assert isinstance(result, LoadedAudio), result
    assert set(result.flags) <= set(FLAGS)
    assert list(result.flags) == sorted(result.flags)
    return result


def reference(samples: np.ndarray, rate: int) -> np.ndarray:
    return soxr.resample(samples.mean(axis=1), rate, 16_000, quality="HQ")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.ogg", "a.aiff", "a.caf", "a.au", "a.w64", "a.rf64"])
def test_libsndfile_formats(tmp_path: Path, name: str) -> None:
    got = heard(write(tmp_path / name))
    assert got.audio_seconds == pytest.approx(3.0, abs=0.002)
    assert (got.sample_rate, got.channels, got.flags) == (RATE, 2, ())
    assert got.clip is not None
    assert got.clip.dtype == np.float32
    assert got.clip.flags.c_contiguous
    assert got.clip.shape == (48_000,)
    assert got.used_seconds == pytest.approx(3.0, abs=1e-3)
    assert np.sqrt(np.mean(got.clip**2)) == pytest.approx(np.sqrt(np.mean(reference(music(), RATE) ** 2)), rel=0.02)


@pytest.mark.parametrize(
    ("name", "codec", "form", "rate"),
    [
        ("a.m4a", "aac", "ipod", RATE),
        ("lossless.m4a", "alac", "ipod", RATE),
        ("a.aac", "aac", "adts", RATE),
        ("a.webm", "libopus", "webm", 48_000),
        ("a.opus", "libopus", "ogg", 48_000),
        ("a.mka", "libmp3lame", "matroska", RATE),
        ("a.ts", "aac", "mpegts", RATE),
        ("a.wv", "wavpack", "wv", RATE),
        ("a.ac3", "ac3", "ac3", RATE),
    ],
)
def test_ffmpeg_formats(tmp_path: Path, name: str, codec: str, form: str, rate: int) -> None:
    got = heard(encode(tmp_path / name, codec, form, rate=rate))
    assert got.audio_seconds == pytest.approx(3.0, abs=0.06)
    assert (got.sample_rate, got.channels, got.flags) == (rate, 2, ())
    assert got.clip is not None
    assert got.clip.size == pytest.approx(got.audio_seconds * 16_000, abs=1)
    rms = np.sqrt(np.mean(reference(music(rate=rate), rate) ** 2))
    assert np.sqrt(np.mean(got.clip**2)) == pytest.approx(rms, rel=0.05)


@pytest.mark.parametrize(
    "how",
    [
        {"format": "WAV", "subtype": subtype}
        for subtype in ("PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM")
    ]
    + [{"format": "AIFF", "subtype": subtype} for subtype in ("ULAW", "FLOAT", "PCM_24")]
    + [{"format": "WAV", "endian": "BIG"}, {"format": "WAVEX", "subtype": "PCM_16"}],
)
def test_pcm_of_all_kinds(tmp_path: Path, how: dict[str, str]) -> None:
    got = heard(write(tmp_path / "song", **how))
    assert got.flags == ()
    assert got.audio_seconds == pytest.approx(3.0, abs=0.02)
    assert got.clip is not None
    difference = got.clip[:48_000] - reference(music(), RATE)
    assert np.sqrt(np.mean(difference**2)) < 0.02


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.m4a", "a.mp3"])
def test_the_downmix_is_the_mean_at_unity_gain(tmp_path: Path, name: str) -> None:
    """Swresample's own downmix to float mono is 3 dB too loud."""
    sine = 0.5 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE).astype(np.float32)
    samples = np.stack([sine, sine], axis=1)
    path = tmp_path / name
    got = heard(encode(path, "aac", "ipod", samples=samples) if name == "a.m4a" else write(path, samples))
    assert got.clip is not None
    assert np.sqrt(np.mean(got.clip[8000:40_000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("name", ["a.opus", "a.ogg", "a.wav"])
def test_twelve_channels(tmp_path: Path, name: str) -> None:
    """PyAV's to_ndarray kills the process on planar frames of more than 8 channels."""
    samples = np.repeat(music(2.0, 48_000, 1), 12, axis=1)
    path = tmp_path / name
    is_opus = name == "a.opus"
    got = heard(
        encode(path, "libopus", "ogg", samples=samples, rate=48_000) if is_opus else write(path, samples, 48_000)
    )
    assert got.channels == 12
    assert got.audio_seconds == pytest.approx(2.0, abs=0.01)


def test_channels_up_to_255(tmp_path: Path) -> None:
    (tmp_path / "255.wav").write_bytes(wav_bytes(noise_16(255 * RATE), channels=255))
    (tmp_path / "256.wav").write_bytes(wav_bytes(noise_16(256 * RATE), channels=256))
    assert heard(tmp_path / "255.wav").channels == 255
    result = load_audio(str(tmp_path / "256.wav"), AudioPlan())
    assert isinstance(result, Failure)
    assert result.reason == "bad_channel_count"


def test_video_with_sound_is_heard(tmp_path: Path) -> None:
    got = heard(encode(tmp_path / "clip.mp4", "aac", "mp4", video=True))
    assert got.audio_seconds == pytest.approx(3.0, abs=0.06)
    assert got.flags == ()


def test_content_counts_and_names_do_not(tmp_path: Path) -> None:
    song = write(tmp_path / "a.mp3")
    for name in ("a.txt", "b.wav", "no suffix", "c.m3u8", "ünïcode\n.pdf"):
        other = tmp_path / name
        other.write_bytes(song.read_bytes())
        assert heard(other).audio_seconds == pytest.approx(3.0, abs=0.002)


@pytest.mark.parametrize(
    "before", [id3_tag(3_000_000), b"\0" * 300_000, os.urandom(40_000), id3_tag(100) + b"\0" * 5000]
)
def test_mp3_behind_tags_and_garbage(tmp_path: Path, before: bytes) -> None:
    song = write(tmp_path / "a.mp3")
    song.write_bytes(before + song.read_bytes())
    got = heard(song)
    assert got.audio_seconds == pytest.approx(3.0, abs=0.002)
    assert got.flags == ()


def test_tags_behind_an_mp3_are_no_damage(tmp_path: Path) -> None:
    song = write(tmp_path / "a.mp3")
    ape = b"APETAGEX\xd0\x07\0\0\x20\x02\0\0\x01\0\0\0\0\0\0\xa0" + bytes(8) + b"x" * 512
    song.write_bytes(song.read_bytes() + ape + b"TAG" + bytes(125))
    assert heard(song).flags == ()


@pytest.mark.parametrize("name", ["a.flac", "a.wav"])
def test_id3_before_other_formats(tmp_path: Path, name: str) -> None:
    song = write(tmp_path / name)
    song.write_bytes(id3_tag(5000) + song.read_bytes())
    got = heard(song)
    assert (got.audio_seconds, got.flags) == (pytest.approx(3.0), ())


@pytest.mark.parametrize("name", ["a.ogg", "a.mp3"])
def test_two_streams_in_one_file_are_heard_whole(tmp_path: Path, name: str) -> None:
    song = write(tmp_path / name)
    song.write_bytes(song.read_bytes() * 2)
    assert heard(song).audio_seconds == pytest.approx(6.0, abs=0.1)


def test_symlinks_are_followed(tmp_path: Path) -> None:
    song = write(tmp_path / "a.wav")
    (tmp_path / "link").symlink_to(song)
    (tmp_path / "link of link").symlink_to(tmp_path / "link")
    got = heard(tmp_path / "link of link")
    assert got.fingerprint.path == str(tmp_path / "link of link")


def test_fingerprint(tmp_path: Path) -> None:
    song = write(tmp_path / "a.wav")
    got = heard(song).fingerprint
    assert got == fingerprint(str(song))
    assert got.sha256 == hashlib.sha256(song.read_bytes()).hexdigest()
    assert got.size == song.stat().st_size
    assert same_file(str(song), got)
    os.utime(song, ns=(0, got.mtime_ns + 1))
    assert not same_file(str(song), got)
    assert not same_file(str(tmp_path / "none"), got)
    assert not same_file("\0", got)
    missing = fingerprint(str(tmp_path / "none"))
    assert isinstance(missing, Failure)
    assert missing.reason == "not_found"


def test_a_file_that_is_written_to_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song = write(tmp_path / "a.wav")
    real = os.pread

    def slow(fd: int, count: int, offset: int) -> bytes:
        if count == 1 << 20 and offset == 0:
            os.utime(song)
        return real(fd, count, offset)

    monkeypatch.setattr(os, "pread", slow)
    for result in (load_audio(str(song), AudioPlan()), fingerprint(str(song))):
        assert isinstance(result, Failure)
        assert (result.reason, result.transient) == ("changed_while_reading", True)


def test_plan(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(-0.9, 0.9, 10 * 16_000, dtype=np.float32)[:, None], 1, axis=1)
    song = write(tmp_path / "a.wav", ramp, 16_000, subtype="FLOAT")
    assert heard(song, clip=False).clip is None
    assert heard(song, clip=False).used_seconds == pytest.approx(10.0)
    head = heard(song, max_clip_seconds=2.0)
    middle = heard(song, max_clip_seconds=2.0, placement="middle")
    assert head.clip is not None
    assert middle.clip is not None
    assert np.array_equal(head.clip, ramp[:32_000, 0])
    assert np.array_equal(middle.clip, ramp[64_000:96_000, 0])
    assert (head.audio_seconds, head.used_seconds) == (10.0, 2.0)
    assert heard(song, max_clip_seconds=60.0, placement="middle").used_seconds == 10.0
    assert heard(song).measured == "basic"
    assert heard(song, measures="all").measured == "all"


def test_the_middle_of_a_file_that_is_shorter_than_it_says(tmp_path: Path) -> None:
    samples = np.repeat(np.linspace(0.0, 0.9, 20 * 16_000, dtype=np.float32)[:, None], 2, axis=1)
    song = write(tmp_path / "a.flac", samples, 16_000, subtype="PCM_16")
    data = song.read_bytes()
    song.write_bytes(data[: len(data) // 4])
    got = heard(song, max_clip_seconds=1.0, placement="middle")
    assert got.clip is not None
    assert got.used_seconds == 1.0
    middle = 0.9 * (got.audio_seconds / 2) / 20
    assert float(got.clip.mean()) == pytest.approx(middle, abs=0.01)


def test_half_a_second_is_too_short(tmp_path: Path) -> None:
    (tmp_path / "half.wav").write_bytes(wav_bytes(noise_16(RATE // 2)))
    (tmp_path / "more.wav").write_bytes(wav_bytes(noise_16(RATE // 2 + 1)))
    result = load_audio(str(tmp_path / "half.wav"), AudioPlan())
    assert isinstance(result, Failure)
    assert (result.reason, result.transient) == ("too_short", False)
    assert heard(tmp_path / "more.wav").audio_seconds > 0.5


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_hardly_a_sample(tmp_path: Path, samples: int) -> None:
    (tmp_path / "a.wav").write_bytes(wav_bytes(noise_16(samples)))
    result = load_audio(str(tmp_path / "a.wav"), AudioPlan())
    assert isinstance(result, Failure)
    assert result.reason == "too_short"


def test_flags_of_sound_files(tmp_path: Path) -> None:
    song = music(4.0)
    silence = np.zeros_like(song)
    left = song * np.float32([1.0, 0.0])
    cases = {
        (): song,
        ("silent",): silence,
        ("mostly_silent",): np.concatenate([song, silence, silence]),
        ("one_sided",): left,
        ("out_of_phase",): song[:, :1] * np.float32([1.0, -1.0]),
        ("very_quiet",): song * 0.002,
        ("clipped",): np.clip(song * 12, -1, 1),
    }
    for n, (flags, samples) in enumerate(cases.items()):
        got = heard(write(tmp_path / f"{n}.wav", samples.astype(np.float32), subtype="FLOAT"))
        assert set(flags) <= set(got.flags) <= {*flags, "mostly_silent"}, flags
    low = write(tmp_path / "low.wav", music(rate=8000), 8000)
    assert heard(low).flags == ("low_sample_rate",)
    integers = write(tmp_path / "integers.wav", song * 32768, subtype="FLOAT")
    assert "over_full_scale" in heard(integers).flags


def test_every_code_is_documented() -> None:
    assert set(TRANSIENT) < set(REASONS)
    for meanings in (FLAGS, REASONS):
        assert all(len(meaning) > 6 for meaning in meanings.values())


def test_fingerprint_record_is_of_the_whole_file(tmp_path: Path) -> None:
    song = write(tmp_path / "a.flac")
    before = fingerprint(str(song))
    song.write_bytes(song.read_bytes() + b"\0")
    after = fingerprint(str(song))
    assert isinstance(before, Fingerprint)
    assert isinstance(after, Fingerprint)
    assert before.sha256 != after.sha256

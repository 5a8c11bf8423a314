"""Damaged, lying, empty and hostile files: a value within seconds, and nothing invented."""

import http.server
import os
import socket
import stat
import struct
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from musicflamingo_cli.intake.audio.load import AudioPlan, load_audio
from musicflamingo_cli.records import Failure, LoadedAudio
from tests.intake.audio.audio_files import (
    RATE,
    blank,
    cut,
    encode,
    id3_tag,
    music,
    noise_16,
    rot,
    wav_bytes,
    write,
)


def fails(path: Path | str, reason: str, *, transient: bool = False) -> Failure:
    began = time.process_time()
    result = load_audio(str(path), AudioPlan())
    assert isinstance(result, Failure), result
    assert (result.stage, result.reason, result.transient) == ("intake", reason, transient)
    assert result.error.encode()
    assert time.process_time() - began < 5
    return result


def heard(path: Path) -> LoadedAudio:
    result = load_audio(str(path), AudioPlan())
    assert isinstance(result, LoadedAudio), result
    assert result.clip is not None
    assert np.isfinite(result.clip).all()
    return result


def make(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "to pipe").symlink_to(tmp_path / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for name in ("pipe.wav", "folder.wav", "to pipe", "socket"):
            fails(tmp_path / name, "not_a_file", transient=True)
    for device in ("/dev/zero", "/dev/null", "/dev/tty"):
        if Path(device).exists():
            fails(device, "not_a_file", transient=True)
    for name in ("loop", "dangling", "none", "none/below", "x" * 300, "nul\0", "\ud800"):
        fails(f"{tmp_path}/{name}", "not_found", transient=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    song = write(tmp_path / "a.wav")
    song.chmod(0)
    fails(song, "permission_denied", transient=True)
    song.chmod(stat.S_IRUSR)
    heard(song)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a.mp3", "https://example.org/a", "file:///etc/passwd", "s3://b/k"])
def test_urls_are_not_opened(url: str) -> None:
    fails(url, "unsupported_source", transient=True)


@pytest.mark.parametrize(
    "data",
    [
        b"just a text\n" * 500,
        b"<!doctype html><title>404</title>" + b"x" * 5000,
        b'{"error": "no such track"}' * 200,
        bytes(100_000),
        b"\x89PNG\r\n\x1a\n" + bytes(1000),
        b"PK\x03\x04" + bytes(1000),
        b"\xff\xd8\xff\xe0" + bytes(1000),
        b"ID3\x04\0\0\0\0\0\x0a" + bytes(10),
        b"ID3",
        b"R",
        b"\xff\xfb\x90\x00",
        id3_tag(1000),
    ],
)
@pytest.mark.parametrize("suffix", [".mp3", ".wav"])
def test_what_is_no_audio(tmp_path: Path, data: bytes, suffix: str) -> None:
    fails(make(tmp_path / f"a{suffix}", data), "not_audio")


def test_noise_is_no_audio(tmp_path: Path) -> None:
    noise = np.random.default_rng(11).integers(0, 256, 2_000_000, np.uint8).tobytes()
    fails(make(tmp_path / "a.mp3", noise), "not_audio")


def test_an_empty_file(tmp_path: Path) -> None:
    fails(make(tmp_path / "a.mp3", b""), "empty_file")


def test_a_sparse_terabyte(tmp_path: Path) -> None:
    huge = tmp_path / "huge.wav"
    with huge.open("wb") as file:
        file.write(wav_bytes(b"", data_size=0xFFFFFFFF))
        file.truncate(1 << 40)
    fails(huge, "too_large")


class Trap(http.server.BaseHTTPRequestHandler):
    """Notes that somebody came."""

    visits: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.visits.append(self.path)
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def test_playlists_reach_nothing(tmp_path: Path) -> None:
    """`av.open` of a playlist as a file object fetches from the network."""
    song = write(tmp_path / "song.mp3")
    with http.server.HTTPServer(("127.0.0.1", 0), Trap) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/a.ts"
        try:
            for target in (url, str(song), f"file://{song}", f"concat:{song}|{song}"):
                hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"
                texts = {
                    "hls": hls,
                    "list": f"#EXTM3U\n{target}\n",
                    "concat": f"ffconcat version 1.0\nfile '{target}'\n",
                    "pls": f"[playlist]\nNumberOfEntries=1\nFile1={target}\n",
                    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
                    "asx": f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
                    "dash": f'<?xml version="1.0"?><MPD type="static"><BaseURL>{target}</BaseURL></MPD>',
                }
                for kind, text in texts.items():
                    for name in (f"{kind}.mp3", f"{kind}.m3u8", f"{kind}.m4a"):
                        fails(make(tmp_path / name, text.encode()), "not_audio")
                fails(make(tmp_path / "tagged.mp3", id3_tag(64) + hls.encode()), "not_audio")
                for magic in (
                    b"\0\0\0\x18ftypM4A \0\0\0\0",
                    b"\x1aE\xdf\xa3",
                    b"OggS\0\2",
                    b"fLaC\0\0\0\x22",
                    b"FLV\x01",
                ):
                    result = load_audio(str(make(tmp_path / "disguised", magic + hls.encode() * 50)), AudioPlan())
                    assert isinstance(result, Failure)
        finally:
            server.shutdown()
    assert Trap.visits == []


def test_a_movie_without_sound(tmp_path: Path) -> None:
    fails(encode(tmp_path / "a.mp4", "", "mp4", video=True), "no_audio_stream")


@pytest.mark.parametrize("rate", [0, 1, 100, 3999, 768_001, 2**31 - 1, 2**31, 2**32 - 1])
def test_impossible_sample_rates(tmp_path: Path, rate: int) -> None:
    fails(make(tmp_path / "a.wav", wav_bytes(noise_16(), rate=rate)), "bad_sample_rate")


@pytest.mark.parametrize("rate", [4000, 11_025, 192_000, 768_000])
def test_possible_sample_rates(tmp_path: Path, rate: int) -> None:
    got = heard(make(tmp_path / "a.wav", wav_bytes(noise_16(rate), rate=rate)))
    assert (got.sample_rate, got.audio_seconds) == (rate, 1.0)
    assert got.clip is not None
    assert got.clip.size == 16_000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_without_a_finite_sample(tmp_path: Path, value: float) -> None:
    data = np.full(RATE, value, "<f4").tobytes()
    fails(make(tmp_path / "a.wav", wav_bytes(data, bits=32, kind=3)), "non_finite")


def test_some_samples_are_no_numbers(tmp_path: Path) -> None:
    samples = music(2.0, channels=1)[:, 0].astype("<f4")
    samples[[5, 70, 40_000]] = np.nan, np.inf, -1e30
    got = heard(make(tmp_path / "a.wav", wav_bytes(samples.tobytes(), bits=32, kind=3)))
    assert got.flags == ("non_finite_samples",)
    doubles = np.where(np.isfinite(samples), samples.astype("<f8"), 1e300)
    got = heard(make(tmp_path / "b.wav", wav_bytes(doubles.tobytes(), bits=64, kind=3)))
    assert got.flags == ("non_finite_samples",)


@pytest.mark.parametrize("claimed", [0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFDB])
def test_a_streamed_wav_promises_nothing(tmp_path: Path, claimed: int) -> None:
    got = heard(make(tmp_path / "a.wav", wav_bytes(noise_16(), data_size=claimed)))
    assert (got.audio_seconds, got.flags) == (pytest.approx(1.0, abs=0.001), ())


@pytest.mark.parametrize(
    "name",
    ["a.wav", "a.flac", "a.mp3", "a.ogg", "a.aiff", "a.caf", "a.au", "a.w64", "a.rf64", "a.opus", "a.webm", "a.m4a"],
)
def test_cut_off_files(tmp_path: Path, name: str) -> None:
    """Scored on what is there and flagged. libsndfile's block reader repeats the last block up to the promise."""
    path, samples = tmp_path / name, music(6.0, 48_000)
    if name == "a.m4a":
        encode(path, "aac", "ipod", samples=samples, rate=48_000, options={"movflags": "faststart"})
    elif name in ("a.opus", "a.webm"):
        encode(path, "libopus", {"a.opus": "ogg", "a.webm": "webm"}[name], samples=samples, rate=48_000)
    else:
        write(path, samples, 48_000)
    assert heard(path).flags == ()
    got = heard(cut(path))
    assert got.flags == ("truncated_file",)
    assert 2.0 < got.audio_seconds < 3.5
    assert got.clip is not None
    parts = got.clip[: got.clip.size // 1600 * 1600].reshape(-1, 1600)
    repeated = sum(np.array_equal(a, b) for a, b in pairwise(parts))
    assert repeated == 0


def test_an_m4a_without_its_index(tmp_path: Path) -> None:
    fails(cut(encode(tmp_path / "a.m4a", "aac", "ipod")), "decode_error")


def test_a_wav_that_promises_gigabytes(tmp_path: Path) -> None:
    got = heard(make(tmp_path / "a.wav", wav_bytes(noise_16(), data_size=3_000_000_000)))
    assert (got.audio_seconds, got.flags) == (1.0, ("truncated_file",))


def test_a_flac_that_promises_2_to_the_36_samples(tmp_path: Path) -> None:
    song = write(tmp_path / "a.flac")
    data = bytearray(song.read_bytes())
    for promise, flags in ((2**36 - 1, ("truncated_file",)), (0, ())):
        field = int.from_bytes(data[18:26], "big") >> 36 << 36 | promise
        data[18:26] = field.to_bytes(8, "big")
        got = heard(make(song, bytes(data)))
        assert (got.audio_seconds, got.flags) == (pytest.approx(3.0), flags)


@pytest.mark.parametrize("has_xing", [True, False])
def test_a_variable_bitrate_mp3_is_heard_whole(tmp_path: Path, has_xing: bool) -> None:
    """Without a Xing header its length is a guess; libsndfile cuts it there."""
    loud, quiet = music(4.0), np.zeros((8 * RATE, 2), np.float32)
    samples = np.concatenate([loud, quiet, loud, quiet])
    options = {"write_xing": "1" if has_xing else "0"}
    got = heard(encode(tmp_path / "a.mp3", "libmp3lame", "mp3", samples=samples, options=options))
    assert got.audio_seconds == pytest.approx(24.0, abs=0.1)
    assert "truncated_file" not in got.flags


@pytest.mark.parametrize("name", ["a.flac", "a.mp3", "a.ogg", "a.m4a", "a.aac", "a.opus", "a.webm"])
def test_a_damaged_middle_costs_only_itself(tmp_path: Path, name: str) -> None:
    path, samples = tmp_path / name, music(12.0, 48_000)
    forms = {
        "a.m4a": ("aac", "ipod"),
        "a.aac": ("aac", "adts"),
        "a.opus": ("libopus", "ogg"),
        "a.webm": ("libopus", "webm"),
    }
    if name in forms:
        encode(path, *forms[name], samples=samples, rate=48_000)
    else:
        write(path, samples, 48_000)
    got = heard(blank(path))
    assert 7.0 < got.audio_seconds < 12.1
    assert set(got.flags) <= {"decode_errors", "truncated_file"}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["a.flac", "a.mp3", "a.ogg", "a.m4a", "a.opus", "a.webm", "a.wav", "a.aiff"])
def test_bit_rot(tmp_path: Path, name: str, seed: int) -> None:
    path = tmp_path / name
    forms = {"a.m4a": ("aac", "ipod"), "a.opus": ("libopus", "ogg"), "a.webm": ("libopus", "webm")}
    if name in forms:
        encode(path, *forms[name], rate=48_000)
    else:
        write(path)
    result = load_audio(str(rot(path, seed=seed)), AudioPlan())
    if isinstance(result, LoadedAudio):
        assert result.audio_seconds < 3.2
        assert result.clip is not None
        assert np.isfinite(result.clip).all()
    else:
        assert result.reason in ("decode_error", "too_short", "no_audio_stream", "bad_sample_rate")


def test_odd_chunks(tmp_path: Path) -> None:
    data = wav_bytes(noise_16())
    junk = b"JUNK" + struct.pack("<I", 7) + b"padding\0"
    odd = data[:12] + junk + data[12:36] + b"LIST" + struct.pack("<I", 4) + b"INFO" + data[36:] + junk
    assert heard(make(tmp_path / "a.wav", odd)).flags == ()
    half_a_sample = make(tmp_path / "b.wav", wav_bytes(noise_16() + b"\x01"))
    assert heard(half_a_sample).audio_seconds == 1.0


def test_mp3_in_a_wav(tmp_path: Path) -> None:
    mp3 = write(tmp_path / "a.mp3").read_bytes()
    got = heard(make(tmp_path / "a.wav", wav_bytes(mp3, kind=0x55, channels=2)))
    assert got.audio_seconds == pytest.approx(3.0, abs=0.1)


def test_headers_without_sound(tmp_path: Path) -> None:
    flac = write(tmp_path / "a.flac").read_bytes()
    for data in (
        flac[:42],
        flac[:20],
        wav_bytes(b""),
        wav_bytes(noise_16())[:30],
        b"OggS" + bytes(100),
        b"caff" + bytes(99),
    ):
        result = load_audio(str(make(tmp_path / "b", data)), AudioPlan())
        assert isinstance(result, Failure)
        assert result.reason in ("too_short", "decode_error", "bad_sample_rate")


def test_hours_of_silence_in_a_small_file(tmp_path: Path) -> None:
    """A bomb: 2 hours of FLAC in half a megabyte; only 20 minutes of it are decoded."""
    song = write(tmp_path / "a.flac", np.zeros((2 * 3600 * 8000, 1), np.float32), 8000)
    assert song.stat().st_size < 600_000
    result = heard(song)
    assert result.audio_seconds == 7200.0
    assert result.used_seconds == 1200.0
    assert {"long_audio", "silent"} <= set(result.flags)


def test_a_head_that_would_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musicflamingo_cli.intake.audio.load.MEASURED_BYTES", 1 << 20)
    result = heard(write(tmp_path / "a.wav", music(10.0)))
    assert result.flags == ("measured_head",)
    assert (result.audio_seconds, result.used_seconds) == (10.0, 10.0)

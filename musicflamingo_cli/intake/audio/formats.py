"""Telling an audio file's format from its first bytes, never from its name.

Only formats in the table are ever given to a decoder, by name: nothing is left for a library to guess, so that no
playlist, subtitle or image reader can be reached, however the file is disguised.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

Library = Literal["soundfile", "av"]

SEARCH_BYTES = 1 << 20
"""How far behind a tag the first MPEG or AAC frame may begin."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What a file is, and which readers may try it."""

    name: str
    """For a person: `WAV`, `MP3`, ..."""
    demuxer: str
    """FFmpeg's name of the format."""
    libraries: tuple[Library, ...] = ("av",)
    """The readers that know it, the better one first."""
    start: int = 0
    """Where it begins, bytes: behind tags and garbage."""
    stop: int | None = None
    """Where it ends, bytes; None: with the file."""


# libsndfile leads for PCM, where it reads every odd chunk and depth. FFmpeg leads for coded audio: it goes on behind
# damage, where libsndfile stops, and does not cut a VBR MP3 without a Xing header at a length guessed from its size.
_PCM: tuple[Library, ...] = ("soundfile", "av")
_CODED: tuple[Library, ...] = ("av", "soundfile")

_W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")

_MAGIC: tuple[tuple[int, bytes, AudioFormat], ...] = (
    (0, b"fLaC", AudioFormat("FLAC", "flac", _CODED)),
    (0, b"OggS", AudioFormat("Ogg", "ogg", _CODED)),
    (0, _W64, AudioFormat("W64", "w64", _PCM)),
    (0, b"caff", AudioFormat("CAF", "caf", _PCM)),
    (0, b".snd", AudioFormat("AU", "au", _PCM)),
    (0, b"\x1aE\xdf\xa3", AudioFormat("Matroska", "matroska")),
    (4, b"ftyp", AudioFormat("MP4", "mov")),
    (4, b"moov", AudioFormat("QuickTime", "mov")),
    (4, b"mdat", AudioFormat("QuickTime", "mov")),
    (4, b"wide", AudioFormat("QuickTime", "mov")),
    (0, _ASF, AudioFormat("ASF", "asf")),
    (0, b"wvpk", AudioFormat("WavPack", "wv")),
    (0, b"MAC ", AudioFormat("Monkey's Audio", "ape")),
    (0, b"TTA1", AudioFormat("TTA", "tta")),
    (0, b"MPCK", AudioFormat("Musepack", "mpc8")),
    (0, b"MP+", AudioFormat("Musepack", "mpc")),
    (0, b"DSD ", AudioFormat("DSF", "dsf")),
    (0, b"#!AMR", AudioFormat("AMR", "amr")),
    (0, b"\x0bw", AudioFormat("AC-3", "ac3")),
    (0, b"FLV\x01", AudioFormat("FLV", "flv")),
)
_FORMS: dict[tuple[bytes, bytes], AudioFormat] = {
    (b"RIFF", b"WAVE"): AudioFormat("WAV", "wav", _PCM),
    (b"RF64", b"WAVE"): AudioFormat("RF64", "wav", _PCM),
    (b"BW64", b"WAVE"): AudioFormat("BW64", "wav"),
    (b"RIFX", b"WAVE"): AudioFormat("RIFX", "wav", ("soundfile",)),
    (b"FORM", b"AIFF"): AudioFormat("AIFF", "aiff", _PCM),
    (b"FORM", b"AIFC"): AudioFormat("AIFF-C", "aiff", _PCM),
}


def sniff(fd: int, size: int) -> AudioFormat | None:
    """Tell what an open file of `size` bytes is, or None for what is no known audio format."""
    start = _skip_tags(fd, size)
    if (form := container_at(fd, start)) is not None:
        return form
    packets = os.pread(fd, 4 * 188, start)
    if len(packets) > 3 * 188 and all(packets[k * 188] == 0x47 for k in range(4)):
        return AudioFormat("MPEG-TS", "mpegts", start=start)
    return _search_frames(os.pread(fd, SEARCH_BYTES, start), start, size)


def container_at(fd: int, start: int) -> AudioFormat | None:
    """The format that begins at that byte and can be told from its first ones, or None."""
    head = os.pread(fd, 64, start)
    form = _FORMS.get((head[:4], head[8:12]))
    if form is not None:
        return replace(form, start=start)
    for offset, magic, known in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return replace(known, start=start)
    return None


def tagged_mp3_at(fd: int, start: int, size: int) -> AudioFormat | None:
    """The MP3 whose ID3v2 tag begins at that byte, or None without a tag or without frames right behind it."""
    head = os.pread(fd, 6, start)
    if head[:3] != b"ID3" or len(head) < 6 or head[3] not in (2, 3, 4) or head[5] & 0x0F:
        return None
    begin = _skip_tags(fd, size, start)
    is_run = _is_run(mpeg_frame, os.pread(fd, 1 << 14, begin), 0, size - begin)
    return AudioFormat("MP3", "mp3", start=begin) if is_run else None


def _skip_tags(fd: int, size: int, start: int = 0) -> int:
    """Offset behind the ID3v2 tags that a file may begin with, cover art of many megabytes included."""
    for _ in range(16):
        head = os.pread(fd, 10, start)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 127:
            break
        length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        beyond = start + 10 + length + (10 if head[5] & 0x10 else 0)
        if beyond >= size:  # A tag that claims the whole file: look for sound right behind its header.
            return start + 10
        start = beyond
    return start


_BITRATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""kbit/s by (MPEG version 1 or later, layer) and index from 1 (ISO 11172-3 and 13818-3)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The header of one MPEG or AAC frame."""

    length: int
    """Bytes to the next one."""
    samples: int
    """Per channel."""
    kind: tuple[int, ...]
    """What all frames of a stream share."""
    side: int = 0
    """Bytes from the frame's begin to where a Xing header would lie."""


def mpeg_frame(data: bytes, at: int) -> Frame | None:
    """The MPEG audio frame (layers I to III, any version) that begins at `at`, or None."""
    if len(data) < at + 4 or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return None
    version = {0: 3, 2: 2, 3: 1}.get(data[at + 1] >> 3 & 3)
    layer = 4 - (data[at + 1] >> 1 & 3)
    bitrate, rate = data[at + 2] >> 4, data[at + 2] >> 2 & 3
    if version is None or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    sample_rate = (44_100, 48_000, 32_000)[rate] >> (version - 1)
    kilobits = _BITRATES[min(version, 2), layer][bitrate - 1]
    samples = 384 if layer == 1 else 576 if layer == 3 and version > 1 else 1152
    padding = data[at + 2] >> 1 & 1
    if layer == 1:
        length = (12_000 * kilobits // sample_rate + padding) * 4
    else:
        length = samples * 125 * kilobits // sample_rate + padding
    mono = data[at + 3] >> 6 == 3
    side = 4 + ((17 if mono else 32) if version == 1 else (9 if mono else 17))
    return Frame(length, samples, (version, layer, rate), side)


def adts_frame(data: bytes, at: int) -> Frame | None:
    """The AAC frame in ADTS form that begins at `at`, or None."""
    if len(data) < at + 7 or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
        return None
    rate = data[at + 2] >> 2 & 15
    length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    if rate > 12 or length < 7:
        return None
    return Frame(length, 1024, (data[at + 1] & 8, rate))


def _search_frames(data: bytes, start: int, size: int) -> AudioFormat | None:
    """Find the first run of frames that fit each other; what lies before it is garbage."""
    at = data.find(b"\xff")
    while at >= 0:
        if _is_run(mpeg_frame, data, at, size - start):
            return AudioFormat("MP3", "mp3", start=start + at)
        if _is_run(adts_frame, data, at, size - start):
            return AudioFormat("AAC", "aac", start=start + at)
        at = data.find(b"\xff", at + 1)
    return None


def _is_run(parse: Callable[[bytes, int], Frame | None], data: bytes, at: int, size: int) -> bool:
    """True if three frames of one kind follow each other, or two that end the file."""
    first = frame = parse(data, at)
    count = 0
    while first is not None and frame is not None and frame.kind == first.kind:
        count += 1
        at += frame.length
        if count >= 3 or (count == 2 and size - 128 <= at <= size):
            return True
        frame = parse(data, at)
    return False

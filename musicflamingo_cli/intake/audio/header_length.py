"""What a file's own headers promise of its length, where they know it.

A promise that the sound does not keep is how a cut-off file is told from a short one. Headers that only estimate (a
streamed WAV of size 0 or 0xFFFFFFFF, an MP3 without a Xing header) promise nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal

from musicflamingo_cli.intake.audio.formats import AudioFormat, mpeg_frame
from musicflamingo_cli.intake.audio.reader import Reader

_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0O\x8e\xdb\x8a"

_UNKNOWN_64 = 1 << 62
"""64-bit sizes from here on are what streaming writers put where they can't know."""


def _is_estimate(length: int) -> bool:
    """True for the 32-bit sizes that streaming writers put where they can't know (0, 0x7FFFF000, 0xFFFFFFFF, ...)."""
    return length == 0 or 0x7FFF_F000 <= length <= 0x8000_0000 or length >= 0xFFFF_F000


def promised_frames(reader: Reader, fd: int, form: AudioFormat, frames: int) -> float | None:
    """How many frames the headers promise of a recording of which `frames` came; None where they only estimate."""
    if form.demuxer == "flac":
        return _flac_frames(fd, form.start)
    if form.demuxer == "mp3":
        return _xing_frames(fd, form.start)
    share = _data_share(fd, form)
    return frames / share if share < 1.0 else reader.promised


def is_short(frames: float, promised: float, sample_rate: int) -> bool:
    """True if clearly less came of a recording than was promised: more than codec delays and rounding explain."""
    return frames < promised - max(0.1 * sample_rate, 3000, 0.005 * promised)


def sound_span(fd: int, form: AudioFormat) -> tuple[int, int] | None:
    """Where the PCM of a file begins and how long its header says that it is, bytes; None without a promise."""
    walk = {"wav": _riff_data, "aiff": _aiff_data, "w64": _w64_data, "caf": _caf_data, "au": _au_data}
    if form.demuxer not in walk:
        return None
    return walk[form.demuxer](fd, form.start, _size(fd, form))


def _size(fd: int, form: AudioFormat) -> int:
    return os.fstat(fd).st_size if form.stop is None else form.stop


def _data_share(fd: int, form: AudioFormat) -> float:
    """Share of the promised PCM bytes that the file holds, 0..1; 1 without a promise."""
    found = sound_span(fd, form)
    if found is None:
        return 1.0
    offset, promised = found
    size = _size(fd, form)
    if promised <= 0 or offset + promised <= size:
        return 1.0
    return max(0, size - offset) / promised


def _xing_frames(fd: int, start: int) -> int | None:
    """Samples per channel that an MP3's Xing, Info or VBRI header promises, or None without one."""
    data = os.pread(fd, 4096, start)
    frame = mpeg_frame(data, 0)
    if frame is None:
        return None
    at = frame.side
    if data[at : at + 4] in (b"Xing", b"Info") and data[at + 7 : at + 8] and data[at + 7] & 1:
        return int.from_bytes(data[at + 8 : at + 12], "big") * frame.samples
    if data[36:40] == b"VBRI":
        return int.from_bytes(data[50:54], "big") * frame.samples
    return None


def _flac_frames(fd: int, start: int) -> int | None:
    """Samples per channel that a FLAC's STREAMINFO promises, or None where it does not know."""
    data = os.pread(fd, 42, start)
    if len(data) < 42 or data[4] & 0x7F != 0:
        return None
    return (int.from_bytes(data[18:26], "big") & 0xF_FFFF_FFFF) or None


def is_ogg_cut(fd: int) -> bool:
    """True if an Ogg file's last page is incomplete or is not marked as the last one (RFC 3533, header type 0x04)."""
    size = os.fstat(fd).st_size
    begin = max(0, size - 2 * 65_307)
    tail = os.pread(fd, size - begin, begin)
    at = tail.rfind(b"OggS\0")
    if at < 0 or len(tail) < at + 27:
        return True
    segments = tail[at + 27 : at + 27 + tail[at + 26]]
    whole = len(tail) >= at + 27 + tail[at + 26] + sum(segments)
    return not whole or not tail[at + 5] & 0x04


def _chunks(fd: int, at: int, size: int, order: Literal["big", "little"]) -> Iterator[tuple[bytes, int, int]]:
    """The chunks of a RIFF or IFF file from `at`: name, offset of the body, promised length."""
    for _ in range(10_000):
        head = os.pread(fd, 8, at)
        if len(head) < 8 or at >= size:
            return
        length = int.from_bytes(head[4:], order)
        yield head[:4], at + 8, length
        at += 8 + length + (length & 1)


def _riff_data(fd: int, start: int, size: int) -> tuple[int, int] | None:
    order: Literal["big", "little"] = "big" if os.pread(fd, 4, start) == b"RIFX" else "little"
    large = None
    for name, offset, length in _chunks(fd, start + 12, size, order):
        if name == b"ds64":
            large = int.from_bytes(os.pread(fd, 8, offset + 8), "little")
        elif name == b"data":
            if length == 0xFFFF_FFFF and large is not None:
                return None if large == 0 or large >= _UNKNOWN_64 else (offset, large)
            return None if _is_estimate(length) else (offset, length)
    return None


def _aiff_data(fd: int, start: int, size: int) -> tuple[int, int] | None:
    for name, offset, length in _chunks(fd, start + 12, size, "big"):
        if name == b"SSND":
            return None if length <= 8 or _is_estimate(length) else (offset + 8, length - 8)
    return None


def riff_rate(fd: int, start: int) -> int | None:
    """The sample rate that a RIFF file's header names, Hz, or None."""
    size = os.fstat(fd).st_size
    order: Literal["big", "little"] = "big" if os.pread(fd, 4, start) == b"RIFX" else "little"
    for name, offset, _ in _chunks(fd, start + 12, size, order):
        if name == b"fmt ":
            return int.from_bytes(os.pread(fd, 4, offset + 4), order)
    return None


def _w64_data(fd: int, start: int, size: int) -> tuple[int, int] | None:
    at = start + 40
    for _ in range(10_000):
        head = os.pread(fd, 24, at)
        length = int.from_bytes(head[16:], "little")
        if len(head) < 24 or length < 24 or at >= size:
            return None
        if head[:16] == _W64_DATA:
            return None if length == 24 or length >= _UNKNOWN_64 else (at + 24, length - 24)
        at += (length + 7) & ~7
    return None


def _caf_data(fd: int, start: int, size: int) -> tuple[int, int] | None:
    at = start + 8
    for _ in range(10_000):
        head = os.pread(fd, 12, at)
        length = int.from_bytes(head[4:], "big", signed=True)
        if len(head) < 12 or at >= size:
            return None
        if head[:4] == b"data":
            return None if length < 0 else (at + 16, length - 4)
        if length < 0:
            return None
        at += 12 + length
    return None


def _au_data(fd: int, start: int, _size: int) -> tuple[int, int] | None:
    head = os.pread(fd, 12, start)
    offset, length = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
    return None if _is_estimate(length) else (start + offset, length)

"""Several recordings in one file, one behind the other: where each begins.

Chained Ogg (RFC 3533, 4) is meant to be so; other files are when they were joined byte by byte. A decoder stops at the
end of the first one, or takes the next one's header for sound. Formats of bare frames (MP3, AAC, AC-3, MPEG-TS) need
little of this: FFmpeg reads on, and each frame says what it is.
"""

from __future__ import annotations

import os
from dataclasses import replace

from musicflamingo_cli.intake.audio.formats import AudioFormat, container_at, tagged_mp3_at
from musicflamingo_cli.intake.audio.header_length import sound_span

_SEARCHED = 1 << 20
"""Bytes that are searched at a time."""
_Signature = tuple[int, bytes]
"""Bytes that stand so many bytes behind a file's start."""
_SIGNATURES: dict[str, tuple[_Signature, ...]] = {
    "wav": ((8, b"WAVE"),),
    "aiff": ((8, b"AIFF"), (8, b"AIFC")),
    "w64": ((0, b"riff\x2e\x91\xcf\x11"),),
    "caf": ((0, b"caff\0\1"),),
    "au": ((0, b".snd\0\0\0"),),
    "flac": ((0, b"fLaC\0\0\0\x22"), (0, b"fLaC\x80\0\0\x22")),
    "tta": ((0, b"TTA1\1\0"),),
    "dsf": ((0, b"DSD \x1c\0\0\0\0\0\0\0"),),
    "mpc8": ((0, b"MPCKSH"),),
}
"""Demuxer -> what its files begin with: with what `container_at` compares, six bytes or more, which no sound holds by
chance."""
_ANY = tuple(signature for signatures in _SIGNATURES.values() for signature in signatures)


def parts_of(fd: int, form: AudioFormat) -> list[AudioFormat]:
    """The recordings that a file holds, each with its start and, but for the last, its stop; usually one."""
    size = os.fstat(fd).st_size
    parts = [form]
    while (end := _end(fd, parts[-1], size)) is not None:
        following = container_at(fd, end) or tagged_mp3_at(fd, end, size)
        if following is None:
            break
        parts[-1] = replace(parts[-1], stop=end)
        parts.append(following)
    return parts


def _end(fd: int, form: AudioFormat, size: int) -> int | None:
    """Where another recording begins behind this one, or None."""
    if form.demuxer == "mp3":  # FFmpeg reads on, but takes the tag for a damaged frame.
        return _find(fd, form.start, ((0, b"ID3"),))
    if form.demuxer in _SIGNATURES:
        span = sound_span(fd, form)
        if span is None:  # Only its own kind, for this is the sound that is searched.
            return _find(fd, form.start + 16, _SIGNATURES[form.demuxer])
        return _find(fd, sum(span), _ANY)
    walk = {"ogg": _ogg_end, "mov": _mov_end, "wv": _wavpack_end, "matroska": _matroska_end}.get(form.demuxer)
    return None if walk is None else walk(fd, form.start, size)


def _find(fd: int, at: int, signatures: tuple[_Signature, ...]) -> int | None:
    """The first place from `at` on where a container begins that has one of the signatures."""
    while data := os.pread(fd, _SEARCHED + 32, at):
        found = [place - behind for behind, mark in signatures if (place := data.find(mark, behind)) >= 0]
        if not found:
            at += _SEARCHED
            continue
        at += min(found)
        if container_at(fd, at) is not None or tagged_mp3_at(fd, at, os.fstat(fd).st_size) is not None:
            return at
        at += 1
    return None


def _ogg_end(fd: int, at: int, size: int) -> int | None:
    """The pages that begin streams stand before all others of a link; one behind others begins the next link."""
    has_data = False
    while at < size:
        head = os.pread(fd, 27 + 255, at)
        if head[:5] != b"OggS\0" or len(head) < 27:
            beyond = _find(fd, at + 1, ((0, b"OggS\0"),))
            if beyond is None:
                return None
            at, has_data = beyond, True  # Garbage is no page of a beginning.
            continue
        begins = head[5] & 0x02 and head[18:22] == b"\0\0\0\0"  # Its flag, and its number in the stream.
        if begins and has_data:
            return at
        has_data = has_data or not begins
        at += 27 + head[26] + sum(head[27 : 27 + head[26]])
    return None


def _mov_end(fd: int, start: int, size: int) -> int | None:
    """A box `ftyp` begins every file (ISO 14496-12, 4.3), and stands there alone."""
    at, has_data = start, False
    while at < size:
        head = os.pread(fd, 16, at)
        if has_data and head[4:8] == b"ftyp":
            return at
        has_data = has_data or head[4:8] in (b"moov", b"mdat", b"moof")
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            return None
        at += length
    return None


def _wavpack_end(fd: int, start: int, size: int) -> int | None:
    """The blocks of a file are numbered by their first sample: 0 begins another, or holds more channels of this one."""
    at, has_data = start, False
    while at < size:
        head = os.pread(fd, 32, at)
        if head[:4] != b"wvpk" or len(head) < 32:  # A tag, as many a file ends with.
            beyond = _find(fd, at + 1, ((0, b"wvpk"),))
            if beyond is None:
                return None
            at = beyond
            continue
        index, flags = head[10:11] + head[16:20], int.from_bytes(head[24:28], "little")
        if has_data and not any(index) and flags & 0x0800:
            return at
        has_data = has_data or flags & 0x1000 != 0
        at += 8 + int.from_bytes(head[4:8], "little")
    return None


def _matroska_end(fd: int, start: int, size: int) -> int | None:
    """An EBML header begins every file (RFC 8794, 8), and none lies in one. FFmpeg reads two files that are joined."""
    at = start
    while at < size:
        head = os.pread(fd, 16, at)
        if at > start and head[:4] == b"\x1aE\xdf\xa3":
            return at
        name = 9 - head[0].bit_length()  # Zeros before the first one tell how many bytes a name or a length has.
        wide = 9 - head[name : name + 1].ljust(1, b"\0")[0].bit_length()
        if max(name, wide) > 8:
            return None
        ones = (1 << 7 * wide) - 1
        length = int.from_bytes(head[name : name + wide], "big") & ones
        at += name + wide + (0 if length == ones else length)  # Streams don't know it: then what is inside is walked.
    return None

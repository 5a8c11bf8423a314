"""Telling audio from what servers send in its place: error pages, playlists, JSON."""

from __future__ import annotations

import codecs
import re

from musicflamingo_cli.intake.audio.formats import sniff
from musicflamingo_cli.intake.reasons import IntakeError

HEAD_BYTES = 4096
"""Enough to judge by; audio has bytes in it that no text has."""

_PLAYLIST_TYPES = re.compile(
    r"(application|audio)/(vnd\.apple\.mpegurl|(x-)?mpegurl|x-scpls|(x-)?pls(\+xml)?|dash\+xml|xspf\+xml|vnd\.ms-wpl"
    r"|vnd\.ms-sstr\+xml)|video/(x-ms-asx|vnd\.mpeg\.dash\.mpd)",
    re.IGNORECASE,
)
_PLAYLISTS = re.compile(rb"#EXTM3U|\[playlist\]|\[reference\]|<\?wpl|(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<(mpd|asx|smil"
                        rb"|playlist|smoothstreamingmedia)[\s>]", re.IGNORECASE | re.DOTALL)  # fmt: skip
_PAGES = re.compile(rb"<(!doctype html|html|head|body|!--|script)", re.IGNORECASE)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_PLAYLIST = "a playlist, no audio; its entries are not followed"


def check_type(content_type: str) -> None:
    """Raise `IntakeError` if a Content-Type announces a playlist. Any other may be wrong, and the content decides."""
    if _PLAYLIST_TYPES.fullmatch(content_type.partition(";")[0].strip()):
        raise IntakeError("not_audio", _PLAYLIST)


def check_head(head: bytes) -> None:
    """Raise `IntakeError` if the first bytes of a body (`HEAD_BYTES`, or all of it) are text of any kind."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\0<" in head[:16].replace(b"<\0", b"\0<"):
        raise IntakeError("not_audio", "a web page, no audio")
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if _PLAYLISTS.match(text):
        raise IntakeError("not_audio", _PLAYLIST)
    if _PAGES.match(text):
        raise IntakeError("not_audio", "a web page, no audio")
    if not _BINARY.search(head) and _is_text(head):
        kinds = ((b"{", "JSON"), (b"[", "JSON"), (b"<", "XML"))
        what = next((kind for mark, kind in kinds if text.startswith(mark)), "text")
        raise IntakeError("not_audio", f"{what}, no audio")


def check_file(fd: int, size: int) -> None:
    """Raise `IntakeError` if a whole file is in no audio format that is known here."""
    if size == 0:
        raise IntakeError("empty_file", "the server sent 0 bytes")
    if sniff(fd, size) is None:
        raise IntakeError("not_audio", "what the server sent is in no audio format that is known here")


def _is_text(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # A character may be cut at the end.
    except UnicodeDecodeError:
        return False
    return True

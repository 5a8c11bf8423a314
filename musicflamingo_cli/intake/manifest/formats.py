"""Which form a manifest has, told by its first bytes; a name only decides between CSV and TSV."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.columns import ManifestOptions, plan_columns
from musicflamingo_cli.intake.manifest.container import Container, shown
from musicflamingo_cli.intake.manifest.folder import is_audio_name
from musicflamingo_cli.intake.manifest.lines import csv_header, parse_line


@dataclass(frozen=True, slots=True)
class Form:
    """How a manifest is written."""

    name: Literal["jsonl", "json", "csv", "tsv", "parquet", "audio"]
    newline: bytes = b"\n"
    """What ends a line."""
    delimiter: str = ""
    """What separates the cells of CSV and TSV."""


HEAD_BYTES = 1 << 20
MAX_BLANK_BYTES = 64 << 20
_SNIFFED_LINES = 1000

_AUDIO_MAGIC = re.compile(
    rb"RIFF....WAVE|RF64....WAVE|BW64....WAVE|riff.{20}wave|fLaC|OggS|ID3[\x02-\x04]|FORM....AIF[FC]|caff\0\x01"
    rb"|....ftyp|\x1a\x45\xdf\xa3|\x30\x26\xb2\x75\x8e\x66\xcf\x11|wvpk|\.snd\0|\x0b\x77",
    re.DOTALL,
)
_FOREIGN_MAGIC = {
    b"PK\x03\x04": "a ZIP file or Excel workbook",
    b"\xfd7zXZ\0": "xz data",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"\x1f\x8b": "gzip data within gzip or Zstandard data",
    b"\x28\xb5\x2f\xfd": "Zstandard data within gzip or Zstandard data",
    b"ARROW1\0": "an Arrow or Feather file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3\0": "an SQLite database",
    b"\x80\x02": "a Python pickle",
    b"\x80\x03": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF document",
    **{b"BZh%d1AY" % level: "bzip2 data" for level in range(1, 10)},
}
_READABLE = "a manifest is JSON, JSONL, CSV, TSV or Parquet, plain, .gz or .zst"


def tell_form(container: Container, suffixes: Iterable[str], options: ManifestOptions) -> Form:
    """The form of the manifest in `container`. Raises `UsageError` for what is none."""
    name = container.name
    head, whole = _read_head(container)
    if not head:
        raise UsageError(f"{name} is empty; {_READABLE}")
    if head.startswith(b"PAR1"):
        return Form("parquet")
    foreign = next((what for magic, what in _FOREIGN_MAGIC.items() if head.startswith(magic)), None)
    if foreign is not None:
        raise UsageError(f"{name} is {foreign}; {_READABLE}")
    if _AUDIO_MAGIC.match(head):
        return Form("audio")
    # A carriage return ends a line only where there is no line feed.
    newline = b"\r" if b"\r" in head and b"\n" not in head else b"\n"
    lines = head.split(newline)
    header = lines[0]
    if not whole:
        lines.pop()
    lines = [line for line in lines[:_SNIFFED_LINES] if line and not line.isspace()]
    objects = [_is_object(line) for line in lines]
    if head[:1] in b"[{":
        is_lines = _is_lines(lines, objects, head, whole) or (not whole and _goes_on(container, head))
        return Form("jsonl" if is_lines else "json", newline)
    if _is_frame_sync(head) and not any(objects):
        return Form("audio")
    # A name only says which to try first.
    delimiters = "\t,;" if {".tsv", ".tab"} & {suffix.lower() for suffix in suffixes} else ",\t;"
    delimiter = _delimiter(header, delimiters, options)
    if any(objects) and not delimiter:
        return Form("jsonl", newline)
    if b"\0" in head[:4096] and is_audio_name(name):
        return Form("audio")
    _refuse_binary(head, name)
    delimiter = delimiter or delimiters[0]
    return Form("tsv" if delimiter == "\t" else "csv", newline, delimiter)


def _read_head(container: Container) -> tuple[bytes, bool]:
    """The first `HEAD_BYTES` from the first character on that is not blank, and whether that is all there is."""
    head = b""
    blank = 0
    for block in container.text_blocks():
        piece = block if head else block.lstrip(b" \t\r\n")
        blank += len(block) - len(piece)
        if blank > MAX_BLANK_BYTES:
            raise UsageError(
                f"{container.name} begins with over {MAX_BLANK_BYTES >> 20} MiB of blanks; is it a manifest?"
            )
        head += piece
        if len(head) >= HEAD_BYTES:
            return head, False
    return head, True


def _delimiter(header: bytes, delimiters: str, options: ManifestOptions) -> str:
    """The first delimiter that makes an id and an audio column of the header; "" for none."""
    for delimiter in delimiters:
        try:
            plan = plan_columns(csv_header(iter([(1, header)]), delimiter, "")[0], options)
        except UsageError:
            continue
        if plan.ids and plan.audio:
            return delimiter
    return ""


def _is_object(line: bytes) -> bool:
    if line.strip()[:1] != b"{":
        return False
    value = parse_line(line)[0]
    return isinstance(value, dict) and bool(value)


def _is_lines(lines: list[bytes], objects: list[bool], head: bytes, whole: bool) -> bool:
    """True for JSONL, False for one JSON document, given that the text begins with a bracket."""
    if any(first and second for first, second in pairwise(objects)):
        # Two values without a comma between them stand in no document.
        return True
    if not lines:
        return False
    if len(lines) > 1 and (objects[0] or (objects[1] and not parse_line(lines[0])[1])):
        return True
    if head[:1] == b"[" or not whole or not any(objects[1:]):
        return False
    # The first line is broken, or the lines are a document's: is the whole one?
    try:
        json.loads(head.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return lines[0].rstrip()[-1:] != b"[" and not any(line.rstrip().endswith(b"},") for line in lines[1:])
    return False


def _goes_on(container: Container, head: bytes) -> bool:
    """True if a text whose first line is longer than the head is lines of JSON after all."""
    if head[:1] != b"{" or head.count(b"\n") > 1:
        return False
    last = b""
    broken = False
    for block in container.text_blocks():
        # A line break stands in no JSON string, and in a document "}" and "{" have a comma between them.
        for piece in block.splitlines(keepends=True):
            text = piece.strip()
            if text and broken and last:
                return last == b"}" and text[:1] == b"{"
            last = text[-1:] or last
            broken = piece.endswith((b"\n", b"\r")) or (broken and not text)
    return False


def _is_frame_sync(head: bytes) -> bool:
    """True for the header of an MPEG audio or ADTS frame."""
    if len(head) < 4 or _is_wide_text(head) or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    if head[1] & 0xF6 == 0xF0:
        return head[2] >> 2 & 0x0F < 13
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    return version != 1 and layer != 0 and head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3


def _is_wide_text(head: bytes) -> bool:
    """True for UTF-16 or UTF-32 with some ASCII in it, with or without a byte order mark."""
    start = head[:256]
    marked = start.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"))
    if marked:
        return b"\0" in start[2:]
    return len(start) > 3 and start.isascii() and start.count(b"\0") * 3 >= len(start) and start.strip(b"\0") != b""


def _refuse_binary(head: bytes, name: str) -> None:
    first = head[: (head.find(b"\n") + 1) or HEAD_BYTES]
    if _is_wide_text(head):
        raise UsageError(f"{name} is UTF-16 or UTF-32; write it as UTF-8 (iconv -f UTF-16 -t UTF-8)")
    if b"\0" in first:
        raise UsageError(f"{name} is binary, beginning with {shown(head[:8])}; {_READABLE}, or name an audio file")

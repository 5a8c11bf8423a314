"""Where a manifest's bytes come from: a regular file or a spooled stream, plain, gzip or Zstandard.

Nothing is ever held whole: a container hands out blocks of at most `BLOCK_BYTES`, decompressed on the way.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from gzip import GzipFile
from pathlib import Path
from typing import IO, BinaryIO

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.file_window import FileWindow

BLOCK_BYTES = 1 << 20
SPOOL_UNCHECKED_BYTES = 16 << 20
SPOOL_FREE_BYTES = 256 << 20
"""Past `SPOOL_UNCHECKED_BYTES` a spool stops while this much of the temporary folder's disk is still free."""
BOMB_BYTES = 1 << 30
BOMB_RATIO = 20
"""Parquet is compressed inside, so more than `BOMB_BYTES` at over `BOMB_RATIO` times the packed size is a bomb."""

_ZSTD_FRAMES = {b"\x28\xb5\x2f\xfd", *(bytes([low]) + b"\x2a\x4d\x18" for low in range(0x50, 0x60))}
"""How a frame of Zstandard begins, and how one that is to be skipped does."""
_LONGEST_NAME = 255
_BOM = b"\xef\xbb\xbf"


def shown(text: object, longest: int = 60) -> str:
    """Text from outside as it may stand in a message: quoted, without control characters, cut to `longest`."""
    words = str(text)
    return repr(words if len(words) <= longest else words[:longest] + "…")


class Container:
    """An open manifest file. It stays the same file even if another one is moved to its name."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name
        self._file = file
        self._seen = self._stamp()
        magic = self.reader().read(4)
        self.codec = "gzip" if magic.startswith(b"\x1f\x8b") else "zstd" if magic in _ZSTD_FRAMES else ""

    @property
    def size(self) -> int:
        """Bytes in the file, before decompression."""
        return self._seen[0]

    def _stamp(self) -> tuple[int, int]:
        state = os.fstat(self._file.fileno())
        return state.st_size, state.st_mtime_ns

    def check_unchanged(self) -> None:
        """Raise `UsageError` if the file was written to since it was opened."""
        if self._stamp() != self._seen:
            raise UsageError(f"{self.name} was changed while it was being read; run again when it is complete")

    def reader(self) -> io.BufferedReader:
        """The raw bytes, seekable, independent of every other reader."""
        return io.BufferedReader(FileWindow(self._file.fileno()), BLOCK_BYTES)

    def blocks(self) -> Iterator[bytes]:
        """The content, decompressed, in blocks of 1 to `BLOCK_BYTES` bytes."""
        raw = self.reader()
        try:
            yield from _blocks_of(_unpacked(raw, self.codec))
        except (EOFError, OSError, zlib.error) as error:
            reason = str(error).strip().rstrip(".") or type(error).__name__
            place = f"near byte {raw.tell()} of {self.size}"
            what = f"broken {self.codec} data" if self.codec else "it can't be read"
            raise UsageError(f"{self.name}: {what} {place} ({reason}); write or copy it again") from error

    def text_blocks(self) -> Iterator[bytes]:
        """`blocks` without a leading UTF-8 byte order mark."""
        first = True
        for block in self.blocks():
            yield block.removeprefix(_BOM) if first else block
            first = False

    def spooled(self) -> Container:
        """The decompressed content as a plain file of its own, which vanishes when it is closed."""
        if not self.codec:
            return self

        def counted() -> Iterator[bytes]:
            total = 0
            for block in self.blocks():
                total += len(block)
                if total > max(BOMB_BYTES, BOMB_RATIO * self.size):
                    raise UsageError(
                        f"{self.name} unpacks to over {total >> 20} MiB from {self.size} bytes, which no honest "
                        f"Parquet file does; unpack it by hand if you trust it"
                    )
                yield block

        return Container(spool(counted(), self.name), self.name)

    def close(self) -> None:
        """Let go of the file; a spool is gone with it."""
        self._file.close()


def open_file(source: str) -> Container:
    """The regular file at `source`. Raises `UsageError` for everything else."""
    name = display_name(source)
    try:
        # O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{name}: {reason}; name a manifest, a folder, an audio file, or -") from error
    file = os.fdopen(descriptor, "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise UsageError(
            f"{name} is no regular file; name a manifest, a folder or an audio file, or use - for standard input"
        )
    return Container(file, name)


def open_standard_input() -> Container:
    """Standard input, spooled into a temporary file that has no name and so is never left behind."""
    name = "standard input"
    stream: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise UsageError("standard input is closed; name a manifest file")
    return Container(spool(_blocks_of(stream), name), name)


def display_name(source: str) -> str:
    """The last part of `source` for messages, without control characters."""
    name = Path(source).name or source
    return name if name.isprintable() and len(name) <= _LONGEST_NAME else shown(name)


def _unpacked(raw: io.BufferedReader, codec: str) -> io.BufferedIOBase:
    if codec == "gzip":
        return GzipFile(fileobj=raw, mode="rb")
    if codec == "zstd":
        import pyarrow as pa  # here, for it costs 0.15 s and 50 MB that other manifests need not pay

        stream: io.BufferedIOBase = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
        return stream
    return raw


def _blocks_of(stream: io.BufferedIOBase | BinaryIO) -> Iterator[bytes]:
    return iter(lambda: stream.read(BLOCK_BYTES), b"")


def spool(blocks: Iterable[bytes], name: str) -> IO[bytes]:
    """`blocks` in a temporary file without a name, which nothing can leave behind."""
    try:
        folder = tempfile.gettempdir()
        file = tempfile.TemporaryFile(prefix="mfq-")  # noqa: SIM115 - the container closes it
    except OSError as error:
        raise UsageError(f"{name} could not be spooled ({error}); set TMPDIR to a folder with space") from error
    written = 0
    try:
        for block in blocks:
            if written >= SPOOL_UNCHECKED_BYTES and shutil.disk_usage(folder).free < SPOOL_FREE_BYTES:
                raise OSError(f"{folder} is nearly full after {written >> 20} MiB")
            written += file.write(block)
        file.flush()
    except OSError as error:
        file.close()
        raise UsageError(f"{name} could not be spooled ({error}); set TMPDIR to a folder with more space") from error
    except BaseException:
        file.close()
        raise
    return file

"""How a decode worker and the pool talk: frames of a JSON header and raw float32, over two pipes.

Nothing is unpickled: what comes out of a worker that a hostile file took over is numbers and text.
"""

from __future__ import annotations

import os
import struct
from dataclasses import asdict, replace
from typing import Any, Protocol

import numpy as np
import orjson

from musicflamingo_cli.records import Failure, Fingerprint, Heard, Measures

_LENGTHS = struct.Struct("<IQ")
MAX_HEADER_BYTES = 1 << 20
MAX_CLIP_BYTES = 1 << 32


class ReadInto(Protocol):
    """Fills a buffer from its begin; 0 is the end."""

    def __call__(self, buffer: memoryview, /) -> int: ...  # noqa: D102


def write_frame(fd: int, header: object, payload: memoryview | bytes = b"") -> None:
    """Write one frame to a blocking descriptor."""
    head = orjson.dumps(header)
    _write_all(fd, memoryview(_LENGTHS.pack(len(head), len(payload)) + head))
    _write_all(fd, memoryview(payload))


def _write_all(fd: int, data: memoryview) -> None:
    while data:
        data = data[os.write(fd, data) :]


def read_frame(read: ReadInto) -> tuple[dict[str, Any], memoryview] | None:
    """Read one frame; None at the end of the pipe.

    Raises:
        ValueError: what comes is no frame.
    """
    lengths = _read_exactly(read, _LENGTHS.size)
    if lengths is None:
        return None
    head_bytes, payload_bytes = _LENGTHS.unpack(lengths)
    if head_bytes > MAX_HEADER_BYTES or payload_bytes > MAX_CLIP_BYTES:
        raise ValueError("a frame of impossible size")
    head, payload = _read_exactly(read, head_bytes), _read_exactly(read, payload_bytes)
    if head is None or payload is None:
        return None
    header = orjson.loads(head)
    if not isinstance(header, dict):
        raise ValueError("a frame without a header")
    return header, payload


def _read_exactly(read: ReadInto, count: int) -> memoryview | None:
    data = np.empty(count, np.uint8).data
    left = data
    while left:
        got = read(left)
        if got == 0:
            return None
        left = left[got:]
    return data


def pack_result(result: Heard | Failure) -> tuple[dict[str, Any], memoryview | bytes]:
    """Turn what was heard into a frame. The path stays out of it: it need not be Unicode, and the pool has it."""
    if isinstance(result, Failure):
        return {"failure": asdict(result)}, b""
    bare = replace(result, clip=None, fingerprint=replace(result.fingerprint, path=""))
    clip = b"" if result.clip is None else result.clip.view(np.uint8).data
    return {"heard": asdict(bare), "clip": result.clip is not None}, clip


def unpack_result(header: dict[str, Any], payload: memoryview, path: str) -> Heard | Failure:
    """Rebuild what `pack_result` took apart.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    if "failure" in header:
        return Failure(**header["failure"])
    fields = dict(header["heard"])
    fields["fingerprint"] = Fingerprint(**{**fields["fingerprint"], "path": os.path.abspath(path)})  # noqa: PTH100
    fields["measures"] = Measures(**fields["measures"])
    fields["flags"] = tuple(fields["flags"])
    fields["clip"] = np.frombuffer(payload, np.float32) if header["clip"] else None
    return Heard(**fields)

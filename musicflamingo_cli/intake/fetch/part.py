"""What has come of a song so far, and what a server says of when and how the rest may be had."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from io import FileIO

from musicflamingo_cli.intake.fetch.content import HEAD_BYTES
from musicflamingo_cli.work_folder import unwritable


class Passing(Exception):
    """A trouble that another attempt may not meet."""

    def __init__(self, reason: str, error: str, wait: float = 0.0, *, reached: bool = True) -> None:
        """Take a reason out of `REASONS`, a sentence, the seconds the server asked to wait, and if it was reached."""
        super().__init__(error)
        self.reason, self.error, self.wait, self.reached = reason, error, wait, reached


@dataclass(slots=True)
class Part:
    """What has come of a body so far."""

    file: FileIO
    length: int = 0
    total: int | None = None
    """What it will be, where the server said so."""
    validator: str | None = None
    """The ETag or date by which the server knows this version again; None where it can't be resumed."""
    head: bytearray = field(default_factory=bytearray)

    def restart(self) -> None:
        """Forget all of it. Raises `OutputError`."""
        try:
            self.file.seek(0)
            self.file.truncate()
        except OSError as error:
            raise unwritable(str(self.file.name), error) from error
        self.length, self.total, self.validator = 0, None, None
        self.head.clear()

    def write(self, data: bytes) -> None:
        """Append. Raises `OutputError`."""
        view = memoryview(data)
        try:
            while view:
                view = view[self.file.write(view) :]
        except OSError as error:
            raise unwritable(str(self.file.name), error) from error
        self.length += len(data)
        if len(self.head) < HEAD_BYTES:
            self.head += data[: HEAD_BYTES - len(self.head)]


def resume_validator(headers: dict[str, str]) -> str | None:
    """What If-Range takes (RFC 9110, 13.1.5): a strong ETag, or the date of the last change."""
    if headers.get("accept-ranges", "").strip().lower() == "none":
        return None
    tag = headers.get("etag", "").strip()
    if re.fullmatch(r'"[\x21\x23-\x7e]*"', tag):
        return tag
    date = headers.get("last-modified", "").strip()
    return date if re.fullmatch(r"[A-Za-z0-9 ,:]{20,40}", date) else None


def retry_after(text: str) -> float:
    """Seconds that a Retry-After header asks for, in either of its forms; 0 for none."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0

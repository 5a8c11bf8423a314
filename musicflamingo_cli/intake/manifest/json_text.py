"""A JSON text read through a window: values one by one, whatever the whole weighs.

The standard library's decoder reads each value out of a bounded buffer: unlike streaming parsers it takes what
Python's `json` writes (NaN, lone surrogates, integers of any size).
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import NoReturn

from musicflamingo_cli.csv_records import MAX_ROW_BYTES
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.container import shown

MAX_SKIPPED = 256 << 20
"""A value of more characters than this breaks the document."""
MAX_DEPTH = 100_000
_CLOSED = (dict, list, str)
_EDGE = 16
"""An error this near the end of the buffer may only mean that the text goes on."""
_DECODE = json.JSONDecoder(strict=False).raw_decode
_BLANKS = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(r"[^,\]}\s]*+")
_BETWEEN = re.compile(r'[^"\[\]{}]*+')
_STRING_REST = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_STRAY_BYTES = re.compile("[\udc80-\udcff]")


class Unreadable:
    """Stands for an element that was stepped over, and says why."""

    def __init__(self, problem: str) -> None:
        self.problem = problem


class JsonText:
    """A JSON text with a position, of which only a window is held."""

    def __init__(self, blocks: Iterable[bytes], name: str) -> None:
        self._blocks = iter(blocks)
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._at = 0
        self._counted = 0
        self._line = 1
        self._before = 0
        self._ended = False
        self._stray = False

    @property
    def line(self) -> int:
        """The line, from 1, of the position."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def fail(self, problem: str) -> NoReturn:
        """Refuse the document, naming the place."""
        place = f"{self._name} line {self.line} (character {self._before + self._at + 1})"
        raise UsageError(f"{place}: broken JSON: {problem}; mend the file or write one object per line (JSONL)")

    def _fill(self, least: int = 1) -> bool:
        """Read on until `least` more characters are held; False if the text has ended."""
        _ = self.line
        self._before += self._at
        pieces = [self._text[self._at :]]
        self._at = self._counted = 0
        while least > 0 and not self._ended:
            block = next(self._blocks, b"")
            self._ended = not block
            piece = self._decoder.decode(block, final=not block)
            self._stray = self._stray or (not piece.isascii() and _STRAY_BYTES.search(piece) is not None)
            least -= len(piece)
            pieces.append(piece)
        self._text = "".join(pieces)
        return not self._ended or len(self._text) > len(pieces[0])

    def peek(self) -> str:
        """The next character that is not blank, which becomes the position; "" at the end."""
        return self._step_over(_BLANKS)

    def _step_over(self, pattern: re.Pattern[str], most: float = math.inf) -> str:
        """Move behind what matches from here on, whose last character is at most the `most`th; return what is next."""
        while True:
            match = pattern.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._before + self._at > most:
                self.fail(f"a value of over {MAX_SKIPPED >> 20} Mi characters")
            if not self._fill():
                return ""

    def take(self, characters: str) -> str:
        """Step over one of `characters`; anything else breaks the document."""
        found = self.peek()
        if not found:
            self.fail(f"it ends where one of {' '.join(characters)} is due")
        if found not in characters:
            self.fail(f"expected one of {' '.join(characters)}, found {shown(self._text[self._at : self._at + 20])}")
        self._at += 1
        return found

    def value(self) -> tuple[int, object]:
        """Decode the value at the position and step over it: its line, and what it is.

        `Unreadable` stands for one that is well-formed but too much.
        """
        self.peek()
        line = self.line
        while True:
            size = len(self._text) - self._at
            try:
                value, end = _DECODE(self._text, self._at)
            except json.JSONDecodeError as error:
                sure = error.pos < len(self._text) - _EDGE and not error.msg.startswith("Unterminated string")
                if self._ended or sure:
                    self._at = min(error.pos, len(self._text))
                    self.fail(error.msg)
            except RecursionError:
                problem = "it is nested too deeply"
                break
            except ValueError:
                problem = "it holds a number of thousands of digits"
                break
            else:
                if end < len(self._text) or self._ended or isinstance(value, _CLOSED):
                    stray = self._stray and _STRAY_BYTES.search(self._text, self._at, end) is not None
                    self._at = end
                    return line, Unreadable("it is not UTF-8") if stray else value
            if size > MAX_ROW_BYTES:
                problem = f"it is longer than {MAX_ROW_BYTES >> 20} MiB"
                break
            self._fill(min(max(size, 1), MAX_ROW_BYTES + 1 - size))
        self.skip()
        return line, Unreadable(problem)

    def skip(self) -> None:
        """Step over the value at the position without building it."""
        first = self.peek()
        most = self._before + self._at + MAX_SKIPPED
        if not first or first in ",:]}":
            self.fail("a value is missing")
        if first not in '"[{':
            self._step_over(_SCALAR, most)
            return
        depth, quoted = 0, False
        while True:
            found = self._step_over(_STRING_REST if quoted else _BETWEEN, most)
            if found == "\\" and self._fill():
                continue  # The window ended between a backslash and its partner.
            if found in ("", "\\"):
                self.fail(f"it ends inside {'a string' if quoted else 'a list or an object'}")
            self._at += 1
            if found == '"':
                quoted = not quoted
            else:
                depth += 1 if found in "[{" else -1
            if depth == 0 and not quoted:
                return
            if depth > MAX_DEPTH:
                self.fail(f"lists and objects are nested over {MAX_DEPTH} deep")

    def elements(self) -> Iterator[tuple[int, object]]:
        """(line, value) of each element of the array at the position."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            yield self.value()
            if self.take(",]") == "]":
                return

    def pairs(self) -> Iterator[str]:
        """Each key of the object at the position; the caller steps over its value."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            if self.peek() != '"':
                self.fail("a key in double quotes is due")
            _, key = self.value()
            self.take(":")
            if isinstance(key, Unreadable):
                self.fail(f"a key can't be read: {key.problem}")
            yield str(key)
            if self.take(",}") == "}":
                return

    def end(self) -> None:
        """Fail if anything follows."""
        if self.peek():
            self.fail(f"something follows the document: {shown(self._text[self._at : self._at + 20])}")

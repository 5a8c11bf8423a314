"""Reading the recordings that one file holds as one: all at the rate and on the channels of the first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from musicflamingo_cli.intake.audio.formats import AudioFormat
from musicflamingo_cli.intake.audio.header_length import is_short, promised_frames
from musicflamingo_cli.intake.audio.reader import Reader, remixed
from musicflamingo_cli.intake.reasons import IntakeError

if TYPE_CHECKING:
    from musicflamingo_cli.intake.audio.reader import Block


class ChainReader:
    """A reader of the parts of a file, one after the other; a part that can't be opened is a damaged place."""

    def __init__(self, fd: int, parts: Iterable[AudioFormat], open_part: Callable[[AudioFormat], Reader]) -> None:
        """Open the first part that can be. Raises `IntakeError`, with the first part's reason, if none can."""
        self._fd, self._open, self._waiting = fd, open_part, deque(parts)
        self._damaged, self._ends_unopened = 0, False
        opened = self._opened()
        if isinstance(opened, IntakeError):
            raise opened
        self._form, self._reader = opened
        self.sample_rate, self.channels = self._reader.sample_rate, self._reader.channels
        self.layout = self._reader.layout
        self.expected: int | None = None
        self.promised: int | None = None
        self.converted = False

    def _opened(self) -> tuple[AudioFormat, Reader] | IntakeError:
        """The next part that can be opened, or why the first of the rest could not be."""
        trouble: IntakeError | None = None
        while self._waiting:
            form = self._waiting.popleft()
            try:
                return form, self._open(form)
            except IntakeError as error:
                trouble = trouble or error
                self._damaged += 1
        self._ends_unopened = trouble is not None
        return trouble or IntakeError("decode_error", "the file ends here")

    def _go_on(self) -> bool:
        """Leave this part for the next; False at the end."""
        opened = self._opened()
        if isinstance(opened, IntakeError):
            return False
        self._damaged += self._reader.damaged + self._reader.broke_off
        self._reader.close()
        self._form, self._reader = opened
        return True

    def blocks(self) -> Iterator[Block]:
        """Yield what can be decoded of every part, in order."""
        promised = 0.0
        while True:
            part, frames = self._reader, 0
            fitter = _Fitter(part, self)
            self.converted = self.converted or part.converted or fitter.converts
            for block in part.blocks():
                frames += len(block)
                yield fitter.add(block)
            yield fitter.finish()
            whole = promised_frames(part, self._fd, self._form, frames)
            if whole is None or not is_short(frames, whole, part.sample_rate):  # Small lacks add up to no large one.
                whole = frames
            promised += whole * self.sample_rate / part.sample_rate
            if not self._go_on():
                self.promised = round(promised)
                return

    def rest(self) -> int:
        """Count the frames behind the last block, at the first part's rate; ends the reading."""
        frames = self._reader.rest() * self.sample_rate / self._reader.sample_rate
        while self._go_on():
            frames += (self._reader.expected or self._reader.rest()) * self.sample_rate / self._reader.sample_rate
        return round(frames)

    @property
    def damaged(self) -> int:
        """Damaged places in all parts, parts that could not be opened among them."""
        return self._damaged + self._reader.damaged

    @property
    def broke_off(self) -> bool:
        """True if the last part ended in an error, or could not be opened."""
        return self._reader.broke_off or self._ends_unopened

    def close(self) -> None:
        """Close the part that is open."""
        self._reader.close()


class _Fitter:
    """Brings one part to the channels and the rate of the first."""

    def __init__(self, part: Reader, first: ChainReader) -> None:
        self._told, self._first = part.layout, first
        self._stream: Any = None
        is_told_otherwise = None not in (part.layout, first.layout) and part.layout != first.layout
        self._remix = part.channels != first.channels or (part.channels > 2 and is_told_otherwise)
        self.converts = self._remix or part.sample_rate != first.sample_rate
        if part.sample_rate != first.sample_rate:
            import soxr

            rates = part.sample_rate, first.sample_rate
            self._stream = soxr.ResampleStream(*rates, first.channels, dtype="float32", quality="HQ")

    def add(self, block: Block) -> Block:
        if self._remix:
            block = remixed(block, self._told, self._first.channels)
        return block if self._stream is None else self._resampled(block)

    def finish(self) -> Block:
        nothing = np.zeros((0, self._first.channels), np.float32)
        return nothing if self._stream is None else self._resampled(nothing, last=True)

    def _resampled(self, block: Block, *, last: bool = False) -> Block:
        made: Block = self._stream.resample_chunk(np.ascontiguousarray(block), last=last)
        return made.reshape(-1, self._first.channels)

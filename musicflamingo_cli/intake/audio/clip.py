"""One pass over decoded blocks: the clip at 16 kHz, the head at full rate, and what was odd about the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Block = NDArray[np.float32]

CLIP_RATE = 16_000
"""Hz. What audio language models of the Whisper family listen at."""
ABSURD = 1e10
"""No recording holds a sample beyond this (full scale = 1); it counts as not finite."""


class Head:
    """The first frames of a song at full rate, in one array that grows as they come."""

    def __init__(self, channels: int, limit: int, expected: int | None) -> None:
        """Hold up to `limit` frames; `expected` of them are made room for at once."""
        self._limit = limit
        self._data = np.empty((min(limit, max(expected or 0, 1 << 16)), channels), np.float32)
        self._used = 0

    def add(self, block: Block) -> None:
        """Append as much of a block as fits under the limit."""
        block = block[: self._limit - self._used]
        if self._used + len(block) > len(self._data):
            room = min(self._limit, max(2 * len(self._data), self._used + len(block)))
            grown = np.empty((room, self._data.shape[1]), np.float32)
            grown[: self._used] = self._data[: self._used]
            self._data = grown
        self._data[self._used : self._used + len(block)] = block
        self._used += len(block)

    @property
    def samples(self) -> Block:
        """Float32 [n_frames, n_channels], without a copy."""
        return self._data[: self._used]


class Clip:
    """Frames `start` to `stop` of a song as 16 kHz mono: the mean of the channels without LFE, resampled by soxr HQ."""

    def __init__(self, sample_rate: int, start: int, stop: int, weights: Block) -> None:
        """Wait for the frames from `start` up to `stop`, counted at the original rate; `weights`: [n_channels]."""
        import soxr

        self.start, self.stop, self._weights = start, stop, weights
        self._at = 0
        self._parts: list[Block] = []
        self._stream = None
        if sample_rate != CLIP_RATE:
            self._stream = soxr.ResampleStream(sample_rate, CLIP_RATE, 1, dtype="float32", quality="HQ")

    def add(self, block: Block) -> None:
        """Take what of a block lies in the window."""
        begin, self._at = self._at, self._at + len(block)
        inside = block[max(0, self.start - begin) : max(0, self.stop - begin)]
        if len(inside):
            mono = inside @ self._weights  # Twice as fast as mean(axis=1).
            self._parts.append(mono if self._stream is None else self._stream.resample_chunk(mono))

    def finish(self) -> Block:
        """Float32 [n_samples], contiguous; call once."""
        if self._stream is not None:
            self._parts.append(self._stream.resample_chunk(np.zeros(0, np.float32), last=True))
        return np.concatenate(self._parts) if self._parts else np.zeros(0, np.float32)


class Samples:
    """What can be said of the samples while they pass: how many, how many were no numbers, how loud each side is."""

    def __init__(self, channels: int) -> None:
        self.frames = 0
        self.values = 0
        self.not_finite = 0
        self.peak = 0.0
        self.energy = np.zeros(channels)

    def clean(self, block: Block) -> Block:
        """Count a block; return it with everything that is no number at 0."""
        peak = max(float(block.max()), -float(block.min())) if block.size else 0.0
        if not peak <= ABSURD:  # NaN compares false.
            bad = ~(np.abs(block) <= ABSURD)
            self.not_finite += int(bad.sum())
            block = np.where(bad, np.float32(0), block)
            peak = float(np.max(np.abs(block)))
        self.frames += len(block)
        self.values += block.size
        self.peak = max(self.peak, peak)
        self.energy += np.einsum("ij,ij->j", block, block)  # float32 sums of one block are exact enough.
        return block

"""What the readers of audio share: the face they show, and their limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from musicflamingo_cli.intake.reasons import IntakeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Block = NDArray[np.float32]

BLOCK_SAMPLES = 1 << 17
"""About how many samples, over all channels, a block holds."""
MAX_CHANNELS = 255
SAMPLE_RATES = (4_000, 768_000)
"""Hz. Below, a few bytes become hours of audio; above, headers lie."""


class Reader(Protocol):
    """One open audio file."""

    sample_rate: int
    """Hz."""
    channels: int
    layout: tuple[str, ...] | None
    """The loudspeaker of every channel, by FFmpeg's names, or None where the file does not tell."""
    expected: int | None
    """About how many frames there are, as far as the reader knows."""
    promised: int | None
    """How many frames the header promises, or None where it only estimates."""

    @property
    def converted(self) -> bool:
        """True if what was read changed its rate or channels on the way, and was brought to the first ones."""

    @property
    def damaged(self) -> int:
        """How many damaged places were met and passed."""

    @property
    def broke_off(self) -> bool:
        """True if the last thing that happened was an error."""

    def blocks(self) -> Iterator[Block]:
        """Yield what can be decoded, in order, as float32 [n_frames, n_channels]."""

    def rest(self) -> int:
        """Count the frames behind the last block without decoding them; ends the reading."""

    def close(self) -> None:
        """Let go of the decoder; the descriptor stays open."""


def check_shape(sample_rate: int, channels: int) -> None:
    """Raise IntakeError for a sample rate or a number of channels that can't be heard."""
    if not SAMPLE_RATES[0] <= sample_rate <= SAMPLE_RATES[1]:
        raise IntakeError("bad_sample_rate", f"the sample rate is {sample_rate} Hz; 4 kHz to 768 kHz can be heard")
    if not 1 <= channels <= MAX_CHANNELS:
        raise IntakeError("bad_channel_count", f"{channels} channels; 1 to {MAX_CHANNELS} can be heard")


def remixed(block: Block, layout: tuple[str, ...] | None, channels: int) -> Block:
    """Bring float32 [n_frames, n] of one layout onto other channels: stereo as it is, all else as the mean without LFE.

    It stands on the first two channels, which are left and right in every layout, or on the only one.
    """
    from musicflamingo_cli.measure.layouts import mono_weights, positions

    made = np.zeros((len(block), channels), np.float32)
    is_stereo = block.shape[1] == 2 and channels > 1
    front = block if is_stereo else (block @ mono_weights(positions(block.shape[1], layout)))[:, None]
    made[:, :2] = front
    return made


def words_of(error: BaseException) -> str:
    """What a library says went wrong, without the file names that it makes up."""
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return str(text).strip().rstrip(".") or type(error).__name__

"""The one or two waves that are looked at closely, and their mix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Recording:
    """Waves of one length at one rate."""

    channels: Sequence[NDArray[np.float32]]
    """One or two waves, [n_samples] each."""
    sample_rate: int
    """Hz."""
    peak: float
    """Largest magnitude of a sample of all the file's channels, above 0."""
    opposed: bool
    """True if the second wave is mostly the first one turned round: their sum would cancel the music."""

    @property
    def size(self) -> int:
        """Number of samples of each wave."""
        return int(self.channels[0].size)

    def mono(self, start: int, stop: int) -> NDArray[np.float32]:
        """Samples `start` to `stop` of the mix, scaled so that the recording's peak is at most 1."""
        parts = [wave[start:stop] * np.float64(1 / (self.peak * len(self.channels))) for wave in self.channels]
        if len(parts) > 1:
            parts[0] += -parts[1] if self.opposed else parts[1]
        return parts[0].astype(np.float32)

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

RATE = 44_100
Wave = NDArray[np.float32]


@pytest.fixture(scope="session")
def sine() -> Callable[..., Wave]:
    def make(frequency: float, dbfs: float, seconds: float = 5.0, channels: int = 2, rate: int = RATE) -> Wave:
        """A sine whose peak is at `dbfs`, the same on all channels."""
        wave = 10 ** (dbfs / 20) * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)
        return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def song() -> Wave:
    """Ten seconds of plucked chords, bass and cymbal-like noise: C, F, G, C in stereo at 120 BPM."""
    rng = np.random.default_rng(7)
    beat = RATE // 2
    seconds = np.arange(beat) / RATE
    chords = [(0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)]
    left, right = np.zeros(20 * beat), np.zeros(20 * beat)
    for number in range(20):
        part = slice(number * beat, (number + 1) * beat)
        chord = chords[number // 2 % 4]
        for place, note in enumerate((*chord, chord[0] - 12)):
            pitch = 261.6256 * 2 ** (note / 12)
            tone = sum(np.sin(2 * np.pi * pitch * k * seconds + k) / k**1.5 for k in range(1, 25))
            tone = tone * np.exp(-6 * seconds)
            left[part] += tone * (0.4 + 0.2 * (place % 2))
            right[part] += tone * (0.6 - 0.2 * (place % 2))
        for side in (left, right):
            hiss = rng.standard_normal(beat) * np.exp(-25 * seconds)
            side[part] += 0.25 * np.convolve(hiss, [1, -0.6], mode="same")
    stereo = np.stack((left, right), axis=1)
    fade = np.minimum(1, np.arange(len(stereo))[::-1, None] / RATE)
    return (stereo * fade * 0.7 / np.abs(stereo).max()).astype(np.float32)

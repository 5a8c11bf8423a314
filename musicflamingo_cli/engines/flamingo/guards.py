"""What must never reach the model: sounds and words that crash it, or that spoil another song of the batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from musicflamingo_cli.records import Failure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE = 16_000
WINDOW_SAMPLES = 480_000
"""The encoder hears windows of 30 s."""
TOKEN_SAMPLES = 321
"""A window shorter than this gives no audio token (two mel frames of 160 samples are pooled away). In Music Flamingo of
transformers 5.5 to 5.23 such a last window shifts the time stamps of every window after it: an index error where the
song is the last of its batch, and a silently wrong next song where it is not."""


def safe_clip(clip: NDArray[np.float32], cap_seconds: float) -> NDArray[np.float32] | Failure:
    """Return the part of a clip that the model can be given, float32 [n_samples], or why there is none.

    Args:
        clip: mono samples at 16 000 Hz.
        cap_seconds: what comes later is cut away (whole windows are what the checkpoints take).

    A remainder of 1 to 320 samples (at most 20 ms) after a whole window is dropped. A sample that is not finite would
    make every logit of the song NaN; the song is refused instead.
    """
    import numpy as np

    if clip.ndim != 1:
        return Failure("engine", "bad_samples", f"the clip has {clip.ndim} dimensions; mono is one")
    sound = np.asarray(clip, dtype=np.float32)[: int(cap_seconds * SAMPLE_RATE)]
    if len(sound) < TOKEN_SAMPLES:
        return Failure("engine", "too_short", f"{len(sound)} samples; the model needs {TOKEN_SAMPLES} (20 ms)")
    if not np.isfinite(sound).all():
        return Failure("engine", "bad_samples", "the clip holds samples that are not finite")
    rest = len(sound) % WINDOW_SAMPLES
    return sound[: len(sound) - rest] if 0 < rest < TOKEN_SAMPLES else sound


def forbidden_token(words: str, special: Iterable[str]) -> str | None:
    """Return the first special token of the chat (`<sound>`, `<|im_end|>`, ...) that stands in a prompt, or None."""
    return next((token for token in special if token and token in words), None)

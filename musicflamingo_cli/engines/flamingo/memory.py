"""How much memory songs take on a GPU, and what to make of its errors."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from musicflamingo_cli.engines.base import OutOfMemory
from musicflamingo_cli.errors import EngineError

TOKENS_PER_SECOND = 25
"""Audio tokens."""
MEL_BYTES_PER_SECOND = 128 * 100 * 4
SPARE = 0.8
"""Share of the free memory that a batch may plan with; the rest is for fragments and workspaces."""
PROMPT_TOKENS = 600
"""What a song's words take: system prompt, prompt, scaffold."""
PREFILL_TOKENS = 16_384
"""Three songs of three minutes: matrices tall enough to keep a GPU busy, and hardly any padding within a group."""
CPU_BATCH_SECONDS = 240.0
TYPICAL_SECONDS = 180.0


def key_shape(text_config: Any) -> tuple[int, int, int]:
    """Return (layers, key heads, width of a head)."""
    heads = getattr(text_config, "num_key_value_heads", None) or text_config.num_attention_heads
    width = getattr(text_config, "head_dim", None) or text_config.hidden_size // text_config.num_attention_heads
    return text_config.num_hidden_layers, heads, width


def kept_bytes(config: Any, item_bytes: int) -> int:
    """Return what a token leaves in the cache, bytes: keys and values of all layers (57 344 for the real model)."""
    layers, heads, width = key_shape(config.text_config)
    return 2 * layers * heads * width * item_bytes


def passing_bytes(config: Any, item_bytes: int) -> int:
    """Return what a token takes while it goes through a layer of the prefill, bytes (171 kB for the real model).

    Three tensors of the feed-forward width and eight of the hidden width.
    """
    text = config.text_config
    return int((3 * text.intermediate_size + 8 * text.hidden_size) * item_bytes)


def propose_prefill_tokens(free_bytes: float, config: Any, item_bytes: int) -> int:
    """Return how many tokens may go through the prefill at once: a quarter of the free memory, at most 16 384.

    More at once gains nothing (a GPU is busy with a song or two), pads shorter songs, and takes room from the cache.
    """
    return int(min(PREFILL_TOKENS, 0.25 * free_bytes / passing_bytes(config, item_bytes)))


def propose_batch_seconds(free_bytes: float, config: Any, item_bytes: int, new_tokens: int) -> float:
    """Return how many seconds of audio a batch may hold (songs times the longest), for the free memory of a GPU.

    80 % of the free memory, less what passes through the prefill, over what a second leaves behind: 25 tokens in the
    cache (a quarter more: rows are longer than what they hold, and a layer is copied when they grow) and log-mel
    features. Words and reply are reckoned with songs of three minutes. At least 30 s: a batch that is still too large
    is halved.
    """
    kept = 1.25 * kept_bytes(config, item_bytes)
    words = (PROMPT_TOKENS + new_tokens) * kept / TYPICAL_SECONDS
    per_second = TOKENS_PER_SECOND * kept + MEL_BYTES_PER_SECOND + words
    passing = propose_prefill_tokens(free_bytes, config, item_bytes) * passing_bytes(config, item_bytes)
    return max(30.0, (SPARE * free_bytes - passing) / per_second)


def is_out_of_memory(problem: BaseException) -> bool:
    """Say if an error means that memory ran out, on the GPU or on the CPU."""
    words = str(problem).lower()
    return (
        isinstance(problem, MemoryError)
        or type(problem).__name__ == "OutOfMemoryError"
        or (
            isinstance(problem, RuntimeError)
            and ("out of memory" in words or "can't allocate memory" in words or "cublas_status_alloc_failed" in words)
        )
    )


def is_device_lost(problem: BaseException) -> bool:
    """Say if an error leaves the GPU's context unusable for the rest of this process."""
    words = str(problem)
    return type(problem).__name__ == "AcceleratorError" or (
        isinstance(problem, RuntimeError) and ("CUDA error" in words or "cuDNN error" in words or "CUBLAS" in words)
    )


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn memory that ran out into `OutOfMemory`, and a lost GPU into `EngineError`.

    The frames of the failed attempt are cleared and the allocator's cache given back, so that a smaller batch finds
    the memory free.
    """
    try:
        yield
        return
    except Exception as problem:
        lost, short = is_device_lost(problem), is_out_of_memory(problem)
        if not (lost or short):
            raise
        message = (str(problem).strip() or type(problem).__name__).splitlines()[0][:300]
        traceback.clear_frames(problem.__traceback__)
    if short:
        release_memory()
        raise OutOfMemory(message)
    raise EngineError(
        f"the GPU can't go on: {message}. What was answered is kept; run the same command again to go on from there "
        "(nvidia-smi and the kernel log say more if it comes back)"
    )


def release_memory() -> None:
    """Give back what the allocator holds without using it."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

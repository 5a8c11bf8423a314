"""Whether the Flamingo engine would run here, point by point, and what to do where it would not."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass

from musicflamingo_cli.engines.base import EngineSettings, OutOfMemory
from musicflamingo_cli.engines.flamingo.checkpoint import DEFAULT_MODEL, Checkpoint, find
from musicflamingo_cli.engines.flamingo.engine import FlamingoEngine
from musicflamingo_cli.engines.flamingo.loading import (
    choose_attention,
    choose_device,
    choose_dtype,
    import_transformers,
)
from musicflamingo_cli.engines.flamingo.memory import (
    PROMPT_TOKENS,
    TOKENS_PER_SECOND,
    TYPICAL_SECONDS,
    propose_batch_seconds,
    translated_errors,
)
from musicflamingo_cli.engines.parity import parity
from musicflamingo_cli.errors import EngineError, MfqError
from musicflamingo_cli.extras import install_command
from musicflamingo_cli.records import Failure, Fingerprint, LoadedAudio, Request

PACKAGES = ("torch", "transformers", "accelerate", "llguidance", "huggingface_hub", "safetensors", "numpy")
OPTIONAL = ("flash_attn", "torchaudio")


@dataclass(frozen=True, slots=True)
class Check:
    """One point."""

    name: str
    ok: bool | None
    """None where it says something but decides nothing."""
    says: str
    """What was found, and what to do if that is not enough."""


def check_engine(settings: EngineSettings, songs: int = 0) -> Iterator[Check]:
    """Check everything that `load` and a reply need, what is quickly told first; nothing is downloaded.

    Args:
        settings: as a run would have them.
        songs: with 2 or more, as many songs are also answered alone and in a batch, and compared.

    Yields a `Check` for each point. After one that is not ok, those that build on it are left out. Raises `UsageError`
    for settings that mean nothing.
    """
    engine = FlamingoEngine(settings)
    yield _packages()
    checkpoint: Checkpoint | None = None
    try:
        checkpoint = find(settings.model or DEFAULT_MODEL, settings.revision, fetch=False)
    except MfqError as problem:
        yield Check("checkpoint", False, str(problem))
    else:
        at = f"commit {checkpoint.commit}" if checkpoint.commit else "a folder of your own"
        size = f"{checkpoint.weight_bytes / 1e9:.2f} GB of weights"
        yield Check("checkpoint", True, f"{checkpoint.name} is whole in {checkpoint.folder} ({at}, {size})")
    try:
        transformers = import_transformers()
    except EngineError as problem:
        yield Check("imports", False, str(problem))
        return
    yield Check("imports", True, f"transformers {transformers.__version__} imports")
    yield from _gpus()
    try:
        device = choose_device(
            settings, settings.model or DEFAULT_MODEL, checkpoint.weight_bytes if checkpoint else None
        )
    except EngineError as problem:
        yield Check("device", False, str(problem))
        return
    yield _choice(settings, device)
    if checkpoint is None:
        return
    new_tokens = 0 if settings.decode == "scores" else settings.max_tokens
    room = _room(checkpoint, device, choose_dtype(settings.dtype, device)[0], new_tokens)
    yield room
    if room.ok is not False:
        yield from _answers(engine, settings, songs)


def _packages() -> Check:
    found = {name: _version(name) for name in (*PACKAGES, *OPTIONAL)}
    missing = [name for name in PACKAGES if found[name] is None]
    said = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    said = f"Python {platform.python_version()}, {said}"
    if missing:
        return Check("packages", False, f"{said}; missing: {', '.join(missing)} ({install_command('flamingo')})")
    return Check("packages", True, said)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _gpus() -> Iterator[Check]:
    import torch

    if not torch.cuda.is_available():
        yield Check("gpu", None, f"none that torch {torch.__version__} sees")
        return
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        name = torch.cuda.get_device_name(number)
        yield Check("gpu", True, f"cuda:{number} {name}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free")


def _choice(settings: EngineSettings, device: str) -> Check:
    dtype, first = choose_dtype(settings.dtype, device)
    attention, second = choose_attention(settings.attention, device, dtype)
    notes = "".join(f"; {note}" for note in (first, second) if note)
    return Check("device", True, f"{device}, {dtype}, {attention}{notes}")


def _room(checkpoint: Checkpoint, device: str, dtype: str, new_tokens: int) -> Check:
    if device == "cpu":
        return Check("memory", None, "on a CPU: batches of at most 4 songs, minutes a song with the real weights")
    import torch

    free, _ = torch.cuda.mem_get_info(int(device.partition(":")[2]))
    size = 4 if dtype == "float32" else 2
    left = free - checkpoint.weight_bytes * size / 2
    if left <= 0:
        return Check("memory", False, f"{checkpoint.weight_bytes / 1e9:.1f} GB of weights, {free / 1e9:.1f} GB free")
    config = import_transformers().AutoConfig.from_pretrained(
        checkpoint.folder, local_files_only=True, trust_remote_code=False
    )
    songs = propose_batch_seconds(left, config, size, new_tokens) / TYPICAL_SECONDS
    return Check(
        "memory", True, f"it fits; {left / 1e9:.1f} GB are left for batches of some {max(1, int(songs))} songs of 3 min"
    )


def _answers(engine: FlamingoEngine, settings: EngineSettings, songs: int) -> Iterator[Check]:
    began = time.monotonic()
    try:
        engine.load()
        loaded = time.monotonic()
        yield Check("load", True, f"loaded in {loaded - began:.1f} s")
        yield _step(engine)
        requests = [_request(settings, number) for number in range(max(1, songs))]
        reply = engine.reply(requests[:1])[0]
        if isinstance(reply, Failure):
            yield Check("reply", False, f"{reply.reason}: {reply.error}")
            return
        yield Check("reply", True, f"5 s of test sound in {time.monotonic() - loaded:.1f} s: {reply.text[:200]}")
        if songs > 1:
            found = parity(engine, requests)
            yield Check("parity", None, f"alone against in a batch: {found.says}")
    except MfqError as problem:
        yield Check("load", False, str(problem))
    except OutOfMemory as problem:
        yield Check("reply", False, f"one song of 5 s does not fit: {problem}")
    finally:
        engine.close()


def _step(engine: FlamingoEngine) -> Check:
    """How a step of decoding is done, and where that is measured in a moment, how long it takes."""
    import torch

    from musicflamingo_cli.engines.flamingo.session import time_step

    network = engine.network
    if network is None or not network.fixed:
        return Check("step", None, "eager: a token at a time as it is, for the model is on a CPU")
    most = max(1, min(engine.batch_items, int(engine.batch_seconds / TYPICAL_SECONDS)))
    positions = PROMPT_TOKENS + int(TYPICAL_SECONDS * TOKENS_PER_SECOND)
    said = []
    for songs in sorted({1, most}):
        try:
            with translated_errors(), torch.inference_mode():
                first, later = time_step(network, songs, positions)
        except OutOfMemory:
            said.append(f"{songs} of 3 min do not fit at once; a run halves such batches")
        else:
            said.append(f"{1000 * later:.1f} ms for {songs} of 3 min (the first one {first:.2f} s)")
    notes = "".join(f"; {note}" for note in engine.notes)
    return Check("step", None, f"{network.step}: {', '.join(said)}{notes}")


def _request(settings: EngineSettings, number: int) -> Request:
    """A decaying arpeggio of 5 s or a little more: anything that sounds would do."""
    import numpy as np

    clock = np.arange(16_000 * (5 + number % 7)) / 16_000
    pitch = 220 * 2 ** ((np.floor(clock * 4) % 4 * 4 + number) / 12)
    clip = (0.3 * np.sin(2 * np.pi * pitch * clock) * np.exp(-3 * (clock % 0.25))).astype(np.float32)
    seconds = len(clip) / 16_000
    heard = LoadedAudio(Fingerprint("test sound", 0, 0, ""), seconds, 16_000, 1, used_seconds=seconds, clip=clip)
    return Request(f"test-{number}", settings.pack.template, heard, settings.pack.system)

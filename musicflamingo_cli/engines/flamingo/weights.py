"""Which weights lie on this disk: known without loading them, and without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from musicflamingo_cli.engines.flamingo.checkpoint import is_local
from musicflamingo_cli.engines.flamingo.digests import sha256_of
from musicflamingo_cli.errors import UsageError

WORDS = (
    *("config.json", "generation_config.json", "processor_config.json", "preprocessor_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("chat_template.jinja", "chat_template.json", "model.safetensors.index.json"),
)
"""Files beside the weights that can change a reply; they are read whole."""
PIECE = 1024
"""Bytes of each tensor's beginning, middle and end that digests were made of before 2026-12-01."""
MAX_HEADER = 100_000_000


def named(
    model: str, revision: str | None, say: Callable[[str], None] = lambda text: None
) -> tuple[str, str | None, str | None]:
    """Return (model, revision, former revision) as a cache knows them.

    Of a repository as asked for; of a folder its name, its digest, and the digest that it had before all of the weights
    were read for it. Where the folder is not here (a cache that is read on another machine), `revision` is the digest
    that is meant. `say` is told while weights are read. Raises `UsageError` if the folder holds another revision.
    """
    if not is_local(model):
        return model, revision, None
    folder = Path(model).expanduser()
    held, former = folder_digest(folder, say), sampled_digest(folder)
    if held is not None and revision not in (None, held, former):
        raise UsageError(f"--revision {revision}: the checkpoint in {model} is {held}; a folder holds one revision")
    return folder.resolve().name, held or revision, former


def folder_digest(folder: Path, say: Callable[[str], None] = lambda text: None) -> str | None:
    """Return what tells a folder's checkpoint from any other, 16 hexadecimal digits, or None if none can be read.

    It depends on all that the files hold, not on where they lie or when they were written.
    """

    def whole(shards: list[Path]) -> list[bytes]:
        for shard in shards:
            with shard.open("rb") as file:
                _header(file)
        return [bytes.fromhex(digest) for digest in sha256_of(shards, folder.name or str(folder), say)]

    return _digest(folder, whole)


def sampled_digest(folder: Path) -> str | None:
    """Return the digest of a folder as it was taken before 2026-12-01: it misses most changes within a tensor."""

    def sampled(shards: list[Path]) -> list[bytes]:
        found = []
        for shard in shards:
            with shard.open("rb") as file:
                found.append(_sample(file))
        return found

    return _digest(folder, sampled)


def _digest(folder: Path, weights: Callable[[list[Path]], list[bytes]]) -> str | None:
    digest = hashlib.sha256()
    try:
        for name in WORDS:
            path = folder / name
            if path.is_file():
                digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        shards = sorted(folder.glob("*.safetensors"))
        if not shards:
            return None
        for shard, held in zip(shards, weights(shards), strict=True):
            digest.update(shard.name.encode() + b"\0" + held)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return digest.hexdigest()[:16]


def _header(file: BinaryIO) -> tuple[bytes, list[tuple[int, int]]]:
    """Return a safetensors file's header and where each tensor lies behind it. Raises `ValueError` and its like."""
    size = int.from_bytes(file.read(8), "little")
    if not 0 < size <= MAX_HEADER:
        raise ValueError("no safetensors file")
    head = file.read(size)
    places = [tensor["data_offsets"] for name, tensor in json.loads(head).items() if name != "__metadata__"]
    return head, [(start, end) for start, end in places]


def _sample(file: BinaryIO) -> bytes:
    """Return the digest of a safetensors file's header, and of three pieces of each tensor."""
    head, places = _header(file)
    digest = hashlib.sha256(head)
    for start, end in places:
        for place in sorted({start, max(start, (start + end - PIECE) // 2), max(start, end - PIECE)}):
            file.seek(8 + len(head) + place)
            digest.update(file.read(min(PIECE, end - place)))
    return digest.digest()


def commit_on_disk(model: str, revision: str | None) -> str | None:
    """Return the commit that a repository's branch or tag stands for in the hub's cache here; None if that is unknown.

    A full commit stands for itself and can't move, so that there is nothing to look up.
    """
    try:
        from huggingface_hub import constants

        named = Path(constants.HF_HUB_CACHE) / f"models--{model.replace('/', '--')}" / "refs" / (revision or "main")
        return named.read_text("ascii").strip() or None
    except (ImportError, OSError, ValueError):
        return None

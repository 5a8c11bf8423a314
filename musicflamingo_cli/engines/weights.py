"""Which weights lie on this disk: known without loading them, and without torch."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import BinaryIO

from musicflamingo_cli.engines.checkpoints import is_local
from musicflamingo_cli.errors import UsageError

WORDS = (
    *("config.json", "generation_config.json", "processor_config.json", "preprocessor_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("chat_template.jinja", "chat_template.json", "model.safetensors.index.json"),
)
"""Files beside the weights that can change a reply; they are read whole."""
PIECE = 1024
"""Bytes that are read of each tensor's beginning, middle and end. Training moves whole tensors, and reading all of
16.5 GB would take longer than a run that finds every reply in the cache."""
MAX_HEADER = 100_000_000


def named(model: str, revision: str | None) -> tuple[str, str | None]:
    """Return (model, revision) as a cache knows them: as asked for; of a folder, its name and its digest.

    Where the folder is not here (a cache that is read on another machine), `revision` is the digest that is meant.
    Raises `UsageError` if the folder holds another.
    """
    if not is_local(model):
        return model, revision
    folder = Path(model).expanduser()
    held = folder_digest(folder)
    if held is not None and revision not in (None, held):
        raise UsageError(f"--revision {revision}: the checkpoint in {model} is {held}; a folder holds one revision")
    return folder.resolve().name, held or revision


def folder_digest(folder: Path) -> str | None:
    """Return what tells a folder's checkpoint from any other, 16 hexadecimal digits, or None if none can be read.

    It depends on what the files hold, not on where they lie or when they were written.
    """
    digest = hashlib.sha256()
    try:
        for name in WORDS:
            path = folder / name
            if path.is_file():
                digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        shards = sorted(folder.glob("*.safetensors"))
        for shard in shards:
            with shard.open("rb") as file:
                digest.update(shard.name.encode() + b"\0" + _weights(file))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return digest.hexdigest()[:16] if shards else None


def _weights(file: BinaryIO) -> bytes:
    """Return the digest of a safetensors file: its header, and three pieces of each tensor."""
    size = int.from_bytes(file.read(8), "little")
    if not 0 < size <= MAX_HEADER:
        raise ValueError("no safetensors file")
    head = file.read(size)
    digest = hashlib.sha256(head)
    for name, tensor in json.loads(head).items():
        if name == "__metadata__":
            continue
        start, end = tensor["data_offsets"]
        for place in sorted({start, max(start, (start + end - PIECE) // 2), max(start, end - PIECE)}):
            file.seek(8 + size + place)
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

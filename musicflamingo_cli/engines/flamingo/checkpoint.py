"""Where a checkpoint lies, and whether all of it is there. Needs no torch."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.flamingo.reply_plan import plan_reply
from musicflamingo_cli.errors import EngineError, UsageError
from musicflamingo_cli.extras import install_command
from musicflamingo_cli.records import Field

DEFAULT_MODEL = "nvidia/music-flamingo-2601-hf"
LICENCE = "NVIDIA OneWay Noncommercial License: non-commercial research only"
"""Of the known checkpoints, after their model cards."""
CAP_SECONDS = {
    "nvidia/music-flamingo-2601-hf": 1200.0,
    "nvidia/music-flamingo-think-2601-hf": 1200.0,
    "nvidia/music-flamingo-hf": 600.0,
}
"""The longest audio that a checkpoint hears, seconds."""
CAP_BY_TYPE = {"musicflamingo": 1200.0, "audioflamingo3": 600.0}
WAYS_OUT = "--engine signal needs no model; mfq doctor says what is here"
NEEDED = ("*.json", "*.safetensors", "*.txt", "*.jinja")
"""Files of a repository that are fetched: no code, no pickles."""
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint on this disk, whole."""

    folder: Path
    name: str
    """As it was asked for."""
    commit: str | None
    """The commit of the snapshot; None for a folder of the user's own."""
    model_type: str
    """`musicflamingo` or `audioflamingo3`, from its config."""
    weight_bytes: int
    """Size of the safetensors files."""
    cap_seconds: float
    """The longest audio that it hears."""


def is_local(model: str) -> bool:
    """Say if a model is named by a folder rather than by its repository on the Hugging Face hub."""
    return Path(model).expanduser().is_dir() or model.startswith((".", "/", "~")) or model.count("/") > 1


def find(model: str, revision: str | None, *, fetch: bool = True) -> Checkpoint:
    """Find a checkpoint in its folder or in the hub's cache, and fetch it if it is not there.

    Args:
        model: a folder, or a repository such as `nvidia/music-flamingo-2601-hf`.
        revision: commit, tag or branch of the repository; ignored for a folder.
        fetch: whether to download what is missing (never with `HF_HUB_OFFLINE=1`).

    Raises:
        UsageError: the folder is none.
        EngineError: it can't be had, or is no Music Flamingo, with what to do.
    """
    if is_local(model):
        folder = Path(model).expanduser()
        if not folder.is_dir():
            raise UsageError(f"no folder '{model}'; --model takes a checkpoint's folder or a name like {DEFAULT_MODEL}")
        return _described(folder, model, None)
    try:
        from huggingface_hub import snapshot_download
    except ImportError as problem:
        raise EngineError(
            f"{problem}; install the model's packages: {install_command('flamingo')}. {WAYS_OUT}"
        ) from None
    whole: Checkpoint | None = None
    try:
        folder = Path(snapshot_download(model, revision=revision, local_files_only=True))
        whole = _described(folder, model, folder.name)
    except (EngineError, UsageError, OSError, ValueError) as problem:
        offline = os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "TRUE", "YES", "ON")
        if offline or not fetch:
            if isinstance(problem, EngineError):
                raise  # it is there in part, or is another model: the error says which
            raise EngineError(_absent(model, revision, offline)) from None
    if whole is not None:
        return whole
    try:
        folder = Path(snapshot_download(model, revision=revision, allow_patterns=list(NEEDED)))
    except Exception as problem:
        raise EngineError(_fetch_error(model, revision, problem)) from None
    return _described(folder, model, folder.name)


def check_soon(settings: EngineSettings, model: str, fields: Sequence[Field]) -> None:
    """Refuse within a second what the settings and a checkpoint's small files show; torch alone may take half a minute.

    Args:
        settings: as for `load`, which checks the rest.
        model: a folder, or a repository whose small files are looked at where they lie on this disk.
        fields: what a reply answers.

    Raises `EngineError` or `UsageError` as `load` would.
    """
    guided = settings.decode == "json" or (settings.decode == "scores" and settings.score_order == "sequence")
    for name in ("torch", "transformers", *(["llguidance"] if guided else [])):
        if find_spec(name) is None:
            instead = "or use --decode text. " if name == "llguidance" else ""
            raise EngineError(f"{name} is not installed: {install_command('flamingo')}. {instead}{WAYS_OUT}")
    try:
        checkpoint = find(model, settings.revision, fetch=False)
    except EngineError:
        if is_local(model):
            raise
        return  # It is to be fetched, which needs a GPU to be worth while.
    try:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(checkpoint.folder / "tokenizer.json"))
    except Exception:  # The library raises a bare one. `load` says what is wrong with the file.
        return
    if settings.decode == "json":
        plan_reply(
            fields, lambda text: tuple(tokenizer.encode(text, add_special_tokens=False).ids), settings.max_tokens
        )


def cap_seconds(model: str) -> float:
    """Return the longest audio that a checkpoint hears, seconds, as far as that is known without loading it."""
    if is_local(model):
        try:
            return _cap(
                Path(model).expanduser(), str(_json(Path(model).expanduser() / "config.json").get("model_type"))
            )
        except EngineError:
            return max(CAP_BY_TYPE.values())
    return CAP_SECONDS.get(model, max(CAP_BY_TYPE.values()))


def _described(folder: Path, name: str, commit: str | None) -> Checkpoint:
    model_type = str(_json(folder / "config.json").get("model_type"))
    if model_type not in CAP_BY_TYPE:
        known = " or ".join(sorted(CAP_BY_TYPE))
        raise EngineError(f"{name}: its config says model_type '{model_type}'; this engine runs {known}")
    index = folder / "model.safetensors.index.json"
    shards = {"model.safetensors"}
    if index.is_file():
        mapped = _json(index).get("weight_map")
        shards = {str(shard) for shard in mapped.values()} if isinstance(mapped, dict) else set()
    needed = (*sorted(shards), "tokenizer.json", "processor_config.json")
    missing = [n for n in needed if not (folder / n).is_file()]
    if not (folder / "processor_config.json").is_file() and (folder / "preprocessor_config.json").is_file():
        missing.remove("processor_config.json")
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles and not any((folder / shard).is_file() for shard in shards):
        raise EngineError(
            f"{name}: {folder} holds pickled weights only ({pickles[0]}), and pickles can run code when they are read; "
            f"this engine reads safetensors. Take a checkpoint that has them, such as {DEFAULT_MODEL}. {WAYS_OUT}"
        )
    if missing or not shards:
        what = missing[0] if missing else "a list of its weights"
        only = " (safetensors are all that is read)" if what.endswith(".safetensors") else ""
        raise EngineError(
            f"{name}: the checkpoint in {folder} is not whole, {what} is missing{only}; "
            f"fetch it again: hf download {name if commit else DEFAULT_MODEL}. {WAYS_OUT}"
        )
    weight_bytes = sum((folder / shard).stat().st_size for shard in shards)
    return Checkpoint(folder, name, commit, model_type, weight_bytes, _cap(folder, model_type))


def _cap(folder: Path, model_type: str) -> float:
    processor = folder / "processor_config.json"
    stated = _json(processor).get("max_audio_len") if processor.is_file() else None
    return float(stated) if isinstance(stated, int | float) and stated > 0 else CAP_BY_TYPE.get(model_type, 1200.0)


def _json(path: Path) -> dict[str, object]:
    try:
        loaded = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as problem:
        raise EngineError(f"{path}: {problem}; this is no whole checkpoint") from None
    if not isinstance(loaded, dict):
        raise EngineError(f"{path}: no JSON object; this is no whole checkpoint")
    return loaded


def _absent(model: str, revision: str | None, offline: bool) -> str:
    at = f" --revision {revision}" if revision else ""
    named = f"{model} at revision {revision}" if revision else model
    return (
        f"{named} is not on this disk{', and downloads are off (HF_HUB_OFFLINE)' if offline else ''}. Fetch it where "
        "there is a network: "
        f"hf download {model}{at}; or name its folder with --model. {WAYS_OUT}"
    )


def _fetch_error(model: str, revision: str | None, problem: Exception) -> str:
    kind, named = type(problem).__name__, f"{model} at revision {revision}" if revision else model
    advice = {
        "GatedRepoError": f"accept its terms at https://huggingface.co/{model}, then log in: hf auth login",
        "RepositoryNotFoundError": "check the name, and log in if it is private: hf auth login",
        "RevisionNotFoundError": "there is no such commit, tag or branch; see --revision",
        "HFValidationError": f"a name looks like {DEFAULT_MODEL}; a folder must exist",
    }.get(kind)
    if advice is None:
        advice = f"check the network and the free disk space (16.5 GB), or fetch it elsewhere: hf download {model}"
        advice = f"{advice}. {WAYS_OUT}"
    first = (str(problem).strip() or kind).splitlines()[0][:200]
    return f"{named} can't be downloaded ({kind}: {first}); {advice}"

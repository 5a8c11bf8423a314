"""From a checkpoint on disk to a model on a device, or an error that says what to do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.flamingo.checkpoint import WAYS_OUT, Checkpoint, find, is_local
from musicflamingo_cli.engines.flamingo.memory import is_out_of_memory
from musicflamingo_cli.errors import EngineError, UsageError
from musicflamingo_cli.extras import install_command, pip_install

OLDEST_TRANSFORMERS = (5, 10)
"""The first release in which Music Flamingo has a body of its own below its output head."""
CLASSES = {
    "musicflamingo": "MusicFlamingoForConditionalGeneration",
    "audioflamingo3": "AudioFlamingo3ForConditionalGeneration",
}
DTYPES = {
    "auto": None,
    "bfloat16": "bfloat16",
    "bf16": "bfloat16",
    "float16": "float16",
    "fp16": "float16",
    "float32": "float32",
    "fp32": "float32",
}
ATTENTIONS = ("auto", "flash_attention_2", "sdpa", "eager")
CPU_BYTES = 4 << 30
"""Without a GPU, a checkpoint larger than this is run only where the CPU was asked for."""
NO_GPU = (
    "no GPU is at hand (torch {torch} sees none), and {model} on a CPU takes minutes a song. Run it on a GPU box; or "
    f"say --device cpu if you mean it. {WAYS_OUT}"
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that can be asked."""

    model: Any
    """`MusicFlamingoForConditionalGeneration` or `AudioFlamingo3ForConditionalGeneration`, in evaluation mode."""
    processor: Any
    checkpoint: Checkpoint
    device: str
    """`cpu` or `cuda:N`."""
    dtype: str
    attention: str
    notes: tuple[str, ...]
    """A line for each thing that was asked for and could not be had."""


def check_words(settings: EngineSettings) -> None:
    """Refuse settings that name no device, dtype or attention. Raises `UsageError`."""
    kind, _, number = settings.device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (number and (kind != "cuda" or not number.isdecimal())):
        raise UsageError(f"--device {settings.device}: it is auto, cpu, cuda or cuda:N")
    if settings.dtype not in DTYPES:
        raise UsageError(f"--dtype {settings.dtype}: it is auto, bfloat16, float16 or float32")
    if settings.attention not in ATTENTIONS:
        raise UsageError(f"--attention {settings.attention}: it is one of {', '.join(ATTENTIONS)}")


def import_transformers() -> Any:
    """Import transformers, whatever is installed beside it.

    A torchaudio built for another torch raises OSError when it is imported, and takes every audio class of transformers
    with it; it is then hidden from this process, which does not need it.

    Raises:
        EngineError: torch or transformers is missing, broken or too old.
    """
    if "transformers" not in sys.modules:
        _hide_broken("torchaudio")
    try:
        import torch  # noqa: F401
        import transformers
    except (ImportError, OSError) as problem:
        raise EngineError(
            f"the model's packages can't be imported ({problem}): {install_command('flamingo')}. {WAYS_OUT}"
        ) from None
    version = tuple(int(part) for part in transformers.__version__.split(".")[:2] if part.isdigit())
    if version < OLDEST_TRANSFORMERS:
        oldest = ".".join(map(str, OLDEST_TRANSFORMERS))
        raise EngineError(
            f"transformers {transformers.__version__} is too old for this engine; {oldest} or later is needed: "
            f"{install_command('flamingo')}. {WAYS_OUT}"
        )
    return transformers


def _hide_broken(name: str) -> None:
    if name in sys.modules:
        return
    try:
        __import__(name)
    except ImportError:
        pass
    except Exception:
        for loaded in [n for n in sys.modules if n.split(".")[0] == name]:
            sys.modules.pop(loaded, None)
        sys.modules[name] = None  # type: ignore[assignment]  # what makes `import` raise ImportError


def choose_device(settings: EngineSettings, model: str, weight_bytes: int | None = None) -> str:
    """Return `cpu` or `cuda:N`. Raises `EngineError` if a GPU is needed and none is at hand."""
    import torch

    kind, _, number = settings.device.partition(":")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cpu":
        return "cpu"
    if kind == "cuda":
        if not count:
            raise EngineError(NO_GPU.format(torch=torch.__version__, model=model))
        if int(number or 0) >= count:
            raise EngineError(f"--device {settings.device}: there are {count} GPUs, cuda:0 to cuda:{count - 1}")
        return f"cuda:{number or torch.cuda.current_device()}"
    if count:
        return f"cuda:{torch.cuda.current_device()}"
    large = weight_bytes is not None and weight_bytes > CPU_BYTES
    if large or (weight_bytes is None and not is_local(model)):
        raise EngineError(NO_GPU.format(torch=torch.__version__, model=model))
    return "cpu"


def choose_dtype(asked: str, device: str) -> tuple[str, str | None]:
    """Return (dtype, a line if it is not what was asked for)."""
    import torch

    wanted = DTYPES[asked] or ("float32" if device == "cpu" else "bfloat16")
    if wanted == "bfloat16" and device != "cpu" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "float16", "this GPU has no bfloat16; float16 is used"
    return wanted, None


def choose_attention(asked: str, device: str, dtype: str) -> tuple[str, str | None]:
    """Return (attention, a line if it is not what was asked for). `auto` is sdpa, whose kernels need no package."""
    if asked in ("auto", "sdpa", "eager"):
        return ("sdpa" if asked == "auto" else asked), None
    from transformers.utils.import_utils import is_flash_attn_2_available

    if device == "cpu":
        return "sdpa", "flash_attention_2 needs a GPU; sdpa is used"
    if dtype == "float32":
        return "sdpa", "flash_attention_2 needs bfloat16 or float16; sdpa is used"
    if not is_flash_attn_2_available():
        return "sdpa", f"flash_attention_2 is not installed ({pip_install('flash-attn')}); sdpa is used"
    return "flash_attention_2", None


def load(settings: EngineSettings, model: str) -> Loaded:
    """Load a checkpoint: safetensors only, no remote code, RoTE buffers in float32.

    Raises `EngineError`, which says what to do, if the packages, the GPU, the weights or the memory can't be had.
    """
    transformers = import_transformers()
    import torch

    choose_device(settings, model)
    checkpoint = find(model, settings.revision)
    device = choose_device(settings, model, checkpoint.weight_bytes)
    dtype, dtype_note = choose_dtype(settings.dtype, device)
    attention, attention_note = choose_attention(settings.attention, device, dtype)
    _check_room(checkpoint, device, dtype)
    transformers.utils.logging.set_verbosity_error()
    with suppress(AttributeError):
        transformers.utils.logging.disable_progress_bar()

    def build(attention: str) -> Any:
        # `dtype=` here, never `.to(dtype)`: that casts the rotary buffers too, and bfloat16 angles are noise
        return getattr(transformers, CLASSES[checkpoint.model_type]).from_pretrained(
            checkpoint.folder,
            dtype=getattr(torch, dtype),
            attn_implementation=attention,
            device_map={"": device} if device != "cpu" else None,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are in the info, by name
        )

    try:
        try:
            network = _loaded(build, attention, checkpoint)
        except (ImportError, ValueError) as problem:
            if attention != "flash_attention_2":
                raise
            attention, attention_note = "sdpa", f"flash_attention_2 can't be used ({_first(problem)}); sdpa is used"
            network = _loaded(build, attention, checkpoint)
        # False, not left open: left open, transformers asks on the terminal, and reads "y" from a manifest on stdin
        processor = transformers.AutoProcessor.from_pretrained(
            checkpoint.folder, local_files_only=True, trust_remote_code=False
        )
        if not getattr(processor, "chat_template", None):
            raise EngineError(f"{checkpoint.folder}: it has no chat_template.jinja; {_again(checkpoint)}")
        if processor.tokenizer.pad_token is None:
            raise EngineError(
                f"{checkpoint.folder}: its tokenizer_config.json is missing or names no padding token; "
                f"{_again(checkpoint)}"
            )
    except EngineError:
        raise
    except Exception as problem:
        raise EngineError(
            f"{checkpoint.folder}: {type(problem).__name__}: {_first(problem)}; if a file is damaged, "
            f"{_again(checkpoint)}"
        ) from None
    notes = tuple(note for note in (dtype_note, attention_note) if note)
    return Loaded(network.eval(), processor, checkpoint, device, dtype, attention, notes)


def _loaded(build: Callable[[str], Any], attention: str, checkpoint: Checkpoint) -> Any:
    """Return the model. Weights that its files lack would be random numbers; they are an error."""
    try:
        model, info = build(attention)
    except Exception as problem:
        if is_out_of_memory(problem):
            raise EngineError(_no_room(checkpoint, "the weights did not fit")) from None
        raise
    lacking = {*info.get("missing_keys", ()), *(key[0] for key in info.get("mismatched_keys", ()))}
    absent = sorted(lacking & {name for name, _ in model.named_parameters()})  # buffers are computed
    if absent:
        raise EngineError(
            f"{checkpoint.name}: its files lack {len(absent)} of the model's weights ({absent[0]}, ...); "
            f"{_again(checkpoint)}"
        )
    return model


def _check_room(checkpoint: Checkpoint, device: str, dtype: str) -> None:
    import torch

    if device == "cpu":
        return
    free, total = torch.cuda.mem_get_info(int(device.partition(":")[2]))
    needed = checkpoint.weight_bytes * (2 if dtype == "float32" else 1)
    if free < needed:
        facts = f"its weights take {needed / 1e9:.1f} GB, {free / 1e9:.1f} of {total / 1e9:.1f} GB are free on {device}"
        raise EngineError(_no_room(checkpoint, facts))


def _no_room(checkpoint: Checkpoint, facts: str) -> str:
    return (
        f"{checkpoint.name} does not fit: {facts}. End what else uses the GPU (nvidia-smi shows it), choose another "
        "with --device cuda:N, or use a GPU of 24 GB or more"
    )


def _again(checkpoint: Checkpoint) -> str:
    source = f"hf download {checkpoint.name} --force-download" if checkpoint.commit else "from where it came"
    return f"fetch it again: {source}. {WAYS_OUT}"


def _first(problem: Exception) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0][:300]

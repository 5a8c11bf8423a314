"""NVIDIA Music Flamingo through Hugging Face transformers, in true batches."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from musicflamingo_cli.engines.base import Engine, EngineSettings, OutOfMemory
from musicflamingo_cli.engines.flamingo.checkpoint import DEFAULT_MODEL, LICENCE, cap_seconds, check_soon
from musicflamingo_cli.engines.flamingo.inputs import SAMPLE_RATE
from musicflamingo_cli.engines.flamingo.loading import DTYPES, Loaded, check_words, load
from musicflamingo_cli.engines.flamingo.memory import (
    CPU_BATCH_SECONDS,
    propose_batch_seconds,
    propose_prefill_tokens,
    release_memory,
    translated_errors,
)
from musicflamingo_cli.engines.flamingo.reply_plan import score_fields
from musicflamingo_cli.engines.flamingo.score_grid import grid
from musicflamingo_cli.engines.flamingo.weights import commit_on_disk, named
from musicflamingo_cli.errors import EngineError, MfqError, UsageError
from musicflamingo_cli.records import Failure, Reply, Request

if TYPE_CHECKING:
    from musicflamingo_cli.engines.flamingo.inputs import Inputs, Prepared
    from musicflamingo_cli.engines.flamingo.model import Network
    from musicflamingo_cli.engines.flamingo.modes import Mode

VERSION = "1"
"""Goes up whenever the same settings would give another reply."""
GPU_ITEMS, CPU_ITEMS = 128, 4
HOPELESS = 3
"""So many songs that fail in the model, before any was answered, end the run."""
OF_THE_MODEL = ("engine_error", "not_finite")


class FlamingoEngine(Engine):
    """A checkpoint of Music Flamingo on one device. See `Engine` for what each method promises.

    Replies depend on the request and the settings, not on what else is in the batch (in float32 token for token; in
    bfloat16 rounding differs with a batch's shape: see `parity.parity`).
    """

    name = "flamingo"
    default_pack = "quality"
    needs_clip = True
    licence = LICENCE
    prepares = True

    def __init__(self, settings: EngineSettings) -> None:
        """Check the settings. Raises `UsageError` for words that mean nothing and packs that can't be decoded so."""
        super().__init__(settings)
        if settings.model is not None and not settings.model.strip():
            raise UsageError(f"--model is empty; it takes a checkpoint's folder or a name like {DEFAULT_MODEL}")
        check_words(settings)
        asked = score_fields(settings.pack.asked) if settings.decode == "scores" else settings.pack.asked
        if not asked and settings.decode != "text":
            what = "no scores" if settings.decode == "scores" else "no fields"
            raise UsageError(
                f"pack '{settings.pack.name}' has {what}, so --decode {settings.decode} has nothing to ask"
            )
        if settings.decode != "text":
            for score in score_fields(asked):
                grid(score)
        self.asked = asked
        self.model = settings.model or DEFAULT_MODEL
        self._named = named(self.model, settings.revision, settings.say)
        self._pinned: str | None = None
        self.batch_items = CPU_ITEMS if settings.device == "cpu" else GPU_ITEMS
        self.batch_seconds = CPU_BATCH_SECONDS
        self.clip_seconds = min(settings.max_audio_seconds or float("inf"), cap_seconds(self.model))
        self._counts: Counter[str] = Counter()
        self._settings = settings
        self._loaded: Loaded | None = None
        self.network: Network | None = None
        """The model as decoding sees it; None while none is loaded."""
        self._preparer: Any = None
        self._mode: Mode | None = None
        self._second_mode: Mode | None = None
        self.second_try = "schema" if settings.decode == "text" else None
        """Whether the schema can be held to is known after `load`."""
        self._answered = self._errors = 0

    def identity(self) -> Mapping[str, object]:
        """Return what can change a reply. Device, attention and batch size are left out: they move rounding alone.

        A folder counts by its name and what its files hold, wherever it lies; other weights in its place are another.
        """
        settings = self._settings
        found: dict[str, object] = {
            "engine": self.name,
            "version": VERSION,
            "model": self._named[0],
            "revision": self._named[1],
            "decode": settings.decode,
            "dtype": DTYPES[settings.dtype] or "auto",
            "max_audio_seconds": settings.max_audio_seconds,
            "long_audio": settings.long_audio,
        }
        if settings.decode == "scores":
            return {**found, "score_order": settings.score_order}
        return {**found, "max_tokens": settings.max_tokens, "sampling": "greedy"}

    def former_identity(self) -> Mapping[str, object] | None:
        """Return the identity that a folder's checkpoint had while its digest sampled the weights; None without."""
        return None if self._named[2] is None else {**self.identity(), "revision": self._named[2]}

    def load(self) -> None:
        """Load the checkpoint. Raises `EngineError` or `UsageError`, saying what to do, before any song is touched."""
        settings = self._settings
        pinned = replace(settings, revision=self._pinned or settings.revision)
        check_soon(pinned, self.model, self.asked)
        self.adopt(load(pinned, self.model))
        now = commit_on_disk(self.model, settings.revision) if self._pinned else None
        if now not in (None, self._pinned):
            self.notes += (
                f"going on with commit {self._pinned} of {self.model}, of which the replies in this cache are; "
                f"{settings.revision or 'main'} is {now} on this disk by now (--revision {now} asks that one)",
            )

    def pin(self, commit: str) -> None:
        """Load this commit, whatever the branch or tag stands for by now."""
        self._pinned = commit

    def adopt(self, loaded: Loaded) -> None:
        """Go on with a model that is in memory. Raises `UsageError` if the pack can't be asked of it."""
        from musicflamingo_cli.engines.flamingo.inputs import Preparer
        from musicflamingo_cli.engines.flamingo.model import Network
        from musicflamingo_cli.engines.flamingo.modes import TextMode, build_mode, build_second_mode

        settings, cap = self._settings, loaded.checkpoint.cap_seconds
        self.clip_seconds = min(settings.max_audio_seconds or cap, cap)
        self._preparer = Preparer(loaded.processor, self.clip_seconds, loaded.device)
        mark = self._preparer.mark_in(settings.pack.template) or self._preparer.mark_in(settings.pack.system)
        if mark:
            name = settings.pack.name
            raise UsageError(
                f"the prompt of pack '{name}' holds {mark}, which is a mark of the model's own; take it out"
            )
        self.network = network = Network(loaded.model, loaded.attention, self._warn)
        self._size_batches(network)
        self._mode = build_mode(network, loaded.processor.tokenizer, settings, self.asked)
        if settings.decode == "text":
            self._second_mode = build_second_mode(network, loaded.processor.tokenizer, settings, self.asked)
            self.second_try = "sentence" if isinstance(self._second_mode, TextMode) else "schema"
        self._loaded = loaded
        self.notes = loaded.notes
        self.provenance = {**_provenance(loaded), "step": network.step}

    def _warn(self, line: str) -> None:
        """Take a line about steps that no longer run as they did."""
        self.notes += (line,)
        self.provenance = {**self.provenance, "step": "eager"}
        self._settings.say(line)

    def _size_batches(self, network: Network) -> None:
        import torch

        self.batch_items, self.batch_seconds = CPU_ITEMS, CPU_BATCH_SECONDS
        if network.device.type == "cpu":
            return
        free = torch.cuda.mem_get_info(network.device)[0]
        config, size = network.model.config, torch.finfo(network.dtype).bits // 8
        new_tokens = 0 if self._settings.decode == "scores" else self._settings.max_tokens
        network.prefill_tokens = propose_prefill_tokens(free, config, size)
        self.batch_items = GPU_ITEMS
        self.batch_seconds = propose_batch_seconds(free, config, size, new_tokens)

    def prepare(self, requests: Sequence[Request]) -> Prepared:
        """Guard, template and transform a batch; log-mel on the engine's own device."""
        if self._preparer is None:
            raise EngineError("the engine is not loaded")
        with translated_errors():
            return cast("Prepared", self._preparer.prepare(requests))

    def answer(self, prepared: Prepared) -> list[Reply | Failure]:
        """Answer what `prepare` returned."""
        found = self._answers(prepared)
        self._check_alive(found)
        return found

    def reply(self, requests: Sequence[Request]) -> list[Reply | Failure]:
        """Answer a batch."""
        return self.answer(self.prepare(requests))

    def close(self) -> None:
        """Give the memory back."""
        if self._loaded is not None:
            self._loaded = self.network = self._mode = self._second_mode = self._preparer = None
            release_memory()

    def _answers(self, prepared: Prepared) -> list[Reply | Failure]:
        found: dict[int, Reply | Failure] = dict(prepared.failures)
        for group in prepared.groups:
            found |= self._answer_group(prepared, group)
        return [found[index] for index in range(len(prepared.requests))]

    def _answer_group(self, prepared: Prepared, group: Inputs) -> dict[int, Reply | Failure]:
        is_second = all(request.second_try for request in prepared.requests)
        mode = self._second_mode if is_second else self._mode
        if mode is None:
            raise EngineError("the engine is not loaded")
        import torch

        began = time.monotonic()
        try:
            with translated_errors(), torch.inference_mode():
                said = mode.decode(group, self._counts)
            self.reruns = self._counts["rerun"]
        except (OutOfMemory, MfqError):
            raise
        except Exception as problem:
            return self._one_by_one(prepared, group, problem)
        seconds = (time.monotonic() - began) / group.rows
        replies = [mode.reply(one, tokens, seconds) for one, tokens in zip(said, group.lengths(), strict=True)]
        return dict(zip(group.places, replies, strict=True))

    def _one_by_one(self, prepared: Prepared, group: Inputs, problem: Exception) -> dict[int, Reply | Failure]:
        """Find the song that upset a batch by asking each alone."""
        from musicflamingo_cli.engines.flamingo.inputs import unexpected

        if group.rows == 1:
            return {group.places[0]: unexpected(problem)}
        return {place: self._answers(self.prepare([prepared.requests[place]]))[0] for place in group.places}

    def _check_alive(self, found: Sequence[Reply | Failure]) -> None:
        """Raise `EngineError` if the first songs of a run fail one and all in the model: so would the rest."""
        if self._answered:
            return
        errors = [one.error for one in found if isinstance(one, Failure) and one.reason in OF_THE_MODEL]
        self._answered += sum(isinstance(one, Reply) for one in found)
        self._errors += len(errors)
        if errors and not self._answered and self._errors >= HOPELESS:
            raise EngineError(
                f"the model can't answer any song ({errors[0]}); are its weights whole, and is this a transformers "
                "release that the project was tested with? mfq doctor says what is here"
            )


def _provenance(loaded: Loaded) -> Mapping[str, object]:
    import torch
    import transformers

    device = loaded.device
    return {
        "device": device if device == "cpu" else f"{device} ({torch.cuda.get_device_name(device)})",
        "dtype": loaded.dtype,
        "attention": loaded.attention,
        "commit": loaded.checkpoint.commit,
        "folder": str(loaded.checkpoint.folder),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "sample_rate": SAMPLE_RATE,
    }

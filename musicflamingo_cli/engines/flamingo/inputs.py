"""From requests to tensors: guards, chat template, log-mel. Needs no GPU, so that it can run ahead of one.

What would crash the model, or spoil another song of the batch, does not get past here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.engines.flamingo.memory import is_device_lost, is_out_of_memory
from musicflamingo_cli.records import Failure, Request

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

SAMPLE_RATE = 16_000
WINDOW_SAMPLES = 480_000
"""The encoder hears windows of 30 s."""
TOKEN_SAMPLES = 321
"""A window shorter than this gives no audio token (two mel frames of 160 samples are pooled away). In Music Flamingo of
transformers 5.5 to 5.23 such a last window shifts the time stamps of every window after it: an index error where the
song is the last of its batch, and a silently wrong next song where it is not."""
MEL_WINDOWS = 64
"""Windows whose log-mel features are computed at once: on a GPU, 1 GB for a moment."""
NAMES = ("input_ids", "attention_mask", "input_features", "input_features_mask")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The tensors of songs that go through the model together, on the CPU."""

    places: tuple[int, ...]
    """Index of each row's request in the batch."""
    held: Mapping[str, torch.Tensor]
    """`input_ids` and `attention_mask` [rows, tokens], padded on the left; `input_features` [windows, mels, frames],
    float32, and its mask, over all rows in order, where there is sound."""
    windows: tuple[int, ...]
    """Windows of each row."""

    @property
    def rows(self) -> int:
        """Songs."""
        return len(self.places)

    @property
    def tokens(self) -> int:
        """Positions of a row, padding included."""
        return int(self.held["input_ids"].shape[1])

    def lengths(self) -> list[int]:
        """Return the tokens of each row's prompt, without padding."""
        return [int(n) for n in self.held["attention_mask"].sum(-1)]

    def rows_of(self, rows: Sequence[int]) -> Inputs:
        """Return some of the songs as inputs of their own, padding that none of them needs taken away."""
        index = list(rows)
        held = {name: self.held[name][index] for name in ("input_ids", "attention_mask")}
        first = int(held["attention_mask"].any(0).int().argmax())
        held = {name: tensor[:, first:] for name, tensor in held.items()}
        if "input_features" in self.held:
            starts = [sum(self.windows[:row]) for row in index]
            windows = [
                w for row, start in zip(index, starts, strict=True) for w in range(start, start + self.windows[row])
            ]
            held |= {name: self.held[name][windows] for name in ("input_features", "input_features_mask")}
        return Inputs(tuple(self.places[r] for r in index), held, tuple(self.windows[r] for r in index))

    def tensors(self, rows: range, opening: Sequence[int], device: Any, dtype: Any) -> dict[str, torch.Tensor]:
        """Return the model's arguments for some rows, on a device; floats in the model's dtype, ids as they are.

        Padding that none of these rows needs is left out, and the mask too if none is left.
        """
        import torch

        mask = self.held["attention_mask"][rows.start : rows.stop].long()
        first = int(mask.any(0).int().argmax())
        ids, mask = self.held["input_ids"][rows.start : rows.stop, first:], mask[:, first:]
        tail = torch.tensor(list(opening), dtype=ids.dtype).expand(len(ids), -1)
        chosen = {"input_ids": torch.cat([ids, tail], 1).to(device)}
        if not mask.all():
            chosen["attention_mask"] = torch.cat([mask, torch.ones_like(tail)], 1).to(device)
        if "input_features" in self.held:
            first, last = sum(self.windows[: rows.start]), sum(self.windows[: rows.stop])
            chosen["input_features"] = self.held["input_features"][first:last].to(device, dtype)
            chosen["input_features_mask"] = self.held["input_features_mask"][first:last].to(device)
        return chosen


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that is ready for the model."""

    requests: tuple[Request, ...]
    groups: tuple[Inputs, ...]
    """Songs with sound, and requests of text alone; at most one of each."""
    failures: Mapping[int, Failure]
    """By index in the batch: what the model must not be given."""


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


def unexpected(problem: Exception) -> Failure:
    """Return the failure of a song that upset the model's code."""
    words = (str(problem).strip() or "no message").splitlines()[0][:200]
    return Failure("engine", "engine_error", f"{type(problem).__name__}: {words}")


class Preparer:
    """Turns requests into tensors with a checkpoint's processor."""

    def __init__(self, processor: Any, cap_seconds: float, mel_device: str = "cpu") -> None:
        self._processor = processor
        self._cap_seconds = cap_seconds
        self._mel_device = mel_device
        names = {getattr(processor, f"audio{part}_token", None) for part in ("", "_bos", "_eos")}
        added = {str(token) for token in processor.tokenizer.added_tokens_decoder.values()}
        marks = {name for name in added | {n for n in names if n} if name in names or name.startswith("<|")}
        self.special: tuple[str, ...] = tuple(sorted(marks))
        """The marks that may not stand in a prompt."""

    def prepare(self, requests: Sequence[Request]) -> Prepared:
        """Guard, template and transform a batch. A request that can't be heard becomes a failure of its own."""
        try:
            return self._prepared(requests, {})
        except Exception as problem:
            if is_out_of_memory(problem) or is_device_lost(problem):
                raise
            if len(requests) == 1:
                return Prepared(tuple(requests), (), {0: unexpected(problem)})
        culprits = {n: self.prepare([request]).failures.get(0) for n, request in enumerate(requests)}
        return self._prepared(requests, {n: failure for n, failure in culprits.items() if failure})

    def _prepared(self, requests: Sequence[Request], known: Mapping[int, Failure]) -> Prepared:
        failures: dict[int, Failure] = dict(known)
        with_sound: list[tuple[int, str, Any]] = []
        text_alone: list[tuple[int, str, Any]] = []
        for index, request in enumerate(requests):
            checked = known.get(index) or self._checked(request)
            if isinstance(checked, Failure):
                failures[index] = checked
            elif checked is None:
                text_alone.append((index, self._templated(request, None), None))
            else:
                with_sound.append((index, self._templated(request, checked), checked))
        groups = tuple(self._inputs(group) for group in (with_sound, text_alone) if group)
        return Prepared(tuple(requests), groups, failures)

    def mark_in(self, words: str | None) -> str | None:
        """Return a mark of the model's own that stands in some words, or None."""
        return next((mark for mark in self.special if mark in (words or "")), None)

    def _checked(self, request: Request) -> Any:
        mark = self.mark_in(request.prompt) or self.mark_in(request.system)
        if mark is not None:
            return Failure("engine", "bad_prompt", f"the prompt holds {mark}, which is a mark of the model's own")
        clip = request.heard.clip
        if clip is None:
            return None if request.prompt.strip() else Failure("engine", "empty", "neither sound nor words")
        return safe_clip(clip, self._cap_seconds)

    def _templated(self, request: Request, clip: Any) -> str:
        turns: list[dict[str, Any]] = []
        if request.system:
            turns.append({"role": "system", "content": [{"type": "text", "text": request.system}]})
        content: list[dict[str, Any]] = [] if clip is None else [{"type": "audio", "audio": clip}]
        if request.prompt.strip():
            content.append({"type": "text", "text": request.prompt})
        turns.append({"role": "user", "content": content})
        return str(self._processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    def _inputs(self, group: Sequence[tuple[int, str, Any]]) -> Inputs:
        windows = tuple(0 if clip is None else -(-len(clip) // WINDOW_SAMPLES) for _, _, clip in group)
        parts = [self._tensors(group[part.start : part.stop]) for part in _parts(windows)]
        return Inputs(tuple(index for index, _, _ in group), _joined(parts), windows)

    def _tensors(self, group: Sequence[tuple[int, str, Any]]) -> dict[str, torch.Tensor]:
        texts, clips = [text for _, text, _ in group], [clip for _, _, clip in group]
        if clips[0] is None:
            made = self._processor.tokenizer(
                texts, padding=True, padding_side="left", add_special_tokens=False, return_tensors="pt"
            )
        else:
            made = self._processor(text=texts, audio=clips, audio_kwargs={"device": self._mel_device})
        return {name: made[name] for name in NAMES if name in made}


def _parts(windows: Sequence[int]) -> list[range]:
    """Cut songs into groups of at most `MEL_WINDOWS` windows, one song at least."""
    parts, start = [], 0
    for stop in range(1, len(windows) + 1):
        if stop == len(windows) or sum(windows[start : stop + 1]) > MEL_WINDOWS:
            parts.append(range(start, stop))
            start = stop
    return parts


def _joined(parts: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Join the tensors of groups of songs: words padded on the left to one length, sounds one after the other."""
    import torch

    longest = max(part["input_ids"].shape[1] for part in parts)
    joined = {}
    for name in parts[0]:
        tensors = [part[name] for part in parts]
        if name in ("input_ids", "attention_mask"):
            # what stands under the mask is never looked at, but must be a token's id
            tensors = [torch.nn.functional.pad(t, (longest - t.shape[1], 0), value=0) for t in tensors]
        joined[name] = torch.cat(tensors)
    return joined

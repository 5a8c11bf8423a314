"""The model as decoding sees it: sounds and words in, hidden states and log-probabilities out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.engines.flamingo.attention import register

if TYPE_CHECKING:
    import torch

WINDOWS_AT_ONCE = 64
"""Windows of 30 s that the audio encoder is given in one call."""
FULL_FRAMES = 3000
"""Mel frames of a whole window."""
HEAD_BLOCK = 16_384
"""Rows of the output head that are widened to float32 at once."""


class Network:
    """A loaded model with what decoding needs around it. Every method runs without gradients."""

    def __init__(self, model: Any, attention: str, prefill_tokens: int | None = None) -> None:
        """`prefill_tokens`: songs go through the prefill in groups of at most so many tokens; None for all at once."""
        import torch

        # It builds a plan for each new shape, tens of milliseconds or more on Hopper, and songs come in all lengths.
        torch.backends.cuda.enable_cudnn_sdp(False)
        self.model = model
        self.attention = attention
        self.prefill_tokens = prefill_tokens
        self.device = model.device
        self.dtype = model.dtype
        self.text_config = model.config.text_config
        self._small = "eager" if attention == "eager" else register()
        split_windows(model)

    def prompt(self, tensors: dict[str, Any]) -> Any:
        """Run the prompts of a batch and return the body's output: last hidden states and the cache."""
        mask = tensors["attention_mask"]
        position_ids = (mask.cumsum(-1) - 1).clamp(min=0)
        return self.model.model(**tensors, position_ids=position_ids, use_cache=True)

    def extend(self, ids: torch.Tensor, mask: torch.Tensor, position_ids: torch.Tensor, cache: Any) -> torch.Tensor:
        """Run further tokens [songs, n] behind a cache and return their hidden states [songs, n, width].

        `mask` is boolean [songs, 1, n, all positions]: what each of them may see.
        """
        import torch

        if self.attention == "eager":
            floor = torch.finfo(self.dtype).min
            mask = torch.zeros(mask.shape, dtype=self.dtype, device=mask.device).masked_fill(~mask, floor)
        with self._attending(self._small):
            out = self.model.model(
                input_ids=ids, attention_mask=mask, position_ids=position_ids, past_key_values=cache, use_cache=True
            )
        return out.last_hidden_state  # type: ignore[no-any-return]

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the next token's logits, float32 [n, vocabulary], as greedy generation computes them."""
        return self.model.lm_head(hidden).float()  # type: ignore[no-any-return]

    def log_probabilities(self, hidden: torch.Tensor, tokens: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities, float32 [n, len(tokens) + 1]: of some tokens, and last of any token in `ends`.

        Computed in float32 whatever the model's dtype: a bfloat16 logit near 20 comes in steps of 1/8, which would
        move a probability by 13 %. `tokens` and `ends` are ids.
        """
        import torch

        weight, bias = self.model.lm_head.weight, self.model.lm_head.bias
        wide = hidden.float()

        def scores(rows: Any) -> torch.Tensor:
            found: torch.Tensor = wide @ weight[rows].float().T
            return found if bias is None else found + bias[rows].float()

        whole = wide.new_full((len(wide),), float("-inf"))
        for start in range(0, len(weight), HEAD_BLOCK):
            whole = torch.logaddexp(whole, scores(slice(start, start + HEAD_BLOCK)).logsumexp(-1))
        return torch.cat([scores(tokens), scores(ends).logsumexp(-1, keepdim=True)], -1) - whole[:, None]

    @contextmanager
    def _attending(self, attention: str) -> Iterator[None]:
        """Use another attention for a while."""
        before = self.text_config._attn_implementation
        self.text_config._attn_implementation = attention
        try:
            yield
        finally:
            self.text_config._attn_implementation = before


def split_windows(model: Any) -> None:
    """Have the audio encoder run whole windows without a mask, in bounded groups; the rest with one.

    The encoder builds a mask [windows, 1, 1500, 1500] for all windows as soon as one is not whole, and a mask bars the
    fast attention kernels. Windows don't see each other, so that the result is the same.
    """
    tower = model.model.audio_tower
    if getattr(tower, "mfq_split", False):
        return
    whole = tower.forward

    def forward(input_features: torch.Tensor, input_features_mask: torch.Tensor, **kwargs: Any) -> Any:
        import torch

        frames = input_features_mask.sum(-1)
        full = (frames == FULL_FRAMES).nonzero().flatten()
        part = (frames != FULL_FRAMES).nonzero().flatten()
        order = [*torch.split(full, WINDOWS_AT_ONCE), *torch.split(part, WINDOWS_AT_ONCE)]
        order = [group for group in order if len(group)]
        if len(order) == 1:
            return whole(input_features, input_features_mask=input_features_mask, **kwargs)
        outs = [whole(input_features[g], input_features_mask=input_features_mask[g], **kwargs) for g in order]
        hidden = torch.cat([out.last_hidden_state for out in outs])
        outs[0].last_hidden_state = hidden[torch.cat(order).argsort()]
        return outs[0]

    tower.forward = forward
    tower.mfq_split = True


def slices(lengths: Sequence[int], limit: int | None) -> list[range]:
    """Cut songs into groups in which songs times the longest is at most `limit` tokens; one song at least."""
    groups, start = [], 0
    for stop in range(1, len(lengths) + 1):
        held = lengths[start : stop + 1]
        if stop == len(lengths) or (limit is not None and max(held) * len(held) > limit):
            groups.append(range(start, stop))
            start = stop
    return groups

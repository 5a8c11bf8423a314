"""The model as decoding sees it: sounds and words in, hidden states and log-probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from musicflamingo_cli.engines.flamingo.kv_cache import KVCache

PACKED = "mfq_packed"
"""Name of `packed_attention` in transformers."""
LONE_TOKENS = 2000
"""Songs longer than this go through the prefill alone, or with songs of the same length: a mask costs more than company
brings."""
WINDOWS_AT_ONCE = 64
"""Windows of 30 s that the audio encoder is given in one call."""
FULL_FRAMES = 3000
"""Mel frames of a whole window."""
HEAD_BLOCK = 16_384
"""Rows of the output head that are widened to float32 at once."""


class Network:
    """A loaded model with what decoding needs around it. Every method runs without gradients."""

    def __init__(self, model: Any, attention: str, say: Callable[[str], None] = lambda text: None) -> None:
        """`say` is told what a person should know of how decoding goes."""
        import torch

        # It builds a plan for each new shape, tens of milliseconds or more on Hopper, and songs come in all lengths.
        torch.backends.cuda.enable_cudnn_sdp(False)
        self.model = model
        self.attention = attention
        self.prefill_tokens: int | None = None
        """Songs go through the prefill in groups of at most so many tokens; None for all at once."""
        self.device = model.device
        self.dtype = model.dtype
        self.text_config = model.config.text_config
        self.fixed = self.device.type != "cpu"
        """Whether steps are all of one shape. A CPU is faster over no more than the tokens that there are."""
        self.replays = self.device.type == "cuda"
        """Whether a step is captured once a batch as a CUDA graph, and replayed."""
        self._say = say
        self._small = "eager" if attention == "eager" else register()
        self._shared = self.text_config.num_attention_heads // self.text_config.num_key_value_heads
        split_windows(model)

    @property
    def step(self) -> str:
        """How a step is done: `graph` or `eager`."""
        return "graph" if self.replays else "eager"

    def forgo_graphs(self, why: str) -> None:
        """Run each step as it is from now on."""
        self.replays = False
        self._say(f"a step of decoding could not be captured as a CUDA graph ({why}); it is run as it is, slower")

    def prompt(self, tensors: dict[str, Any], cache: KVCache) -> torch.Tensor:
        """Run the prompts of some rows, which the cache is filled with; return their last hidden states [n, width]."""
        mask = tensors.get("attention_mask")  # none where nothing is padded: then the fastest kernels can be used
        position_ids = None if mask is None else (mask.cumsum(-1) - 1).clamp(min=0)
        out = self.model.model(**tensors, position_ids=position_ids, past_key_values=cache.held, use_cache=True)
        return out.last_hidden_state[:, -1]  # type: ignore[no-any-return]

    def extend(self, ids: torch.Tensor, seen: torch.Tensor, positions: torch.Tensor, cache: KVCache) -> torch.Tensor:
        """Run further tokens [rows, n] and return their hidden states [rows, n, width].

        `seen` is boolean [rows, 1, n, positions of the cache]: what each of them may see.
        """
        import torch

        eager = self._small == "eager"
        hidden_from = torch.finfo(self.dtype).min if eager else float("-inf")
        mask = torch.zeros(seen.shape, dtype=self.dtype, device=seen.device).masked_fill_(~seen, hidden_from)
        with self._attending(self._small):
            out = self.model.model(
                input_ids=ids,
                attention_mask=mask if eager else mask.repeat(1, 1, self._shared, 1),  # once, not in every layer
                position_ids=positions,
                past_key_values=cache.held,
                use_cache=True,
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


def usable(logits: torch.Tensor) -> torch.Tensor:
    """Say for each row if none of its logits is NaN or positive infinity, boolean [n]."""
    return logits.amax(-1) < float("inf")


def packed_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend, without copying the cache once for each head.

    The real model has 28 query heads over 4 key heads. With a mask, transformers repeats every key seven times before
    its attention kernel runs: 240 GB of traffic a forward for 64 songs of three minutes, against 17 GB to read the
    cache. Here the queries of the heads that share a key stand one after the other instead.

    Shapes: query [songs, heads, n, width], key and value [songs, key heads, positions, width], additive mask
    [songs, 1, heads / key heads * n, positions]. Returns ([songs, n, heads, width], None), as transformers asks for.
    """
    import torch

    songs, heads, n, width = query.shape
    packed = query.reshape(songs, key.shape[1], -1, width)
    out = torch.nn.functional.scaled_dot_product_attention(packed, key, value, attn_mask=attention_mask, scale=scaling)
    return out.reshape(songs, heads, n, width).transpose(1, 2).contiguous(), None


def register() -> str:
    """Make packed attention known to transformers; return its name."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(PACKED, packed_attention)
    AttentionMaskInterface.register(PACKED, sdpa_mask)
    return PACKED


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
    """Cut songs into groups in which songs times the longest is at most `limit` tokens; one song at least.

    A song of more than `LONE_TOKENS` tokens has company of its own length alone.
    """
    groups, start = [], 0
    for stop in range(1, len(lengths) + 1):
        held = lengths[start : stop + 1]
        ragged = max(held) > LONE_TOKENS and min(held) < max(held)
        if stop == len(lengths) or ragged or (limit is not None and max(held) * len(held) > limit):
            groups.append(range(start, stop))
            start = stop
    return groups

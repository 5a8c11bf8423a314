"""Keys and values of a batch: each row's tokens stand behind each other in a fixed number of positions.

transformers' dynamic cache copies all of it for every token, 17 GB each way for 64 songs of three minutes, and shows
each step attention of another shape, of which no CUDA graph can be made.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.engines.flamingo.memory import key_shape

if TYPE_CHECKING:
    import torch

BLOCK = 64
"""Rows are a multiple of so many positions: attention kernels want masks whose rows are aligned."""
SPARE = 256
"""Positions for a reply at first. When they are used up, twice as many are added, and so on: few sizes come up."""


class KVCache:
    """The keys and values of all layers. A token's slot in its row is its position; what stands behind is not seen."""

    def __init__(self, text_config: Any, lengths: Sequence[int], dtype: Any, device: Any, fixed: bool) -> None:
        """Make room for prompts of some lengths, tokens.

        `fixed`: attention always reads whole rows, so that steps are alike; else as far as there are tokens.
        """
        import torch
        from transformers import Cache

        self.lengths = list(lengths)
        """Tokens that each row holds."""
        self.fixed = fixed
        self.size = _blocks(max(lengths) + SPARE + 1)
        """Positions of each row. The last one takes padding, and is never seen."""
        self.reach = self.size
        """Positions that attention reads."""
        self.slots: torch.Tensor | None = None
        """Where the tokens of a forward go, [rows, tokens]; set before it."""
        self.prompts = range(0)
        """The rows whose prompts go through the model just now."""
        self._spare = SPARE
        layers, heads, width = key_shape(text_config)
        shape = (len(self.lengths), heads, self.size, width)
        rooms = [torch.zeros((2, *shape), dtype=dtype, device=device).unbind(0) for _ in range(layers)]
        self._layers: list[Any] = [_layer_class()(self, keys, values) for keys, values in rooms]
        self.held = Cache(layers=self._layers)
        """What the model is given."""

    @property
    def pad_slot(self) -> int:
        """Where padding is written."""
        return self.size - 1

    @contextmanager
    def filling(self, rows: range) -> Iterator[None]:
        """Take prompts, padded on the left, from a forward of these rows."""
        self.prompts = rows
        try:
            yield
        finally:
            self.prompts = range(0)

    def reserve(self, needed: int) -> bool:
        """See to it that each row has so many positions; say if the cache had to move for it."""
        grown = needed > self.pad_slot
        if grown:
            self._spare *= 2
            self.size = _blocks(max(self.size + self._spare, needed + 1))
            for layer in self._layers:
                layer.keys, layer.values = self._moved(layer.keys), self._moved(layer.values)
        self.reach = self.size if self.fixed else needed
        return grown

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some rows only, in the order given."""
        self.lengths = [self.lengths[row] for row in rows]
        for layer in self._layers:
            layer.keys, layer.values = layer.keys[list(rows)], layer.values[list(rows)]

    def _moved(self, held: torch.Tensor) -> torch.Tensor:
        whole = held.new_zeros((*held.shape[:2], self.size, held.shape[3]))
        whole[:, :, : held.shape[2]] = held
        return whole


def _blocks(positions: int) -> int:
    return -(-positions // BLOCK) * BLOCK


@cache
def _layer_class() -> Any:
    from transformers import cache_utils

    base: Any = cache_utils.DynamicLayer

    class FixedLayer(base):  # type: ignore[misc]  # transformers' class is untyped
        """One layer: `keys` and `values` [rows, key heads, size, width], written in place."""

        def __init__(self, whole: KVCache, keys: torch.Tensor, values: torch.Tensor) -> None:
            super().__init__()
            self.lazy_initialization(keys, values)
            self.keys, self.values = keys, values
            # not a cycle, whose gigabytes would wait on the device for Python's garbage collection
            self._whole = weakref.proxy(whole)

        def get_seq_length(self) -> int:
            """Return 0: nothing stands before a prompt, and later tokens come with their mask and positions."""
            return 0

        def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> Any:
            """Write tokens where they belong; return what attention reads."""
            whole = self._whole
            if whole.prompts:
                for row, keys, values in zip(whole.prompts, key_states, value_states, strict=True):
                    length = whole.lengths[row]
                    self.keys[row, :, :length] = keys[:, -length:]
                    self.values[row, :, :length] = values[:, -length:]
                return key_states, value_states
            if whole.slots is None:
                raise RuntimeError("no slots were given")
            index = whole.slots[:, None, :, None].expand_as(key_states)
            self.keys.scatter_(2, index, key_states)
            self.values.scatter_(2, index, value_states)
            return self.keys[:, :, : whole.reach], self.values[:, :, : whole.reach]

    return FixedLayer

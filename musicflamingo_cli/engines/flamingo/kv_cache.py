"""Keys and values of what was fed, in room that grows in blocks.

transformers' own dynamic cache copies all of it for every token: 17 GB each way for 64 songs of three minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

BLOCK = 256
"""Positions that are added at once."""


def joined(caches: Sequence[Any]) -> Any:
    """Join the caches of groups of songs into one that grows in blocks, giving back each part as it is copied.

    Shorter ones are padded on the left with zeros, which nothing may see.
    """
    whole = caches[0]
    for index in range(len(whole.layers)):
        parts = [one.layers[index] for one in caches]
        keys, values = _stacked([part.keys for part in parts]), _stacked([part.values for part in parts])
        for part in parts:
            part.keys = part.values = None
        whole.layers[index] = _layer_class()(keys, values)
    return whole


def _stacked(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Put parts [songs, heads, positions, width] below each other, their ends in line."""
    if len(parts) == 1:
        return parts[0]
    songs, longest = sum(len(part) for part in parts), max(part.shape[2] for part in parts)
    whole = parts[0].new_zeros((songs, parts[0].shape[1], longest, parts[0].shape[3]))
    start = 0
    for part in parts:
        whole[start : start + len(part), :, longest - part.shape[2] :] = part
        start += len(part)
    return whole


@cache
def _layer_class() -> Any:
    from transformers import cache_utils

    base: Any = cache_utils.DynamicLayer

    class GrowingLayer(base):  # type: ignore[misc]  # transformers' class is untyped
        """One layer: `keys` and `values` [songs, heads, positions, width] are views of rooms with space behind them."""

        def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
            super().__init__()
            self.lazy_initialization(keys, values)
            self.keys, self.values = keys, values
            self._key_room: torch.Tensor | None = None
            self._value_room: torch.Tensor | None = None

        def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> Any:
            """Put further positions behind; return all of them."""
            self.keys, self._key_room = _put(self.keys, self._key_room, key_states)
            self.values, self._value_room = _put(self.values, self._value_room, value_states)
            return self.keys, self.values

    return GrowingLayer


def _put(held: torch.Tensor, room: torch.Tensor | None, more: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (held with more behind it, its room). A room that is too short, or another's, is replaced."""
    end = held.shape[-2] + more.shape[-2]
    if room is None or room.shape[-2] < end or room.data_ptr() != held.data_ptr() or len(room) != len(held):
        room = held.new_empty((*held.shape[:-2], end + BLOCK, held.shape[-1]))
        room[..., : held.shape[-2], :] = held
    room[..., held.shape[-2] : end, :] = more
    return room[..., :end, :], room

"""A batch of songs after its prefill, to which tokens are fed: rows of unlike length, and trees."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from musicflamingo_cli.engines.flamingo.cuda_graph import CaptureFailed, capture
from musicflamingo_cli.engines.flamingo.kv_cache import KVCache
from musicflamingo_cli.engines.flamingo.model import Network, slices
from musicflamingo_cli.engines.flamingo.token_tree import ROOT, TokenTree

if TYPE_CHECKING:
    import torch

    from musicflamingo_cli.engines.flamingo.inputs import Inputs

WIDTHS = 8
"""Chunks are padded to a multiple of so many tokens where steps are to be alike."""


class Session:
    """The state of a batch: the keys and values of all that was fed, and the last hidden state of each row.

    Rows may be fed chunks of unlike length: a shorter one is padded on its left. Every token keeps the position that
    it would have if its song were alone. Where a row stands is known here, so that nothing waits for the device.
    """

    def __init__(self, network: Network, lengths: Sequence[int]) -> None:
        """Make room for prompts of some lengths, which `prefill` runs."""
        import torch

        self.network = network
        self.cache = KVCache(network.text_config, lengths, network.dtype, network.device, network.fixed)
        self.last = torch.zeros(
            (len(lengths), network.text_config.hidden_size), dtype=network.dtype, device=network.device
        )
        """Hidden state of each row's last token, [rows, width]."""
        self._step: Callable[[], None] | None = None
        """The replay, once a step was captured. Never a method of this session, which would then be freed late."""
        self._inputs = self._columns = self.last
        self._settle()

    @property
    def rows(self) -> int:
        """Songs in the batch."""
        return len(self.last)

    def feed(self, chunks: Sequence[Sequence[int]], tree: TokenTree | None = None) -> torch.Tensor | None:
        """Feed each row its chunk (which may be empty), and behind it a tree, which leaves no trace.

        Returns the hidden states of the tree's tokens, [rows, tokens of the tree, width], or None without a tree.
        `last` becomes the hidden state of each row's chunk end. A token a row is one replay where the network replays.
        """
        import torch

        width, nodes = max(map(len, chunks)), len(tree.tokens) if tree else 0
        if width + nodes == 0:
            return None
        if self.cache.fixed and (width > 1 or tree):
            width = -(-width // WIDTHS) * WIDTHS
        if self.cache.reserve(max(n + len(c) for n, c in zip(self.cache.lengths, chunks, strict=True)) + nodes):
            self._settle()
        pinned = self.last.is_cuda  # from pinned memory, a copy waits for nothing
        lines = torch.tensor(
            [self._line(row, chunk, width) for row, chunk in enumerate(chunks)], dtype=torch.long, pin_memory=pinned
        )
        self.cache.lengths = [n + len(c) for n, c in zip(self.cache.lengths, chunks, strict=True)]
        if width == 1 and tree is None:
            self._inputs.copy_(lines, non_blocking=True)
            if self._step is None and self.network.replays:
                self._step = self._captured()
            (self._step or self._run)()
            return None
        ids, slots, positions = lines.to(self.last.device, non_blocking=True).unbind(1)
        hidden = self._forward(ids, slots, positions, tree)
        if width:
            self.last.copy_(torch.where(slots[:, -1:] != self.cache.pad_slot, hidden[:, width - 1], self.last))
        return hidden[:, width:] if tree else None

    def _line(self, row: int, chunk: Sequence[int], width: int) -> list[list[int]]:
        """Return a row's tokens, their slots, and their positions. Padding looks at what its row holds, as all do."""
        start, pads = self.cache.lengths[row], width - len(chunk)
        places = list(range(start, start + len(chunk)))
        return [[0] * pads + list(chunk), [self.cache.pad_slot] * pads + places, [start - 1] * pads + places]

    def _settle(self) -> None:
        """Lay out what a step reads, after rows or the cache moved."""
        import torch

        self._step = None
        self._inputs = torch.zeros((self.rows, 3, 1), dtype=torch.long, device=self.last.device)
        self._columns = torch.arange(self.cache.size, device=self.last.device)

    def _captured(self) -> Callable[[], None] | None:
        try:
            return capture(self._run, self.last.device)
        except CaptureFailed as problem:
            self.network.forgo_graphs(str(problem))
            return None

    def _run(self) -> None:
        """Do a step over `_inputs`, a token a row: only the cache and `last` change, the same way if done again."""
        import torch

        ids, slots, positions = self._inputs.unbind(1)
        hidden = self._forward(ids, slots, positions)
        self.last.copy_(torch.where(slots != self.cache.pad_slot, hidden[:, 0], self.last))

    def _forward(
        self, ids: torch.Tensor, slots: torch.Tensor, positions: torch.Tensor, tree: TokenTree | None = None
    ) -> torch.Tensor:
        """Run tokens [rows, n], and a tree behind them; each sees what its row holds up to its own position."""
        import torch

        columns = self._columns[: self.cache.reach]
        seen = columns <= positions[:, :, None]
        if tree is not None:
            device, nodes = ids.device, len(tree.tokens)
            family = torch.zeros((nodes, nodes), dtype=torch.bool)
            for node, line in enumerate(tree.ancestors()):
                family[node, line] = True
            ends = torch.tensor(self.cache.lengths, device=device)[:, None]
            places = columns - ends  # which node stands there
            inside = (places >= 0) & (places < nodes)
            limbs = family.to(device)[:, places.clamp(0, nodes - 1)].movedim(0, 1) & inside[:, None]
            ids = torch.cat([ids, torch.tensor(tree.tokens, device=device).expand(self.rows, -1)], 1)
            slots = torch.cat([slots, ends + torch.arange(nodes, device=device)], 1)
            positions = torch.cat([positions, ends - 1 + torch.tensor(tree.depths, device=device)], 1)
            seen = torch.cat([seen, limbs | (places < 0)[:, None]], 1)
        self.cache.slots = slots
        return self.network.extend(ids, seen[:, None], positions, self.cache)

    def at(self, tree: TokenTree, hidden: torch.Tensor | None, branch: int) -> torch.Tensor:
        """Return the hidden states at the prefixes of one branch of a tree that was fed, [rows, prefixes, width]."""
        import torch

        if hidden is None:
            return self.last[:, None]
        columns = torch.cat([hidden, self.last[:, None]], 1)
        nodes = [hidden.shape[1] if node == ROOT else node for node in tree.nodes[branch]]
        return columns[:, nodes]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some rows only, in the order given."""
        self.cache.keep(rows)
        self.last = self.last[list(rows)]
        self._settle()


def prefill(network: Network, inputs: Inputs, opening: Sequence[int] = ()) -> Session:
    """Run the prompts of a batch. `opening` are tokens that every reply begins with; they go through with them."""
    lengths = [n + len(opening) for n in inputs.lengths()]
    session = Session(network, lengths)
    for rows in slices(lengths, network.prefill_tokens):
        tensors = inputs.tensors(rows, opening, network.device, network.dtype)
        with session.cache.filling(rows):
            session.last[rows.start : rows.stop] = network.prompt(tensors, session.cache)
    return session


def time_step(network: Network, rows: int, positions: int, steps: int = 20) -> tuple[float, float]:
    """Return how long the first step of a batch takes, its capture included, and each later one, seconds.

    The prompts are zeros: what they are doesn't matter for that.
    """
    import torch

    session = Session(network, [positions] * rows)

    def timed(count: int) -> float:
        if network.device.type == "cuda":
            torch.cuda.synchronize(network.device)
        began = time.perf_counter()
        for _ in range(count):
            session.feed([[0]] * rows)
        if network.device.type == "cuda":
            torch.cuda.synchronize(network.device)
        return (time.perf_counter() - began) / count

    return timed(1), timed(steps)

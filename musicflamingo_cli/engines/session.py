"""A batch of songs after its prefill, to which tokens are fed: rows of unlike length, and trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from musicflamingo_cli.engines.network import Network, merged_caches, slices
from musicflamingo_cli.engines.tree import ROOT, TokenTree

if TYPE_CHECKING:
    import torch

    from musicflamingo_cli.engines.inputs import Inputs


class Session:
    """The state of a batch: the keys and values of all that was fed, and the last hidden state of each row.

    Rows may be fed chunks of unlike length: a shorter one is padded on its left by holes that nothing sees, and every
    token keeps the position that it would have if its song were alone.
    """

    def __init__(self, network: Network, inputs: Inputs, opening: Sequence[int] = ()) -> None:
        """Run the prompts. `opening` are tokens that every reply begins with; they go through the same forward."""
        import torch

        self.network = network
        caches, hidden = [], []
        for rows in slices(inputs.rows, inputs.tokens + len(opening), network.prefill_tokens):
            tensors = inputs.tensors(rows, opening, network.device, network.dtype)
            out = network.prompt(tensors)
            caches.append(out.past_key_values)
            hidden.append(out.last_hidden_state[:, -1].clone())
            del out, tensors
        self.cache = merged_caches(caches)
        self.last: torch.Tensor = torch.cat(hidden)
        """Hidden state of each row's last token, [rows, width]."""
        self.mask = inputs.mask(opening).to(network.device)
        """1 for each position of the cache that holds a token of its row, 0 for padding and holes, int64."""
        self.next = self.mask.sum(-1)
        """Position of each row's next token, [rows]."""
        self.forwards = 1
        """Forwards so far, the prefill included."""

    @property
    def rows(self) -> int:
        """Songs in the batch."""
        return len(self.last)

    def feed(self, chunks: Sequence[Sequence[int]], tree: TokenTree | None = None) -> torch.Tensor | None:
        """Feed each row its chunk (which may be empty), and behind it a tree, which leaves no trace.

        Returns the hidden states of the tree's tokens, [rows, tokens of the tree, width], or None without a tree.
        `last` becomes the hidden state of each row's chunk end.
        """
        import torch

        width = max(map(len, chunks))
        nodes = len(tree.tokens) if tree else 0
        if width + nodes == 0:
            return None
        device = self.mask.device
        ids = torch.zeros((self.rows, width), dtype=torch.long)
        real = torch.zeros((self.rows, width), dtype=torch.long)
        for row, chunk in enumerate(chunks):
            if chunk:
                ids[row, width - len(chunk) :] = torch.tensor(list(chunk))
                real[row, width - len(chunk) :] = 1
        lengths = real.sum(-1).to(device)
        ids, real = ids.to(device), real.to(device)
        positions = self.next[:, None] + (real.cumsum(-1) - 1).clamp(min=0)
        mask = torch.cat([self.mask, real], 1)
        after = self.next + lengths
        if tree is None:
            hidden = self.network.extend(ids, mask, positions, self.cache)
        else:
            hidden = self._extend_tree(tree, ids, positions, mask, after)
        self.forwards += 1
        self.mask, self.next = mask, after
        if width:
            fed = (lengths > 0)[:, None]
            self.last = torch.where(fed, hidden[:, width - 1], self.last)
        return hidden[:, width:] if tree else None

    def _extend_tree(
        self, tree: TokenTree, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor, after: torch.Tensor
    ) -> torch.Tensor:
        import torch

        device, width, nodes = mask.device, ids.shape[1], len(tree.tokens)
        past, known = mask.shape[1] - width, mask.bool()
        seen = torch.zeros((nodes, nodes), dtype=torch.bool)
        for node, line in enumerate(tree.ancestors()):
            seen[node, line] = True
        order = torch.arange(width, device=device)
        chunk = known[:, None, :].expand(-1, width, -1).clone()
        chunk[:, :, past:] &= order[None, :] <= order[:, None]
        chunk = torch.cat([chunk, torch.zeros((len(mask), width, nodes), dtype=torch.bool, device=device)], 2)
        limbs = [known[:, None, :].expand(-1, nodes, -1), seen.to(device)[None].expand(len(mask), -1, -1)]
        whole = torch.cat([chunk, torch.cat(limbs, 2)], 1)[:, None]
        tokens = torch.tensor(tree.tokens, device=device).expand(len(mask), -1)
        depths = torch.tensor(tree.depths, device=device)
        places = torch.cat([positions, after[:, None] - 1 + depths], 1)
        hidden = self.network.extend(torch.cat([ids, tokens], 1), whole, places, self.cache)
        self.cache.crop(-nodes)
        return hidden

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
        import torch

        index = torch.tensor(list(rows), device=self.mask.device)
        self.cache.batch_select_indices(index)
        self.mask, self.next, self.last = self.mask[index], self.next[index], self.last[index]

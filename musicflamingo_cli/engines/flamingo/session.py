"""A batch of songs after its prefill, to which tokens are fed: rows of unlike length, and trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from musicflamingo_cli.engines.flamingo.kv_cache import joined
from musicflamingo_cli.engines.flamingo.model import Network, slices
from musicflamingo_cli.engines.flamingo.token_tree import ROOT, TokenTree

if TYPE_CHECKING:
    import torch

    from musicflamingo_cli.engines.flamingo.inputs import Inputs


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
        for rows in slices([n + len(opening) for n in inputs.lengths()], network.prefill_tokens):
            tensors = inputs.tensors(rows, opening, network.device, network.dtype)
            out = network.prompt(tensors)
            caches.append(out.past_key_values)
            hidden.append(out.last_hidden_state[:, -1].clone())
            del out, tensors
        self.cache = joined(caches)
        self.last: torch.Tensor = torch.cat(hidden)
        """Hidden state of each row's last token, [rows, width]."""
        self.mask = inputs.mask(opening).to(network.device)
        """1 for each position of the cache that holds a token of its row, 0 for padding and holes, int64."""
        self.next = self.mask.sum(-1)
        """Position of each row's next token, [rows]."""

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
        filled = [[0] * (width - len(chunk)) + list(chunk) for chunk in chunks]
        flags = [[0] * (width - len(chunk)) + [1] * len(chunk) for chunk in chunks]
        ids, real = torch.tensor([filled, flags], dtype=torch.long, device=self.mask.device).unbind(0)
        positions = self.next[:, None] + (real.cumsum(-1) - 1).clamp(min=0)
        mask = torch.cat([self.mask, real], 1)
        after = self.next + real.sum(-1)
        seen = self._causal(mask, width)
        if tree is not None:
            ids, positions, seen = self._with_tree(tree, ids, positions, seen, after)
        hidden = self.network.extend(ids, seen, positions, self.cache)
        if nodes:
            self.cache.crop(-nodes)
        self.mask, self.next = mask, after
        if width:
            self.last = torch.where(real[:, -1:] > 0, hidden[:, width - 1], self.last)
        return hidden[:, width:] if tree else None

    def _causal(self, mask: torch.Tensor, width: int) -> torch.Tensor:
        """Return what each of the last `width` positions may see: real ones, up to itself; [rows, 1, width, all]."""
        import torch

        count = mask.shape[1]
        places = torch.arange(count, device=mask.device)
        return mask.bool()[:, None, None, :] & (places[None, :] <= places[count - width :, None])

    def _with_tree(
        self, tree: TokenTree, ids: torch.Tensor, positions: torch.Tensor, seen: torch.Tensor, after: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Put a tree behind chunks: each of its tokens sees what its row has fed, and its own ancestors."""
        import torch

        device, rows, nodes = ids.device, len(ids), len(tree.tokens)
        lines = torch.zeros((nodes, nodes), dtype=torch.bool)
        for node, line in enumerate(tree.ancestors()):
            lines[node, line] = True
        fed = (
            torch.cat([self.mask.bool(), seen[:, 0, -1, self.mask.shape[1] :]], 1) if ids.shape[1] else self.mask.bool()
        )
        limbs = torch.cat([fed[:, None].expand(-1, nodes, -1), lines.to(device)[None].expand(rows, -1, -1)], 2)
        blind = torch.zeros((*seen.shape[:3], nodes), dtype=torch.bool, device=device)
        whole = torch.cat([torch.cat([seen, blind], 3), limbs[:, None]], 2)
        tokens = torch.tensor(tree.tokens, device=device).expand(rows, -1)
        places = after[:, None] - 1 + torch.tensor(tree.depths, device=device)
        return torch.cat([ids, tokens], 1), torch.cat([positions, places], 1), whole

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

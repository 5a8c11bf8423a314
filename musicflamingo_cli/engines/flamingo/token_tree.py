"""Many possible continuations of one prompt, read in a single forward.

The tokens of all branches stand in one row behind the prompt. Each sees the prompt and its own ancestors only, and its
position is its depth, so that the logits at a node are those that a plain forward of its branch alone would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from musicflamingo_cli.engines.flamingo.score_grid import ALPHABET, Grid

ROOT = -1
"""The parent of first tokens: the end of what was fed before."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One score that is to be read."""

    name: str
    scaffold: tuple[int, ...]
    """Tokens that stand before its number; may be empty."""
    grid: Grid


@dataclass(frozen=True, slots=True)
class TokenTree:
    """The tokens of several branches; common beginnings are shared."""

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    """Index of each token's parent, always smaller than its own, or `ROOT`."""
    depths: tuple[int, ...]
    """Distance from the root, from 1."""
    branches: tuple[Branch, ...]
    nodes: tuple[tuple[int, ...], ...]
    """For each branch, the node of each of its grid's prefixes (`ROOT` for the end of what was fed before)."""

    def ancestors(self) -> list[list[int]]:
        """Return, for each token, itself and its ancestors."""
        lines: list[list[int]] = []
        for index, parent in enumerate(self.parents):
            lines.append([*(lines[parent] if parent != ROOT else []), index])
        return lines


def grow(branches: Sequence[Branch], characters: Sequence[int]) -> TokenTree:
    """Build the tree of some branches. `characters` are the token ids of `grids.ALPHABET`."""
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    known: dict[tuple[int, int], int] = {}

    def step(parent: int, token: int) -> int:
        node = known.get((parent, token))
        if node is None:
            node = known[parent, token] = len(tokens)
            tokens.append(token)
            parents.append(parent)
            depths.append(1 if parent == ROOT else depths[parent] + 1)
        return node

    nodes = []
    for branch in branches:
        root = ROOT
        for token in branch.scaffold:
            root = step(root, token)
        places = {"": root}
        for prefix in branch.grid.prefixes[1:]:
            places[prefix] = step(places[prefix[:-1]], characters[ALPHABET.index(prefix[-1])])
        nodes.append(tuple(places[prefix] for prefix in branch.grid.prefixes))
    return TokenTree(tuple(tokens), tuple(parents), tuple(depths), tuple(branches), tuple(nodes))


def groves(branches: Sequence[Branch], characters: Sequence[int], limit: int = 512) -> list[TokenTree]:
    """Build as few trees as keep each within `limit` tokens (a branch of its own may exceed it)."""
    trees: list[TokenTree] = []
    held: list[Branch] = []
    for branch in branches:
        if held and len(grow([*held, branch], characters).tokens) > limit:
            trees.append(grow(held, characters))
            held = []
        held.append(branch)
    return [*trees, grow(held, characters)] if held else trees

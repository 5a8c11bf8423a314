"""Decoding a batch: freely, within the pack's schema, or the numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.engines.flamingo.constrained import Grammar, Guide
from musicflamingo_cli.engines.flamingo.model import usable
from musicflamingo_cli.engines.flamingo.reply_plan import Free, Number, scaffold, written_json
from musicflamingo_cli.engines.flamingo.score_grid import ALPHABET, read
from musicflamingo_cli.engines.flamingo.session import Session, prefill
from musicflamingo_cli.engines.flamingo.token_tree import Branch, TokenTree, groves, grow
from musicflamingo_cli.engines.flamingo.vocabulary import Vocabulary
from musicflamingo_cli.records import Distribution, Field

if TYPE_CHECKING:
    import torch

    from musicflamingo_cli.engines.flamingo.inputs import Inputs
    from musicflamingo_cli.engines.flamingo.model import Network


@dataclass(slots=True)
class Said:
    """What one song's decoding came to."""

    tokens: list[int] = field(default_factory=list)
    """The reply's tokens, its end token not included."""
    text: str | None = None
    """The reply where it is not its tokens' text."""
    finished: bool = True
    """False if the token cap ended it."""
    scores: dict[str, Distribution] = field(default_factory=dict)
    broken: bool = False
    """True if the model's output was not finite: there is no reply."""


class NumberReader:
    """Reads the distributions of numbers from the hidden states of a tree."""

    def __init__(self, network: Network, vocabulary: Vocabulary) -> None:
        import torch

        self._network = network
        self.characters = vocabulary.characters
        self._tokens = torch.tensor(self.characters, device=network.device)
        self._ends = torch.tensor(vocabulary.number_ends, device=network.device)

    def read(self, session: Session, tree: TokenTree, hidden: torch.Tensor | None) -> list[list[Distribution | None]]:
        """Return, per branch and row, the joint distribution over a score's values; None where it is not finite."""
        import numpy as np

        found: list[list[Distribution | None]] = []
        for index, branch in enumerate(tree.branches):
            places = session.at(tree, hidden, index)
            logs = self._network.log_probabilities(places.flatten(0, 1), self._tokens, self._ends)
            rows = logs.view(*places.shape[:2], -1).double().cpu().numpy()
            sound = ~(np.isnan(rows) | np.isposinf(rows)).any((1, 2))
            found.append([read(branch.grid, row) if ok else None for row, ok in zip(rows, sound, strict=True)])
        return found

    def tokens(self, text: str) -> list[int]:
        """Return the tokens of a number as it is written."""
        return [self.characters[ALPHABET.index(character)] for character in text]


def decode_scores(
    network: Network, inputs: Inputs, fields: Sequence[Field], reader: NumberReader, trees: Sequence[TokenTree]
) -> list[Said]:
    """Prefill, then read every score on its own, in one forward (more only where the ranges are wide)."""
    session = prefill(network, inputs)
    nothing: list[list[int]] = [[] for _ in range(session.rows)]
    said = [Said() for _ in range(session.rows)]
    for tree in trees:
        found = reader.read(session, tree, session.feed(nothing, tree))
        for branch, rows in zip(tree.branches, found, strict=True):
            for one, spread in zip(said, rows, strict=True):
                if spread is None:
                    one.broken = True
                else:
                    one.scores[branch.name] = spread
    grids = {branch.name: branch.grid for tree in trees for branch in tree.branches}
    for one in said:
        texts = [(f.name, _text(one.scores[f.name], grids[f.name].decimals)) for f in fields if f.name in one.scores]
        one.text = written_json(texts)
    return said


def score_trees(fields: Sequence[Field], grids: Mapping[str, Any], vocabulary: Vocabulary) -> list[TokenTree]:
    """Return the trees that read every score on its own."""
    branches = [Branch(f.name, vocabulary.encode(scaffold(f)), grids[f.name]) for f in fields]
    return groves(branches, vocabulary.characters)


def decode_plan(network: Network, inputs: Inputs, grammar: Grammar, reader: NumberReader) -> list[Said]:
    """Decode the JSON of a plan: words greedily within the grammar, each number from one forward of its tree.

    Rows whose words are done wait at their first number until all are there, so that the numbers, which every row
    takes alike, go through the model together.
    """
    session = prefill(network, inputs, grammar.plan.opening)
    guides = [Guide(grammar) for _ in range(session.rows)]
    said = [Said() for _ in guides]
    at_once = 1 if network.fixed else None  # forced tokens go one by one where each step is the same work
    while active := [i for i, guide in enumerate(guides) if guide.part is not None and not said[i].broken]:
        free = {i for i in active if isinstance(guides[i].part, Free)}
        if free:
            session.feed([guide.take(at_once) if i in free else [] for i, guide in enumerate(guides)])
            choosing = [guide if i in free and not guide.waiting else None for i, guide in enumerate(guides)]
            if any(choosing):
                _choose_words(session, choosing, said, grammar)
        else:
            _read_number(session, guides, said, active, reader)
    for one, guide in zip(said, guides, strict=True):
        one.tokens = guide.said
    return said


def _choose_words(session: Session, guides: Sequence[Guide | None], said: list[Said], grammar: Grammar) -> None:
    """Let each row at a free part choose its next token: the likeliest that its grammar allows."""
    import torch

    allowed = allowed_tokens(guides, grammar, session.last.device)  # while the device is at the step before
    logits = session.network.logits(session.last)
    chosen = torch.where(allowed, logits, float("-inf")).argmax(-1)
    picked = torch.stack([chosen, usable(logits).long()]).tolist()
    for one, guide, token, ok in zip(said, guides, *picked, strict=True):
        if guide is not None and ok:
            guide.choose(token)
        elif guide is not None:
            one.broken = True


def allowed_tokens(guides: Sequence[Guide | None], grammar: Grammar, device: torch.device) -> torch.Tensor:
    """Return which tokens each guide at a free part allows next, boolean [guides, vocabulary]; none where is no guide.

    All masks are made in one call, and copied from pinned memory, which waits for nothing.
    """
    import torch

    words = (grammar.vocabulary.size + 31) // 32
    bits = torch.zeros((len(guides), words), dtype=torch.int32, pin_memory=device.type == "cuda")
    rows = [(guide.matcher, row) for row, guide in enumerate(guides) if guide is not None]
    # what llguidance.torch does, without the torch.compile that importing it starts
    grammar.executor.unsafe_compute_mask_ptr(rows, bits.data_ptr(), 4 * words, len(guides))
    for row, guide in zip(bits.numpy(), guides, strict=True):
        if guide is not None and guide.spent:
            guide.narrow(row)
    packed = bits.to(device, non_blocking=True)
    flags = (packed[:, :, None] >> torch.arange(32, dtype=torch.int32, device=device)) & 1
    return flags.flatten(1)[:, : grammar.vocabulary.size].bool()


def _read_number(
    session: Session, guides: list[Guide], said: list[Said], active: list[int], reader: NumberReader
) -> None:
    """Read the number that all rows are at, and write the greedy one."""
    part = guides[active[0]].part
    if not isinstance(part, Number):
        raise RuntimeError("the rows are not at a number")
    tree = grow([Branch(part.name, (), part.grid)], reader.characters)
    held = set(active)
    hidden = session.feed([guide.take() if i in held else [] for i, guide in enumerate(guides)], tree)
    spreads = reader.read(session, tree, hidden)[0]
    for i in active:
        spread = spreads[i]
        if spread is None:
            said[i].broken = True
            continue
        said[i].scores[part.name] = spread
        guides[i].state(reader.tokens(_text(spread, part.grid.decimals)))


def _text(spread: Distribution, decimals: int) -> str:
    return f"{spread.written:.{decimals}f}"

"""Free greedy generation, and a second try for replies that ran in circles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.engines.flamingo.decoding import Said
from musicflamingo_cli.engines.flamingo.model import usable
from musicflamingo_cli.engines.flamingo.session import prefill

if TYPE_CHECKING:
    import torch

    from musicflamingo_cli.engines.flamingo.inputs import Inputs
    from musicflamingo_cli.engines.flamingo.model import Network

REPETITION_PENALTY = 1.1
"""Of the second try: logits of tokens that were said are divided by this where positive, else multiplied."""
NO_REPEAT_NGRAM = 12
"""Of the second try: no run of 12 tokens is said twice. A JSON key with its punctuation is shorter."""
LOOP_REPEATS = 4
"""A run of tokens that stands this many times on end, at least `LOOP_TOKENS` in all, is a loop."""
LOOP_TOKENS = 32
LONGEST_PERIOD = 128


@dataclass(frozen=True, slots=True)
class FreeSettings:
    """How free generation goes."""

    max_tokens: int
    end_ids: tuple[int, ...]
    careful: bool = False
    """With a repetition penalty and no repeated n-grams, over what the reply has said (the prompt is left out: its keys
    must be said again)."""


def loop_at_end(tokens: Sequence[int]) -> bool:
    """Say if a reply ends in a loop: its last tokens are one run of at most 128 tokens, said four times or more."""
    count = len(tokens)
    for period in range(1, min(LONGEST_PERIOD, count // LOOP_REPEATS) + 1):
        span = max(period * LOOP_REPEATS, LOOP_TOKENS)
        if span <= count and all(tokens[-k] == tokens[-k - period] for k in range(1, span - period + 1)):
            return True
    return False


def has_loop(tokens: Sequence[int]) -> bool:
    """Say if a loop stands anywhere in a reply, by looking at its end and at every 64th token before."""
    return any(loop_at_end(tokens[:end]) for end in {len(tokens), *range(LOOP_TOKENS, len(tokens), 64)})


def generate(network: Network, inputs: Inputs, settings: FreeSettings) -> list[Said]:
    """Generate greedily, each row until its end token or the token cap."""
    import torch

    session = prefill(network, inputs)
    said = [Said(finished=False) for _ in range(session.rows)]
    rows = list(range(session.rows))
    processors = _processors() if settings.careful else []
    for step in range(settings.max_tokens):
        logits = network.logits(session.last)
        sound = usable(logits)
        for processor in processors:
            logits = processor(_history(said, rows, logits.device), logits) if step else logits
        picked = torch.stack([logits.argmax(-1), sound.long()]).tolist()
        for row, token, ok in zip(rows, *picked, strict=True):
            if not ok:
                said[row].broken = True
            elif token in settings.end_ids:
                said[row].finished = True
            else:
                said[row].tokens.append(token)
        alive = [n for n, row in enumerate(rows) if not (said[row].finished or said[row].broken)]
        if not alive or step + 1 == settings.max_tokens:
            break
        if len(alive) <= len(rows) // 2:
            session.keep(alive)
            rows = [rows[n] for n in alive]
            alive = list(range(len(rows)))
        going = set(alive)
        session.feed([[said[row].tokens[-1]] if n in going else [] for n, row in enumerate(rows)])
    return said


def _processors() -> list[Any]:
    from transformers import NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor

    return [RepetitionPenaltyLogitsProcessor(REPETITION_PENALTY), NoRepeatNGramLogitsProcessor(NO_REPEAT_NGRAM)]


def _history(said: Sequence[Said], rows: Sequence[int], device: torch.device) -> torch.Tensor:
    """Return what each row has said, int64 [rows, longest]; rows that ended are filled up with their last token."""
    import torch

    longest = max(len(said[row].tokens) for row in rows)
    lines = [said[row].tokens or [0] for row in rows]
    return torch.tensor([[*line, *[line[-1]] * (longest - len(line))] for line in lines], device=device)

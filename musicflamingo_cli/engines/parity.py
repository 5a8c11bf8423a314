"""Whether songs are answered in a batch as they are alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from musicflamingo_cli.engines.base import Engine
from musicflamingo_cli.records import Distribution, Reply, Request


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the answers of a batch are from those of its songs alone."""

    songs: int
    """Songs that were answered both ways."""
    identical: int
    """Of them, those whose text is the same, character by character."""
    largest: Mapping[str, float]
    """By score: the largest difference of its expected values, in units of its range; empty without distributions."""
    mean: Mapping[str, float]
    """By score: the mean difference, in the same units."""

    @property
    def says(self) -> str:
        """The finding for a person, in one line; nothing of scores where the replies carry no distributions."""
        said = f"{self.identical} of {self.songs} replies alike"
        if self.largest:
            worst = max(self.largest, key=lambda name: self.largest[name])
            said += f"; expected scores differ by at most {self.largest[worst]:.4f} of their range ({worst})"
        return said


def parity(engine: Engine, requests: Sequence[Request]) -> Parity:
    """Answer some songs alone and in one batch, and compare. The engine must be loaded.

    In float32 replies agree token for token. In bfloat16 (8 bits of mantissa) kernels for other shapes round otherwise:
    texts part ways where two tokens are nearly as likely, and expected values move in the third decimal.
    """
    alone = [engine.reply([request])[0] for request in requests]
    together = engine.reply(requests)
    pairs = [
        (one, other)
        for one, other in zip(alone, together, strict=True)
        if isinstance(one, Reply) and isinstance(other, Reply)
    ]
    apart: dict[str, list[float]] = {}
    for one, other in pairs:
        for name in one.scores.keys() & other.scores.keys():
            values = one.scores[name].values
            difference = abs(_mean(one.scores[name]) - _mean(other.scores[name]))
            apart.setdefault(name, []).append(difference / ((max(values) - min(values)) or 1.0))
    names = sorted(apart)
    return Parity(
        len(pairs),
        sum(one.text == other.text for one, other in pairs),
        {name: max(apart[name]) for name in names},
        {name: math.fsum(apart[name]) / len(apart[name]) for name in names},
    )


def _mean(spread: Distribution) -> float:
    mass = math.fsum(spread.probabilities)
    return math.fsum(p * v for p, v in zip(spread.probabilities, spread.values, strict=True)) / mass if mass else 0.0

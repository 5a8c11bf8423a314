"""How often the intervals of `mfq eval` hold the truth, and how long they take.

Scores and labels are drawn from a bivariate normal distribution whose statistics are known: Spearman's rho is
6 / pi * asin(r / 2), Kendall's tau 2 / pi * asin(r), and pairs are in order with probability (tau + 1) / 2.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np

from musicflamingo_cli.evaluation import statistics
from musicflamingo_cli.evaluation.records import Join

CORRELATION = 0.6


def drawn(songs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and labels of so many songs."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=songs)
    return scores, CORRELATION * scores + math.sqrt(1 - CORRELATION**2) * random.normal(size=songs)


def main() -> None:
    """Print the share of the draws whose 95 % interval holds the truth, and the seconds of 1 000 resamples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--songs", type=int, default=300)
    parser.add_argument("--resamples", type=int, default=400)
    parser.add_argument("--large", type=int, default=100_000, help="songs of the timing")
    asked = parser.parse_args()
    tau = 2 / math.pi * math.asin(CORRELATION)
    truth = {"spearman": 6 / math.pi * math.asin(CORRELATION / 2), "kendall": tau, "accuracy": (tau + 1) / 2}
    held = dict.fromkeys(truth, 0)
    for draw in range(asked.draws):
        scores, labels = drawn(asked.songs, draw)
        for name, (low, high) in intervals(scores, labels, asked.resamples, draw).items():
            held[name] += name in truth and low <= truth[name] <= high
    for name, count in held.items():
        print(f"{name}: the 95 % interval holds the truth in {count} of {asked.draws} draws of {asked.songs} songs")
    scores, labels = drawn(asked.large, 0)
    began = time.process_time()
    intervals(scores, labels, 1000, 0)
    print(f"{asked.large} songs, 1000 resamples: {time.process_time() - began:.1f} s of CPU a column and label")


def intervals(scores: np.ndarray, labels: np.ndarray, resamples: int, seed: int) -> dict[str, tuple[float, float]]:
    """Return the interval of each statistic whose truth is known."""
    found = statistics.bootstrap(
        lambda places: statistics.agreement(scores[places], labels[places], places % 2),
        len(scores),
        None,
        Join(resamples=resamples, seed=seed),
    )
    named = zip(statistics.NAMES, found, strict=True)
    return {name: (one.low, one.high) for name, one in named if name != "pearson"}


if __name__ == "__main__":
    main()

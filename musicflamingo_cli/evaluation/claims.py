"""Whether what is said of songs is so: tempo, key and genre, out of a model's words and out of the labels' own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.evaluation.records import ColumnAgreement, Estimate, EvalOptions, Evaluation
from musicflamingo_cli.evaluation.samples import read_texts
from musicflamingo_cli.evaluation.statistics import Progress, bootstrap, mean_of, ties
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.tables.table import Table
from musicflamingo_cli.scoring.tempo_key import key_of, tempo_bpm

TEMPO_WITHIN = 0.04
"""What a tempo may be off, as a share of the reference's (Gouyon et al., IEEE TASLP 14, 2006)."""
OCTAVES = (1, 2, 3, 1 / 2, 1 / 3)
"""Multiples of a tempo that people tap as well (accuracy 2 of the same)."""
SEPARATORS = re.compile(r"\s*[;,/|]\s*")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of claim."""

    statistics: tuple[str, ...]
    """What is told of it: names of points."""
    read: Callable[[str], Any]
    """What a text states; None where it states nothing, or several things."""
    points: Callable[[Any, Any], tuple[float, ...]]
    """Of what is so and what is claimed: a number from 0 to 1 for each statistic."""


def judge_texts(sandbox: Sandbox, scores: Table, labels: Table, options: EvalOptions, progress: Progress) -> Evaluation:
    """Hold columns of SCORES to what labels say of the same songs. Raises `UsageError`."""
    asked = [_label_and_kind(words) for words in options.labels]
    if not asked:
        raise UsageError("--text needs a --label: what LABELS says of tempo, key or genre, as --label known_key:key")
    texts = read_texts(sandbox, scores, labels, options, options.texts, list(dict.fromkeys(name for name, _ in asked)))
    songs, found = len(texts.ids), []
    shuffled = np.random.default_rng(options.seed).permutation(songs)
    for label, name in asked:
        kind = KINDS[name]
        facts = _read(kind, texts.references[label])
        if facts.count(None) == songs:
            raise UsageError(f"{labels.name}: no {label} of a song that is in {scores.name} states a {name}")
        read = {column: _read(kind, words) for column, words in texts.claims.items()}
        first = next((claims for claims in read.values() if claims.count(None) < songs), [None] * songs)
        for column, claims in {**read, "shuffled": [first[place] for place in shuffled]}.items():
            both = [i for i in range(songs) if facts[i] is not None and claims[i] is not None]
            points = np.array([kind.points(facts[i], claims[i]) for i in both]).reshape(-1, len(kind.statistics))
            drawn = None if texts.drawn is None else texts.drawn[both]
            nothing = [Estimate(np.nan, np.nan, np.nan)] * len(kind.statistics)
            figures = bootstrap(mean_of(points), len(both), drawn, options, progress) if both else nothing
            distinct, tied = ties([str(claims[i]) for i in both])
            found.append(
                ColumnAgreement(
                    column=column,
                    label=f"{label} ({name})",
                    songs=len(both),
                    missing=sum(one is not None for one in facts) - len(both),
                    distinct=distinct,
                    tied=tied,
                    statistics=dict(zip(kind.statistics, figures, strict=True)),
                    baseline=column not in texts.claims,
                )
            )
    return Evaluation(scores.name, labels.name, songs, texts.unmatched, texts.some_unmatched, tuple(found))


def _label_and_kind(words: str) -> tuple[str, str]:
    label, _, kind = words.rpartition(":")
    if not label or kind not in KINDS:
        raise UsageError(f"--label {words}: behind a colon stands what it says with --text: {', '.join(KINDS)}")
    return label, kind


def _read(kind: Kind, texts: Sequence[str | None]) -> list[Any]:
    return [kind.read(text) if text is not None else None for text in texts]


def _tempo_points(known: float, claimed: float) -> tuple[float, float]:
    within = [abs(claimed - known * octave) <= TEMPO_WITHIN * known * octave for octave in OCTAVES]
    return float(within[0]), float(any(within))


def _key(text: str) -> str | None:
    found = key_of(text)
    return None if found is None else " ".join(found)


@cache
def _key_points(known: str, claimed: str) -> tuple[float, float]:
    from mir_eval.key import weighted_score

    return float(known == claimed), float(weighted_score(known, claimed))


def _genre_points(known: str, claimed: str) -> tuple[float, float, float]:
    facts, claims = (set(filter(None, SEPARATORS.split(words))) for words in (known, claimed))
    same = bool(facts & claims)
    folded = same or bool({_folded(one) for one in facts} & {_folded(one) for one in claims} - {""})
    words = f" {_folded(claimed, ' ')} "
    named = folded or any(f" {_folded(one, ' ')} " in words for one in facts if _folded(one))
    return float(same), float(folded), float(named)


def _folded(name: str, between: str = "") -> str:
    """Return a name without case, accents and marks: `Hip-Hop` and `hip hop` are one."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return between.join(re.findall(r"[^\W_]+", plain))


KINDS = {
    "tempo": Kind(("tempo", "tempo_octaves"), tempo_bpm, _tempo_points),
    "key": Kind(("key", "key_weighted"), _key, _key_points),
    "genre": Kind(("genre", "genre_folded", "genre_named"), str, _genre_points),
}

"""The songs of a ranking, what was asked of them in pairs, and what came of it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from musicflamingo_cli.inference.prompt import prompt_hash, render
from musicflamingo_cli.ranking.choice import next_pairs
from musicflamingo_cli.ranking.strengths import Floats, fit, groups, prior_of
from musicflamingo_cli.records import Failure, Outcome, PairFailure, Song, SongPair
from musicflamingo_cli.run_context import RunContext
from musicflamingo_cli.scoring.scorer import outcome


@dataclass(frozen=True, slots=True)
class RankOptions:
    """What `mfq rank` is asked beside what every run is."""

    pairs: int = 100
    """Pairs that are asked at most, >= 1; each is asked in both orders."""
    scores: str | None = None
    """A table whose scores say which songs are near ties; None: all songs are."""
    by: str = "overall_quality_score"
    """Column of that table, 0..1."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of two songs, asked in both orders."""

    preferred: tuple[float | None, float | None]
    """By the order in which they were heard: how far the second was preferred, 0 (not at all) to 1; None: no answer."""
    cached: int
    """Answers that were there before this run."""
    failure: Failure | None = None
    """Why an answer is missing."""

    @property
    def share(self) -> float | None:
        """What the first song won: 1, 0.5 or 0; None without both answers. What changes with the order is a tie."""
        one, other = self.preferred
        if one is None or other is None:
            return None
        if max(one, 1 - other) < 0.5:
            return 1.0
        return 0.0 if min(one, 1 - other) > 0.5 else 0.5

    @property
    def changed(self) -> bool:
        """True if the place decided: the same place was preferred in both orders."""
        one, other = self.preferred
        return one is not None and other is not None and (one - 0.5) * (other - 0.5) > 0


class Contest:
    """Chooses pairs of songs, reads their answers from the cache and keeps the strengths."""

    def __init__(self, context: RunContext, run: str, songs: Sequence[Song], scores: Floats) -> None:
        """`run` is this run's name; `scores` is [songs], NaN for none."""
        self._context, self._run = context, run
        self.songs, self.scores, self.prior = songs, scores, prior_of(scores)
        self.strengths = self.prior
        self.found: dict[tuple[int, int], Comparison] = {}
        """What was asked and read, by the places of both songs, the smaller first."""
        self.blamed: dict[int, Failure] = {}
        """Songs that no pair can hold, and why."""
        self._waiting: list[tuple[int, int]] = []

    @property
    def compared(self) -> dict[tuple[int, int], float]:
        """What the first song of each pair won, of those that have both answers."""
        return {pair: one.share for pair, one in self.found.items() if one.share is not None}

    @property
    def spent(self) -> int:
        """Pairs of the budget that are used up: all that were asked, but for songs that no pair can hold."""
        return sum(not isinstance(one.failure, PairFailure) for one in self.found.values())

    @property
    def groups(self) -> int:
        """Into how many groups the pairs part the songs that they hold."""
        return groups(list(self.compared))

    def possible(self, most: int) -> int:
        """Return how many of so many pairs there can be."""
        return min(most, math.comb(len(self.songs), 2))

    def figures(self) -> dict[str, int]:
        """Count pairs, and answers (two of a pair)."""
        found = list(self.found.values())
        answers = [one for comparison in found for one in comparison.preferred if one is not None]
        return {
            "asked": len(found),
            "compared": len(self.compared),
            "decided": sum(share != 0.5 for share in self.compared.values()),
            "changed_with_order": sum(one.changed for one in found),
            "answers": len(answers),
            "cached": sum(one.cached for one in found),
            "first_preferred": sum(one < 0.5 for one in answers),
            "second_preferred": sum(one > 0.5 for one in answers),
        }

    def choose(self, most: int) -> list[SongPair]:
        """Return what is to be asked next, both orders of each pair; `read` takes it in. Empty when all is asked."""
        usable = np.array([place not in self.blamed for place in range(len(self.songs))])
        self._waiting = next_pairs(self.strengths, usable, self.found, most)
        return [question for pair in self._waiting for question in self._questions(pair)]

    def read(self) -> None:
        """Read what became of the pairs that were chosen last, and fit the strengths anew."""
        if not self._waiting:
            return
        for pair in self._waiting:
            self.found[pair] = self._comparison(pair)
        self._waiting = []
        compared = self.compared
        self.strengths = fit(self.prior, list(compared), list(compared.values()))

    def _questions(self, pair: tuple[int, int]) -> list[SongPair]:
        one, other = (self.songs[place] for place in pair)
        return [_question(one, other), _question(other, one)]

    def _comparison(self, pair: tuple[int, int]) -> Comparison:
        preferred: list[float | None] = []
        cached, failure = 0, None
        for question, places in zip(self._questions(pair), (pair, pair[::-1]), strict=True):
            prompt, system = render(self._context.pack, question)
            entry = self._context.cache.get(question.song_id)
            asked, rules = self._context.engine.asked, self._context.options.rules
            what = outcome(question, entry, (prompt, prompt_hash(prompt, system)), asked, rules)
            preferred.append(what.score.overall if what.score else None)
            if preferred[-1] is None:
                failure = failure or what.failure or _unread(what)
            elif entry is not None and entry.run != self._run:
                cached += 1
            if isinstance(what.failure, PairFailure):
                self.blamed[places[what.failure.part]] = failure = what.failure
        return Comparison((preferred[0], preferred[1]), cached, failure)


def _question(first: Song, second: Song) -> SongPair:
    """Return two songs as one thing to ask about; its id is theirs, as JSON."""
    name = json.dumps([first.song_id, second.song_id])
    return SongPair(first.manifest_row, name, first.audio, first.path, parts=(first, second))


def _unread(what: Outcome) -> Failure:
    """Return why a reply says nothing of which song is better."""
    fields = what.answer.fields.values() if what.answer else ()
    why: Sequence[str] = [one.reason for one in fields if one.reason] or ["no_answer"]
    return Failure("engine", (what.answer and what.answer.reason) or why[0], "the reply does not say which is better")

"""Names under which objects stand: those of the answer, those of something else, and those that say nothing."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Literal

from musicflamingo_cli.scoring.keys import is_other_name
from musicflamingo_cli.scoring.other_leads import is_other_lead

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+")
_NOT_THIS_SONG = frozenset(
    """after album albums alternate alternative alternatives another artist artists assumed audience avg bad bands
    bonus bonuses intro outro chorus choruses bridge hook drop breakdown buildup solo vocals
    vocal drums drum bass guitar guitars
    only counterfactual base benchmarked best better bias bonus bound bounds ceiling change changes ci
    coefficient coefficients comparable comparables compare compared comparison comparisons competitor
    competitors contrast control controls corpus correct corrections cover covers critic critics cutoff cutoffs
    dataset definition definitions demo demos descriptions dev deviation deviations diff difference
    differences discarded do draft drafts dummy earlier estimate estimates expectation expectations expected
    experts factor factors fake first floor format formats contribution contributions gap goal goals guess guide
    guideline guidelines hits human humans hypothetical hypothetically illustration illustrations
    ignore improved improvement improvements
    incorrect industry influences initial initially instead interval intervals invalid last limit limits
    listener listeners live low lower lowest margin margins masters mock multiplier multipliers nearest negative
    neighbor neighbors neighbour neighbours norm normal norms not original originals other others outdated part
    parts past peer peers penalties penalty people perfect playlist playlists population possible potential
    predicted prediction predictions preliminary priorities priority public quantile quantiles question
    questions p pvalue pvalues logprob logprobs correlation correlations section sections segment
    segments random recommendations recommended rejected high highest related relative remaster remastered
    remix remixed remixes revised rival rivals rubric rubrics self similar similarity standard standards stdev
    suggested suggestions test than then top tolerance tolerances truth unused marks pass passing reasons
    rationale rationales upper user users version superseded withdrawn wishlist claims rascunho borrador
    brouillon entwurf versions vs versus wish without worst wrong""".split()  # noqa: SIM905
)
"""An object under a name with one of these words speaks of something else than this song as it is."""
_SONG_PARTS = frozenset(
    """intro outro verse chorus choruses bridge hook drop breakdown buildup solo coda vocals
    vocal drums drum bass guitar guitars voz voix gesang stimme""".split()  # noqa: SIM905
)
"""An object under a name with one of these words speaks of a part of the song, and so may those beside it."""
_ANSWERS = frozenset(
    """aesthetic aesthetics analysis answer assessment assessments attributes audio audit body breakdown card
    choices action tool arguments args parameters function input call content contents critique data description details
    dimension dimensions evaluation evaluations feature features feedback final findings grade grades info
    information item items judgement judgements judgment judgments json list marks message meta metadata metric
    metrics music musical my number numbers numeric numerical object opinion our out outcome output overall
    overview payload performance piece profile properties quality quantitative rating ratings recommendation
    record reply report response result results review reviews root score scorecard scores scoring song songs
    structured subscores summary technical text the this track tracks value values verdict""".split()  # noqa: SIM905
)


Standing = Literal["answer", "unknown", "other"]
"""Whether an object under a name is the answer, says nothing of it, or is something else."""
NUMBERED = re.compile(r"\W*(?:song|track|clip|piece)[ _-]?(\d{1,3})\W*", re.IGNORECASE)
"""One song of several. Group 1: which."""


@lru_cache(maxsize=4096)
def standing_of(name: str) -> Standing:
    """Whether an object under this name is the answer, may be it (`Midnight Drive`), or is not (`similar_songs`)."""
    if is_other_name(name):
        return "other"
    if numbered := NUMBERED.fullmatch(name):
        return "unknown" if int(numbered.group(1)) <= 1 else "other"
    if is_other_lead(_CAMEL.sub(" ", name[:200]).replace("_", " ")):
        return "other"
    words = _words(name)
    if all(word in _ANSWERS for word in words):
        is_one_of_many = re.search(r"\d", name) is not None and "score" not in name.lower()
        return "unknown" if is_one_of_many else "answer"
    final = ("final" in words or "answer" in words) and "not" not in words
    if not final and any(word in _NOT_THIS_SONG or word in _SONG_PARTS for word in words):
        return "other"
    return "other" if len(words) > 1 and words[-1] in ("a", "b") and words[0] in ("song", "track") else "unknown"


@lru_cache(maxsize=4096)
def is_song_part(name: str) -> bool:
    """Whether a name is that of a part of the song: `vocals`, `Verse 2`."""
    words = _words(name)
    return 0 < len(words) < 4 and any(word in _SONG_PARTS for word in words)


def _words(name: str) -> list[str]:
    spaced = _CAMEL.sub(" ", unicodedata.normalize("NFKC", name[:200]))
    return [word.lower() for word in _WORD.findall(spaced)]

"""Which key or label means which field, and under which names an answer may be nested."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from math import inf
from typing import NamedTuple

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.reply.numbers import NO_SCALE, Scale, scale_of

_LONGEST = 120
_NUMBERING = re.compile(r"^[\s*_#>-]{0,8}[0-9]{1,2}[.)]\s{0,4}(?=\D)")
_NOTE = re.compile(
    r"\s{0,4}(?:[(\[](?P<note>[^()\[\]]{1,40})[)\]]|[ _](?P<top>(?:out[ _]of[ _]|/\s?)[0-9]{1,4}))[\s*_:`]*$"
)
_JOINTS = re.compile(r"[\s_*\-‐‑–—.:`\"'“”‘’\\#>•·\u200b-\u200d\u2060\ufeff]+")
"""What may stand in and around the words of a name and leave it what it is."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")
HOLDERS = frozenset(
    _WORD.findall(
        "score scores scoring rating ratings evaluation evaluations assessment analysis review result results response "
        "answer answers reply final output content text message arguments json data object properties track "
        "song music audio quality criteria dimensions metrics choices overall description details fields items "
        "parameters report summary verdict breakdown scorecard detailed individual numeric value values numbers"
    )
)
"""The words that names are made of under which an answer may be nested. Under any other name stands something else
(weights, an example, another song): the names of what is no answer never end."""


class Match(NamedTuple):
    """The field that a key or label means."""

    field: Field
    scale: Scale
    """What a note behind the name says: `Production Quality (0-10)`."""


@lru_cache(maxsize=4096)
def joined(name: str) -> str:
    """A name's words as one, in lower case; empty where it holds other signs than those that join words."""
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name)
    word = _JOINTS.sub("", name[:_LONGEST]).lower()
    return word if word.isalnum() else ""


def words_of(name: str) -> list[str]:
    """A name's words in lower case, however they are joined."""
    return [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", name[:_LONGEST]))]


@lru_cache(maxsize=4096)
def holder(name: str) -> Scale | None:
    """The scale of what stands under a name, if an answer may stand there (`scores`, `scores_out_of_10`), else None."""
    name, scale = _without_note(name)
    return scale if joined(name) and HOLDERS.issuperset(words_of(name)) else None


def _without_note(name: str) -> tuple[str, Scale | None]:
    """A name, and the scale that a note behind it states; None if that is no scale."""
    found = _NOTE.search(name[:_LONGEST])
    if found is None:
        return name, NO_SCALE
    return name[: found.start()], scale_of((found["note"] or found["top"]).replace("_", " "))


class Names:
    """The asked fields by every spelling of their names: any case, any joint, scores with or without `score`."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = tuple(field for field in fields if field.kind != "measure")
        self.scored = frozenset(field.name for field in self.fields if field.kind != "text")
        """Names of the fields that are numbers."""
        self.wanted = self.scored or frozenset(field.name for field in self.fields)
        """Names that a reply is asked for above all: the numbers, or the texts where there are none."""
        self.ranges = tuple(
            (f.name, f.kind == "text", -inf if f.low is None else f.low, inf if f.high is None else f.high)
            for f in self.fields
        )
        """For strict JSON: name, whether it is a text, lowest and highest value."""
        self._known: dict[str, Field] = {}
        for field in self.fields:
            if field.kind != "text":
                base = re.sub(r"(?:score|rating)$", "", joined(field.name)) or joined(field.name)
                self._known |= {base: field, base + "score": field, base + "rating": field}
        self._known |= {joined(field.name): field for field in self.fields}
        self.match = lru_cache(maxsize=2048)(self._match)

    def _match(self, name: str) -> Match | None:
        """The field that a key or label means; a name with other words or signs in it means none."""
        name = _NUMBERING.sub("", name[:_LONGEST])
        if field := self._known.get(joined(name)):
            return Match(field, NO_SCALE)
        name, scale = _without_note(name)
        field = self._known.get(joined(name))
        return Match(field, scale) if field and scale is not None else None


_kept: list[tuple[Sequence[Field], Names]] = []


def names_of(fields: Sequence[Field]) -> Names:
    """The names of a run's fields; the last ones are kept, since a run asks for the same ones again and again."""
    if not _kept or not (_kept[0][0] is fields or _kept[0][0] == fields):
        _kept[:] = [(fields, Names(fields))]
    return _kept[0][1]

"""Which key of a reply means which field, and which names never hold an answer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.folding import without_strays
from musicflamingo_cli.scoring.notes import is_note

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")
_ANNOTATION = re.compile(r"[(\[]([^()\[\]]{0,60})[)\]][\s*_:]{0,8}$")
_NUMBERING = re.compile(r"^\W{0,8}\d{1,2}[.)]\s{0,4}(?=\D)")
_UNIT = re.compile(r"[\s_]{0,4}(/\s?\d{1,4}|\bout[ _]of[ _]\d{1,4}|(?<=_)out_of_\d{1,4}|%)[\s*_:]{0,8}$", re.IGNORECASE)
_SUFFIX = re.compile(r"(?:score|rating)$")
_OWN_MARKS = frozenset(" \t\r\n_*-‐‑‒–—\"'“”‘’´`\\.:>#•·=\xa0\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\ufe0f")
"""What may stand in and around a name and leave it what it is; `!`, `~`, `?`, `+` do not."""
_OTHER_NAMES = frozenset(
    """weight weights weighting weightings weighted confidence confidences certainty uncertainty probability
    probabilities example examples sample samples template templates schema schemas placeholder placeholders default
    defaults prior priors baseline baselines reference references previous previously old min mins minimum minimums max
    maxs maximum maximums range ranges threshold thresholds std stddev variance error errors importance properties
    legend thinking thought thoughts reasoning scratchpad rank ranks ranking rankings index indices delta deltas
    benchmark benchmarks target targets ideal average averages mean means median medians typical prompt input
    instructions instruction percentile percentiles count counts votes before beispiel exemple ejemplo esempio gewichte
    gewichtung gewicht poids pesos peso 权重 權重 веса вес konfidenz 置信度 例 例如 например пример durchschnitt moyenne
    promedio 平均 priority priorities likelihood likelihoods deductions deduction counterfactual coefficients cutoffs
    cutoff product products subtotal subtotals share shares impact iqr sd multipliers timestamp timestamps""".split()  # noqa: SIM905
)
"""An object or a section under one of these names is not the answer."""


HEARD = re.compile(
    r"\b(?:of|for|on|titled|called|named|song|track)\s+[\"“][^\"“”\n]{1,60}[\"”]|"
    r"\b(?:the|this|your)\s+(?:\w+\s+)?(?:audio|music(?:al)?|sound)\s+samples?\b|\A\W*(?:audio|music(?:al)?)\s+sample\b"
    r"|\b(?:(?:according|conforming)\s+to|matching|following|in)\s+(?:the|your)\s+(?:\w+\s+)?(?:schema|template"
    r"|instructions)\b",
    re.IGNORECASE,
)
"""The song that was heard, and the form that the answer was asked in."""
_TOOL_INPUT = re.compile(r"\W*(?:action|tool|function)[_ -]?(?:input|args|arguments)\W*", re.IGNORECASE)
OTHER_LABEL = re.compile(rf"(?<![a-z])(?:{'|'.join(sorted(_OTHER_NAMES))})[\"'“”]?\s{{0,4}}[:=]", re.IGNORECASE)
"""Such a name as a label or key in running text."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it stands in a reply."""

    joined: str
    """Its words in lower case, joined."""
    annotation: str
    """What stood in brackets behind it, e.g. `0-1`."""
    plain: bool = True
    """False if it holds signs that may change what it means: `!quality`, `quality?`, `quality (vocals)`."""


@lru_cache(maxsize=4096)
def read_key(text: str) -> Key:
    """Take a key apart: case, spaces, hyphens, camelCase, escapes and numbering don't matter."""
    text = unicodedata.normalize("NFKC", text[:200])
    annotation = _ANNOTATION.search(text)
    if annotation is not None:
        text = text[: annotation.start()]
    text = _NUMBERING.sub("", text)
    note = annotation.group(1) if annotation else ""
    if not note and (unit := _UNIT.search(text)):
        text, note = text[: unit.start()], unit.group(1).replace("_", " ")
    words = _WORD.findall(_CAMEL.sub(" ", text))
    plain = all(c in _OWN_MARKS or c.isalnum() or unicodedata.category(c) == "So" for c in text)
    return Key("".join(words).lower(), note, plain and is_note(note))


@lru_cache(maxsize=4096)
def is_other_name(text: str) -> bool:
    """Whether a name says that what stands under it is not the answer: weights, confidence, an example."""
    text = HEARD.sub(" ", unicodedata.normalize("NFKC", text[:200]))
    if _TOOL_INPUT.fullmatch(text):
        return False
    words = _WORD.findall(_CAMEL.sub(" ", text)) + _WORD.findall(without_strays(text))
    return any(word.lower() in _OTHER_NAMES for word in words) or "".join(words).lower() in _OTHER_NAMES


VALUE_NAMES = ("score", "value", "rating", "number", "result", "mark", "grade")
"""Keys of the number in an object that a field has to itself."""
HOLDERS = (
    *("answer", "finalanswer", "final_answer", "response", "output", "result", "content", "text", "message", "reply"),
)
"""Names under which a string may be the whole reply."""


def _loose(name: str) -> str:
    words = [re.escape(w) for w in _WORD.findall(_CAMEL.sub(" ", name))]
    if len(words) > 1 and words[-1].lower() in ("score", "rating"):
        words.pop()
    return r"[\W_]{0,4}".join(words) or "(?!)"


class FieldIndex:
    """The asked fields by the keys that mean them."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = tuple(f for f in fields if f.kind != "measure")
        self.scored = frozenset(f.name for f in self.fields if f.kind != "text")
        """Names of the fields that ask for a number."""
        self.wanted = self.scored or frozenset(f.name for f in self.fields)
        """Names whose presence makes an object an answer: the numbers, or the texts where no number is asked."""
        self._exact: dict[str, Field] = {}
        self._variant: dict[str, Field] = {}
        for field in self.fields:
            joined = read_key(field.name).joined
            self._exact.setdefault(joined, field)
            if field.kind != "text":
                base = _SUFFIX.sub("", joined) or joined
                for variant in (base, base + "score", base + "rating"):
                    self._variant.setdefault(variant, field)
        self._spelled = sorted(self.fields, key=lambda f: -len(_WORD.findall(_CAMEL.sub(" ", f.name))))
        names = self._name_patterns()
        alternatives = "|".join(f"({name})" for name in names) or "(?!)"
        self.label = re.compile(rf"(?<!\w)(?<!\w[-./'’])(?:{alternatives})(?!\w)(?![-./]\w)(?!\[\d)", re.IGNORECASE)
        """Finds a field's name in prose, the longest that fits; `named` says which."""
        any_name = "|".join(names) or "(?!)"
        self.quoted_key = re.compile(
            rf"[\"'“](?:{any_name})(?:\s?\([^()\n]{{0,24}}\))?\\{{0,8}}[\"'”]\s{{0,8}}:", re.IGNORECASE
        )
        """Finds a field's name as a quoted key with its colon."""
        loose = "|".join(_loose(f.name) for f in self.fields) or "(?!)"
        holders = HOLDERS if len(self.scored) != 1 else (*HOLDERS, *VALUE_NAMES)
        self.mention = re.compile(rf"{loose}|\b(?:{'|'.join(holders)})\b", re.IGNORECASE)
        """Finds any spelling of a field's name, or a name such as `answer` that may hold prose."""

    def match(self, key: str) -> tuple[Field, bool] | None:
        """The field that a key means, and whether it is the field's own name rather than with or without `score`."""
        read = read_key(key)
        joined = read.joined
        if not read.plain:
            return None
        field = self._exact.get(joined)
        if field is not None:
            return field, True
        field = self._variant.get(joined)
        return (field, False) if field is not None else None

    def named(self, found: re.Match[str]) -> Field:
        """The field whose name `label` found."""
        return self._spelled[(found.lastindex or 1) - 1]

    def known(self, key: str) -> bool:
        """Whether a key means a field."""
        return self.match(key) is not None

    def _name_patterns(self) -> list[str]:
        patterns = []
        for field in self._spelled:
            words = [w.lower() for w in _WORD.findall(_CAMEL.sub(" ", field.name))]
            suffix = ""
            if field.kind != "text":
                base = "".join(words[:-1])
                if len(words) > 1 and words[-1] in ("score", "rating") and base not in self._exact:
                    words.pop()
                endings = [end for end in ("score", "rating") if "".join(words) + end not in self._exact]
                own = [end for end in ("score", "rating") if self._exact.get("".join(words) + end) is field]
                if endings or own:
                    suffix = rf"(?:[ \t_\\\-\xa0]{{0,3}}(?:{'|'.join([*endings, *own])}))?"
            patterns.append((r"[ \t_\\\-\xa0]{0,3}".join(re.escape(w) for w in words) or r"(?!)") + suffix)
        return patterns


@lru_cache(maxsize=256)
def index_of(fields: tuple[Field, ...]) -> FieldIndex:
    """The index of a pack's fields, built once."""
    return FieldIndex(fields)

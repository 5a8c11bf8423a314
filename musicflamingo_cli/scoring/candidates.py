"""Which of the objects in a reply is the answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from musicflamingo_cli.scoring.echo import bare_words
from musicflamingo_cli.scoring.keys import FieldIndex, read_key
from musicflamingo_cli.scoring.marks import MARKED_PLACE
from musicflamingo_cli.scoring.nodes import Bare, Obj
from musicflamingo_cli.scoring.objects import Harvest
from musicflamingo_cli.scoring.values import Member, is_placeholder

_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,20})?")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_DECIMAL = re.compile(r"\d{1,9}\.\d{1,20}")


@dataclass(slots=True)
class Candidate:
    """An object that may be the answer."""

    root: Obj
    start: int
    end: int
    fenced: bool
    repairs: tuple[str, ...]
    said: Harvest

    @property
    def bears(self) -> bool:
        """Whether it answers anything that makes an object an answer."""
        return self.said.numbers > 0


def choose(candidates: Sequence[Candidate], is_rejected: Callable[[Candidate], bool]) -> Candidate | None:
    """The answer, and none that is rejected.

    An object over what an unclosed string of one holds, complete over broken, fenced over bare, the last over earlier.
    """
    ranked = sorted(
        enumerate(candidates),
        key=lambda c: ("escaped_quotes" not in c[1].repairs, c[1].root.closed, c[1].fenced, c[0]),
        reverse=True,
    )
    return next((candidate for _, candidate in ranked if not is_rejected(candidate)), None)


def is_template(candidate: Candidate, index: FieldIndex) -> bool:
    """Whether most of the texts only mark the place of one, or, without any, all numbers are 0."""
    texts = [f.name for f in index.fields if f.kind == "text"]
    strings = [(key, text) for key, text in candidate.said.strings if _names(key, texts, index)]
    strings = strings or candidate.said.strings
    marks = [(key, text) for key, text in strings if text.strip()]
    if len(strings) > 2 and not marks and _same_scores(candidate, index):
        return True
    if marks:
        return 2 * sum(is_placeholder(text, key) for key, text in marks) > len(marks)
    values = [m.value for name, m in candidate.said.members.items() if name in index.scored]
    if not all(isinstance(v, Bare) and not v.raw.strip("0. \t\r\n-") for v in values):
        return False
    beside = [pair for _, inner in candidate.root.pairs if isinstance(inner, Obj) for pair in inner.pairs]
    return bool(strings) or any(isinstance(text, str) and is_placeholder(text, key) for key, text in beside)


def _same_scores(candidate: Candidate, index: FieldIndex) -> bool:
    """Whether three scores or more are all one and the same number."""
    values = [m.value for name, m in candidate.said.members.items() if name in index.scored]
    return len(values) > 2 and len({v.raw.strip() if isinstance(v, Bare) else None for v in values}) == 1


def _names(key: str, texts: Sequence[str], index: FieldIndex) -> bool:
    found = index.match(key)
    return found is not None and found[0].name in texts


def is_echo(candidate: Candidate, index: FieldIndex, prompt: str) -> bool:
    """Whether all that an object says stands in the prompt as well, each value after its key."""
    if not prompt:
        return False
    if "\\u" in prompt:
        prompt += "\n" + _ESCAPED.sub(lambda letter: chr(int(letter.group(1), 16)), prompt)
    said = [(n, m) for n, m in candidate.said.members.items() if _is_whole(m.value)]
    numbers = [(name, member) for name, member in said if name in index.scored]
    ordered = numbers + [(name, member) for name, member in said if name not in index.scored]
    return bool(said) and all(_stands_in(prompt, member) for _, member in ordered)


def follows_template(candidate: Candidate, index: FieldIndex, before: str) -> bool:
    """Whether an object holds nothing but zeros right behind marks of places: the rest of a torn template."""
    scores = [m.value for name, m in candidate.said.members.items() if name in index.scored]
    zeros = all(isinstance(v, Bare) and not v.raw.strip("0. \t\r\n-") for v in scores)
    return zeros and bool(scores) and MARKED_PLACE.search(before[-600:]) is not None


def _is_whole(value: object) -> bool:
    """Whether a value is undamaged: what is torn neither stands in a prompt nor does not."""
    if isinstance(value, Bare):
        return value.cut or re.fullmatch(r"\s*[\w.,%/ +-]*[\w%]\s*", value.raw) is not None
    return isinstance(value, str | Obj)


def _stands_in(prompt: str, member: Member) -> bool:
    value = member.value
    text = value.raw.strip() if isinstance(value, Bare) else value.strip() if isinstance(value, str) else None
    if text is None or not text or len(text) > 400:
        return text == ""
    end = "" if isinstance(value, Bare) and value.cut else r"(?!\d|\.\d)"
    text = text.rstrip("0").rstrip(".") if _DECIMAL.fullmatch(text) else text
    end = r"(?:\.?0+)?" + end if _NUMBER.fullmatch(text) else end
    said = bare_words(prompt)
    return re.search(re.escape(read_key(member.key).joined + bare_words(text)) + end, said) is not None

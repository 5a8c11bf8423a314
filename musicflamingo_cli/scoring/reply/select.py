"""Which of a reply's objects is the answer, and what it states. Knows no syntax."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from musicflamingo_cli.records import Field, FieldAnswer
from musicflamingo_cli.scoring.reply.json_tokens import Scalar
from musicflamingo_cli.scoring.reply.names import Names, holder, joined
from musicflamingo_cli.scoring.reply.numbers import (
    NO_SCALE,
    PLACEHOLDER,
    Reading,
    Scale,
    agreed,
    read_number,
    scale_of,
)
from musicflamingo_cli.scoring.reply.objects import read_trees
from musicflamingo_cli.scoring.reply.tolerant_json import Node, Tree, Value

_DEEPEST_STRING = 3
"""Objects in strings in objects."""
_MOST_STATEMENTS = 16
"""Statements on one field that are looked at; only a loop has more."""
_VALUES = frozenset(("score", "value", "rating"))
"""Keys of the number in the object of one field."""
_SUBJECTS = frozenset(("name", "criterion", "metric", "key", "dimension", "aspect", "field", "category", "attribute"))
"""Keys of the field's name in an object of one field: `{"name": "production_quality", "score": 0.8}`."""
_TOPS = frozenset(("max", "maximum", "outof", "scale", "range", "best", "bestrating", "total"))
_LOWS = frozenset(("min", "minimum", "worst", "lowest", "worstrating"))
"""Keys of the ends of the scale in such an object."""
_BESIDE = frozenset(("weight", "confidence"))
"""Keys of other numbers that may stand in such an object and leave the score what it is."""
_OTHER_TURNS = frozenset(("user", "human", "system"))
"""Roles in a chat whose message is no reply."""
_NO_TEXT = frozenset(("null", "none", "nan", "true", "false", "undefined", "", "nil"))
"""Words without quotes that are no text."""
_RAN_ON = re.compile(
    r"^\"\"|\"\s{0,4}\+\s{0,4}\"|[\"'“”]\s{0,4}:|[}\]]\s{0,4},\s{0,4}[{\[\"]|\n\s{0,16}[\"']?\w{1,40}[\"']?\s{0,2}:"
)
"""Signs of JSON in what should be a text: it ran on into what follows."""
_IN_A_ROW = re.compile(r"[\"”]\s{0,2},\s{0,2}[\"“]")
_DIGIT = re.compile("[0-9]")


class Statement(NamedTuple):
    """What stands under a field's name."""

    value: Value
    scale: Scale
    """What the name, or that of an object around it, says of the numbers under it."""
    holder: Node
    """The object or list in which it stands."""


@dataclass(slots=True)
class Candidate:
    """What one object of the reply states; of the answer, perhaps several."""

    trees: list[Tree]
    stated: dict[str, list[Statement]] = field(default_factory=dict)
    """By field name, nearest the root first."""
    has_others: bool = False
    """True if it has more keys than those that were asked."""
    is_several: bool = False
    """True if it may be about several songs."""
    rank: tuple[int, bool, bool, int] = (0, False, False, 0)
    """Fields that it states, whether it is complete, whether it is fenced, where it begins: the highest counts."""
    repairs: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing at its end."""
        return self.rank[1]


def candidates(text: str, names: Names) -> tuple[list[Tree], list[Candidate]]:
    """Every object of a text, and those that say something of the asked fields, in order."""
    trees = read_trees(text)
    found = []
    marks = at = 0
    for tree in trees:
        marks += text.count("```", at, tree.start) + text.count("~~~", at, tree.start)
        at = tree.start
        one = Candidate([tree], repairs=tree.repairs)
        _collect(one, tree, names)
        if one.stated:
            count = sum(any(_states(s.value, name in names.scored) for s in held) for name, held in one.stated.items())
            one.rank = (count, tree.root.closed, marks % 2 == 1, tree.start)
            found.append(one)
    return trees, found


def choose(found: Sequence[Candidate], names: Names, prompt: str) -> Candidate | None:
    """The answer among the candidates, with what complete objects state that hold nothing but what it leaves out.

    Templates (`...`, `<genre>`, noughts beside empty texts) and what the prompt itself says are none.
    """
    real = [one for one in found if not _is_template(one, names) and not _is_told(one, prompt)]
    if not real:
        return None
    best = max(real, key=lambda one: one.rank)
    for other in reversed(real):
        if other.is_complete and not other.has_others and best.stated.keys().isdisjoint(other.stated):
            is_score = not names.wanted.isdisjoint(other.stated)
            best.repairs = (*(("separate_objects",) if is_score else ()), *best.repairs, *other.repairs)
            best.trees += other.trees
            best.stated |= other.stated
    return best


def _collect(one: Candidate, tree: Tree, names: Names, depth: int = 0) -> None:
    """Gather what a tree states: at its top, in a list, or under a name of the closed list, under no other."""
    queue: list[tuple[Value, Scale, Node]] = [(tree.root, NO_SCALE, tree.root)]
    for node, scale, around in queue:
        if isinstance(node, Scalar):
            continue
        if node.is_list:
            one.is_several = one.is_several or _is_of_several(node, names)
            queue += [(item, scale, node) for _, item in node.members]
            continue
        if any(joined(key) == "role" and isinstance(v, Scalar) and v.text in _OTHER_TURNS for key, v in node.members):
            continue
        if subject := _subject(node, names):
            one.stated.setdefault(subject.name, []).append(Statement(node, scale, around))
            continue
        # of a key that stands twice in strict JSON the last counts, as for every reader of JSON
        for key, value in node.members if tree.repairs else dict(node.members).items():
            if match := names.match(key):
                told = match.scale if match.scale is not NO_SCALE else scale
                one.stated.setdefault(match.field.name, []).append(Statement(value, told, node))
                if isinstance(value, Node):
                    one.has_others = one.has_others or any(joined(inner) not in _VALUES for inner, _ in value.members)
            elif (under := holder(key)) is None:
                one.has_others = True
            elif isinstance(value, Node):
                queue.append((value, under if under is not NO_SCALE else scale, node))
            elif value.quoted and "{" in value.text and depth < _DEEPEST_STRING:
                for inner_tree in read_trees(value.text):
                    _collect(one, inner_tree, names, depth + 1)


def _is_of_several(node: Node, names: Names) -> bool:
    """Whether a list may hold several songs: objects that are not of one field each."""
    items = [item for _, item in node.members if isinstance(item, Node)]
    return len(items) > 1 and any(len(item.members) > 1 and _subject(item, names) is None for item in items)


def _subject(node: Node, names: Names) -> Field | None:
    """The field that an object names in a member: `{"name": "production_quality", "score": 0.8}`."""
    said = [value.text for key, value in node.members if isinstance(value, Scalar) and joined(key) in _SUBJECTS]
    matches = [match.field for text in said if (match := names.match(text))]
    if len(matches) != 1 or not any(joined(key) in _VALUES for key, _ in node.members):
        return None
    return matches[0]


def _states(value: Value, is_score: bool) -> bool:
    """Whether a value says something of a field: words of a text, a number of a score."""
    if isinstance(value, Scalar):
        if is_score:
            return value.fault is not None or _DIGIT.search(value.text) is not None
        return value.quoted and value.text.strip() != ""
    if value.is_list:
        return bool(value.members)
    return not is_score or any(joined(key) in _VALUES for key, _ in value.members)


def _is_template(one: Candidate, names: Names) -> bool:
    """Whether texts are placeholders, or empty beside noughts or one number; or one filler stands under all keys."""
    scalars = [(name, s.value) for name, held in one.stated.items() for s in held if isinstance(s.value, Scalar)]
    words = [value.text for name, value in scalars if name not in names.scored and value.fault is None]
    numbers = [value.text for name, value in scalars if name in names.scored]
    if not words:
        return False
    if numbers and len({value.text for _, value in scalars}) == 1 < len(scalars):
        return True
    if all(PLACEHOLDER.fullmatch(text) for text in words):
        return True
    if not all(text.strip().lower() in _NO_TEXT or PLACEHOLDER.fullmatch(text) for text in words):
        return False
    return all(not text.strip("0.") for text in numbers) or (len(numbers) > 2 and len(set(numbers)) == 1)


def _is_told(one: Candidate, prompt: str) -> bool:
    """Whether the prompt itself has every member of an object."""
    if "{" not in prompt:
        return False
    said = _plain(prompt)
    values = [(name, s.value) for name, held in one.stated.items() for s in held]
    pairs = [_plain(name) + _plain(v.text) for name, v in values if isinstance(v, Scalar) and v.text and not v.fault]
    return bool(pairs) and all(pair in said for pair in pairs)


def _plain(text: str) -> str:
    return re.sub(r"[^\w.%/]|_", "", text).lower()


def read_fields(
    chosen: Candidate, names: Names, is_repaired: bool, assume: float | None
) -> dict[str, Reading | FieldAnswer]:
    """What the answer states, by field: a reading of a number, or the words of a text.

    Where it may be about several songs, as where two objects state one score differently, no score of it counts.
    """
    found: dict[str, Reading | FieldAnswer] = {}
    is_several = chosen.is_several
    for asked in names.fields:
        held = chosen.stated.get(asked.name)
        if not held:
            continue
        if asked.kind == "text":
            answers = [_words(one.value, is_repaired) for one in held[:_MOST_STATEMENTS]]
            found[asked.name] = next((one for one in answers if one.value is not None), answers[0])
            continue
        found[asked.name] = agreed([_number(one.value, asked, one.scale, assume) for one in held])
        if asked.kind == "score" and found[asked.name].reason == "ambiguous":
            is_several = is_several or len({id(one.holder) for one in held}) > 1
    return {n: Reading(reason="ambiguous") if is_several and n in names.scored else one for n, one in found.items()}


def _number(value: Value, asked: Field, scale: Scale, assume: float | None) -> Reading:
    if isinstance(value, Node):
        if not value.is_list:
            return _number_of_object(value, asked, scale, assume)
        if len(value.members) != 1 or not value.closed or isinstance(value.members[0][1], Node):
            return Reading(reason="ambiguous" if value.members else "missing")
        value = value.members[0][1]
    return Reading(reason=value.fault) if value.fault else read_number(value.text, asked, scale, assume)


def _number_of_object(node: Node, asked: Field, scale: Scale, assume: float | None) -> Reading:
    """The number in the object of one field: its one `score`, on the scale beside it; no other may stand there."""
    members = [(joined(key), value) for key, value in node.members]
    held = [value for name, value in members if name in _VALUES]
    tops = [value for name, value in members if name in _TOPS]
    if len(held) != 1 or not isinstance(held[0], Scalar):
        return Reading(reason="ambiguous" if held else "missing")
    for name, value in members:
        is_number = not isinstance(value, Scalar) or (not value.quoted and _DIGIT.search(value.text) is not None)
        if name in _LOWS and (
            not isinstance(value, Scalar) or read_number(value.text, asked).value != (asked.low or 0)
        ):
            return Reading(reason="unclear_scale")
        if is_number and name not in _VALUES | _TOPS | _LOWS | _BESIDE:
            return Reading(reason="ambiguous")
    if tops:
        top = tops[0].text.strip() if len(tops) == 1 and isinstance(tops[0], Scalar) else ""
        told = scale_of(top) or scale_of("/" + top)
        if told is None:
            return Reading(reason="unclear_scale")
        scale = told
    elif not node.closed and held[0].text.strip().isdigit():
        return Reading(reason="cut_off")
    return _number(held[0], asked, scale, assume)


def _words(value: Value, is_repaired: bool) -> FieldAnswer:
    """The words under a key; a list becomes one text."""
    if isinstance(value, Node):
        told = [one for key, one in value.members if joined(key) in ("value", "text", "description")]
        value = told[0] if told else value
    if isinstance(value, Scalar) and value.fault == "cut_off":
        return FieldAnswer(reason="cut_off")
    if isinstance(value, Scalar) and not value.quoted and value.text.strip().lower() in _NO_TEXT:
        return FieldAnswer(reason="missing")
    text = ", ".join(_leaves(value))
    if '"' in text or "”" in text:
        text = _IN_A_ROW.sub(", ", text)
    if not text.strip():
        return FieldAnswer(reason="missing")
    if PLACEHOLDER.fullmatch(text):
        return FieldAnswer(reason="placeholder")
    if is_repaired and _RAN_ON.search(text):
        return FieldAnswer(reason="ambiguous")
    return FieldAnswer(text, "repaired" if is_repaired else "json")


def _leaves(value: Value) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Node):
            stack += [one for _, one in reversed(item.members)]
        elif item.text.strip():
            yield item.text

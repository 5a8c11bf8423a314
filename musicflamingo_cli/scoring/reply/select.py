"""Which of a reply's objects is the answer, and what it states of each field. Knows no syntax."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from musicflamingo_cli.records import Field, FieldAnswer
from musicflamingo_cli.scoring.reply.names import BESIDE, LOWS, SUBJECTS, TOPS, VALUES, Names, holder, joined
from musicflamingo_cli.scoring.reply.numbers import (
    NO_SCALE,
    PLACEHOLDER,
    Reading,
    Scale,
    agreed,
    read_number,
    scale_of,
)
from musicflamingo_cli.scoring.reply.tolerant_json import read_trees
from musicflamingo_cli.scoring.reply.tree import Array, Node, Object, Scalar, Tree, Value

_DEEPEST_STRING = 3
"""Objects in strings in objects."""
_NO_TEXT = frozenset(("null", "none", "nan", "true", "false", "undefined", "", "nil"))
_RAN_ON = re.compile(r"[\"'“”]\s{0,4}:|[}\]]\s{0,4},\s{0,4}[{\[\"]|\n\s{0,16}[\"']?\w{1,40}[\"']?\s{0,2}:")
"""Signs of JSON in what should be a text: it ran on into what follows."""
_IN_A_ROW = re.compile(r"[\"”]\s{0,2},\s{0,2}[\"“]")
_DIGIT = re.compile("[0-9]")
_FENCE = re.compile(r"^[ \t>]{0,12}(?:`{3,}|~{3,})|```[ \t]*$", re.MULTILINE)


class Statement(NamedTuple):
    """What stands under a field's name."""

    value: Value
    scale: Scale
    """What the name, or that of an object around it, says of the numbers under it."""


@dataclass(slots=True)
class Candidate:
    """One object of the reply, with what it states."""

    tree: Tree
    stated: dict[str, list[Statement]]
    """By field name."""
    others: bool
    """True if it has more keys than those that were asked."""
    rank: tuple[int, bool, bool, int] = (0, False, False, 0)
    """Fields that it states, whether it is complete, whether it is fenced, where it begins: the highest counts."""


def candidates(trees: Sequence[Tree], text: str, names: Names) -> list[Candidate]:
    """Every object of a text that says something of the asked fields, in order."""
    fences = [mark.start() for mark in _FENCE.finditer(text)] if "```" in text or "~~~" in text else []
    found = []
    for tree in trees:
        if tree.under is not None and holder(tree.under) is None:
            continue
        one = Candidate(*_statements(tree, names))
        if one.stated:
            count = sum(any(_states(s.value, name in names.scored) for s in held) for name, held in one.stated.items())
            one.rank = (count, tree.root.closed, bisect_right(fences, tree.start) % 2 == 1, tree.start)
            found.append(one)
    return found


def choose(found: Sequence[Candidate], names: Names, prompt: str) -> list[Candidate]:
    """The answer among the candidates, and the complete objects that state only what it leaves out.

    Templates (`...`, `<genre>`, zeros beside empty texts) and what the prompt itself says are none.
    """
    real = [one for one in found if not _is_template(one, names) and not _is_told(one, prompt)]
    if not real:
        return []
    chosen = [max(real, key=lambda one: one.rank)]
    taken = set(chosen[0].stated)
    for other in reversed(real):
        if other is not chosen[0] and other.tree.root.closed and taken.isdisjoint(other.stated):
            chosen.append(other)
            taken |= other.stated.keys()
    return chosen


def _statements(tree: Tree, names: Names, depth: int = 0) -> tuple[Tree, dict[str, list[Statement]], bool]:
    """What a tree states by field, nearest the root first, and whether it holds keys that were not asked for.

    Where the answer begins anew within a broken object, its inner one is the tree. An object counts at the top, in a
    list, or under a name of the closed list, under no other.
    """
    stated: dict[str, list[Statement]] = {}
    others = False
    queue: list[tuple[Value, Scale]] = [(tree.root, NO_SCALE)]
    for node, scale in queue:
        if isinstance(node, Array):
            queue += [(item, scale) for _, item in node.members]
            continue
        if isinstance(node, Scalar):
            continue
        if field := _subject(node, names):
            stated.setdefault(field.name, []).append(Statement(node, scale))
            continue
        # of a key that stands twice in strict JSON the last counts, as for every reader of JSON
        members = node.members if tree.repairs else list(dict(node.members).items())
        for key, value in members:
            match = names.match(key)
            may_hold = holder(key)
            if match is not None and not tree.root.closed and isinstance(value, Object) and _begins_anew(value, names):
                return _statements(tree._replace(root=value), names, depth)
            if match is not None:
                told = match.scale if match.scale is not NO_SCALE else scale
                stated.setdefault(match.field.name, []).append(Statement(value, told))
                if isinstance(value, Object):
                    others = others or any(joined(key) not in VALUES for key, _ in value.members)
                    if not tree.root.closed:
                        queue.append((value, scale))  # where a brace was lost, its siblings stand in it
            elif isinstance(value, Scalar):
                others = others or may_hold is None
                if may_hold is not None and value.quoted and "{" in value.text and depth < _DEEPEST_STRING:
                    for inner in read_trees(value.text):
                        for name, held in _statements(inner, names, depth + 1)[1].items():
                            stated.setdefault(name, []).extend(held)
            elif may_hold is not None:
                queue.append((value, may_hold if may_hold is not NO_SCALE else scale))
            else:
                others = True
    return tree, stated, others


def _subject(node: Node, names: Names) -> Field | None:
    """The field that an object names in a member: `{"name": "production_quality", "score": 0.8}`."""
    keys = {joined(key): value for key, value in node.members}
    if VALUES.isdisjoint(keys):
        return None
    said = [value.text for key, value in keys.items() if key in SUBJECTS and isinstance(value, Scalar)]
    matches = [match.field for text in said if (match := names.match(text))]
    return matches[0] if len(matches) == 1 else None


def _begins_anew(value: Object, names: Names) -> bool:
    """Whether under a field's key the whole answer stands: the object around it broke off there."""
    keys = [key for key, _ in value.members]
    keys += [inner for key, one in value.members if isinstance(one, Object) and holder(key) for inner, _ in one.members]
    return sum(names.match(key) is not None for key in keys) > 1 and VALUES.isdisjoint(map(joined, keys))


def _states(value: Value, is_score: bool) -> bool:
    """Whether a value says something of a field: words of a text, a number of a score."""
    if isinstance(value, Scalar):
        if is_score:
            return value.fault is not None or _DIGIT.search(value.text) is not None
        return value.quoted and not value.text.isspace() and value.text != ""
    if isinstance(value, Array):
        return bool(value.members)
    return not is_score or any(joined(key) in VALUES for key, _ in value.members)


def _is_template(one: Candidate, names: Names) -> bool:
    scalars = [(name, s.value) for name, held in one.stated.items() for s in held if isinstance(s.value, Scalar)]
    words = [v.text for name, v in scalars if name not in names.scored and v.fault is None]
    numbers = [v.text for name, v in scalars if name in names.scored]
    if not words:
        return False
    if all(PLACEHOLDER.fullmatch(text) for text in words):
        return True
    is_empty = all(text.strip().lower() in _NO_TEXT or PLACEHOLDER.fullmatch(text) for text in words)
    return is_empty and all(not text.strip("0.") for text in numbers)


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


def read_field(
    field: Field, statements: Sequence[Statement], is_repaired: bool, assume: float | None
) -> Reading | FieldAnswer:
    """What statements on one field come to: a reading of a number, or the words of a text."""
    if field.kind == "text":
        answers = [_words(one.value, is_repaired) for one in statements]
        return next((one for one in answers if one.value is not None), answers[0])
    return agreed([_number(one.value, field, one.scale, assume) for one in statements])


def _number(value: Value, field: Field, scale: Scale, assume: float | None) -> Reading:
    if isinstance(value, Scalar):
        if value.fault is not None:
            return Reading(reason=value.fault)
        return read_number(value.text, field, scale, assume)
    if isinstance(value, Array):
        if len(value.members) == 1 and value.closed and isinstance(value.members[0][1], Scalar):
            return _number(value.members[0][1], field, scale, assume)
        return Reading(reason="ambiguous" if value.members else "missing")
    return _number_of_object(value, field, scale, assume)


def _number_of_object(value: Node, field: Field, scale: Scale, assume: float | None) -> Reading:
    """The number in the object of one field: its one `score`, on the scale beside it; no other number counts."""
    held = [one for key, one in value.members if joined(key) in VALUES]
    lows = [one.text for key, one in value.members if joined(key) in LOWS and isinstance(one, Scalar)]
    tops = [one for key, one in value.members if joined(key) in TOPS]
    if len(held) != 1 or not isinstance(held[0], Scalar):
        return Reading(reason="ambiguous" if held else "missing")
    for key, one in value.members:
        name = joined(key)
        if name in VALUES or name in TOPS or name in BESIDE or name in LOWS or name in SUBJECTS:
            continue
        if isinstance(one, Array) or (isinstance(one, Scalar) and not one.quoted and _DIGIT.search(one.text)):
            return Reading(reason="ambiguous")
    if any(read_number(low, field).value != (field.low or 0.0) for low in lows):
        return Reading(reason="unclear_scale")
    if len(tops) == 1 and isinstance(tops[0], Scalar):
        top = tops[0].text.strip()
        told = scale_of(top) or scale_of("/" + top)
        if told is None:
            return Reading(reason="unclear_scale")
        scale = told
    elif tops:
        return Reading(reason="unclear_scale")
    elif not value.closed and isinstance(held[0], Scalar) and held[0].text.strip().isdigit():
        return Reading(reason="cut_off")
    return _number(held[0], field, scale, assume)


def _words(value: Value, is_repaired: bool) -> FieldAnswer:
    """The words under a key; a list becomes one text."""
    if not isinstance(value, Scalar):
        told = [one for key, one in value.members if joined(key) in ("value", "text", "description")]
        value = told[0] if told else value
    if isinstance(value, Scalar):
        if value.fault == "cut_off":
            return FieldAnswer(reason="cut_off")
        if not value.quoted and value.text.strip().lower() in _NO_TEXT:
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
        if isinstance(item, Scalar):
            if item.text.strip():
                yield item.text
        else:
            stack += [one for _, one in reversed(item.members)]

"""Which of a reply's objects is the answer. Knows no syntax."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.reply.names import SUBJECTS, VALUES, Names, holder, joined
from musicflamingo_cli.scoring.reply.numbers import NO_SCALE, PLACEHOLDER, Scale
from musicflamingo_cli.scoring.reply.tolerant_json import read_trees
from musicflamingo_cli.scoring.reply.tree import Array, Node, Object, Scalar, Tree, Value
from musicflamingo_cli.scoring.reply.values import DIGIT, NO_TEXT, Statement

_DEEPEST_STRING = 3
"""Objects in strings in objects."""
_FENCE = re.compile(r"^[ \t>]{0,12}(?:`{3,}|~{3,})|```[ \t]*$", re.MULTILINE)


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
    row: int = 0
    """Which row of objects it belongs to: in one, a comma parts them, as if they stood in a list."""


def candidates(trees: Sequence[Tree], text: str, names: Names) -> list[Candidate]:
    """Every object of a text that says something of the asked fields, in order."""
    fences = [mark.start() for mark in _FENCE.finditer(text)] if "```" in text or "~~~" in text else []
    found = []
    row = at = 0
    for tree in trees:
        row += text[at : tree.start].strip() != ","
        at = tree.end
        if tree.under is not None and holder(tree.under) is None:
            continue
        one = Candidate(*_statements(tree, names))
        if one.stated:
            count = sum(any(_states(s.value, name in names.scored) for s in held) for name, held in one.stated.items())
            one.rank = (count, tree.root.closed, bisect_right(fences, tree.start) % 2 == 1, tree.start)
            one.row = row
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
    _with_siblings(chosen[0], real)
    taken = set(chosen[0].stated)
    for other in reversed(real):
        if other is not chosen[0] and other.tree.root.closed and taken.isdisjoint(other.stated):
            _with_siblings(other, real)
            chosen.append(other)
            taken |= other.stated.keys()
    return chosen


def _with_siblings(one: Candidate, real: Sequence[Candidate]) -> None:
    """Add what complete objects of the same row state of its fields: siblings that differ are ambiguous."""
    for other in real:
        if other is not one and other.row == one.row and other.tree.root.closed:
            for name in one.stated.keys() & other.stated.keys():
                one.stated[name] = [*one.stated[name], *other.stated[name]]


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
            return value.fault is not None or DIGIT.search(value.text) is not None
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
    if numbers and len({v.text for _, v in scalars}) == 1 < len(scalars):  # one filler for all
        return True
    if all(PLACEHOLDER.fullmatch(text) for text in words):
        return True
    is_empty = all(text.strip().lower() in NO_TEXT or PLACEHOLDER.fullmatch(text) for text in words)
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

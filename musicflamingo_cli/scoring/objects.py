"""What one object says of the asked fields, wherever in it they are nested."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from musicflamingo_cli.scoring.keys import HOLDERS, FieldIndex, is_other_name, read_key
from musicflamingo_cli.scoring.nodes import Arr, Obj
from musicflamingo_cli.scoring.values import VALUE_NAMES, Member, bears, stated_top

_MAX_NODES = 20_000
_NAMES = ("name", "dimension", "metric", "criterion", "category", "field", "key", "aspect", "label", "attribute")
_SCALES = ("scale", "scoringscale", "ratingscale", "scorescale", "scorerange", "outof", "maxscore")
_HOLDERS = frozenset(name.replace("_", "") for name in HOLDERS)


@dataclass(slots=True)
class Node:
    """One object that holds keys that are asked."""

    depth: int
    closed: bool
    members: dict[str, Member] = field(default_factory=dict)


@dataclass(slots=True)
class Harvest:
    """What one outermost object says."""

    members: dict[str, Member]
    """By field name."""
    strings: list[tuple[str, str]]
    """Every string under a key that asks for no number, with its key: they show whether this is a template."""
    numbers: int
    """Asked numbers that have a value here that could be one (a number, a literal, null)."""
    holders: list[str]
    """Strings under names such as `answer` that hold prose."""


def harvest(root: Obj, index: FieldIndex, reread: Callable[[str], list[Obj]]) -> Harvest:
    """Collect what an object and the objects in it say of the asked fields.

    A shallow object counts over a deeper one, a complete one over a broken one, and of two at one depth that answer the
    same field the later one; the other is not used at all. Objects under names such as `weights` are left out.

    Args:
        root: The object.
        index: The asked fields.
        reread: Finds the objects in a string that holds JSON.
    """
    nodes: list[Node] = []
    strings: list[tuple[str, str]] = []
    holders: list[str] = []
    stack: list[tuple[object, str, int, str]] = [(root, "", 0, "")]
    seen = 0
    while stack and seen < _MAX_NODES:
        value, name, depth, scale = stack.pop()
        seen += 1
        if isinstance(value, Obj):
            node, inner, scale = _read_node(value, depth, index, scale)
            nodes.append(node)
            stack.extend((child, key, depth + 1, _scale_in_name(key) or scale) for key, child in reversed(inner))
        elif isinstance(value, Arr | list):
            items = value.items if isinstance(value, Arr) else value
            stack.extend((item, name, depth + 1, scale) for item in reversed(items[:_MAX_NODES]))
        elif isinstance(value, str):
            strings.append((name, value))
            if "{" in value and depth < 8:
                stack.extend((child, name, depth + 1, scale) for child in reversed(reread(value)))
            elif read_key(name).joined in _HOLDERS:
                holders.append(value)
    members = _merge(nodes, index)
    for name, member in members.items():
        if name not in index.scored and isinstance(member.value, str):
            strings.append((member.key, member.value))
    wanted = ((name, member) for name, member in members.items() if name in index.wanted)
    numbers = sum(bears(member.value, name in index.scored) for name, member in wanted)
    return Harvest(members, strings, numbers, holders)


def _scale_in_name(name: str) -> str:
    """The scale in a name such as `scores_out_of_10`."""
    spaced = re.sub(r"[\W_]+", " ", name[:80])
    found = re.search(r"\bout of \d+|\b\d+(?: to)? \d+\b", spaced)
    return "" if found is None else re.sub(r"(\d) (?:to )?(\d)", r"\1-\2", found.group())


def _read_node(obj: Obj, depth: int, index: FieldIndex, scale: str) -> tuple[Node, list[tuple[str, object]], str]:
    node = Node(depth, obj.closed)
    inner: list[tuple[str, object]] = []
    for key, value in obj.pairs:
        if read_key(key).joined in _SCALES:
            scale = stated_top(value) or scale
    for key, value in obj.pairs:
        found = index.match(key) if key else None
        if found is None:
            if not is_other_name(key):
                inner.append((key, value))
            continue
        name, exact = found[0].name, found[1]
        held = node.members.get(name)
        if held is None or exact or not held.exact:
            node.members[name] = Member(value, key, exact, scale)
    if not node.members:
        _read_named_pair(obj, node, index)
    return node, inner, scale


def _read_named_pair(obj: Obj, node: Node, index: FieldIndex) -> None:
    """An object such as ``{"name": "production_quality", "score": 0.8}``."""
    by_key = {read_key(key).joined: value for key, value in obj.pairs}
    names = [value for key in _NAMES if isinstance(value := by_key.get(key), str)]
    found = index.match(names[0]) if names else None
    if found is not None and any(key in by_key for key in VALUE_NAMES):
        node.members[found[0].name] = Member(obj, names[0], found[1])


def _merge(nodes: list[Node], index: FieldIndex) -> dict[str, Member]:
    merged: dict[str, Member] = {}
    holding = [node for node in nodes if node.members]
    for depth in sorted({node.depth for node in holding}):
        level = [node for node in holding if node.depth == depth]
        level.sort(key=lambda node: node.closed)
        taken: dict[str, Member] = {}
        for node in reversed(level):
            useful = {n: m for n, m in node.members.items() if n not in index.scored or bears(m.value, True)}
            if not (index.scored & taken.keys() & useful.keys()):
                for name, member in (useful or node.members).items():
                    taken.setdefault(name, member)
        for name, member in taken.items():
            if name not in merged:
                merged[name] = member
    return merged

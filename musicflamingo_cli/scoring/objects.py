"""What one object says of the asked fields, wherever in it they are nested."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from musicflamingo_cli.scoring.bounds import scale_notes
from musicflamingo_cli.scoring.keys import HOLDERS, VALUE_NAMES, FieldIndex, is_other_name, read_key
from musicflamingo_cli.scoring.nodes import Arr, Bare, Obj, Torn
from musicflamingo_cli.scoring.parents import standing_of
from musicflamingo_cli.scoring.subjects import NAMES, calls_other, is_named, is_of_part, standings
from musicflamingo_cli.scoring.values import Member, bears

_MAX_NODES = 20_000
_HOLDERS = frozenset(name.replace("_", "") for name in HOLDERS)


_RUN_ON = re.compile(r"[{}]|[\"'“”]\s{0,8}:")
"""In a name or a score, this shows that a closing quote is damaged."""


_SWALLOWED = re.compile(r"[\"'“”]\s{0,4}([\w -]{1,40})[\"'“”:=][^\w\n]{0,6}[{\[]")


@dataclass(frozen=True, slots=True)
class _Place:
    """A value on the way through an object."""

    value: object
    name: str = ""
    depth: int = 0
    notes: tuple[str, ...] = ()
    known: bool = True
    strict: bool = False
    """True in valid JSON, where no bracket was lost and no quote swallowed anything."""


@dataclass(slots=True)
class Node:
    """One object that holds keys that are asked."""

    depth: int
    closed: bool
    known: bool
    """True if it stands under names of the answer only, such as `scores`; not under `Midnight Drive`."""
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


def harvest(root: Obj, index: FieldIndex, reread: Callable[[str], list[Obj]], strict: bool = False) -> Harvest:
    """Collect what an object and the objects in it say of the asked fields.

    A shallow object counts over a deeper one, a complete one over a broken one, and of two at one depth that answer the
    same field the later one; the other is not used at all. Objects under names such as `weights` or `similar_songs` are
    left out; those under names that say nothing fill gaps, as long as they answer no field that is answered elsewhere.

    Args:
        root: The object.
        index: The asked fields.
        reread: Finds the objects in a string that holds JSON.
        strict: True if the object is valid JSON.
    """
    nodes: list[Node] = []
    strings: list[tuple[str, str]] = []
    holders: list[str] = []
    stack: list[_Place] = [_Place(root, strict=strict)]
    seen = 0
    while stack and seen < _MAX_NODES:
        place = stack.pop()
        value = place.value
        seen += 1
        if isinstance(value, Obj):
            node, inner = _read_node(place, value, index)
            nodes.append(node)
            stack.extend(reversed(inner))
        elif isinstance(value, Arr | list):
            items = value.items if isinstance(value, Arr) else value
            deeper = place.depth + 1
            stack.extend(
                _Place(item, place.name, deeper, place.notes, place.known, place.strict)
                for item in reversed(items[:_MAX_NODES])
            )
        elif isinstance(value, str):
            strings.append((place.name, value))
            if standing_of(place.name) == "other":
                continue
            if "{" in value and place.depth < 8:
                stack.extend(replace(place, value=child, depth=place.depth + 1) for child in reversed(reread(value)))
            elif read_key(place.name).joined in _HOLDERS:
                holders.append(value)
    members = _merge(nodes, index)
    for name, member in members.items():
        if name not in index.scored and isinstance(member.value, str | Bare):
            strings.append((member.key, member.value if isinstance(member.value, str) else member.value.text))
    wanted = ((name, member) for name, member in members.items() if name in index.wanted)
    numbers = sum(bears(member.value, name in index.scored) for name, member in wanted)
    return Harvest(members, strings, numbers, holders)


def _opens_another(text: str) -> bool:
    """Whether a string ran on into the beginning of an object called `weights` or the like."""
    return any(
        standing_of(found.group(1)) == "other" and "}" not in text[found.end() :]
        for found in _SWALLOWED.finditer(text[-400:])
    )


def _notes_in_name(name: str) -> tuple[str, ...]:
    """The scale in a name such as `scores_out_of_10`, `scores (0-10)`, `percent_scores`."""
    spaced = re.sub(r"[\W_]+(?<![/%.-])", " ", re.sub(r"[^\w/%.-]|_", " ", name[:80])).strip()
    spaced = re.sub(r"(?<=\d) (?:to )?(?=\d)", "-", spaced)
    words = re.sub(r"\b(?:scores?|ratings?|values?|grades?)\b", " ", spaced, flags=re.IGNORECASE).strip()
    words = re.sub(r"(?<=\w)%(?=\w)", "", words)
    if words == spaced and not re.search(r"\b(?:out of|percent|stars?|points|scale)\b|%|\d-\d", words, re.IGNORECASE):
        return ()
    return (words,) if words else ()


def _read_node(place: _Place, obj: Obj, index: FieldIndex) -> tuple[Node, list[_Place]]:
    node = Node(place.depth, obj.closed, place.known)
    inner: list[_Place] = []
    if calls_other(obj.pairs) or is_of_part(obj.pairs, index):
        return node, inner
    if is_named(obj.pairs, index):
        node.known = False
    if any(read_key(key).joined in NAMES and isinstance(v, str) and index.known(v) for key, v in obj.pairs):
        _read_named_pair(obj, node, index, scale_notes(obj.pairs, own=False) or place.notes)
        if node.members:
            return node, inner
    standing_in = standings(obj, index)
    notes = scale_notes(obj.pairs, own=False) or place.notes
    for key, value in obj.pairs:
        if isinstance(value, str) and not place.strict and _opens_another(value):
            break
        found = index.match(key) if key else None
        if found is None and isinstance(value, Bare) and (place.strict or not _is_torn_open(value)):
            continue
        if found is None:
            standing = standing_in(key, value)
            if standing == "other" and not place.strict and _is_torn_open(value):
                break  # its opening bracket was swallowed by a stray quote: what follows stood in it
            if standing != "other" or (isinstance(value, str) and not is_other_name(key)):
                known = place.known and standing == "answer"
                inner.append(_Place(value, key, place.depth + 1, _notes_in_name(key) or notes, known, place.strict))
            continue
        name, exact = found[0].name, found[1]
        if isinstance(value, Obj) and value.closed and not obj.closed and _begins_anew(value, name, index):
            return _read_node(replace(place, value=value, depth=place.depth + 1), value, index)
        held = node.members.get(name)
        if held is None or exact or not held.exact:
            node.members[name] = Member(value, key, exact, notes)
        if isinstance(value, Obj) and not obj.closed:
            _lift(value, node, index, notes)
    for name, member in node.members.items():
        if len(obj.pairs) > len(node.members) and name in index.scored:
            member.notes = scale_notes(obj.pairs, False, read_key(name).joined) or member.notes
    if not node.members:
        _read_named_pair(obj, node, index, notes)
    if not node.members and len(index.scored) == 1 and place.depth == 0:
        _read_lone(obj, node, index, notes)
    return node, inner


def _read_lone(obj: Obj, node: Node, index: FieldIndex, notes: tuple[str, ...]) -> None:
    """`{"score": 0.8}`, where one score is asked and the object says nothing else."""
    if len(obj.pairs) == 1 and read_key(obj.pairs[0][0]).joined in VALUE_NAMES:
        key, value = obj.pairs[0]
        node.members[next(iter(index.scored))] = Member(value, key, False, notes)


def _is_torn_open(value: object) -> bool:
    """Whether the bracket that opens an object or a list was lost or swallowed, so that its members follow."""
    if isinstance(value, str):
        return not value.strip() or value.rstrip().endswith(("{", "[")) or "{" in value.rpartition("}")[2]
    if isinstance(value, Torn):
        return '"' in value.text
    if isinstance(value, Bare):
        begins = value.raw.strip()[:1]
        return not begins or (begins in tuple("/\\|<>*:-~!") and not re.search(r"\d", value.raw))
    return False


def _begins_anew(inner: Obj, name: str, index: FieldIndex) -> bool:
    """Whether what stands under a field's key is the whole answer once more: the outer object broke off there."""
    nested = [pair for _, value in inner.pairs if isinstance(value, Obj) for pair in value.pairs]
    known = {found[0].name for key, _ in (*inner.pairs, *nested) if (found := index.match(key))}
    return len(known) > 1 and (name in known or name not in index.scored)


def _lift(inner: Obj, node: Node, index: FieldIndex, notes: tuple[str, ...]) -> None:
    """Where the brace that closes one field's object is missing, the next fields stand in it."""
    for key, value in inner.pairs:
        found = index.match(key)
        if found is not None and found[0].name not in node.members:
            node.members[found[0].name] = Member(value, key, found[1], notes)
            if isinstance(value, Obj):
                _lift(value, node, index, notes)


def _read_named_pair(obj: Obj, node: Node, index: FieldIndex, notes: tuple[str, ...]) -> None:
    """An object such as ``{"name": "production_quality", "score": 0.8}``; not one that a lost quote made out of two."""
    keys = [read_key(key).joined for key, _ in obj.pairs]
    by_key = {read_key(key).joined: value for key, value in obj.pairs}
    names = [value for key in NAMES if isinstance(value := by_key.get(key), str)]
    found = index.match(names[0]) if names else None
    if found is None or not any(key in by_key for key in VALUE_NAMES):
        return
    torn = any(keys.count(key) > 1 for key in (*NAMES, *VALUE_NAMES)) or any(
        isinstance(text, str) and _RUN_ON.search(text) for pair in obj.pairs for text in pair
    )
    node.members[found[0].name] = Member(Torn(names[0]) if torn else obj, names[0], found[1], notes)


def _merge(nodes: list[Node], index: FieldIndex) -> dict[str, Member]:
    merged = _merge_known([node for node in nodes if node.members and node.known], index)
    answered = {name for name, member in merged.items() if name in index.scored and bears(member.value, True)}
    others = [node for node in nodes if node.members and not node.known]
    useful = [node for node in others if not answered & node.members.keys()]
    counts = Counter(name for node in useful for name in node.members if name in index.scored)
    for node in useful:
        for name, member in node.members.items():
            if name not in answered:
                merged[name] = replace(member, value=Torn("")) if counts[name] > 1 else member
    return merged


def _merge_known(holding: list[Node], index: FieldIndex) -> dict[str, Member]:
    merged: dict[str, Member] = {}
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

"""What one object says of the asked fields, wherever in it they are nested."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.jsonish import Arr, Bare, Cut, Obj
from musicflamingo_cli.scoring.keys import HOLDERS, FieldIndex, is_other_name, read_key
from musicflamingo_cli.scoring.numbers import NO_SCALE, Reading, Scale, read_number, scale_of

_MAX_NODES = 20_000
_NAMES = ("name", "dimension", "metric", "criterion", "category", "field", "key", "aspect", "label", "attribute")
_VALUES = ("score", "value", "rating", "number", "result", "mark", "grade")
_TOPS = ("outof", "max", "maxscore", "maximum", "maxvalue", "of", "scale", "scoremax", "denominator")
_NULLS = frozenset(("", "null", "none", "nil", "undefined", "nan", "na"))
_PLACEHOLDER = re.compile(
    r"\s*(?:\.{2,}|…|<[^<>]{0,80}>|\[[\w ]{0,30}\]|\{[\w ]{0,30}\}|_{2,}|x{3,}"
    r"|(?:a |the |your )?(?:string|str|text|placeholder|tbd|insert [^\n]{1,60}|(?:\w+ ){1,3}here))\s*",
    re.IGNORECASE,
)
_NUMERIC = re.compile(r"[^\w]{0,12}(?:[a-zA-Z]{1,14}[ :=]{1,3}){0,2}[^\w]{0,4}\d")
_LITERALS = _NULLS | {"true", "false", "infinity", "-infinity", "-nan"}
_HOLDERS = frozenset(name.replace("_", "") for name in HOLDERS)


@dataclass(slots=True)
class Member:
    """What stands under one key."""

    value: object
    key: str
    exact: bool
    """True if the key is the field's own name."""


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
    stack: list[tuple[object, str, int]] = [(root, "", 0)]
    seen = 0
    while stack and seen < _MAX_NODES:
        value, name, depth = stack.pop()
        seen += 1
        if isinstance(value, Obj):
            node, inner = _read_node(value, depth, index)
            nodes.append(node)
            stack.extend((child, key, depth + 1) for key, child in reversed(inner))
        elif isinstance(value, Arr | list):
            items = value.items if isinstance(value, Arr) else value
            stack.extend((item, name, depth + 1) for item in reversed(items[:_MAX_NODES]))
        elif isinstance(value, str):
            strings.append((name, value))
            if "{" in value and depth < 8:
                stack.extend((child, name, depth + 1) for child in reversed(reread(value)))
            elif read_key(name).joined in _HOLDERS:
                holders.append(value)
    members = _merge(nodes, index)
    for name, member in members.items():
        if name not in index.scored and isinstance(member.value, str):
            strings.append((member.key, member.value))
    wanted = ((name, member) for name, member in members.items() if name in index.wanted)
    numbers = sum(_bears(member.value, name in index.scored) for name, member in wanted)
    return Harvest(members, strings, numbers, holders)


def _read_node(obj: Obj, depth: int, index: FieldIndex) -> tuple[Node, list[tuple[str, object]]]:
    node = Node(depth, obj.closed)
    inner: list[tuple[str, object]] = []
    for key, value in obj.pairs:
        found = index.match(key) if key else None
        if found is None:
            if not is_other_name(key):
                inner.append((key, value))
            continue
        name, exact = found[0].name, found[1]
        held = node.members.get(name)
        if held is None or exact or not held.exact:
            node.members[name] = Member(value, key, exact)
    if not node.members:
        _read_named_pair(obj, node, index)
    return node, inner


def _read_named_pair(obj: Obj, node: Node, index: FieldIndex) -> None:
    """An object such as ``{"name": "production_quality", "score": 0.8}``."""
    by_key = {read_key(key).joined: value for key, value in obj.pairs}
    names = [value for key in _NAMES if isinstance(value := by_key.get(key), str)]
    found = index.match(names[0]) if names else None
    if found is not None and any(key in by_key for key in _VALUES):
        node.members[found[0].name] = Member(obj, names[0], found[1])


def _merge(nodes: list[Node], index: FieldIndex) -> dict[str, Member]:
    merged: dict[str, Member] = {}
    holding = [node for node in nodes if node.members]
    for depth in sorted({node.depth for node in holding}):
        level = [node for node in holding if node.depth == depth]
        level.sort(key=lambda node: node.closed)
        taken: dict[str, Member] = {}
        for node in reversed(level):
            useful = {n: m for n, m in node.members.items() if n not in index.scored or _bears(m.value, True)}
            if not (index.scored & taken.keys() & useful.keys()):
                for name, member in (useful or node.members).items():
                    taken.setdefault(name, member)
        for name, member in taken.items():
            if name not in merged:
                merged[name] = member
    return merged


def _bears(value: object, number: bool) -> bool:
    """Whether a value is an answer, if perhaps an unreadable one, rather than words about the answer."""
    if not number:
        return _text(value) is not None
    if isinstance(value, Obj):
        keys = {read_key(key).joined for key, _ in value.pairs}
        return any(key in keys for key in _VALUES)
    if isinstance(value, Arr | list):
        items = value.items if isinstance(value, Arr) else value
        return any(_bears(item, True) for item in items[:8])
    if isinstance(value, str):
        return _NUMERIC.match(value) is not None
    if isinstance(value, Cut):
        return False
    if isinstance(value, Bare):
        return _NUMERIC.match(value.raw) is not None or value.raw.strip().lower() in _LITERALS
    return True


def read_score(member: Member, field: Field, assume: float | None) -> Reading:
    """The number under a key."""
    scale = scale_of(read_key(member.key).annotation, field)
    return _read_value(member.value, field, scale, assume)


def _read_value(value: object, field: Field, scale: Scale, assume: float | None) -> Reading:
    if isinstance(value, Bare):
        if value.raw.strip().lower() in _NULLS:
            return Reading(reason="missing")
        return read_number(value.raw, field, value.cut, scale, assume)
    if isinstance(value, str):
        return read_number(value, field, False, scale, assume)
    if isinstance(value, Cut):
        return Reading(reason="cut_off")
    if isinstance(value, Obj):
        return _read_object(value, field, scale, assume)
    if isinstance(value, Arr | list):
        items = value.items if isinstance(value, Arr) else value
        if len(items) != 1 or (isinstance(value, Arr) and not value.closed) or isinstance(items[0], Obj | Arr | list):
            return Reading(reason="not_a_number" if items else "missing")
        return _read_value(items[0], field, scale, assume)
    return Reading(reason="missing" if value is None else "not_a_number")


def _read_object(obj: Obj, field: Field, scale: Scale, assume: float | None) -> Reading:
    """A number with its own object: ``{"score": 8, "out_of": 10, "reason": ...}``."""
    own = read_key(field.name).joined
    held: list[tuple[str, object]] = []
    for key, value in obj.pairs:
        joined = read_key(key).joined
        if joined in _TOPS:
            text = value.raw if isinstance(value, Bare) else value if isinstance(value, str) else ""
            stated = scale_of(f"out of {text}" if re.fullmatch(r"\s*[\d.]+\s*", text) else text, field)
            scale = stated if stated != NO_SCALE else scale
        elif joined in _VALUES or joined == own:
            held.append((key, value))
    plain = [(key, value) for key, value in held if not isinstance(value, Obj)]
    readings = {key: _read_value(value, field, _joint(scale, key, field), assume) for key, value in plain}
    if not readings:
        return Reading(reason="missing")
    values = {r.value for r in readings.values()}
    if len(values) > 1:
        return Reading(reason="ambiguous")
    reading = next(iter(readings.values()))
    if not obj.closed and reading.written is not None and reading.written == int(reading.written):
        return Reading(reason="cut_off")
    return reading


def _joint(scale: Scale, key: str, field: Field) -> Scale:
    own = scale_of(read_key(key).annotation, field)
    return own if own != NO_SCALE else scale


def read_text(member: Member) -> tuple[str | None, str | None]:
    """The words under a key, or why there are none."""
    if isinstance(member.value, Cut):
        return None, "cut_off"
    text = _text(member.value)
    if text is None:
        return None, "cut_off" if isinstance(member.value, Bare) and member.value.cut else "missing"
    return (None, "placeholder") if is_placeholder(text, member.key) else (text, None)


def is_placeholder(text: str, key: str = "") -> bool:
    """Whether a string only marks the place of an answer: `...`, `<genre>`, `string`."""
    return _PLACEHOLDER.fullmatch(text) is not None or (bool(key) and read_key(text).joined == read_key(key).joined)


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Bare):
        no_words = value.cut or value.text.lower() in _NULLS or value.text in ("True", "False")
        return None if no_words else clean_text(value.text)
    if isinstance(value, Obj | Arr | list):
        if isinstance(value, Obj | Arr) and not value.closed:
            return None
        parts = list(_leaves(value))
        return clean_text(", ".join(parts)) if parts else None
    return None


def _leaves(value: object) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Obj):
            stack.extend(child for _, child in reversed(item.pairs))
        elif isinstance(item, Arr | list):
            stack.extend(reversed(item.items if isinstance(item, Arr) else item))
        elif isinstance(item, str) and item.strip():
            yield item
        elif isinstance(item, Bare) and item.text.lower() not in _NULLS:
            yield item.text


def clean_text(text: str) -> str | None:
    """Words that any table can hold: lone surrogates are replaced; nothing but space is no words."""
    if any("\ud800" <= c <= "\udfff" for c in text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text if text.strip() else None

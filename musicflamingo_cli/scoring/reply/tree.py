"""What a JSON text holds: a tree of objects and lists, with scalars as they are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Scalar(NamedTuple):
    """A string without its escapes, or a number or word as it is written."""

    text: str
    quoted: bool = True
    fault: str | None = None
    """`cut_off` where the end of the text may have taken some of it, `ambiguous` where damage touches it."""


@dataclass(slots=True)
class Node:
    """Keys with their values in the order in which they were written."""

    members: list[tuple[str, Value]] = field(default_factory=list)
    closed: bool = False


class Object(Node):
    """Members of an object; a key may stand twice."""

    __slots__ = ()


class Array(Node):
    """Items of a list; their keys are empty."""

    __slots__ = ()


Value = Scalar | Node


class Tree(NamedTuple):
    """One object or list of a text, and where it stands."""

    root: Node
    start: int
    end: int
    repairs: tuple[str, ...]
    """In the order in which they were needed; none for strict JSON."""
    under: str | None = None
    """The key that stands right before it: it was torn out of an object around it."""

    @property
    def is_strict(self) -> bool:
        """Whether it needed no repair."""
        return self.root.closed and not self.repairs

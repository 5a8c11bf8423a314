"""The member read last: what is left over behind it may be a part of its number, and makes it doubtful."""

from __future__ import annotations

from musicflamingo_cli.scoring.bounds import is_bound
from musicflamingo_cli.scoring.nodes import Bare, Obj, Torn
from musicflamingo_cli.scoring.remarks import belongs_to_number
from musicflamingo_cli.scoring.strings import KEY

_REACH = 400
"""How far behind a number a comment may stand that speaks of it, in characters."""


class LastMember:
    """The object whose last member was just read, and where that ended; nothing while the next one is being read."""

    def __init__(self, folded: str, end: int) -> None:
        """Know the text, and where what may be read ends."""
        self.folded, self.end = folded, end
        self.node: Obj | None = None
        self.stop = 0

    def hold(self, node: object, stop: int) -> None:
        """Take the last member of `node`, which ended at `stop`; nothing if that is no object."""
        self.node, self.stop = node if isinstance(node, Obj) else None, stop

    def forget(self) -> None:
        """A new member begins."""
        self.node = None

    def is_on_line_of(self, place: int) -> bool:
        """Whether this place is on the line on which the member ended, and not far from it."""
        near = self.node is not None and place - self.stop < _REACH
        return near and "\n" not in self.folded[self.stop : place]

    def is_number(self) -> bool:
        """Whether the member's value is no text."""
        value = self.node.pairs[-1][1] if self.node is not None and self.node.pairs else None
        return not isinstance(value, str) or value[:1].isdigit() or value[:1] in ("-", "+", ".", "~", "≈")

    def doubt(self, doubtful: bool, why: str) -> None:
        """Give up the member's value if it is doubtful."""
        if doubtful and self.node is not None and self.node.pairs:
            self.node.pairs[-1] = (self.node.pairs[-1][0], Torn(why[:80]))

    def leave(self, start: int, end: int) -> None:
        """What is left over from `start` to `end` may belong to the number before it: `0.3, 0.4`, `1, of 10`."""
        if self.node is None:
            return
        key = KEY.match(self.folded, start + 1, self.end) if self.folded[start] == "{" else None
        if key is not None and not is_bound(key.group(3) or key.group(4) or ""):
            return
        rest = self.folded[start:end]
        value = self.node.pairs[-1][1] if self.node.pairs else None
        if isinstance(value, Bare) and value.raw[:1].isdigit() and any(c.isalpha() for c in value.raw) and rest.strip():
            self.doubt(True, rest)
        self.doubt(belongs_to_number(rest, self.is_on_line_of(start)), rest)

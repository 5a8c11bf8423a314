"""The tolerant reader of objects that are almost JSON.

It is our own: unlike a repair library it keeps the spelling of every number and knows whether a value was complete, so
that a number that the end of the text cuts off, a unit or a number out of another object is never taken for the value.
It keeps its own stack (no recursion), never goes back over text (linear time), and says which repairs it made.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from musicflamingo_cli.scoring.bare import read_bare
from musicflamingo_cli.scoring.keys import VALUE_NAMES, is_other_name, read_key
from musicflamingo_cli.scoring.last_member import LastMember
from musicflamingo_cli.scoring.marks import (
    COMMENT,
    ELLIPSIS,
    GARBAGE,
    HEADING,
    KEY_BEGUN,
    LONG_LIST,
    LONG_LIST_OF_OBJECTS,
    MEMBER_FOLLOWS,
    NUMBER_FOLLOWS,
    NUMBER_GOES_ON,
    PLAIN_ITEMS,
    PLAIN_OBJECTS,
    QUOTED_BRACKET,
    QUOTES,
    SOLID,
    SPACE,
    STRAY_QUOTE,
)
from musicflamingo_cli.scoring.nodes import Arr, Bare, Cut, Obj, Page, Torn
from musicflamingo_cli.scoring.parents import standing_of
from musicflamingo_cli.scoring.remarks import doubts, may_go_on, speaks_of_scale
from musicflamingo_cli.scoring.strings import DAMAGED_KEY, KEY, MISSING_COLON, QUOTE, StringReader, repairs_of

MAX_DEPTH = 64
"""Deeper nesting ends an object; what is inside is then found as an object of its own."""
_MOST_MEMBERS = 8192
"""More members only a loop has."""
_MAX_SKIPS = 3


def may_begin(folded: str, start: int, end: int) -> bool:
    """Whether what follows the brace at `start` can be the first member of an object, without reading it."""
    pos = start + 1
    space = SPACE.match(folded, pos, end)
    pos = space.end() if space else pos
    if start and folded[start - 1].isalnum() and folded[pos : pos + 1] not in QUOTES:
        return False
    if pos >= end or folded[pos] in "{[(/#,;<.":
        return pos < end
    if folded[pos] in "-•" or folded.startswith("* ", pos):
        return False
    pos += folded[pos] in QUOTES and folded[pos + 1 : pos + 2] == folded[pos]
    return any(pattern.match(folded, pos, end) is not None for pattern in (KEY, MISSING_COLON, DAMAGED_KEY))


class ObjectReader:
    """Reads one JSON-like object, member by member, until it is closed or can't be followed any further."""

    def __init__(self, page: Page, span: tuple[int, int], known: Callable[[str], bool]) -> None:
        """Be ready to read the object that begins at `span[0]`, up to `span[1]`; `known` tells asked keys."""
        self.text, self.folded = page.text, page.folded
        self.pos, self.end = span
        self.known = known
        self.strings = StringReader(page.text, page.folded, self.end, page.stopped)
        self.repairs: dict[str, None] = self.strings.repairs
        self.stack: list[Obj | Arr] = []
        self._skips = 0
        self._quoted_style = False
        self._escaped_style = False
        self._separated = True
        self.last = LastMember(page.folded, self.end)
        self._broke = False
        self.nodes = 1
        """Objects and lists that were begun."""
        self.members = 0
        """Members that were begun."""
        self.gave_up = False
        """True if reading ended at a damaged name of something that is not the answer."""

    def read(self, braceless: bool = False) -> tuple[Obj, int]:
        """The object and where reading stopped; it is not `closed` where its end is missing."""
        root = Obj()
        self.stack = [root]
        if not braceless:
            self.pos += 1
        while self.stack:
            self._skip_separators()
            if self.pos >= self.end or HEADING.match(self.folded, self.pos, self.end):
                break
            if self.folded[self.pos] in "}])":
                self._close(self.folded[self.pos])
                self._broke = True
                continue
            if len(self.stack) >= MAX_DEPTH and self.folded[self.pos] in "{[(":
                break
            top = self.stack[-1]
            if isinstance(top, Arr):
                self._item(top)
            elif not self._member(top):
                break
            self._broke = False
        if self.stack:
            self.repairs["truncated" if self.pos >= self.end else "missing_brace"] = None
            self._unwrap(root)
        return root, self.pos

    def _unwrap(self, root: Obj) -> None:
        """Doubled braces of which one closing brace is missing still hold a complete object."""
        if len(root.pairs) == 1 and root.pairs[0][0] == "" and isinstance(root.pairs[0][1], Obj):
            root.closed = root.pairs[0][1].closed

    def _skip_space(self) -> None:
        while self.pos < self.end:
            if self.folded[self.pos] in SOLID:
                return
            if space := SPACE.match(self.folded, self.pos, self.end):
                self.pos = space.end()
                if odd := space.group().strip(" \t\r\n"):
                    self.repairs["escaped_space" if "\\" in odd else "control_characters"] = None
            elif comment := COMMENT.match(self.folded, self.pos, self.end):
                self.repairs["comments"] = None
                self._heed(comment.group(), self.pos)
                self.pos = comment.end()
            else:
                return

    def _heed(self, comment: str, at: int) -> None:
        """A comment on the scale of the number before it makes that doubtful; one on a line of its own, all of them."""
        is_cut = at + len(comment) == len(self.folded)
        if not is_cut and not comment.strip("/*#<!-> \t"):
            return
        if self.last.is_on_line_of(at):
            self.last.doubt(is_cut or (self.last.is_number() and doubts(comment)), comment)
        elif isinstance(self.stack[-1], Obj) and speaks_of_scale(comment):
            self.stack[-1].pairs.append(("rating_scale", comment.strip("/*#<!-> \t")))

    def _skip_separators(self) -> None:
        commas = 0
        while True:
            self._skip_space()
            if self.pos >= self.end or self.folded[self.pos] not in ",;":
                break
            if self.folded[self.pos] == ";":
                self.repairs["semicolons"] = None
            commas += 1
            self.pos += 1
        self._separated = self._separated or commas > 0
        top = self.stack[-1] if self.stack else None
        leads = commas > 0 and isinstance(top, Obj) and not top.pairs
        if commas > 1 or leads or (commas and self.pos < self.end and self.folded[self.pos] in "}]"):
            self.repairs["stray_comma"] = None

    def _close(self, char: str) -> None:
        self.pos += 1
        kind = Obj if char == "}" else Arr
        if not any(isinstance(node, kind) for node in reversed(self.stack)):
            self.repairs["stray_bracket"] = None
            return
        mistyped = kind is Obj and len(self.stack) == 2 and isinstance(self.stack[-1], Arr)
        if mistyped and MEMBER_FOLLOWS.match(self.folded, self.pos, self.end):
            self.stack.pop().closed = True
            self.repairs["wrong_bracket"] = None
            self._separated = False
            return
        broken = NUMBER_GOES_ON.match(self.folded, self.pos, self.end) is not None
        while not isinstance(self.stack[-1], kind):
            self._end(broken)
            self.repairs["missing_bracket"] = None
        self._end(broken)
        self._separated = False
        self.last.hold(self.stack[-1] if self.stack else None, self.pos)

    def _end(self, broken: bool) -> None:
        """Close the innermost object or list; a number that goes on behind its bracket was broken by it."""
        node = self.stack.pop()
        node.closed = True
        if broken and isinstance(node, Obj) and node.pairs:
            node.pairs[-1] = (node.pairs[-1][0], Torn(""))

    def _push(self, node: Obj | Arr) -> None:
        self.pos += 1
        self.stack.append(node)
        self.nodes += 1
        self._separated = True

    def _item(self, node: Arr) -> None:
        """Read one item of a list, or see that the list's closing bracket is missing."""
        key = KEY.match(self.folded, self.pos, self.end) if self.folded[self.pos] in "\"'\\“" else None
        if key is not None and key.group(3) and (not node.items or isinstance(node.items[-1], Obj)):
            child = Obj()
            node.items.append(child)
            self.stack.append(child)
            self.repairs["missing_brace"] = None
            return
        closes = key is not None and key.group(3) and (self.known(key.group(3)) or standing_of(key.group(3)) == "other")
        if closes and len(self.stack) > 1:
            self.stack.pop().closed = True
            self.repairs["missing_bracket"] = None
            return
        if len(node.items) > LONG_LIST and (plain := PLAIN_ITEMS.match(self.folded, self.pos, self.end)):
            self.pos = plain.end()
            return
        if len(node.items) > LONG_LIST_OF_OBJECTS and (plain := PLAIN_OBJECTS.match(self.folded, self.pos, self.end)):
            self.pos = plain.end()
            return
        self._separated = False
        self._value(node.items.append)

    def _member(self, node: Obj) -> bool:
        """Read a key and its value; False where this object can't be followed any further."""
        folded, pos = self.folded, self.pos
        self.members += 1
        if self.members > _MOST_MEMBERS:
            return False
        if folded[pos] in "{[(":
            if node.pairs or len(self.stack) >= MAX_DEPTH:
                self.last.leave(pos, min(self.end, pos + 80))
                return False
            child: Obj | Arr = Obj() if folded[pos] == "{" else Arr()
            node.pairs.append(("", child))
            self.repairs["doubled_braces"] = None
            self._push(child)
            return True
        found = KEY.match(folded, pos, self.end)
        if found is None:
            found = MISSING_COLON.match(folded, pos, self.end)
            if found is not None and self._opens_another(found, node):
                return True
            if found is None or not self._may_lack_colon(found):
                return self._recover()
            self.repairs["missing_colon"] = None
        key = found.group(3) if found.group(3) is not None else found.group(4)
        if found.group(1) and not self._escaped_style and self._quoted_style:
            return self._recover()
        quoted = found.group(3) is not None or '"' in found.group()
        if not quoted and self._quoted_style and not self.known(key):
            return self._recover()
        if not quoted and self._quoted_style and found.group()[:1] in "-*•":
            self.last.leave(pos, min(self.end, pos + 80))
            return False
        if not self._separated:
            self.repairs["missing_comma"] = None
        self._quoted_style = self._quoted_style or quoted
        self._escaped_style = self._escaped_style or bool(found.group(1))
        self.repairs.update(dict.fromkeys(repairs_of(found, quoted)))
        self.pos = found.end()
        self._skips = 0
        self._separated = False
        self.last.forget()
        self._skip_space()
        following = KEY.match(folded, self.pos, self.end) if self.folded[self.pos : self.pos + 1] in QUOTES else None
        if following is None or following.group(3) is None or len(self.stack) >= MAX_DEPTH:
            self._value(lambda value: node.pairs.append((key, value)))
            self.last.hold(node if self.stack[-1] is node else None, self.pos)
        elif self.known(key) and read_key(following.group(3)).joined not in VALUE_NAMES:
            node.pairs.append((key, None))
        else:
            child = Obj()
            node.pairs.append((key, child))
            self.stack.append(child)
            self.repairs["missing_brace"] = None
        return True

    def _opens_another(self, found: re.Match[str], node: Obj) -> bool:
        """Whether a name such as `weights`, with its colon and brace lost, stands right before another key."""
        key = KEY.match(self.folded, found.end(), self.end) if self.folded[found.end()] in QUOTES else None
        if key is None or standing_of(found.group(3)) != "other" or len(self.stack) >= MAX_DEPTH:
            return False
        child = Obj()
        node.pairs.append((found.group(3), child))
        self.stack.append(child)
        self.pos = found.end()
        self.last.forget()
        self.repairs["missing_brace"] = None
        return True

    def _may_lack_colon(self, found: re.Match[str]) -> bool:
        key = found.group(3)
        if self.known(key) or read_key(key).joined in VALUE_NAMES:
            return True
        return self.folded[found.end()] == "{" and standing_of(key) == "answer"

    def _recover(self) -> bool:
        """Step over what is no member; give up where another object begins or nothing like a member follows."""
        self._skips += 1
        if self.folded[self.pos] == "[" or self._skips > _MAX_SKIPS:
            self.last.leave(self.pos, min(self.end, self.pos + 80))
            return False
        if dots := ELLIPSIS.match(self.folded, self.pos, self.end):
            self.repairs["ellipsis"] = None
            self.pos = dots.end()
            return True
        if stray := STRAY_QUOTE.match(self.folded, self.pos, self.end):
            self.repairs["stray_quote"] = None
            is_glued = not self._separated and self.last.is_on_line_of(self.pos)
            self.last.doubt(stray.end() == len(self.folded) and is_glued, stray.group())
            self.pos = stray.end()
            return True
        if self._broke and NUMBER_FOLLOWS.match(self.folded, self.pos, self.end):
            self.last.leave(self.pos, min(self.end, self.pos + 80))
            return False
        garbage = GARBAGE.match(self.folded, self.pos, self.end)
        if garbage is not None and is_other_name(garbage.group()[:60]):
            self.last.leave(self.pos, garbage.end())
            self.gave_up = True
            self.pos = garbage.end()
            return False
        if garbage is not None and garbage.end() == len(self.folded) and not self._separated:
            self.last.doubt(self.last.is_on_line_of(self.pos) or may_go_on(garbage.group()), garbage.group())
        if not (self._separated and KEY_BEGUN.match(self.folded, self.pos)):
            self.last.leave(self.pos, garbage.end() if garbage else self.pos + 1)
        self.pos = garbage.end() if garbage else self.pos + 1
        if self.pos < self.end:
            self.repairs["skipped_text"] = None
        return self.pos < self.end and self.folded[self.pos] not in "{["

    def _value(self, put: Callable[[object], None]) -> None:
        self._skip_space()
        folded, pos = self.folded, self.pos
        if pos >= self.end or HEADING.match(folded, pos, self.end):
            put(Cut(""))
        elif folded[pos] in "{[(" and len(self.stack) < MAX_DEPTH:
            child: Obj | Arr = Obj() if folded[pos] == "{" else Arr()
            if folded[pos] == "(":
                self.repairs["python_literals"] = None
            put(child)
            self._push(child)
        elif folded[pos] in ",;}])":
            put(Bare("", ""))
        elif opened := QUOTED_BRACKET.match(folded, pos, self.end):
            self.repairs["unescaped_quotes"] = None
            self.pos = opened.end()
            self._value(put)
        elif QUOTE.match(folded, pos, self.end):
            text, closed, self.pos = self.strings.read(pos, isinstance(self.stack[-1], Arr))
            put(text if closed else Cut(text))
        else:
            in_list = isinstance(self.stack[-1], Arr)
            value, self.pos, repairs = read_bare(self.text, folded, (pos, self.end), in_list)
            self.repairs.update(dict.fromkeys(repairs))
            put(value)

"""One object that is JSON, or was meant to be: its bracket in, its tree out. Knows nothing of fields.

One pass without recursion. Members of strict JSON are taken by one expression each; whatever that does not match is
repaired, and the repair is named. Two rules keep damage from making numbers: a value that the end of the text or a
stray sign may have changed carries a fault; and where the brackets stop making sense, the object is left as it is, for
nobody knows what stands under which name from there on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from musicflamingo_cli.scoring.reply.json_tokens import (
    COMMENT,
    END_OF_ITEM,
    KEY,
    NO_MEMBERS,
    NUMBER,
    SPACE,
    TO_QUOTE,
    Scalar,
    Tokens,
)


@dataclass(slots=True)
class Node:
    """An object, or a list, whose items have empty keys; in the order in which they were written."""

    is_list: bool = False
    members: list[tuple[str, Value]] = field(default_factory=list)
    closed: bool = False


Value = Scalar | Node


class Tree(NamedTuple):
    """One object or list of a text, and where it stands."""

    root: Node
    start: int
    end: int
    repairs: tuple[str, ...] = ()
    """In the order in which they were needed; none for strict JSON."""


MAX_DEPTH = 256
"""What is nested deeper is read as if the text ended there."""
_MAX_NODES = 20_000
"""Only a loop has so many."""
_COMMENTS = re.compile(COMMENT)
_TOP = re.compile(r"(?:/|\bof)\s{0,4}[0-9]")
"""In a comment: what the number before it is out of."""
_BLANK = re.compile(rf"(?:{SPACE}|{COMMENT})*+")
_BETWEEN = re.compile(rf"(?:{SPACE}|[,;]|\\[nrt](?=[\s\\\"'}}])|{COMMENT})*+")
_BRACES = re.compile(r"\{(?:[ \t]*+\{)++")
_MEMBER = re.compile(
    rf'\s*+"{NO_MEMBERS}'
    r'([^"\\\x00-\x1f]*+)"\s*+:\s*+(?:"((?:[^"\\\x00-\x1f]|\\["\\/bfnrtu])*+)"'
    rf"|({NUMBER}|true|false|null))"
    r'\s*+(?:,(?=\s*+"[^"\\\n]*+"\s*+:)|(?=\}))'
)
"""A strict member, and the comma before another one."""
_QUOTED_OBJECT = re.compile(r"\"\s*+(?=\{\s*+\"[^\"\\\n]{1,80}\"\s{0,4}:)")
_GARBAGE = re.compile(r"(?:\"[^\"\n:{}\[\]]{0,200}\"|[^,;:{}\[\]\n\"“”]++)(?=\s*(?:[,;\n}\"]|\Z))|[^{}\[\]\n]++(?=\n)")
"""What is no member and holds no brackets, up to the next sign that parts members, or to the end of the line."""
_CUT_KEY = re.compile(r"[\"'“”]?[\w .-]{0,80}+[\"'“”]?\s*+\Z")
"""A key that the end of the text cut."""
_PART_OF_NUMBER = re.compile(r"[-+.%/\w±~\\]|[^\s,;:{}\[\]]{1,8}[0-9]")


def _lead(text: str, pos: int) -> str:
    """What stands before a place on its line, its last 256 characters at most."""
    return text[max(0, pos - 256) : pos].rpartition("\n")[2]


def begins_anew(text: str, pos: int, indent: int) -> bool:
    """Whether a bracket begins a line, no further in than an object that broke off before it."""
    lead = _lead(text, pos)
    return len(lead) <= indent and not lead.strip(" \t")


class ObjectReader(Tokens):
    """Reads the object or list whose bracket stands at `start`."""

    def __init__(self, text: str, start: int) -> None:
        super().__init__(text, start)
        lead, self.start = _lead(text, start), start
        self.indent = len(lead) - len(lead.lstrip(" \t"))
        self._stack: list[tuple[Node, int]] = []
        """What is open, each with how many braces opened it."""
        self._count = 0
        """Objects and lists read."""
        self._may_restart = False
        """Whether an object behind a key may be a new one, before which this one broke off."""
        self._separated = True
        """Whether a comma, or an opening bracket, stands before what comes next."""

    def read(self) -> Tree:
        """The tree, as far as it can be followed."""
        root = self._push()
        while self._stack:
            top = self._stack[-1][0]
            self._between(top)
            if self.pos >= self.end:
                self.repairs["truncated"] = None
                break
            char = self.text[self.pos]
            if char in "}]":
                is_followed = self._close(char)
            elif top.is_list:
                self._separated = False
                is_followed = self._value(top, "")
            elif char == '"' and self._separated and (members := self._strict_members()):
                top.members += members
                is_followed = True
            else:
                is_followed = self._member(top)
            if not is_followed:
                self.repairs["broken_off"] = None
                self._doubt(root)
                break
        if self._may_restart and not root.closed:
            root.members.clear()
        return Tree(root, self.start, self.pos, tuple(self.repairs))

    def _push(self) -> Node:
        """Open what begins here; braces in a row count as one."""
        node, count = Node(self.text[self.pos] == "["), 1
        if braces := _BRACES.match(self.text, self.pos):
            count = braces.group().count("{")
            self.repairs["doubled_braces"] = None
            self.pos = braces.end() - 1
        self.pos += 1
        self._stack.append((node, count))
        self._separated, self._count = True, self._count + 1
        return node

    def _close(self, char: str) -> bool:
        node, braces = self._stack[-1]
        if node.is_list == (char == "}"):
            return False
        self._stack.pop()
        node.closed, self._separated = True, False
        self.pos += 1
        while braces > 1 and self.text[self.pos : self.pos + 8].lstrip()[:1] == "}":
            self.pos, braces = self.text.index("}", self.pos) + 1, braces - 1
        if braces > 1:
            node.members.clear()  # between its braces stood a name
            return False
        if self._stack and self.text[self.pos : self.pos + 1] == '"' and END_OF_ITEM.match(self.text, self.pos + 1):
            self.pos += 1  # of an object in quotes
        elif _PART_OF_NUMBER.match(self.text, self.pos):
            self._doubt(node)
        return True

    def _between(self, top: Node) -> None:
        """Step over space, comments and what parts members."""
        found = _BETWEEN.match(self.text, self.pos)
        between = found.group() if found else ""
        if not between:
            return
        self.pos += len(between)
        bare = _COMMENTS.sub("", between) if "/" in between or "#" in between else between
        if bare != between:
            self.repairs["comments"] = None
            self._doubt(top, only_whole=not _TOP.search(between))  # it may say what the number is out of
        if "\\" in bare:
            self.repairs["bad_escape"] = None
        commas = bare.count(",") + bare.count(";")
        if ";" in bare:
            self.repairs["semicolons"] = None
        if commas > 1 or (commas and (not top.members or self.text[self.pos : self.pos + 1] in ("}", "]"))):
            self.repairs["stray_comma"] = None
        self._separated = self._separated or commas > 0

    def _strict_members(self) -> list[tuple[str, Value]]:
        """The strict members that begin here, with the commas between them."""
        members: list[tuple[str, Value]] = []
        while found := _MEMBER.match(self.text, self.pos):
            key, string, literal = found.groups()
            if literal is not None:
                members.append((key, Scalar(literal, False)))
            else:
                members.append((key, Scalar(self.unescaped(string) if "\\" in string else string)))
            self.pos = found.end()
        return members

    def _member(self, top: Node) -> bool:
        """Read a key and its value; False where what follows belongs to no object that is open here."""
        found = KEY.match(self.text, self.pos)
        if found is None:
            if self._separated and _CUT_KEY.match(self.text, self.pos):
                self.pos = self.end
                return True
            garbage = _GARBAGE.match(self.text, self.pos)
            if garbage is None:
                return False
            is_on_new_line = self.text[max(0, self.pos - 64) : self.pos].rstrip(" \t").endswith("\n")
            if not (self._separated or is_on_new_line) or re.search("[0-9%]", garbage.group()):
                self._doubt(top)
            self.repairs["skipped_text"] = None
            self.pos = garbage.end()
            return True
        if not self._separated:
            self.repairs["missing_comma"] = None
        self._separated = False
        key = found["plain"]
        if key is not None and found["colon"] is None:
            self.repairs["missing_colon"] = None
        if key is None:
            key, mark = found["loose"], found["open"].lstrip("\\")
            name = "unquoted_keys" if not mark else "single_quotes" if mark == "'" else "smart_quotes"
            self.repairs["missing_quote" if mark == '"' else name] = None
        self.pos = found.end()
        return self._value(top, self.unescaped(key) if "\\" in key else key)

    def _value(self, top: Node, key: str) -> bool:
        blank = _BLANK.match(self.text, self.pos)
        is_commented = blank is not None and _COMMENTS.search(blank.group()) is not None
        self.pos = blank.end() if blank else self.pos
        if self.pos == self.end:
            top.members.append((key, Scalar("", False, "cut_off")))
            return True
        if quoted := _QUOTED_OBJECT.match(self.text, self.pos):
            self.repairs["unescaped_quotes"] = None
            self.pos = quoted.end()
        char = self.text[self.pos : self.pos + 1]
        if char and char in "{[":
            if len(self._stack) >= MAX_DEPTH or self._count > _MAX_NODES:
                return False
            if begins_anew(self.text, self.pos, self.indent):
                if top.is_list and top.members and isinstance(top.members[-1][1], Scalar):
                    return False  # no item but a new object, before which this list broke off
                self._may_restart = self._may_restart or not top.is_list
            top.members.append((key, self._push()))
            return True
        if char and char in TO_QUOTE:
            value = self.string(top.is_list)
        elif char and char in ",;}]":
            self.repairs["missing_value"] = None
            value = Scalar("", False)
        else:
            value = self.bare(top.is_list)
        if value is None:
            return False
        top.members.append((key, value))
        if is_commented:
            self._doubt(top, only_whole=True)
        return True

    def _doubt(self, node: Node, only_whole: bool = False) -> None:
        """Leave the value that was read last in doubt: what stands behind it may belong to it."""
        while node.members:
            key, value = node.members[-1]
            if isinstance(value, Scalar):
                if not only_whole or value.text.strip().isdigit():
                    node.members[-1] = key, value._replace(fault=value.fault or "ambiguous")
                return
            node = value

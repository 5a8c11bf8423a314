"""What is JSON, or was meant to be: text in, trees out. Knows nothing of fields.

One pass without recursion. Members of strict JSON are taken by one expression each; whatever that does not match is
repaired, and the repair is named. Two rules keep damage from making numbers: a value that the end of the text or a
stray sign may have changed carries a fault; and where the brackets stop making sense, the object is left as it is, for
nobody knows what stands under which name from there on. Only an object that begins a line anew is read after that.
"""

from __future__ import annotations

import re
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
_MAX_TREES, _MAX_NODES = 10_000, 20_000
"""Only a loop has so many; its last part is read all the same."""
_LAST_PART = 32_768

_NO_MEMBERS = r"(?![^\"\n]{0,120}:[^\"\n]{0,120}[{}])"
"""Stands before a key: what holds colons and braces is more than one, though quotes stand around it."""
_ESCAPED = r"\\(?:u[0-9a-fA-F]{4}|.)"
_QUOTED = rf"\"{_NO_MEMBERS}(?:[^\"\\\n]|{_ESCAPED}){{0,120}}+\""
_NAME = r"[^\W\d][^\"'“”‘’:,;{}\[\]\n\\`]{0,60}"
_MARK = r"\\?[\"'“”„‘’]?"
_KEY_AHEAD = rf"(?:{_QUOTED}(?:\s{{0,8}}:|\s{{1,4}}[-.0-9{{\[\"])|{_MARK}{_NAME}(?:\\_{_NAME}){{0,8}}{_MARK}\s{{0,8}}:)"
_KEY = re.compile(
    rf"\"{_NO_MEMBERS}(?P<plain>(?:[^\"\\\n]|{_ESCAPED}){{0,120}}+)\"(?:\s{{0,8}}(?P<colon>:)|\s{{1,4}}(?=[-.0-9{{\[\"]))"
    rf"|(?P<open>{_MARK})(?P<loose>(?:{_NAME}|[0-9]{{1,9}}(?=[\"'”’]))(?:\\_{_NAME}){{0,8}}){_MARK}\s{{0,8}}:"
)
_COMMENT = r"//[^\n]*+|\#[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)"
_COMMENTS = re.compile(_COMMENT)
_TOP = re.compile(r"(?:/|\bof)\s{0,4}[0-9]")
"""In a comment: what the number before it is out of."""
_SPACE = r"[\s\x00\x1c-\x1f\u200b-\u200f\u2060\ufeff]++"
_BLANK = re.compile(rf"(?:{_SPACE}|{_COMMENT})*+")
_BETWEEN = re.compile(rf"(?:{_SPACE}|[,;]|\\[nrt](?=[\s\\\"'}}])|{_COMMENT})*+")
_BEGIN = re.compile(r"\{|\[(?=\s*+\{)")
_BRACES = re.compile(r"\{(?:[ \t]*+\{)++")
_TORN = re.compile(r"[\"'“”][^\w\n\"'“”]{0,8}$")
"""The end of a key right before a bracket."""

_GOES_ON = re.compile(
    rf"(?:{_SPACE}|{_COMMENT})*+(?:(?P<list>\])|,(?:{_SPACE}|{_COMMENT})*+{_KEY_AHEAD}|[^\w{{\[\"]{{0,8}}{_QUOTED}\s{{0,8}}:)"
    rf"|[ \t]{{0,64}}[0-9\"':]|[^{{}}]*+\}}"
)
"""What stands behind an object that stood in another one, or that lost a brace within."""

_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
_LITERAL = re.compile(rf"{_NUMBER}|true|false|null")
_MEMBER = re.compile(
    rf'\s*+"{_NO_MEMBERS}'
    r'([^"\\\x00-\x1f]*+)"\s*+:\s*+(?:"((?:[^"\\\x00-\x1f]|\\["\\/bfnrtu])*+)"'
    rf"|({_NUMBER}|true|false|null))"
    r'\s*+(?:,(?=\s*+"[^"\\\n]*+"\s*+:)|(?=\}))'
)
"""A strict member, and the comma before another one."""
_OTHER_LITERALS = frozenset(("None", "True", "False", "undefined", "NaN", "Infinity", "-Infinity", "nil", "NULL"))
_BARE = re.compile(r"[0-9]{1,3},[0-9]{1,9}(?=\s*(?:[,}\n%/]|\Z))(?:\s?%|\s?/\s?[0-9.,]+)?|[^,;:{}\[\]\n\"“”]++")
_BARE_ITEM = re.compile(r"[^,;:{}\[\]\n\"“”]++")
_OPENING_LOST = re.compile(r"[^\W\d][^\"“”:{}\[\]\n]{0,400}\"")
"""Words whose opening quote was lost."""
_BARE_END = re.compile(r"\s*(?:(?<!:)//|\s\#|/\*|\\[nrt](?=\W|\Z))|\s+\Z")
_CUT = re.compile(r"\s*+,?\s*+\Z")
_QUOTED_OBJECT = re.compile(r"\"\s*+(?=\{\s*+\"[^\"\\\n]{1,80}\"\s{0,4}:)")
_GARBAGE = re.compile(r"(?:\"[^\"\n:{}\[\]]{0,200}\"|[^,;:{}\[\]\n\"“”]++)(?=\s*(?:[,;\n}\"]|\Z))|[^{}\[\]\n]++(?=\n)")
"""What is no member and holds no brackets, up to the next sign that parts members, or to the end of the line."""
_CUT_KEY = re.compile(r"[\"'“”]?[\w .-]{0,80}+[\"'“”]?\s*+\Z")
"""A key that the end of the text cut."""
_PART_OF_NUMBER = re.compile(r"[-+.%/\w±~\\]|[^\s,;:{}\[\]]{1,8}[0-9]")

_CLOSERS = {**dict.fromkeys('"“”„', '"“”'), **dict.fromkeys("'‘’", "'’")}
_TO_QUOTE = {mark: re.compile(rf"(?:[^{ends}\\]|\\.)*+[{ends}]", re.DOTALL) for mark, ends in _CLOSERS.items()}
"""By the mark that opens a string: what leads to the next one that may close it."""
_END = re.compile(
    rf"\s*+\)?+(?:[}}\]]|\Z|{_COMMENT}|[,;]\s*+(?:{_KEY_AHEAD}|[}}\]{{,;.…\[]|\Z|{_COMMENT}|\"[\w -]{{0,80}}\"?\Z)"
    rf"|(?<=\s){_KEY_AHEAD}|{_QUOTED}\s{{0,8}}:)"
)
"""What follows the quote that ends a member's string; any other quote belongs to the string."""
_END_OF_ITEM = re.compile(rf"\s*+(?:[,;}}\]]|\Z|{_COMMENT})")
_COLON = re.compile(r"\s{0,8}:")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[^0-9])")
"""Not before a digit: without the backslash it would join the digits before."""
_BAD_ESCAPE = re.compile(r"\\(?![\"\\/bfnrt]|u[0-9a-fA-F]{4})")
_BACKSLASH = re.compile(r"\\(?![0-9])")
_CONTROL = re.compile(r"[\x00-\x1f]")
_MEANT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def read_trees(text: str) -> list[Tree]:
    """Every object of a text that stands at its top, and every list of objects, in order.

    What is parted by a comma alone becomes one list. An object behind a key that something tore off (`"weights"* {`),
    or with a closing brace too many behind it, stood in another one, or lost a brace itself: it is left out.
    """
    trees: list[Tree] = []
    pos = count = 0
    broken: _Reader | None = None
    while begin := _BEGIN.search(text, pos):
        start, count = begin.start(), count + 1
        if broken is not None and not _begins_anew(text, start, broken.indent):
            line = text.find("\n", start)
            pos = line if line >= 0 else len(text)
            continue
        reader = _Reader(text, start)
        tree, before = reader.read(), text[pos:start]
        pos = tree.end if count < _MAX_TREES else max(tree.end, len(text) - _LAST_PART)
        is_torn = before.lstrip()[:1] == "," or _TORN.search(before[-80:].rstrip(" \t")) is not None
        if tree.root.closed and (behind := _GOES_ON.match(text, tree.end)):
            is_torn = is_torn or behind["list"] is None or not before.rstrip().endswith("[")
        if not tree.root.closed:  # labelled lines below a stray brace are no object either
            is_torn = is_torn or broken is not None or {"unquoted_keys", "missing_comma"}.issubset(tree.repairs)
            broken = reader
        if tree.root.members and trees and before.strip() == "," and trees[-1].root.closed:
            merged = Node(True, [("", trees[-1].root), ("", tree.root)], tree.root.closed)
            trees[-1] = Tree(merged, trees[-1].start, tree.end, trees[-1].repairs + tree.repairs)
        elif tree.root.members and not is_torn:
            trees.append(tree)
    return trees


def _lead(text: str, pos: int) -> str:
    """What stands before a place on its line, its last 256 characters at most."""
    return text[max(0, pos - 256) : pos].rpartition("\n")[2]


def _begins_anew(text: str, pos: int, indent: int) -> bool:
    """Whether a bracket begins a line, no further in than an object that broke off before it."""
    lead = _lead(text, pos)
    return len(lead) <= indent and not lead.strip(" \t")


class _Reader:
    """Reads the object or list whose bracket stands at `start`."""

    def __init__(self, text: str, start: int) -> None:
        self.text, self.start, self.pos, self.end = text, start, start, len(text)
        lead = _lead(text, start)
        self.indent = len(lead) - len(lead.lstrip(" \t"))
        self.repairs: dict[str, None] = {}
        """The names in the order in which they came up."""
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
        if self._stack and self.text[self.pos : self.pos + 1] == '"' and _END_OF_ITEM.match(self.text, self.pos + 1):
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
                members.append((key, Scalar(self._unescaped(string) if "\\" in string else string)))
            self.pos = found.end()
        return members

    def _member(self, top: Node) -> bool:
        """Read a key and its value; False where what follows belongs to no object that is open here."""
        found = _KEY.match(self.text, self.pos)
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
        return self._value(top, self._unescaped(key) if "\\" in key else key)

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
            if _begins_anew(self.text, self.pos, self.indent):
                if top.is_list and top.members and isinstance(top.members[-1][1], Scalar):
                    return False  # no item but a new object, before which this list broke off
                self._may_restart = self._may_restart or not top.is_list
            top.members.append((key, self._push()))
            return True
        if char and char in _TO_QUOTE:
            value = self._string(top.is_list)
        elif char and char in ",;}]":
            self.repairs["missing_value"] = None
            value = Scalar("", False)
        else:
            value = self._bare(top.is_list)
        if value is None:
            return False
        top.members.append((key, value))
        if is_commented:
            self._doubt(top, only_whole=True)
        return True

    def _string(self, in_list: bool) -> Scalar | None:
        """The quoted string here; None if an object begins within it, or in its place.

        A quote ends the string where a value may end. Behind a quote that ended a key stands a colon: then the string's
        own quote was lost before that key.
        """
        text, mark, start = self.text, self.text[self.pos], self.pos
        ends = _END_OF_ITEM if in_list else _END
        before = at = start
        searched = start + 1
        while found := _TO_QUOTE[mark].match(text, at + 1):
            before, at = at, found.end() - 1
            if ends.match(text, at + 1):
                if mark != '"':
                    self.repairs["single_quotes" if mark in "'‘’" else "smart_quotes"] = None
                if before > start:
                    self.repairs["unescaped_quotes"] = None
                self.pos = at + 1
                raw = text[start + 1 : at]
                if not raw.isprintable() and _CONTROL.search(raw):
                    self.repairs["control_characters"] = None
                return Scalar(self._unescaped(raw) if "\\" in raw else raw)
            if _COLON.match(text, at + 1):
                if in_list or before == start or text.find("{", searched, before) >= 0:
                    return None
                searched = before
                if text[max(start, before - 24) : before].rstrip(" \t")[-1:] not in (",", "\n", ";"):
                    continue  # a key that the string quotes
                self.repairs["missing_quote"] = None
                self.pos = before
                return Scalar(text[start + 1 : before].rstrip(" \t\r\n,;"), True, "ambiguous")
        self.pos = self.end
        return Scalar(text[start + 1 :], True, "cut_off")

    def _bare(self, in_list: bool) -> Scalar | None:
        """The number or word here; None if it is the name of what follows."""
        lost = None if in_list else _OPENING_LOST.match(self.text, self.pos)
        if lost is not None and _END.match(self.text, lost.end()):
            self.repairs["missing_quote"] = None
            self.pos = lost.end()
            return Scalar(lost.group()[:-1], True, "cut_off" if self.pos == self.end else None)
        found = (_BARE_ITEM if in_list else _BARE).match(self.text, self.pos)
        following = self.text[found.end() : found.end() + 1] if found else ""
        if found is None or following == ":":
            return None
        raw = found.group()
        touches_end = found.end() == self.end or (raw.strip().isdigit() and _CUT.match(self.text, found.end()))
        if end := _BARE_END.search(raw):
            raw, touches_end = raw[: end.start()], touches_end and raw.strip().isdigit() and end.group().isspace()
        self.pos += len(raw)
        fault = "cut_off" if touches_end else None
        if not _LITERAL.fullmatch(raw):
            if "\\" in raw:
                self.repairs["bad_escape"] = None
                raw = _BACKSLASH.sub("", raw)
            if raw in _OTHER_LITERALS:
                self.repairs["python_literals"] = None
            elif not _LITERAL.fullmatch(raw):
                self.repairs["number_spelling" if raw[:1] in "0123456789.+-~" else "unquoted_value"] = None
        if following == '"' and _END.match(self.text, self.pos + 1):  # its opening quote was lost
            self.repairs["missing_quote"] = None
            self.pos += 1
            fault = fault or ("cut_off" if self.pos == self.end else None)
        return Scalar(raw, False, fault)

    def _unescaped(self, raw: str) -> str:
        """A string's text; an escape that is none loses its backslash, half a character becomes a mark."""
        if _BAD_ESCAPE.search(raw):
            self.repairs["bad_escape"] = None
        text = _ESCAPE.sub(lambda e: chr(int(e[1][1:], 16)) if len(e[1]) > 1 else _MEANT.get(e[1], e[1]), raw)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _doubt(self, node: Node, only_whole: bool = False) -> None:
        """Leave the value that was read last in doubt: what stands behind it may belong to it."""
        while node.members:
            key, value = node.members[-1]
            if isinstance(value, Scalar):
                if not only_whole or value.text.strip().isdigit():
                    node.members[-1] = key, value._replace(fault=value.fault or "ambiguous")
                return
            node = value

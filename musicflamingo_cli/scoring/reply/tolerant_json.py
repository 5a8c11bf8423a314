"""What is JSON, or was meant to be: text in, a tree with spans out. Knows nothing of fields.

One pass without recursion, over a stack of its own. Members of strict JSON are taken by one expression each; whatever
that does not match goes through the repairs below, each of which is named. A value that the end of the text or a stray
sign may have changed carries a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from musicflamingo_cli.scoring.reply.scanner import COLONLESS, KEY, KEY_AHEAD, QUOTES, Scanner
from musicflamingo_cli.scoring.reply.tree import Array, Node, Object, Scalar, Tree

MAX_DEPTH = 256
"""What is nested deeper is read as if the text ended there; a deeper stack would cost time at every bracket."""
_MAX_SKIPS = 3
"""Stretches in a row that are no member; what goes on after that is no object."""
_MAX_MEMBERS = 40_000
"""Members that are read of one reply; only a loop has so many. Its last part is read all the same."""
_LAST_PART = 32_768
_MAX_REREAD = 65_536
"""Characters of space, comments and braces without a member that are looked into again for an object."""

_BEGIN = re.compile(rf"\{{(?!\{{{{4}})(?=\s*+(?:{KEY_AHEAD}|[{{,/#<}}\"*-]|\\[nrt\"]|\Z))|\[(?=\s*+\{{(?!\s*+\[))")
"""A bracket behind which a member may stand; of a run of braces the last few."""
_BRACES = re.compile(r"\{(?:\s*+\{)*+")
_STRAYS = re.compile(r"\]++|\}++")
_BRACE_LOST = re.compile(r"\"[^\"\\\n]{1,80}\"\s{0,4}:")
_TORN = re.compile(
    r"(?:^|\n|[^\w\s\"':])\s*+[\"']?(?P<name>\w[^\"'\n:{}\[\],]{0,60})\s{0,4}[\"']\s{0,4}\W{0,8}\w?\W{0,4}$(?!\n)"
)
"""A key right before a bracket, with perhaps a sign too many."""
_CUT_KEY = re.compile(r"\"[^\"\n]{0,80}\s*+(?:```\w*\s*+)?(?=\{)")
_NEW_OBJECT = re.compile(r"\s*+\n\s*+(?:```\w*\s*+)?\{")
_QUOTED_OBJECT = re.compile(r"\"\s*+\{(?=\s*+\"[^\"\\\n]{1,80}\"\s{0,4}:)")
_NEXT_KEY = re.compile(rf"\s*+,\s*+{KEY.pattern}")
_GARBAGE = re.compile(r"\"[^\"\n]{0,200}\"|[^,;{}\[\]\n\"]++|.", re.DOTALL)
_DIGIT_OR_SIGN = re.compile(r"[-+0-9%±~\\]")
_PART_OF_NUMBER = re.compile(r"[-+.%/0-9±~\\]|[^\s,;:{}\[\]0-9]{1,8}[0-9]")


def read_trees(text: str) -> Iterator[Tree]:
    """Every object of a text, and every list of objects, outermost ones only, in order."""
    pos = members = previous = reread = 0
    is_strict = False
    while begin := _BEGIN.search(text, pos):
        reader = _Reader(text, begin.start())
        tree = reader.read()
        members += reader.count + 4
        if not tree.root.members:
            reread += max(0, tree.end - begin.end())
        pos = max(tree.end, begin.end()) if tree.root.members or reread > _MAX_REREAD else begin.end()
        if members > _MAX_MEMBERS:
            pos = max(pos, len(text) - _LAST_PART)
        if tree.root.members:
            if not (is_strict and not text[previous : tree.start].strip(" \t\r\n,")):
                torn = _TORN.search(text, max(0, tree.start - 120), tree.start)
                tree = tree if torn is None else tree._replace(under=torn["name"])
            is_strict, previous = tree.is_strict, tree.end
            yield tree


def read_braceless(text: str) -> Tree | None:
    """The object with which a text begins whose opening brace is missing; None if it begins with no quoted key."""
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] not in ('"', "'") or KEY.match(text, start) is None:
        return None
    reader = _Reader(text, start - 1)
    reader.repairs["missing_brace"] = None
    return reader.read()


class _Reader(Scanner):
    """Reads the object or list whose bracket stands at `start`."""

    def __init__(self, text: str, start: int) -> None:
        super().__init__(text, start + 1)
        self.start = start
        self.count = 0
        """Members read."""
        self.root: Node = Array() if start >= 0 and text[start] == "[" else Object()
        self._stack: list[Node] = [self.root]
        self._separated = True
        """Whether a comma, or an opening bracket, stands before what comes next."""
        self._skips = 0

    def read(self) -> Tree:
        """The tree, as far as it can be followed."""
        while self._stack:
            top = self._stack[-1]
            self._between(top)
            if self.pos >= self.end:
                break
            char = self.text[self.pos]
            if char in "}]":
                self._close(char)
            elif isinstance(top, Array):
                self._item(top)
            elif char == '"' and self._separated and (members := self.strict_members()):
                top.members += members
                self.count += len(members)
                self._skips = 0
            elif not self._member(top):
                break
        if self._stack:
            self.repairs["truncated" if self.pos >= self.end else "missing_brace"] = None
        return Tree(self.root, max(self.start, 0), self.pos, tuple(self.repairs))

    def _between(self, top: Node) -> None:
        """Step over space, comments and what parts members."""
        commas = 0
        while True:
            if self.space():
                self._doubt(only_whole=True)  # the comment may say what the number is out of
            two = self.text[self.pos : self.pos + 2]
            if two[:1] in (",", ";"):
                commas += 1
                self.pos += 1
                if two[0] == ";":
                    self.repairs["semicolons"] = None
            elif two in ("\\n", "\\r", "\\t"):
                self.repairs["escaped_space"] = None
                self.pos += 2
            else:
                break
        if commas > 1 or (commas and (not top.members or two[:1] in ("}", "]"))):
            self.repairs["stray_comma"] = None
        self._separated = self._separated or commas > 0 or not top.members

    def _close(self, char: str) -> None:
        kind = Object if char == "}" else Array
        self.pos += 1
        self._separated = False
        if _PART_OF_NUMBER.match(self.text, self.pos):
            self._doubt()
        if not isinstance(self._stack[-1], kind):
            if not any(isinstance(node, kind) for node in self._stack):
                self.repairs["stray_bracket"] = None
                strays = _STRAYS.match(self.text, self.pos)
                self.pos = strays.end() if strays else self.pos
                return
            if char == "}" and isinstance(self._stack[-2], Object) and _NEXT_KEY.match(self.text, self.pos):
                self.repairs["wrong_bracket"] = None
                kind = Array
            while not isinstance(self._stack[-1], kind):
                self.repairs["missing_bracket" if isinstance(self._stack.pop(), Array) else "missing_brace"] = None
        self._stack.pop().closed = True
        if self._stack:
            self.stray_quote()
        elif "doubled_braces" in self.repairs:
            while self.text[self.pos : self.pos + 1] == "}":
                self.pos += 1

    def _item(self, top: Node) -> None:
        if self.text[self.pos] not in QUOTES or KEY.match(self.text, self.pos) is None:
            self._separated = False
            self._value(top, "")
        elif len(self._stack) > 1 and not (top.members and isinstance(top.members[-1][1], Object)):
            self._stack.pop()
            self.repairs["missing_bracket"] = None
        else:
            self.repairs["missing_brace"] = None
            self._push(top, "", Object(), self.pos)

    def _member(self, top: Node) -> bool:
        """Read a key and its value; False where what follows belongs to this object no more."""
        char = self.text[self.pos]
        if char == "{" and not top.members:
            self.repairs["doubled_braces"] = None
            braces = _BRACES.match(self.text, self.pos)
            self.pos = braces.end() if braces else self.pos + 1
            return True
        if char in "{[":
            if not self._separated or char == "[":
                self._doubt()
            return False
        found = KEY.match(self.text, self.pos) or COLONLESS.match(self.text, self.pos)
        if found is None:
            if cut := _CUT_KEY.match(self.text, self.pos):
                self.pos = cut.end()
                return False
            return self._recover()
        if (found["loose"] or "").count(" ") > 1 and _NEW_OBJECT.match(self.text, found.end()):
            return False  # words that lead to another object
        self.count += 1
        self._skips = 0
        if not self._separated:
            self.repairs["missing_comma"] = None
            if not (found["sign"] or "").strip() and not self.text[self.pos - 1].isspace():
                self._doubt()  # with neither comma, space nor colon a key may be a piece of the value
        self._separated = False
        key, sign = self.key(found), (found["sign"] or "").strip()
        is_parent = found.re is COLONLESS and _BRACE_LOST.match(self.text, found.end()) is not None
        if not sign:
            self.repairs["missing_brace" if is_parent else "missing_colon"] = None
        elif sign != ":":
            self.repairs["equals_signs"] = None
        self.pos = found.end()
        if is_parent:
            self._push(top, key, Object(), self.pos)
        else:
            self._value(top, key)
        return True

    def _recover(self) -> bool:
        """Step over what is no member; the member before it is in doubt if it may go on there."""
        self._skips += 1
        if self._skips > _MAX_SKIPS or not self.root.members:
            self._doubt()
            return False
        garbage = _GARBAGE.match(self.text, self.pos)
        said = garbage.group() if garbage else self.text[self.pos]
        self.repairs["stray_bracket" if said.strip() in (")", "(") else "skipped_text"] = None
        is_on_new_line = self.text[max(0, self.pos - 64) : self.pos].rstrip(" \t").endswith("\n")
        if not (self._separated or is_on_new_line) or _DIGIT_OR_SIGN.search(said):
            self._doubt()
        self.pos += len(said)
        return True

    def _value(self, top: Node, key: str) -> None:
        is_commented = self.space()
        char = self.text[self.pos : self.pos + 1]
        if char and char in "{[" and len(self._stack) < MAX_DEPTH:
            self._push(top, key, Object() if char == "{" else Array(), self.pos + 1)
        elif not char or char in "{[":
            self.end = self.pos
            top.members.append((key, Scalar("", False, "cut_off")))
        elif char in ",;}]":
            self.repairs["missing_value"] = None
            top.members.append((key, Scalar("", False)))
        elif char == '"' and isinstance(top, Object) and _BRACE_LOST.match(self.text, self.pos):
            self.repairs["missing_brace"] = None
            self._push(top, key, Object(), self.pos)
        elif char == '"' and (brace := _QUOTED_OBJECT.match(self.text, self.pos)):
            self.repairs["unescaped_quotes"] = None
            self._push(top, key, Object(), brace.end())
        else:
            in_list = isinstance(top, Array)
            string = self.string(in_list) if char in QUOTES else None
            top.members.append((key, string or self.bare(in_list, is_commented)))

    def _push(self, top: Node, key: str, child: Node, pos: int) -> None:
        """Go on at `pos` within a child."""
        top.members.append((key, child))
        self._stack.append(child)
        self._separated, self.pos = True, pos

    def _doubt(self, only_whole: bool = False) -> None:
        """Leave the value that was read last in doubt: what stands behind it may belong to it."""
        node = self._stack[-1] if self._stack else self.root
        while node.members:
            key, value = node.members[-1]
            if isinstance(value, Scalar):
                if not only_whole or value.text.strip().isdigit():
                    node.members[-1] = key, value._replace(fault=value.fault or "ambiguous")
                return
            node = value

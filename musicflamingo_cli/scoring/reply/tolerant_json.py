"""What is JSON, or was meant to be: text in, a tree with spans out. Knows nothing of fields.

One pass without recursion, over a stack of its own. Members of strict JSON are taken by one expression each; whatever
that does not match goes through the repairs below, each of which is named. A value that the end of the text or a stray
sign may have changed carries a fault.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_DEPTH = 256
_MAX_DOUBLED = 8
"""Braces that double another one."""
_MAX_SKIPS = 3
"""Stretches in a row that are no member; what goes on after that is no object."""
_MAX_MEMBERS = 40_000
"""Members that are read of one reply; only a loop has so many. Its last part is read all the same."""
_LAST_PART = 32_768
_FOLDED = str.maketrans("：，；｛｝［］＂＝．％／＋－０１２３４５６７８９−", ':,;{}[]"=.%/+-0123456789-')
"""Signs of other scripts that stand for JSON's, one for one, so that spans stay the same."""

_CLOSERS = {'"': '"”“', "“": '”“"', "”": '”“"', "„": '”“"', "«": "»", "'": "'’", "‘": "’'", "’": "’'", "`": "`"}
_SINGLE = "'‘’`"
_NAME = r"[^\W\d][^\"'`“”‘’:=,;{}\[\]\n\\]{0,80}"
"""A key without quotes."""
_MARK = "[\"'`“”„‘’«»]"
_LOOSE_KEY = rf"\\?{_MARK}{{0,3}}{_NAME}?\\?{_MARK}{{0,3}}\s{{0,8}}[:=]"
_KEY_AHEAD = rf"(?:\"[^\"\n]{{0,120}}+\"(?:\s{{0,8}}[:=]|\s{{1,4}}[-.0-9{{\"])|{_LOOSE_KEY})"
_KEY = re.compile(
    r"[-*]{0,3}\s?(?:\"(?P<plain>(?:[^\"\\\n]|\\.){0,200}+)\"|"
    rf"(?P<open>\\?{_MARK}{{0,3}})\*{{0,2}}(?P<loose>{_NAME}?(?:\\_{_NAME}?){{0,8}})\*{{0,2}}\\?{_MARK}{{0,3}})"
    r"[*\s]{0,8}(?P<sign>=>|->|:=|:{1,2}|=(?!=))"
)
_COLONLESS = re.compile(
    r"\"(?P<plain>[^\"\\\n]{1,80})\"(?P<sign>\s{0,4})(?=[-.\d{\[]|\"[^\"\n]{0,120}\"\s{0,4}[,}:])"
    r"|(?P<open>)\*{0,2}(?P<loose>\w[\w ]{0,40}?)\*{0,2}(?P<gap>\s{0,4})(?=\{)"
)
_STRING = r'"((?:[^"\\\x00-\x1f]|\\["\\/bfnrtu])*+)"'
_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
_LITERAL = re.compile(rf"{_NUMBER}|true|false|null")
_MEMBER = re.compile(
    rf'\s*+"([^"\\\x00-\x1f]*+)"\s*+:\s*+(?:{_STRING}|({_NUMBER}|true|false|null))'
    r'\s*+(?:,(?=\s*+"[^"\\\n]*+"\s*+:)|(?=\}))'
)
"""A strict member, and the comma before another one."""
_BEGIN = re.compile(rf"\{{(?!\{{{{4}})(?=\s*+(?:{_KEY_AHEAD}|[{{,/#<}}\"*-]|\\[nrt\"]|\Z))|\[(?=\s*+\{{(?!\s*+\[))")
"""A bracket behind which a member may stand; of a run of braces the last few."""
_SPACE = re.compile(r"[\s\x00\x1c-\x1f\u200b-\u200f\u2060\ufeff]*+")
_COMMENT = re.compile(r"//[^\n]*+|\#[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)|<!--(?:[^-]|-(?!->))*+(?:-->|\Z)|<br\s?/?>")
_BRACE_LOST = re.compile(r"\"[^\"\\\n]{1,80}\"\s{0,4}:")
_END = re.compile(
    r"\s*+\)?+(?:[}\]<]|\Z|//|/\*|\#|\+\s*+\""
    rf"|[,;]\s*+(?:{_KEY_AHEAD}|[}}\]{{,;.…<#]|\Z|//|/\*|\"[\w -]{{0,80}}\"?\Z|[-*]\s|\w{{1,40}}\s{{0,4}}\{{)"
    rf"|(?<=\s){_KEY_AHEAD})"
)
"""What follows the quote that ends a member's string; any other quote belongs to the string."""
_END_OF_ITEM = re.compile(r"\s*+(?:[,;}\]]|\Z|//|/\*|\#)")
_TORN = re.compile(
    r"(?:^|[{,\[}\]\n])\s*+[\"']?(?P<name>\w[^\"'\n:{}\[\],]{0,60})\s{0,4}[\"']\s{0,4}[\s:=,\[({}\])'\"]{0,12}$(?!\n)"
)
"""A key right before a bracket, with perhaps a sign too many."""
_CUT_KEY = re.compile(r"\"[^\"\n]{0,80}\s*+(?:```\w*\s*+)?(?=\{)")
_NEW_OBJECT = re.compile(r"\s*+\n\s*+(?:```\w*\s*+)?\{")
_QUOTED_OBJECT = re.compile(r"\"\s*+\{(?=\s*+\"[^\"\\\n]{1,80}\"\s{0,4}:)")
_COLON = re.compile(r"\s{0,8}[:=]")
_PLUS = re.compile(r"\s*+\+\s*+\"((?:[^\"\\\n]|\\.)*+)\"")
_BARE = re.compile(r"[0-9]{1,3},[0-9]{1,9}(?=\s*(?:[,}\n%/]|\Z))(?:\s?%|\s?/\s?[0-9.,]+)?|[^,;{}\[\]\n\"“”]++")
_BARE_ITEM = re.compile(r"[^,;{}\[\]\n\"“”]++")
_BARE_END = re.compile(r"\s*(?:(?<!:)//|\s\#|/\*|<!--|<br|\\[nrt](?=\\|\s|\Z))|\s+\Z")
_LITERALS_OF_OTHERS = frozenset(("None", "True", "False", "undefined", "NaN", "Infinity", "-Infinity", "nil", "NULL"))
_GARBAGE = re.compile(r"\"[^\"\n]{0,200}\"|[^,;{}\[\]\n\"]++|.", re.DOTALL)
_PART_OF_NUMBER = re.compile(r"[-+.%/0-9±~\\]")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_BAD_ESCAPE = re.compile(r"\\(?![\"\\/bfnrt]|u[0-9a-fA-F]{4})")
_MEANT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Scalar(NamedTuple):
    """A string without its escapes, or a number or word as it is written."""

    text: str
    quoted: bool = True
    fault: str | None = None
    """`cut_off` where the end of the text may have taken some of it, `ambiguous` where damage touches it."""


@dataclass(slots=True)
class Object:
    """Members in the order in which they were written; a key may stand twice."""

    members: list[tuple[str, Value]] = field(default_factory=list)
    closed: bool = False


@dataclass(slots=True)
class Array:
    """The items of a list."""

    items: list[Value] = field(default_factory=list)
    closed: bool = False


Value = Scalar | Object | Array


class Tree(NamedTuple):
    """One object or list of a text, and where it stands."""

    root: Object | Array
    start: int
    end: int
    repairs: tuple[str, ...]
    """In the order in which they were needed; none for strict JSON."""
    under: str | None = None
    """The key that stands right before it: it was torn out of an object around it."""


def read_trees(text: str) -> Iterator[Tree]:
    """Every object of a text, and every list of objects, outermost ones only, in order."""
    folded = text if text.isascii() else text.translate(_FOLDED)
    pos = members = previous = 0
    is_strict = False
    while begin := _BEGIN.search(folded, pos):
        reader = _Reader(text, folded, begin.start())
        tree = reader.read()
        members += reader.count + 4
        is_read = bool(tree.root.members if isinstance(tree.root, Object) else tree.root.items)
        pos = max(tree.end, begin.end()) if is_read else begin.end()
        if members > _MAX_MEMBERS:
            pos = max(pos, len(text) - _LAST_PART)
        if is_read:
            if not (is_strict and not folded[previous : tree.start].strip(" \t\r\n,")):
                torn = _TORN.search(folded, max(0, tree.start - 120), tree.start)
                tree = tree if torn is None else tree._replace(under=torn["name"])
            is_strict, previous = tree.root.closed and not tree.repairs, tree.end
            yield tree


def read_braceless(text: str) -> Tree | None:
    """The object with which a text begins whose opening brace is missing; None if it begins with no quoted key."""
    folded = text if text.isascii() else text.translate(_FOLDED)
    start = len(text) - len(text.lstrip())
    if folded[start : start + 1] not in ('"', "'") or _KEY.match(folded, start) is None:
        return None
    reader = _Reader(text, folded, start - 1)
    reader.repairs["missing_brace"] = None
    return reader.read()


class _Reader:
    """Reads the object or list whose bracket stands at `start`."""

    def __init__(self, text: str, folded: str, start: int) -> None:
        self.text, self.folded, self.start, self.pos = text, folded, start, start + 1
        self.end = len(text)
        self.repairs: dict[str, None] = {}
        self.count = self._skips = self._doubled = 0
        """Members read."""
        self.root: Object | Array = Array() if start >= 0 and folded[start] == "[" else Object()
        self._stack = [self.root]
        self._separated = True
        """Whether a comma, or an opening bracket, stands before what comes next."""
        self._commented = False
        """Whether a comment does: it may say what a whole number is out of."""
        self._no_close_quote = False

    def read(self) -> Tree:
        while self._stack:
            top = self._stack[-1]
            self._skip(top)
            if self.pos >= self.end:
                break
            char = self.folded[self.pos]
            if char in "}]":
                self._close(char)
            elif isinstance(top, Array):
                self._item(top)
            elif not (char == '"' and self._separated and self._strict_members(top)) and not self._member(top):
                break
        if self._stack:
            self.repairs["truncated" if self.pos >= self.end else "missing_brace"] = None
        if self.text is not self.folded and self.text[self.start : self.start + 1] not in ("{", "[", ""):
            self.repairs["full_width_signs"] = None
        return Tree(self.root, max(self.start, 0), self.pos, tuple(self.repairs))

    def _strict_members(self, top: Object) -> bool:
        """Take the strict members that begin here, with the commas between them; False if there are none."""
        found = _MEMBER.match(self.folded, self.pos)
        if found is None:
            return False
        members, is_folded = top.members, self.text is not self.folded
        while found is not None:
            last = found
            key, string, literal = found.groups() if not is_folded else self._groups(found)
            if literal is not None:
                members.append((key, Scalar(literal, False)))
            else:
                members.append((key, Scalar(self._unescaped(string) if "\\" in string else string)))
            found = _MEMBER.match(self.folded, found.end())
        self.count += len(members)
        self._skips, self.pos = 0, last.end()
        self._commented = False
        return True

    def _groups(self, found: re.Match[str]) -> tuple[str, str, str | None]:
        """The same stretches of the text as it was written, before signs of other scripts were folded."""
        key, string = (self.text[slice(*found.span(i))] if found.group(i) is not None else "" for i in (1, 2))
        return key, string, found.group(3)

    def _skip(self, top: Object | Array) -> None:
        """Step over space, comments and what parts members."""
        commas = 0
        while True:
            space = _SPACE.match(self.folded, self.pos)
            self.pos = space.end() if space else self.pos
            two = self.folded[self.pos : self.pos + 2]
            if two[:1] in (",", ";"):
                commas += 1
                self.pos += 1
                if two[0] == ";":
                    self.repairs["semicolons"] = None
            elif two in ("\\n", "\\r", "\\t"):
                self.repairs["escaped_space"] = None
                self.pos += 2
            elif not (two[:1] in ("/", "#", "<") and self._comment()):
                break
        is_empty = not _children(top)
        if commas > 1 or (commas and (is_empty or two[:1] in ("}", "]"))):
            self.repairs["stray_comma"] = None
        self._separated = self._separated or commas > 0 or is_empty

    def _comment(self) -> bool:
        found = _COMMENT.match(self.folded, self.pos)
        if found is None:
            return False
        self.repairs["comments"] = None
        self.pos = found.end()
        last = self._last()
        if last is not None and last.text.strip().isdigit():
            self._doubt()  # it may say what the whole number is out of
        return True

    def _close(self, char: str) -> None:
        kind = Object if char == "}" else Array
        self.pos += 1
        self._separated = self._commented = False
        if _PART_OF_NUMBER.match(self.folded, self.pos):
            self._doubt()
        if not isinstance(self._stack[-1], kind):
            if not any(isinstance(node, kind) for node in self._stack):
                self.repairs["stray_bracket"] = None
                return
            if char == "}" and isinstance(self._stack[-2], Object) and self._key_follows():
                self.repairs["wrong_bracket"] = None
                kind = Array
            while not isinstance(self._stack[-1], kind):
                self.repairs["missing_bracket" if isinstance(self._stack.pop(), Array) else "missing_brace"] = None
        self._stack.pop().closed = True
        if self._stack and self.folded[self.pos : self.pos + 1] == '"' and _END.match(self.folded, self.pos + 1):
            self.repairs["stray_quote"] = None
            self.pos += 1
        if not self._stack and "doubled_braces" in self.repairs:
            while self.folded[self.pos : self.pos + 1] == "}":
                self.pos += 1

    def _key_follows(self) -> bool:
        comma = re.compile(r"\s*+,\s*+").match(self.folded, self.pos)
        return comma is not None and _KEY.match(self.folded, comma.end()) is not None

    def _item(self, top: Array) -> None:
        char = self.folded[self.pos]
        if char in _CLOSERS and _KEY.match(self.folded, self.pos):
            if len(self._stack) > 1 and not (top.items and isinstance(top.items[-1], Object)):
                self._stack.pop()
                self.repairs["missing_bracket"] = None
            else:
                self.repairs["missing_brace"] = None
                self._push(top, "", Object(), step=0)
            return
        self._separated = False
        self._value(top, "")

    def _member(self, top: Object) -> bool:
        """Read a key and its value; False where what follows belongs to this object no more."""
        char = self.folded[self.pos]
        if char == "{" and not top.members and self._doubled < _MAX_DOUBLED:
            self._doubled += 1
            self.repairs["doubled_braces"] = None
            self.pos += 1
            return True
        if char in "{[":
            if not self._separated or char == "[":
                self._doubt()
            return False
        found = _KEY.match(self.folded, self.pos) or _COLONLESS.match(self.folded, self.pos)
        if found is None:
            if cut := _CUT_KEY.match(self.folded, self.pos):
                self.pos = cut.end()
                return False
            return self._recover()
        sign, is_plain = found["sign"] or "", found["plain"] is not None
        if not is_plain and found["loose"].count(" ") > 1 and _NEW_OBJECT.match(self.folded, found.end()):
            return False  # words that lead to another object
        self.count += 1
        self._skips = 0
        if not self._separated:
            self.repairs["missing_comma"] = None
        self._separated = False
        span = found.span("plain" if is_plain else "loose")
        key = self.text[span[0] : span[1]]
        if not is_plain:
            self._name_quotes(found["open"])
        is_parent = found.re is _COLONLESS and _BRACE_LOST.match(self.folded, found.end()) is not None
        if sign.isspace() or not sign:
            self.repairs["missing_brace" if is_parent else "missing_colon"] = None
        elif sign != ":":
            self.repairs["equals_signs"] = None
        if "\\" in key:
            key = self._unescaped(key)
        self.pos = found.end()
        if is_parent:
            self._push(top, key, Object(), step=0)
        else:
            self._value(top, key)
        return True

    def _name_quotes(self, mark: str) -> None:
        name = "missing_quote" if '"' in mark else "smart_quotes" if mark and mark[-1] in "“”„‘’«" else "unquoted_keys"
        self.repairs["single_quotes" if mark == "'" else name] = None

    def _recover(self) -> bool:
        """Step over what is no member; the member before it is in doubt if it may go on there."""
        self._skips += 1
        if self._skips > _MAX_SKIPS or not _children(self.root):
            self._doubt()
            return False
        garbage = _GARBAGE.match(self.folded, self.pos)
        said = garbage.group() if garbage else self.folded[self.pos]
        if said.startswith(("...", "…")):
            self.repairs["ellipsis"] = None
        else:
            self.repairs["stray_bracket" if said.strip() in (")", "(") else "skipped_text"] = None
            is_on_new_line = self.folded[max(0, self.pos - 64) : self.pos].rstrip(" \t").endswith("\n")
            if not (self._separated or is_on_new_line) or re.search(r"[-+0-9%±~\\]", said):
                self._doubt()
        self.pos += len(said)
        return True

    def _push(self, top: Object | Array, key: str, child: Object | Array, step: int = 1) -> None:
        _put(top, key, child)
        self._stack.append(child)
        self._separated, self._commented = True, False
        self.pos += step

    def _value(self, top: Object | Array, key: str) -> None:
        self._space_before_value()
        char = self.folded[self.pos : self.pos + 1]
        if not char:
            _put(top, key, Scalar("", False, "cut_off"))
        elif char in "{[":
            if len(self._stack) < MAX_DEPTH:
                self._push(top, key, Object() if char == "{" else Array())
            else:
                _put(top, key, Scalar("", False, "ambiguous"))
                self.pos += 1
                self._stack.clear()
                self.repairs["too_deep"] = None
        elif char in ",;}]":
            self.repairs["missing_value"] = None
            _put(top, key, Scalar("", False))
        elif char == '"' and isinstance(top, Object) and _BRACE_LOST.match(self.folded, self.pos):
            self.repairs["missing_brace"] = None
            self._push(top, key, Object(), step=0)
        elif char == '"' and (brace := _QUOTED_OBJECT.match(self.folded, self.pos)):
            self.repairs["unescaped_quotes"] = None
            self._push(top, key, Object(), step=brace.end() - self.pos)
        elif char in _CLOSERS and (string := self._string(isinstance(top, Array))) is not None:
            _put(top, key, string)
        else:
            _put(top, key, self._bare(isinstance(top, Array)))

    def _space_before_value(self) -> None:
        self._commented = False
        while True:
            space = _SPACE.match(self.folded, self.pos)
            self.pos = space.end() if space else self.pos
            if self.folded[self.pos : self.pos + 1] not in ("/", "#", "<"):
                return
            found = _COMMENT.match(self.folded, self.pos)
            if found is None:
                return
            self.repairs["comments"] = None
            self._commented = True
            self.pos = found.end()

    def _string(self, in_list: bool) -> Scalar | None:
        """The quoted string here; None if its quote is a mere sign of what follows.

        A quote ends the string where a value may end. A quote behind which a colon stands ended a key: then the
        string's own quote was lost before that key, or an object stands within the string.
        """
        folded, mark = self.folded, self.text[self.pos]
        if mark not in _CLOSERS:
            mark = folded[self.pos]
        quotes, ends = _quote(_CLOSERS[mark]), _END_OF_ITEM if in_list else _END
        triple = 2 if folded.startswith(mark * 3, self.pos) else 0
        start = before = at = self.pos + triple
        while found := quotes.match(folded, at + 1):
            before, at = at, found.end() - 1
            if triple and not folded.startswith(mark * 3, at):
                continue
            if ends.match(folded, at + triple + 1):
                return self._ended(start + 1, at, at + triple + 1, mark, triple, before > start and not triple)
            if before > start and not in_list and _COLON.match(folded, at + 1):
                lead = folded[max(start, before - 24) : before].rstrip(" \t")[-1:]
                if lead in (",", "\n", ";"):
                    self.repairs["missing_quote"] = None
                    self.pos = before
                    return Scalar(self.text[start + 1 : before].rstrip(" \t\r\n,;"), True, "ambiguous")
                if lead == "{":
                    return self._around_object(start, before)
        if mark in _SINGLE:
            return None
        raw = self.text[start + 1 :]
        if raw.endswith("\n") and raw.rstrip().endswith("}"):  # the model ended the reply: its last quote is lost
            self.repairs["missing_quote"] = None
            raw = raw.rstrip().rstrip("}")
            self.pos = start + 1 + len(raw)
            return Scalar(raw.rstrip(), True, "ambiguous")
        self.pos = self.end
        return Scalar(raw, True, "cut_off")

    def _ended(self, start: int, end: int, pos: int, mark: str, triple: int, has_quotes: bool) -> Scalar:
        raw, self.pos = self.text[start:end], pos
        if triple:
            self.repairs["triple_quotes"] = None
        elif mark in _SINGLE[:1]:
            self.repairs["single_quotes"] = None
        elif mark != '"':
            self.repairs["smart_quotes"] = None
        if has_quotes:
            self.repairs["unescaped_quotes"] = None
        while plus := _PLUS.match(self.folded, self.pos):
            self.repairs["concatenation"] = None
            raw += plus.group(1)
            self.pos = plus.end()
        if "concatenation" not in self.repairs and not raw.isprintable() and re.search(r"[\x00-\x1f]", raw):
            self.repairs["control_characters"] = None
        return Scalar(self._unescaped(raw) if "\\" in raw else raw)

    def _around_object(self, start: int, before: int) -> Scalar:
        """The string in which an object with quotes of its own stands.

        Where a brace begins the string or a line, that object is the value, or a new one, and the string was damaged;
        elsewhere it is quoted, and nothing in it is stated.
        """
        brace = self.folded.rindex("{", start, before)
        lead = self.folded[max(start, brace - 24) : brace].rstrip(" \t")
        self.repairs["missing_quote"] = None
        self.pos = brace
        if brace - start > 1 and not lead.endswith(("\n", "`")):
            end = -1 if self._no_close_quote else self.folded.find('}"', before)
            self._no_close_quote = end < 0
            self.pos = self.end if end < 0 else end + 2
        return Scalar(self.text[start + 1 : brace].strip(), True, "ambiguous")

    def _bare(self, in_list: bool) -> Scalar:
        found = (_BARE_ITEM if in_list else _BARE).match(self.folded, self.pos)
        if found is None:
            self.pos += 1
            return Scalar("", False, "ambiguous")
        raw = self.folded[self.pos : found.end()]
        touches_end = found.end() == self.end or (raw.isdigit() and self.folded[found.end() :] == ",")
        if end := _BARE_END.search(raw):
            raw, touches_end = raw[: end.start()], False
        written = self.text[self.pos : self.pos + len(raw)]
        self.pos += len(raw) or 1
        fault = "cut_off" if touches_end else "ambiguous" if raw[:1] in _CLOSERS else None
        if raw != written and raw[:1].isdigit():
            self.repairs["full_width_signs"] = None
        if _LITERAL.fullmatch(raw):
            is_digits = raw.isdigit()
        else:
            raw, is_digits = self._spelled(raw, written), False
        if self._commented and is_digits:
            fault = fault or "ambiguous"
        if self.folded[self.pos : self.pos + 1] == '"' and _END.match(self.folded, self.pos + 1):
            self.repairs["stray_quote"] = None
            self.pos += 1
            fault = fault or ("cut_off" if self.pos == self.end else None)
        return Scalar(raw, False, fault)

    def _spelled(self, raw: str, written: str) -> str:
        """What is no literal of JSON, and how it was written."""
        if "\\" in raw:
            self.repairs["bad_escape"] = None
            raw = written = raw.replace("\\", "")
            if _LITERAL.fullmatch(raw):
                return raw
        if (raw[:1] == "(" and raw[-1:] == ")") or raw in _LITERALS_OF_OTHERS:
            self.repairs["python_literals"] = None
            return raw[1:-1] if raw[:1] == "(" else raw
        if re.match(r"[0-9]+,[0-9]", raw):
            self.repairs["decimal_comma"] = None
        elif raw[:1] in "0123456789.+-~":
            self.repairs["number_spelling"] = None
        else:
            self.repairs["unquoted_value"] = None
            return written
        return raw

    def _last(self) -> Scalar | None:
        """The value that was read last."""
        node: Value = self._stack[-1] if self._stack else self.root
        while not isinstance(node, Scalar):
            children = _children(node)
            if not children:
                return None
            last = children[-1]
            node = last[1] if isinstance(node, Object) else last  # type: ignore[index,assignment]
        return node

    def _doubt(self) -> None:
        """Leave the value that was read last in doubt: what stands behind it may belong to it."""
        node: Value = self._stack[-1] if self._stack else self.root
        while not isinstance(node, Scalar):
            children = _children(node)
            if not children:
                return
            last = children[-1]
            value: Value = last[1] if isinstance(node, Object) else last  # type: ignore[index,assignment]
            if isinstance(value, Scalar):
                doubtful = value._replace(fault=value.fault or "ambiguous")
                children[-1] = (last[0], doubtful) if isinstance(node, Object) else doubtful  # type: ignore[index,assignment]
            node = value

    def _unescaped(self, raw: str) -> str:
        """A string's text; an escape that is none loses its backslash, half a character becomes a mark."""
        if _BAD_ESCAPE.search(raw):
            self.repairs["bad_escape"] = None
        text = _ESCAPE.sub(lambda e: chr(int(e[1][1:], 16)) if len(e[1]) > 1 else _MEANT.get(e[1], e[1]), raw)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _quote(closers: str) -> re.Pattern[str]:
    """What leads to the next quote that may close a string."""
    if closers not in _QUOTES:
        line = r"\n" if closers[0] in _SINGLE else ""
        _QUOTES[closers] = re.compile(rf"(?:[^{closers}\\{line}]|\\.)*+[{closers}]", re.DOTALL)
    return _QUOTES[closers]


_QUOTES: dict[str, re.Pattern[str]] = {}


def _children(node: Object | Array) -> list[tuple[str, Value]] | list[Value]:
    return node.members if isinstance(node, Object) else node.items


def _put(top: Object | Array, key: str, value: Value) -> None:
    if isinstance(top, Object):
        top.members.append((key, value))
    else:
        top.items.append(value)


_ENTITY = re.compile(r"&(?:quot|apos|lcub|colon|#(?:34|39|123|58|x22|x27|x7b|x3a));", re.IGNORECASE)
_ESCAPED = re.compile(r"[{,]\s{0,8}(?:\\[nrt]\s{0,8}){0,4}\\\"")
_PROPER = re.compile(r"[{,]\s*+\"")
_QUOTED_LINES = re.compile(r"^[ \t]{0,3}>[ \t]{0,3}(?:```\w{0,8}\s*\n[ \t]{0,3}>)?\s{0,3}\{", re.MULTILINE)


def decoded(text: str) -> tuple[str, tuple[str, ...]]:
    """Undo what was done to a text as a whole (entities, escapes, marks of quotation), and say what it was."""
    repairs: list[str] = []
    bare = text.strip("`\ufeff \t\r\n")
    if bare[:1] == '"' and bare[-1:] == '"' and "{" in bare[:24]:
        try:
            inner = json.loads(bare, strict=False)
        except ValueError:
            inner = None
        if isinstance(inner, str):
            text = inner + "\n"
            repairs.append("escaped_quotes")
    if "&" in text and _ENTITY.search(text) and not _PROPER.search(text):
        text = html.unescape(text)
        repairs.append("html_entities")
    if "\\" in text and _ESCAPED.search(text) and not _PROPER.search(text):
        text = re.sub(r"\\+([\"nrt])", lambda found: '"' if found[1] == '"' else "\n", text)
        repairs.append("escaped_quotes")
    if ">" in text and _QUOTED_LINES.search(text):
        text = re.sub(r"^[ \t]{0,3}>", " ", text, flags=re.MULTILINE)
        repairs.append("quoted_lines")
    return text, tuple(repairs)

"""The strings, numbers and words of almost-JSON: where each ends, and which of them damage leaves in doubt."""

from __future__ import annotations

import re
from typing import NamedTuple


class Scalar(NamedTuple):
    """A string without its escapes, or a number or word as it is written."""

    text: str
    quoted: bool = True
    fault: str | None = None
    """`cut_off` where the end of the text may have taken some of it, `ambiguous` where damage touches it."""


NO_MEMBERS = r"(?![^\"\n]{0,120}:[^\"\n]{0,120}[{}])"
"""Stands before a key: what holds colons and braces is more than one, though quotes stand around it."""
ESCAPED = r"\\(?:u[0-9a-fA-F]{4}|.)"
QUOTED = rf"\"{NO_MEMBERS}(?:[^\"\\\n]|{ESCAPED}){{0,120}}+\""
NAME = r"[^\W\d][^\"'“”‘’:,;{}\[\]\n\\`]{0,60}"
MARK = r"\\?[\"'“”„‘’]?"
KEY_AHEAD = rf"(?:{QUOTED}(?:\s{{0,8}}:|\s{{1,4}}[-.0-9{{\[\"])|{MARK}{NAME}(?:\\_{NAME}){{0,8}}{MARK}\s{{0,8}}:)"
KEY = re.compile(
    rf"\"{NO_MEMBERS}(?P<plain>(?:[^\"\\\n]|{ESCAPED}){{0,120}}+)\"(?:\s{{0,8}}(?P<colon>:)|\s{{1,4}}(?=[-.0-9{{\[\"]))"
    rf"|(?P<open>{MARK})(?P<loose>(?:{NAME}|[0-9]{{1,9}}(?=[\"'”’]))(?:\\_{NAME}){{0,8}}){MARK}\s{{0,8}}:"
)
"""A key and its colon; `plain` in double quotes, `loose` with others or none."""
SPACE = r"[\s\x00\x1c-\x1f\u200b-\u200f\u2060\ufeff]++"
COMMENT = r"//[^\n]*+|\#[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)"
NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
_LITERAL = re.compile(rf"{NUMBER}|true|false|null")
_OTHER_LITERALS = frozenset(("None", "True", "False", "undefined", "NaN", "Infinity", "-Infinity", "nil", "NULL"))
_BARE = re.compile(r"[0-9]{1,3},[0-9]{1,9}(?=\s*(?:[,}\n%/]|\Z))(?:\s?%|\s?/\s?[0-9.,]+)?|[^,;:{}\[\]\n\"“”]++")
_BARE_ITEM = re.compile(r"[^,;:{}\[\]\n\"“”]++")
_OPENING_LOST = re.compile(r"[^\W\d][^\"“”:{}\[\]\n]{0,400}\"")
"""Words whose opening quote was lost."""
_BARE_END = re.compile(r"\s*(?:(?<!:)//|\s\#|/\*|\\[nrt](?=\W|\Z))|\s+\Z")
_CUT = re.compile(r"\s*+,?\s*+\Z")
_CLOSERS = {**dict.fromkeys('"“”„', '"“”'), **dict.fromkeys("'‘’", "'’")}
TO_QUOTE = {mark: re.compile(rf"(?:[^{ends}\\]|\\.)*+[{ends}]", re.DOTALL) for mark, ends in _CLOSERS.items()}
"""By the mark that opens a string: what leads to the next one that may close it."""
_END = re.compile(
    rf"\s*+\)?+(?:[}}\]]|\Z|{COMMENT}|[,;]\s*+(?:{KEY_AHEAD}|[}}\]{{,;.…\[]|\Z|{COMMENT}|\"[\w -]{{0,80}}\"?\Z)"
    rf"|(?<=\s){KEY_AHEAD}|{QUOTED}\s{{0,8}}:)"
)
"""What follows the quote that ends a member's string; any other quote belongs to the string."""
END_OF_ITEM = re.compile(rf"\s*+(?:[,;}}\]]|\Z|{COMMENT})")
_COLON = re.compile(r"\s{0,8}:")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[^0-9])")
"""Not before a digit: without the backslash it would join the digits before."""
_BAD_ESCAPE = re.compile(r"\\(?![\"\\/bfnrt]|u[0-9a-fA-F]{4})")
_BACKSLASH = re.compile(r"\\(?![0-9])")
_CONTROL = re.compile(r"[\x00-\x1f]")
_MEANT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Tokens:
    """Reads the strings, numbers and words of a text, from where `pos` stands, and names what it repairs."""

    def __init__(self, text: str, pos: int) -> None:
        self.text, self.pos, self.end = text, pos, len(text)
        self.repairs: dict[str, None] = {}
        """The names in the order in which they came up."""

    def string(self, in_list: bool) -> Scalar | None:
        """The quoted string here; None if an object begins within it, or in its place.

        A quote ends the string where a value may end. Behind a quote that ended a key stands a colon: then the string's
        own quote was lost before that key.
        """
        text, mark, start = self.text, self.text[self.pos], self.pos
        ends = END_OF_ITEM if in_list else _END
        before = at = start
        searched = start + 1
        while found := TO_QUOTE[mark].match(text, at + 1):
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
                return Scalar(self.unescaped(raw) if "\\" in raw else raw)
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

    def bare(self, in_list: bool) -> Scalar | None:
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

    def unescaped(self, raw: str) -> str:
        """A string's text; an escape that is none loses its backslash, half a character becomes a mark."""
        if _BAD_ESCAPE.search(raw):
            self.repairs["bad_escape"] = None
        text = _ESCAPE.sub(lambda e: chr(int(e[1][1:], 16)) if len(e[1]) > 1 else _MEANT.get(e[1], e[1]), raw)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

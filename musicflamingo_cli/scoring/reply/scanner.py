"""The tokens of JSON that may be damaged: space, comments, keys, strings, bare words. Knows no objects around them."""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.reply.tree import Scalar, Value

_COMMENTS = r"//[^\n]*+|\#[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)|<!--(?:[^-]|-(?!->))*+(?:-->|\Z)|<br\s?/?>"
_SPACE = re.compile(rf"(?:[\s\x00\x1c-\x1f\u200b-\u200f\u2060\ufeff]++|(?P<comment>{_COMMENTS}))*+")

_MARK = "[\"'`“”„‘’«»]"
_NAME = r"[^\W\d][^\"'`“”‘’:=,;{}\[\]\n\\]{0,80}"
"""A key without quotes."""
KEY_AHEAD = (
    rf"(?:\"[^\"\n]{{0,120}}+\"(?:\s{{0,8}}[:=]|\s{{1,4}}[-.0-9{{\"])"
    rf"|\\?{_MARK}{{0,3}}{_NAME}?\\?{_MARK}{{0,3}}\s{{0,8}}[:=])"
)
KEY = re.compile(
    r"[-*]{0,3}\s?(?:\"(?P<plain>(?:[^\"\\\n]|\\.){0,200}+)\"|"
    rf"(?P<open>\\?{_MARK}{{0,3}})\*{{0,2}}(?P<loose>{_NAME}?(?:\\_{_NAME}?){{0,8}})\*{{0,2}}\\?{_MARK}{{0,3}})"
    r"[*\s]{0,8}(?P<sign>=>|->|:=|:{1,2}|=(?!=))"
)
COLONLESS = re.compile(
    r"\"(?P<plain>[^\"\\\n]{1,80})\"(?P<sign>\s{0,4})(?=[-.\d{\[]|\"[^\"\n]{0,120}\"\s{0,4}[,}:])"
    r"|(?P<open>)\*{0,2}(?P<loose>\w[\w ]{0,40}?)\*{0,2}(?P<gap>\s{0,4})(?=\{)"
)
"""A key without a colon behind it, before what only a value begins with."""

_SINGLE = "'‘’`"
_END = re.compile(
    r"\s*+\)?+(?:[}\]<]|\Z|//|/\*|\#"
    rf"|[,;]\s*+(?:{KEY_AHEAD}|[}}\]{{,;.…<#]|\Z|//|/\*|\"[\w -]{{0,80}}\"?\Z|[-*]\s|\w{{1,40}}\s{{0,4}}\{{)"
    rf"|(?<=\s){KEY_AHEAD})"
)
"""What follows the quote that ends a member's string; any other quote belongs to the string."""
_END_OF_ITEM = re.compile(r"\s*+(?:[,;}\]]|\Z|//|/\*|\#)")
_COLON = re.compile(r"\s{0,8}[:=]")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_BAD_ESCAPE = re.compile(r"\\(?![\"\\/bfnrt]|u[0-9a-fA-F]{4})")
_CONTROL = re.compile(r"[\x00-\x1f]")
_MEANT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}

_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
_LITERAL = re.compile(rf"{_NUMBER}|true|false|null")
_MEMBER = re.compile(
    r'\s*+"([^"\\\x00-\x1f]*+)"\s*+:\s*+(?:"((?:[^"\\\x00-\x1f]|\\["\\/bfnrtu])*+)"'
    rf"|({_NUMBER}|true|false|null))"
    r'\s*+(?:,(?=\s*+"[^"\\\n]*+"\s*+:)|(?=\}))'
)
"""A strict member, and the comma before another one."""
_OTHER_LITERALS = frozenset(("None", "True", "False", "undefined", "NaN", "Infinity", "-Infinity", "nil", "NULL"))
_BARE = re.compile(r"[0-9]{1,3},[0-9]{1,9}(?=\s*(?:[,}\n%/]|\Z))(?:\s?%|\s?/\s?[0-9.,]+)?|[^,;{}\[\]\n\"“”]++")
_BARE_ITEM = re.compile(r"[^,;{}\[\]\n\"“”]++")
_BARE_END = re.compile(r"\s*(?:(?<!:)//|\s\#|/\*|<!--|<br|\\[nrt](?=\\|\s|\Z))|\s+\Z")
_DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]")


def _quote(closers: str, but: str = "") -> re.Pattern[str]:
    """What leads to the next quote that may close a string; signs that it has none of stand in `but`."""
    return re.compile(rf"(?:[^{closers}\\{but}]|\\.)*+[{closers}]", re.DOTALL)


QUOTES = {
    **dict.fromkeys('"“”„', _quote('"“”')),
    **dict.fromkeys("'‘’", _quote("'’", but=r"\n")),
    **{"«": _quote("»"), "`": _quote("`", but=r"\n")},
}
"""By the mark that opens a string: what leads to the next one that may close it."""


class Scanner:
    """Takes tokens from a text at `pos`, and names what was wrong with them."""

    def __init__(self, text: str, pos: int) -> None:
        self.text, self.pos, self.end = text, pos, len(text)
        self.repairs: dict[str, None] = {}
        """The names in the order in which they came up."""
        self._no_close_quote = False

    def space(self) -> bool:
        """Step over space and comments; whether there was a comment."""
        found = _SPACE.match(self.text, self.pos)
        if found is None:
            return False
        self.pos = found.end()
        if found["comment"] is None:
            return False
        self.repairs["comments"] = None
        return True

    def strict_members(self) -> list[tuple[str, Value]]:
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

    def key(self, found: re.Match[str]) -> str:
        """A key's text."""
        span = found.span("plain")
        if span[0] < 0:
            span, mark = found.span("loose"), found["open"]
            if mark == "'":
                self.repairs["single_quotes"] = None
            elif '"' in mark:
                self.repairs["missing_quote"] = None
            else:
                self.repairs["smart_quotes" if mark and mark[-1] in "“”„‘’«" else "unquoted_keys"] = None
        key = self.text[span[0] : span[1]]
        return self.unescaped(key) if "\\" in key else key

    def string(self, in_list: bool) -> Scalar | None:
        """The quoted string here; None if its quote is a mere sign of what follows.

        A quote ends the string where a value may end. A quote behind which a colon stands ended a key: then the
        string's own quote was lost before that key, or an object stands within the string.
        """
        text, mark = self.text, self.text[self.pos]
        quotes, ends = QUOTES[mark], _END_OF_ITEM if in_list else _END
        start = before = at = self.pos
        while found := quotes.match(text, at + 1):
            before, at = at, found.end() - 1
            if ends.match(text, at + 1):
                if mark != '"':
                    self.repairs["single_quotes" if mark == "'" else "smart_quotes"] = None
                if before > start:
                    self.repairs["unescaped_quotes"] = None
                self.pos = at + 1
                raw = text[start + 1 : at]
                if not raw.isprintable() and _CONTROL.search(raw):
                    self.repairs["control_characters"] = None
                return Scalar(self.unescaped(raw) if "\\" in raw else raw)
            if before > start and not in_list and _COLON.match(text, at + 1):
                lead = text[max(start, before - 24) : before].rstrip(" \t")[-1:]
                if lead in (",", "\n", ";"):
                    self.repairs["missing_quote"] = None
                    raw = text[start + 1 : before]
                    if "{" in raw:  # it swallowed a key with its object: what follows may stand in that
                        break
                    self.pos = before
                    return Scalar(raw.rstrip(" \t\r\n,;"), True, "ambiguous")
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

    def _around_object(self, start: int, before: int) -> Scalar:
        """The string in which an object with quotes of its own stands.

        Where a brace begins the string or a line, that object is the value, or a new one, and the string was damaged;
        elsewhere it is quoted, and nothing in it is stated.
        """
        brace = self.text.rindex("{", start, before)
        lead = self.text[max(start, brace - 24) : brace].rstrip(" \t")
        self.repairs["missing_quote"] = None
        self.pos = brace
        if brace - start > 1 and not lead.endswith(("\n", "`")):
            # looked for once in vain, it isn't looked for again: time stays linear
            end = -1 if self._no_close_quote else self.text.find('}"', before)
            self._no_close_quote = end < 0
            self.pos = self.end if end < 0 else end + 2
        return Scalar(self.text[start + 1 : brace].strip(), True, "ambiguous")

    def stray_quote(self) -> bool:
        """Step over a quote behind a value that needs none."""
        if self.text[self.pos : self.pos + 1] != '"' or _END.match(self.text, self.pos + 1) is None:
            return False
        self.repairs["stray_quote"] = None
        self.pos += 1
        return True

    def bare(self, in_list: bool, is_commented: bool) -> Scalar:
        """The number or word here; a comment before it may say what a whole number is out of."""
        found = (_BARE_ITEM if in_list else _BARE).match(self.text, self.pos)
        if found is None:
            self.pos += 1
            return Scalar("", False, "ambiguous")
        raw = found.group()
        touches_end = found.end() == self.end or (raw.isdigit() and self.text[found.end() :] == ",")
        if end := _BARE_END.search(raw):
            raw, touches_end = raw[: end.start()], False
        self.pos += len(raw) or 1
        fault = "cut_off" if touches_end else None
        if raw[:1] in QUOTES or (is_commented and raw.isdigit()):
            fault = fault or "ambiguous"
        if not _LITERAL.fullmatch(raw):
            raw = self._spelled(raw)
        if self.stray_quote() and self.pos == self.end:
            fault = fault or "cut_off"
        return Scalar(raw, False, fault)

    def _spelled(self, raw: str) -> str:
        """What is no literal of JSON, and how it was written."""
        if "\\" in raw:
            self.repairs["bad_escape"] = None
            raw = raw.replace("\\", "")
            if _LITERAL.fullmatch(raw):
                return raw
        if (raw[:1] == "(" and raw[-1:] == ")") or raw in _OTHER_LITERALS:
            self.repairs["python_literals"] = None
            return raw[1:-1] if raw[:1] == "(" else raw
        if raw[:1] not in "0123456789.+-~":
            self.repairs["unquoted_value"] = None
        else:
            self.repairs["decimal_comma" if _DECIMAL_COMMA.match(raw) else "number_spelling"] = None
        return raw

    def unescaped(self, raw: str) -> str:
        """A string's text; an escape that is none loses its backslash, half a character becomes a mark."""
        if _BAD_ESCAPE.search(raw):
            self.repairs["bad_escape"] = None
        text = _ESCAPE.sub(lambda e: chr(int(e[1][1:], 16)) if len(e[1]) > 1 else _MEANT.get(e[1], e[1]), raw)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

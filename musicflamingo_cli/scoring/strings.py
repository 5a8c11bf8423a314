"""Quoted strings and keys of JSON-like text, with the quotes that models get wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ANY_QUOTE = "\"'`“”„«»‘’´"
_IN_KEY = r"(?!\2)[^\"“”{}\[\]\n]"
_QUOTED = (
    rf"(\\{{0,8}})([{_ANY_QUOTE}])((?:{_IN_KEY}){{0,120}}?(?:\[[^\[\]\n\"]{{0,40}}\](?:{_IN_KEY}){{0,8}}?)?)"
    rf"\\{{0,8}}[{_ANY_QUOTE}](?:\2(?=\s{{0,8}}[:=]))?"
)
_BARE_KEY = r"[\"'“]?([\w$@](?:[^\"'`“”:,;={}\[\]\n<>()]|\([^()\n]{0,24}\)){0,80})[\"'”]?"
KEY = re.compile(
    rf"(?:[-*•]\s{{1,4}})?(?:\*\*|[uU](?=[\"']))?(?:{_QUOTED}|{_BARE_KEY})(?:\*\*)?\s{{0,32}}(?:=>|->|→|:=|::"
    rf"|[:=](?!=))"
)
"""A key and its colon. Groups: backslashes before the quote, the quote, the quoted key; the bare key."""
MISSING_COLON = re.compile(rf"{_QUOTED}\s{{1,8}}(?=[\d.\"'\[{{-])")
"""A quoted key and a value without a colon between them."""
DAMAGED_KEY = re.compile(r"[\"'“][^{}\[\]\n]{1,80}?[\"'”]\s{0,4}:")
"""What may have been a key before a quote or more in it was damaged."""
QUOTE = re.compile(r"[rRuUbBfF]?(\\{0,8})(\"\"\"|'''|[\"'`“”„«‘’´])")
"""The opening quote of a value, with a Python prefix."""

_KEY_AHEAD = r"[uU]?\\{0,8}[\"'`“”„«‘][^\"“”\n{}]{1,120}?\\{0,8}[\"'`“”»’]{1,2}(?:\*\*)?\s{0,16}(?:[:=]|->)"
_COLONLESS = r"\\{0,8}[\"'`“”‘][\w .:()-]{1,80}\\{0,8}[\"'`”’]\s{1,4}[\d.{\"'“]"
_TITLED_BRACE = r"\[?[*_]{0,2}[A-Za-z][\w ]{0,40}[*_\"'”]{0,3}\s{0,4}:?\s{0,4}\{"
_JUNK = r"(?:\s|[\x00-\x1f\x7f*•>-]|\\{1,4}[nrt](?![A-Za-z])|<!--[^<>]{0,80}-->|<br\s?/?>|\[[\d;]{0,8}m){1,64}"
_GAP = r"(?:\s|\\{1,4}[nrt](?![A-Za-z])){0,64}"
_AFTER_MEMBER = re.compile(
    rf"{_GAP}(?:[}}\])]|\Z|\+\s{{0,8}}[\"']|//|/\*|#|;|{_KEY_AHEAD}"
    rf"|,{_JUNK}(?:{_KEY_AHEAD})"
    rf"|,{_GAP}(?:{_KEY_AHEAD}|{_COLONLESS}|{_TITLED_BRACE}|[\"'`“‘«][^\"'\n]{{0,120}}[\"'”’»]?\s{{0,8}}\Z"
    rf"|[}}\]]|\Z|,|//|/\*|#|\.\.\."
    rf"|(?:\*\*)?[\w$][\w .$\\-]{{0,60}}(?:\*\*)?[\"'”]?\s{{0,8}}[:=]))"
    r"|[ \t]{0,64}\n"
)
"""What follows the end of a string that is a member's value."""
_AFTER_ITEM = re.compile(
    rf"{_GAP}(?:[}}\])]|\Z|\+\s{{0,8}}[\"']|//|/\*|#|;"
    rf"|,{_GAP}(?:\\{{0,8}}[\"'`“‘\[{{(\d-]|[}}\])]|\Z|,|//|true|false|null|None|\.\.\.)|\\{{0,8}}[\"'`“‘]\w)"
)
"""What follows the end of a string that is a list's item."""
_KEY_HERE = re.compile(_KEY_AHEAD)
_KEY_NEXT_LINE = re.compile(rf"\s{{0,64}}+(?:{_KEY_AHEAD}|\}})")
_ANEW = re.compile(rf"[ \t]{{0,16}}\{{\s{{0,16}}(?:{_KEY_AHEAD}|[A-Za-z_]\w{{1,40}}\s{{0,4}}:)")
"""A line on which an object begins anew."""
_BARE_KEY_CUT = re.compile(r"\s{0,8},\s{0,32}[A-Za-z_]\w{0,60}\s{0,8}\Z")
"""Behind a quoted number: nothing but the beginning of an unquoted key, where the text ends."""
_LONGEST_LINE = 4096
"""Characters of a string without a closing quote in which a brace may end its object."""
_OBJECT_OVER = re.compile(r"\n[ \t]*(?:\n|\Z|`{3}|[A-Z][a-z])")
"""A line after which an object is over: an empty one, words."""
_CONCATENATED = re.compile(r"\s{0,16}\+\s{0,16}(?=[\"'])")
_BESIDE = re.compile(
    rf"[ \t]{{0,8}}\n?[ \t]{{0,16}}(?=[\"'])(?!{_KEY_AHEAD})(?=([\"'])[^\"'\n]{{1,400}}\1\s{{0,8}}(?:[,}}\n]"
    rf"|\Z))(?!([\"'])\s{{0,4}}[,}}\]])"
)
"""A string right beside another, as Python joins them."""
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\ufffd", "\n": ""}
_CLOSERS = {
    **{'"': '"”', '"""': '"', "'": "'’", "'''": "'", "`": "`'", "´": "'´’", "‘": "'’", "’": "'’"},
    **dict.fromkeys("“”„", '"”“'),
    **dict.fromkeys("«»", "»«"),
}


_TOKENS = {
    quote: re.compile(rf"(\\*)(?:([{closers}])|(\n)|(?<=\\).)", re.DOTALL) for quote, closers in _CLOSERS.items()
}


def repairs_of(key: re.Match[str], quoted: bool) -> Iterator[str]:
    """What had to be repaired in a match of `KEY` or `MISSING_COLON`."""
    if not quoted:
        yield "unquoted_keys"
    elif key.group(2) is None:
        yield "missing_quote"
    elif key.group(2) in "'`":
        yield "single_quotes"
    elif key.group(2) != '"':
        yield "smart_quotes"
    if key.group(1):
        yield "escaped_quotes"
    elif "\\" in key.group():
        yield "bad_escape"
    if "=" in key.group()[-3:]:
        yield "equals_signs"


def _is_inside(key: str, quote: str) -> bool:
    """Whether a key on the next line stands in the string: its quotes are escaped, or others than the string's."""
    begins = key.lstrip()[:1]
    return begins == "\\" or (quote == '"' and begins == "'")


class StringReader:
    """Reads one quoted value after another out of the same text."""

    def __init__(self, text: str, folded: str, end: int, stopped: bool) -> None:
        self.text = text
        self.folded = folded
        self.end = end
        self.stopped = stopped
        self.repairs: dict[str, None] = {}

    def read(self, pos: int, in_list: bool) -> tuple[str, bool, int]:
        """The string whose opening quote is at `pos`, whether its closing quote was there, and where it ends."""
        parts: list[str] = []
        while True:
            part, closed, pos = self._one(pos, in_list)
            parts.append(part)
            more = _CONCATENATED.match(self.folded, pos, self.end) if closed else None
            if closed and more is None and not in_list and (beside := _BESIDE.match(self.folded, pos, self.end)):
                more = beside
            if more is None or QUOTE.match(self.folded, more.end(), self.end) is None:
                return "".join(parts), closed, pos
            self.repairs["concatenation"] = None
            pos = more.end()

    def _one(self, pos: int, in_list: bool) -> tuple[str, bool, int]:
        opened = QUOTE.match(self.folded, pos, self.end)
        if opened is None:
            return "", False, pos
        slashes, quote = len(opened.group(1)), opened.group(2)
        self._note(slashes, quote)
        start = opened.end()
        after = _AFTER_ITEM if in_list else _AFTER_MEMBER
        inner = holds_key = False
        is_number = self.folded[start : start + 1].isdigit()
        for token in _TOKENS[quote].finditer(self.folded, start, self.end):
            at = token.start()
            if token.group(3):
                ahead = None if slashes or len(quote) > 1 else _KEY_NEXT_LINE.match(self.folded, token.end(), self.end)
                if ahead is not None and not _is_inside(ahead.group(), quote):
                    return self._missing_quote(start, at)
                if not slashes and _ANEW.match(self.folded, token.end(), self.end):
                    return self._decode(start, at, slashes), False, at
                if not slashes and len(quote) == 1 and (brace := self._ends_object(start, at)) > 0:
                    return self._missing_quote(start, brace)
            elif token.group(2):
                run = len(token.group(1))
                if run != slashes if slashes else run % 2:
                    continue
                close = token.end()
                if len(quote) == 3 and self.folded.startswith(quote, close - 1):
                    close += 2
                elif len(quote) == 3:
                    continue
                if after.match(self.folded, close, self.end) or (
                    is_number and _BARE_KEY_CUT.match(self.folded, close, self.end)
                ):
                    self._note_inner(inner)
                    return self._decode(start, close - len(quote) - slashes, slashes), True, close
                inner = True
                if holds_key or _KEY_HERE.match(self.folded, at, self.end) is None:
                    continue
                if self.folded[max(start, at - 8) : at].rstrip().endswith(","):
                    return self._missing_quote(start, at)
                holds_key = True
        value = self._decode(start, self.end, slashes)
        return value.rstrip() if self.stopped else value, self.stopped, self.end

    def _ends_object(self, start: int, end: int) -> int:
        """Where the brace stands that ends the line from `start` to `end`, and the object with it; 0 for nowhere."""
        if end - start > _LONGEST_LINE:
            return 0
        line = self.folded[start:end].rstrip(" \t")
        if not line.endswith("}") or "{" in line or _OBJECT_OVER.match(self.folded, end, self.end) is None:
            return 0
        return start + len(line) - 1

    def _note(self, slashes: int, quote: str) -> None:
        if slashes:
            self.repairs["escaped_quotes"] = None
        if quote in ("'", "`", "'''"):
            self.repairs["single_quotes"] = None
        elif quote != '"':
            self.repairs["smart_quotes" if quote != '"""' else "triple_quotes"] = None

    def _note_inner(self, inner: bool) -> None:
        if inner:
            self.repairs["unescaped_quotes"] = None

    def _missing_quote(self, start: int, end: int) -> tuple[str, bool, int]:
        """A string whose closing quote is missing, ended where the next member begins."""
        self.repairs["missing_quote"] = None
        value = self._decode(start, end, 0).rstrip().rstrip(",").rstrip()
        return value, True, end

    def _decode(self, start: int, end: int, slashes: int) -> str:
        raw = self.text[start:end]
        if any(ord(c) < 32 for c in (raw[:-1] if end == len(self.text) and raw.endswith("\n") else raw)):
            self.repairs["control_characters"] = None
        if "\\" not in raw:
            return raw
        decoded = _ESCAPE.sub(self._escape, raw)
        return _ESCAPE.sub(self._escape, decoded) if slashes else decoded

    def _escape(self, found: re.Match[str]) -> str:
        if found.group(1):
            return chr(int(found.group(1), 16))
        char = found.group(2)
        if char in _ESCAPED:
            return _ESCAPED[char]
        if char not in "\"\\/'":
            self.repairs["bad_escape"] = None
        return str(char)

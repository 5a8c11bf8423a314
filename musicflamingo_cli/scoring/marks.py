"""The marks of text that is almost JSON: space, comments, where a value ends, what is left over."""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.strings import KEY

SPACE = re.compile(r"(?:\x1b\[[\d;]{0,8}m|[\s\x00-\x1f\x7f\xa0\u200b-\u200f\u2060\ufeff]|\\{1,8}[nrt](?![A-Za-z]))+")
COMMENT = re.compile(
    r"//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?|#(?!#{1,5} )[^\n]*|<!--(?:[^-]|-(?!->))*(?:-->)?|<br\s?/?>"
)
HEADING = re.compile(r"#{2,6} ")
"""A heading of Markdown, which no object goes on behind."""
DECIMAL_COMMA = re.compile(r"[+-]?\d+,(?:\d+|\s{1,8}\d+(?=\s{0,8}(?:[,;}\]]|\Z)))")
NUMBER_BOUND = re.compile(r"[,;{}\[\]\n\"“”]|\\(?![./%])|//|/\*|<!--|\s#|(?<=\s)[A-Za-z_$][\w $-]{0,60}\s{0,4}[:=]")
ITEM_BOUND = re.compile(r"[,;{}\[\]()\n\"“”\\]|//|/\*")
TEXT_BOUND = re.compile(
    r"[\n{}\"“”\]]|//\s|/\*|,(?=\s{0,32}(?:\\{0,8}[\"'`“‘][^\"“”\n{}]{1,120}?\\{0,8}[\"'`”’]\s{0,16}[:=]"
    r"|[A-Za-z_$][\w $-]{0,60}\s{0,4}[:=]|[}\]]|\Z))"
)
ESCAPED_MARK = re.compile(r"\\([./%])")
GARBAGE = re.compile(r"[^,;\n{}\[\]]*")
KEY_BEGUN = re.compile(r"[\"'“][A-Za-z][^\"'“”{}\n:]{0,80}\Z")
"""A key that the end of the text cuts off."""
ELLIPSIS = re.compile(r"(?:\.{2,}|…)")
STRAY_QUOTE = re.compile(r"\\{0,8}[\"'`“”‘’](?=\s{0,32}(?:[,;}\]\n]|\Z))")
NUMERIC_START = re.compile(r"[-+~≈]?[.,]?\d")
STRICT_VALUE = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|NaN|-?Infinity")
"""A number or literal as JSON has it, and what Python adds."""
PLAIN_ITEMS = re.compile(r"(?:(?:\"[^\"\\\n]{0,200}\"|-?\d{1,20}(?:\.\d{1,20})?)[ \n]{0,8},[ \n]{0,8})+")
SOLID = frozenset("{}[](),:;\"'=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
"""Characters that begin neither space nor a comment."""
NUMBER_GOES_ON = re.compile(r"[\"']?(?:\d|[.,]\d|%|/\d)")
"""Right behind a closing bracket: that bracket stands in the middle of something."""
NUMBER_FOLLOWS = re.compile(r"[\"']?\s{0,3}[\d.%/:=*+-]")
QUOTED_BRACKET = re.compile(r"([\"'])(?=\s{0,4}[\[{]\s{0,4}[\[{]?\s{0,4}\1[\w -]{1,60}\1\s{0,4}:)")
"""A quote before an object or list whose own quotes are not escaped."""
LONG_LIST = 256
"""From so many items on a list is a loop; plain items in it are stepped over."""
PLAIN_OBJECTS = re.compile(r"(?:\{(?:[^{}\[\]\"'`\\]|\"[^\"\\\n]{0,200}\"){0,64}\}[ \n]{0,8},[ \n]{0,8})+")
LONG_LIST_OF_OBJECTS = 4096
"""The same for flat objects."""
QUOTES = ('"', "'", "\\", "“", "‘")
MEMBER_FOLLOWS = re.compile(rf"\s{{0,32}},\s{{0,32}}{KEY.pattern}")
MARKED_PLACE = re.compile(r"[:=]\s{0,4}[\"'“]?(?:\.{3}|…|<[^<>\n]{1,60}>|string)[\"'”]?\s{0,4}[,\n]")
"""A text that only marks its place."""

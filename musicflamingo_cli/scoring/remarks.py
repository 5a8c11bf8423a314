"""What stands behind a number in an object and is no member: comments, leftovers, and whether they change it."""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.scales import METRE

_OWN_RANGE = re.compile(
    r"\b(?:(?:scale|range)(?: of|:)? )?(?:from |between )?0(?:\.0*)?\s{0,2}(?:-|–|to|and|\.\.|,)\s{0,2}"
    r"1(?:\.0*)?(?![\d.,/])(?: (?:scale|range)\b)?"
    r"|(?:/|out of|of)\s{0,2}1(?:\.0*)?(?![\d.,])"
    r"|(?<![\d.])0(?:\.0*)?\s?(?:=|is)\s?(?:the )?[a-z]{3,9}[,;]?\s(?:and )?1(?:\.0*)?\s?(?:=|is)\s?(?:the )?[a-z]{3,9}"
)
_SCALE = re.compile(
    r"%|/\s{0,2}\d|\b(?:out of|of \d+|on (?:a )?(?:\d+|ten|five)|percent\w*|pct|scale|max(?:imum)?|min(?:imum)?|points?"
    r"|pts|stars?|ten|hundred|range)\b|\d\s{0,2}(?:-|–|to)\s{0,2}\d",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"\b(?:was|from|previously|before|not|instead of|formerly|originally|than)\b[^\d]{0,16}[\d.,]+", re.IGNORECASE
)
_COMPARES = re.compile(
    r"\b(?:against|compared\s+(?:to|with)|versus|vs\.?|above|below)\s+(?:an?\s+"
    r"|the\s+)?[\d.,]*\d(?:\s+as\s+(?:an?\s+|the\s+)?average)?"
    r"|\b(?:could|would|might)\s+be\s+[\d.,]*\d\s+(?:with|if|after|once)\b|\A\W*[\d.,]*\d\s+would\s+(?:need|be"
    r"|require|take)\b",
    re.IGNORECASE,
)
"""A number that a comment only compares with."""
_COUNTS = re.compile(
    r"\b\d+\s+out\s+of\s+\d+\s+(?!points?\b|stars?\b)[a-z]{3,}|\b\d+\s?[-–]\s?\d+\s?(?:k?hz|bpm|db|bars?"
    r"|seconds?|minutes?|m?s)\b(?:\s+range\b)?",
    re.IGNORECASE,
)
"""What a comment counts or measures."""
_METRE = re.compile(METRE + r"(?=\W*[A-Za-z])|(?<=[A-Za-z] )\d{1,2}/(?:4|8|16)(?![\d/])")
"""A time signature among words."""
_DECIMAL = re.compile(r"\d[.,]\d|(?<!\w)[.,]\d")
_LONE = re.compile(r"\W*\d[\d.,]*\W*")
_NOT_FINAL = re.compile(
    r"\b(?:example|placeholder|default|dummy|weights?(?=\s*[:=(]|\W*\Z|\s+(?:of|is)\b)|confidence|todo|tbd|wrong"
    r"|made up|n/a|not final"
    r"|(?:a\s+)?typo|too\s+(?:high|low)\W*\Z|should\s+be\s+(?:lower|higher|\d)|lower\s+is\s+better|withdrawn"
    r"|(?:a\s+|my\s+)?guess\W*\Z|previous\s+(?:score|rating|version)"
    r"|(?:genre|the|an|overall|dataset|industry)\s+average|average\s+(?:of|for|score|rating|value)|template"
    r"|filler|unknown|unrated)\b",
    re.IGNORECASE,
)


def speaks_of_scale(remark: str) -> bool:
    """Whether a remark names another scale than 0 to 1 for the numbers around it."""
    remark = _OWN_RANGE.sub(" ", remark[:400].strip("/*#<!->"))
    return (
        re.search(r"\d|ten|hundred|percent|%", remark, re.IGNORECASE) is not None and _SCALE.search(remark) is not None
    )


def doubts(comment: str) -> bool:
    """Whether a comment right behind a number, or before it, may change what the number means."""
    comment = _METRE.sub(" ", comment)
    text = _BEFORE.sub(" ", _OWN_RANGE.sub(" ", _COMPARES.sub(" ", _COUNTS.sub(" ", comment[:400].strip("/*#<!->")))))
    if _LONE.fullmatch(text):
        return True
    is_scale = _SCALE.search(text) is not None and (
        re.search(r"\d|%|scale|range|stars|percent|ten|hundred", text) or len(text.split()) < 3
    )
    return bool(is_scale) or _DECIMAL.search(text) is not None or _NOT_FINAL.search(text) is not None


_GOING_ON = (
    "out",
    "of",
    "percent",
    "per",
    "or",
    "to",
    "on",
    "in",
    "max",
    "maximum",
    "minus",
    "plus",
    "points",
    "stars",
)


def may_go_on(words: str) -> bool:
    """Whether words at the end of an unfinished text, on a line below a number, may be the beginning of its unit."""
    said = re.findall(r"[^\W\d_]+", words.lower())[:2]
    if not said or not words.lstrip()[:1].isalpha():
        return True
    return said[0] in _GOING_ON or (len(said) == 1 and any(word.startswith(said[0]) for word in _GOING_ON))


def belongs_to_number(rest: str, same_line: bool) -> bool:
    """Whether leftovers behind a number may be a part of it: another number, a unit, a scale."""
    begins = rest.lstrip(" \t\"'`,;([{+-~")[:1]
    if begins and not begins.isalpha():
        return begins.isdigit() or begins in ".,/%:|\\=*^<>±~"
    if not same_line:
        return (
            re.match(
                r"\W{0,8}(?:percent|per\s+cent|(?:of|out of|per|or|to)\W{1,8}(?:\d|ten\b|hundred\b))",
                rest,
                re.IGNORECASE,
            )
            is not None
        )
    return re.search(r"\d|%", rest[:200]) is not None or _SCALE.search(rest[:200]) is not None

"""Lines of one shape, one for every field: each holds one number in the same place, so that no remark can change it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from musicflamingo_cli.scoring.claims import Name
from musicflamingo_cli.scoring.leads import begins_line, lead_of
from musicflamingo_cli.scoring.phrases import ANNOTATED, SEPARATOR
from musicflamingo_cli.scoring.scales import METRE
from musicflamingo_cli.scoring.tails import names_other_thing
from musicflamingo_cli.scoring.unheard import unheard_remark

_SCORE = (
    r"(?P<literal>(?:0?[.,]\d{1,4}|[01][.,]\d{1,4}))(?![\d.,]*\d|\s?[%/])"
    r"|(?P<percent>\d{1,3}(?:[.,]\d{1,2})?)\s?%"
    r"|(?P<part>\d{1,3}(?:[.,]\d{1,2})?)\s?(?:/|out\s+of)\s?(?P<top>10|100|1(?:[.,]0+)?|5)(?![\d.,]*\d)"
)
_FIRST = re.compile(
    rf"(?P<number>{_SCORE})(?P<mark>[*_]{{0,3}}(?:[ \t]{{0,3}}[,;.:|(→/–—-](?=[\s*_(\w\"'“])|\t))", re.IGNORECASE
)
"""The number, and a mark before its remark."""
_LAST = re.compile(
    r"(?P<words>[^\n]{1,400}?)(?P<mark>[(\[][ *_]{0,4}|[.!。][ \t*_]{1,8}|[.!]?[ \t](?:score"
    r"|rating)[ \t]{0,2}[:=][ \t*_]{0,4}"
    r"|[ \t][–—-][ \t]{1,3}[*_]{0,3}|[,;][ \t]{1,3}[*_]{0,3}"
    r"|[.!,;–—→-][ \t](?:(?:so|and|hence|thus)[ \t])?(?:i(?:'d|[ \t]would|'ll)?[ \t](?:rate|give|score"
    r"|put)[ \t](?:it|this)[ \t](?:at[ \t]|an?[ \t])?"
    r"|i(?:'d|[ \t]would)[ \t]say[ \t](?:an?[ \t])?|i(?:'d|'ll|[ \t]will)[ \t]go[ \t]with[ \t](?:an?[ \t])?"
    r"|(?:it|this)[ \t](?:gets|deserves|earns)[ \t](?:an?[ \t])?|giving[ \t]it[ \t](?:an?[ \t])?|so[ \t]))"
    rf"(?P<number>{_SCORE})[*_)\] \t.]{{0,6}}",
    re.IGNORECASE,
)
"""A remark and, as the last thing on the line, the number."""
_BEFORE = re.compile(rf"[ \t*_>•]{{0,12}}(?:-\s)?[ \t*_]{{0,4}}(?P<number>{_SCORE})[*_ \t]{{1,8}}", re.IGNORECASE)
"""A number that begins the line of the name behind it."""
_BEHIND_NAME = re.compile(r"[\s*_.:]{0,8}|[ \t*_]{0,4}(?:[:–—]|-(?=\s)|\()([^\n]{0,400})")
"""What may stand behind such a name. Group 1: a remark."""
_OTHER_SCORE = re.compile(
    r"(?<![\d.,:])[01]?[.,]\d|\d\s?%|\bout\s+of\b|\d\s?/\s?\d{1,3}(?!\s?[a-z])|[-–—+±<>=≈~]\s?\d|\bpercent"
    r"|\d{1,3}\W{0,3}\Z",
    re.IGNORECASE,
)
"""What in a remark could be a score as well."""
_COUNTED = re.compile(
    METRE + r"|\b\d{1,2}:\d\d\b|\b(?:19|20)\d\d(?:s\b|(?![\d.,]))|\b\d{2}s\b"
    r"|(?<![\d.,])[-+~≈]?\s?\d{1,4}(?:[.,]\d+)?(?:\s?[-–]\s?\d+)?[\s-]?(?:dB\w*|LUFS|k?Hz|kbps|bpm|bars?|beats?"
    r"|tracks?|voices?"
    r"|chords?|layers?|seconds?|minutes?|m?s|bit|strings?|inch|years?|semitones?|cents|notes?|times|instruments?|parts"
    r"|sections?|am|pm|steps?|octaves?|o'clock|people)\b",
    re.IGNORECASE,
)
"""Numbers of music in a remark: metres, times, years, levels, counts."""
_TAKES_BACK = re.compile(
    r"\b(?:wait|sorry|oops|scratch|strike|ignore|disregard|retract\w*|correction|n/?a|tbd|tba|not\s+(?:rated|scored"
    r"|applicable|available|final|assess\w*)|placeholder|guess(?:ed)?|default|dummy|made\s+up|copied|weight(?:s"
    r"|ing|ed)?(?=\s*[:=(])|(?:\A|[(])\W*weight(?:ing|ed)?\W*\Z"
    r"|confidence|certainty|hypothetical\w*|would\s+(?:have\s+been|get|score|rate|deserve)|cannot"
    r"|can't\s+(?:rate|judge|hear|tell|score)|could\s+not"
    r"|not\s+sure|unsure|mean\b|maybe\s+(?:higher|lower)|too\s+(?:high|low|generous|harsh|kind|strict|lenient)"
    r"|typo|mistake"
    r"|previous\s+(?:version|score|rating|take|mix)|(?:the|for\s+the|of\s+the)\s+(?:demo|remix|original|genre)\b"
    r"|earlier\s+(?:version|mix)"
    r"|(?:genre|industry|catalog(?:ue)?|dataset|overall)\s+average|average\s+(?:of|for|score|rating)"
    r"|typical\s+(?:of|for|score|rating|value)s?"
    r"|wrong(?=\W*\Z)|template|(?:before|after)\s+(?:the\s+)?revis\w+|old\s+(?:value|score)|according\s+to"
    r"|reference\s+track"
    r"|target|minimum|maximum|threshold|benchmark|baseline|for\s+example|e\.g|example\s+(?:value|score)"
    r"|sample\s+(?:value|score))\b"
    r"|\?\s*\Z|[^\x00-\x7f]*(?:权重|置信|重み|例)",
    re.IGNORECASE,
)
"""What in a remark makes its number something else, whatever the other lines look like."""
_DOUBTS = re.compile(
    r"\b(?:(?:my|the)\s+(?:own\s+)?(?:confidence|certainty)(?:\s+in\s+th\w+)?\W*\Z|(?:last\s+(?:week|month|year"
    r"|time)'?s?|my\s+(?:earlier|previous|old))"
    r"\s+(?:score|rating|value)|weight\s+in\s+the|(?:how\s+much\s+it|that's\s+what\s+it)\s+counts"
    r"|(?:relative\s+)?importance\W*\Z"
    r"|how\s+(?:sure|certain|confident)\s+i\s+am|belongs?\s+to\s+(?:an)?other\s+(?:song|track)"
    r"|(?:an)?other\s+(?:song|track)'s"
    r"|(?:the\s+)?target\s+for|(?:its|the)\s+(?:full\s+)?potential\W*\Z|if\s+it\s+were|(?:an?\s+)?(?:upper"
    r"|lower)\s+bound"
    r"|not\s+(?:yet\s+)?heard|please\s+(?:disregard|ignore)|random\s+number|lower\s+is\s+better"
    r"|(?:a\s+)?typo\W*\Z|made\s+up"
    r"|withdrawn|at\s+(?:the\s+very\s+)?(?:most|least)\W*\Z|höchstens\W*\Z|au\s+maximum\W*\Z|(?:\A\W*"
    r"|its\s+)(?:share\s+)?of\s+the\s+(?:total|overall|final)\b|\A\W*(?:drums|vocals|instrumental|guitars?"
    r"|bass)\s+(?:alone|only)\W*\Z|(?:genre|catalogue)\s+average\W*\Z|old\s+value|inverted"
    r"|what\s+(?:most\s+)?(?:listeners|critics|others|people)\s+gave|multiplier|(?:^"
    r"|[(–—-]\s*)placeholder\W*\Z"
    r"|too\s+(?:high|low|generous|harsh)(?:,?\s+(?:honestly|really|though))?\W*\Z)",
    re.IGNORECASE,
)
"""What in a remark leaves its number nobody's."""
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class _Line:
    """One field's line."""

    name: Name
    shape: tuple[str, str]
    """Where the number stands, and its unit."""
    span: tuple[int, int]
    """The number with its unit."""
    doubtful: bool = False
    """True if its remark says that the number is something else."""


def uniform_numbers(body: str, names: Sequence[Name]) -> dict[int, tuple[int, int, bool]]:
    """Where the numbers stand that lines of one shape give to their fields, by where the field's name begins, and
    whether they are doubtful.

    There are at least three such lines, no field has two, and no line that begins with a field's name has another
    shape: a remark can then hold any words but those that speak of the number itself.
    """
    heads = [name for name in names if name.field.kind == "score" and _heads(lead_of(body, name.start))]
    counts = Counter(name.field.name for name in heads)
    if len(heads) < _FEWEST or max(counts.values()) > 1 or len(heads) > 64:
        return {}
    lines = [_look_at(body, name) for name in heads]
    shapes = Counter(line.shape for line in lines if line is not None)
    if not shapes:
        return {}
    if len(shapes) > 1 or sum(shapes.values()) < _FEWEST:
        return {}
    return {line.name.start: (*line.span, line.doubtful) for line in lines if line is not None}


def _heads(lead: str) -> bool:
    """Whether a name begins its line, or follows a number that does."""
    return begins_line(lead) or _BEFORE.fullmatch(lead) is not None


def _look_at(body: str, name: Name) -> _Line | None:
    end = body.find("\n", name.end)
    end = len(body) if end < 0 else end
    lead = lead_of(body, name.start)
    before = _BEFORE.fullmatch(lead)
    if before is not None:
        start = name.start - len(lead)
        rest = _BEHIND_NAME.fullmatch(body, name.end, end)
        if end == len(body) or rest is None:
            return None
        doubt = _doubt_of(rest.group(1) or "")
        span = _shifted(before.span("number"), start)
        return None if doubt is None else _Line(name, ("before", _unit(before)), span, doubt)
    annotated = ANNOTATED.match(body, name.end, end)
    if annotated is not None and (annotated.group(1) or annotated.group(2) or annotated.group(3)):
        return None
    after = annotated.end() if annotated else name.end
    separator = SEPARATOR.match(body, after, end)
    at = separator.end() if separator else after if "\t" in body[name.end : after] else -1
    if at < 0 or end == len(body):
        return None
    for where, pattern in (("first", _FIRST), ("last", _LAST)):
        found = pattern.match(body, at, end) if where == "first" else pattern.fullmatch(body, at, end)
        if found is None:
            continue
        remark = body[found.end("number") : end] if where == "first" else found.group("words")
        doubt = _doubt_of(remark)
        return None if doubt is None else _Line(name, (where, _unit(found)), found.span("number"), doubt)
    return None


def _doubt_of(remark: str) -> bool | None:
    """Whether a remark leaves its number nobody's; None if only the words around it can tell."""
    plain = _COUNTED.sub(" ", remark)
    if _OTHER_SCORE.search(plain):
        return None
    if _DOUBTS.search(plain):
        return True
    return None if names_other_thing(remark) or _TAKES_BACK.search(plain) or unheard_remark(remark) else False


def _unit(found: re.Match[str]) -> str:
    return "%" if found.group("percent") else found.group("top") or "decimal"


def _shifted(span: tuple[int, int], by: int) -> tuple[int, int]:
    return span[0] + by, span[1] + by

"""Scales that a sentence or a heading states for all scores: `Scores out of 10:`, `I rate from 1 to 10.`"""

from __future__ import annotations

import re

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.keys import FieldIndex
from musicflamingo_cli.scoring.scales import LITERAL, NO_SCALE, RANGE, Scale, digits_of, scale_of, to_decimal

_SENTENCES = re.compile(r"\n|(?<=[.!?;])\s|:(?=\s{0,3}[{\[`])")
_SUBJECT = re.compile(
    r"\b(?:all|scores?|scored|scoring|ratings?|rates?|rated|rating|graded?|grades|values|numbers|everything|each"
    r"|every|stars?|dimensions?"
    r"|criteri(?:on|a)|marks|marked|points|use[sd]?|using|prefer|these|both|evaluation|assessment|verdict|summary)\b",
    re.IGNORECASE,
)
_TOP = r"(?:4|5|6|7|8|9|10|20|50|100|1000)(?![\d.]*\d)"
_CUE = re.compile(
    rf"\bscale\b[^.\n]{{0,24}}?{RANGE.pattern}|{RANGE.pattern}[^.\n]{{0,12}}\bscale\b"
    rf"|\b(?:from|between|scale\s+of)\s+{LITERAL}(?:\s?\([^()\n]{{0,24}}\))?\s+(?:to|and|through|up\s+to)\s+{LITERAL}"
    rf"|(?<!\d)(?<!\d\s)(?:\bout\s+of\s+(?:a\s+(?:possible|maximum)\s+)?|/\s?"
    rf"|\bmax(?:imum)?\b[\s.:=]{{0,3}}(?:of\s+|is\s+)?|\b(?:on|over)\s+){_TOP}"
    rf"|[(\[]\s?{RANGE.pattern}(?:\s(?:points?|stars?))?\s?[)\]]|\b\d+-points?\b|\b\d+\s+points?\s+scale\b"
    rf"|\b(?:scored?|rated|marked"
    rf"|graded)\s+{RANGE.pattern}"
    r"|\b(?:in|as)\s+(?:%|percent\w*)|[(\[]\s?(?:%|percent\w*|pct)\s?[)\]]|\bpercentages?\b"
    r"|\bscale\b[^\n\w]{0,4}(?:is\s+|of\s+)?(?!0(?:\.0)?\s?(?:=|is\b|means\b"
    r"|\()[^\n]{0,24}(?<![\d.])1(?:\.0)?\s?(?:=|is\b|means\b|\())\d+\b",
    re.IGNORECASE,
)
_PLAIN_CUE = re.compile(
    rf"\A\W*(?:(?:ratings?|scores?|scoring|grades?|marks?|stars?|range)\W{{1,4}})?{RANGE.pattern}(?!\s?[A-Za-z%])\W*\Z"
    rf"|\buse[ds]?\s+(?:a\s+|the\s+)?{RANGE.pattern}(?!\s?[A-Za-z%])"
    r"|\bthe\s+max(?:imum)?\s+is\s+(?!1(?:\.0+)?\b)\d+\W*\Z"
    r"|\bmax(?:imum)?\s+(?:score|rating|mark)\b[\s:=]{1,3}(?:is\s+)?(?!1(?:\.0+)?\b)\d+"
    r"|(?<![\d.:])(?<!track )(?<!song )(?<!at )(?!1(?:\.0+)?\b)\d+\s+(?:is"
    r"|being)\s+(?:the\s+)?(?:max\w*|best|highest|top)\b(?!\s+(?!score|rating|possible|value|mark|grade|and|,)\w)"
    r"|(?<![\d.])(?!1(?:\.0+)?\b)\d+\s+max\b|,\s\d+\s+the\s+best\b|\bpercentages?\s*\.|\bunits?\s?:\s?%"
    r"|\b0\s?%\s?(?:to|-"
    r"|–)\s?100\s?%|\b\d\s?(?:-|–|to)\s?\d{1,2}\s+stars?\b"
    r"|\bstar\s+ratings?\b|\b\d\s+stars?\s?=|(?<![\d.])\b(?![01]\b)\d+\s?=\s?(?:the\s+)?(?:low(?:est)?"
    r"|high(?:est)?|best|worst|poor|bad|perfect|great|excellent|min\w*|max\w*)\b"
    r"|\b(?:3|4|5|6|7|10|20|100)[\s-](?:points?|stars?)\s+(?:scale|system|rating)\b"
    rf"|\b(?:von|de|da|od|fra|från|van|от)\s+{LITERAL}\s+(?:bis|à|a|do|til|till|tot|до)\s+{LITERAL}"
    rf"|\b(?:sur|von|su|sobre|из)\s+{_TOP}|\A\W*/\s?{_TOP}\W*\Z"
    r"|\b(?:escala|[ée]chelle|skala|scala"
    r"|шкал\w)\b(?![^.\n\d]{0,16}0(?:[.,]0)?[^\d\n]{1,6}1(?:[.,]0)?(?!\d))[^.\n\d]{0,24}\d"
    r"|满分(?:为|是|:)?\s?(?!1(?:\.0)?分?(?!\d))[\d一-龥]|(?<![\d.])(?!1点)[\d十百五]+\s?点満点|満点|[\d十百五]+分制"
    r"|评分范围:?\s?(?!0(?:\.0)?(?:到|至|-|~)1(?!\d))\d"
    r"|\b(?:note|puntuaci[óo]n|puntaje|nota|pontua[çc][ãa]o|voto)\s+(?:maximale|m[áa]xim[ao]|massim[oa])\s*[:=]?\s*"
    r"(?!1(?:[.,]0)?\b)\d|\bh[öo]chst\w+\W{0,4}(?!1\b)\d|\bschulnoten\b|\brated\s+up\s+to\s+(?!1\b)\d|\blikert\b",
    re.IGNORECASE,
)
"""What needs no subject to be a scale, though not one that can be mapped."""
_FOREIGN_TO = re.compile(r"(?<=\d)\s+(?:bis|à|a|do|til|till|tot|до)\s+(?=[\d.,])")
_ALONE = re.compile(
    r"\W*(?:(?:on|using|with)\s+)?(?:(?:an?|the|my|rating|score)\s+){0,3}\W{0,3}(?:scale\b\W{0,3})?(?:(?:of|from"
    r"|is)\s+)?\Z",
    re.IGNORECASE,
)
_BETWEEN = re.compile(
    rf"({LITERAL})(?:\s?\([^()\n]{{0,24}}\))?\s+(?:to|and|through|up\s+to)\s+({LITERAL})", re.IGNORECASE
)
_COUNTS = re.compile(
    r"\s?(?:s|sec|secs|min|mins|hz|khz|db|bpm)\b|\s+(?!(?:scale|points?|stars?|max\w*|possible|total|for|with"
    r"|where|and|being|each|in|as|on|is|are"
    r"|rating|ratings|scores?|based|rather|instead|unless|the|so|but|best|worst|using|overall)\b)[a-z]{3,}",
    re.IGNORECASE,
)
"""A noun behind a number: it counts something and ends no scale (`on 5 dimensions`, `from 0 to 30 seconds`)."""
_OFFER = re.compile(
    r"\b(?:normali[sz]ed|divided\s+by|(?:rather\s+than|instead\s+of)(?!\s+(?:the\s+)?0(?:\.0)?\s?(?:-|–"
    r"|to)\s?1(?!\d))|not\s+(?:out\s+of|in|percent\w*)|originally"
    r"|as\s+decimals|convert\w*|if\s+you|would\s+you|let\s+me\s+know|happy\s+to|can\s+also)\b",
    re.IGNORECASE,
)
"""What offers another scale rather than stating one."""
_SHARED = re.compile(r"[,;(]\s{0,4}(?:both|all|each)\b[^\n\d]{0,24}(?:\bon\b|\bout\s+of\b)[^\n]{0,40}\Z", re.IGNORECASE)
"""What is said of all scores of a sentence behind the last of them: `both out of 10`."""
_HINT = re.compile(r"[\d%]|满分|満点|percent|\b(?:five|ten|twenty|hundred)\b", re.IGNORECASE)
_MOST_SENTENCES = 2048
"""Of more than twice as many different sentences, which only a loop has, the first and the last are looked at."""
_REACH = 1500
"""Characters before and after the scores in which a sentence on their scale is looked for."""


def scale_of_sentence(sentence: str, field: Field) -> Scale | None:
    """The scale that one sentence states for all scores; None if it states none at all."""
    sentence = digits_of(sentence)
    if _OFFER.search(sentence):
        return None
    cue = _CUE.search(sentence)
    if cue is not None and _COUNTS.match(sentence, cue.end()):
        return None
    if any(_within_unit(found) for found in RANGE.finditer(_BETWEEN.sub(r"\1 to \2", sentence))):
        return None
    words_after = len(re.findall(r"[^\W\d_]{2,}", sentence[cue.end() :])) if cue else 0
    alone = cue is not None and _ALONE.fullmatch(sentence[: cue.start()]) is not None and words_after <= 3
    if cue is None or not (alone or _SUBJECT.search(sentence)):
        plain = _PLAIN_CUE.search(sentence)
        pair = RANGE.search(_FOREIGN_TO.sub(" to ", plain.group())) if plain else None
        is_own = pair is not None and not scale_of(pair.group(), field).is_other
        return None if plain is None else NO_SCALE if is_own else Scale(unclear=True)
    said = _BETWEEN.sub(r"\1 to \2", cue.group())
    if re.search(r"%|percent", said, re.IGNORECASE):
        return Scale(100.0)
    if re.search(r"point", said, re.IGNORECASE):
        return Scale(unclear=True)
    return scale_of(re.sub(r"^(?:on|over)\b", "out of", said, flags=re.IGNORECASE), field)


def _within_unit(found: re.Match[str]) -> bool:
    """Whether a range lies within 0 to 1, so that it says where scores fall: no scale ends at 0.8."""
    low, high = to_decimal(found.group(1)), to_decimal(found.group(2))
    return low is not None and high is not None and 0 <= low < high <= 1 and not (low == 0 and high == 1)


def said_scale(text: str) -> str | None:
    """The words of a remark in which it states a scale of scores, such as `1-10 scale`; None if there are none."""
    for sentence in map(digits_of, _SENTENCES.split(text[:_REACH])):
        cue = None if _OFFER.search(sentence) else _CUE.search(sentence)
        if cue is not None and _SUBJECT.search(sentence) and not _COUNTS.match(sentence, cue.end()):
            ends = RANGE.search(cue.group())
            return ends.group() if ends else cue.group()
    return None


def scale_of_all(text: str, index: FieldIndex) -> Scale:
    """Doubt on bare numbers where a sentence states another scale than the fields' own for all of them."""
    field = next((f for f in index.fields if f.kind == "score"), None)
    if field is None:
        return NO_SCALE
    sentences = list(dict.fromkeys(_SENTENCES.split(text)))
    if len(sentences) > 2 * _MOST_SENTENCES:
        sentences = sentences[:_MOST_SENTENCES] + sentences[-_MOST_SENTENCES:]
    for sentence in sentences:
        if 2 < len(sentence) < 400 and _HINT.search(sentence):
            label = index.label.search(sentence)
            stated = scale_of_sentence(sentence[: label.start()] if label else sentence, field)
            if label and stated is None and (shared := _SHARED.search(sentence)):
                stated = scale_of_sentence(sentence[shared.start() :], field)
            if stated is not None and stated.is_other:
                return Scale(unclear=True)
    return NO_SCALE


def scale_around(before: str, after: str, index: FieldIndex) -> Scale:
    """The scale stated for an object: exactly by the line right before it, else a doubt by a sentence around it."""
    field = next((f for f in index.fields if f.kind == "score"), None)
    if field is None:
        return NO_SCALE
    lines = [line for line in before[-_REACH:].splitlines() if line.strip("`~ \t") not in ("", "json")]
    last = [s for s in _SENTENCES.split(lines[-1]) if s.strip(" \t`*_:.([{")] if lines else []
    if last and (stated := scale_of_sentence(last[-1], field)) is not None and not index.label.search(last[-1]):
        return stated
    return scale_of_all(f"{before[-_REACH:]}\n{after[:_REACH]}", index)

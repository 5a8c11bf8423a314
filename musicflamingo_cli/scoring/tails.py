"""What may follow a number that is a score. What is not known here makes the number doubtful, never a score.

A whitelist: the end, a delimiter, a bracket, or one of the words that go on from a score (`0.8 because`, `0.8 very
clean`). Every pattern is linear in its input.
"""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.unheard import unheard_remark

EMOJI = (
    "[\u2600-\u2604\u2607-\u265f\u2668-\u26ff\u2705\u2713\u2714\u2728\u2764\U0001f300-\U0001f31e\U0001f321-\U0001f44d"
    "\U0001f44f-\U0001f4a9\U0001f4ab-\U0001f4ae\U0001f4b0-\U0001f4c7\U0001f4ca-\U0001f4f6\U0001f507-\U0001f50f"
    "\U0001f524\U0001f525\U0001f5a4\U0001f600-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001f9ff]"
    "[\ufe0f\u200d\U0001f3fb-\U0001f3ff]{0,2}"
)
"""Pictures that are no part of a number: no stars, keycaps, digits in circles, arrows, crosses, thumbs down."""
_CLOSERS = re.compile(rf"(?:[\s\"'“”‘’`*_)\]}}»«„‚>\u200b\ufeff]|{EMOJI}){{0,64}}")
_DELIMITER = re.compile(
    r"。|\.(?=[\s\"'”’)*_\]}<]|\Z)|[,;，；、](?!\d)|:(?!\d)|!(?!=)|\||(?:--|[-–—―‐])(?![>\d])|[(\[{]"
    r"|(?:#|//|/\*)(?=[ \t]?[A-Za-z])"
    r"|[•·](?=\s)|</?[A-Za-z][^<>\n]{0,40}>"
)
_NEXT_LINE = re.compile(
    r"\s{0,8}[(\[]?(?:[.,]\d|[/%‰⁄]|\\|(?:out\s+)?of\b"
    r"|(?:per\s?cent|percent|pct|to|or|max(?!\s+[A-Za-z])|minus|plus)\b|(?:on|in)\s+(?:a\s+)?(?:scale|\d|ten|percent))",
    re.IGNORECASE,
)
_BROKEN = re.compile(r"[^\w\s([{|]{0,4}[\s\"'“”‘’`*_]{0,8}[^\w\s([{|]{0,4}\d")
"""Signs without words between a whole number and more digits: `0. 82`, `0"."82`."""
_PARTS = (
    "vocals?|drums?|bass|guitars?|keys|synths?|strings|brass|percussion|intro|outro|verses?|chorus(?:es)?|bridge|hook|"
    "solo|drop|demo|remix|remaster|original|cover|album|beat|lyrics|melody|start|beginning|end|ending|half|part|section|"
    "hours?|hrs?|minutes?|mins?|seconds?|secs?|dB|LUFS|Hz|kHz|BPM|units?|stars?|genre"
)
_REASONS = (
    r"because|as(?!\s+an?\s+(?:placeholder|example|guess|default|reference|sample))|since|due|given|but|though"
    r"|although|while|whereas|i|my|overall|thanks|owing|considering|thus|hence"
)
_SPECIFIC = (
    r"|with\b(?!\s+(?:\d|(?:an?\s+)?(?:better|cleaner|more|less|proper|good|different)\b|an?\s+(?:weight"
    r"|confidence|margin|error)))"
    r"|from\s+me|in\s+(?:my|terms|general|line|view|this\s+(?:case|track|song|regard|respect))|at\s+\d+\s?bpm"
    r"|based\s+on"
    rf"|for\s+(?!(?:(?:the|its)\s+)?(?:{_PARTS})\b)"
    r"(?!(?:an?|most|other|others|similar|all|any|each|every|comparison|reference|example|instance|now|\d)\b|[\"'“‘])"
)
_AFTER_ANY = re.compile(
    rf"(?:(?:{_REASONS})\b{_SPECIFIC}|and\s+(?!a\s+half"
    r"|(?:up|above|below|over|under|more|less|then|now)\b|\d)(?:\Z|(?=[a-z]+[\s_])|[a-z]\Z)"
    rf"|(?:seems|feels|sounds)\s+(?:fair|right|about\s+right|appropriate"
    rf"|reasonable|apt)\b)",
    re.IGNORECASE,
)
_AFTER_DECIMAL = re.compile(
    r"(?:(?:seems|feels)(?!\s+(?:\w+\s+)?too\b)|and(?!\s+(?:up|above|below|over|under|more|less|a\s+half))|which"
    r"|reflects?|reflecting"
    r"|indicating|showing|suggesting"
    r"|score|rating|points?(?!\s+(?:\w+er|more|less|above|below|lost|off|deduct\w*|added|taken|removed|behind"
    r"|ahead|short)\b)|mark|grade|total|the|(?:it|there)(?!\s+(?:would|could|might))|its|despite"
    r"|to\s+(?:reflect|indicate|show)|very|quite|rather|so|well|too(?=\W*\Z|[,.;])|near|almost|"
    r"good|great|excellent|solid|strong|high|low|poor|weak|decent|fair|moderate|average|mid|okay|ok|fine|nice|superb"
    r"|outstanding|exceptional|perfect|crisp|clear|warm|wide|tight|rich|lush|raw|rough|muddy|thin|dense|complex|simple"
    r"|sparse|catchy|fun|memorable|competent|consistent|modern|punchy|smooth|sharp|bright|dark|loud|quiet|professional"
    r"|pro|studio|radio|stellar|impressive|respectable|adequate|acceptable|mediocre|bland|dull|flat|generic"
    r"|standard(?!\s+deviations?)"
    r"|typical(?!\s+(?:for|of))|big|deep|full|heavy|soft|slick|top|world-class|lo-fi|hi-fi|clean"
    r"|(?!(?:desired|contributed|clipping|previously|originally|formerly|initially|ideally|hypothetically"
    r"|theoretically|potentially|targeted"
    r"|falling|deducted|subtracted|removed|added|knocked|lost|reduced|compared|weighted|according|assuming"
    r"|averaged|missing|needed|required)\b)(?!\w*(?:speed|feed|need|seed|bed|shed|string|ring|thing"
    r"|king)\b)\w{2,}(?:ly|ed|ing|ful|ous|ive|ional)"
    r"|flawless|seamless|effortless)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"[\s\"'“‘(\[*_-]{0,6}(?:e\.\s?g|n/?a\b|not\s+(?:rated|applicable|assess\w*|available|scored|final)|cannot"
    r"|can't|could\s+not|unable|by\s+default|tbd|tba|made\s+up|i\s+made"
    r"|copied|(?:upper|lower)\s+bound|average\s+of|according\s+to|(?:its|the)\s+weight|share\s+of|placeholder"
    r"|neutral\s+default|(?:stereo\s+)?correlation|ceiling|floor|[pz]-?(?:value|score)|sigma|crest"
    r"|pass\s+mark|would\s+be(?!\s+(?:higher|lower|better|worse))|wishful|i\.\s?e\.,?\s+the\s+weight"
    r"|acoustic\s+version|normali[sz]ed\s+loudness"
    r"|pending|unrated|unknown|filler|no(?!\w| (?:real |major |big |obvious |audible |clear )?[a-z]{4,})|nope"
    r"|wrong(?!\s+notes?)|false"
    r"|incorrect|not\s+(?:really|quite right|the|sure)|unsure|uncertain|"
    r"just\s+kidding|strike|scratch|wait|ignore|disregard|forget|cancel\w*|void|invalid|retract\w*|sorry|oops"
    r"|actually(?=\W{0,3}(?:no|not|it|that|\d))|"
    r"correction|corrected(?!\s+(?:vocals?|pitch|takes?|notes?|tuning))|i\s+mean(?!\s+it)|or\s+(?:maybe|rather"
    r"|perhaps)|make\s+that|at\s+(?:most|least|best|worst)|"
    r"if(?!\s+(?:anything|you|one|a\s+bit|somewhat|slightly|only|not)\b)|unless|once(?!\s+(?:again|more))|before"
    r"|until|unlike|assuming|had\s+it|were\s+it|lol|jk"
    r"|\?)(?!\w)",
    re.IGNORECASE,
)
"""What right after a score takes it back or makes it depend."""
_OTHER_THING = re.compile(
    r"(?:(?:weight(?:s|ed|ing)?|default|placeholder|e\.g\.?|template(?!-)|baseline|threshold|confidence|certainty"
    r"|hypothetical(?:ly)?|benchmark|estimate\s+only|dummy|not\s+final|genre\s+(?:average|mean|median|norm)"
    r"|(?:the|on|an)\s+average|industry|typical(?:ly)?\s+(?:for|of)|others?|elsewhere|previous(?:ly)?"
    r"|former(?:ly)?)(?!\w).*"
    r"|(?:(?:an?|the|my|just|only)\s+)?(?:examples?|old|target|minimum|maximum|min|max|prior|sample|reference)"
    r"(?:\s+(?:values?|scores?|ratings?|ones?|only|albums?|versions?|tracks?|songs?|outputs?|answers?))?\W*)",
    re.IGNORECASE,
)
"""A remark which says that the number is something else."""
_PART = re.compile(
    rf"[\s(\[\"'*_]{{0,4}}(?:(?:only|for|in|on|just|the|of|its|mainly|at)\s+){{0,3}}"
    r"(?:(?:lead|back(?:ing|ground)|live|first|second|last)\s+)?"
    rf"(?:{_PARTS})(?:\s+(?:only|alone|part|section|version))?[\s)\]\"'*_.]{{0,4}}",
    re.IGNORECASE,
)
"""A remark that is nothing but a part of the song, another version, or a unit."""
_SEGMENT = re.compile(r"[^,;.!|()\[\]{}–—\n]{0,80}")
_EACH_FOR = re.compile(r"for\s+\w+(?:\s\w+)?,?\s+(?:and\s+)?\d", re.IGNORECASE)
"""`1 for effort, 0 for result`."""
_REMARK_END = re.compile(r"[^.;!?|\n]{0,100}")
_TOP = r"(?:[1-9]|10|12|15|20|25|30|40|50|60|80|100|1000)(?:[.,]0+)?"
"""What a scale may end at."""
_FOREIGN_TOP = re.compile(
    rf"(?:\b(?:out\s+of|of|on|over|von|sur|su|de|di|av|af|z|max(?:imum)?|top|best|highest|possible|total)\b"
    rf"[\s.:=]{{0,3}}"
    rf"(?:is\s+|a\s+|the\s+|possible\s+){{0,2}}|(?<!\d)(?<!\d\s)[/⁄])"
    rf"(?:({_TOP})(?!\s?[A-Za-z%\d.,:-])|(?:ten|five|twenty|(?:a\s+|one\s+)?hundred)\b)"
    rf"|(?<![\w.,:])(?<!the )(?:({_TOP})|ten|five|hundred)\s{{0,2}}"
    r"(?:=|is\s+(?:the\s+)?(?:best|max\w*|high\w*|top|perfect|worst)\b|being\b|max(?:imum)?\b|total\b|possible\b"
    r"|best\b|highest\b|top\b|-?\s?points?\b)",
    re.IGNORECASE,
)
_PERCENT_WORD = re.compile(
    r"(?:\bin\s+|[(\[]\s{0,2}|\A\W{0,6})(?:%|percent(?:age)?|per\s+cent|pct|tenths?|permille|‰)|\blikert\b",
    re.IGNORECASE,
)
_REMARK = 64
"""Characters in which a remark on the scale would stand."""


def spoiled_by(tail: str, whole: bool, unit: bool | None) -> str | None:
    """Why a score cannot be the number that this text follows, or None if all of it is accounted for.

    Args:
        tail: What follows the number and its unit.
        whole: True if the number was written without a fraction and without a unit.
        unit: True if a unit was read: a share of something is then as likely as a score. None where any words may
            follow, because no score is asked.

    Returns:
        `not_a_number`, `ambiguous` or `unclear_scale`.
    """
    closers = _CLOSERS.match(tail)
    skipped = closers.group() if closers else ""
    rest = tail[len(skipped) :]
    if whole and _BROKEN.match(tail):
        return "ambiguous"
    if "\n" in skipped:
        return "ambiguous" if _NEXT_LINE.match(rest) else None
    if not rest:
        return None
    if rest[0].isalpha():
        if not skipped:
            return "not_a_number"
        if unit is None:
            return None
        known = _AFTER_ANY.match(rest) or (not whole and not unit and _AFTER_DECIMAL.match(rest))
        if not known:
            return "ambiguous"
        return "ambiguous" if _is_unheard(rest) else _of_remark(rest, whole, unit)
    if rest[0] == "[" and not skipped:
        return "ambiguous"
    delimiter = _DELIMITER.match(rest)
    if delimiter is None or (rest[0] in "-‐#/•·" and not skipped and not rest[1:2].isspace() and rest[1:2] != "-"):
        return "ambiguous"
    after = rest[delimiter.end() :]
    if rest[0] in "-–—―‐" and not after.strip():
        return "ambiguous"
    if rest[0] == "<":
        return spoiled_by(after, whole, unit)
    if "\n" in after[: len(after) - len(after.lstrip())]:
        return "ambiguous" if rest[0] != "|" and _NEXT_LINE.match(after.lstrip()) else None
    if unit is None:
        return None
    if _DENIED.match(after):
        return "ambiguous"
    if rest[0] in ".!|":
        return None
    segment = _SEGMENT.match(after)
    words = segment.group().strip() if segment else ""
    is_short = len(words.split()) <= 4 and not any(c.isdigit() for c in words)
    if is_short and _OTHER_THING.fullmatch(words.strip("*_\"'` ")):
        return "not_a_number"
    if words and (_PART.fullmatch(words) or _is_unheard(after)):
        return "ambiguous"
    return _of_remark(rest, whole, unit)


def names_other_thing(remark: str) -> bool:
    """Whether a short remark behind a number says what else it is: `example`, `old value`, `vocals only`."""
    words = remark.strip(" \t()[]*_\"'`,;.:|–—-")
    return len(words.split()) <= 4 and (_OTHER_THING.fullmatch(words) or _PART.fullmatch(words)) is not None


def _is_unheard(rest: str) -> bool:
    """Whether the remark behind a number takes it back, up to the end of its sentence."""
    remark = _REMARK_END.match(rest)
    return remark is not None and unheard_remark(remark.group())


def continues(rest: str, below: str, whole: bool) -> bool:
    """Whether the line below goes on with a number that ends its line: `0.` and `82`, `1` and `out of 10`.

    Args:
        rest: What follows the number on its own line.
        below: How the next line begins.
        whole: True if the number was written without a fraction.
    """
    mark = rest.strip(" \t\r\n*_\"'`")
    if mark in ("", ")", "]") and _NEXT_LINE.match(below):
        return True
    broken = whole and mark in (".", ",", ";", "\\") and re.match(r"\s{0,4}\d", below) is not None
    return broken and re.match(r"\s{0,4}\d{1,2}[.)]\s", below) is None


def _of_remark(rest: str, whole: bool, unit: bool) -> str | None:
    """Whether a remark names another scale than the field's own."""
    remark = rest[:_REMARK].partition("\n")[0]
    if unit:
        return None
    if _PERCENT_WORD.search(remark):
        return "unclear_scale"
    for found in _FOREIGN_TOP.finditer(remark):
        top = found.group(1) or found.group(2)
        if top is None or top.strip("+") not in ("1", "1.0", "1.00", "1,0"):
            if top is not None and top.startswith("0"):
                continue
            return "unclear_scale"
    if whole and _EACH_FOR.match(rest):
        return "ambiguous"
    others = re.findall(r"\d+(?:[.,]\d+)*|\b(?:ten|five|hundred)\b", remark[:40]) if whole else []
    return "ambiguous" if any(other not in ("0", "1", "0.0", "1.0") for other in others) else None

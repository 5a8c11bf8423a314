"""The words around a score in prose: which make a statement, and which show that there is none.

All patterns are bounded, so that each is linear in its input.
"""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.scales import LITERAL

QUOTES = "\"'“”‘’`*_ \t"
ANNOTATED = re.compile(rf"[{QUOTES}]{{0,6}}(?:\(([^()\n]{{0,40}})\)|\[([^\[\]\n]{{0,40}})\])?[{QUOTES}]{{0,6}}")
"""What may stand between a name and its separator: closing quotes, and a note in brackets (groups 1 and 2)."""
SEPARATOR = re.compile(
    r"(?:=>|->|:=|→|⇒|➜|:|=(?!=)|–|—|-(?=[\s])|[,;](?=\s?[\d.]{1,12}[ \t]{0,8}(?:\n|\Z))|\.{3,}|…|\t)"
    rf"[{QUOTES}]{{0,8}}"
)
"""What separates a label from its value."""
LEAD_MARKS = re.compile(r"[\W_]*(?:\d{1,2}[.):]|\(?[a-zA-Z][.)])?[\W_]*")
"""What may stand before a label that begins a line: list marks, numbering, emphasis."""
LEAD_WORDS = re.compile(
    r"[\W_]*(?:(?:the|my|final|your|its|updated|revised)\s+){0,2}(?:(?:score|rating)\s+(?:for|of)\s+(?:the\s+)?)?[\W_]*",
    re.IGNORECASE,
)
"""The same with words such as `the score for`."""
LAST_WORD = re.compile(r"([^\W\d_][\w'’]*)[\"'“‘(\[ \t]{0,4}\Z")
"""The word right before a name (group 1)."""
BEFORE_NAME = frozenset(
    """the its this that track's song's piece's his her their my your our a an for on in of to at as and or but with
    while give gives gave given giving rate rates rated rating score scores scored scoring assign assigns assigned
    assigning award awards awarded awarding is are would judge judged puts places put i'd i'll i think find believe
    estimate estimated set overall that regarding concerning terms both also finally then so here for me say""".split()  # noqa: SIM905
)
"""Words after which a name is still only the name; after any other it may be a part of a longer one."""
STRONG = re.compile(
    r"\b(?:weigh(?:t|ts|ted|ting|tings|s|ed)?|confiden(?:t|ce|ces)|certainty|examples?|e\.g|template|thresholds?|minimum|maximum|"
    r"hypothetical\w*|uncertainty|percentile|ranks?|ranked|average|typical|typically|benchmark|baseline|previous\w*)\b",
    re.IGNORECASE,
)
"""Words that make every number of their sentence something else than a score of this song."""
WEAK = re.compile(
    r"\b(?:not|never|cannot|can't|couldn't|wouldn't|won't|don't|doesn't|isn't|if|unless|than|instead|rather|without|earlier|"
    r"initially|originally|could|might|may|should|scale|range|ranges|from|between|by|increase[sd]?|decrease[sd]?|"
    r"reduce[sd]?|add(?:s|ed)?|drop(?:s|ped)?|difference|versus|vs)\b",
    re.IGNORECASE,
)
"""Words that, close before a name, make its number no plain statement."""
CONNECTOR = re.compile(
    r"[\"'“”‘’`*_)\]]{0,4}(?:,\s(?=i\b|i'|my\b))?(?:\s{0,4}(?:(?:is|was|at|as|of|a|an|the|to|be|about|around|approximately|roughly|circa|gets?|got|"
    r"earns?|earned|receives?|received|deserves?|deserved|scores?|scored|scoring|rates?|rated|rating|score|value|"
    r"i'd|i|say|give|it|comes\s+(?:in|out)|stands|sits|lands|solid|strong|high|very|quite|good|great|excellent|decent|"
    r"respectable|impressive|moderate|low|modest|fair|weak|poor|mediocre|middling|mid|clean|generous|near-perfect|"
    r"perfect|outstanding|healthy|full|lower|higher|set|assigned|awarded|given|estimated|judged|evaluated|only|just|"
    r"exactly|overall|also|therefore|thus|currently|me|my)(?![a-z])|=|:|[-–—](?=\s))[,:]?){0,9}\s{0,4}"
    r"(?=[~≈(\[\"'“*_]{0,3}[+-]?[.,]?\d)",
    re.IGNORECASE,
)
"""What may stand between a name and its number in a sentence."""
IN_BRACKETS = re.compile(
    rf"[(\[]\s{{0,2}}(?:score[:\s]{{1,3}}|rating[:\s]{{1,3}})?(?={LITERAL}[^()\[\]\n]{{0,16}}[)\]])", re.IGNORECASE
)
"""A number alone in brackets."""
SCORE_WORD = re.compile(
    r"\b(?:score|rating|rated|scored)(?:\s+(?:is|of|at|it))?[\s*_:=–—-]{1,6}(?:a\s+)?(?=[~≈]?[+-]?[.,]?\d)",
    re.IGNORECASE,
)
"""`score` and the like, right before a number."""
SCORE_LINE = re.compile(
    r"[ \t>*+\-•–—|_\"'`#]*(?:(?:final|my|the|your)\s)?(?:score|rating|value|rate|grade)\b[\s*_\"'`]{0,6}"
    r"(?:\(([^()\n]{0,40})\))?[\s*_\"'`]{0,6}(?:[:=]|is\b|of\b|-|–|—)?[ \t*_\"'`]{0,6}(?=[~≈+-]?[.,]?\d)",
    re.IGNORECASE,
)
"""The line of a score under a heading; group 1 is a note in brackets."""
NUMBER_LINE = re.compile(
    rf"[ \t>*+•|_\"'`]{{0,20}}(?=[~≈]?{LITERAL}\s{{0,2}}(?:/\s?\d|%|out of|[^\w\n]{{0,12}}(?:\n|\Z)))", re.IGNORECASE
)
"""A line that holds nothing but a number."""
NUMBER_BEFORE = re.compile(
    rf"(?<![\w.,/+-])({LITERAL})((?:\s?%|\s?/\s?[\d.]{{1,6}}|\s+out\s+of\s+[\d.]{{1,6}})?)"
    r"\s+(?:(?:score|rating|points?|mark)\s+)?(for|in|on|to|in\s+terms\s+of|regarding)\s+(?:the\s+|its\s+|overall\s+|this\s+)?"
    r"[\"'“‘*_`(]{0,3}\Z",
    re.IGNORECASE,
)
"""A number and a preposition right before a name. Groups: literal, unit, preposition."""
BAD_BEFORE_NUMBER = re.compile(
    r"(?:\d\s{0,3}%?\s{0,3}(?:to|and|or|through)?|[-–—~/<>≤≥×*]|\b(?:to|between|from|by|than|over|above|below|under|least"
    r"|most|not|minus|plus|up|adds?|added|within|beyond|weight(?:ing)?(?:\s+of)?|confidence(?:\s+of)?"
    r"|difference(?:\s+of)?))\s{0,4}(?:an?\s+)?\Z",
    re.IGNORECASE,
)
"""What right before a number shows that it is a range end, a difference or a weight."""
GIVEN = re.compile(r"\b(?:give|gave|giving|given|assign\w*|award\w*)\b", re.IGNORECASE)
"""Verbs with which a number goes `to` a name."""
SENTENCE_END = re.compile(r"[.!?](?=\s)|\n")
"""Where a sentence ends."""
NUMERIC = re.compile(r"[^\w\n(\[]{0,12}\d")
"""A number, whatever it is worth, as the next thing."""
DECIMAL = re.compile(r"\d[.,]\d|\d\s?%|\d\s?/\s?\d")
"""A number that could be a score."""

"""The words around a score in prose: which make a statement, and which show that there is none.

All patterns are bounded, so that each is linear in its input.
"""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.scales import LITERAL, RANGE

QUOTES = "\"'“”‘’`*_ \t"
ANNOTATED = re.compile(
    rf"[{QUOTES}]{{0,6}}(?:\(([^()\n]{{0,120}})\)|\[([^\[\]\n]{{0,40}})\]"
    r"|/\s?[^\x00-\x7f\W]{2,12}(?=[\s*_]{0,4}:)|((?:/|out\s+of)\s?(?:\d{1,4}|five|ten|twenty|(?:a\s+)?hundred)"
    r"|(?:(?:in|as)\s+(?:a\s+)?)?(?:%|percent(?:age)?))"
    rf"(?=[{QUOTES}]{{0,6}}(?:[:=|–—-]|is\b)))?[{QUOTES}]{{0,6}}",
    re.IGNORECASE,
)
"""What may stand between a name and its separator: closing quotes, and a note in brackets (groups 1 and 2) or a scale
without them (group 3)."""
SEPARATOR = re.compile(
    r"(?:=>|->|:=|→|⇒|➜|:|=(?!=)|–|—|-(?=[\s])|[,;](?=\s?[\d.]{1,12}[ \t]{0,8}(?:\n|\Z))|\.{3,}|…|\t)"
    rf"[{QUOTES}]{{0,8}}"
)
"""What separates a label from its value."""
NEGATED = re.compile(r"[!~¬≠±?]\Z")
"""A sign right before a name that takes it back."""
EXAMPLE = re.compile(r"\be\.\s?g\.?[\s,:(]{0,4}\Z", re.IGNORECASE)
"""`e.g.` right before a name."""
NO_VALUE = re.compile(r"[ \t]{1,4}(?:[*×·^/+÷][ \t]{1,4}[\d.]|\d{1,2}[ \t]{0,2}[:)])")
"""What right after a name makes its number a factor or an index: `quality * 0.3`, `quality 1: clear`."""
OWN_SCALE = re.compile(
    r"\b(?:given|on|using|with|within)\s+(?:an?|the|my)\s+0(?:\.0+)?\s?(?:-|–|to)\s?1(?:\.0+)?[\s-](?:scale"
    r"|range)\b",
    re.IGNORECASE,
)
"""The fields' own scale in the words before a name."""
NEXT_LABEL = re.compile(r"[ \t][A-Za-z][^\n.,;:=\d]{2,60}[:=][ \t*_]{0,4}[~≈]?[.,]?\d")
"""The next field's label behind a number on the same line: `0.8 Content Enjoyment: 0.7`."""
MEANS = re.compile(
    r"\W{0,4}(?:is|are|was|were|would|means?|meant|denotes?|stands?\s+for|signif(?:y|ies)|corresponds?"
    r"|counts?\s+as)\b",
    re.IGNORECASE,
)
"""A name's number before it is only explained."""
BETWEEN_NAMES = re.compile(r"[ \t]{0,4}[-–+*/×÷][ \t]{0,4}")
"""What makes two names one expression."""
LISTED = re.compile(r"[ \t\d.,;:/%()=*_–—-]{1,40}(?:and\s+)?(?:(?:an?|the)\s+)?")
"""What stands between the names of one enumeration: what leads up to the first of them holds for all."""
SCALE_BEFORE = re.compile(
    rf"\b(?:on|using)\s+(?:an?|the|my)\s+(?:(?:rating|score)\s+)?scale\s+(?:of|from)\s+({RANGE.pattern})[\s,:]{{0,3}}"
    r"|(?<!\d\s)(?<!\d)\bout\s+of\s+(\d{1,4}|five|ten|twenty|(?:a\s+)?hundred)\s?[,:]\s?",
    re.IGNORECASE,
)
"""The scale that the sentence of a name states before it. Group 1: a range; 4: a top."""
CORRECTION = re.compile(
    r"(?:\A|[\n.!(;,–—])[\s\W_]{0,6}(?:correct(?:ion|ed|ing)|actually|wait|sorry|scratch\s+that|i\s+mean"
    r"|i\s+meant|make\s+that|on\s+(?:second\s+"
    r"thought|reflection)|edit(?:ed)?|updated?|revised?|revision|rather|oops|no|hmm+|let\s+me(?!\s+know)|instead"
    r"|should\s+(?:be|read|say)|changed?"
    r"|amend\w*|errat\w+|better|strike|typo|maybe|perhaps|adjusted|new\s+(?:score|value|rating)|that\s+(?:should"
    r"|was)|after\s+an?\w*\s+\w+)\b"
    r"[^\n\d]{0,60}[^\w\n:-](?:[01]?[.,]\d|\d{1,3}(?:[.,]\d{1,2})?\s?%|\d{1,3}(?:[.,]\d{1,2})?\s?(?:/\s?(?!(?:4"
    r"|8|16)\b)\d|out\s+of\b)"
    r"|\d{1,3}(?:[.,]\d{1,2})?(?=[\s.!)*_]{0,8}(?:\n|\Z)|[ \t]+(?:out|percent|for|in"
    r"|instead)\b))(?![\d.,]*[ \t]+(?!out\b|percent\b|for\b|in\b|instead\b)[a-z]{3,})|\b(?:chang|adjust"
    r"|rais|lower|bump|updat|revis|mov|drop)\w*\s+(?:it|this|that|the\s+score)\s+(?:up\s+|down\s+)?to\s+\.?\d"
    r"|\n[ \t]{0,8}[^\w\n]{0,4}[ \t]{0,4}[01]?[.,]\d+[ \t*_.]{0,6}(?:\n|\Z)",
    re.IGNORECASE,
)
"""A later word that puts another number in a score's place."""
RESTATED = re.compile(
    r"[.!?][ \t\"'*_)]{1,8}([^\n\d.!?]{0,60}?)(?<![\w.,])((?:[01]?[.,]\d{1,4}))[\s\"'*_.!)]{0,8}(?:\Z|\n)"
)
"""A sentence behind a score, on its line, that ends in another number: `0.45. Final: 0.2`. Groups: words, number."""
FINAL_LINE = re.compile(r"\n[\s\W_]{0,8}final\b[^\n\d]{0,24}[^\w\n]\.?\d", re.IGNORECASE)
"""A line with a final number, which is that of the only field that was named before it."""
UNRATED = re.compile(r"\b(?:n/?a|tbd|tba|unknown|none|null|unrated|missing|unclear|undetermined)\b", re.IGNORECASE)
"""Words that say that there is no score."""
LEAD_MARKS = re.compile(r"[\W_]*(?:\d{1,2}[.):]|\(?[a-zA-Z][.)]|\[[xX]\])?[\W_]*")
"""What may stand before a label that begins a line: list marks, numbering, emphasis."""
LEAD_WORDS = re.compile(
    r"[\W_]*(?:(?:the|my|final|your|its|updated|revised)\s+){0,2}(?:(?:score|rating)\s+(?:for"
    r"|of)\s+(?:the\s+)?)?[\W_]*",
    re.IGNORECASE,
)
"""The same with words such as `the score for`."""
BEFORE_NAME = frozenset(
    """the its it this that track's song's piece's recording's his her  my your our a an for on in of to at as
    and or but with while give gives gave given giving get gets got getting has have had having earn earns
    earned earning receive receives received deserve deserves show shows achieve achieves reach reaches boast
    boasts offer offers rate rates rated rating ratings score scores scored scoring assign assigns assigned
    assigning award awards awarded awarding is are am was would be judge judged puts put places place comes i'd
    i'll i've i we we'd think find believe feel deem say call estimate estimated set overall final terms
    regarding concerning both also finally then so here now for me us track song piece recording music
    composition audio sounds resulting results leading leads makes making reflecting reflects suggesting
    honestly personally ultimately objectively technically thus hence therefore accordingly similarly likewise
    lastly  firstly  secondly  thirdly    comes about high solid strong  great
    excellent decent impressive respectable moderate low poor weak fair very quite rather fairly really pretty
    slightly somewhat only just mere full clear overall's""".split()  # noqa: SIM905
)
"""The words of a clause that leads up to a field's name and says nothing else; any other may make it another thing."""
CLAUSE_BEFORE = re.compile(
    r"[,;|•–—(]|:(?!\d)|\s-\s|\b(?:so|but|while|whereas|though|although|thus|hence|therefore|yet)\b"
    r"|(?<=\s)and\b(?=\W)",
    re.IGNORECASE,
)
"""Where a clause begins in the words before a name; at `and` only if what precedes it has a verb."""
VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|sounds?|feels?|gets?|got|earns?|scores?|makes?|gives?|g[ai]ve|rates?"
    r"|shows?|comes?|\w+s\s+(?:the|a|an|its))\b",
    re.IGNORECASE,
)
TURNS = re.compile(r",\s{1,4}(?:i|i'd|my|it|it's|this|the)\b", re.IGNORECASE)
"""What begins a clause of its own between a name and its number."""
TOPIC = re.compile(
    r"\W*(?:(?:and|but|now|so|also|finally|lastly|then)\W{1,3})?(?:as\s+for|for|regarding|concerning"
    r"|in\s+terms\s+of|when\s+it\s+comes\s+to"
    r"|on|about|with\s+regards?\s+to|in)\s+(?:(?:the|its|this\s+\w+'s)\s+)?\W*",
    re.IGNORECASE,
)
"""What makes a name a topic of which the clause behind the comma speaks: `As for production quality, it's a 0.8`."""
THEN_GIVEN = re.compile(
    r"\s{0,4}is\s+[a-z\s,-]{2,60}\.\s+I(?:'d|\s+would|'ll)?\s+(?:give|rate|score)\s+it\s+(?:an?\s+"
    r"|at\s+)?(?=[01]?[.,]\d)",
    re.IGNORECASE,
)
"""A verdict on a name, and a sentence that gives it a number: ` is excellent. I'd give it a 0.8`."""
AT_ONCE = re.compile(
    r",\s{1,3}(?:an?\s+(?:(?:solid|strong|high|good)\s+)?)?(?=[01]?[.,]\d|\d{1,3}(?:\.\d{1,2})?\s?(?:%|/|out\s+of))",
    re.IGNORECASE,
)
"""Between a topic and its number: `As for production quality, 0.8 seems fair`."""
PLACED = re.compile(
    r"\W*(?:(?:on|in|during|at|for|over|by|within|throughout|until|after|before)\s+)?(?:[\w'’-]+\s+){0,3}?"
    r"(?:vocals?|drums?|bass|guitars?|synths?|strings|brass|percussion|intro|outro|verses?|chorus(?:es)?|bridge|hook"
    r"|solo|drop|breakdown|(?:song|track|clip|version|piece)\s+\w{1,3}|demo|remix|first\s+half|second\s+half"
    r"|beginning|ending|\d{1,2}:\d\d(?:\s+\w+)?)\W*",
    re.IGNORECASE,
)
"""A clause that places what follows in a part of the song."""
STRONG = re.compile(
    r"(?<![A-Za-z_])(?:weigh(?:t|ts|ted|ting|tings|s|ed)?|confiden(?:t|ce|ces)|certainty|examples?|e\.g|template"
    r"|thresholds?|minimum|maximum|"
    r"hypothetical\w*|uncertainty|percentile|ranks?|ranked|(?<!above\s)(?<!below\s)(?<!about\s)average|typical"
    r"|typically|benchmark|baseline"
    r"|previous\w*|doubt\w*"
    r"|false|claim(?:s|ed)?|nobody|no\s+one|who|whether|disagree|deny|unlikely|wish|hope|imagine|suppose|assum\w+"
    r"|at\s+first,?\s+i\s+\w+|some\s+(?:people\s+)?(?:would|might|may|could)?\s?(?:say|rate|give|put|call)"
    r"|one\s+(?:might|could)|wanted|almost|nearly|refuse\w*|cut-?off|improvements?|bonus|penalt\w+|deduct\w*"
    r"|reduction|loss|you\s+would"
    r"|(?:was|were|am)\s+going\s+to|to\s+(?:get|reach|achieve|attain|have|hit|earn))\b",
    re.IGNORECASE,
)
"""Words that make every number of their sentence something else than a score of this song."""
WEAK = re.compile(
    r"\b(?:not|never|cannot|can't|couldn't|wouldn't|won't|don't|doesn't|isn't|if|unless|than|instead|rather"
    r"|without|earlier|"
    r"initially|originally|could|might|may|should|scale|range|ranges|from|between|by|increase[sd]?|decrease[sd]?|"
    r"reduce[sd]?|no|hardly|barely|would\s+(?:have|get|be|need)|add(?:s|ed)?|drop(?:s|ped)?|difference|versus|vs)\b",
    re.IGNORECASE,
)
"""Words that, close before a name, make its number no plain statement."""
CONNECTOR = re.compile(
    r"[\"'“”‘’`*_)\]]{0,4}(?:,\s(?=i\b|i'|my\b|it\b|so\s|at\s|this\b|the\s+(?:song|track)))?(?:\s{0,4}(?:(?:is"
    r"|was|at|as"
    r"|of|a|an|the|to|be|about|around|etwa|environ|aproximadamente|cerca\s+de|circa|ca\.?|approximately|roughly"
    r"|circa|gets?|got|"
    r"earns?|earned|earning|receives?|received|receiving|deserves?|deserved|deserving|getting|scores?|scored"
    r"|scoring|rates?|rated|rating|score|value|"
    r"i'd|i|would(?=\s+(?:say|give|rate|put|score|call|go))|go\s+with|reaches|hits|achieves|say|give|rate|put|it"
    r"|this|(?:(?:of|for)\s+)?(?:the|this)\s+(?:song|track|piece)|it's|comes\s+(?:in|out|to)|stands\s+out|stands"
    r"|sits|lands|solid|strong|high|very|quite|good|great|excellent|decent|"
    r"respectable|impressive|moderate|low|modest|fair|weak|poor|mediocre|middling|mid|clean|generous|near-perfect|"
    r"perfect|outstanding|healthy|full|lower|higher|set|assigned|awarded|given|estimated|judged|evaluated|only"
    r"|just|so(?=\s+(?:it|i)\b)|"
    r"exactly|overall|also|therefore|thus|currently|me|my)(?![a-z])|=|:|[-–—](?=\s))[,:]?){0,9}\s{0,4}(?<![A-Za-z])"
    r"(?=[~≈(\[\"'“*_]{0,3}[+-]?[.,]?\d)",
    re.IGNORECASE,
)
"""What may stand between a name and its number in a sentence."""
PREDICATE = re.compile(
    r"[\s*_\"'`]{0,6}(?:[-–—|](?=\s)|(?:is(?!\s+(?:down|up|off|important|weighted|worth|lacking)\b)|are|sounds?"
    r"|feels?|seems?|remains?|appears?|comes\s+across|stands\s+out"
    r"|here\s+is|deserves?|earns?|gets?)\b(?!\s+(?:in|on|at|from|by|than|for|of)\b))",
    re.IGNORECASE,
)
"""What begins a sentence about a name, so that a number in brackets at its end is the name's: ` is clean (0.8)`."""
IN_BRACKETS = re.compile(
    rf"[(\[]\s{{0,2}}(?:score[:\s]{{1,3}}|rating[:\s]{{1,3}})(?={LITERAL}[^()\[\]\n]{{0,16}}[)\]])"
    r"|\(\s{0,2}(?=(?:0?[.,]\d{1,4}|[01][.,]\d{1,4}|[2-9]\.\d)\s{0,2}(?:/|out\s+of|\))"
    r"|\d{1,3}(?:[.,]\d{1,2})?\s{0,2}(?:/|out\s+of)\s{0,2}(?:1|5|10|20|100)(?:[.,]0+)?\s{0,2}\))"
    r"|(?:(?<=good)|(?<=high)|(?<=poor)|(?<=weak)|(?<=fair)|(?<=okay)|(?<=great)|(?<=solid)|(?<=clean)|(?<=clear)"
    r"|(?<=excellent))\s?\(\s{0,2}(?=\d{1,3}(?:[.,]\d)?\s?%\s?\))",
    re.IGNORECASE,
)
"""A number alone in brackets that may be a score: no time signature, no note, no share of something."""
SCORE_WORD = re.compile(
    r"\b(?:score|rating|rated|scored)(?:\s+(?:is|of|at|it))?[\s*_:=–—-]{1,6}(?:a\s+)?(?=[~≈]?[+-]?[.,]?\d)",
    re.IGNORECASE,
)
"""`score` and the like, right before a number."""
SCORE_LINE = re.compile(
    r"[ \t>*+\-•–—|_\"'`#]*(?:(?:final|my|the|your)\s)?(?:(?:score|rating|value|rate|grade|puntuaci[óo]n|puntaje"
    r"|nota|note|bewertung|wertung|pontua[çc][ãa]o|punteggio|voto)\b|评分|評分|得分|分数|スコア|点数|評価)[\s*_\"'`]{0,6}"
    r"(?:\(([^()\n]{0,40})\))?[\s*_\"'`]{0,6}(?:[:=]|is\b|of\b|-|–|—)?[ \t*_\"'`]{0,6}(?=[~≈+-]?[.,]?\d)",
    re.IGNORECASE,
)
"""The line of a score under a heading; group 1 is a note in brackets."""
SCORE_AT_END = re.compile(
    rf"([^\n\d]{{4,300}}[.!)][\s*_]{{1,4}})(?:Score|Rating)[ \t*_]{{0,4}}[:=][ \t*_]{{0,4}}"
    rf"({LITERAL}(?:\s?%|\s?(?:/|out\s+of)\s?{LITERAL})?)[ \t*_.]{{0,6}}\n",
    re.IGNORECASE,
)
"""A line of words under a heading that ends in its score: `The mix is clean. Score: 0.8`. Groups: words, score."""
SCALE_LINE = re.compile(
    r"^[ \t>*+\-•|_\"'`#]*(?:max(?:imum)?|min(?:imum)?|out[ _]of|scale|range|best|worst|total|units?|denominator|of)"
    r"[ \t*_\"'`]{0,6}[:=]"
    r"(?![ \t*_\"'`]{0,6}(?:[01](?:\.0+)?|[\[(]?0(?:\.0+)?\s?(?:-|–|to|,)\s?1(?:\.0+)?[\])]?)[ \t*_\"'`]{0,6}$)",
    re.IGNORECASE | re.MULTILINE,
)
"""A line beside a score line that names another scale: `max: 10`."""
KEYED_LINE = re.compile(r"[ \t]+[-*]?[ \t]{0,4}[\"']?[A-Za-z][\w ]{0,24}[\"']?:[ \t]+\S")
"""An indented line with a key of its own: `  reason: clean`."""
NUMBER_LINE = re.compile(
    rf"(?:[ \t*•|_\"'`]|\+(?![-–—])|>(?=[ \t])){{0,20}}(?:-[ \t]{{1,3}})?"
    rf"(?=[~≈]?{LITERAL}\s{{0,2}}(?:/\s?\d|%|out of|[^\w\n]{{0,12}}(?:\n|\Z))"
    r"|(?:0?[.,]\d{1,4}|1[.,]0{1,3})(?:[ \t*_]{1,3}[-–—(]|[*_]{0,2}[,;.:](?=[ \t]))[ \t]{0,2}[^\W\d_])",
    re.IGNORECASE,
)
"""A line that holds nothing but a number, or a decimal and, behind a mark, a remark."""
NUMBER_BEFORE = re.compile(
    rf"(?<![\w.,/+-])({LITERAL})((?:\s?%|\s?/\s?[\d.]{{1,6}}|\s+out\s+of\s+[\d.]{{1,6}})?)"
    r"\s+(?:(?:score|rating|points?|mark)\s+)?(for|in|on|to|in\s+terms\s+of|regarding)\s+(?:the\s+|its\s+"
    r"|overall\s+|this\s+)?"
    r"[\"'“‘*_`(]{0,3}\Z",
    re.IGNORECASE,
)
"""A number and a preposition right before a name. Groups: literal, unit, preposition."""
BAD_BEFORE_NUMBER = re.compile(
    r"(?:\d\s{0,3}%?\s{0,3}(?:to|and|or|through)?|[-–—~/<>≤≥×*]|\b(?:to|between|from|by|than|over|above|below"
    r"|under|least"
    r"|most|not|minus|plus|up|adds?|added|within|beyond|weight(?:ing)?(?:\s+of)?|confidence(?:\s+of)?"
    r"|difference(?:\s+of)?))\s{0,4}(?:an?\s+)?\Z",
    re.IGNORECASE,
)
"""What right before a number shows that it is a range end, a difference or a weight."""
BEFORE_NUMBER = re.compile(
    r"(?:\A|[,;:.(–—|]|\b(?:gets?|got|earns?|earned|scores?|scored|scoring|g[ai]ves?|giving|given|it|this|a|an"
    r"|solid|strong|rates?"
    r"|rated|rating|receives?|received|deserves?|at|say|assign\w*|award\w*|with|and|about|around|approximately"
    r"|roughly|put|but"
    r"|(?:this|the)\s+(?:song|track|piece)|(?:score|rating)\s+of|good|great|decent|high|low|fair|moderate"
    r"|respectable|impressive|excellent|while|me"
    r"|them|is))"
    r"[\s*_\"'“(]{0,6}\Z",
    re.IGNORECASE,
)
"""What may stand right before a number that is said `for` a name."""
GIVEN = re.compile(r"\b(?:give|gave|giving|given|assign\w*|award\w*)\b", re.IGNORECASE)
"""Verbs with which a number goes `to` a name."""
SENTENCE_END = re.compile(r"[.!?](?=\s)|(?<=[a-z])\.(?=[A-Z][a-z])|\n")
"""Where a sentence ends."""
NUMERIC = re.compile(r"[^\w\n(\[]{0,12}\d")
"""A number, whatever it is worth, as the next thing."""
DECIMAL = re.compile(r"\d[.,]\d|\d\s?%|\d\s?/\s?\d")
"""A number that could be a score."""
NOTED_SCORE = re.compile(
    rf"\s*(?:(?:score|rating)\s*[:=]?\s*{LITERAL}\s*%?|{LITERAL}\s*(?:/|out\s+of)\s*{LITERAL})\s*", re.IGNORECASE
)
"""A note that holds a score: `score 0.8`, `8/10`."""
NOTED = re.compile(rf"\s*{LITERAL}\s*(?:%|/\s*{LITERAL}|out\s+of\s+{LITERAL})?\s*")
"""A note that is nothing but a number, which may be a weight as well."""
NUMBER_NOTE = re.compile(
    rf"\s*(?:(?:score|rating)[\s:=]{{1,3}})?{LITERAL}\s*(?:%|/\s*{LITERAL}|out\s+of\s+{LITERAL})?\s*", re.IGNORECASE
)
"""Either."""
NUMBER_FIRST = re.compile(
    r"[\s#*_>•+-]{0,12}((?:0?[.,]\d{1,4}|[01][.,]\d{1,4})|\d{1,3}(?:[.,]\d{1,2})?\s?(?:%|/\s?\d{1,3}))"
    r"[\s*_]{0,4}[-–—:|=][\s*_|]{0,4}"
)
"""A score and a dash before the name on its line: `- 0.72 – content usefulness`."""
NUMBER_ABOVE = re.compile(rf"(?:\A|\n)[ \t#*_>•-]{{0,12}}{LITERAL}\s?(?:%|/\s?\d{{1,3}})?[ \t*_]{{0,8}}\n\s*\Z")
"""A number on the line above."""
LAST_WORDS = re.compile(
    rf"([^\n]{{8,300}}?(?::|[.!](?=\s)|\s[–—-]))[\s*_]{{1,4}}({LITERAL}(?:\s?%"
    rf"|\s?/\s?\d{{1,3}}(?:[.,]0)?)?)[\s*_.]{{0,6}}",
    re.IGNORECASE,
)
"""Words on a field and, as the last thing on the line, its number."""
ASPECTS = re.compile(
    r"(?:(?:sound|audio|mix(?:ing|down)?|master(?:ing)?|clarity|balance|recording|engineering|technical|fidelity"
    r"|polish|production"
    r"|quality|overall|arrangement|complexity|originality|enjoyment|usefulness|appeal|craft|depth|structure"
    r"|layering|final|my|and"
    r"|of|the)[\s,&/]{0,3}){2,8}",
    re.IGNORECASE,
)
"""A note that says what a field is about, in several words."""

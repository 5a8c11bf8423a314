"""Words that lead up to numbers which are not this song's scores: weights, confidence, other songs, hypotheses."""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.folding import without_strays
from musicflamingo_cli.scoring.unheard import FOREIGN_OTHER, FOREIGN_UNREAL

_WEIGHING = (
    r"weigh(?:t|ts|ted|ting|tings|s|ed)?|confidences?(?!\s+(?:level\s+)?(?:of\s+)?\d)|certainty"
    r"|how\s+(?:sure|certain|confident)|uncertaint(?:y|ies)|importances?|deviations?|errors?|margins?|thresholds?"
    r"|priors?|benchmarks?|baselines?|control|ground\s+truth|random|cut-?offs?|pass(?:ing)?\s+marks?"
    r"|coefficients?|deductions?"
    r"|penalt(?:y|ies)|bonus(?:es)?|differences?|multipliers?|loadings?|normali[sz]ation|inter-?rater|agreement"
    r"|likelihoods?|ranks?\s+(?:among|of|within)"
    r"|probabilit(?:y|ies)|share\s+of|room\s+for|points\s+lost|anchors?|priorit(?:y|ies)|contributions?\s+(?:of"
    r"|to)|goals?"
    r"|gewicht\w*|poids|pesos|konfidenz|confianza|confiance|веса?|def\s+\w+"
)
_SUPPOSING = (
    r"hypothe\w+|if(?!\s+(?:i\s+(?:had|have|were\s+(?:to|asked|forced|pressed)|must|may)|you|any|anything|needed"
    r"|necessary|possible)\b)"
    r"|suppose|imagine|pretend|e\.g|for\s?(?:instance|example)"
    r"|would(?!\s+(?:rate|give|say|score|assess|assign|put|be|like|describe))|worst|best\s+case|ideal(?:ly)?"
    r"|minimum|maximum|acceptable|targets?(?=\W*\Z|\s+(?:values?|scores?|ratings?))|optimistic(?:ally)?"
    r"|pessimistic(?:ally)?|potential(?:ly)?|plausible|could\s+(?:be|reach|get|score)|might\s+(?:be|reach|get"
    r"|score|say|give)|had\s+(?:the|it|there)"
    r"|beispiel|(?:par\s+)?exemple|(?:por\s+)?ejemplo|(?:per\s+)?esempio|например|пример|durchschnitt\w*|moyenne"
    r"|promedio|средн\w+"
    r"|best\s+possible|(?:low|upp)er\s+(?:bound|limit)s?|(?:low|high)\s+estimates?"
)
_EARLIER = (
    r"(?:earlier|previous|former|prior|old|initial|first|last)\s+(?:scores?|ratings?|answers?|values?|attempts?"
    r"|estimates?|results?|versions?|json)"
    r"|first\s+(?:impression|pass|draft|guess|attempt)|initial(?:ly)?|drafts?|preliminary|provisional|tentative"
    r"|scratch(?:pad|\s+work)?|placeholder|(?:sample|dummy|mock)\s+(?:output|json|answers?|responses?|scores?|values?)"
    r"|formerly|yesterday'?s?"
)
_REFUSED = (
    r"(?:an?|the|one)\s+examples?\s+(?:of\s+(?:how|what|an?\s+(?:answer|reply|response|output)|the\s+(?:format"
    r"|output|answer))|answer|output|reply|response)"
    r"|examples?\s+(?:answer|output|reply|response)s?|for\s+illustration|how\s+not\s+to|what\s+not\s+to"
    r"|(?:do\s+not|don't|never)\s+(?:answer|use|write|reply|respond|output|copy|rate|score|give|do)\b"
    r"|(?:might|could|would)\s+look(?:\s+like)?|such\s+as(?=\W*\Z)|show\s+the\s+(?:json\s+)?format|fill\s+in\s+th\w+"
    r"|structure\s+to\s+use|must\s+look|in\s+the\s+format\s+you\s+\w+|can't\s+hear\s+(?:it|this"
    r"|(?:the\s+)?(?:audio|song|track|music))|(?:points?"
    r"|marks?)\s+(?:deducted|lost|off)|deductions?"
    r"|for\s+demonstration|format\s+is\s+as\s+follows"
    r"|chatgpt|gpt-?\d\w*|allmusic|annotators?|my\s+(?:brother|sister|friend|colleague)s?|for\s+calibration"
    r"|a\s+lazy\s+\w+|the\s+prompt\s+gave"
    r"|entwurf|brouillon|borrador|черновик|discard(?:ed)?|ignore|disregard|do\s+not\s+use|invalid|wrong"
    r"|incorrect|bad\s+(?:answer|example|output|reply|response|json)|(?:an?|the)\s+bad\s+\w+|instead\s+of"
    r"|not\s+th(?:is|ese)|not\s+(?:my|the|an?)\s+(?:\w+\s+)?(?:answers?|ratings?|scores?|evaluation|results?)"
    r"|you\s+(?:gave|sent|wrote|asked\s+me\s+to\s+fill)|format\s+you\s+asked\s+\w+|before\s+(?:(?:the|my"
    r"|a)\s+)?(?:\w+\s+)?(?:re-?)?listen\w*"
    r"|use\s+it\s+like|(?:the\s+|required\s+)(?:json\s+)?format\s+(?:i|that|was|is|you)\b|required\s+json"
    r"|(?:output|answer|response|reply|json|object|result)\s+(?:should|must|has\s+to|needs?\s+to|shall|ought\s+to)"
    r"|(?:must|should|have\s+to|need\s+to)\s+(?:answer|reply|respond|write|return|output)\b"
    r"|how\s+(?:much|important|heavily|strongly)\s+(?:each|every|they|these|the)|version\s+(?:would|might|could)"
    r"|almost\s+(?:wrote|gave|said|put)|distances?\s+(?:to|from)|correlations?\b"
    r"|definitions?|rubrics?|legend|how\s+it\s+works|key\s+to"
)
_NEVER = re.compile(rf"\b(?:{_WEIGHING}|{_SUPPOSING}|{_EARLIER}|{_REFUSED})\b", re.IGNORECASE)
"""Whatever else is said, what follows these is no score of the song as it is."""
_PART = re.compile(
    r"\b(?:for|of|in|on|about|give|rate)\s+(?:(?:just|only)\s+)?(?:the|its)\s+(?:(?:first|second|last|lead"
    r"|backing)\s+)?(?:intro|outro|verses?|chorus(?:es)?|bridge"
    r"|hook|solo|drop|vocals?|drums?|bass|guitars?|half|instrumental|lyrics|beginning|ending|radio\s+edit|remix"
    r"|extended\s+mix|live\s+(?:version|take)|acoustic\s+version|demo(?:\s+version)?)(?:\s+(?:only|alone"
    r"|part|section))?\W*\Z",
    re.IGNORECASE,
)
"""What leads up to the scores of a part of the song."""
_FOREIGN = re.compile(
    "例如|例[:：]?\\s*\\Z|权重|權重|重み|置信度|信頼度|平均|草稿|下書き|人声|ボーカル|参考|如果|vergleich\\w*|comparaison|comparaci[oó]n|compara[çc][ãa]o|confronto"
    "|wäre\\s+(?:der|die|das)|(?:con|com|avec|mit)\\s+(?:una?|une|uma|einem|einer)\\s+\\w+\\s+(?:mejor|melhor|meilleure?|besse\\w+)"
    f"|(?:media|moyenne|promedio|média)\\s+(?:del?|du|do)\\b|{FOREIGN_UNREAL}|{FOREIGN_OTHER}",
    re.IGNORECASE,
)
"""The same in other languages."""
_TITLE = re.compile(
    r"\W*(?:(?:(?:here(?:'s|\s+is)|this\s+is|below\s+is"
    r"|the\s+following\s+is)\s+)?(?:the\s+)?(?:expected\s+)?(?:output\s+|json\s+)?(?:format|schema|structure)(?:\s+is)?"
    r"|(?:my\s+)?(?:thinking|reasoning)|user|system|prompt|input|questions?|instructions?|labels?|fields|caps"
    r"|(?:scor\w+\s+)?guid(?:e|elines?)|(?:run|attempt|pass|try)\s+\d{1,3}(?:\s?\([^()]{0,24}\))?"
    r"|(?:(?:in|for|on|only)\s+)?(?:the\s+)?(?:(?:first|second|left|right)\s+)?(?:intro|outro|verses?|chorus(?:es)?"
    r"|bridge|half|drop|breakdown|(?:guitar|drum|piano|sax\w*)\s+solo|solo"
    r"|channel|\d{1,2}:\d\d(?:\s?[-–]\s?\d{1,2}:\d\d)?|(?:next|other|another)\s+(?:song|track)"
    r"|(?:song|track|clip|option|candidate)\s+a|vocals?|instrumental|drums?|bass|guitars?)(?:\s+(?:only|alone|\d))?"
    r"(?:\W{0,3}\(?\d{1,2}:\d\d[\d:\s–—-]{0,16}\)?)?"
    r"|(?:before|after|without)\s+(?:\w+ing|vocals?|drums?|bass))\W*",
    re.IGNORECASE,
)
"""Titles that, alone, head something else: a format, an input, a part of the song."""
_OTHER_SONGS = re.compile(
    r"\b(?:typical(?:ly)?|usual(?:ly)?|averages?|averaged|mean|median|norms?|others?(?!\s+words)|another(?!\s+way)"
    r"|similar|template|previous(?:ly)?|earlier|old(?!-|\s+school)|last(?!\s+but)|references?|most\s+\w+s|comparison"
    r"|contrast|genre'?s?\s+\w+|(?<!scores\s)(?<!ratings\s)would\s+be|remix|remaster(?:ed)?|demo|original|(?:the"
    r"|an?)\s+cover|cover\s+version|live\s+version"
    r"|(?:segment|section|part|chunk|window|movement)\s+(?:\d+|[a-d]\b|one|two|three)|(?:song|track|version"
    r"|candidate|option|clip)\s+(?:[b-e2-9]|two|three|ii|iii)"
    r"|(?:critics?|listeners|reviewers?|fans|humans?|people|they|he|she|spotify|pitchfork|wikipedia|audience"
    r"|friends?)\s+"
    r"(?:(?:would|might|may|could|will|usually)\s+)?(?:g[ai]ves?|says?|said|rate[sd]?|scored?|scores|ratings?"
    r"|claims?|think|thought|consensus)"
    r"|(?:an?|any|every)\s+(?:\w+\s+){0,2}(?:song|track|recording|album)\s+(?:gets?|has|have|scores?|earns?"
    r"|receives?))\b",
    re.IGNORECASE,
)
"""What follows these belongs to something else, unless the same words speak of this song or of the final answer."""
_OWN = re.compile(
    r"\b(?:my|final|answer|actual|result|requested|updated|revised|corrected|filled|completed"
    r"|this\s+(?:[\w-]+\s+)?(?:song|track|piece|music|one|audio|recording|remix|remaster|cover|demo|version|mix"
    r"|live\s+\w+"
    r"|bonus\s+track|song\w*)(?:'s)?|i\s+(?:would\s+)?(?:rate|give|score|assign"
    r"|assess))\b",
    re.IGNORECASE,
)
_COMPARES = re.compile(
    r"\b(?:for|by|in|as\s+a)\s+(?:comparison|contrast|reference)\b|\bfor\s+(?:example|instance)\b", re.IGNORECASE
)
_TITLES = re.compile(r"[\"“”][^\"“”\n]{1,60}[\"“”]|(?<!\w)['‘][^'‘’\n]{1,60}['’](?!\w)")
"""The name of a song may hold any word."""
_LEGEND = re.compile(
    r"\((?:the\s+)?(?:worst|best|lowest|highest|poor|bad|terrible|excellent|perfect|min\w*|max\w*)\b[^()\n]{0,24}\)"
    r"|\b[01](?:\.0+)?\s*(?:is|being|means|=|as)?\s*(?:the\s+)?(?:very\s+|absolute\s+)?(?:worst|best|lowest"
    r"|highest|minimum|maximum)\b",
    re.IGNORECASE,
)
"""What the ends of the scale mean."""
_CLAUSE = re.compile(r"[,;!?}\]]\s|\.\s|\s[–—-]\s")

_CONDITION = re.compile(
    r"\W*(?:if(?!\s+(?:i\s+(?:had|have|were\s+(?:to|asked|forced|pressed)|must|may)|you|any|anything|needed"
    r"|necessary|possible)\b)|had\s+(?:it"
    r"|the)|were\s+it|with\s+(?:an?\s+)?(?:better|cleaner|proper|good)"
    r"|after\s+(?:re)?mast\w+|after\s+(?:re)?mix\w+|once\s+(?:re)?mi?xed)\b",
    re.IGNORECASE,
)
"""Words at the beginning of a lead that make all of it depend on something."""

OWN_TITLE = re.compile(
    r"\b(?:finale?|answer|my|definitiv\w*|endgültig\w*|revised|correct(?:ed|ing)?|fix(?:ed|ing)?|redo|updated"
    r"|second\s+(?:pass|listen\w*"
    r"|attempt|try)|after\s+(?:listening|hearing|another|a\s+second|all))\b|最终|最後",
    re.IGNORECASE,
)
"""What makes a title that of the answer."""
_OPEN_END = re.compile(
    r"\b(?:has|have|gets?|got|is|are|was|were|g[ai]ves?(?:\s+it)?|says?|said|scores?|scored|received?s?|such\s+as)\Z",
    re.IGNORECASE,
)


def ends_open(line: str) -> bool:
    """Whether a line leads up to what stands below it though it ends without a colon: `the remix has`."""
    return _OPEN_END.search(line[-40:].rstrip()) is not None


_ANNOUNCES = re.compile(
    r"\W*(?:(?:here|below|following|next|these|this)\s+(?:is|are|come|follows?)\b|the\s+following\s+(?:is|are)\b"
    r"|let\s+me\b"
    r"|(?:[\w',’-]+\s+){1,14}(?:these|the\s+following|such)\s+(?:(?:scores|ratings|values|numbers|figures)\b)?\W*\Z)",
    re.IGNORECASE,
)


def announces_other(line: str) -> bool:
    """Whether a sentence announces numbers that are no scores of this song: `Here are the weights I used.`"""
    line = line.strip(" \t*_#>")
    if not 8 < len(line) < 160 or line[-1] not in ".!" or ":" in line:
        return False
    return _ANNOUNCES.match(line) is not None and _leads_elsewhere(line.rstrip(".! "))


def speaks_of_others(words: str) -> bool:
    """Whether words speak of other songs or of what others say."""
    words = _TITLES.sub(" ", words[-240:])
    return _OTHER_SONGS.search(words) is not None or _COMPARES.search(words) is not None


def is_other_lead(words: str) -> bool:
    """Whether words that lead up to numbers say that these are not the scores of the song that was heard."""
    words = words[-240:]
    mended = without_strays(words)
    return _leads_elsewhere(words) or (
        mended != words and _NEVER.search(mended) is not None and _leads_elsewhere(mended)
    )


def _leads_elsewhere(words: str) -> bool:
    words = _LEGEND.sub(" ", _TITLES.sub(" ", words))
    if words.rstrip().endswith((".", "!")):
        return _NEVER.search(_CLAUSE.split(words.rstrip(" .!"))[-1]) is not None
    clause = _CLAUSE.split(words.rstrip(" :=\t*_#\"'`"))[-1]
    if (
        _NEVER.search(clause)
        or _FOREIGN.search(clause)
        or _PART.search(clause)
        or _TITLE.fullmatch(clause)
        or _CONDITION.match(words)
    ):
        return True
    if _OWN.search(clause):
        return False
    return _OTHER_SONGS.search(clause) is not None or _COMPARES.search(words) is not None

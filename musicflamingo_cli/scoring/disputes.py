"""Words with which a reply takes scores back: all of them (`these are placeholder values`), or those of one field
(`I'd lower production quality to 0.6`). What was taken back is null: which number then holds is for nobody to guess."""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.other_leads import speaks_of_others
from musicflamingo_cli.scoring.phrases import DECIMAL, SENTENCE_END
from musicflamingo_cli.scoring.unheard import is_unheard

_NUMBERS = (
    r"(?:scores?|ratings?|numbers?|values?|figures?|grades?|results?|evaluations?|assessments?|answers?|json|output)"
)
_THESE = (
    rf"(?:(?:these|those|they|the\s+above|all\s+of\s+(?:these|them))(?:\s+{_NUMBERS})?|(?:the|all|my"
    rf"|above)\s+(?:\w+\s+)?{_NUMBERS})"
    r"(?:\s+(?:above|below|here|given|listed|i\s+gave|in\s+the\s+json|in\s+this\s+\w+))?"
)
_UNREAL = (
    r"(?:made[\s-]?up|invented|fabricated|placeholders?|fictional|fictitious|dummy|mock|hypothetical|not\s+real"
    r"|random(?:ly\s+\w+)?"
    r"|arbitrary|simulated|illustrative|(?:just|only|merely|purely|simply)?\s?(?:an?\s+)?(?:examples?"
    r"|illustrations?)(?=\W|$)"
    r"|(?:for|as)\s+(?:an?\s+)?(?:illustrat\w+|demonstrat\w+|examples?|illustrative\s+purposes)"
    r"|example\s+(?:values|scores|numbers)"
    r"|(?:the\s+)?weights|(?:the\s+)?(?:genre|overall|general|catalogue|catalog|dataset)\s+averages?|averages"
    r"|guesse[sd]|guesswork)"
)
_ALL = re.compile(
    rf"\b{_THESE}[\s,]{{1,3}}(?:are|were|is|was|only\s+serve|serve|should\s+be\s+(?:treated|seen"
    rf"|taken)\s+as)\b\W{{1,3}}"
    rf"(?:(?:only|just|merely|purely|all|simply|completely|entirely|rather|the|a|an|therefore|thus"
    rf"|still)\s+){{0,3}}{_UNREAL}\b"
    rf"(?!\s+of\s+(?:its|this|how|what)\b)"
    rf"|\b(?:are|were|was)\s+(?:the\s+)?{_NUMBERS}\s+(?:of|for|from)\s+(?:the\s+previous|another|a\s+different"
    rf"|the\s+other|the\s+last)\s+(?:song|track)"
    rf"|\bthe(?:se|y)\s+{_NUMBERS}?\s?(?:are|were)\s+(?:of|for|from)\s+(?:the\s+previous|another"
    rf"|a\s+different)\s+(?:song|track)"
    r"|\bwithout\s+(?:listening|hearing|access)\b|\bnot\s+reflect\s+(?:the\s+)?(?:actual|real)\b"
    r"|\bto\s+(?:demonstrate|show|illustrate)\s+the\s+(?:format|structure|schema)\b"
    r"|\btreat\s+(?:the\s+above|this|these)\s+as\b|\bcopied\s+from\s+the\s+(?:instructions|prompt|example)\b"
    r"|\breplace\s+the\s+(?:numbers|values|scores)\b"
    r"|\bthat\s+was\s+the\s+wrong\s+(?:song|track)\b|\b(?:subtract|add|deduct)\s+[\d.]+\s+(?:from|to)\s+(?:every"
    r"|each|all)\b"
    r"|\bnot\s+based\s+on\s+(?:the|any)\s+audio\b|\bonly\s+show\s+the\s+format\b|\b(?:for"
    r"|of)\s+a\s+different\s+(?:song|track)\b"
    r"|\bbelong\s+to\s+another\s+(?:song|track)\b|\bset\s+to\s+default\b|\bvalues\s+at\s+random\b"
    r"|\bjust\s+an\s+example\s+(?:response|answer|output)\b"
    r"|\breplace\s+these\s+(?:values|numbers|scores)\b|\bgive\s+real\s+(?:scores|ratings)\b"
    r"|\bmixed\s+up\b[^.\n]{0,40}\bscores?\b"
    r"|\b(?:lower|raise|increase|reduce|decrease)\s+(?:each|every|all)\b|\b(?:all"
    r"|each\s+of\s+the)\s+scores?\s+(?:above\s+)?should\s+be\b"
    r"|\bmade\s+(?:them|these|those|the\s+(?:numbers|scores|values)|it\s+all)\s+up\b"
    r"|\bso\s+these\s+\w+\s+are\s+made\s+up",
    re.IGNORECASE,
)
_ABOVE = re.compile(
    r"\b(?:ignore|disregard|discard|forget|do\s+not\s+use|don't\s+(?:use|trust))\s+(?:(?:all|of|please)\s+){0,2}"
    rf"(?:the|these|those|my|all|that|this|them)\b(?:[\s\w]{{0,16}}{_NUMBERS}|[\s\w]{{0,12}}\babove\b|\s+json)"
    r"|\babove\b[^.\n]{0,24}\b(?:typo|mistake|error)\b|\b(?:typo|mistake|error)\b[^.\n]{0,24}\bshould\s+(?:be|read)\b",
    re.IGNORECASE,
)
"""What takes back the scores before it."""
_TELLS_WEIGHTS = re.compile(
    r"\b(?:these|those|the\s+(?:numbers|values|figures|percentages)(?:\s+above)?)\s+(?:are|were)\s+(?:(?:only"
    r"|just|all)\s+)?(?:the\s+|my\s+)?weight",
    re.IGNORECASE,
)
_FOREIGN_REVISION = (
    r"pens[áa]ndolo\s+bien|despu[ée]s\s+de\s+pensarlo|corrijo|correg\w+|errat\w+|[àa]\s+la\s+r[ée]flexion"
    r"|apr[èe]s\s+r[ée]flexion|je\s+corrige|bei\s+näherer\s+betrachtung|pensando\s+bem|corrigindo|ripensandoci"
    r"|correggo"
)
_FAIRER = re.compile(
    r"\bwould\s+be\s+(?:fairer|better|closer|more\s+(?:accurate|apt|fitting|honest|appropriate))\b", re.IGNORECASE
)
_CHANGED = re.compile(
    r"\b(?:lower|rais|chang|adjust|revis|correct|updat|replac|bump|drop|reduc|increas|downgrad|upgrad|reconsider"
    r"|re-?rat|re-?scor|misread"
    r"|amend|modif|mov|knock|nudg|fix|hindsight|nearer|swap|korrigier|corrig)\w*|\A\W*(?:no,|make\s"
    r"|let's\s+say\b)|->|\b(?:should|ought|must\s+be|meant"
    r"|make\s+that|actually|instead"
    r"|rather|final|new|better"
    r"|wait|sorry|oops|hm+|typo|mistake|error|edit|scratch|second\s+thought|reflection|second\s+listen"
    r"|thinking\s+again|update|fairer|closer\s+to|more\s+like"
    r"|(?:could|might|may|would)\s+(?:rather\s+|really\s+)?(?:be|get|read|have\s+been)|too\s+(?:generous|harsh"
    r"|high|low|kind|strict|lenient)|overestimat\w+|underestimat\w+|korrektur|sollte|eigentlich|"
    rf"{_FOREIGN_REVISION}|"
    r"debería|en\s+realidad"
    r"|corrección|devrait|plutôt|en\s+fait|please\s+read)\b|更正|应该|應該|应为|應為|訂正|正しくは|修正|改为|改成|→",
    re.IGNORECASE,
)
_WITHDRAWN = re.compile(
    r"\b(?:tak(?:e|ing)\s+back|withdraw\w*|retract\w*|misjudg\w+|swap(?:ped)?|scratch|ignore|disregard|discard|forget"
    r"|(?:was|were|is)\s+(?:far\s+|much\s+|a\s+bit\s+)?too\s+(?:generous|harsh|high|low|kind|strict|lenient)"
    r"|(?:is|was)\s+(?:wrong|a\s+typo|a\s+mistake))\b",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(r"\b(?:if|unless|for\s+comparison|compared|torn\s+between|had\s+\w+\s+been)\b", re.IGNORECASE)
"""What makes a sentence speak of another case."""
_TOO_MUCH = re.compile(
    r"[\d.,/%]{1,8}[ \t]{1,3}(?:for\s+(?:the\s+)?\w+(?:\s\w+)?\s+)?(?:is|was|seems|feels|would\s+be|may\s+be"
    r"|might\s+be)\s+(?:far\s+|much\s+|a\s+bit\s+|probably\s+|perhaps\s+)?"
    r"(?:too\s+(?:generous|harsh|high|low|kind|strict|lenient|much|little)|wrong|not\s+right|a\s+typo|a\s+mistake)\b",
    re.IGNORECASE,
)
_SUPERSEDES = re.compile(
    r"\b(?:final\w*|revis\w+|correct\w*|updat\w+|adjust\w+|actually|second\s+thought|reflection|reconsider\w*"
    r"|instead|new|summary|summari[sz]\w+"
    r"|sum\s+up|conclu\w+|verdict|wait|re-?rat\w+|re-?scor\w+|better|answer|overall\s*[,:]|in\s+short|to\s+recap"
    r"|second\s+(?:pass|listen\w*|attempt|try)|endgültig\w*|definitiv\w*|réponse|respuesta|antwort)\b|最终|最後|修正|更正"
    r"|\b(?:scores|ratings|evaluation|assessment|results?|json)\b[^\n]{0,24}(?::|\n)",
    re.IGNORECASE,
)
_REVISES = re.compile(
    r"\b(?:final|revis\w+|correct(?:ed|ion|ing)\w*|updat\w+|adjust\w+|actually|second\s+thought|reflection"
    r"|reconsider\w*|instead|wait"
    r"|re-?rat\w+|re-?scor\w+|new\s+scores?|edit|sorry|oops|scratch|second\s+(?:listen\w*|thought|pass)|fixed"
    r"|amended|my\s+bad|mistake"
    r"|redo|better|errata|typo|fix(?:ed|ing)?|(?:listen(?:ed|ing)|heard|hearing)\s+(?:\w+\s+)?again"
    r"|re-?listen\w*|hindsight"
    rf"|{_FOREIGN_REVISION}"
    r"|stand\s+by|right\s+(?:values|scores|numbers))\b|更正|訂正|修正|改为|改成|应为|正しくは|→",
    re.IGNORECASE,
)
_SCORES = re.compile(r"(?<![\w.,])(?:\d{0,3}[.,]\d{1,4}%?|\d{1,3}%|\d{1,3}(?=\s?/\s?\d|\s+out\s+of\b))(?![\w%])")
"""Numbers in a sentence that may be scores."""
_LOOSE_SCORE = re.compile(r"(?<![\w.,])[.,]\d|\b\d{1,3}\s+out\s+of\s+\d")
_I_CHANGE = re.compile(
    r"\bi(?:'d|'ll|\s+would|\s+will)?\s+(?:now\s+|rather\s+|then\s+)?(?:rais|lower|chang|adjust|revis|correct"
    r"|updat|bump|drop|reduc|increas"
    r"|decreas)\w*",
    re.IGNORECASE,
)
"""Words with which the writer changes a score, whatever else the sentence speaks of."""
_WIDE = 20_000
"""Characters at the beginning and the end of a text in which words that take all scores back are looked for."""


def calls_too_much(text: str, start: int) -> bool:
    """Whether the words right behind a number at `start` call it too high, too generous and the like."""
    return _TOO_MUCH.match(text, start) is not None


def taken_back_until(text: str) -> int:
    """Up to where a text takes its scores back: all of it if they are made up, placeholders, weights or another song's;
    what precedes `ignore the scores above`; 0 if nothing is taken back."""
    if len(text) > 2 * _WIDE:
        text = f"{text[:_WIDE]}\n{text[-_WIDE:]}"
    if _ALL.search(text) or _TELLS_WEIGHTS.search(text) or is_unheard(text):
        return len(text) + 1
    return taken_back_above(text)


def taken_back_above(text: str) -> int:
    """Where the last words end that take back what precedes them, such as `ignore the scores above`; 0 for nowhere."""
    return max((found.end() for found in _ABOVE.finditer(text)), default=0)


def takes_back(body: str, start: int, end: int, stated: float | None = None) -> bool:
    """Whether the sentence around a field's name at `start` to `end` changes or withdraws that field's score, which
    is `stated` where it is known: a sentence that gives no other number does not change it."""
    begin = max((e.end() for e in SENTENCE_END.finditer(body, max(0, start - 240), start)), default=max(0, start - 240))
    stop = SENTENCE_END.search(body, end, min(len(body), end + 240))
    sentence = body[begin : stop.start() if stop else min(len(body), end + 240)]
    has_score = DECIMAL.search(sentence) is not None or _LOOSE_SCORE.search(sentence) is not None
    if _FAIRER.search(sentence) and has_score:
        return True
    if _SUPPOSED.search(sentence) or (_I_CHANGE.search(sentence) is None and speaks_of_others(body[begin:start])):
        return False
    if _WITHDRAWN.search(sentence):
        return True
    if stated is not None and all(_is_number(number, stated) for number in _SCORES.findall(sentence)):
        return False
    return _CHANGED.search(sentence) is not None and has_score


def _is_number(written: str, value: float) -> bool:
    number, unit = float(written.rstrip("%").replace(",", ".")), written.endswith("%")
    tops = (100,) if unit else (1,) if number <= 1 else (10, 100)
    return any(abs(number / top - value) < 1e-9 for top in tops)


def supersedes(between: str) -> bool:
    """Whether the words between two statements on one field say that the later one counts."""
    return _SUPERSEDES.search(between[-1000:]) is not None or _SUPERSEDES.search(between[:1000]) is not None


def revises(words: str) -> bool:
    """Whether the words between an object and later statements say that these revise it."""
    return _REVISES.search(words[:2000]) is not None

"""Words, in the languages that models answer in, which say that numbers were not heard in this song: that they are made
up, an example, another song's, or that nothing could be heard at all."""

from __future__ import annotations

import re

_NUMBERS = (
    r"(?:scores?|ratings?|numbers?|values?|figures?|grades?|results?|evaluations?|assessments?|answers?|repl(?:y|ies)"
    r"|responses?|outputs?|json)"
)
_SONG = r"(?:songs?|tracks?|titles?|recordings?|versions?|files?|clips?|one)"
_AUDIO = r"(?:audio|music|songs?|tracks?|files?|recordings?|clips?|attachments?|sound)"
_NOTHING_HEARD = re.compile(
    r"\b(?:can(?:\s?not|['’]?t)|could(?:\s+not|n['’]?t)|unable\s+to|not\s+able\s+to|(?:do|did)(?:\s+not|n['’]?t)"
    r"(?:\s+actually)?(?:\s+have\s+(?:the\s+)?(?:ability|means|access)(?:\s+to)?)?)\s+"
    r"(?:(?:actually|really|directly|physically|currently|yet)\s+)?"
    r"(?:hear|listen\s+to|play|open|access|process|load|analy[sz]e|receive|to)\s+"
    r"(?:(?:the|any|this|your|that|an|actual|attached|provided|uploaded|raw|to)\s+){0,3}"
    rf"{_AUDIO}\b(?!['’]s|-|\s+(?!(?:and|so|but|here|itself|at|directly|now|in|i|file|files|clip|content|data|input"
    r"|this|these|the|to|for|because|as)\b)\w)"
    rf"|\bno\s+(?:{_AUDIO}\s+){{1,2}}(?:(?:was|is|were|has\s+been|could\s+be)\s+)?"
    r"(?:attached|provided|included|received|uploaded|found|available|given|supplied|played|loaded)\b"
    r"|\bwithout\s+(?:the\s+|any\s+|hearing\s+the\s+)?(?:audio|sound|recording)\b[^.\n]{0,40}\bguess\w*"
    r"|无法(?:直接)?(?:听|收听|播放|处理|访问)|听不到|(?:没有|未)(?:收到|提供)?音[频訊]|聞くことができ|聴くことができ|聞け(?:ませ|な)|聴け(?:ませ|な)|再生できませ"
    r"|\bno\s+(?:puedo|he\s+podido|pude)\s+(?:escuchar|oír|oir|reproducir)\b"
    r"|\bne\s+(?:peux|puis|pouvais)\s+pas\s+(?:écouter|ecouter|entendre|lire)\b"
    r"|\bkann\s+(?:kein\w*|das|die|den|diese\w*)\s+\w+\s+(?:nicht\s+)?(?:an)?(?:hören|spielen|abspielen)\b"
    r"|\bn[ãa]o\s+(?:consigo|posso|pude)\s+(?:ouvir|escutar|reproduzir)\b"
    r"|\bnon\s+(?:posso|riesco\s+a)\s+(?:ascoltare|sentire|riprodurre)\b",
    re.IGNORECASE,
)
"""No audio reached the model, or it says that it cannot listen."""
_MADE_UP = re.compile(
    rf"\b(?:are|is|were|was|as|being|i['’]m|i|i['’]ve|have|so)\s+(?:\w+\s+){{0,4}}?(?:made[\s-]?up|making\s+up"
    rf"|invent\w*"
    rf"|fictional|fictitious|fabricat\w+)(?!\s+of\b)"
    rf"|\b(?:made|make|making)\s+(?:\w+\s+){{0,4}}?{_NUMBERS}\s+up\b"
    rf"|\b(?:made[\s-]?up|making\s+up|invent(?:ed|ing)|fictional|fictitious|mock(?:ed)?(?:-up)?|dummy|placeholder)\s+"
    rf"(?:\w+\s+)?{_NUMBERS}\b"
    rf"|\b(?:is|are|was|were|as|here['’]s)\s+(?:\w+\s+){{0,3}}?(?:sample|example|illustrative|mock)\s+{_NUMBERS}\b"
    rf"|\bhere\s+is\s+an?\s+mock-?up\b|\b(?:just|only|merely)\s+an?\s+(?:example|sample"
    rf"|illustration)\s+of\s+the\s+(?:format|structure|output)\b|\bnone\s+of\s+(?:these|the"
    rf"|those)\s+{_NUMBERS}\b[^.\n]{{0,24}}\b(?:real|based)\b"
    rf"|\b(?:is|are|was|were|shows?|illustrat\w+)\s+(?:only|just|merely)\s+(?:an?\s+|the\s+)?"
    rf"(?:format|structure|schema|layout|mock-?up)\b|\b(?:only|just|merely)\s+(?:shows?|illustrat\w+)\s+the\s+"
    rf"(?:format|structure|schema|layout)\b|\bwhat\s+an?\s+(?:typical\s+)?(?:answer|reply|response)\s+"
    rf"(?:looks|would\s+look|could\s+look)\b",
    re.IGNORECASE,
)
_SAID_OF_NUMBERS = re.compile(
    rf"\b{_NUMBERS}\b|\bof\s+the\s+(?:format|structure|output)\b|\b(?:this|these|those|they|them|it|all|above"
    rf"|mock-?up)\b",
    re.IGNORECASE,
)
_ONE_NUMBER = re.compile(r"\bthis\s+(?:number|score|value|rating|figure)\b", re.IGNORECASE)
_NOT_MADE_UP = re.compile(
    r"\b(?:not|n['’]t|never|nothing)\s+(?:\w+\s+){0,3}?(?:made|invent|fabricat|fict)", re.IGNORECASE
)
_OTHER = (
    r"(?:(?:the|an?)\s+)?(?:previous|preceding|last|other|another|reference|different|wrong|demo|next|earlier)\s+"
    rf"{_SONG}\b"
)
_OTHERS = re.compile(
    rf"\b(?:these|those|they|the\s+above|above|(?:the\s+|all\s+)?{_NUMBERS}(?:\s+above)?)(?:\s+{_NUMBERS})?\s+"
    rf"(?:are|were|is|was|belong(?:s|ed)?\s+to|describes?)\s+(?:the\s+)?(?:{_NUMBERS}\s+)?(?:(?:of|for"
    rf"|from)\s+)?{_OTHER}",
    re.IGNORECASE,
)
FOREIGN_OTHER = (
    r"上一?首|前一首|另一首|前の曲|別の曲|他の曲|canci[oó]n\s+anterior|otra\s+canci[oó]n|tema\s+anterior"
    r"|morceau\s+pr[ée]c[ée]dent|titre\s+pr[ée]c[ée]dent|autre\s+(?:morceau|chanson|titre)"
    r"|(?:vorige|vorherige|andere|letzte)[nrs]?\s+(?:lied|song|titel|stück|track)"
    r"|(?:m[úu]sica|faixa|can[çc][ãa]o)\s+anterior|outra\s+(?:m[úu]sica|faixa|can[çc][ãa]o)"
    r"|(?:brano|canzone)\s+precedente|altr[ao]\s*['’]?\s*(?:brano|canzone)"
)
"""Another song, in other languages than English."""
FOREIGN_UNREAL = (
    r"虚构|虛構|编造|編造|瞎编|编的|示例|样例|範例|举例|占位|架空|サンプル|例(?=です)|仮の|でっち上げ|作り話"
    r"|ejemplo|inventad[oa]s?|invento|ficticios?|ficticias?|exemple|invent[ée]e?s?|invente|ficti(?:f|fs|ves?)"
    r"|beispiel\w*|erfunden\w*|ausgedacht\w*|fiktiv\w*|exemplo|inventei|fict[íi]ci[oa]s?|esempio|inventat[aoei]"
    r"|fittizi\w*"
)
"""An example, or made up."""
_FOREIGN_NUMBERS = re.compile(
    r"分数|分數|评分|評分|得分|数值|數值|スコア|点数|点數|数字|数値|以上|上述|上記|回答|结果|結果|\b(?:valores?|puntuaci\w+|puntajes?|notas?|notes?"
    r"|valeurs?|chiffres?|scores?|werte|zahlen|noten|bewertung\w*|punkte|pontua\w+|n[úu]meros?|nombres"
    r"|punteggi\w*|valori"
    r"|numeri|voti|respuesta|réponse|antwort|resposta|risposta|json)\b",
    re.IGNORECASE,
)
_FOREIGN_THESE = re.compile(rf"{FOREIGN_UNREAL}|{FOREIGN_OTHER}|权重|權重|重み|\bpesos\b|\bgewichte\b", re.IGNORECASE)
_FOR_EXAMPLE = re.compile(
    r"\b(?:par\s+exemple|por\s+(?:ejemplo|exemplo)|zum\s+beispiel|per\s+esempio)\b|例如", re.IGNORECASE
)
_HINT = re.compile(
    r"n['’]?t\b|\bnot\b|\bno\b|\bnon\b|\bne\b|\bunable|\bwithout|made|making|invent|fict|fabricat|mock|dummy"
    r"|placeholder"
    r"|sample|example|exempl|ejemplo|esempio|beispiel|illustrat|format|structure|schema|layout|\bnone\b|looks?\b"
    r"|previous|preceding|\blast\b|other|anterior|reference|different|wrong|demo|next|earlier|erfunden"
    r"|ausgedacht|fiktiv"
    r"|fittizi|vorige|vorher|andere|letzte|autre|titre|precedente|altr[ao]|pesos|gewichte|\bkann\b|posso|riesco",
    re.IGNORECASE,
)
"""Without one of these, a text in ASCII says nothing of the kind."""
_SENTENCES = re.compile(r"(?<=[.!?])\s|[。！？\n]")
_MOST = 512
"""Of more sentences than twice that the first and the last are looked at."""

_REMARK = re.compile(
    r"\b(?:made[\s-]?up|invented|fictional|fictitious|tak(?:e|ing)\s+(?:it|that|this|them)\s+back|(?:i|we"
    r"|be)\s+withdr[ae]w\w*"
    r"|(?:as|just|only|merely)\s+(?:an?\s+)?(?:placeholder|example|sample\s+value|weight|default|illustration"
    r"|threshold)\b"
    r"|not\s+(?:my|the|a)\s+(?:(?:final|real|actual)\b|score\W*\Z)|(?:gave|said|wrote|had)\s+(?:it\s+)?(?:last"
    r"|before|previously)\b"
    r"|(?:the|its|their)\s+label\s+claims|no,?\s+wait|hmm+,?\s+no\b|(?:that|this|it|which)\s+is\s+(?:wrong"
    r"|a\s+(?:typo|mistake))"
    r"|(?:when|once|if|after)\s+(?:properly\s+)?re-?(?:mastered|mixed|mastering|mixing)"
    r"|with\s+an?\s+(?:better|cleaner|proper)\s+\w+|only\s+for\s+the\s+\w+\W*\Z"
    rf"|(?:for|of|from|in|by|on|gave)\s+{_OTHER})",
    re.IGNORECASE,
)
_SHORT_REMARK = re.compile(
    r"\W*(?:an?\s+|the\s+)?(?:(?:average|last|previous|other)\s+(?:track|song)|(?:first\s+|rough\s+)?drafts?"
    r"|outdated|random|critics?|average\s+(?:song|track)s?\s+(?:in|of|for)\s+\w+\s+genre|obsolete|superseded|invented"
    r"|goals?|stale|revoked|withdrawn|(?:studio|label|chart|album|career|overall|genre)\s+average)\W*",
    re.IGNORECASE,
)
_FOREIGN_REMARK = re.compile(
    rf"{FOREIGN_UNREAL}|{FOREIGN_OTHER}|权重|權重|重み|平均|改为|改成|应为|應為|应该是|正しくは|訂正|更正|置信度|信頼度|(?:人声|人聲|ボーカル)(?=\W*\Z|のみ"
    rf"|だけ|部分|单独|仅)"
    rf"|草稿|下書き|如果"
    rf"|(?<!\w)例(?!\w)"
    r"|\b(?:pesos?|poids|gewicht\w*|moyenne\w*|promedio|media|média|durchschnitt\w*|nur\s+\w+"
    r"|(?:solo\s+(?:la\s+)?)?voz(?=\W*\Z)|si\s+(?:se|on)\s+\w+|wenn\s+\w+|se\s+fosse"
    r"|voix|gesang|borrador|brouillon|entwurf|rascunho|confianza|confiance|confiança|konfidenz)\b",
    re.IGNORECASE,
)


def is_unheard(text: str) -> bool:
    """Whether a sentence says of all numbers of a reply that they were not heard in this song."""
    if text.isascii() and _HINT.search(text) is None:
        return False
    if _NOTHING_HEARD.search(text) or _OTHERS.search(text):
        return True
    sentences = _SENTENCES.split(text)
    if len(sentences) > 2 * _MOST:
        sentences = sentences[:_MOST] + sentences[-_MOST:]
    return any(_is_unreal(sentence[:600]) for sentence in sentences if len(sentence) > 3)


def _is_unreal(sentence: str) -> bool:
    if _ONE_NUMBER.search(sentence):
        return False
    if _MADE_UP.search(sentence) and _SAID_OF_NUMBERS.search(sentence) and not _NOT_MADE_UP.search(sentence):
        return True
    sentence = _FOR_EXAMPLE.sub(" ", sentence)
    return (
        _FOREIGN_THESE.search(sentence) is not None
        and _FOREIGN_NUMBERS.search(sentence) is not None
        and not re.search(r"\d", sentence)
    )


def unheard_remark(words: str) -> bool:
    """Whether a remark behind one number says so of that number."""
    return (
        _REMARK.search(words) is not None
        or _SHORT_REMARK.fullmatch(words) is not None
        or _FOREIGN_REMARK.search(words) is not None
    )


_MARKS = frozenset(
    """example isexample placeholder isplaceholder placeholders mock ismock dummy isdummy sample issample template
    istemplate fake isfake hypothetical draft isdraft demo isdemo invented fictional""".split()  # noqa: SIM905
)
_KINDS = frozenset("type kind status source song track title version subject recording 说明 note comment".split())  # noqa: SIM905
_KIND = re.compile(
    rf"\W*(?:(?:the|an?)\s+)?(?:(?:previous|reference|other|another|next|last)(?:\s+{_SONG})?|examples?|template"
    r"|placeholder|mock|dummy|draft|hypothetical|invented|fictional)\W*",
    re.IGNORECASE,
)


def marks_unheard(key: str, value: str) -> bool:
    """Whether a member of an object says of the others that they are no answer: `"example": true`.

    `key` is joined, in lower case; `value` is as it was written, without quotes.
    """
    if key in _MARKS:
        return value.strip().lower() == "true"
    return key in _KINDS and _KIND.fullmatch(value) is not None

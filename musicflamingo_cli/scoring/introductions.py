"""Lines that only introduce an answer: `Okay, here's the breakdown:`, `In JSON format:`, `Without further ado:`."""

from __future__ import annotations

import re
from functools import lru_cache

_SAYS = (
    r"(?:(?:ok(?:ay)?|sure(?:\s+thing)?|certainly|of\s+course|alright|right|great|well|so|now|then|and|also|next|first"
    r"|finally|thanks?(?:\s+you)?|for\s+(?:your\s+)?reference|to\s+summari[sz]e|in\s+summary|with\s+(?:all\s+)?that"
    r"(?:\s+(?:in\s+mind|said))?|that\s+said|without\s+(?:any\s+)?further\s+(?:ado|delay)|as\s+requested"
    r"|as\s+instructed|based\s+on\s+(?:this|that|the\s+(?:audio|music|song|track))"
    r"|after\s+(?:careful(?:ly)?\s+|one\s+|a\s+(?:full|careful|close)\s+)?(?:listen(?:ing)?|hearing|analysis)"
    r"(?:\s+to\s+(?:the|this)\s+(?:\w+\s+)?(?:song|track|audio|music|piece|clip|recording))?"
    r"|after\s+(?:analy[sz]ing|considering|reviewing|evaluating|assessing)\s+(?:the|this)\s+(?:\w+\s+)?(?:song"
    r"|track|audio|music|piece"
    r"|clip|recording))[,.!;:]?\s+)"
)
_KIND = (
    r"(?:(?:the|my|your|our|its|a|an|full|complete|final|detailed|honest|overall|requested|structured|formatted"
    r"|filled(?:-(?:in|out))?|completed|numeric(?:al)?|five|six|eleven|short|brief|quick|json|score|scoring|rating"
    r"|quality|technical|musical|audio|song|track|own|resulting|actual|corresponding|following)\s+){0,5}"
)
_THING = (
    r"(?:breakdown|scores?|ratings?|evaluations?|assessment|analysis|review|response|reply|output|results?|answer|json"
    r"|object|thoughts|impressions?|summary|numbers?|verdict|report|descriptions?|values|(?<=filled\s)template"
    r"|(?<=completed\s)template|(?<=filled-in\s)template)"
)
_HOW = (
    r"(?:\s+(?:of|for|on)\s+(?:the|this)\s+(?:(?:full|whole|entire|given|provided|above|audio"
    r"|music)\s+){0,2}(?:song|track"
    r"|audio|music|piece|clip|recording|file)|\s+as\s+(?:requested|instructed|a\s+json\s+object)|\s+as\s+follows"
    r"|\s+in\s+(?:(?:the|a|valid)\s+)?(?:(?:requested|specified|required|desired|json|same|given|exact)\s+){0,2}"
    r"(?:format|structure|order|json|form)(?:\s+(?:that\s+)?you\s+(?:specified|requested|asked(?:\s+for)?|wanted"
    r"|required|gave))?"
    r"|\s+(?:based\s+on|according\s+to|following|per|using)\s+(?:the|your)\s+(?:(?:provided|given|above|same)\s+)?"
    r"(?:instructions?|criteria|rubric|scale|guidelines|schema|format|dimensions)(?:\s+provided)?"
    r"|,?\s+with\s+(?:(?:short|brief)\s+)?(?:reasons?|reasoning|explanations?|comments?|justifications?)"
    r"|,?\s+\(?(?:where\s+)?(?:higher|1(?:\.0+)?)\s*(?:is|=|means)\s*(?:better|best|(?:the\s+)?(?:best|highest))\)?"
    r"|\s+\(?(?:from\s+)?0(?:\.0+)?\s?(?:-|–|to)\s?1(?:\.0+)?\)?){0,3}"
)
_ALONE = (
    r"without\s+(?:any\s+)?further\s+(?:ado|delay)|(?:as|per)\s+(?:your\s+)?(?:requested|instructed"
    r"|instructions?|request)"
    r"|after\s+(?:careful(?:ly)?\s+|one\s+|a\s+(?:full|careful|close)\s+)?(?:listen(?:ing)?|hearing)"
    r"|in\s+(?:(?:the|a|valid)\s+)?(?:(?:requested|specified|required|desired|json|same|given|exact)\s+){0,2}"
    r"(?:format|order|structure|form)(?:\s+(?:that\s+)?you\s+(?:specified|requested|asked(?:\s+for)?|wanted|required))?"
    r"|in\s+the\s+order\s+(?:that\s+)?you\s+\w+|json\s+format|export\s+default"
    r"|(?:according\s+to|following)\s+(?:the|your)\s+(?:instructions?|criteria|rubric|scale|guidelines)"
)
_WOULD = r"(?:'?d|'?ll|\s+(?:would|will|should|can|could))"
_SPEAKS = (
    r"(?:(?:putting\s+it\s+all\s+together|on\s+(?:second|further|closer)\s+(?:thought|listen(?:ing)?|inspection)"
    r"|(?:after|on)\s+(?:another|a\s+second|a\s+closer|further|repeated)\s+listen(?:ing|s)?"
    r"|considering\s+[^:,.!?]{2,60}"
    r"|if\s+(?:(?:i\s+(?:am|was|were)\s+)?(?:forced|asked|pressed)|i\s+(?:consider|put|think|look|sum))\b[^:,.!?]{0,50}"
    r"|compared\s+(?:to|with)\s+my\s+(?:first|earlier|initial)\s+impression|i\s+think)[,:]?\s*)?"
    rf"(?:(?:i{_WOULD}|i)\s+(?:now\s+|finally\s+|then\s+|rather\s+|probably\s+)?(?:answer|rate|give|score|assess"
    rf"|evaluate|provide"
    r"|adjust|revise|lower|raise|change|correct)(?:\s+(?:it|this|that|(?:the|this)\s+(?:song|track|piece|music"
    r"|recording)|(?:the"
    r"|a\s+few|some|my)\s+(?:scores?|ratings?)|the\s+following(?:\s+\w+)?))?(?:\s+(?:a\s+bit|slightly|to"
    r"|as\s+follows|like\s+this|with))?"
    rf"|(?:(?:the|my|a|an)\s+(?:(?:final|json|fairer|better|honest|corrected|revised|full"
    rf"|complete)\s+){{0,3}}{_THING}(?:\s+object)?|that|this|it|(?:the|this)\s+(?:song|track"
    r"|piece|recording))\s+(?:would|will|should)\s+(?:be|read)(?:\s+(?:rated|scored|a\s+json\s+object"
    r"|as\s+follows))?(?:\s+as\s+follows)?"
    rf"|(?:the|my)\s+final\s+(?:json\s+)?{_THING}(?:\s+object)?\s+would\s+look\s+like\s+this)?"
)
_INTRODUCES = re.compile(
    rf"[\W_]*(?:in\s+json,?\s+)?{_SAYS}{{0,4}}(?:{_ALONE}|better|once\s+more,\s+with\s+corrections|{_SPEAKS}"
    rf"|(?:(?:here(?:'?s|\s+is|\s+are|\s+come)|this\s+is|below\s+(?:is|are))\s+)?"
    rf"{_KIND}{_THING}(?:\s*(?:,|&|and)\s+(?:my\s+)?(?:{_THING}|reasons?|reasoning))?{_HOW}"
    r"(?:\s+(?:is|are)(?:\s+(?:as\s+follows|below))?)?)[\W_]*",
    re.IGNORECASE,
)
_LONGEST = 160


@lru_cache(maxsize=1024)
def is_introduction(line: str) -> bool:
    """Whether a line does nothing but introduce the answer, so that no single word in it can say otherwise."""
    return len(line) < _LONGEST and _INTRODUCES.fullmatch(line) is not None

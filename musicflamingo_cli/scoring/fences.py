"""The parts of a reply inside fences of Markdown and outside them."""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.nodes import strict_spans
from musicflamingo_cli.scoring.spans import Spans
from musicflamingo_cli.scoring.thinking import Stretch

_FENCE = re.compile(r"```+|~~~+")
_FENCE_INFO = re.compile(r"[ \t]{0,4}[\w+-]{0,20}")
_LINE_START = re.compile(r"(?:\A|\n)[ \t]{0,3}\Z")
_MOST_FENCES = 64
"""Of so many fences, which only a loop has, none is looked for in a string."""


def regions(folded: str, stretch: Stretch) -> list[tuple[int, int, bool]]:
    """The parts of a stretch that lie inside fences and outside them."""
    parts: list[tuple[int, int, bool]] = []
    pos, fenced = stretch.start, False
    fences = list(_FENCE.finditer(folded, stretch.start, stretch.end))
    is_usual = len(fences) < 3 and all(_LINE_START.search(folded[max(0, f.start() - 4) : f.start()]) for f in fences)
    quoted = Spans(()) if is_usual or len(fences) >= _MOST_FENCES else Spans(strict_spans(folded))
    for fence in fences:
        if quoted.hold(fence.start()):
            continue
        parts.append((pos, fence.start(), fenced))
        fenced = not fenced
        info = _FENCE_INFO.match(folded, fence.end(), stretch.end) if fenced else None
        pos = info.end() if info else fence.end()
    parts.append((pos, stretch.end, fenced))
    return [region for region in parts if region[1] > region[0]]

"""Replies that went wrong as text: loops, one token repeated, gibberish, nothing."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\w+|[^\w\s]")
_SPECIAL = re.compile(r"<\|[^<>|]{0,40}\|>|</?s>|[\s\ufeff\u200b-\u200f\u2060\x00-\x1f]+")
_MIN_LENGTH = 160
"""Characters below which nothing is called a loop."""
_RUN, _REPEATS = 24, 3
"""A loop is a stretch of at least 24 tokens that repeats what stood one period before, for three periods or more."""
_COUNTING_RUN, _COUNTING_REPEATS = 90, 8
"""The same with every number read as one: `at 1:00, at 1:01, ...`. Lists and tables repeat themselves like that for a
while, so that it takes more."""
_TAIL = 400
_MAX_TOKENS = 40_000
_LAST_WORDS = 48


def is_empty(text: str) -> bool:
    """Whether nothing is there but space and special tokens."""
    if text[:64].strip():
        return len(text) < 4096 and not _SPECIAL.sub("", text)
    return not _SPECIAL.sub("", text)


def loops(text: str) -> bool:
    """Whether the text repeats itself over and over, anywhere; an ordinary caption of 450 words does not."""
    if len(text) < _MIN_LENGTH:
        return False
    if _repeats_characters(text):
        return True
    words = text.split()
    if _is_varied(words) and _is_varied(words[-_LAST_WORDS:]):
        return False
    tokens = _TOKEN.findall(text[-8 * _MAX_TOKENS :].lower())[-_MAX_TOKENS:]
    if _longest_run(tokens, _RUN, _REPEATS):
        return True
    counted = ["#" if token.isdigit() else token for token in tokens]
    return _longest_run(counted, _COUNTING_RUN, _COUNTING_REPEATS)


def _is_varied(words: list[str]) -> bool:
    """Whether so many of the words differ that there can be no loop; an ordinary caption's do."""
    return len(set(words)) > 0.55 * len(words)


def _longest_run(tokens: list[str], shortest: int, repeats: int) -> bool:
    """Whether some period's repetition holds for `repeats` periods and `shortest` tokens. One pass, one dictionary."""
    last: dict[tuple[str, ...], int] = {}
    period = run = 0
    for i in range(len(tokens) - 3):
        gram = tuple(tokens[i : i + 4])
        distance = i - last.get(gram, i)
        last[gram] = i
        if distance and distance == period:
            run += 1
            if run >= shortest and run >= repeats * period:
                return True
        else:
            period, run = distance, 1 if distance else 0
    return False


def _repeats_characters(text: str) -> bool:
    """Whether the end repeats a few characters without spaces between them, such as `lalalala` or brackets."""
    tail = text.rstrip()[-_TAIL:]
    if len(tail) < _MIN_LENGTH:
        return len(text) - len(text.rstrip()) > _TAIL
    return any(tail[period:] == tail[:-period] for period in range(1, 25))


def is_gibberish(text: str) -> bool:
    """Whether hardly anything in the text is words."""
    sample = text[:20_000]
    letters = sum(c.isalpha() for c in sample)
    if letters < 0.4 * len("".join(sample.split())):
        return True
    words = sample.split()
    return max((len(w) for w in words), default=0) > 300 or (len(words) > 30 and letters / len(words) > 25)

"""Replies that went wrong as text: loops, one token repeated, gibberish, nothing."""

from __future__ import annotations

import re
from collections import Counter

_TOKEN = re.compile(r"\w+|[^\w\s]")
_DIGITS = re.compile(r"\d+")
_SPECIAL = re.compile(
    r"<\|[^<>|]{0,40}\|>|</?s>|<(?:eos|bos|pad|unk|(?:start|end)_of_turn)>|[\s\ufeff\u200b-\u200f\u2060\x00-\x1f]+"
)
_MIN_LENGTH = 160
"""Characters below which nothing is called a loop."""
_RUN, _REPEATS = 24, 3
"""A loop that the text breaks off in is a stretch of at least 24 tokens that repeats what stood one period before, for
three periods or more."""
_COUNTING_RUN, _COUNTING_REPEATS = 90, 8
"""The same with every number read as one: `at 1:00, at 1:01, ...`. Lists and tables repeat themselves like that for a
while, so that it takes more."""
_PAST_RUN, _PAST_REPEATS = 120, 15
"""A loop that the model came out of, or stopped in by itself: hooks, chord grids and drum patterns repeat, too."""
_FIELD_RUN, _FIELD_REPEATS = 60, 8
"""The same inside one field's words."""
_SIGNS_RUN = 160
"""The same for signs without words, such as rules."""
_TAIL = 1600
_LONGEST_PERIOD = 320
_MAX_TOKENS = 40_000
_LAST_WORDS = 48
_CHARACTERS = re.compile(r"([^\s\-=_*.#~+|])\1{79}")


def is_empty(text: str) -> bool:
    """Whether nothing is there but space and special tokens."""
    if text[:64].strip():
        return len(text) < 4096 and not _SPECIAL.sub("", text)
    return not _SPECIAL.sub("", text)


def loops(text: str, stopped: bool = False) -> bool:
    """Whether the text repeats itself over and over; an ordinary caption of 450 words does not.

    Args:
        text: The reply.
        stopped: True if the model ended it by itself, which hardly any does out of a loop.
    """
    if len(text) < _MIN_LENGTH:
        return False
    if _repeats_characters(text):
        return True
    words = text.split()
    if _is_varied(words) and _is_varied(words[-_LAST_WORDS:]):
        return False
    if stopped and max(Counter(words).values()) < _PAST_REPEATS - 1:
        return False  # no word stands as often as the fewest periods of a loop that the model came out of
    tokens = _TOKEN.findall(text[-8 * _MAX_TOKENS :].lower())[-_MAX_TOKENS:]
    if _repeats(tokens, (_RUN, _REPEATS), stopped):
        return True
    counted = ["#" if token.isdigit() else _DIGITS.sub("#", token) for token in tokens]
    return _repeats(counted, (_COUNTING_RUN, _COUNTING_REPEATS), stopped)


def loops_to_its_end(words: str) -> bool:
    """Whether the words of one field end in a loop, even if the quote behind them was closed."""
    return len(words) >= _MIN_LENGTH and _repeats(_TOKEN.findall(words.lower()), (_FIELD_RUN, _FIELD_REPEATS), False)


def _is_varied(words: list[str]) -> bool:
    """Whether so many of the words differ that there can be no loop; an ordinary caption's do."""
    return len(set(words)) > 0.55 * len(words)


def _repeats(tokens: list[str], enough: tuple[int, int], stopped: bool) -> bool:
    """Whether some period's repetition holds long enough. One pass, one dictionary.

    Args:
        tokens: The text.
        enough: Tokens and periods for which it must hold at the end of the text.
        stopped: Whether what holds at the end counts no more than elsewhere.
    """
    last: dict[tuple[str, ...], int] = {}
    period = run = 0
    is_past = False
    for i in range(3, len(tokens)):
        gram = tuple(tokens[i - 3 : i + 1])
        if period and tokens[i] == tokens[i - period]:
            run += 1
        else:
            distance = i - last.get(gram, i)
            period, run = distance, 4 if distance else 0
        last[gram] = i
        if run >= _PAST_RUN and run >= _PAST_REPEATS * period and not is_past:
            cycle = tokens[i - period + 1 : i + 1]
            is_past = run >= _SIGNS_RUN or any(word[0].isalnum() or word == "#" for word in cycle)
    if is_past:
        return True
    return not stopped and run >= enough[0] and run >= enough[1] * period > 0


def _repeats_characters(text: str) -> bool:
    """Whether the end repeats characters without spaces between them, such as `lalalala`, or one stands 80 times."""
    tail = text.rstrip()[-_TAIL:]
    if len(tail) < _MIN_LENGTH:
        return len(text) - len(text.rstrip()) > 400
    if _CHARACTERS.search(text[:_TAIL]) or _CHARACTERS.search(tail):
        return True
    longest = min(_LONGEST_PERIOD, len(tail) // 5)
    short = tail[-400:]
    if any(short[period:] == short[:-period] for period in range(1, 25)):
        return True
    return any(tail[period:] == tail[:-period] for period in range(25, longest) if " " not in tail[-period:])


_JSON_SIGNS = re.compile(r"[{}\[\]\":,]|(?<![\w.])\d+(?:\.\d+)?(?:\s?/\s?\d+|%)?(?![\w.])")
"""What JSON and its numbers are written with: that it holds no words says nothing of it."""
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Letters of scripts that put no spaces between words."""


def is_gibberish(text: str) -> bool:
    """Whether hardly anything in the text is words."""
    sample = _JSON_SIGNS.sub("", text[:20_000])
    if not sample.strip() and text.strip():
        return False
    letters = sum(c.isalpha() for c in sample)
    if letters < 0.4 * len("".join(sample.split())):
        return True
    words = _WIDE.sub(" ", sample).split()
    return max((len(w) for w in words), default=0) > 300 or (len(words) > 30 and letters / len(words) > 25)

"""Values without quotes in JSON-like text: numbers, literals, words, up to what ends them."""

from __future__ import annotations

from musicflamingo_cli.scoring.marks import (
    DECIMAL_COMMA,
    ESCAPED_MARK,
    ITEM_BOUND,
    NUMBER_BOUND,
    NUMERIC_START,
    STRICT_VALUE,
    TEXT_BOUND,
)
from musicflamingo_cli.scoring.nodes import Bare


def read_bare(text: str, folded: str, span: tuple[int, int], in_list: bool) -> tuple[Bare, int, list[str]]:
    """The value that begins at `span[0]`, where reading stopped, and the repairs that it took.

    Args:
        text: As it was written.
        folded: The same, folded; this is what is parsed.
        span: Where the value begins, and where what may be read ends.
        in_list: Whether it is an item of a list, where a comma never belongs to a number.
    """
    start, end = span
    repairs: list[str] = []
    bound = start
    number = None if in_list else DECIMAL_COMMA.match(folded, start, end)
    if number:
        repairs.append("decimal_comma")
        bound = number.end()
    numeric = NUMERIC_START.match(folded, start, end)
    pattern = ITEM_BOUND if in_list else NUMBER_BOUND if numeric else TEXT_BOUND
    stop = pattern.search(folded, max(bound, start + 1), end)
    pos = stop.start() if stop else end
    raw = folded[start:pos]
    cut = pos == len(folded)
    if pos + 1 == len(folded) and folded[pos] == ",":
        raw, cut = raw + ",", True
    if not numeric and raw.strip() in ("None", "True", "False", "undefined"):
        repairs.append("python_literals")
    elif not (cut or number or "\\" in raw) and not STRICT_VALUE.fullmatch(text[start:pos].strip()):
        repairs.append("number_spelling" if numeric else "unquoted_value")
    if numeric and "\\" in raw:
        raw = ESCAPED_MARK.sub(r"\1", raw)
        repairs.append("bad_escape")
    return Bare(raw, text[start:pos].strip(), cut), pos, repairs

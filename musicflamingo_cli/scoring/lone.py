"""A reply that is nothing but a number, to a pack that asks for one."""

from __future__ import annotations

import re

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.numbers import Reading, read_number
from musicflamingo_cli.scoring.scales import LITERAL

_THING = r"(?:it|this|that|(?:the|this)\s+(?:\w+\s+)?(?:song|track|piece|music|audio|recording|clip))"
_LONE = re.compile(
    r"[\s*_\"'`#>(\[]{0,16}(?:(?:(?:the|my|final|overall)\s+){0,3}(?:score|rating|answer|result"
    r"|value)[\s*_\"']{0,6}(?::|=|is\b)"
    rf"[\s*_\"'`]{{0,6}}|i(?:'d|\s+would|'ll)?\s+(?:give|rate"
    rf"|score)\s+{_THING}\s+(?:at\s+)?(?:an?\s+)?(?:solid\s+|strong\s+)?"
    rf"[*_]{{0,3}})?(?P<number>{LITERAL}(?:\s?%|\s?(?:/"
    rf"|out\s+of)\s?{LITERAL})?)(?P<rest>[*_\"'`)\]]{{0,6}}[.!]?[\s*_\"'`]{{0,16}})",
    re.IGNORECASE,
)
"""The whole of such a reply. What stands behind the number is no word and no sign."""


def read_lone(text: str, field: Field, stopped: bool, assume: float | None) -> Reading | None:
    """The number that is all that a text says, in the field's range; None if it says anything else.

    Args:
        text: The reply without its thinking.
        field: The only field that asks for a number.
        stopped: True if nothing is missing at its end.
        assume: A scale that a person states for bare numbers.
    """
    said = _LONE.fullmatch(text) if len(text) < 400 else None
    if said is None:
        return None
    cut = not stopped and not said.group("rest").strip(" ")
    return read_number(said.group("number") + ("" if cut else "\n"), field, cut, assume=assume)

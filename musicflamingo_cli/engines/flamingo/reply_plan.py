"""A reply laid out before it is decoded: which tokens are forced, where words are free, where numbers stand.

The reply is the pack's JSON object, its keys in the pack's order, written as `json.dumps` writes it. Words may be any
text without quotation marks, backslashes and control characters, so that every reply is valid JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from musicflamingo_cli.engines.flamingo.score_grid import Grid, grid
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.records import Field

WORDS = r"[^\"\\\x00-\x20\x7f][^\"\\\x00-\x1f\x7f]*"
"""What a text field may hold: at least one character, no white space first."""
NUMBER = r"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,3})?"
"""What a field of kind `number` may hold."""
CLOSING_TOKENS = 4
"""A text that is closed in the middle of a UTF-8 character may need so many tokens to get out of it."""
LEAST_TOKENS = 8
"""What a free field must be able to take."""


@dataclass(frozen=True, slots=True)
class Free:
    """A field in the model's own words, up to and with the text that stands before the next value."""

    name: str
    grammar: str
    """A regular expression of the value and what follows it."""
    closer: str
    """The character that ends the value."""
    after: tuple[int, ...]
    """The tokens of what follows, as many as it can take."""


@dataclass(frozen=True, slots=True)
class Number:
    """A score, and the tokens that are forced behind it."""

    name: str
    grid: Grid
    after: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReplyPlan:
    """The whole reply."""

    opening: tuple[int, ...]
    """Tokens before the first value."""
    parts: tuple[Free | Number, ...]
    free_tokens: int
    """Tokens that the free values may take together."""

    @property
    def fixed_tokens(self) -> int:
        """Tokens that everything else takes at most."""
        return len(self.opening) + sum(_fixed(part) for part in self.parts)


def score_fields(fields: Sequence[Field]) -> tuple[Field, ...]:
    """Return the scores among some fields, in order."""
    return tuple(field for field in fields if field.kind == "score")


def plan_reply(fields: Sequence[Field], encode: Callable[[str], tuple[int, ...]], max_tokens: int) -> ReplyPlan:
    """Lay out the JSON of some fields within a number of tokens, the scores always included.

    Raises `UsageError` if that is too few, or if a score's range can't be written.
    """
    parts: list[Free | Number] = []
    for index, field in enumerate(fields):
        after = _between(field, fields[index + 1] if index + 1 < len(fields) else None)
        tokens = encode(after)
        if field.kind == "score":
            parts.append(Number(field.name, grid(field), tokens))
        else:
            value = WORDS if field.kind == "text" else NUMBER
            parts.append(Free(field.name, f"({value}){_literal(after)}", after[0], tokens))
    opening = encode(_between(None, fields[0]))
    plan = ReplyPlan(opening, tuple(parts), 0)
    free = sum(isinstance(part, Free) for part in parts)
    left = max_tokens - plan.fixed_tokens
    if left < free * LEAST_TOKENS:
        needed = plan.fixed_tokens + free * LEAST_TOKENS
        raise UsageError(
            f"--max-tokens {max_tokens}: a reply of this pack takes at least {needed}; allow as many, or ask for the "
            "numbers alone: --decode scores"
        )
    return ReplyPlan(opening, tuple(parts), left)


def allowance(plan: ReplyPlan, part: int, spent: int) -> int:
    """Return how many tokens the free value of a part may take, after the free values before it took `spent`.

    What is left is divided evenly among the free values to come, so that what one does not use is there for the next.
    """
    waiting = sum(isinstance(p, Free) for p in plan.parts[part:])
    return (plan.free_tokens - spent) // max(1, waiting)


def scaffold(field: Field) -> str:
    """Return what stands before the number of a score that is asked for on its own."""
    return _between(None, field)


def written_json(texts: Sequence[tuple[str, str]]) -> str:
    """Return the JSON object of some scores as they are written: `{"production_quality": 0.85}`."""
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in texts) + "}"


def _between(before: Field | None, after: Field | None) -> str:
    """Return what stands between two values: the end of one, the key of the next."""
    left = "{" if before is None else '"' if before.kind == "text" else ""
    if after is None:
        return left + "}"
    comma = "" if before is None else ", "
    return f"{left}{comma}{json.dumps(after.name)}: " + ('"' if after.kind == "text" else "")


def _literal(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_ ,:\"]", lambda match: "\\" + match.group(), text)


def _fixed(part: Free | Number) -> int:
    if isinstance(part, Number):
        return part.grid.longest + len(part.after)
    return len(part.after) + CLOSING_TOKENS

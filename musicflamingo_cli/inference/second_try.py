"""Asking again: a reply from which no asked score can be read is asked for once more, in a form that can be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from musicflamingo_cli.engines.base import Engine
from musicflamingo_cli.inference.lookup import Found
from musicflamingo_cli.records import Failure, Reply, Request

Readable = Callable[[str, Reply], bool]
"""(rendered prompt, reply) -> whether any asked score can be read out of it."""
CORRECTION = (
    "\n\nYour last answer could not be read. Answer again, with one JSON object that has exactly the keys asked for "
    "above, and nothing before or after it."
)
"""What an engine without a schema is told beside the prompt."""


@dataclass(frozen=True, slots=True)
class SecondTry:
    """Which replies are asked for again, and how."""

    engine: Engine
    readable: Readable | None
    """Told by whoever can read replies, since this room can't; None asks for none again."""

    def is_due(self, prompt: str, answer: Reply | Failure) -> bool:
        """Whether an answer to the rendered prompt is worth another try."""
        if self.readable is None or self.engine.second_try is None or not isinstance(answer, Reply):
            return False
        return not self.readable(prompt, answer)

    def is_owed(self, found: Found, on_demand: bool) -> bool:
        """Whether a cached reply is asked for again now: on demand, or since its run ended before it could be."""
        entry = found.entry
        if found.state != "hit" or entry is None or len(entry.replies) != 1:
            return False
        return (on_demand or entry.due) and self.is_due(found.prompt, entry.replies[0])

    def request(self, first: Request) -> Request:
        """The request of the second try."""
        prompt = first.prompt + CORRECTION if self.engine.second_try == "sentence" else first.prompt
        return replace(first, prompt=prompt, second_try=True)

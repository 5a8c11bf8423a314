"""What one part of a reply states, as answers to the asked fields."""

from __future__ import annotations

from dataclasses import dataclass, field

from musicflamingo_cli.records import FieldAnswer
from musicflamingo_cli.scoring.claims import Statement
from musicflamingo_cli.scoring.descriptions import Description
from musicflamingo_cli.scoring.echo import is_told_by
from musicflamingo_cli.scoring.marks import MARKED_PLACE
from musicflamingo_cli.scoring.numbers import Reading


@dataclass(slots=True)
class Found:
    """What one part of a reply states."""

    fields: dict[str, FieldAnswer] = field(default_factory=dict)
    repairs: tuple[str, ...] = ()
    complete: bool = False
    """True if it stood in an object that was closed: a token cap took nothing from it."""

    broken: bool = False
    """True if it stood in an object that was not closed."""

    def answers(self, names: frozenset[str]) -> bool:
        """Whether one of these fields has a value."""
        return any(name in names and answer.value is not None for name, answer in self.fields.items())


def without_zeros_of_template(found: Found, scored: frozenset[str], text: str) -> None:
    """Leave out scores that are all 0 in a text with places to be filled in: a template, even where it is damaged."""
    valued = [name for name in scored & found.fields.keys() if found.fields[name].value is not None]
    if valued and all(found.fields[name].value == 0 for name in valued) and len(MARKED_PLACE.findall(text[:4000])) > 1:
        for name in valued:
            found.fields[name] = FieldAnswer(reason="placeholder")


def without_prompt(found: Found, prompt: str) -> None:
    """Leave out texts that are the prompt's own words on their fields, where nothing else is told."""
    valued = {name: one.value for name, one in found.fields.items() if one.value is not None}
    told = {name for name, value in valued.items() if isinstance(value, str) and is_told_by(prompt, name, value)}
    if all(name in told or (isinstance(value, str) and len(value.split()) < 3) for name, value in valued.items()):
        for name in told:
            found.fields[name] = FieldAnswer(reason="placeholder")


def without_lone_ones(found: Found, scored: frozenset[str]) -> None:
    """Leave out a bare 1 where the other scores show another scale than the field's: 6, 8, 7, 1, 7.

    Exempt are replies with a proper fraction among the bare scores, which are on the field's own scale.
    """
    bare = {n: one for n, one in found.fields.items() if n in scored and one.obtained != "rescaled"}
    if any(one.value is not None and 0 < float(one.value) < 1 for one in bare.values()):
        return
    if any(one.reason == "out_of_range" and (one.written or 0) >= 2 for one in bare.values()):
        for name, one in bare.items():
            if one.value == 1 and one.written == 1:
                found.fields[name] = FieldAnswer(reason="unclear_scale", written=one.written)


def of_reading(reading: Reading, obtained: str) -> FieldAnswer:
    """The answer that a number gives, marked with how it was obtained."""
    if reading.value is None:
        return FieldAnswer(reason=reading.reason or "missing", written=reading.written)
    return FieldAnswer(reading.value, "rescaled" if reading.rescaled else obtained, written=reading.written)


def of_statement(statement: Statement) -> FieldAnswer:
    """The answer that a statement in prose gives: its number, or its words."""
    if statement.reading is not None:
        return of_reading(statement.reading, "prose")
    words = statement.description or Description()
    return FieldAnswer(words.text, "prose" if words.text is not None else None, words.reason)

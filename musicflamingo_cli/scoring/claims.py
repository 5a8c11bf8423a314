"""A field's name in prose, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.descriptions import Description
from musicflamingo_cli.scoring.numbers import Reading


@dataclass(frozen=True, slots=True)
class Statement:
    """What the prose says of one field."""

    reading: Reading | None = None
    """For a field that asks for a number."""
    description: Description | None = None
    """For a field that asks for words."""
    at: int = -1
    """Where the number stands."""


@dataclass(frozen=True, slots=True)
class Name:
    """A field's name in the prose."""

    field: Field
    start: int
    end: int

"""What a merge is asked, and what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from musicflamingo_cli.results.merge.combine import Combination, Scale
from musicflamingo_cli.results.sandbox import Limits
from musicflamingo_cli.results.spelling import TEXT_FORMS, twins_for
from musicflamingo_cli.results.tables.table import Reading
from musicflamingo_cli.results.write.formats import format_of


@dataclass(frozen=True, slots=True)
class Source:
    """A table that is joined by id, as named on the command line."""

    name: str
    table: str
    column: str | None = None
    """Its score; None for its overall."""


@dataclass(frozen=True, slots=True)
class Normalise:
    """Ranks in new columns `<column>_rank`."""

    columns: tuple[str, ...] = ()
    """Empty: all scores."""
    per: str | None = None


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """What a person asks of `mfq merge`."""

    tables: tuple[str, ...]
    output: str
    form: str | None = None
    on: str | None = None
    sources: tuple[Source, ...] = ()
    combination: Combination | None = None
    scales: Mapping[str, Scale] = field(default_factory=dict)
    audiobox_input: str | None = None
    normalise: Normalise | None = None
    conflicts: str | None = None
    rejects: str | None = None
    report: str | None = None
    strict: bool = False
    allow_mixed: bool = False
    if_changed: bool = False
    nulls: frozenset[str] = frozenset()
    """Words of `--null-values`."""
    limits: Limits = Limits()

    @property
    def typed(self) -> bool:
        """Whether the output has types."""
        return format_of(self.output, self.form) not in TEXT_FORMS

    @property
    def reading(self) -> Reading:
        """How the tables are read."""
        return Reading(twins_for([format_of(self.output, self.form)]), self.rejects is not None, self.nulls)


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What a merge did."""

    lines: tuple[str, ...]
    """For a person."""
    report: dict[str, Any]
    id_name: str
    """The column that holds the id."""

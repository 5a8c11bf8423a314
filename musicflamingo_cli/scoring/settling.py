"""Which of the statements that prose makes on a field counts: the last one, where nothing speaks against it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.claims import Statement
from musicflamingo_cli.scoring.disputes import supersedes, taken_back_until
from musicflamingo_cli.scoring.keys import FieldIndex
from musicflamingo_cli.scoring.numbers import Reading

_CONCLUSION = re.compile(r"^[ \t#*_]{0,8}Conclusion[ \t*_:]{0,6}$", re.MULTILINE)
Claim = tuple[Field, Statement]


def settle(body: str, claims: Sequence[Claim], echoes: AbstractSet[int], index: FieldIndex) -> dict[str, Statement]:
    """The last claim on every field.

    A number that two fields claim belongs to neither; two that differ leave doubt, unless words between them say that
    the later one counts. Nothing is left of what the reply takes back, of a template, of weights that sum to 100 %, and
    of scores that all stand in the prompt.

    Args:
        body: The prose.
        claims: What was found, in any order.
        echoes: Where numbers stand that the prompt has behind the same names.
        index: The asked fields.
    """
    gone = taken_back_until(body)
    said = [one for _, one in claims if one.reading is not None and one.reading.value is not None]
    if echoes and all(one.at in echoes for one in said):
        claims = [(field, one) for field, one in claims if one not in said]
    owners: dict[int, set[str]] = {}
    for field, statement in claims:
        if statement.at >= 0:
            owners.setdefault(statement.at, set()).add(field.name)
    settled: dict[str, Statement] = {}
    standing: dict[str, Statement] = {}
    torn: set[str] = set()
    for field, statement in sorted(claims, key=lambda claim: claim[1].at):
        earlier = settled.get(field.name)
        if (statement.at < gone and field.kind != "text") or _is_cut_repeat(earlier, (field, statement), claims):
            continue
        differs = _contradicts(body, standing.get(field.name), statement, (field.name in torn, index))
        if statement.reading is not None and statement.reading.value is not None:
            standing[field.name] = statement
            (torn.add if differs else torn.discard)(field.name)
        disputed = len(owners.get(statement.at, ())) > 1 or differs
        settled[field.name] = Statement(Reading(reason="ambiguous"), at=statement.at) if disputed else statement
    if _are_shares(settled, index) or _is_template(settled):
        return {name: one for name, one in settled.items() if name not in index.scored}
    return settled


def _is_template(settled: Mapping[str, Statement]) -> bool:
    """Whether most of the words under labels only mark their place: `genre: <genre>`."""
    words = [one.description for one in settled.values() if one.description is not None]
    return 2 * sum(one.reason == "placeholder" for one in words) > len(words) > 0


def _are_shares(settled: Mapping[str, Statement], index: FieldIndex) -> bool:
    """Whether all numbers are percentages that sum to 100: weights, not scores."""
    said = [one.reading for name, one in settled.items() if name in index.scored]
    written = [one.written or 0.0 for one in said if one is not None and one.value == (one.written or 0) / 100]
    return len(written) >= 3 and len(written) == len(index.scored) and abs(sum(written) - 100) < 1e-6


def _is_cut_repeat(earlier: Statement | None, claim: Claim, claims: Sequence[Claim]) -> bool:
    """Whether the text breaks off in a number that it had stated twice or more before, always the same."""
    field, later = claim
    if earlier is None or earlier.reading is None or earlier.reading.value is None:
        return False
    if later.reading is None or later.reading.reason != "cut_off":
        return False
    said = [one.reading.value for asked, one in claims if asked == field and one.reading and one is not later]
    return len(said) > 1 and set(said) == {earlier.reading.value}


def _contradicts(body: str, earlier: Statement | None, later: Statement, settings: tuple[bool, FieldIndex]) -> bool:
    """Whether two statements on a field differ, and no words between them say that the later one counts.

    `settings` are whether the earlier one differed from one before it already, and the asked fields.
    """
    if earlier is None or earlier.reading is None or later.reading is None or later.reading.value is None:
        return False
    differ = settings[0] or earlier.reading.value != later.reading.value
    between = settings[1].label.sub(" ", body[earlier.at : later.at])
    if settings[0]:  # a third part of the song, `Conclusion`, says nothing of two others
        between = _CONCLUSION.sub(" ", between)
    return differ and not supersedes(between)

"""What the run cards of merged tables say of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from musicflamingo_cli.results.run_card import CARD_KEY, part_of
from musicflamingo_cli.results.tables.table import Table

RULES = ("weights", "min_coverage", "assume_scale", "min_number_mass", "score_from")
"""Settings of scoring: tables that differ in one of them hold scores that can't be compared."""


def is_one_run(tables: Sequence[Table]) -> bool:
    """Return whether every table is a shard of a run over the same manifest in as many parts."""
    runs = set()
    for settings in (part_of(table.card, "settings") for table in tables):
        shard = settings.get("shard")
        runs.add((shard.partition("/")[2], str(settings.get("manifest"))) if isinstance(shard, str) else None)
    return len(runs) == 1 and None not in runs


def unlike_rules(tables: Sequence[Table]) -> dict[str, list[tuple[str, Any]]]:
    """Return the rules in which the run cards of tables differ: by setting, the names of the tables with their values.

    A card that does not name a setting says nothing of it.
    """
    unlike: dict[str, list[tuple[str, Any]]] = {}
    for rule in RULES:
        told: list[tuple[str, Any]] = []
        for table in tables:
            settings = part_of(table.card, "settings")
            if rule in settings and all(value != settings[rule] for _, value in told):
                told.append((table.name, settings[rule]))
        if len(told) > 1:
            unlike[rule] = told
    return unlike


def merged_card(tables: Sequence[Table], counts: Mapping[str, Any]) -> dict[bytes, bytes]:
    """Return the metadata of the merged table: the newest card, with the merge's own counts and the tables' names."""
    cards = [table.card for table in tables if table.card]
    if not cards:
        return {}
    newest = max(cards, key=lambda card: str(card.get("scored_at")))
    settings = newest.get("settings")
    mixed = sorted(unlike_rules(tables))
    if isinstance(settings, dict):
        settings = {name: value for name, value in settings.items() if name not in mixed} | {"shard": None}
    whole = {
        **newest,
        "settings": settings,
        "counts": {"rows": counts["rows_out"], "status": counts["status"]},
        "merged": [table.name for table in tables],
        **({"mixed": mixed} if mixed else {}),
    }
    return {CARD_KEY.encode(): orjson.dumps(whole)}

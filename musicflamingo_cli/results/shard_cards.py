"""What the run cards of merged tables say of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from musicflamingo_cli.results.card import CARD_KEY
from musicflamingo_cli.results.sources import Table


def is_one_run(tables: Sequence[Table]) -> bool:
    """True if every table is a shard of a run over the same manifest in as many parts."""
    runs = set()
    for table in tables:
        settings = (table.card or {}).get("settings")
        shard = settings.get("shard") if isinstance(settings, dict) else None
        if not isinstance(shard, str) or not isinstance(settings, dict):
            return False
        runs.add((shard.partition("/")[2], str(settings.get("manifest"))))
    return len(runs) == 1


def merged_card(tables: Sequence[Table], counts: Mapping[str, Any]) -> dict[bytes, bytes]:
    """The metadata of the merged table: the newest card, with the merge's own counts and the names of the tables."""
    cards = [table.card for table in tables if table.card]
    if not cards:
        return {}
    newest = max(cards, key=lambda card: str(card.get("scored_at")))
    settings = newest.get("settings")
    whole = {
        **newest,
        "settings": {**settings, "shard": None} if isinstance(settings, dict) else settings,
        "counts": {"rows": counts["rows_out"], "status": counts["status"]},
        "merged": [table.name for table in tables],
    }
    return {CARD_KEY.encode(): orjson.dumps(whole)}

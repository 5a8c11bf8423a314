"""What a report takes from the run card of a table, or from the cards of its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from musicflamingo_cli.results.tables.open import Table, card_of

NOT_ALIKE = ("shard", "manifest", "audio_root")
"""Settings in which the files of one table may differ."""


def whole_card(table: Table) -> tuple[dict[str, Any], list[str]]:
    """Return the run card as far as it holds for all of a table, and a sentence if its files were not made alike."""
    card = dict(table.card)
    cards = [found for part in table.parts if (found := card_of(part.schema))]
    settings = [settings_of(one) for one in cards]
    keys = dict.fromkeys(key for one in settings for key in one)
    differ = [key for key in keys if any(one.get(key) != settings[0].get(key) for one in settings)]
    if differ or "merged" in card:
        card["settings"] = {k: v for k, v in settings_of(card).items() if k != "shard"}
    told = [str(key) for key in differ if key not in NOT_ALIKE]
    if len(cards) < len(table.parts) and cards:
        told.append("whether there is a run card at all")
    if not told:
        return card, []
    return card, [
        f"Its files were not made alike; they differ in {', '.join(told)}. The run card is that of the first."
    ]


def settings_of(card: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of a run card; empty if it has none."""
    settings = card.get("settings")
    return settings if isinstance(settings, dict) else {}


def stated_scores(card: Mapping[str, Any]) -> dict[str, tuple[float | None, float | None]]:
    """Return the scores that a run card names, each with its range as far as it is stated."""
    fields = settings_of(card).get("fields")
    listed: Sequence[object] = fields if isinstance(fields, list) else ()
    scores = (f for f in listed if isinstance(f, dict) and f.get("kind") == "score")
    return {str(f.get("name")): _range(f.get("low"), f.get("high")) for f in scores}


def asks_no_scores(card: Mapping[str, Any]) -> bool:
    """Return whether a run card names fields and no score among them, as that of captions does."""
    fields = settings_of(card).get("fields")
    return isinstance(fields, list) and bool(fields) and not stated_scores(card)


def _range(low: object, high: object) -> tuple[float | None, float | None]:
    if isinstance(low, int | float) and isinstance(high, int | float) and low < high:
        return float(low), float(high)
    return None, None

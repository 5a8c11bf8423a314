"""The eleven fields of the quality pack, for every test of the parser."""

from __future__ import annotations

import pytest

from musicflamingo_cli.records import Field

TEXTS = ("genre", "tempo", "key", "instruments", "production_style", "mood")
WEIGHTS = {
    "content_usefulness": 0.15,
    "production_quality": 0.30,
    "content_enjoyment": 0.25,
    "production_complexity": 0.10,
    "overall_recommendation_score": 0.20,
}


@pytest.fixture(scope="session")
def fields() -> tuple[Field, ...]:
    texts = [Field(name, "text") for name in TEXTS]
    return (*texts, *(Field(name, "score", low=0.0, high=1.0, weight=weight) for name, weight in WEIGHTS.items()))


@pytest.fixture(scope="session")
def scores(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(field for field in fields if field.kind == "score")

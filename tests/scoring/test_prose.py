"""Scores stated in prose, and sentences that only look like it."""

from __future__ import annotations

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.answers import parse_reply


def quality(text: str, fields: tuple[Field, ...], prompt: str = "") -> float | str | None:
    return parse_reply(text, fields, prompt, "stop").fields["production_quality"].value


@pytest.mark.parametrize(
    "text",
    [
        "Production Quality: 0.85",
        "**Production Quality:** 0.85",
        "- production_quality: 0.85",
        "2. **Production Quality** - 0.85",
        "### Production Quality (0-1): 0.85",
        "production\\_quality = 0.85",
        "Production quality score: 0.85/1.0",
        "Production Quality: 85%",
        "Production Quality: 8.5/10",
        "Production Quality (out of 10): 8.5",
        "Production Quality (weight 30%): 0.85",
        "Production Quality: 0.85 (weight: 0.3)",
        "Production Quality: 0.85 - clean, 3 guitars, 120 BPM",
        "Production Quality: excellent (0.85)",
        "Production Quality: Crisp and wide. Score: 0.85",
        "Production Quality\nScore: 0.85",
        "## Production Quality\n\n**0.85**\n",
        "production_quality:\n  score: 0.85\n  reason: 2 takes",
        "| Production Quality | 0.85 | fine |",
        "| # | Dimension | Weight | Score |\n|---|---|---|---|\n| 1 | Production Quality | 0.3 | 0.85 |",
        "| production_quality | content_enjoyment |\n|---|---|\n| 0.85 | 0.7 |",
        "<production_quality>0.85</production_quality>",
        "production_quality,0.85",
        "Scores (out of 10):\n- Production Quality: 8.5",
        "weights:\n  production_quality: 0.3\nscores:\n  production_quality: 0.85",
        "I'd give production quality a 0.85.",
        "The production quality is a solid 0.85, given the mix.",
        "For production quality, I'd say 0.85.",
        "It earns 0.85 for production quality and 0.7 for content enjoyment.",
        "Content enjoyment is 0.7, with 0.85 for production quality.",
        "content enjoyment: 0.7, production quality: 0.85; content usefulness: 0.6",
        "Production quality: 0.85 Content enjoyment: 0.7",
        "Production Quality | 0.85\nContent Enjoyment | 0.7",
        "Production quality: 0.6\nOn reflection, production quality: 0.85",
    ],
)
def test_reads(text: str, fields: tuple[Field, ...]) -> None:
    assert quality(text, fields) == 0.85


@pytest.mark.parametrize(
    "text",
    [
        "Production quality: 0.0 to 1.0",
        "production_quality (0.0-1.0)",
        "Rate production quality from 0.0 to 1.0.",
        "Production quality on a scale of 0 to 1: good",
        "Production quality: high",
        "Production quality: 8",
        "Production quality: 1 star",
        "Production quality: 1. The mix is clean. 2. The bass is deep.",
        "Production quality:\n1. The mix is clean\n2. The bass is deep",
        "Production quality: 0 issues found",
        "Production quality: less than 0.5",
        "Production quality: 0.8 ± 0.1",
        "production quality is not 0.8",
        "production quality is below 0.5",
        "production quality is 0.1 higher than average",
        "production quality improved by 0.2",
        "production quality at 0:45 is great",
        "If production quality were 0.9, I'd be happy",
        "I would not give production quality a 0.9.",
        "between 0.7 and 0.8 for production quality",
        "a weight of 0.3 for production quality",
        "0.3 × production quality",
        "score = 0.15*content_usefulness + 0.30*production_quality = 0.8",
        "Weights:\n- Production Quality: 0.3",
        "For example:\n- Production Quality: 0.3",
        "Confidence in production quality: 0.9",
        "minimum production quality: 0.4",
        "Vocal production quality: 0.6",
        "reproduction quality: 0.6",
        "production_quality_weight: 0.3",
        "production_quality.confidence: 0.9",
        "| Dimension | Weight |\n|---|---|\n| Production Quality | 0.3 |",
        "| Production Quality | 0.3 | 0.8 |",
        "All scores are out of 10.\nProduction Quality: 1",
    ],
)
def test_leaves_out(text: str, fields: tuple[Field, ...]) -> None:
    assert quality(text + "\n", fields) is None


def test_a_line_of_the_prompt_is_no_answer(fields: tuple[Field, ...]) -> None:
    prompt = "Say it like this:\nProduction quality: 0.7\nContent enjoyment: 0.5"
    assert quality("Production quality: 0.7", fields, prompt) is None
    assert quality("Production quality: 0.75", fields, prompt) == 0.75


def test_descriptions(fields: tuple[Field, ...]) -> None:
    text = "**Genre:** dub\nTempo: 120 BPM, steady\nInstruments:\n- bass\n- drums\n\nKey: C minor"
    found = {name: one.value for name, one in parse_reply(text, fields, "", "length").fields.items() if one.value}
    assert found == {"genre": "dub", "tempo": "120 BPM, steady", "instruments": "bass, drums"}


@pytest.mark.parametrize(
    "text",
    [
        "Production quality: A1",
        "production_quality: 0.__",
        "Production quality * 0.3",
        "Production quality 1: clear",
        "Content enjoyment - production quality = 0.1",
        "e.g. production_quality: 0.5",
        "A score of 0.5 for production quality means average.",
        "At first I gave production quality 0.9.",
        "Some would say production quality is 0.9.",
    ],
)
def test_what_is_no_statement_on_this_song(text: str, fields: tuple[Field, ...]) -> None:
    assert parse_reply(text + "\n", fields, finish_reason="stop").fields["production_quality"].value is None


@pytest.mark.parametrize(
    "text",
    [
        "_Production quality: 0.8._",
        "__Production quality: 0.8.__",
        "At first it sounds thin, but the production quality is 0.8.",
        "Some people find it flat, but production quality is 0.8.",
        "The production quality for this track is 0.8.",
        "Production quality comes to 0.8.",
        "As for production quality, it's a 0.8.",
        "The mix is crisp, so production quality gets 0.8 from me.",
    ],
)
def test_a_score_among_words(text: str, fields: tuple[Field, ...]) -> None:
    assert quality(text + "\n", fields) == 0.8

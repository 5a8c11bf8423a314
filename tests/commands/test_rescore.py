"""Scores made anew from the cache: another scale, other weights, no engine, nothing heavy."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest

TENS = {
    "genre": "jazz",
    "production_quality": 8,
    "content_enjoyment": "7/10",
    "overall_recommendation_score": 6.5,
}


def settings(bench: Any) -> dict[str, Any]:
    card: dict[str, Any] = json.loads(pq.read_schema(bench.table).metadata[b"mfq.run"])
    return dict(card["settings"])


def test_a_person_may_say_the_scale_of_bare_numbers_and_the_run_card_tells(
    bench: Any, script: Callable[..., None]
) -> None:
    bench.songs(1)
    script({"default": {"reply": json.dumps(TENS)}})
    assert bench.score() == 0
    assert settings(bench)["assume_scale"] is None
    row = bench.result()[0]
    assert (row["production_quality"], row["content_enjoyment"], row["overall_recommendation_score"]) == (
        None,
        0.7,
        None,
    )
    assert row["reason"] == "out_of_range"
    assert bench.score("--offline", "--assume-scale", 10) == 0
    assert settings(bench)["assume_scale"] == 10
    row = bench.result()[0]
    assert (row["production_quality"], row["content_enjoyment"], row["overall_recommendation_score"]) == (
        0.8,
        0.7,
        0.65,
    )
    assert row["production_quality_detail"]["obtained"] == "rescaled"
    assert row["production_quality_detail"]["written"] == 8.0


def test_measured_numbers_have_a_scale_of_their_own(bench: Any) -> None:
    bench.songs(1)
    assert bench.score("--prompt", "technical", engine="signal") == 0
    before = bench.result()[0]["production_quality"]
    assert before is not None
    assert bench.score("--prompt", "technical", "--offline", "--assume-scale", 10, engine="signal") == 0
    row = bench.result()[0]
    assert row["production_quality"] == before
    assert row["production_quality_detail"]["obtained"] == "measured"


@pytest.mark.parametrize("word", ["0", "-1", "nan", "inf", "ten"])
def test_no_scale_is_wrong_usage(bench: Any, word: str) -> None:
    bench.songs(1)
    assert bench.score("--offline", "--assume-scale", word) == 2


def test_offline_loads_nothing_heavy(bench: Any) -> None:
    bench.songs(1)
    assert bench.score() == 0
    words = ["score", bench.manifest, "--engine", "fake", "-o", bench.table, "--cache-dir", bench.folder / "cache"]
    code = (
        "import sys; from musicflamingo_cli.cli import main; code = main(sys.argv[1:]); "
        "heavy = {'torch', 'transformers', 'torchaudio', 'scipy', 'soundfile', 'soxr', 'av'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words), "--offline"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_tables_of_other_weights_or_scales_are_not_merged_without_a_word(bench: Any) -> None:
    bench.songs(2)
    first, second, whole = (bench.folder / f"{name}.parquet" for name in ("first", "second", "whole"))
    assert bench.score("-o", first) == 0
    assert bench.score("--offline", "--weights", "production_quality=1", "-o", second) == 0
    bench.stderr()
    assert bench.mfq("merge", first, second, "-o", whole) == 2
    assert "weights is" in bench.stderr() and not whole.exists()
    assert bench.mfq("merge", first, second, "-o", whole, "--allow-mixed") == 0
    card = json.loads(pq.read_schema(whole).metadata[b"mfq.run"])
    assert card["mixed"] == ["weights"] and "weights" not in card["settings"]
    assert bench.mfq("merge", first, first, "-o", whole) == 0
    assert "mixed" not in json.loads(pq.read_schema(whole).metadata[b"mfq.run"])

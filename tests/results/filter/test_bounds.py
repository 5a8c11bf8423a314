"""Thresholds: compared to the last digit, and within what a score can be."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main

BIG = 2**53


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def kept(values: pa.Array, *words: str) -> list[object]:
    pq.write_table(pa.table({"song_id": [str(i) for i in range(len(values))], "plays": values}), "t.parquet")
    assert main(["filter", "t.parquet", *words, "-o", "kept.parquet"]) == 0
    return pq.read_table("kept.parquet").column("plays").to_pylist()


INTS = [BIG - 1, BIG, BIG + 1, BIG + 2, None]
PRICES = [Decimal("0.10"), Decimal("90071992547409.92"), Decimal("90071992547409.93"), Decimal("90071992547409.94")]


@pytest.mark.parametrize(
    ("values", "words", "positions"),
    [
        (pa.array(INTS), ["--min", f"plays={BIG + 1}"], [2, 3]),
        (pa.array(INTS), ["--max", f"plays={BIG + 1}"], [0, 1, 2]),
        (pa.array(INTS), ["--min", f"plays={BIG}.5"], [2, 3]),
        (pa.array(INTS), ["--max", f"plays={BIG}.5"], [0, 1]),
        (pa.array(INTS), ["--where", f"plays >= {BIG + 1}"], [2, 3]),
        (pa.array([2**64 - 1, 2**64 - 2], pa.uint64()), ["--min", f"plays={2**64 - 1}"], [0]),
        (pa.array([1, 2]), ["--min", "plays=-1e300"], [0, 1]),
        (pa.array([1, 2]), ["--min", "plays=1e300"], []),
        (pa.array([1, 2, 3]), ["--min", "plays=2e0", "--max", "plays=2.0"], [1]),
        (pa.array(PRICES, pa.decimal128(18, 2)), ["--min", "plays=90071992547409.93"], [2, 3]),
        (pa.array(PRICES, pa.decimal128(18, 2)), ["--max", "plays=90071992547409.935"], [0, 1, 2]),
        (pa.array(PRICES, pa.decimal128(18, 2)), ["--max", "plays=0.1"], [0]),
        (pa.array([0.7, 0.69], pa.float32()), ["--min", "plays=0.7"], [0]),
    ],
)
def test_a_bound_is_exact(values: pa.Array, words: list[str], positions: list[int]) -> None:
    assert kept(values, *words) == [values[i].as_py() for i in positions]


SCORES = {"song_id": ["a", "b"], "overall_quality_score": [0.2, 0.8], "tempo_bpm": [90.0, 140.0]}


@pytest.mark.parametrize("flag", ["--min", "--max"])
@pytest.mark.parametrize("bound", ["60", "1.5", "-0.1", "overall_quality_score=1.0000001"])
def test_a_threshold_that_no_score_can_reach_is_refused(
    flag: str, bound: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.table(SCORES), "t.parquet")
    assert main(["filter", "t.parquet", flag, bound, "-o", "kept.parquet"]) == 2
    assert "overall_quality_score is 0..1" in capsys.readouterr().err
    assert not Path("kept.parquet").exists()


@pytest.mark.parametrize(
    "words", [["--min", "0"], ["--max", "1"], ["--min", "tempo_bpm=60"], ["--max", "tempo_bpm=-1"]]
)
def test_the_ends_and_other_columns_are_no_trouble(words: list[str]) -> None:
    pq.write_table(pa.table(SCORES), "t.parquet")
    assert main(["filter", "t.parquet", *words, "-o", "kept.parquet"]) == 0

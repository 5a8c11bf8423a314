"""What of a cached entry still counts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile

from musicflamingo_cli.cache_entry import decode_entry, encode_entry
from musicflamingo_cli.measures import MEASURES_VERSION


@pytest.mark.parametrize(
    ("channels", "rate", "version"),
    [(2, 44_100, "1"), (4, 44_100, MEASURES_VERSION), (2, 22_050, MEASURES_VERSION)],
)
def test_a_new_version_of_the_measures_reads_again_what_it_measures_otherwise(
    bench: Any, asked: Any, channels: int, rate: int, version: str
) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (rate, channels)).astype(np.float32)
    soundfile.write(bench.folder / "a.wav", noise, rate)
    bench.rows([{"id": "a", "audio": "a.wav"}])
    assert bench.score() == 0
    path = next((bench.folder / "cache").glob("*/??/a.json"))
    entry = decode_entry(path.read_bytes(), "a")
    assert entry is not None
    path.write_bytes(encode_entry(replace(entry, measures_version="1")))
    assert bench.score() == 0
    after = decode_entry(path.read_bytes(), "a")
    assert after is not None
    assert after.measures_version == version
    assert asked() == ["a"]


def test_old_measures_are_taken_anew_where_all_are_wanted_and_the_model_is_not_asked(bench: Any, asked: Any) -> None:
    bench.tone("a.wav", seconds=1)
    bench.rows([{"id": "a", "audio": "a.wav"}])
    assert bench.score("--measure") == 0
    path = next((bench.folder / "cache").glob("*/??/a.json"))
    entry = decode_entry(path.read_bytes(), "a")
    assert entry is not None and entry.heard is not None
    old = replace(entry.heard, measures=replace(entry.heard.measures, balance_db=None, short_term_crest_db=None))
    path.write_bytes(encode_entry(replace(entry, heard=old, measures_version="2")))
    assert bench.score() == 0
    assert bench.score("--measure") == 0
    assert bench.result()[0]["short_term_crest_db"] == entry.heard.measures.short_term_crest_db
    assert asked() == ["a"]


@pytest.mark.parametrize(("seconds", "count"), [(1.0, 1), (0.4, 2)])
def test_a_reply_to_a_part_is_none_to_the_whole(bench: Any, asked: Any, seconds: float, count: int) -> None:
    """Version 1 heard only the first of several recordings in a file, and said `truncated_file`."""
    bench.tone("a.wav", seconds=1)
    bench.rows([{"id": "a", "audio": "a.wav"}])
    assert bench.score() == 0
    path = next((bench.folder / "cache").glob("*/??/a.json"))
    entry = decode_entry(path.read_bytes(), "a")
    assert entry is not None and entry.heard is not None
    heard = replace(entry.heard, flags=("truncated_file",), used_seconds=seconds)
    path.write_bytes(encode_entry(replace(entry, heard=heard, measures_version="1")))
    for _ in range(2):
        assert bench.score() == 0
        assert asked() == ["a"] * count
        assert bench.result()[0]["audio_flags"] == []

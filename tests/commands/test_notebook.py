from pathlib import Path
from typing import Any

import pytest

from musicflamingo_cli import score_songs
from musicflamingo_cli.errors import UsageError


def test_a_notebook_gets_what_the_command_writes(bench: Any) -> None:
    import pandas as pd

    bench.songs(2, genre="jazz")
    assert bench.score() == 0
    table = score_songs(bench.manifest, engine="fake", cache_dir=bench.folder / "cache", keep="genre")
    assert list(table["overall_quality_score"]) == [row["overall_quality_score"] for row in bench.result()]
    assert list(table["manifest_genre"]) == ["jazz", "jazz"]
    assert table.attrs["mfq.run"]["settings"]["engine"] == "fake"
    rows = [{"id": "a", "audio": str(bench.folder / "0.wav")}]
    for songs in (rows, pd.DataFrame(rows)):
        assert list(score_songs(songs, engine="fake")["song_id"]) == ["a"]


def test_options_are_those_of_the_command_line(bench: Any, script: Any) -> None:
    bench.songs(1)
    script({"default": {"reply": {"production_quality": 0.5}}})
    weights = {"production_quality": 3, "content_enjoyment": 1}
    table = score_songs(bench.manifest, engine="fake", weights=weights, min_coverage=0.7)
    assert list(table["overall_quality_score"]) == [0.5]


@pytest.mark.parametrize(
    "wrong", [{"nonsense": 1}, {"output": "x"}, {"weights": {"nothing": 1}}, {"prompt": "nothing"}]
)
def test_wrong_options_are_refused_with_words(bench: Any, wrong: dict[str, Any]) -> None:
    bench.songs(1)
    with pytest.raises(UsageError):
        score_songs(bench.manifest, engine="fake", **wrong)


def test_songs_of_another_kind_are_refused_with_words() -> None:
    with pytest.raises(UsageError, match="a mapping with an id"):
        score_songs(["a.wav"], engine="fake")  # type: ignore[list-item]
    with pytest.raises(UsageError, match="No such file"):
        score_songs(Path("nowhere.jsonl"), engine="fake")

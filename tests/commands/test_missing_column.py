"""A prompt that names a column: it is there, or the run says so before anything is heard."""

import json
from pathlib import Path

import pytest

from musicflamingo_cli.cli import main

SCORE = 'name = "overall_appeal"\nkind = "score"\nweight = 1\nlow = 0\nhigh = 1\nmeaning = "appeal"\n'
PACK = f'name = "mine"\n[[fields]]\n{SCORE}'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine/pack.toml").write_text(PACK)
    Path("mine/prompt.md").write_text("Rate {song_id} by {artist}.")


def score(rows: list[dict[str, object]], *more: str) -> int:
    Path("songs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return main(
        ["score", "songs.jsonl", "--engine", "fake", "--prompt", "./mine", "--dry-run", "--cache-dir", "c", *more]
    )


@pytest.mark.parametrize("place", ["prompt.md", "system.md"])
def test_a_column_that_is_not_there_is_refused(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine/prompt.md").write_text("Rate it.")
    Path("mine", place).write_text("It is by {artist}.")
    assert score([{"id": "a", "audio": "a.wav", "year": 1999}]) == 2
    told = capsys.readouterr().err
    assert "names {artist}: songs.jsonl has no such column (columns: id, audio, year)" in told
    assert "--missing-column unknown" in told
    assert score([{"id": "a", "audio": "a.wav"}], "--missing-column", "unknown") == 0


@pytest.mark.parametrize("name", ["artist", "Artist", " ARTIST"])
def test_a_column_with_an_empty_cell_is_there(name: str) -> None:
    assert score([{"id": "a", "audio": "a.wav", name: "x"}, {"id": "b", "audio": "b.wav", name: None}]) == 0


def test_another_choice_is_a_wrong_use() -> None:
    assert score([{"id": "a", "audio": "a.wav", "artist": "x"}], "--missing-column", "empty") == 2

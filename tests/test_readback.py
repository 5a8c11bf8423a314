"""Many rows are read back by several processes, in the same order and to the same rows."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from musicflamingo_cli import readback
from musicflamingo_cli.cache import Cache, Entry
from musicflamingo_cli.inference.conversation import prompt_hash, render
from musicflamingo_cli.intake.packs import load_pack
from musicflamingo_cli.records import RejectedRow, Reply, Rules, Song
from musicflamingo_cli.results.table import RunFacts, TableForm


def test_processes_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = load_pack("quality")
    cache = Cache(tmp_path, "fake-quality", {})
    cache.open()
    rows: list[Song | RejectedRow] = []
    for number in range(600):
        song = Song(number + 1, f"song-{number}", "x.wav", "/x.wav")
        rows.append(song if number % 50 else RejectedRow(number + 1, "failed", "bad_row", "line"))
        if number % 3 == 0 and number % 50:
            text = f'{{"production_quality": {number / 1000}}}'
            digest = prompt_hash(*render(pack, song))
            cache.put(Entry(song.song_id, digest, replies=(Reply(text),), run="old"))
    facts = RunFacts("fake", None, None, "", "text", datetime(2026, 11, 20, tzinfo=UTC))
    how = readback.Readback(cache, pack, pack.asked, Rules(min_coverage=0.1), TableForm(pack, {}), facts, "now")
    one = list(readback.read_back(how, iter(rows), len(rows), 1))
    monkeypatch.setattr(readback, "MANY_ROWS", 100)
    assert list(readback.read_back(how, iter(rows), len(rows), 2)) == one
    assert [row["manifest_row"] for row in one] == list(range(1, 601))
    assert one[3]["overall_quality_score"] == 0.003 and one[3]["cached"]

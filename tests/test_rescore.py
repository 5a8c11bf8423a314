"""Many rows are read back by several processes, in the same order and to the same rows."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from musicflamingo_cli import rescore
from musicflamingo_cli.cache import Cache
from musicflamingo_cli.cache_entry import Entry
from musicflamingo_cli.inference import lookup
from musicflamingo_cli.inference.prompt import prompt_hash, render
from musicflamingo_cli.intake.packs import load_pack
from musicflamingo_cli.records import RejectedRow, Reply, Rules, Song
from musicflamingo_cli.results.outcome_rows import RowForm, RunFacts

Rows = list[Song | RejectedRow]


@pytest.fixture
def made(tmp_path: Path) -> tuple[rescore.Reader, Rows]:
    """Return a cache of some replies, ready to be read back, and its rows."""
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
    return rescore.Reader(cache, pack, pack.asked, Rules(min_coverage=0.1), "now", RowForm(pack), facts), rows


def children() -> set[int]:
    """Return the processes that this one started and that have not ended."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text("ascii").split()}


def test_processes_change_nothing(made: tuple[rescore.Reader, Rows], monkeypatch: pytest.MonkeyPatch) -> None:
    (how, rows), before = made, children()
    one = list(rescore.read_back(how, iter(rows), len(rows), 1))
    monkeypatch.setattr(rescore, "MANY_ROWS", 100)
    assert list(rescore.read_back(how, iter(rows), len(rows), 2)) == one
    assert [row for row, _ in one] == rows
    assert [row["manifest_row"] for _, row in one] == list(range(1, 601))
    assert one[3][1]["overall_quality_score"] == 0.003 and one[3][1]["cached"]
    assert children() == before


def test_a_process_that_dies_costs_nothing(made: tuple[rescore.Reader, Rows], monkeypatch: pytest.MonkeyPatch) -> None:
    (how, rows), before = made, children()
    one = list(rescore.read_back(how, iter(rows), len(rows), 1))
    monkeypatch.setattr(rescore, "MANY_ROWS", 100)
    monkeypatch.setattr(rescore, "CHUNK_ROWS", 20)

    def fed() -> Iterator[Song | RejectedRow]:
        for number, row in enumerate(rows):
            if number == 250:
                for child in children() - before:
                    os.kill(child, signal.SIGKILL)
            yield row

    assert list(rescore.read_back(how, fed(), len(rows), 2)) == one
    assert children() == before


def test_processes_are_gone_when_the_reading_ends_early(
    made: tuple[rescore.Reader, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    (how, rows), before = made, children()
    monkeypatch.setattr(rescore, "MANY_ROWS", 100)
    monkeypatch.setattr(rescore, "CHUNK_ROWS", 20)
    reading = rescore.read_back(how, iter(rows), len(rows), 2)
    next(reading)
    assert len(children()) > len(before)
    reading.close()  # type: ignore[attr-defined]  # it is a generator
    assert children() == before


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share the reading of a few songs among processes, as that of many."""
    monkeypatch.setattr(rescore, "MANY_ROWS", 1)
    monkeypatch.setattr(rescore, "CHUNK_ROWS", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def test_what_processes_find_is_a_hit_and_all_else_is_looked_up_in_its_turn(
    bench: Any, asked: Callable[[], list[str]], many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.songs(8)
    assert bench.score() == 0
    before = children()
    bench.tone("1.wav", hertz=500.0, seconds=3.0)
    next(bench.folder.glob("cache/fake-*/??/song-2.json")).write_text('{"song_id":"song-2"')
    (bench.folder / "3.wav").unlink()
    os.utime(bench.folder / "4.wav", (1, 1))
    looked: list[str] = []

    def look_up(song: Song, *how: Any) -> Any:
        looked.append(song.song_id)
        return lookup.look_up(song, *how)

    monkeypatch.setattr("musicflamingo_cli.inference.runner.look_up", look_up)
    assert bench.score() == 1
    assert looked == ["song-1", "song-2", "song-3", "song-4"]
    assert sorted(asked()[8:]) == ["song-1", "song-2"]
    assert [row["status"] for row in bench.result()] == ["ok"] * 3 + ["failed"] + ["ok"] * 4
    assert [row["cached"] for row in bench.result()] == [True, False, False, False, True, True, True, True]
    assert children() == before


def test_a_refresh_asks_for_all_however_many_are_cached(bench: Any, asked: Callable[[], list[str]], many: None) -> None:
    bench.songs(3)
    assert bench.score() == bench.score("--refresh") == 0
    assert len(asked()) == 6


def test_rows_are_collected_rarely_and_only_while_they_are_read() -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    with rescore.rare_collections():
        assert gc.get_threshold()[0] == rescore.COLLECTED
    assert (gc.get_threshold(), gc.get_freeze_count()) == before

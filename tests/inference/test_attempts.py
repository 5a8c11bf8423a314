from pathlib import Path

import orjson
import pytest

from musicflamingo_cli.inference.attempts import Journal, Suspects


def died(folder: Path, songs: list[str], *, inside: bool) -> Suspects:
    """Let a run die with these songs in the model; return what the next run thinks."""
    journal = Journal(folder)
    with journal:
        journal.start(songs)
        torn = (folder / "attempts.jsonl").read_bytes()
    (folder / "attempts.jsonl").write_bytes(torn)
    if inside:
        (folder / "attempts.fault").write_text("Fatal Python error: Segmentation fault\n")
    with Journal(folder) as later:
        return later.suspects


def test_two_crashes_condemn_a_song_and_one_makes_it_go_alone(tmp_path: Path) -> None:
    first = died(tmp_path, ["a", "b"], inside=True)
    assert first.alone("a") and first.alone("b") and not first.condemned("a") and not first.alone("c")
    second = died(tmp_path, ["a"], inside=True)
    assert second.condemned("a") and not second.condemned("b") and second.alone("b")


def test_no_number_of_kills_condemns(tmp_path: Path) -> None:
    assert died(tmp_path, ["a", "b"], inside=False).alone("a")
    states = [died(tmp_path, ["a"], inside=False) for _ in range(9)]
    assert not any(state.condemned("a") for state in states)
    assert all(state.alone("a") for state in states)


def test_the_song_that_was_there_at_most_deaths_is_tried_last(tmp_path: Path) -> None:
    for songs in (["a", "b", "c"], ["a"], ["a"], ["b"]):
        found = died(tmp_path, songs, inside=False)
    assert sorted("abc", key=found.weight) == ["c", "b", "a"]
    found = died(tmp_path, ["c"], inside=True)
    assert sorted("abc", key=found.weight) == ["c", "b", "a"], "what ends by itself comes before what is only killed"


def test_a_crash_while_a_batch_is_made_ready_is_of_either_batch_and_a_kill_of_the_one_in_the_model(
    tmp_path: Path,
) -> None:
    for inside, suspects in ((True, {"a", "b"}), (False, {"a"})):
        folder = tmp_path / str(inside)
        folder.mkdir()
        with Journal(folder) as journal:
            journal.prepare(["a"])
            journal.start(["a"])
            journal.prepare(["b"])
        if inside:
            (folder / "attempts.fault").write_text("Fatal Python error: Segmentation fault\n")
        with Journal(folder) as later:
            assert {one for one in "ab" if later.suspects.alone(one)} == suspects


def test_an_engine_that_gives_up_on_a_batch_made_ready_is_held_against_that_one(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.start(["a"])
        journal.prepare(["b"])
        journal.brought_down()
        journal.end(["a"])
    with Journal(tmp_path) as later:
        assert later.suspects.crashes == {"b": 1}


def test_a_polite_stop_says_nothing_of_a_song(tmp_path: Path) -> None:
    died(tmp_path, ["b"], inside=True)
    with Journal(tmp_path) as journal:
        journal.start(["a", "b"])
        journal.end(["a", "b"], cleared=False)
    with Journal(tmp_path) as later:
        assert not later.suspects.alone("a")
        assert later.suspects.crashes == {"b": 1}


def test_a_song_that_came_out_is_no_suspect(tmp_path: Path) -> None:
    died(tmp_path, ["a", "b"], inside=True)
    with Journal(tmp_path) as journal:
        journal.start(["a"])
        journal.end(["a"])
    with Journal(tmp_path) as journal:
        assert not journal.suspects.alone("a") and journal.suspects.alone("b")


def test_an_engine_that_fails_for_good_counts_as_a_crash(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.start(["a"])
        journal.brought_down()
    with Journal(tmp_path) as journal:
        assert journal.suspects.crashes == {"a": 1}


def test_the_file_does_not_grow_with_the_songs(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        for number in range(1000):
            journal.start([f"song-{number}"])
            journal.end([f"song-{number}"])
        assert (tmp_path / "attempts.jsonl").stat().st_size < 100


@pytest.mark.parametrize("end", range(0, 90, 7))
def test_a_torn_journal_is_read_as_far_as_it_goes(tmp_path: Path, end: int) -> None:
    died(tmp_path, ["a"], inside=True)
    path = tmp_path / "attempts.jsonl"
    path.write_bytes((path.read_bytes() + orjson.dumps({"event": "start", "songs": ["z"]}))[:end])
    with Journal(tmp_path) as journal:
        assert set(journal.suspects.crashes) <= {"a"}

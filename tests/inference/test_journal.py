from pathlib import Path

import orjson
import pytest

from musicflamingo_cli.inference.journal import Journal, Suspects


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


def test_only_the_fourth_kill_alone_condemns(tmp_path: Path) -> None:
    assert died(tmp_path, ["a", "b"], inside=False).alone("a")
    states = [died(tmp_path, ["a"], inside=False) for _ in range(4)]
    assert [state.condemned("a") for state in states] == [False, False, False, True]


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

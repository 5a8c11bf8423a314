"""A cache folder that others can write to: what they put in our files' place is not followed, emptied or waited for."""

import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from musicflamingo_cli.cache import Cache
from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.fake import FakeEngine
from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.files import open_folder, open_regular, write_whole
from musicflamingo_cli.inference.model_pin import load_as_before
from musicflamingo_cli.intake.packs import load_pack

FILES = ["run.json", "lock", "attempts.jsonl", "attempts.fault", "status.json"]
SHARD_FILES = ["lock", "lock.of-2", "lock.1-of-2", "attempts.1-of-2.jsonl", "status.1-of-2.json"]
KINDS = ["link", "hard link", "fifo", "folder"]
VICTIM = '{"pid": 1, "state": "done", "seconds": 1.0, "kept": true}'


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """A FIFO that is waited for would hold the tests up for ever."""

    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def replaced(path: Path, kind: str, victim: Path) -> None:
    """Put what is no file of ours in a file's place."""
    path.unlink(missing_ok=True)
    victim.write_text(VICTIM)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "hard link":
        path.hardlink_to(victim)
    else:
        path.symlink_to(victim)


def identity_folder(bench: Any) -> Path:
    return next((bench.folder / "cache").glob("fake-quality-*"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "words"), [*((n, ()) for n in FILES), *((n, ("--shard", "1/2")) for n in SHARD_FILES)]
)
def test_nothing_is_written_through_a_file_of_ours(bench: Any, name: str, words: tuple[str, ...], kind: str) -> None:
    bench.rows([{"id": "a", "audio": ""}])
    before = bench.score(*words)
    victim = bench.folder / "victim"
    replaced(identity_folder(bench) / name, kind, victim)
    code = bench.score(*words)
    said = bench.stderr()
    assert victim.read_text() == VICTIM
    assert "Traceback" not in said and "internal" not in said
    if name.startswith("lock"):
        assert code == 4 and "is a link, a FIFO, a folder or a file with a second name; remove it" in said
    else:
        assert code == (4 if kind == "folder" else before)
    assert code != 4 or str(identity_folder(bench)) in said
    assert bench.mfq("status", bench.folder / "cache") in (0, 2)


@pytest.mark.parametrize("name", ["attempts.jsonl", "status.json"])
def test_a_run_that_hears_songs_goes_on_without_them(bench: Any, script: Any, asked: Any, name: str) -> None:
    bench.songs(2)
    script({"song-1": {"out_of_memory_above": 0}})
    assert bench.score() == 1
    replaced(identity_folder(bench) / name, "link", bench.folder / "victim")
    script({})
    assert bench.score() == 0
    assert (bench.folder / "victim").read_text() == VICTIM
    assert asked() == ["song-0", "song-1"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_lock_of_another_count_is_not_waited_for(bench: Any, kind: str) -> None:
    bench.rows([{"id": "a", "audio": ""}])
    bench.score("--shard", "1/2")
    replaced(identity_folder(bench) / "lock.of-3", kind, bench.folder / "victim")
    assert bench.score("--shard", "1/2") == 4
    assert "lock.of-3 is a link" in bench.stderr()


def test_a_holder_is_looked_up_in_regular_files_only(bench: Any) -> None:
    bench.rows([{"id": "a", "audio": ""}])
    bench.score("--shard", "1/2")
    folder = identity_folder(bench)
    os.mkfifo(folder / "lock.9-of-9")
    handle = open_regular(folder / "lock", os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        assert bench.score("--shard", "1/2") == 75
    finally:
        os.close(handle)


@pytest.mark.parametrize("place", ["level", "identity"])
def test_nothing_is_read_or_written_through_a_linked_folder(bench: Any, asked: Any, place: str) -> None:
    bench.songs(1)
    assert bench.score() == 0
    entry = next(identity_folder(bench).glob("??/*.json"))
    folder = entry.parent if place == "level" else identity_folder(bench)
    elsewhere = bench.folder / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    held = {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()}
    assert bench.score() == 4
    assert "link" in bench.stderr()
    assert bench.score("--offline") == (4 if place == "identity" else 1)
    assert {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()} == held


def test_the_folder_that_was_named_may_be_a_link(bench: Any, asked: Any) -> None:
    """A mounted disk."""
    bench.songs(1)
    (bench.folder / "disk").mkdir()
    (bench.folder / "cache").symlink_to(bench.folder / "disk")
    assert bench.score() == 0 and bench.score() == 0 and bench.score("--offline") == 0
    assert asked() == ["song-0"]
    assert bench.mfq("show", "song-0", "--cache-dir", bench.folder / "cache") == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_note_of_a_commit_is_no_way_out(tmp_path: Path, kind: str) -> None:
    engine = FakeEngine(EngineSettings(load_pack("quality")))
    engine.provenance = {"commit": "abc"}  # type: ignore[attr-defined]
    folder, victim = tmp_path / "cache" / "one", tmp_path / "victim"
    folder.mkdir(parents=True)
    replaced(folder / "commit.txt", kind, victim)
    if kind == "folder":
        with pytest.raises(OutputError, match="Is a directory"):
            load_as_before(engine, folder)
    else:
        load_as_before(engine, folder)
        assert (folder / "commit.txt").read_text() == "abc\n"
    assert victim.read_text() == VICTIM


def test_a_folder_is_not_swept_through_a_link(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", "x", {})
    cache.open()
    other = tmp_path / "other"
    other.mkdir()
    (other / ".a.json.0123abcd.part").write_bytes(b"kept")
    (cache.folder / "ab").symlink_to(other)
    (cache.folder / "cd").mkdir()
    (cache.folder / "cd" / ".b.json.0123abcd.part").symlink_to(other / ".a.json.0123abcd.part")
    assert cache.sweep() == 0
    assert (other / ".a.json.0123abcd.part").read_bytes() == b"kept"


def test_a_folder_that_is_exchanged_in_between_is_noticed(tmp_path: Path) -> None:
    """Folders are opened one below the other: a name that was good a moment ago counts for nothing."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "c" / "b").mkdir(parents=True)
    with open_folder(tmp_path / "a" / "b", tmp_path) as folder:
        (tmp_path / "a").rename(tmp_path / "old")
        (tmp_path / "a").symlink_to(tmp_path / "c")
        os.close(os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    assert (tmp_path / "old" / "b" / "x").exists() and not list((tmp_path / "c" / "b").iterdir())
    with pytest.raises(OSError, match="a is a link, or no folder"):
        write_whole(tmp_path / "a" / "b" / "x", b"", within=tmp_path)

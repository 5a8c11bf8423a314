import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musicflamingo_cli.cache import Cache, entry_in, escaped, folders
from musicflamingo_cli.cache_entry import encode_entry
from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.records import Failure, Reply
from tests.test_cache_entry import ENTRY, HEARD

ODD_IDS = [
    "a",
    "A",
    "a.",
    "\u00e9",
    "e\u0301",
    "../../etc/passwd",
    "/",
    ".",
    "..",
    "",
    "con",
    "CON.txt",
    "nul",
    "a" * 5000,
]
ODD_IDS += [
    "a" * 4999 + "b",
    "%61",
    "a%",
    "a~b",
    "x\n\x1b[31m",
    "\u202eevil",
    "日本語" * 90,
    "a/b",
    "a\\b",
    " a",
    "a ",
    "-rf",
]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    made = Cache(tmp_path / "cache", "fake-quality", {"engine": "fake", "pack": "quality"})
    made.open()
    return made


def test_what_is_put_comes_back_whole(cache: Cache) -> None:
    cache.put(ENTRY)
    assert cache.get("song/1") == ENTRY


def test_the_clip_is_never_kept(cache: Cache) -> None:
    cache.put(replace(ENTRY, heard=replace(HEARD, clip=np.zeros(16000, np.float32))))
    assert cache.path("song/1").stat().st_size < 4000
    assert cache.get("song/1") == ENTRY


def test_a_failure_comes_back_beside_older_replies(cache: Cache) -> None:
    failed = replace(ENTRY, failure=Failure("intake", "not_found", "gone", True), failed_file=("/music/a.wav", 0, 5))
    cache.put(failed)
    assert cache.get("song/1") == failed


@pytest.mark.parametrize("song_id", ODD_IDS)
def test_no_id_leaves_the_folder(cache: Cache, song_id: str) -> None:
    cache.put(replace(ENTRY, song_id=song_id))
    path = cache.path(song_id)
    assert path.resolve().parent.parent == cache.folder.resolve()
    assert len(path.name) <= 125
    found = cache.get(song_id)
    assert found is not None and found.song_id == song_id


def test_no_two_ids_share_a_file_even_where_case_is_folded() -> None:
    names = [escaped(song_id).casefold() for song_id in ODD_IDS]
    assert len(set(names)) == len(set(ODD_IDS))


def test_another_songs_file_is_no_hit(cache: Cache) -> None:
    cache.put(ENTRY)
    other = cache.path("song/2")
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(cache.path("song/1").read_bytes())
    assert cache.get("song/2") is None


def test_links_fifos_and_folders_are_not_read(cache: Cache, tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_bytes(encode_entry(ENTRY))
    path = cache.path("song/1")
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(real)
    assert cache.get("song/1") is None
    path.unlink()
    os.mkfifo(path)
    assert cache.get("song/1") is None
    path.unlink()
    path.mkdir()
    assert cache.get("song/1") is None


def test_text_that_utf8_cannot_hold_is_written_out(cache: Cache) -> None:
    cache.put(replace(ENTRY, replies=(Reply("a\ud800b"),)))
    found = cache.get("song/1")
    assert found is not None and found.replies[0].text == "a\\ud800b"


def test_settings_decide_the_folder_and_can_be_read(tmp_path: Path) -> None:
    one = Cache(tmp_path, "x", {"b": 1, "a": 2})
    same = Cache(tmp_path, "x", {"a": 2, "b": 1})
    other = Cache(tmp_path, "x", {"a": 2, "b": 2})
    assert one.folder == same.folder != other.folder
    one.open()
    assert json.loads((one.folder / "run.json").read_text()) == {"a": 2, "b": 1}
    one.put(ENTRY)
    assert [entry_in(folder, "song/1") for folder, _ in folders(tmp_path)] == [ENTRY]


def test_a_name_can_not_lead_out_of_the_root(tmp_path: Path) -> None:
    assert Cache(tmp_path, "../../x y", {}).folder.parent == tmp_path


def test_what_can_not_be_written_is_an_error_that_names_the_path(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(OutputError, match=r"cache .*--cache-dir"):
        Cache(tmp_path / "cache", "x", {}).open()


def test_a_failed_write_keeps_the_older_entry(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put(ENTRY)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        cache.put(replace(ENTRY, run="r2"))
    assert cache.get("song/1") == ENTRY
    assert list(cache.folder.rglob("*.part")) == []


def test_sweep_removes_part_files_only(cache: Cache) -> None:
    cache.put(ENTRY)
    (cache.path("song/1").parent / ".x.json.12345678.part").write_bytes(b"half")
    assert cache.sweep() == 1
    assert cache.get("song/1") == ENTRY


@pytest.mark.parametrize("what", ["fifo", "link to a device", "link to a file", "folder"])
def test_an_entry_takes_the_place_of_what_is_no_file(cache: Cache, tmp_path: Path, what: str) -> None:
    """Written straight into a FIFO it would wait for a reader for ever; into a device it would be lost."""
    path, other = cache.path("song/1"), tmp_path / "other"
    other.write_text("kept")
    path.parent.mkdir(parents=True)
    if what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to(os.devnull if what == "link to a device" else other)
    cache.put(ENTRY)
    assert cache.get("song/1") == ENTRY
    assert other.read_text() == "kept"


def test_an_entry_costs_one_opening(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"song/{number}" for number in range(40)]
    for song_id in ids:
        cache.put(replace(ENTRY, song_id=song_id))
        cache.get(song_id)
    opened: list[object] = []
    real_open = os.open
    monkeypatch.setattr(os, "open", lambda path, *how, **more: opened.append(path) or real_open(path, *how, **more))
    assert all(cache.get(song_id) for song_id in ids)
    assert [str(path) for path in opened] == [str(cache.path(song_id)) for song_id in ids]

"""Audio kept on disk, and folders that killed processes leave behind."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.intake.fetch.fetcher import Fetched, Fetcher, FetchSettings
from musicflamingo_cli.intake.fetch.store import AudioStore
from tests.intake.fetch.bad_server import BadServer, song

WAV = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data" + b"\0\1\0\0\0" * 2000


def name(n: int) -> str:
    return f"{n:064x}"


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


@pytest.fixture
def server() -> Iterator[BadServer]:
    with BadServer() as server:
        for n in range(10):
            server.on(f"/{n}", song(WAV))
        yield server


def fetcher(server: BadServer, store: Path, limit: int | None = None) -> Fetcher:
    return Fetcher(FetchSettings(allow_private_hosts=(server.name,), store_dir=str(store), store_bytes=limit))


def test_a_song_is_fetched_once(server: BadServer, tmp_path: Path) -> None:
    for query in ("", "?Signature=a", "?Signature=b"):
        with fetcher(server, tmp_path) as one:
            got = one.fetch(server.url("/0" + query))
            assert isinstance(got, Fetched)
            assert Path(got.path).read_bytes() == WAV
            Path(got.path).unlink()
    assert len(server.asked) == 1
    assert [path.read_bytes() for path in files(tmp_path)] == [WAV]


def test_another_query_is_another_song(server: BadServer, tmp_path: Path) -> None:
    with fetcher(server, tmp_path) as one:
        for query in ("?id=1", "?id=2", "?id=1"):
            one.fetch(server.url("/0" + query))
    assert len(server.asked) == 2


def test_failures_are_not_kept(server: BadServer, tmp_path: Path) -> None:
    server.on("/page", lambda _, line: line.answer(200, b"<html>"))
    with fetcher(server, tmp_path) as one:
        one.fetch(server.url("/page"))
        one.fetch(server.url("/gone"))
    assert files(tmp_path) == []


@pytest.mark.parametrize("damage", ["cut", "longer", "empty", "link", "folder"])
def test_a_damaged_file_is_fetched_again(damage: str, server: BadServer, tmp_path: Path) -> None:
    with fetcher(server, tmp_path) as one:
        one.fetch(server.url("/0"))
    (kept,) = files(tmp_path)
    kept.unlink()
    if damage == "link":
        (tmp_path / "other").write_bytes(WAV)
        kept.symlink_to(tmp_path / "other")
    elif damage == "folder":
        kept.mkdir()
    else:
        kept.write_bytes({"cut": WAV[:-1], "longer": WAV + b"x", "empty": b""}[damage])
    with fetcher(server, tmp_path) as one:
        if damage == "folder":
            with pytest.raises(OutputError):
                one.fetch(server.url("/0"))
            return
        got = one.fetch(server.url("/0"))
        assert isinstance(got, Fetched)
        assert Path(got.path).read_bytes() == WAV
    assert len(server.asked) == 2
    assert kept.read_bytes() == WAV
    assert not kept.is_symlink()


def test_the_least_recently_used_goes_first(server: BadServer, tmp_path: Path) -> None:
    limit = 3 * len(WAV) + 100
    with fetcher(server, tmp_path, limit) as one:
        for path in ("/0", "/1", "/2", "/0", "/3"):
            one.fetch(server.url(path))
            time.sleep(0.02)
            assert sum(file.stat().st_size for file in tmp_path.glob("??/*")) <= limit
        asked = len(server.asked)
        one.fetch(server.url("/0"))
        assert len(server.asked) == asked
        one.fetch(server.url("/1"))
        assert len(server.asked) == asked + 1


def test_what_is_larger_than_the_store_is_fetched_all_the_same(server: BadServer, tmp_path: Path) -> None:
    with fetcher(server, tmp_path, 100) as one:
        assert isinstance(one.fetch(server.url("/0")), Fetched)
    assert files(tmp_path) == []


def test_a_smaller_limit_holds_from_the_start(server: BadServer, tmp_path: Path) -> None:
    with fetcher(server, tmp_path) as one:
        for n in range(5):
            one.fetch(server.url(f"/{n}"))
    with fetcher(server, tmp_path, 2 * len(WAV)):
        assert len(files(tmp_path)) == 2


def test_use_leaves_the_time_of_change_alone(server: BadServer, tmp_path: Path) -> None:
    with fetcher(server, tmp_path) as one:
        first, second = one.fetch(server.url("/0")), one.fetch(server.url("/0"))
        assert isinstance(first, Fetched)
        assert isinstance(second, Fetched)
        assert first.path != second.path
        before = Path(first.path).stat().st_mtime_ns
        time.sleep(0.02)
        one.fetch(server.url("/0"))
        assert Path(first.path).stat().st_mtime_ns == before
        (kept,) = tmp_path.glob("??/*")
        kept.unlink()
        assert Path(second.path).read_bytes() == WAV


def test_without_hard_links_copies_are_kept(server: BadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    with fetcher(server, tmp_path) as one:
        one.fetch(server.url("/0"))
        got = one.fetch(server.url("/0"))
        assert isinstance(got, Fetched)
        assert Path(got.path).read_bytes() == WAV
    assert len(server.asked) == 1


def test_a_folder_that_can_not_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        AudioStore(tmp_path / "file" / "store", None)


@pytest.mark.parametrize("limit", [100, None])
def test_nothing_is_written_removed_or_found_through_a_link(tmp_path: Path, limit: int | None) -> None:
    """In a folder that others can write to; it may be a link itself."""
    (tmp_path / "disk").mkdir()
    store, other, audio = tmp_path / "store", tmp_path / "other", tmp_path / "audio"
    store.symlink_to(tmp_path / "disk")
    other.mkdir()
    audio.write_bytes(b"1")
    held = other / f"{name(1)}.200"
    held.write_bytes(b"0" * 200)
    (store / "00").symlink_to(other)
    with_link = AudioStore(store, limit)
    with pytest.raises(OutputError, match="00 is a link"):
        with_link.keep(name(2), audio, 1)
    assert not with_link.take(name(1), tmp_path / "taken")
    with_link.close()
    assert files(other) == [held]


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_its_lock_is_a_file(tmp_path: Path, kind: str) -> None:
    lock = tmp_path / ".lock"
    os.mkfifo(lock) if kind == "fifo" else lock.symlink_to(tmp_path / "victim")
    with pytest.raises(OutputError, match=r"\.lock is a link, a FIFO"):
        AudioStore(tmp_path, 100)
    assert not (tmp_path / "victim").exists()


def test_many_threads_and_two_stores_share_a_folder(tmp_path: Path) -> None:
    size, limit = 1000, 20_000
    stores = [AudioStore(tmp_path / "store", limit) for _ in range(2)]
    wrong: list[str] = []

    def work(number: int) -> None:
        for n in range(60):
            song_number = (n * 7 + number) % 30
            path = tmp_path / f"{number}-{n}"
            if stores[number % 2].take(name(song_number), path):
                if path.read_bytes() != bytes([song_number]) * size:
                    wrong.append(path.name)
            else:
                path.write_bytes(bytes([song_number]) * size)
                stores[number % 2].keep(name(song_number), path, size)
            path.unlink()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for store in stores:
        store.close()
    assert wrong == []
    held = list((tmp_path / "store").glob("??/*"))
    assert 0 < sum(path.stat().st_size for path in held) <= limit
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []

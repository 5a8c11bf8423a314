"""Folders, glob patterns and single files of audio as manifests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.manifest import ManifestOptions, open_manifest
from musicflamingo_cli.records import RejectedRow, Song


def read(source: Path | str, **options: object) -> list[Song | RejectedRow]:
    with open_manifest(str(source), ManifestOptions(**options)) as manifest:  # type: ignore[arg-type]
        return list(manifest.rows())


def refusal(source: Path | str, **options: object) -> str:
    with pytest.raises(UsageError) as caught:
        open_manifest(str(source), ManifestOptions(**options))  # type: ignore[arg-type]
    return str(caught.value)


def folder_of_audio(tmp_path: Path) -> Path:
    root = tmp_path / "music"
    for name in ("b.MP3", "a/2.wav", "a/1.flac", "a/notes.txt", ".hidden.wav", "a b/ü.ogg", "z.m4a"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    (root / "dir.wav").mkdir()
    return root


def test_a_folder_of_audio(tmp_path: Path) -> None:
    root = folder_of_audio(tmp_path)
    (root / "loop").symlink_to(root)
    with open_manifest(str(root), ManifestOptions(id_column="x", columns=("genre",))) as manifest:
        rows = list(manifest.rows())
        assert manifest.scan.form == "folder"
    ids = ["a b/ü.ogg", "a/1.flac", "a/2.wav", "b.MP3", "z.m4a"]
    assert sorted(row.song_id or "" for row in rows) == ids
    assert [row.path for row in rows if isinstance(row, Song)] == [f"{root}/{row.song_id}" for row in rows]
    assert rows == read(root, columns=("genre",))
    assert "no audio files" in refusal(root / "dir.wav")
    assert len(read(root, limit=2)) == 2


def test_a_glob_of_audio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder_of_audio(tmp_path)
    assert [row.song_id for row in read(f"{root}/**/*")] == ["a b/ü.ogg", "a/1.flac", "a/2.wav", "b.MP3", "z.m4a"]
    monkeypatch.chdir(root)
    rows = read("a/*.wav")
    assert [(row.song_id, row.path) for row in rows if isinstance(row, Song)] == [("2.wav", str(root / "a/2.wav"))]
    assert "no audio files" in refusal("*.dat")


def test_a_glob_gives_no_file_twice_through_links_and_no_hidden_one(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x.wav").write_bytes(b"x")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden/z.wav").write_bytes(b"x")
    (tmp_path / "a/up").symlink_to("..")
    assert [row.song_id for row in read(f"{tmp_path}/**")] == ["a/x.wav"]
    assert [row.song_id for row in read(f"{tmp_path}/a*/**/*.wav")] == ["a/x.wav"]
    assert [row.song_id for row in read(f"{tmp_path}/.h*/*.wav")] == [".hidden/z.wav"]
    assert [row.song_id for row in read(f"{tmp_path}/[a]/up/a/*")] == ["a/up/a/x.wav"]


def test_a_file_name_that_is_not_utf8_is_a_bad_row(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"\xff.wav")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (tmp_path / "a.wav").write_bytes(b"x")
    assert [(row.song_id, isinstance(row, Song)) for row in read(tmp_path)] == [("a.wav", True), (None, False)]


@pytest.mark.parametrize(
    "head",
    [
        b"RIFF\x24\0\0\0WAVEfmt ", b"fLaC\0\0\0\x22", b"OggS\0\x02", b"ID3\x04\0\0", b"\xff\xfb\x90\x64",
        b"\xff\xf1\x50\x80",
        b"\0\0\0\x20ftypM4A ", b"\x1a\x45\xdf\xa3\x9f", b"FORM\0\0\0\x10AIFF", b"FORM\0\0\0\x10AIFC",
    ],
)  # fmt: skip
def test_a_single_audio_file(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "song.csv"
    path.write_bytes(head + bytes(range(256)) * 20)
    (row,) = read(path, limit=5)
    assert isinstance(row, Song)
    assert (row.song_id, row.path, row.manifest_row) == ("song.csv", str(path), 1)
    (row,) = read(path, columns=("audio", "title"))
    assert row.columns == {"audio": path.name, "title": None}

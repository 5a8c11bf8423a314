"""What the options do: limit, root, and the names of columns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.manifest import ManifestOptions, open_manifest
from musicflamingo_cli.records import RejectedRow, Song


def read(path: Path, **options: object) -> list[Song | RejectedRow]:
    with open_manifest(str(path), ManifestOptions(**options)) as manifest:  # type: ignore[arg-type]
        rows = list(manifest.rows())
        assert len(rows) == manifest.scan.rows
        assert sum(isinstance(row, Song) for row in rows) == manifest.scan.songs
        assert sum(row.status == "skipped" for row in rows if isinstance(row, RejectedRow)) == manifest.scan.skipped
        assert manifest.scan.rows == manifest.scan.songs + manifest.scan.skipped + manifest.scan.rejected
        return rows


def write(folder: Path, content: str | bytes, name: str = "songs.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def brief(row: Song | RejectedRow) -> tuple[int, str, str | None]:
    return row.manifest_row, "song" if isinstance(row, Song) else row.reason, row.song_id


def refusal(path: Path | str, **options: object) -> str:
    with pytest.raises(UsageError) as caught:
        open_manifest(str(path), ManifestOptions(**options))  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 50])
def test_limit_counts_table_rows(tmp_path: Path, limit: int) -> None:
    ids = [1, 1, None, 2, 3]
    lines = ["broken" if number is None else f'{{"id": {number}, "audio": "a"}}' for number in ids]
    rows = read(write(tmp_path, "\n".join(lines)), limit=limit)
    assert [row.manifest_row for row in rows] == [1, 3, 4, 5][:limit]


def test_limit_stops_before_what_it_does_not_need(tmp_path: Path) -> None:
    path = write(tmp_path, '[{"id": 1, "audio": "a"}, {"id": 2, "audio": "b"}, oops', "songs.json")
    assert len(read(path, limit=2)) == 2
    assert "line 1 (character 52)" in refusal(path)
    assert "--limit 0" in refusal(path, limit=0)


def test_relative_paths_start_at_the_manifest_or_the_audio_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "root").mkdir()
    lines = [
        "a.wav",
        "sub/ü b.wav",
        "/abs/c.wav",
        "~/d.wav",
        "https://h/e.mp3?x=1",
        "s3://b/k",
        "file:///etc/passwd",
        "C:d",
    ]
    content = "\n".join(json.dumps({"id": audio, "audio": audio}) for audio in lines)
    path = write(tmp_path / "in", content)
    kept = ["/abs/c.wav", "https://h/e.mp3?x=1", "s3://b/k", "file:///etc/passwd"]
    monkeypatch.chdir(tmp_path)
    for source, options, root in (
        (path, {}, tmp_path / "in"),
        (Path("in/songs.jsonl"), {}, tmp_path / "in"),
        (path, {"audio_root": "root"}, tmp_path / "root"),
    ):
        rows = read(source, **options)
        expected = [audio if audio in kept else f"{root}/{audio}" for audio in lines]
        assert [row.path for row in rows if isinstance(row, Song)] == expected
        assert [row.audio for row in rows] == lines
    assert "--audio-root" in refusal(path, audio_root="missing")


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ('{"name": "a", "track": "b"}\n', {}, ["no id column", "'name', 'track'", "--id-column"]),
        ('{"id": "a", "api_url": "b"}\n', {}, ["no audio column", "'id', 'api_url'", "--audio-column"]),
        ('{"id": "a", "audio": "b"}\n', {"id_column": "uuid"}, ["no column 'uuid'", "'id', 'audio'"]),
        ('{"id": "a", "audio": "b"}\n', {"audio_column": "mp3"}, ["no column 'mp3'"]),
        ("name,track\n1,2\n", {}, ["no id column", "'name', 'track'"]),
        ("id,track\n1,2\n", {}, ["no audio column"]),
        ("id,audio\n1,2\n", {"id_column": "uuid"}, ["no column 'uuid'"]),
        ('[{"id": 1}]', {}, ["no audio column", "'id'"]),
    ],
)
def test_a_table_without_its_columns_is_refused(
    tmp_path: Path, content: str, options: dict[str, object], words: list[str]
) -> None:
    message = refusal(write(tmp_path, content, "songs"), **options)
    for word in ["songs", *words]:
        assert word in message


def test_named_columns_win_over_the_aliases(tmp_path: Path) -> None:
    path = write(tmp_path, '{"id": "i", "key": "k", "audio": "a", "mp3": "m"}\n{"id": "i2", "audio": "a2"}\n')
    rows = read(path, id_column="key", audio_column="mp3")
    assert brief(rows[0]) == (1, "song", "k")
    assert rows[0].audio == "m"
    assert brief(rows[1]) == (2, "no_id", None)

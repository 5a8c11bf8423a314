"""What the rows of a manifest become, whatever form it has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.manifest import ManifestOptions, open_manifest
from musicflamingo_cli.intake.manifest.seen_ids import SeenIds
from musicflamingo_cli.records import RejectedRow, Song

MEGABYTE = 1_000_000


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


@pytest.mark.parametrize(
    ("line", "reason", "song_id"),
    [
        ('{"id": "a", "audio": "x.wav"}', "song", "a"),
        ('{"id": 12, "audio": "x.wav"}', "song", "12"),
        ('{"id": -0, "audio": "x.wav"}', "song", "0"),
        ('{"id": 12.0, "audio": "x.wav"}', "song", "12"),
        ('{"id": 12.5, "audio": "x.wav"}', "song", "12.5"),
        ('{"id": 123456789012345678901234567890, "audio": "x"}', "song", "123456789012345678901234567890"),
        ('{"id": " a ", "audio": "x.wav"}', "song", " a "),
        ('{"id": "nan", "audio": "x.wav"}', "song", "nan"),
        ('{"id": "None", "audio": "x.wav"}', "song", "None"),
        ('{"id": " ", "audio": "x.wav"}', "song", " "),
        ('{"id": "\\ud800", "audio": "x.wav"}', "song", "\\ud800"),
        ('{"id": "\\ud83d\\ude00", "audio": "x.wav"}', "song", "😀"),
        ('{"id": "", "audio": "x.wav"}', "no_id", None),
        ('{"id": null, "audio": "x.wav"}', "no_id", None),
        ('{"id": NaN, "audio": "x.wav"}', "no_id", None),
        ('{"audio": "x.wav"}', "no_id", None),
        ("{}", "no_id", None),
        ('{"id": "", "song_id": "s", "audio": "x.wav"}', "song", "s"),
        ('{"id": null, "song_id": 7, "audio": "x.wav"}', "song", "7"),
        ('{"song_id": "s", "id": "i", "audio": "x.wav"}', "song", "i"),
        ('{"ID": "a", "Audio": "x.wav"}', "song", "a"),
        ('{"id": true, "audio": "x.wav"}', "bad_row", None),
        ('{"id": ["a"], "audio": "x.wav"}', "bad_row", None),
        ('{"id": 1e300, "audio": "x.wav"}', "bad_row", None),
        ('{"id": "a"}', "no_audio", "a"),
        ('{"id": "a", "audio": null}', "no_audio", "a"),
        ('{"id": "a", "audio": "nan"}', "no_audio", "a"),
        ('{"id": "a", "audio": NaN}', "no_audio", "a"),
        ('{"id": "a", "audio": "  "}', "no_audio", "a"),
        ('{"id": "a", "audio": null, "wav_path": "None", "audio_url": "x.wav"}', "song", "a"),
        ('{"id": "a", "audio": 5}', "bad_row", "a"),
        ('{"id": "a", "audio": false}', "bad_row", "a"),
        ('{"id": "a", "audio": {"path": "x.wav"}}', "bad_row", "a"),
        ('{"id": "a", "audio": "x\\u0000.wav"}', "bad_row", "a"),
        ('{"id": "a", "audio": "x.wav", "title": "%s"}' % ("t" * (MEGABYTE + 1)), "bad_row", "a"),
        ('{"id": "a", "audio": "x.wav", "title": "%s"}' % ("é" * (MEGABYTE // 2 + 1)), "bad_row", "a"),
        ('{"id": "a", "audio": "x.wav", "title": "%s"}' % ("t" * MEGABYTE), "song", "a"),
        ('{"id": "a", "audio": "x.wav", "lyrics": "%s"}' % ("t" * 5 * MEGABYTE), "song", "a"),
        ('{"id": "%s", "audio": "x.wav"}' % ("i" * (MEGABYTE + 1)), "bad_row", None),
        ('{"id": "a", "audio": "x.wav", "deep": %s}' % ("[" * 99_999 + "]" * 99_999), "bad_row", None),
        ('{"id": "a", "audio": "x.wav", "n": %s}' % ("9" * 5000), "bad_row", None),
        ("not json", "bad_row", None),
        ('{"id": "a", "audio": ', "bad_row", None),
        ('{"id": "a"} {"id": "b"}', "bad_row", None),
        ("[1, 2]", "bad_row", None),
        ("[" * 990 + "]" * 990, "bad_row", None),
        ('{"id": ' + "[" * 900 + "]" * 900 + ', "audio": "x"}', "bad_row", None),
        ('{"id": "a", "audio": ' + "[" * 900 + "]" * 900 + "}", "bad_row", "a"),
        ('{"id": "a", "audio": "x", "title": ' + "[" * 950 + "]" * 950 + "}", "bad_row", "a"),
        ("null", "bad_row", None),
        ("17", "bad_row", None),
        ('"text"', "bad_row", None),
        (b'{"id": "\xff", "audio": "x.wav"}', "bad_row", None),
        (b"\xff\xfe\x00 \x80", "bad_row", None),
        (b'\xef\xbb\xbf{"id": "a", "audio": "x.wav"}', "song", "a"),
        ('{"id": "a", "audio": "x.wav", "title": "tab\there"}', "song", "a"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_one_line_never_takes_its_neighbours_along(
    tmp_path: Path, line: str | bytes, reason: str, song_id: str | None, first: bool
) -> None:
    raw = line if isinstance(line, bytes) else line.encode()
    good = [b'{"id": "good-1", "audio": "1.wav"}', b'{"id": "good-2", "audio": "2.wav"}']
    lines = [raw, *good] if first else [good[0], raw, good[1]]
    rows = read(write(tmp_path, b"\r\n".join(lines)))
    place = 0 if first else 1
    assert brief(rows[place]) == (place + 1, reason, song_id)
    assert [row.song_id for index, row in enumerate(rows) if index != place] == ["good-1", "good-2"]
    if isinstance(rows[place], RejectedRow):
        assert f"songs.jsonl line {place + 1}: " in rows[place].error
        assert rows[place].status == ("skipped" if reason == "no_audio" else "failed")
    for row in rows:
        json.dumps([row.song_id, row.audio, row.title], ensure_ascii=False).encode()


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path: Path) -> None:
    rows = read(write(tmp_path, '\n{"id": 1, "audio": "a"}\n\n  \nbroken\n'))
    assert [row.manifest_row for row in rows] == [1, 2]
    assert isinstance(rows[1], RejectedRow)
    assert "line 5" in rows[1].error


@pytest.mark.parametrize(
    ("value", "title"),
    [
        ('"T"', "T"),
        ('" T "', " T "),
        ('"nan"', None),
        ('"NaN"', None),
        ('"None"', None),
        ('""', None),
        ("NaN", None),
        ("-Infinity", None),
        ("1e999", None),
        ("1979", "1979"),
        ("1979.0", "1979"),
        ("true", "true"),
        ('"\\udcff"', "\\udcff"),
        ('["a", NaN]', '["a", null]'),
        ('"Nancy"', "Nancy"),
    ],
)
def test_titles(tmp_path: Path, value: str, title: str | None) -> None:
    (row,) = read(write(tmp_path, f'{{"id": "a", "audio": "x", "title": {value}}}\n'))
    assert row.title == title


def test_further_columns_keep_their_kind_and_null_their_sentinels(tmp_path: Path) -> None:
    line = (
        '{"id": 1, "audio": "a", "genre": "None", "plays": 3, "gain": -0.5, "live": true, "bad": NaN, '
        '"tags": ["x", "é"], "big": 12345678901234567890123}'
    )
    names = ("genre", "plays", "gain", "live", "bad", "tags", "big", "absent")
    (row,) = read(write(tmp_path, line), columns=names)
    assert dict(row.columns) == {
        "genre": None, "plays": 3, "gain": -0.5, "live": True, "bad": None, "tags": '["x", "é"]',
        "big": 12345678901234567890123, "absent": None,
    }  # fmt: skip
    assert not read(tmp_path / "songs.jsonl")[0].columns


def test_repeated_ids_are_left_out_counted_and_named(tmp_path: Path) -> None:
    lines = [f'{{"id": {number % 30}, "audio": "{number}.wav"}}' for number in range(100)]
    lines[5:5] = ["broken", "broken"]
    with open_manifest(str(write(tmp_path, "\n".join(lines))), ManifestOptions()) as manifest:
        assert (manifest.scan.rows, manifest.scan.songs, manifest.scan.rejected) == (32, 30, 2)
        assert manifest.scan.repeated == 70
        assert manifest.scan.repeated_ids == tuple(str(number) for number in range(20))
        rows = list(manifest.rows())
        assert [row.audio for row in rows if row.audio] == [f"{number}.wav" for number in range(30)]
        assert rows[-1].manifest_row == 32


def test_number_and_text_of_one_id_are_the_same_song(tmp_path: Path) -> None:
    path = write(tmp_path, '{"id": 7, "audio": "a"}\n{"id": "7", "audio": "b"}\n{"id": " 7", "audio": "c"}\n')
    assert [row.song_id for row in read(path)] == ["7", " 7"]


@pytest.mark.parametrize(
    "content", ["broken\nlines\n", '{"id": "", "audio": "x"}\n', "[1, 2]", '{"id": 1, "audio": 2}', "{}", "[]"]
)
def test_a_manifest_without_a_readable_row_is_refused(tmp_path: Path, content: str) -> None:
    assert "songs" in refusal(write(tmp_path, content, "songs.json"))


def test_rows_can_be_read_again_and_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "".join(f'{{"id": {number}, "audio": "a"}}\n' for number in range(5000)))
    with open_manifest(str(path), ManifestOptions()) as manifest:
        pairs = list(zip(manifest.rows(), manifest.rows(), strict=True))
        assert len(pairs) == 5000
        assert all(one == other for one, other in pairs)
        path.rename(tmp_path / "moved")
        assert sum(1 for _ in manifest.rows()) == 5000
        with (tmp_path / "moved").open("a") as file:
            file.write('{"id": "new", "audio": "a"}\n')
        with pytest.raises(UsageError, match="changed"):
            next(manifest.rows())


def test_seen_ids_are_exact() -> None:
    seen = SeenIds()
    assert all(seen.add(f"song {number}") for number in range(20_000))
    assert not any(seen.add(f"song {number}") for number in range(20_000))
    assert len(seen) == 20_000

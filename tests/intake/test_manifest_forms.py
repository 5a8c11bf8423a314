"""The forms a manifest may have, told by content, from files, streams and folders."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest import ManifestOptions, open_manifest
from musicflamingo_cli.records import RejectedRow, Song

ROWS = [{"id": "a", "audio": "1.wav", "title": "One"}, {"id": "b", "audio": "2.wav", "title": 'Zwö, "2"\nx'}]
LINES = "\n".join(map(json.dumps, ROWS)) + "\n"
TABLE = 'id,audio,title\na,1.wav,One\nb,2.wav,"Zwö, ""2""\nx"\n'

TEXTS: dict[str, tuple[str, str]] = {
    "array": (json.dumps(ROWS), "json"),
    "array indented": (json.dumps(ROWS, indent=2), "json"),
    "array, an element a line": ("[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n", "json"),
    "array, commas in front": ("[\n" + "\n,\n".join(map(json.dumps, ROWS)) + "\n]\n", "json"),
    "songs": (json.dumps({"songs": ROWS}), "json"),
    "songs among others": (json.dumps({"v": {"file": "x"}, "n": [1], "songs": ROWS, "more": "x"}, indent=1), "json"),
    "keyed": (json.dumps({row["id"]: {"audio": row["audio"], "title": row["title"]} for row in ROWS}), "json"),
    "keyed indented": (json.dumps({row["id"]: row for row in ROWS}, indent=4), "json"),
    "lines": (LINES, "jsonl"),
    "lines without the last end": (LINES.rstrip(), "jsonl"),
    "lines CRLF": (LINES.replace("\n", "\r\n"), "jsonl"),
    "lines CR": (LINES.replace("\n", "\r"), "jsonl"),
    "csv": (TABLE, "csv"),
    "csv CRLF": ("id,audio,title\r\na,1.wav,One\r\nb,2.wav,\"Zwö, \"\"2\"\"\nx\"\r\n", "csv"),
    "csv CR": ("id,audio,title\ra,1.wav,One\rb,2.wav,\"Zwö, \"\"2\"\"\nx\"\r".replace("\nx", "\rx"), "csv"),
    "csv quoted header": ('\n\n"id","audio","title"\n' + TABLE.split("\n", 1)[1], "csv"),
    "csv semicolons": ('id;audio;title\na;1.wav;One\nb;2.wav;"Zwö, ""2""\nx"\n', "csv"),
    "csv other order": ('x,title,id,,audio\n,One,a,,1.wav\n,"Zwö, ""2""\nx",b,,2.wav\n', "csv"),
    "csv with a JSON column": ('id,audio,title,j\na,1.wav,One,"{""k"": 1}"\nb,2.wav,"Zwö, ""2""\nx",\n', "csv"),
    "tsv": ('id\taudio\ttitle\na\t1.wav\tOne\nb\t2.wav\t"Zwö, ""2""\nx"\n', "tsv"),
}  # fmt: skip


def read(source: Path | str, **options: object) -> list[Song | RejectedRow]:
    with open_manifest(str(source), ManifestOptions(**options)) as manifest:  # type: ignore[arg-type]
        return list(manifest.rows())


def refusal(source: Path | str, **options: object) -> str:
    with pytest.raises(UsageError) as caught:
        open_manifest(str(source), ManifestOptions(**options))  # type: ignore[arg-type]
    return str(caught.value)


def pack(data: bytes, how: str) -> bytes:
    if how == "gz":
        half = len(data) // 2
        return gzip.compress(data[:half]) + gzip.compress(data[half:])
    if how == "zst":
        frames = [pa.compress(part, codec="zstd", asbytes=True) for part in (data[:5], data[5:])]
        skippable = bytes.fromhex("502a4d18 03000000 616263")
        return skippable + skippable.join(frames)
    return data


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["", "bom"])
@pytest.mark.parametrize("how", ["plain", "gz", "zst"])
@pytest.mark.parametrize("case", TEXTS)
def test_every_text_form_is_told_by_content(tmp_path: Path, case: str, how: str, bom: bytes) -> None:
    text, form = TEXTS[case]
    path = tmp_path / "songs.dat"
    path.write_bytes(pack(bom + text.encode(), how))
    with open_manifest(str(path), ManifestOptions()) as manifest:
        assert manifest.scan.form == form
        assert manifest.scan.songs == 2
        rows = list(manifest.rows())
    assert [(row.manifest_row, row.song_id, row.audio) for row in rows] == [(1, "a", "1.wav"), (2, "b", "2.wav")]
    assert [(row.title or "").replace("\r", "\n") for row in rows] == [row["title"] for row in ROWS]
    assert rows[0].path == str(tmp_path / "1.wav")


@pytest.mark.parametrize("how", ["plain", "gz", "zst"])
def test_parquet_in_every_packing(tmp_path: Path, how: str) -> None:
    pd.DataFrame(ROWS).to_parquet(tmp_path / "plain")
    path = tmp_path / "songs.bin"
    path.write_bytes(pack((tmp_path / "plain").read_bytes(), how))
    assert [(row.song_id, row.audio, row.title) for row in read(path)] == [tuple(row.values()) for row in ROWS]


@pytest.mark.parametrize("how", ["plain", "gz"])
@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_standard_input_is_spooled_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, how: str
) -> None:
    temporary, work = tmp_path / "temporary", tmp_path / "work"
    temporary.mkdir()
    work.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(work)
    if form == "parquet":
        pd.DataFrame(ROWS).to_parquet(tmp_path / "p")
        data = (tmp_path / "p").read_bytes()
    else:
        data = (json.dumps(ROWS) if form == "json" else TABLE).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pack(data, how))))
    with open_manifest("-", ManifestOptions()) as manifest:
        assert [row.song_id for row in manifest.rows()] == ["a", "b"]
        first = next(manifest.rows())
        assert isinstance(first, Song)
        assert first.path == str(work / "1.wav")
    assert not list(temporary.iterdir())


def test_parquet_columns_of_every_kind(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": pa.array([1.0, 2.0, None, 4.0]),
            "audio": pa.array(["a", "nan", "c", None], pa.large_string()),
            "title": pa.array(["x", None, "x", "None"]).dictionary_encode(),
            "when": pa.array([0, 1, None, 3], pa.timestamp("ns")),
            "tags": pa.array([["p", "q"], [], None, ["r"]]),
            "raw": pa.array([b"ok", b"\xff", None, b""], pa.binary()),
            "score": pa.array([np.nan, np.inf, 0.5, None]),
            "price": pa.array([None, None, None, None], pa.null()),
        }
    )
    path = tmp_path / "t"
    pq.write_table(table, path, row_group_size=3)
    rows = read(path, columns=("when", "tags", "score", "price"))
    assert [(row.song_id, row.audio, row.title) for row in rows] == [
        ("1", "a", "x"), ("2", None, None), (None, "c", "x"), ("4", None, None)
    ]  # fmt: skip
    assert [row.columns["tags"] for row in rows] == ['["p", "q"]', "[]", None, '["r"]']
    assert str(rows[0].columns["when"]).startswith("1970-01-01 00:00:00")
    assert [row.columns["score"] for row in rows] == [None, None, 0.5, None]
    reasons = [row.reason for row in read(path, columns=("raw",)) if isinstance(row, RejectedRow)]
    assert reasons == ["bad_row", "no_id", "no_audio"]
    assert "row 3" in next(row.error for row in rows if row.song_id is None and isinstance(row, RejectedRow))


@pytest.mark.parametrize(
    ("kind", "values", "ids"),
    [
        (pa.int64(), [1, -2], ["1", "-2"]),
        (pa.uint64(), [2**64 - 1, 0], [str(2**64 - 1), "0"]),
        (pa.decimal128(20, 2), ["1.00", "2.50"], ["1", "2.50"]),
        (pa.binary(), [b"x", "é".encode()], ["x", "é"]),
        (pa.dictionary(pa.int8(), pa.int64()), [5, 6], ["5", "6"]),
        (pa.string_view(), ["v", "w"], ["v", "w"]),
    ],
    ids=str,
)
def test_parquet_ids_of_every_kind(tmp_path: Path, kind: pa.DataType, values: list[object], ids: list[str]) -> None:
    if pa.types.is_dictionary(kind):
        column = pa.array(values).dictionary_encode()
    else:
        column = pa.array(values).cast(kind) if pa.types.is_decimal(kind) else pa.array(values, kind)
    pq.write_table(pa.table({"id": column, "audio": ["a", "b"]}), tmp_path / "t")
    assert [row.song_id for row in read(tmp_path / "t")] == ids


def test_parquet_reads_only_the_wanted_columns(tmp_path: Path) -> None:
    path = tmp_path / "t"
    table = pa.table({"id": ["1", "2"], "blob": ["x" * 1000, "y" * 1000], "audio": ["a", "b"]})
    pq.write_table(table, path, compression="none", use_dictionary=False)
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(1)
    torn = bytearray(path.read_bytes())
    torn[chunk.data_page_offset : chunk.data_page_offset + chunk.total_compressed_size] = (
        b"\xff" * chunk.total_compressed_size
    )
    path.write_bytes(torn)
    assert [row.song_id for row in read(path)] == ["1", "2"]
    assert "blob" in refusal(path, columns=("blob",))


@pytest.mark.parametrize("dictionary", [True, False])
def test_long_parquet_cells_make_bad_rows(tmp_path: Path, dictionary: bool) -> None:
    titles = ["t", "x" * 1_000_001, "u", "x" * 1_000_001, "y" * 1_000_000]
    table = pa.table(
        {"id": list("abcde"), "audio": ["f"] * 5, "title": titles, "tags": [["x" * 1_000_001], [], [], [], []]}
    )
    pq.write_table(table, tmp_path / "t", use_dictionary=dictionary)
    rows = read(tmp_path / "t")
    assert [(row.song_id, isinstance(row, Song)) for row in rows] == list(zip("abcde", [1, 0, 1, 0, 1], strict=True))
    assert isinstance(read(tmp_path / "t", columns=("tags",))[0], RejectedRow)


CSV_CASES = {
    "ragged": ("1,a.wav\n2,b.wav,t\n3,c.wav,t,u\n", [(1, None), (2, "2"), (3, None)]),
    "blank lines": ("1,a,t\n\n   \n2,b,t\n", [(1, "1"), (2, "2")]),
    "unclosed quote swallows nothing": (
        '1,"a,t\n2,b,t\n3,"c, d",t\n4,e,t\n',
        [(1, None), (2, "2"), (3, "3"), (4, "4")],
    ),
    "unclosed quote at the end": ('1,a,t\n2,"b,t\n', [(1, "1"), (2, None)]),
    "quote that joins two rows": ('1,"a\n2,b"\n3,c,t\n', [(1, None), (2, "3")]),
    "quotes inside": ('1,a,The "best" song\n2,b,"The "best" song"\n', [(1, "1"), (2, "2")]),
    "line break in a cell": ('1,a,"x\n\ny"\n2,b,t\n', [(1, "1"), (2, "2")]),
    "empty cells": (",,\n1,,\n", [(1, None), (2, "1")]),
    "blanks are kept in ids": (" 1 ,a,t\nnan,b,t\n", [(1, " 1 "), (2, "nan")]),
    "NUL": ("1,a\0b,t\n2,b,t\n", [(1, "1"), (2, "2")]),
    "long title": (f"1,a,{'x' * 1_000_001}\n2,b,t\n", [(1, "1"), (2, "2")]),
}


@pytest.mark.parametrize("case", CSV_CASES)
def test_csv_rows(tmp_path: Path, case: str) -> None:
    body, expected = CSV_CASES[case]
    path = tmp_path / "songs.csv"
    path.write_text(f"id,audio,title\n{body}9,z.wav,t\n")
    rows = read(path)
    got = [(row.manifest_row, row.song_id) for row in rows]
    assert got == [*expected, (len(expected) + 1, "9")]


def test_csv_line_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "songs.csv"
    path.write_bytes("id,audio\n1,a\n2,é\n".encode("latin-1") + b"3,c\n")
    rows = read(path)
    assert [row.song_id for row in rows] == ["1", None, "3"]
    assert isinstance(rows[1], RejectedRow)
    assert rows[1].error == "songs.csv line 3: the line is not UTF-8"


@pytest.mark.parametrize(("name", "form"), [("s.csv", "csv"), ("s.tsv", "tsv"), ("s.tsv.gz", "tsv"), ("s", "csv")])
def test_the_suffix_decides_between_csv_and_tsv(tmp_path: Path, name: str, form: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"a,id,audio,b\tid\taudio\tc\n1,2,3,4\t5\t6\t7\n")
    with open_manifest(str(path), ManifestOptions()) as manifest:
        assert manifest.scan.form == form


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{"id": "i", "audio": "a", "meta": {"path": "x"}}', [("i", "a")]),
        ('{"audio": "a", "title": null, "id": 5}', [("5", "a")]),
        ('{"k": {"path": "b"}, "l": 5, "m": "x", "k": {"path": "c"}}', [("k", "b"), (None, None), (None, None)]),
        ('{"a": {}, "b": {"file": "x"}, "": {"file": "y"}}', [("a", None), ("b", "x"), (None, "y")]),
        ('{"i": {"id": "other", "audio": "a"}}', [("i", "a")]),
        ('{"songs": [], "songs": [{"id": 1, "audio": "a"}]}', [("1", "a")]),
        ('[{"id": 1, "file": "a"}, 5, [], {"id": 2}]', [("1", "a"), (None, None), (None, None), ("2", None)]),
        ('[{"id": Infinity, "audio": "a"}, {"id": 1, "audio": "\\ud83d"}]', [(None, "a"), ("1", "\\ud83d")]),
        ("[" + "[" * 5000 + "]" * 5000 + ', {"id": 1, "audio": "a"}]', [(None, None), ("1", "a")]),
        (f'[{{"id": {"7" * 5000}}}, {{"id": 1, "audio": "a"}}]', [(None, None), ("1", "a")]),
    ],
)  # fmt: skip
def test_json_documents(tmp_path: Path, text: str, rows: list[tuple[str | None, str | None]]) -> None:
    path = tmp_path / "songs.json"
    path.write_text(text)
    assert [(row.song_id, row.audio) for row in read(path)] == rows


def test_elements_across_blocks_and_too_large_ones(tmp_path: Path) -> None:
    sizes = [0, (1 << 20) - 40, 3, 5 << 20, 17 << 20, 1]
    rows = [{"id": number, "pad": '\\"[{é' + "x" * size, "audio": "a"} for number, size in enumerate(sizes)]
    expected = ["0", "1", "2", "3", None, "5"]
    for name, text in (
        ("doc.json", json.dumps({"songs": rows}, ensure_ascii=False)),
        ("lines.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)),
        ("huge-first.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in (rows[3], *rows[:3], *rows[4:]))),
    ):
        (tmp_path / name).write_text(text)
        got = [row.song_id for row in read(tmp_path / name)]
        assert got == (expected if name != "huge-first.jsonl" else ["3", "0", "1", "2", None, "5"])


def test_a_document_with_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "songs.json"
    path.write_bytes(b'[{"id": 1, "audio": "a"},\n{"id": 2, "audio": "\xff"},\n{"id": 3, "audio": "c"}]')
    rows = read(path)
    assert [row.song_id for row in rows] == ["1", None, "3"]
    assert isinstance(rows[1], RejectedRow)
    assert "songs.json line 2: " in rows[1].error


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

"""The forms a manifest may have, told by content, from files, streams and folders."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.manifest import ManifestOptions, open_manifest
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

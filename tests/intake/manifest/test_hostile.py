"""Manifests that are broken, lying or bombs: refused in words, within bounds."""

from __future__ import annotations

import gzip
import io
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.manifest import ManifestOptions, open_manifest

MIB = 1 << 20
LINE = b'{"id": 1, "audio": "a"}\n'


def refusal(path: Path | str) -> str:
    with pytest.raises(UsageError) as caught, open_manifest(str(path), ManifestOptions()) as manifest:
        list(manifest.rows())
    message = str(caught.value)
    message.encode()
    assert message.isprintable()
    assert len(message) < 1000
    return message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \r\n\t\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"[]", "no rows"),
        (b"{}", "no rows"),
        (b'{"songs": []}', "no rows"),
        (b"id,audio\n", "no rows"),
        (b"id,audio\n\n\n", "no rows"),
        (b"[" * 100_000, "ends inside"),
        (b"[" * 300_000, "nested over"),
        (b'{"a":' * 50_000, "ends inside"),
        (b"[" * 50_000 + b"]" * 50_000, "nested too deeply"),
        (b'[{"id": 1, "audio": "a"}', "line 1 (character 25)"),
        (b'[{"id": 1, "audio": "a"},]', "line 1"),
        (b'[{"id": 1, "audio": "a"}\n{"id": 2, "audio": "b"}]', "line 2"),
        (b'[{"id": 1, "audio": "a"}] trailing', "follows"),
        (b'[\n{"id": 1, "audio": "a"},\n{"id": 2, oops}\n]', "line 3"),
        (b'{"songs": [{"id": 1, "audio": "a"}]', "ends"),
        (b'{"songs": [{"id": 1, "audio": "a"', "delimiter"),
        (b'["unterminated', "broken JSON"),
        ("id,audio\n1,a\n".encode("utf-16"), "UTF-16"),
        ("id,audio\n1,a\n".encode("utf-16-le"), "UTF-16"),
        ('{"id": 1}\n'.encode("utf-16-be"), "UTF-16"),
        ("id,audio\n1,a\n".encode("utf-32"), "UTF-16 or UTF-32"),
        (b'id,audio,"x\n1,a\n', "header"),
        ("id,é\n".encode("latin-1") + b"1,a\n", "header"),
        (b"PK\x03\x04xl/workbook.xml", "Excel"),
        (b"\x80\x04\x95\x10\0\0\0", "pickle"),
        (b"\x00\x01\x02\x03" * 100, "binary"),
        (b"PAR1" + b"\0" * 100, "Parquet"),
        (b"PAR1" + b"\xff" * 100 + b"PAR1", "Parquet"),
        (b"<html><body>404</body></html>", "no id column"),
        (b"#EXTM3U\n/etc/passwd\n", "no id column"),
        (b"\x1f\x8b", "gzip"),
        (b"\x1f\x8b\x08\0junk junk junk", "gzip"),
        (b"\x28\xb5\x2f\xfd\xff\xff\xff", "zstd"),
        (gzip.compress(LINE * 5000)[:-9], "byte"),
        (gzip.compress(os.urandom(100) + LINE * 5000)[:40], "byte"),
        (gzip.compress(LINE)[:-6] + b"\0\0\0\0\0\0", "CRC"),
        (gzip.compress(LINE) + b"junk after the data", "gzip"),
        (gzip.compress(gzip.compress(LINE)), "within"),
        (pa.compress(LINE * 5000, codec="zstd", asbytes=True)[:-5], "byte"),
        (pa.compress(LINE * 5000, codec="zstd", asbytes=True) + b"junk", "zstd"),
        (gzip.compress(b"RIFF\x24\0\0\0WAVEfmt "), "holds audio"),
        (b"\x1b[31mred\x07", "no id column"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_broken_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "songs.json"
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith("songs.json")
    assert words in message


def test_only_regular_files_folders_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as bound:
        monkeypatch.chdir(tmp_path)
        bound.bind("sock")
        for name in ("fifo", "sock", "/dev/null", "/dev/zero", "dangling", "loop", "missing.json", "a\0b", "x" * 5000):
            assert "regular" in refusal(name) or "name a manifest" in refusal(name)
    monkeypatch.setattr(sys, "stdin", None)
    assert "standard input" in refusal("-")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert "standard input is empty" in refusal("-")


def write_packed(path: Path, parts: Iterable[bytes]) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.writelines(parts)


def repeated(unit: bytes, mebibytes: int) -> Iterable[bytes]:
    return (unit * (MIB // len(unit)) for _ in range(mebibytes))


def one_huge_cell(path: Path) -> None:
    pq.write_table(pa.table({"id": ["1"], "audio": ["x" * (40 * MIB)]}), path, compression="zstd")


def one_text_for_all(path: Path) -> None:
    count = 50_000
    title = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), ["x" * 2_000_000])
    ids = [str(number) for number in range(count)]
    pq.write_table(pa.table({"id": ids, "audio": ["a"] * count, "title": title}), path)


def lists_of_one_text(path: Path) -> None:
    entries = pa.DictionaryArray.from_arrays(pa.array([0] * 200_000, pa.int32()), ["x" * 1_000_000])
    title = pa.ListArray.from_arrays(pa.array(range(0, 200_001, 10_000), pa.int32()), entries)
    table = pa.table({"id": list("abcdefghijklmnopqrst"), "audio": ["a"] * 20, "title": title})
    pq.write_table(table, path, store_schema=False)


BOMBS: dict[str, tuple[Callable[[Path], None], str]] = {
    "zeros": (lambda path: write_packed(path, repeated(b"\0", 200)), "binary"),
    "blanks": (lambda path: write_packed(path, repeated(b" ", 200)), "blanks"),
    "one JSON string": (lambda path: write_packed(path, [b'["', *repeated(b"a", 100)]), "32 Mi"),
    "brackets": (lambda path: write_packed(path, repeated(b"[", 100)), "nested"),
    "one CSV cell": (lambda path: write_packed(path, [b'id,audio\n"', *repeated(b"a", 100)]), "16 MiB"),
    "one header": (lambda path: write_packed(path, repeated(b"a,", 100)), "header"),
    "one JSON line": (
        lambda path: write_packed(path, [b'x\n{"id": "', *repeated(b"a", 100), b'"}\n{"i":1}']),
        "column",
    ),
    "Parquet in gzip": (lambda path: write_packed(path, [b"PAR1", *repeated(b"\0", 40)]), "no honest"),
    "Parquet page": (one_huge_cell, "row group 1, column 'audio'"),
    "Parquet dictionary in lists": (lists_of_one_text, "its 'title' holds over 1000000 bytes"),
    "Parquet dictionary": (one_text_for_all, "2000000 bytes, over 1000000"),
}

CHILD = """
import resource, sys
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest import container
from musicflamingo_cli.intake.manifest import json_text
from musicflamingo_cli.intake.manifest import parquet
from musicflamingo_cli.intake.manifest.manifest import ManifestOptions, open_manifest
container.BOMB_BYTES = json_text.MAX_SKIPPED = parquet.BOMB_BYTES = 32 << 20
limit = 1 << 30
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    open_manifest(sys.argv[1], ManifestOptions())
except UsageError as error:
    print(error)
"""


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_end_in_a_clear_error_within_a_gibibyte(tmp_path: Path, bomb: str) -> None:
    make, words = BOMBS[bomb]
    make(tmp_path / "bomb")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "bomb")], capture_output=True, text=True, check=False
    )
    assert words in done.stdout, done.stderr


PIECES = st.lists(
    st.sampled_from(
        [b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\n", b"\r", b" ", b"id", b"audio", b'"id"', b'"audio"',
         b'{"id":1,"audio":"a"}', b'"songs":', b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"NaN", b"1e999", b"1", b"\t",
         b"id,audio\n",
         b"\0", b"null", b"\\ud800", b"PAR1", b"\x1f\x8b", b"id;audio\n", b'"\n"', "é".encode()]
    ),
    max_size=30,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(PIECES)
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(b"".join(pieces))
    try:
        with open_manifest(str(path), ManifestOptions()) as manifest:
            rows = list(manifest.rows())
    except UsageError as error:
        assert str(error).isprintable()
        return
    ids = [row.song_id for row in rows if row.song_id is not None]
    assert len(ids) == len(set(ids))
    assert [row.manifest_row for row in rows] == sorted({row.manifest_row for row in rows})
    for row in rows:
        "".join(str(value) for value in (row.song_id, row.audio, row.title)).encode()


def test_memory_is_flat_in_the_number_of_rows(tmp_path: Path) -> None:
    code = CHILD.replace("open_manifest(sys", "m = open_manifest(sys").replace("limit = 1 << 30", "limit = 1 << 40")
    code += "\nfor _ in m.rows(): pass\nprint(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
    peaks = []
    for count in (1000, 100_000):
        path = tmp_path / "songs.jsonl"
        path.write_text(
            "".join(f'{{"id": "song-{number:020d}", "audio": "{number}.wav"}}\n' for number in range(count))
        )
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] - peaks[0] < 20, peaks

"""Blanks around the cells and names of a manifest: files and URLs are found all the same, and what is not is named."""

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host(bench: Any) -> Iterator[str]:
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=bench.folder))
    thread = threading.Thread(target=made.serve_forever, args=(0.05,))
    thread.start()
    yield f"127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def score(bench: Any, manifest: Path, *words: object) -> list[dict[str, Any]]:
    cache = ["--cache-dir", bench.folder / "cache"]
    bench.mfq("score", manifest, "--engine", "fake", "-o", bench.table, "--workers", 1, *cache, *words)
    rows: list[dict[str, Any]] = bench.result()
    return rows


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("cell", [" a.wav", "a.wav ", "\ta.wav", " a.wav\u00a0", " {folder}/a.wav ", ' "a.wav" '])
def test_a_path_with_blanks_around_finds_its_file(bench: Any, form: str, cell: str) -> None:
    bench.tone("a.wav")
    cell = cell.format(folder=bench.folder)
    path = bench.folder / f"songs.{form}"
    if form == "parquet":
        pq.write_table(pa.table({"id": ["1"], "audio": [cell]}), path)
    elif form == "jsonl":
        bench.rows([{"id": 1, "audio": cell}])
    else:
        mark = {"csv": ",", "tsv": "\t"}[form]
        quoted = cell if '"' in cell else f'"{cell}"'
        path.write_text(f"id{mark} audio \n1{mark}{quoted}\n")
    assert [row["status"] for row in score(bench, path)] == ["ok"]


def test_a_name_that_begins_with_a_blank_is_found_first(bench: Any, asked: Any) -> None:
    bench.tone("a.wav")
    bench.tone(" a.wav", seconds=3)
    path = bench.folder / "songs.csv"
    path.write_text("id,audio\n1, a.wav\n2,a.wav\n")
    assert [round(row["audio_seconds"]) for row in score(bench, path)] == [3, 2]
    (bench.folder / " a.wav").unlink()
    (bench.folder / "a.wav").unlink()
    rows = score(bench, path, "--offline")  # Where the files are not, the replies to them are found.
    assert [row["status"] for row in rows] == ["ok", "ok"]


def test_what_is_not_there_is_named_with_its_blanks(bench: Any) -> None:
    path = bench.folder / "songs.csv"
    path.write_text("id, audio\n1, nope.wav\n2, nope.wav \n")
    bench.tone("x.wav")
    errors = [row["error"] for row in score(bench, path)]
    assert all("nope.wav" in error and "there is no such file" in error for error in errors)


@pytest.mark.parametrize("cell", ['" {}  "', '"\t{} "', ' "{}"', " {} "])
def test_a_url_with_blanks_around_is_fetched_and_shown_without_its_secrets(bench: Any, host: str, cell: str) -> None:
    bench.tone("a.wav")
    path = bench.folder / "songs.csv"
    url = f"http://user:secret@{host}/a.wav?Signature=secret"
    path.write_text(f"id,audio_url\n1,{cell.format(url)}\n")
    row = score(bench, path, "--allow-private-hosts", host, "--keep", "audio_url")[0]
    assert row["status"] == "ok"
    assert row["audio"] == row["audio_url"] == f"http://{host}/a.wav"
    everything = b"".join(p.read_bytes() for p in bench.folder.rglob("*") if p.is_file() and p != path)
    assert b"secret" not in everything

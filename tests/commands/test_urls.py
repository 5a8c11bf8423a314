"""Songs by URL, from a server on loopback that counts."""

import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class Server(http.server.ThreadingHTTPServer):
    folder: Path
    asked: Counter[str]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        self.server.asked[path] += 1
        file = self.server.folder / path.lstrip("/")
        if path == "/flaky.wav" and self.server.asked[path] == 1:
            self.send_error(503)
        elif path == "/page.mp3":
            self.answer(b"<!doctype html><html><body>not here</body></html>")
        elif file.is_file():
            self.answer(file.read_bytes())
        else:
            self.send_error(404)

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(bench: Any) -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.folder, made.asked = bench.folder, Counter()
    thread = threading.Thread(target=made.serve_forever, args=(0.05,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def allow(server: Server) -> tuple[str, str]:
    return "--allow-private-hosts", f"127.0.0.1:{server.server_port}"


def test_urls_are_heard_once_whatever_their_signature(bench: Any, server: Server, asked: Any) -> None:
    for name in ("a.wav", "flaky.wav"):
        bench.tone(name)
    base = f"127.0.0.1:{server.server_port}"
    for signature in ("one", "two"):
        rows = [(n, f"http://user:secret@{base}/{n}?X-Amz-Signature={signature}") for n in ("a.wav", "flaky.wav")]
        bench.rows([{"id": n, "audio_url": url} for n, url in rows])
        assert bench.score(*allow(server), "--keep", "audio_url") == 0
    assert server.asked == {"/a.wav": 1, "/flaky.wav": 2}
    assert sorted(asked()) == ["a.wav", "flaky.wav"]
    row = bench.result()[0]
    assert row["audio"] == f"http://{base}/a.wav" == row["audio_url"]
    everything = b"".join(p.read_bytes() for p in bench.folder.rglob("*") if p.is_file() and p != bench.manifest)
    assert b"secret" not in everything and b"Signature" not in everything
    assert "secret" not in bench.stderr()


def test_what_can_not_be_fetched_is_a_row_with_a_reason(bench: Any, server: Server) -> None:
    bench.tone("a.wav")
    base = f"http://127.0.0.1:{server.server_port}"
    urls = [f"{base}/a.wav", f"{base}/gone.wav", f"{base}/page.mp3", "http://10.0.0.1:9/x.wav", "file:///etc/passwd"]
    bench.rows([{"id": url, "audio": url} for url in [*urls, "a.wav"]])
    assert bench.score(*allow(server)) == 1
    reasons = [row["reason"] for row in bench.result()]
    assert reasons[0] is None and reasons[5] is None
    assert reasons[2:4] == ["not_audio", "url_refused"]
    assert None not in reasons[1:5]
    assert bench.score(*allow(server)) == 1
    assert server.asked["/a.wav"] == 1 and server.asked["/page.mp3"] == 1


def test_loopback_is_refused_unless_named(bench: Any, server: Server) -> None:
    bench.tone("a.wav")
    bench.rows([{"id": "a", "audio": f"http://127.0.0.1:{server.server_port}/a.wav"}])
    assert bench.score() == 1
    assert bench.result()[0]["reason"] == "url_refused"
    assert server.asked == {}


def test_content_decides_where_the_url_changed(bench: Any, server: Server, asked: Any) -> None:
    bench.tone("a.wav")
    (bench.folder / "b.wav").write_bytes((bench.folder / "a.wav").read_bytes())
    for name in ("a.wav", "b.wav"):
        bench.rows([{"id": "song", "audio": f"http://127.0.0.1:{server.server_port}/{name}"}])
        assert bench.score(*allow(server)) == 0
    bench.tone("b.wav", hertz=999.0)
    assert bench.score(*allow(server)) == 0
    assert asked() == ["song"]
    assert bench.score(*allow(server), "--verify-audio") == 0
    assert asked() == ["song", "song"]
    entry = next((bench.folder / "cache").glob("*/??/song.json"))
    assert json.loads(entry.read_text())["body"]["heard"]["fingerprint"]["path"].endswith("/b.wav")


def test_pairs_are_fetched_and_one_that_is_gone_is_no_pair(bench: Any, server: Server, script: Any, asked: Any) -> None:
    for n in range(3):
        bench.tone(f"{n}.wav", hertz=110.0 * (n + 1))
    url = f"http://127.0.0.1:{server.server_port}"
    bench.rows([{"id": f"s{n}", "audio": f"{url}/{n}.wav?signature={n}"} for n in range(4)])
    script({"default": {"strengths": {"s0": 1, "s1": 3, "s2": 2, "s3": 9}}})
    words = ["rank", bench.manifest, "--engine", "fake", "--workers", 1, "--cache-dir", bench.folder / "cache"]
    words += ["-o", bench.folder / "ranks.jsonl", *allow(server)]
    assert bench.mfq(*words) == 1
    ranked = [json.loads(line) for line in (bench.folder / "ranks.jsonl").read_text().splitlines()]
    assert [(row["song_id"], row["rank"]) for row in ranked] == [("s1", 1), ("s2", 2), ("s0", 3), ("s3", None)]
    assert ranked[-1]["status"] == "failed" and ranked[-1]["error"].startswith("s3: ")
    assert len(asked()) == 6
    before = server.asked.total()
    bench.rows([{"id": f"s{n}", "audio": f"{url}/{n}.wav?signature=fresh"} for n in range(3)])
    assert bench.mfq(*words) == 0
    assert (len(asked()), server.asked.total()) == (6, before)

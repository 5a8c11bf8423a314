"""Nothing outlasts its time or outgrows its size."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from musicflamingo_cli.intake.fetch.fetcher import Fetched
from tests.intake.fetch.bad_server import HEAD, WAV, Asked, BadServer, Fetch, Line, be_quick, raw, reason, song


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    be_quick(monkeypatch, tmp_path)


@pytest.fixture
def server() -> Iterator[BadServer]:
    with BadServer() as server:
        yield server


@pytest.fixture
def fetch(server: BadServer) -> Fetch:
    return Fetch(server)


SLOW: dict[str, Callable[[Line], None]] = {
    "body": lambda line: (line.send(HEAD + WAV[:100]), line.drip(b"a"))[1],
    "header": lambda line: (line.send(b"HTTP/1.1 200 OK\r\nX: "), line.drip(b"a"))[1],
    "header lines": lambda line: (line.send(b"HTTP/1.1 200 OK\r\n"), line.drip(b"X: y\r\n", 0.01))[1],
    "status line": lambda line: line.drip(b"HTTP/1.1 "),
    "chunk size": lambda line: (
        line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        line.drip(b"0"),
    )[1],
    "tiny chunks": lambda line: (
        line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        line.drip(b"1\r\n\0\r\n", 0.01),
    )[1],
    "informational": lambda line: line.drip(b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.001),
    "endless informational": lambda line: line.flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
}


@pytest.mark.parametrize("what", SLOW)
def test_nothing_outlasts_the_total_time(what: str, server: BadServer, fetch: Fetch) -> None:
    url = server.on("/x", lambda _, line: SLOW[what](line))
    began = time.monotonic()
    assert reason(fetch(url, total_seconds=0.5, retries=9)) in ("timeout", "network")
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200", HEAD, HEAD + WAV[:5000]])
def test_silence_is_a_timeout(sent: bytes, server: BadServer, fetch: Fetch) -> None:
    url = server.on("/x", lambda _, line: (line.send(sent), line.wait(10))[0])
    began = time.monotonic()
    assert reason(fetch(url, read_seconds=0.2)) == "timeout"
    assert 0.5 < time.monotonic() - began < 3
    assert len(server.asked) == 3


FLOODS = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Flood: " + b"x" * 1000 + b"\r\n"),
    "one header": (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536),
    "a chunk extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 65536),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: " + b"y" * 1000 + b"\r\n"),
}


@pytest.mark.parametrize("what", FLOODS)
def test_floods_outside_the_body_are_cut_off(what: str, server: BadServer, fetch: Fetch) -> None:
    first, more = FLOODS[what]
    url = server.on("/x", lambda _, line: (line.send(first), line.flood(more, 1 << 24))[0])
    assert reason(fetch(url)) == "network"


class TestSize:
    def test_a_promise_beyond_the_limit_is_not_read(self, server: BadServer, fetch: Fetch) -> None:
        url = server.on("/x", lambda _, line: line.answer(200, WAV, claim=1 << 40))
        assert reason(fetch(url)) == "too_large"

    @pytest.mark.parametrize("coding", ["chunked", "close"])
    def test_a_body_without_a_promise_is_counted(self, coding: str, server: BadServer, fetch: Fetch) -> None:
        def habit(_: Asked, line: Line) -> None:
            if coding == "chunked":
                line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                line.flood(b"8000\r\n" + b"\0" * 0x8000 + b"\r\n")
            else:
                line.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                line.flood(b"\0" * 0x8000)

        assert reason(fetch(server.on("/x", habit), max_bytes=1_000_000)) == "too_large"

    def test_the_limit_itself_is_allowed(self, server: BadServer, fetch: Fetch) -> None:
        assert isinstance(fetch(server.on("/x", song(WAV)), max_bytes=len(WAV)), Fetched)
        assert reason(fetch(server.url("/x"), max_bytes=len(WAV) - 1)) == "too_large"

    @pytest.mark.parametrize(
        "coding", ["gzip", "br", "deflate", "zstd", "gzip, identity", "x", "aws-chunked,gzip", "GZIP"]
    )
    def test_compressed_bodies_are_refused(self, coding: str, server: BadServer, fetch: Fetch) -> None:
        url = server.on("/x", lambda _, line: line.answer(200, WAV, Content_Encoding=coding))
        assert reason(fetch(url)) == "http_error"

    @pytest.mark.parametrize("coding", ["", "identity", "aws-chunked", "AWS-Chunked", "aws-chunked,", "identity, none"])
    def test_codings_that_compress_nothing_are_none(self, coding: str, server: BadServer, fetch: Fetch) -> None:
        assert isinstance(fetch(server.on("/x", song(WAV, Content_Encoding=coding))), Fetched)
        assert fetch.body == WAV

    @pytest.mark.parametrize("last", ["aws-chunked", "identity", "gzip", ""])
    def test_a_compression_in_any_line_of_the_header_counts(self, last: str, server: BadServer, fetch: Fetch) -> None:
        lines = f"Content-Encoding: gzip\r\nContent-Encoding: {last}\r\nContent-Length: {len(WAV)}\r\n\r\n"
        url = server.on("/x", raw(b"HTTP/1.1 200 OK\r\n" + lines.encode() + WAV))
        assert reason(fetch(url)) == "http_error"

"""Bodies that break off or change, answers that are none, and servers that are slow or send too much."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from musicflamingo_cli.intake.fetch.fetcher import Fetched
from tests.intake.fetch.bad_server import (
    HEAD,
    WAV,
    Asked,
    BadServer,
    Fetch,
    Line,
    be_quick,
    cut_at,
    raw,
    reason,
    song,
    wav,
)


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


class TestCutBodies:
    @pytest.mark.parametrize("mark", [{"ETag": '"v1"'}, {"Last_Modified": "Wed, 21 Oct 2026 07:28:00 GMT"}])
    @pytest.mark.parametrize("count", [1, 100, 5000, len(WAV) - 1])
    def test_are_resumed(self, count: int, mark: dict[str, str], server: BadServer, fetch: Fetch) -> None:
        assert isinstance(fetch(server.on("/x", cut_at(count, **mark))), Fetched)
        assert fetch.body == WAV
        second = server.asked[1].headers
        assert (second["range"], second["if-range"]) == (f"bytes={count}-", next(iter(mark.values())))

    @pytest.mark.parametrize(
        "mark", [{}, {"ETag": 'W/"v1"'}, {"ETag": '"v1"', "Accept_Ranges": "none"}, {"ETag": "v1"}]
    )
    def test_are_begun_again_without_a_strong_mark(self, mark: dict[str, str], server: BadServer, fetch: Fetch) -> None:
        assert isinstance(fetch(server.on("/x", cut_at(5000, **mark))), Fetched)
        assert fetch.body == WAV
        assert "range" not in server.asked[1].headers

    def test_that_are_never_whole_are_no_song(self, server: BadServer, fetch: Fetch) -> None:
        url = server.on("/x", lambda _, line: line.answer(200, WAV[:5000], claim=len(WAV)))
        got = fetch(url)
        assert reason(got) == "network"
        assert f"5000 of {len(WAV)} bytes" in got.error  # type: ignore[union-attr]
        assert len(server.asked) == 3

    def test_in_chunks_are_noticed(self, server: BadServer, fetch: Fetch) -> None:
        start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + f"{len(WAV):x}\r\n".encode()
        for cut in (WAV[:500], WAV, WAV + b"\r\n"):
            assert reason(fetch(server.on("/x", raw(start + cut)))) == "network"

    @pytest.mark.parametrize("length", [1, len(WAV), len(WAV) + 7, 1 << 40])
    @pytest.mark.parametrize("coding", ["chunked", "Chunked"])
    @pytest.mark.parametrize("length_first", [True, False])
    def test_chunks_count_and_a_length_beside_them_does_not(
        self, length: int, coding: str, length_first: bool, server: BadServer, fetch: Fetch
    ) -> None:
        lines = [f"Content-Length: {length}", f"Transfer-Encoding: {coding}"]
        head = "\r\n".join(["HTTP/1.1 200 OK", *(lines if length_first else lines[::-1]), "", ""]).encode()
        chunks = b"".join(
            f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (WAV[:1000], WAV[1000:1001], WAV[1001:], b"")
        )
        assert isinstance(fetch(server.on("/x", raw(head + chunks))), Fetched)
        assert fetch.body == WAV
        assert len(server.asked) == 1

    def test_by_reset_are_resumed(self, server: BadServer, fetch: Fetch) -> None:
        def habit(asked: Asked, line: Line) -> None:
            if asked.number == 1:
                line.answer(200, WAV[:5000], claim=len(WAV), ETag='"a"')
                line.wait(0.1)
                line.reset()
            else:
                song(WAV, ETag='"a"')(asked, line)

        assert isinstance(fetch(server.on("/x", habit)), Fetched)
        assert fetch.body == WAV

    @pytest.mark.parametrize(
        "span",
        ["bytes 0-99/{n}", "bytes 6000-{last}/{n}", "bytes 5000-6000/{n}", "bytes 5000-{last}/9999999", "x", None],
    )
    def test_a_wrong_range_starts_afresh(self, span: str | None, server: BadServer, fetch: Fetch) -> None:
        def habit(asked: Asked, line: Line) -> None:
            if asked.number == 1:
                line.answer(200, WAV[:5000], claim=len(WAV), ETag='"a"')
            elif "range" in asked.headers:
                where = {"Content_Range": span.format(n=len(WAV), last=len(WAV) - 1)} if span else {}
                line.answer(206, WAV[5000:], ETag='"a"', **where)
            else:
                song(WAV, ETag='"a"')(asked, line)

        assert isinstance(fetch(server.on("/x", habit)), Fetched)
        assert fetch.body == WAV
        assert len(server.asked) == 3

    @pytest.mark.parametrize("status", [200, 206, 416])
    def test_another_version_starts_afresh(self, status: int, server: BadServer, fetch: Fetch) -> None:
        new = wav(20_000)

        def habit(asked: Asked, line: Line) -> None:
            if asked.number == 1:
                line.answer(200, WAV[:5000], claim=len(WAV), ETag='"a"')
            elif "range" in asked.headers and status == 206:
                span = f"bytes 5000-{len(WAV) - 1}/{len(WAV)}"
                line.answer(206, b"x" * (len(WAV) - 5000), ETag='"b"', Content_Range=span)
            elif "range" in asked.headers and status == 416:
                line.answer(416, Content_Range="bytes */100")
            else:
                line.answer(200, new, ETag='"b"')

        assert isinstance(fetch(server.on("/x", habit)), Fetched)
        assert fetch.body == new

    def test_that_gain_a_megabyte_each_time_go_on(self, server: BadServer, fetch: Fetch) -> None:
        whole = wav(3_000_000)  # 6 MB

        def habit(asked: Asked, line: Line) -> None:
            end = min(len(whole), asked.start + 1_100_000)
            mark = {"ETag": '"a"', "Content_Range": f"bytes {asked.start}-{len(whole) - 1}/{len(whole)}"}
            status = 206 if asked.start else 200
            line.answer(status, whole[asked.start : end], claim=len(whole) - asked.start, **mark)

        assert isinstance(fetch(server.on("/x", habit), retries=1), Fetched)
        assert fetch.body == whole

    def test_a_part_that_nobody_asked_for_is_no_song(self, server: BadServer, fetch: Fetch) -> None:
        url = server.on("/x", lambda _, line: line.answer(206, WAV[:5000], Content_Range=f"bytes 0-4999/{len(WAV)}"))
        assert reason(fetch(url)) == "network"


BROKEN = {
    "nothing": b"",
    "noise": b"\0\xff\x13" * 100,
    "no HTTP": b"ICY 200 OK\r\nicy-name: radio\r\n\r\n" + WAV,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "a length of 5000 digits": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a huge chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 19 + b"\r\nabc",
    "status 99": b"HTTP/1.1 99 Odd\r\n\r\n",
    "status 1000": b"HTTP/1.1 1000 Odd\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "a null in a header": b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_answers_are_values(what: str, server: BadServer, fetch: Fetch) -> None:
    assert reason(fetch(server.on("/x", raw(BROKEN[what])))) in ("network", "http_error")


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

"""Bodies that break off, change, or are no audio."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from musicflamingo_cli.intake.fetch.fetcher import Fetched
from tests.intake.fetch.bad_server import WAV, Asked, BadServer, Fetch, Line, be_quick, cut_at, raw, reason, song, wav


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


PAGES = {
    "html": b"<!DOCTYPE html><html><body>Sorry</body></html>",
    "html with a mark": b"\xef\xbb\xbf\n <HTML>Sorry",
    "html in UTF-16": "<html><body>Sorry</body></html>".encode("utf-16"),
    "long html": b"<html>" + b"<p>Sorry \xe4\xf6</p>" * 1000,
    "html with frames of sound": b"<html>" + b"\xff\xfb\x90\x00" + b"\0" * 8000,
    "json": b'{"error": "expired"}',
    "json list": b"[1, 2]",
    "xml": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "text": "Zu viele Anfragen, später wieder".encode(),
    "one byte": b"x",
    "noise": bytes(range(1, 250)) * 40,
    "m3u8": b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:1/a.ts\n",
    "m3u8 with a mark": b"\xef\xbb\xbf#EXTM3U\n\xff\xfe http://127.0.0.1:1/a.ts\n",
    "m3u": b"http://127.0.0.1:1/a.mp3\n",
    "pls": b"[playlist]\nFile1=http://127.0.0.1:1/a.mp3\n",
    "mpd": b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    "gzip": b"\x1f\x8b\x08" + b"\0" * 5000,
}


class TestContent:
    @pytest.mark.parametrize("what", PAGES)
    @pytest.mark.parametrize("kind", ["audio/mpeg", "text/html", ""])
    def test_pages_are_no_audio_whatever_they_are_called(
        self, what: str, kind: str, server: BadServer, fetch: Fetch
    ) -> None:
        url = server.on("/song.mp3", lambda _, line: line.answer(200, PAGES[what], Content_Type=kind))
        assert reason(fetch(url)) == "not_audio"
        assert len(server.asked) == 1

    @pytest.mark.parametrize(
        "kind",
        ["application/vnd.apple.mpegurl", "Audio/X-MpegURL; charset=utf-8", "audio/x-scpls", "application/dash+xml"],
    )
    def test_playlists_are_known_by_their_type(self, kind: str, server: BadServer, fetch: Fetch) -> None:
        url = server.on("/x", lambda _, line: line.answer(200, WAV, Content_Type=kind))
        assert reason(fetch(url)) == "not_audio"

    @pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/octet-stream", "", "\xff"])
    def test_audio_is_audio_whatever_it_is_called(self, kind: str, server: BadServer, fetch: Fetch) -> None:
        assert isinstance(fetch(server.on("/x", song(WAV, Content_Type=kind))), Fetched)

    def test_nothing_is_an_empty_file(self, server: BadServer, fetch: Fetch) -> None:
        assert reason(fetch(server.on("/x", song(b"")))) == "empty_file"

    def test_a_page_without_end_is_not_read_to_its_end(self, server: BadServer, fetch: Fetch) -> None:
        def habit(_: Asked, line: Line) -> None:
            line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n<html>")
            line.flood(b"<p>and on</p>" * 1000)

        began = time.monotonic()
        assert reason(fetch(server.on("/x", habit))) == "not_audio"
        assert time.monotonic() - began < 2


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

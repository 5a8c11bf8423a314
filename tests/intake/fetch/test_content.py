"""Bodies that are no audio, whatever they are called."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from musicflamingo_cli.intake.fetch.fetcher import Fetched
from tests.intake.fetch.bad_server import WAV, Asked, BadServer, Fetch, Line, be_quick, reason, song


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

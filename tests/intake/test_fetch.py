"""One song from servers with bad habits."""

import datetime
import io
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musicflamingo_cli.errors import OutputError, UsageError
from musicflamingo_cli.intake.fetch import Fetched, Fetcher, FetcherClosed, FetchSettings
from musicflamingo_cli.intake.verdicts import TRANSIENT
from musicflamingo_cli.records import Failure
from tests.intake.bad_server import Asked, BadServer, Habit, Line, song

PEM = Path(__file__).with_name("test_fetch_localhost.pem")
Fetch = Callable[..., Fetched | Failure]


def wav(samples: int = 30_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(1).normal(0, 0.1, samples).astype(np.float32), 22_050, format="WAV")
    return file.getvalue()


WAV = wav()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Short pauses, temporary files where the test sees them, no proxy."""
    monkeypatch.setattr("musicflamingo_cli.intake.fetch.BACKOFF_SECONDS", 0.02)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")


@pytest.fixture
def server() -> Iterator[BadServer]:
    with BadServer() as server:
        yield server


@pytest.fixture
def fetch(server: BadServer) -> Fetch:
    """Fetch one URL with a fetcher of its own; a short one for the content."""

    def one(url: str, **settings: object) -> Fetched | Failure:
        how = {"allow_private_hosts": (server.name,), "read_seconds": 0.5, "total_seconds": 5.0, "retries": 2}
        with Fetcher(FetchSettings(**(how | settings))) as fetcher:
            got = fetcher.fetch(url)
            if isinstance(got, Fetched):
                one.body = Path(got.path).read_bytes()
                assert got.temporary
        return got

    return one


def body(fetch: Fetch) -> bytes:
    return fetch.body  # type: ignore[attr-defined,no-any-return]


def reason(got: Fetched | Failure) -> str:
    assert isinstance(got, Failure)
    assert got.transient is (got.reason in TRANSIENT)
    assert got.stage == "intake"
    return got.reason


def raw(data: bytes) -> Habit:
    """Send these bytes and hang up."""

    def habit(_: Asked, line: Line) -> None:
        line.keep = False
        line.send(data)

    return habit


def test_a_song_arrives_whole_and_is_gone_with_the_fetcher(server: BadServer, fetch: Fetch, tmp_path: Path) -> None:
    got = fetch(server.on("/a.wav", song(WAV)) + "?token=x")
    assert isinstance(got, Fetched)
    assert (got.url, body(fetch)) == (server.url("/a.wav"), WAV)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert server.asked[0].target == "/a.wav?token=x"
    assert server.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 406, 410, 418, 451, 204, 304, 300])
def test_what_no_retry_changes_is_asked_once(code: int, server: BadServer, fetch: Fetch) -> None:
    url = server.on("/x", lambda _, line: line.answer(code, b"" if code in (204, 304) else b"no"))
    assert reason(fetch(url)) == "http_error"
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504, 520, 599])
def test_what_may_pass_is_asked_again(code: int, server: BadServer, fetch: Fetch) -> None:
    url = server.on("/x", lambda _, line: line.answer(code, b"later"))
    assert reason(fetch(url)) == "http_unavailable"
    assert len(server.asked) == 3

    server.on("/x", lambda asked, line: song(WAV)(asked, line) if asked.number > 5 else line.answer(code))
    assert isinstance(fetch(url), Fetched)
    assert body(fetch) == WAV


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for(form: str, server: BadServer, fetch: Fetch) -> None:
    when = format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2), usegmt=True)
    value = "1" if form == "seconds" else when

    def habit(asked: Asked, line: Line) -> None:
        line.answer(429, Retry_After=value) if asked.number == 1 else song(WAV)(asked, line)

    began = time.monotonic()
    assert isinstance(fetch(server.on("/x", habit)), Fetched)
    assert 0.9 < time.monotonic() - began < 4
    assert len(server.asked) == 2


@pytest.mark.parametrize("value", ["3600", "9" * 400, "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_a_retry_after_beyond_all_patience_is_a_failure_at_once(value: str, server: BadServer, fetch: Fetch) -> None:
    began = time.monotonic()
    assert reason(fetch(server.on("/x", lambda _, line: line.answer(503, Retry_After=value)))) == "http_unavailable"
    assert time.monotonic() - began < 2
    assert len(server.asked) == 1


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "Wed, 99 Oct 2026", "\xff"])
def test_a_retry_after_that_makes_no_sense_is_ignored(value: str, server: BadServer, fetch: Fetch) -> None:
    assert reason(fetch(server.on("/x", lambda _, line: line.answer(503, Retry_After=value)))) == "http_unavailable"
    assert len(server.asked) == 3


class TestRedirects:
    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    def test_are_followed(self, code: int, server: BadServer, fetch: Fetch) -> None:
        server.on("/b.wav", song(WAV))
        for location in ("/b.wav", "b.wav?x=1", server.url("/b.wav"), f"//{server.name}/b.wav"):
            url = server.on("/a", lambda _, line, to=location: line.answer(code, b"moved", Location=to))
            assert isinstance(fetch(url), Fetched)

    @pytest.mark.parametrize(
        "location",
        [
            "http://127.0.0.1:1/",
            "http://localhost/",
            "http://169.254.169.254/latest/meta-data/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://0x7f000001/",
            "http://10.0.0.1:{port}/",
            "http://localhost:{port}/b.wav",
            "http://allowed@127.0.0.1:1/",
            "file:///etc/passwd",
            "ftp://127.0.0.1/x",
            "gopher://127.0.0.1:{port}/x",
        ],
    )
    def test_to_private_addresses_are_refused(self, location: str, server: BadServer, fetch: Fetch) -> None:
        to = location.format(port=server.port)
        url = server.on("/a", lambda _, line: line.answer(302, Location=to))
        assert reason(fetch(url)) == "url_refused"
        assert len(server.asked) == 1

    def test_end_somewhere(self, server: BadServer, fetch: Fetch) -> None:
        url = server.on("/a", lambda _, line: line.answer(302, Location="/a"))
        assert reason(fetch(url)) == "http_error"
        assert len(server.asked) == 6

    def test_without_a_place_are_an_error(self, server: BadServer, fetch: Fetch) -> None:
        assert reason(fetch(server.on("/a", lambda _, line: line.answer(302)))) == "http_error"

    def test_keep_the_password_to_its_origin(self, server: BadServer, fetch: Fetch) -> None:
        with BadServer({"/b.wav": song(WAV)}) as other:
            server.on("/a", lambda _, line: line.answer(302, Location="/c"))
            server.on("/c", lambda _, line: line.answer(302, Location=other.url("/b.wav")))
            url = server.url("/a").replace("://", "://user:secret@")
            got = fetch(url, allow_private_hosts=(server.name, other.name))
            assert isinstance(got, Fetched)
            assert [asked.headers.get("authorization") for asked in server.asked] == ["Basic dXNlcjpzZWNyZXQ="] * 2
            assert "authorization" not in other.asked[0].headers
            assert "secret" not in got.url


class TestAddresses:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1", "0"])
    def test_local_ones_are_refused_unless_named(self, host: str, server: BadServer, fetch: Fetch) -> None:
        got = fetch(f"http://{host}:{server.port}/a", allow_private_hosts=())
        assert reason(got) == "url_refused"
        assert server.connections == 0

    def test_a_name_that_changes_its_address_is_checked_each_time(
        self, server: BadServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = iter(["192.0.2.1", "8.8.8.8", "127.0.0.1"])
        tried: list[str] = []

        def resolve(*_: object, **__: object) -> list[object]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), server.port))]

        def refuse(sock: socket.socket, address: tuple[str, int]) -> None:
            tried.append(address[0])
            raise ConnectionRefusedError

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(socket.socket, "connect", refuse)
        url = f"http://song.example:{server.port}/a"
        assert reason(fetch(url)) == "url_refused"  # 192.0.2.1 is for documentation.
        assert reason(fetch(url)) == "url_refused"  # Public, refused by nobody's port, then suddenly local.
        assert tried == ["8.8.8.8"]

    def test_a_host_that_does_not_exist_may_exist_tomorrow(self, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
        def resolve(*_: object, **__: object) -> list[object]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        assert reason(fetch("http://nowhere.example/a")) == "network"

    def test_a_closed_port_is_tried_again(self, fetch: Fetch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            name = f"127.0.0.1:{free.getsockname()[1]}"
        assert reason(fetch(f"http://{name}/a", allow_private_hosts=(name,))) == "network"

    def test_a_host_without_port_is_no_permission(self) -> None:
        with pytest.raises(UsageError):
            Fetcher(FetchSettings(allow_private_hosts=("localhost",)))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
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
    assert reason(fetch(url, total_seconds=1.0, retries=9)) in ("timeout", "network")
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

    @pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "gzip, identity", "x"])
    def test_compressed_bodies_are_refused(self, coding: str, server: BadServer, fetch: Fetch) -> None:
        url = server.on("/x", lambda _, line: line.answer(200, WAV, Content_Encoding=coding))
        assert reason(fetch(url)) == "http_error"


def cut_at(count: int, whole: bytes = WAV, **headers: object) -> Habit:
    """Break off the first answer there; go on from any range later."""

    def habit(asked: Asked, line: Line) -> None:
        if asked.number == 1:
            line.answer(200, whole[:count], claim=len(whole), **headers)
        else:
            song(whole, **headers)(asked, line)

    return habit


class TestCutBodies:
    @pytest.mark.parametrize("mark", [{"ETag": '"v1"'}, {"Last_Modified": "Wed, 21 Oct 2026 07:28:00 GMT"}])
    @pytest.mark.parametrize("count", [1, 100, 5000, len(WAV) - 1])
    def test_are_resumed(self, count: int, mark: dict[str, str], server: BadServer, fetch: Fetch) -> None:
        assert isinstance(fetch(server.on("/x", cut_at(count, **mark))), Fetched)
        assert body(fetch) == WAV
        second = server.asked[1].headers
        assert (second["range"], second["if-range"]) == (f"bytes={count}-", next(iter(mark.values())))

    @pytest.mark.parametrize(
        "mark", [{}, {"ETag": 'W/"v1"'}, {"ETag": '"v1"', "Accept_Ranges": "none"}, {"ETag": "v1"}]
    )
    def test_are_begun_again_without_a_strong_mark(self, mark: dict[str, str], server: BadServer, fetch: Fetch) -> None:
        assert isinstance(fetch(server.on("/x", cut_at(5000, **mark))), Fetched)
        assert body(fetch) == WAV
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

    def test_by_reset_are_resumed(self, server: BadServer, fetch: Fetch) -> None:
        def habit(asked: Asked, line: Line) -> None:
            if asked.number == 1:
                line.answer(200, WAV[:5000], claim=len(WAV), ETag='"a"')
                line.wait(0.1)
                line.reset()
            else:
                song(WAV, ETag='"a"')(asked, line)

        assert isinstance(fetch(server.on("/x", habit)), Fetched)
        assert body(fetch) == WAV

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
        assert body(fetch) == WAV
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
        assert body(fetch) == new

    def test_that_gain_a_megabyte_each_time_go_on(self, server: BadServer, fetch: Fetch) -> None:
        whole = wav(3_000_000)  # 6 MB

        def habit(asked: Asked, line: Line) -> None:
            end = min(len(whole), asked.start + 1_100_000)
            mark = {"ETag": '"a"', "Content_Range": f"bytes {asked.start}-{len(whole) - 1}/{len(whole)}"}
            status = 206 if asked.start else 200
            line.answer(status, whole[asked.start : end], claim=len(whole) - asked.start, **mark)

        assert isinstance(fetch(server.on("/x", habit), retries=1), Fetched)
        assert body(fetch) == whole

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


def test_what_servers_say_is_not_repeated(server: BadServer, fetch: Fetch) -> None:
    answer = b"HTTP/1.1 404 \x1b[31mevil\x1b[0m\r\nContent-Length: 0\r\n\r\n"
    got = fetch(server.on("/x", raw(answer)))
    assert isinstance(got, Failure)
    assert "evil" not in got.error
    assert "\x1b" not in got.error


def test_errors_name_no_secret(server: BadServer, fetch: Fetch) -> None:
    url = server.url("/gone").replace("://", "://me:SeCrEt@") + "?X-Amz-Signature=SeCrEt"
    for habit in (lambda _, line: line.answer(404), lambda _, line: line.answer(500), raw(b"x"), raw(WAV[:9])):
        server.on("/gone", habit)
        got = fetch(url)
        assert isinstance(got, Failure)
        assert "SeCrEt" not in got.error


class TestTls:
    @pytest.fixture
    def safe(self) -> Iterator[BadServer]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
        with BadServer(tls=context) as server:
            server.on("/x", cut_at(5000, ETag='"a"'))
            yield server

    def test_a_certificate_that_nobody_signed_is_refused(self, safe: BadServer, fetch: Fetch) -> None:
        got = fetch(safe.url("/x"), allow_private_hosts=(safe.name,))
        assert reason(got) == "network"
        assert "certificate" in got.error  # type: ignore[union-attr]
        assert safe.connections == 1

    def test_a_trusted_one_is_accepted_for_its_name_alone(
        self, safe: BadServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
        assert isinstance(fetch(safe.url("/x"), allow_private_hosts=(safe.name,)), Fetched)
        assert body(fetch) == WAV

        local = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", safe.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: local)
        name = f"other.example:{safe.port}"
        assert reason(fetch(f"https://{name}/x", allow_private_hosts=(name,))) == "network"

    @pytest.mark.parametrize("talk", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x01"])
    def test_a_handshake_that_never_ends_does(self, talk: bytes, fetch: Fetch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            name = f"127.0.0.1:{listener.getsockname()[1]}"
            calls: list[socket.socket] = []

            def serve() -> None:
                while len(calls) < 3:
                    sock, _ = listener.accept()
                    calls.append(sock)
                    sock.sendall(talk)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            began = time.monotonic()
            got = fetch(f"https://{name}/x", allow_private_hosts=(name,), connect_seconds=0.3)
            assert reason(got) in ("timeout", "network")
            assert time.monotonic() - began < 3
            thread.join(5)
            for sock in calls:
                sock.close()


class TestClosing:
    def test_ends_what_is_going_on(self, server: BadServer) -> None:
        url = server.on("/x", lambda _, line: (line.send(HEAD + WAV[:100]), line.wait(15))[0])
        fetcher = Fetcher(FetchSettings(allow_private_hosts=(server.name,)))
        ended: list[BaseException] = []

        def work() -> None:
            try:
                fetcher.fetch(url)
            except FetcherClosed as error:
                ended.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(server.asked) < 4:
            time.sleep(0.01)
        began = time.monotonic()
        fetcher.close()
        for thread in threads:
            thread.join(5)
        assert time.monotonic() - began < 2
        assert len(ended) == 4
        fetcher.close()
        with pytest.raises(FetcherClosed):
            fetcher.fetch(url)

    def test_wakes_who_waits_for_the_next_attempt(self, server: BadServer) -> None:
        url = server.on("/x", lambda _, line: line.answer(503, Retry_After="60"))
        with Fetcher(FetchSettings(allow_private_hosts=(server.name,))) as fetcher:
            threading.Timer(0.3, fetcher.close).start()
            began = time.monotonic()
            with pytest.raises(FetcherClosed):
                fetcher.fetch(url)
            assert time.monotonic() - began < 2

    def test_wakes_who_connects(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            name = f"127.0.0.1:{deaf.getsockname()[1]}"
            crowd = [socket.socket() for _ in range(3)]
            for sock in crowd:
                sock.setblocking(False)
                sock.connect_ex(deaf.getsockname())
            with Fetcher(FetchSettings(allow_private_hosts=(name,))) as fetcher:
                threading.Timer(0.3, fetcher.close).start()
                began = time.monotonic()
                with pytest.raises(FetcherClosed):
                    fetcher.fetch(f"http://{name}/x")
                assert time.monotonic() - began < 2
            for sock in crowd:
                sock.close()


def test_a_full_disk_is_the_runs_trouble(server: BadServer) -> None:
    url = server.on("/x", song(WAV))
    with Fetcher(FetchSettings(allow_private_hosts=(server.name,))) as fetcher:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(WAV) - 1, limits[1]))
        try:
            with pytest.raises(OutputError, match="can't be kept there: File too large"):
                fetcher.fetch(url)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert isinstance(fetcher.fetch(url), Fetched)


def test_no_temporary_folder_is_the_runs_trouble(
    server: BadServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="file"):
        fetch(server.on("/x", song(WAV)))


def test_other_schemes_and_paths_are_no_source(fetch: Fetch) -> None:
    for text in ("file:///etc/passwd", "ftp://a/b", "data:audio/wav;base64,AA", "/etc/passwd", ""):
        assert reason(fetch(text)) == "unsupported_source"

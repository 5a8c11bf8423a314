"""One song: arrival, answers that may pass, redirects, what is shown, closing, disks that are full."""

import datetime
import logging
import resource
import socket
import threading
import time
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path

import pytest

from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.intake.fetch.fetcher import (
    BACKOFF_MOST,
    Fetched,
    Fetcher,
    FetcherClosed,
    FetchSettings,
    _backoff,
)
from musicflamingo_cli.records import Failure
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


def test_a_song_arrives_whole_and_is_gone_with_the_fetcher(server: BadServer, fetch: Fetch, tmp_path: Path) -> None:
    got = fetch(server.on("/a.wav", song(WAV)) + "?token=x")
    assert isinstance(got, Fetched)
    assert (got.url, fetch.body) == (server.url("/a.wav"), WAV)
    assert list((tmp_path).iterdir()) == []
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
    assert fetch.body == WAV


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


def test_logs_at_any_level_hold_no_secret(server: BadServer, fetch: Fetch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = server.on("/x", song(WAV)).replace("://", "://me:SeCrEt@") + "?sig=SeCrEt"
    assert isinstance(fetch(url), Fetched)
    assert "SeCrEt" not in caplog.text
    assert "U2VDckV0" not in caplog.text


def test_pauses_double_and_differ() -> None:
    for vain in range(1, 12):
        most = min(BACKOFF_MOST, 0.02 * 2 ** (vain - 1))
        pauses = {_backoff(vain) for _ in range(100)}
        assert most / 2 <= min(pauses) < max(pauses) <= most


def test_other_schemes_and_paths_are_no_source(fetch: Fetch) -> None:
    for text in ("file:///etc/passwd", "ftp://a/b", "data:audio/wav;base64,AA", "/etc/passwd", ""):
        assert reason(fetch(text)) == "unsupported_source"


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

    @pytest.fixture
    def deaf(self) -> Iterator[str]:
        """A host that takes no connection and refuses none."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            crowd = [socket.socket() for _ in range(3)]
            for sock in crowd:
                sock.setblocking(False)
                sock.connect_ex(listener.getsockname())
            yield f"127.0.0.1:{listener.getsockname()[1]}"
            for sock in crowd:
                sock.close()

    def test_is_told_to_who_connects_when_that_is_over(self, deaf: str) -> None:
        """A connection in the making can't be woken; it has a time limit of its own."""
        with Fetcher(FetchSettings(allow_private_hosts=(deaf,), connect_seconds=0.6, retries=0)) as fetcher:
            threading.Timer(0.2, fetcher.close).start()
            with pytest.raises(FetcherClosed):
                fetcher.fetch(f"http://{deaf}/x")

    def test_does_not_wait_for_who_connects(self, deaf: str) -> None:
        fetcher = Fetcher(FetchSettings(allow_private_hosts=(deaf,), connect_seconds=3.0, retries=0))
        threading.Timer(0.2, fetcher.close).start()
        with pytest.raises(FetcherClosed):
            list(fetcher.fetch_ahead([(1, f"http://{deaf}/x")]))
        left = [thread for thread in threading.enumerate() if thread.name == "mfq-fetch"]
        assert len(left) == 1
        assert left[0].daemon  # So it ends with the process, if not before.
        left[0].join()


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

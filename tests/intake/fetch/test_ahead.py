"""Many songs at once: order, caps, bounds, and nothing left open."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.intake.fetch.fetcher import Fetched, Fetcher, FetcherClosed, FetchSettings
from musicflamingo_cli.records import Failure
from tests.intake.fetch.bad_server import Asked, BadServer, Line, song

WAV = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data" + b"\0\1\0\0\0" * 2000


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("musicflamingo_cli.intake.fetch.fetcher.BACKOFF_SECONDS", 0.02)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def server() -> Iterator[BadServer]:
    with BadServer({"/x": song(WAV)}) as server:
        yield server


def settings(*servers: BadServer, **how: object) -> FetchSettings:
    names = tuple(name for server in servers for name in (server.name, f"localhost:{server.port}"))
    return FetchSettings(allow_private_hosts=names, **({"read_seconds": 2.0, "total_seconds": 10.0} | how))  # type: ignore[arg-type]


def slow(_: Asked, line: Line) -> None:
    line.wait(0.1)
    line.answer(200, WAV)


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("mfq-")]


def test_every_key_comes_back_once_and_paths_pass_untouched(server: BadServer) -> None:
    audio = [server.url("/x"), "/music/a.wav", server.url("/gone"), "odd name.mp3", "ftp://a/b", "file:///etc/passwd"]
    with Fetcher(settings(server)) as fetcher:
        got = dict(fetcher.fetch_ahead((n, audio[n % len(audio)]) for n in range(300)))
        assert sorted(got) == list(range(300))
        for n, result in got.items():
            what = audio[n % len(audio)]
            if what == audio[0]:
                assert isinstance(result, Fetched)
                assert result.temporary
                assert Path(result.path).read_bytes() == WAV
            elif "://" in what:
                assert isinstance(result, Failure)
            else:
                assert result == Fetched(what, what, temporary=False)
    assert threads() == []
    assert server.connections <= 20


def test_the_quick_overtake_the_slow(server: BadServer) -> None:
    server.on("/slow", slow)
    items = [("slow", server.url("/slow")), ("quick", "/a.wav"), ("last", server.url("/x"))]
    with Fetcher(settings(server)) as fetcher:
        assert [key for key, _ in fetcher.fetch_ahead(items)][-1] == "slow"


def test_a_host_gets_no_more_requests_at_a_time_than_it_may(server: BadServer) -> None:
    server.on("/slow", slow)
    with Fetcher(settings(server, per_host=3, parallel=8)) as fetcher:
        assert len(list(fetcher.fetch_ahead((n, server.url("/slow")) for n in range(24)))) == 24
    assert server.busiest == 3


def test_a_busy_host_does_not_hold_up_another(server: BadServer) -> None:
    server.on("/slow", slow)
    with BadServer({"/x": song(WAV)}) as other:
        items = [("slow", server.url("/slow"))] * 12 + [("quick", f"http://localhost:{other.port}/x")] * 12
        with Fetcher(settings(server, other, per_host=2, parallel=4)) as fetcher:
            order = [key for key, _ in fetcher.fetch_ahead(items)]
    assert order[-4:] == ["slow"] * 4


def test_redirects_count_for_the_host_that_they_lead_to(server: BadServer) -> None:
    server.on("/slow", slow)
    with BadServer() as first:
        first.on("/r", lambda _, line: line.answer(302, Location=f"http://localhost:{server.port}/slow"))
        with Fetcher(settings(server, first, per_host=2, parallel=8)) as fetcher:
            items = [(n, first.url("/r")) for n in range(8)] + [
                (n, f"http://localhost:{server.port}/slow") for n in range(8)
            ]
            assert all(isinstance(got, Fetched) for _, got in fetcher.fetch_ahead(items))
    assert server.busiest == 2


def test_a_host_that_asks_for_a_pause_gets_it_from_all_songs(server: BadServer) -> None:
    times: list[float] = []

    def habit(asked: Asked, line: Line) -> None:
        times.append(time.monotonic())
        line.answer(429, Retry_After="1") if asked.number == 1 else line.answer(200, WAV)

    server.on("/limited", habit)
    with Fetcher(settings(server, per_host=1)) as fetcher:
        got = [result for _, result in fetcher.fetch_ahead((n, server.url("/limited")) for n in range(4))]
    assert all(isinstance(result, Fetched) for result in got)
    assert times[1] - times[0] > 0.95


def test_a_song_that_is_asked_to_wait_for_hours_does_not_stop_the_others(
    server: BadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("musicflamingo_cli.intake.fetch.ahead.PAUSE_MOST", 0.3)
    server.on("/never", lambda _, line: line.answer(503, Retry_After="86400"))
    with Fetcher(settings(server)) as fetcher:
        began = time.monotonic()
        assert isinstance(fetcher.fetch(server.url("/never")), Failure)
        assert isinstance(fetcher.fetch(server.url("/x")), Fetched)
        assert 0.25 < time.monotonic() - began < 3


def test_a_host_that_is_down_is_not_insisted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with BadServer() as gone:
        url, how = gone.url("/x"), settings(gone, retries=3)
    with Fetcher(how) as fetcher:
        tries: list[object] = []
        connect = socket.socket.connect
        monkeypatch.setattr(socket.socket, "connect", lambda sock, to: (tries.append(to), connect(sock, to))[1])
        results = [fetcher.fetch(url) for _ in range(20)]
    assert all(isinstance(got, Failure) and got.reason == "network" for got in results)
    assert len(tries) == 8 * 4 + 12


def test_only_so_much_is_fetched_ahead(server: BadServer) -> None:
    drawn: list[int] = []

    def items() -> Iterator[tuple[int, str]]:
        for n in range(500):
            drawn.append(n)
            yield n, server.url("/x")

    with Fetcher(settings(server, parallel=2)) as fetcher:
        ahead = fetcher.fetch_ahead(items())
        next(ahead)
        time.sleep(0.5)
        assert len(server.asked) <= 6
        assert len(drawn) <= 40
        assert len(list(ahead)) == 499


def test_what_the_input_raises_is_raised_after_the_songs_before_it(server: BadServer) -> None:
    def items() -> Iterator[tuple[int, str]]:
        yield from ((n, server.url("/x")) for n in range(5))
        raise ZeroDivisionError

    with Fetcher(settings(server)) as fetcher:
        got = []
        with pytest.raises(ZeroDivisionError):
            for key, _ in fetcher.fetch_ahead(items()):
                got.append(key)
        assert sorted(got) == [0, 1, 2, 3, 4]
    assert threads() == []


def test_a_disk_that_takes_nothing_ends_the_run(
    server: BadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    with Fetcher(settings(server)) as fetcher, pytest.raises(OutputError):
        list(fetcher.fetch_ahead([(1, server.url("/x"))]))


@pytest.mark.parametrize("how", ["generator", "fetcher"])
def test_an_iteration_that_is_left_leaves_nothing(how: str, server: BadServer, tmp_path: Path) -> None:
    server.on("/hang", lambda _, line: (line.wait(15), None)[1])
    with Fetcher(settings(server, per_host=8)) as fetcher:
        ahead = fetcher.fetch_ahead((n, server.url("/x" if n < 3 else "/hang")) for n in range(100))
        next(ahead)
        time.sleep(0.2)
        began = time.monotonic()
        if how == "generator":
            threading.Timer(0.2, fetcher.close).start()
            with pytest.raises(FetcherClosed):
                list(ahead)
        else:
            fetcher.close()
        assert time.monotonic() - began < 3
    ahead.close()  # type: ignore[attr-defined]
    assert threads() == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FetcherClosed):
        next(iter(fetcher.fetch_ahead([])))


def test_nothing_grows_over_many_songs(server: BadServer, tmp_path: Path) -> None:
    descriptors = Path("/proc/self/fd")
    paths = ["/x", "/gone", "/cut", "/html", "/closing"]
    server.on("/cut", lambda _, line: line.answer(200, WAV[:99], claim=len(WAV)))
    server.on("/html", lambda _, line: line.answer(200, b"<html>"))
    server.on("/closing", lambda _, line: (line.answer(200, WAV, Connection="close"), setattr(line, "keep", False))[0])
    most = 0
    with Fetcher(settings(server, retries=1)) as fetcher:
        before = len(os.listdir(descriptors))  # noqa: PTH208
        for n, (_, got) in enumerate(fetcher.fetch_ahead((n, server.url(paths[n % 5])) for n in range(1000))):
            if isinstance(got, Fetched):
                Path(got.path).unlink()
            if n % 50 == 0:
                # The server's end of each connection is in this process too.
                most = max(most, len(os.listdir(descriptors)) - before)  # noqa: PTH208
                assert len(threads()) <= 16
                assert sum(len(list(folder.iterdir())) for folder in tmp_path.iterdir()) <= 20
    assert most <= 60
    assert list(tmp_path.iterdir()) == []

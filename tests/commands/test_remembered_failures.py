"""A failure that can't pass is remembered for the file and the settings that made it, and for nothing else."""

import dataclasses
import http.server
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
import soundfile

from musicflamingo_cli.cache_entry import decode_entry, encode_entry
from musicflamingo_cli.intake.audio.settings import AudioPlan
from musicflamingo_cli.intake.fetch.settings import FetchSettings
from musicflamingo_cli.intake.settings import IntakeSettings, decoder_versions

PASSWORD = "Basic dXNlcjpyaWdodA=="
"""user:right"""


class Handler(http.server.BaseHTTPRequestHandler):
    server: "Server"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked[path] += 1
        file = self.server.folder / path.lstrip("/")
        if not file.is_file():
            self.send_error(404)
        elif path == "/private.wav" and self.headers["Authorization"] != PASSWORD:
            self.send_error(401)
        else:
            body = file.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    folder: Path
    asked: Counter[str]

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.server_port}"


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


def entry_of(bench: Any, song_id: str) -> Path:
    return next((bench.folder / "cache").glob(f"*/??/{song_id}.json"))


@pytest.fixture
def tried(bench: Any) -> Callable[[str], bool]:
    """Whether a song was tried since this was last asked: an entry says which run wrote it."""
    seen: dict[str, bytes] = {}

    def changed(song_id: str) -> bool:
        now = entry_of(bench, song_id).read_bytes()
        before, seen[song_id] = seen.get(song_id), now
        return now != before

    return changed


def test_a_host_that_is_allowed_now_is_asked(bench: Any, server: Server) -> None:
    bench.tone("a.wav")
    bench.rows([{"id": "a", "audio": f"http://{server.name}/a.wav"}])
    assert bench.score() == 1
    assert bench.score("--allow-private-hosts", "127.0.0.1:1") == 1
    assert bench.result()[0]["reason"] == "url_refused"
    assert server.asked == {}
    assert bench.score("--allow-private-hosts", server.name) == 0


def test_a_song_that_was_too_large_is_fetched_under_a_larger_limit(bench: Any, server: Server) -> None:
    bench.tone("a.wav", seconds=4)  # 176 kB
    bench.rows([{"id": "a", "audio": f"http://{server.name}/a.wav"}])
    allow = ("--allow-private-hosts", server.name)
    for _ in range(2):
        assert bench.score(*allow, "--max-download-mb", "0.1") == 1
        assert bench.result()[0]["reason"] == "too_large"
    assert server.asked["/a.wav"] == 1
    assert bench.score(*allow, "--max-download-mb", "0.2") == 0


def test_what_no_setting_changed_is_not_asked_again(bench: Any, server: Server) -> None:
    bench.rows([{"id": "a", "audio": f"http://{server.name}/gone.wav"}])
    allow = ("--allow-private-hosts", server.name)
    runs = [allow, (*allow, "--fetch-parallel", 2, "--fetch-per-host", 1), (*allow, "--workers", 2)]
    for words in [*runs, ("--allow-private-hosts", f"{server.name},127.0.0.1:1")]:
        assert bench.score(*words) == 1
    assert server.asked["/gone.wav"] == 2  # The last one allowed another host too.
    assert bench.score("--allow-private-hosts", f"127.0.0.1:1,{server.name}") == 1  # The same two.
    assert server.asked["/gone.wav"] == 2


def test_a_corrected_password_is_another_url(bench: Any, server: Server) -> None:
    bench.tone("private.wav")
    allow = ("--allow-private-hosts", server.name)
    for password, code in (("wrong", 1), ("wrong", 1), ("right", 0)):
        bench.rows([{"id": "a", "audio": f"http://user:{password}@{server.name}/private.wav"}])
        assert bench.score(*allow) == code
    assert server.asked["/private.wav"] == 2
    assert b"user" not in entry_of(bench, "a").read_bytes()


def test_a_local_file_does_not_depend_on_how_urls_are_fetched(bench: Any, tried: Callable[[str], bool]) -> None:
    (bench.folder / "a.wav").write_text("no audio at all")
    bench.rows([{"id": "a", "audio": "a.wav"}])
    assert bench.score() == 1
    assert tried("a")
    assert bench.score("--allow-private-hosts", "127.0.0.1:1", "--max-download-mb", 5) == 1
    assert not tried("a")
    assert bench.score("--decode-timeout", 60) == 1
    assert tried("a")


@pytest.mark.parametrize("library", [av, soundfile])
def test_another_decoder_tries_again(
    bench: Any, tried: Callable[[str], bool], library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.folder / "a.wav").write_text("no audio at all")
    bench.rows([{"id": "a", "audio": "a.wav"}])
    assert bench.score() == 1
    assert tried("a")
    with monkeypatch.context() as newer:
        newer.setattr(library, "__version__", "99.0")
        decoder_versions.cache_clear()
        for expected in (True, False):
            assert bench.score() == 1
            assert tried("a") is expected
    decoder_versions.cache_clear()


def test_without_decoders_a_failure_stays_remembered(
    bench: Any, tried: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.folder / "a.wav").write_text("no audio at all")
    bench.rows([{"id": "a", "audio": "a.wav"}])
    assert bench.score() == 1
    assert tried("a")
    with monkeypatch.context() as bare:
        bare.setitem(sys.modules, "av", None)
        decoder_versions.cache_clear()
        assert bench.score("--decode-timeout", 60) == 1
        assert not tried("a")
    decoder_versions.cache_clear()


def test_a_failure_of_an_older_cache_is_tried_once_more(bench: Any, tried: Callable[[str], bool]) -> None:
    (bench.folder / "a.wav").write_text("no audio at all")
    bench.rows([{"id": "a", "audio": "a.wav"}])
    assert bench.score() == 1
    path = entry_of(bench, "a")
    entry = decode_entry(path.read_bytes(), "a")
    assert entry is not None and entry.failed_under
    path.write_bytes(encode_entry(dataclasses.replace(entry, failed_under="")))
    assert bench.score("--offline") == 1
    assert bench.result()[0]["reason"] == "not_audio"
    assert tried("a")
    for expected in (True, False):
        assert bench.score() == 1
        assert tried("a") is expected


def other(value: object) -> object:
    """Another value of the same kind; one of a choice need not be a true one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value, "10.0.0.1:80")
    return f"{value}x" if isinstance(value, str | None) else value + 1  # type: ignore[operator]


def changed_settings() -> Iterator[tuple[str, IntakeSettings, bool]]:
    whole = IntakeSettings()
    for name in ("plan", "fetching"):
        record: AudioPlan | FetchSettings = getattr(whole, name)
        for field in dataclasses.fields(record):
            new = dataclasses.replace(record, **{field.name: other(getattr(record, field.name))})
            counts = field.name not in ("per_host", "parallel", "store_bytes")
            yield f"{name}.{field.name}", dataclasses.replace(whole, **{name: new}), counts
    for field in dataclasses.fields(whole):
        if field.name not in ("plan", "fetching"):
            new_value = other(getattr(whole, field.name))
            yield field.name, dataclasses.replace(whole, **{field.name: new_value}), True


@pytest.mark.parametrize(("name", "settings", "counts"), list(changed_settings()), ids=lambda v: str(v)[:40])
def test_every_limit_is_part_of_what_a_failure_belongs_to(name: str, settings: IntakeSettings, counts: bool) -> None:
    url = "https://songs.example/a.mp3"
    assert (settings.remembered_under(url) != IntakeSettings().remembered_under(url)) is counts, name

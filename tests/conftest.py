"""What many tests need: songs that last a second, manifests, and the command line as a user types it."""

import gc
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from musicflamingo_cli.cli import main
from musicflamingo_cli.intake.audio import worker
from tests.fork_server import ForkServer

RATE = 22050


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over what the imports made: walking through it was a seventh of the suite."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def tone(path: Path, seconds: float = 2.0, hertz: float = 220.0) -> Path:
    """Write a song of three decaying partials, as soundfile tells the format from the name."""
    time = np.arange(int(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in (1, 2, 3)) * 0.2 * np.exp(-(time % 0.5) * 4)
    soundfile.write(path, wave.astype(np.float32), RATE)
    return path


@dataclass(frozen=True, slots=True)
class Bench:
    """A folder with songs and a manifest, and `mfq` run in it."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    fork_server: ForkServer

    @property
    def manifest(self) -> Path:
        return self.folder / "songs.jsonl"

    @property
    def table(self) -> Path:
        return self.folder / "scores.parquet"

    def tone(self, name: str, **how: float) -> Path:
        return tone(self.folder / name, **how)

    def songs(self, count: int, **extra: object) -> None:
        for n in range(count):
            tone(self.folder / f"{n}.wav", hertz=110.0 * (n + 1))
        self.rows([{"id": f"song-{n}", "audio": f"{n}.wav", "title": f"Song {n}", **extra} for n in range(count)])

    def rows(self, rows: list[object]) -> None:
        self.manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def mfq(self, *words: object) -> int:
        return main([str(word) for word in words])

    def score(self, *words: object, engine: str = "fake") -> int:
        cache = [] if "--no-cache" in words else ["--cache-dir", self.folder / "cache"]
        return self.mfq("score", self.manifest, "--engine", engine, "-o", self.table, "--workers", 1, *cache, *words)

    def result(self) -> list[dict[str, object]]:
        return pq.read_table(self.table).to_pylist()

    def stderr(self) -> str:
        return self.capture.readouterr().err


@pytest.fixture(autouse=True)
def own_digests(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what this user's mfq remembers of weights alone."""
    place = tmp_path_factory.mktemp("digests") / "digests" / "sha256.json"
    monkeypatch.setattr("musicflamingo_cli.engines.flamingo.digests.memory_file", lambda: place)


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    fork_server = ForkServer()
    yield fork_server
    fork_server.close()


@pytest.fixture(autouse=True)
def forked_workers(fork_server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork decode workers instead of starting them; a module that tests their start has a fixture of this name."""
    monkeypatch.setattr(worker, "subprocess", fork_server)


@pytest.fixture
def bench(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fork_server: ForkServer
) -> Bench:
    for name in [name for name in os.environ if name.startswith("MFQ_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MFQ_FAKE_LOG", str(tmp_path / "fake.log"))
    return Bench(tmp_path, capsys, fork_server)


@pytest.fixture
def script(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, object]], None]:
    """Write the fake engine's script."""

    def write(rules: dict[str, object]) -> None:
        path = bench.folder / "script.json"
        path.write_text(json.dumps(rules))
        monkeypatch.setenv("MFQ_FAKE_SCRIPT", str(path))

    return write


@pytest.fixture
def asked(bench: Bench) -> Callable[[], list[str]]:
    """Return the ids that the fake engine answered so far, in order."""

    def read() -> list[str]:
        log = bench.folder / "fake.log"
        return [json.loads(line)["song_id"] for line in log.read_text().splitlines()] if log.exists() else []

    return read

"""The pool: one song's trouble stays its own, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from musicflamingo_cli.errors import EngineError
from musicflamingo_cli.intake.audio import worker
from musicflamingo_cli.intake.audio.load import AudioPlan, load_audio
from musicflamingo_cli.intake.audio.pool import DecodePool
from musicflamingo_cli.records import Failure, LoadedAudio
from tests.intake.audio.audio_files import music, wav_bytes, write

PLAN = AudioPlan()


def workers_of(parent: int) -> list[int]:
    """Process ids of the decode workers that a process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            status = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if b"audio.worker" in command and f"\0{parent}\0".encode() in command and status[0] != "Z":
            found.append(int(folder.name))
    return found


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def long_song(path: Path, seconds: float = 1000.0) -> Path:
    """A sparse file that keeps a decoder and the measures busy for a while."""
    size = int(seconds * 48_000) * 4
    with path.open("wb") as file:
        file.write(wav_bytes(b"", rate=48_000, channels=2, data_size=size))
        file.truncate(44 + size)
    return path


@pytest.fixture(autouse=True)
def forked_workers() -> None:
    """Start workers as users do."""


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write(tmp_path / "song.flac")


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert workers_of(os.getpid()) == []
    assert [thread.name for thread in threading.enumerate() if thread.name == "mfq-decode"] == []
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_same_as_in_this_process(tmp_path: Path, song: Path, workers: int) -> None:
    (tmp_path / "text.mp3").write_text("no song")
    odd = tmp_path / os.fsdecode(b"odd \xff\n name.flac")
    odd.write_bytes(song.read_bytes())
    paths = [
        str(song),
        str(tmp_path / "text.mp3"),
        str(odd),
        str(tmp_path / "none"),
        "http://h/a.mp3",
        "\ud800",
        "nul\0",
    ]
    with DecodePool(workers, PLAN) as pool:
        got = dict(pool.load(enumerate(paths)))
    assert len(got) == len(paths)
    for n, path in enumerate(paths):
        expected, result = load_audio(path, PLAN), got[n]
        if isinstance(expected, Failure):
            assert result == expected
            continue
        assert isinstance(result, LoadedAudio)
        assert result.clip is not None
        assert expected.clip is not None
        assert np.array_equal(result.clip, expected.clip)
        assert result.clip.dtype == np.float32
        for name in ("fingerprint", "audio_seconds", "sample_rate", "channels", "flags", "measures", "measured"):
            assert getattr(result, name) == getattr(expected, name)
        assert result.used_seconds == expected.used_seconds


def test_the_plan_reaches_the_workers(song: Path) -> None:
    with DecodePool(1, AudioPlan(clip=False, measures="all", min_seconds=4.0)) as pool:
        [(_, short)] = pool.load([("a", str(song))])
        assert isinstance(short, Failure)
        assert short.reason == "too_short"
    with DecodePool(1, AudioPlan(clip=False, measures="all")) as pool:
        [(_, got)] = pool.load([("a", str(song))])
        assert isinstance(got, LoadedAudio)
        assert (got.clip, got.measured) == (None, "all")


def test_no_songs() -> None:
    with DecodePool(2, PLAN) as pool:
        assert list(pool.load([])) == []
        assert workers_of(os.getpid()) == []


def test_a_worker_that_hangs_costs_one_song(tmp_path: Path, song: Path) -> None:
    slow = long_song(tmp_path / "slow.wav")
    with DecodePool(1, PLAN, timeout_seconds=1.0) as pool:
        running = pool.load([("a", str(song)), ("slow", str(slow)), ("b", str(song))])
        assert isinstance(next(running)[1], LoadedAudio)
        os.kill(workers_of(os.getpid())[0], signal.SIGSTOP)
        key, result = next(running)
        assert key == "slow"
        assert isinstance(result, Failure)
        assert (result.reason, result.transient) == ("timeout", True)
        assert isinstance(next(running)[1], LoadedAudio)
        assert list(running) == []


@pytest.mark.parametrize(
    ("number", "reason", "transient"),
    [
        (signal.SIGSEGV, "decoder_crash", False),
        (signal.SIGABRT, "decoder_crash", False),
        (signal.SIGKILL, "out_of_memory", True),
        (signal.SIGBUS, "decoder_crash", False),
    ],
)
def test_a_worker_that_dies_costs_one_song(
    tmp_path: Path, song: Path, number: signal.Signals, reason: str, transient: bool
) -> None:
    slow = long_song(tmp_path / "slow.wav")
    with DecodePool(1, PLAN) as pool:
        running = pool.load([("a", str(song)), ("slow", str(slow)), *[(n, str(song)) for n in range(3)]])
        assert next(running)[0] == "a"
        time.sleep(0.3)
        os.kill(workers_of(os.getpid())[0], number)
        key, result = next(running)
        assert key == "slow"
        assert isinstance(result, Failure)
        assert (result.stage, result.reason, result.transient) == ("intake", reason, transient)
        assert [isinstance(result, LoadedAudio) for _, result in running] == [True] * 3


def test_neighbours_of_the_dead_live(tmp_path: Path, song: Path) -> None:
    slow = long_song(tmp_path / "slow.wav")
    with DecodePool(2, PLAN) as pool:
        running = pool.load([("slow", str(slow)), *[(n, str(song)) for n in range(20)]])
        first = next(running)
        assert first[0] != "slow"
        time.sleep(0.2)
        for pid in workers_of(os.getpid()):
            os.kill(pid, signal.SIGSEGV)
        rest = dict(running)
    assert len(rest) == 20
    assert sum(isinstance(result, Failure) for result in rest.values()) <= 2


def test_a_worker_that_dies_between_songs_costs_nothing(song: Path) -> None:
    gate = threading.Event()

    def items() -> Iterator[tuple[str, str]]:
        yield "a", str(song)
        assert gate.wait(10)
        yield "b", str(song)

    with DecodePool(1, PLAN) as pool:
        running = pool.load(items())
        assert isinstance(next(running)[1], LoadedAudio)
        [pid] = workers_of(os.getpid())
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: workers_of(os.getpid()) == [])
        gate.set()
        assert isinstance(next(running)[1], LoadedAudio)
        assert list(running) == []


def test_memory_is_limited(tmp_path: Path, song: Path) -> None:
    big = write(tmp_path / "big.wav", np.zeros((90 * 44_100, 2), np.float32))
    with DecodePool(1, PLAN, memory_bytes=24 << 20) as pool:
        got = dict(pool.load([("big", str(big)), ("small", str(song))]))
    result = got["big"]
    assert isinstance(result, Failure)
    assert (result.reason, result.transient) == ("out_of_memory", True)
    assert isinstance(got["small"], LoadedAudio)


def test_workers_run_ahead_of_the_consumer_but_not_too_far(song: Path) -> None:
    drawn: list[int] = []

    def items() -> Iterator[tuple[int, str]]:
        for n in range(40):
            drawn.append(n)
            yield n, str(song)

    with DecodePool(2, PLAN, look_ahead=6) as pool:
        running = pool.load(items())
        next(running)
        wait_for(lambda: len(drawn) == 7)
        time.sleep(0.5)
        assert len(drawn) == 7
        running.close()  # type: ignore[attr-defined]
    clip_bytes = 3 * 16_000 * 4
    drawn.clear()
    with DecodePool(1, PLAN, look_ahead_bytes=2 * clip_bytes) as pool:
        running = pool.load(items())
        next(running)
        time.sleep(1.0)
        assert len(drawn) == 3
        running.close()  # type: ignore[attr-defined]


def test_a_consumer_that_stops_early(tmp_path: Path, song: Path) -> None:
    slow = long_song(tmp_path / "slow.wav")
    with DecodePool(2, PLAN) as pool:
        running = pool.load([("a", str(song)), ("slow", str(slow)), ("slow too", str(slow))])
        next(running)
        assert workers_of(os.getpid())
        running.close()  # type: ignore[attr-defined]
        assert workers_of(os.getpid()) == []


def test_an_exception_passes_through(tmp_path: Path, song: Path) -> None:
    slow = long_song(tmp_path / "slow.wav")
    with pytest.raises(KeyError), DecodePool(2, PLAN) as pool:
        running = pool.load([("a", str(song)), ("slow", str(slow))])
        next(running)
        raise KeyError
    with pytest.raises(RuntimeError, match="closed"):  # Rather than a made-up failure of the song in work.
        next(running)


def test_trouble_of_the_input_is_raised_after_what_came_before(song: Path) -> None:
    def items() -> Iterator[tuple[int, str]]:
        yield 1, str(song)
        yield 2, str(song)
        raise LookupError("the manifest broke")

    got: list[int] = []
    with DecodePool(2, PLAN) as pool, pytest.raises(LookupError, match="the manifest broke"):
        got.extend(key for key, _ in pool.load(items()))
    assert sorted(got) == [1, 2]


def test_workers_that_can_not_start(song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "soxr.py").write_text("raise ImportError('libsoxr.so is missing')")
    monkeypatch.syspath_prepend(str(broken))
    with DecodePool(2, PLAN) as pool, pytest.raises(EngineError, match=r"libsoxr\.so is missing.*\[signal\]"):
        list(pool.load([("a", str(song))]))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    with DecodePool(1, PLAN) as pool, pytest.raises(EngineError, match="No such file"):
        list(pool.load([("a", str(song))]))


def test_workers_are_replaced_before_leaks_add_up(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MAX_SONGS", 2)
    seen: set[int] = set()
    with DecodePool(1, PLAN, look_ahead=1) as pool:
        for _, result in pool.load([(n, str(song)) for n in range(5)]):
            assert isinstance(result, LoadedAudio)
            seen.update(workers_of(os.getpid()))
    assert len(seen) >= 2


def run(script: str, folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    """Start a script without an `if __name__` guard."""
    path = folder / "script.py"
    path.write_text(textwrap.dedent(script))
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(path), *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


SCRIPT = """
    import signal, sys
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell has what it runs in the background ignore it.
    from musicflamingo_cli.intake.audio.load import AudioPlan
    from musicflamingo_cli.intake.audio.pool import DecodePool
    pool = DecodePool(2, AudioPlan(measures="all"))
    for key, heard in pool.load(enumerate(sys.argv[1:])):
        print(key, type(heard).__name__, flush=True)
"""


def test_a_script_without_a_main_guard(tmp_path: Path, song: Path) -> None:
    process = run(SCRIPT, tmp_path, str(song), str(song))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, sorted(out.splitlines()), err) == (0, [b"0 LoadedAudio", b"1 LoadedAudio"], b"")


def test_from_a_program_on_standard_input(tmp_path: Path, song: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-", str(song)],
        input=textwrap.dedent(SCRIPT).encode(),
        capture_output=True,
        cwd=tmp_path,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"0 LoadedAudio\n", b"")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_die_with_their_parent(tmp_path: Path, song: Path, number: signal.Signals) -> None:
    slow = [str(long_song(tmp_path / f"{n}.wav")) for n in range(2)]
    process = run(SCRIPT, tmp_path, str(song), *slow)
    assert process.stdout is not None
    assert process.stdout.readline() == b"0 LoadedAudio\n"
    workers = workers_of(process.pid)
    assert workers
    for pid in workers:  # A worker that is stuck for good must go too.
        os.kill(pid, signal.SIGSTOP)
    process.send_signal(number)
    process.communicate(timeout=60)
    wait_for(lambda: workers_of(process.pid) == [], 5.0)


def test_ctrl_c_is_not_for_the_workers(tmp_path: Path, song: Path) -> None:
    """A terminal sends it to the whole foreground group."""
    gate = threading.Event()

    def items() -> Iterator[tuple[str, str]]:
        yield "a", str(song)
        assert gate.wait(10)
        yield "b", str(song)

    with DecodePool(1, PLAN) as pool:
        running = pool.load(items())
        next(running)
        [pid] = workers_of(os.getpid())
        assert os.getpgid(pid) != os.getpgid(0)
        os.kill(pid, signal.SIGINT)
        time.sleep(0.2)
        assert workers_of(os.getpid()) == [pid]
        gate.set()
        assert isinstance(next(running)[1], LoadedAudio)
        assert list(running) == []


def test_workers_are_light_and_quiet(tmp_path: Path, song: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No torch, one thread for numerics, no core files, nothing on stderr."""
    damaged = write(tmp_path / "a.mp3")
    damaged.write_bytes(damaged.read_bytes()[:20_000] + bytes(4000) + damaged.read_bytes()[24_000:])
    with DecodePool(1, PLAN, look_ahead=1) as pool:
        running = pool.load([("a", str(song)), ("b", str(damaged)), ("c", str(song))])
        next(running)
        next(running)
        [pid] = workers_of(os.getpid())
        maps = Path(f"/proc/{pid}/maps").read_text()
        limits = Path(f"/proc/{pid}/limits").read_text()
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert len(list(running)) == 1
    assert "torch" not in maps
    assert any(line.split()[4:6] == ["0", "0"] for line in limits.splitlines() if line.startswith("Max core file size"))
    assert "unlimited" not in next(line for line in limits.splitlines() if line.startswith("Max address space"))[:45]
    assert b"OMP_NUM_THREADS=1" in environment.split(b"\0")
    assert capfd.readouterr() == ("", "")


def test_many_songs_leak_nothing(tmp_path: Path) -> None:
    song = write(tmp_path / "a.wav", music(0.6, 16_000, 1), 16_000)
    with DecodePool(2, PLAN) as pool:
        running = pool.load((n, str(song)) for n in range(300))
        for _ in range(100):
            next(running)
        before = {pid: descriptors(pid) for pid in [os.getpid(), *workers_of(os.getpid())]}
        for _ in range(150):
            next(running)
        after = {pid: descriptors(pid) for pid in before}
        assert len(list(running)) == 50
    assert all(after[pid] <= before[pid] + 1 for pid in before)  # The song in work is open, too.


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))

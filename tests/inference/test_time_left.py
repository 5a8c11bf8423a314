"""The time left, within a factor of two of the truth from a tenth of 40 songs on, whatever the slowest stage is."""

import math
import time
from pathlib import Path

import pytest

from musicflamingo_cli.inference.time_left import TimeLeft


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def begun(folder: Path, songs: int = 40, *, cached: int = 0, sizes: tuple[int, ...] = (1000,)) -> TimeLeft:
    """Look up songs of these sizes, by turns, of which the first were cached."""
    left = TimeLeft(cached)
    for number in range(songs):
        path = folder / f"{number}.ogg"
        path.write_bytes(bytes(sizes[number % len(sizes)]))
        left.looked(f"s{number}", None if number < cached else str(path), 0.0)
    return left


def test_workers_that_take_five_seconds_to_start_do_not_count(tmp_path: Path, clock: list[float]) -> None:
    """One worker, a second a song."""
    left = begun(tmp_path)
    clock[0] += 5
    for number in range(40):
        clock[0] += 1
        left.heard(f"s{number}", 100.0)
        left.finished(f"s{number}")
        assert left.seconds(40, 1.0) == pytest.approx(39 - number)


def test_songs_that_come_by_eights_are_no_burst(tmp_path: Path, clock: list[float]) -> None:
    """Eight workers, eight seconds a song: after the first four, 36 are left, in 36 s."""
    left = begun(tmp_path)
    clock[0] += 8
    for number in range(4):
        left.heard(f"s{number}", 100.0)
        left.finished(f"s{number}")
    assert left.seconds(40, 8 / 8) == pytest.approx(36)


def test_a_batch_that_warms_the_engine_up_does_not_count_for_the_others(tmp_path: Path, clock: list[float]) -> None:
    left = begun(tmp_path)
    for begin, seconds in ((0, 60.0), (4, 8.0), (8, 8.0)):
        clock[0] += seconds
        left.answered([f"s{n}" for n in range(begin, begin + 4)], seconds)
        if begin:
            clock_rate = left.seconds(40, 0.1) / (36 - begin)
            assert clock_rate == pytest.approx(2.0)


def test_songs_of_the_cache_cost_nothing_and_promise_nothing(tmp_path: Path, clock: list[float]) -> None:
    left = begun(tmp_path, cached=30)
    assert left.seconds(40, 0.0) == math.inf
    clock[0] += 2
    left.answered(["s30"], 2.0)
    assert left.seconds(40, 0.0) == pytest.approx(18)


def test_songs_that_were_not_looked_up_are_like_those_before_and_no_more_cached_than_the_cache_holds(
    tmp_path: Path, clock: list[float]
) -> None:
    half = TimeLeft(0)
    for number in range(100):
        half.looked(f"s{number}", None if number % 2 else f"http://host/{number}.ogg", 0.0)
    clock[0] += 1
    half.answered(["s0"], 1.0)
    assert half.seconds(1000, 0.0) == pytest.approx(49 + 900)  # the cache is said to hold none
    resumed = TimeLeft(500)
    for number in range(500):
        resumed.looked(f"s{number}", None, 0.0)
    assert resumed.seconds(1000, 0.0) == math.inf
    whole = TimeLeft(1000)
    for number in range(500):
        whole.looked(f"s{number}", None, 0.01)
    assert whole.seconds(1000, 0.0) == pytest.approx(5.0)


def test_songs_count_by_their_size(tmp_path: Path, clock: list[float]) -> None:
    """The first songs are nine times as long as the last."""
    left = begun(tmp_path, sizes=(9000,) * 20 + (1000,) * 20)
    for number in range(4):
        clock[0] += 9
        left.heard(f"s{number}", 90.0)
        left.finished(f"s{number}")
    assert left.seconds(40, 9.0) == pytest.approx(16 * 9 + 20)


def test_downloads_that_hold_everything_up_count(tmp_path: Path, clock: list[float]) -> None:
    """Four at a time, five seconds each."""
    left = TimeLeft(0)
    for number in range(40):
        left.looked(f"s{number}", f"http://host/{number}.ogg", 0.0)
    clock[0] += 5
    for number in range(4):
        left.fetched()
        left.heard(f"s{number}", 100.0)
        left.finished(f"s{number}")
    assert left.seconds(40, 0.01) == pytest.approx(45)

"""Runs with little time: each keeps what it paid for, and enough of them end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from musicflamingo_cli.engines.fake import FakeEngine
from musicflamingo_cli.engines.signal import SignalEngine
from musicflamingo_cli.errors import Stopped
from musicflamingo_cli.inference.limits import Ends, Pace


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], list[float]]:
    """Let the hours of a run go by as the fake engine answers, one a song, and by nothing else."""
    clock = [0.0]

    def begin(budget: float) -> list[float]:
        clock[:] = [0.0]
        monkeypatch.setattr(Ends, "left", lambda _: budget - clock[0])
        return clock

    plain, learn = FakeEngine.reply, Pace.done

    def reply(self: FakeEngine, requests: Any) -> Any:
        clock[0] += len(requests)
        return plain(self, requests)

    monkeypatch.setattr(FakeEngine, "reply", reply)
    monkeypatch.setattr(Pace, "done", lambda self, songs, audio, _: learn(self, songs, audio, float(songs)))
    return begin


@pytest.mark.parametrize("batch", [1, 64])
@pytest.mark.parametrize(("budget", "each"), [(0.5, 1), (2.5, 2), (20.0, 4)])
def test_runs_with_a_budget_for_few_songs_end(
    bench: Any, asked: Any, hours: Any, batch: int, budget: float, each: int
) -> None:
    """Four songs, and batches much larger than what the budget holds: no run overruns by more than its first song."""
    bench.songs(4)
    done = 0
    while done < 4:
        hours(budget)
        code = bench.score("--time-budget", "1h", "--batch-size", batch)
        done += min(each, 4 - done)
        assert len(asked()) == done
        assert code == (0 if done == 4 else 75)
    assert sorted(asked()) == sorted(f"song-{n}" for n in range(4))


def test_a_run_without_an_end_begins_with_a_whole_batch(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    plain = FakeEngine.reply

    def counted(self: FakeEngine, requests: Any) -> Any:
        sizes.append(len(requests))
        return plain(self, requests)

    monkeypatch.setattr(FakeEngine, "reply", counted)
    bench.songs(4)
    assert bench.score("--batch-size", 4) == 0
    assert sizes == [4]


def entries(bench: Any) -> int:
    return len(list(Path(bench.folder).glob("cache/*/??/*.json")))


@pytest.mark.parametrize("words", [(), ("--batch-size", 64)])
def test_what_a_decode_worker_measured_is_written_as_it_comes(
    bench: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[object, ...]
) -> None:
    seen = []
    plain = SignalEngine.reply

    def counted(self: SignalEngine, requests: Any) -> Any:
        seen.append((len(requests), entries(bench)))
        return plain(self, requests)

    monkeypatch.setattr(SignalEngine, "reply", counted)
    bench.songs(5)
    assert bench.score(*words, engine="signal") == 0
    assert seen == [(1, n) for n in range(5)]


@pytest.mark.parametrize("end", [-1.0, 0.0])
def test_the_end_of_the_time_keeps_all_that_was_measured(
    bench: Any, monkeypatch: pytest.MonkeyPatch, end: float
) -> None:
    """The time is over once the first song is answered; those that workers had done by then are answered too."""
    monkeypatch.setattr(Ends, "left", lambda _: end if entries(bench) else 1.0)
    bench.songs(6)
    runs = 0
    while (code := bench.score("--time-budget", "1h", engine="signal")) == 75:
        runs += 1
        assert entries(bench) >= runs
        assert f"({entries(bench)} songs by this run)" in bench.stderr() or runs > 1
        left = entries(bench)
        monkeypatch.setattr(Ends, "left", lambda _, left=left: end if entries(bench) > left else 1.0)
    assert code == 0
    assert runs <= 6


def test_a_budget_that_is_over_before_the_first_song_is_measured_gets_on(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where more workers than cores share the time that one song alone would fit into."""
    monkeypatch.setattr(Ends, "left", lambda _: 0.0)
    bench.songs(6)
    for _ in range(6):
        before = entries(bench)
        code = bench.score("--time-budget", "1h", "--workers", 2, engine="signal")
        assert entries(bench) > before
        if code == 0:
            break
        assert code == 75
    assert entries(bench) == 6


def test_a_stop_keeps_all_that_was_measured(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is stopped when the first song is about to be answered while all others wait measured."""
    from musicflamingo_cli.inference.runner import Runner

    plain = Runner._answer
    heard: list[str] = []

    def stopped(self: Runner, batch: Any, prepared: object | None = None) -> None:
        plain(self, batch, prepared)
        while len(self._pool._done) < 3:
            pass
        heard.extend(key[0][0].song.song_id for key, _ in self._pool._done)
        raise Stopped(143)

    monkeypatch.setattr(Runner, "_answer", stopped)
    bench.songs(6)
    assert bench.score(engine="signal") == 143
    kept = {path.stem for path in Path(bench.folder).glob("cache/*/??/*.json")}
    assert len(heard) >= 3
    assert kept >= set(heard)


def test_a_budget_that_ends_before_any_song_says_so(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ends, "left", lambda _: -1.0)
    bench.songs(1)
    assert bench.score("--time-budget", "1h") == 75
    assert "before any song was answered; give it more time" in bench.stderr()


def test_the_last_song_may_be_answered_at_the_last_moment(bench: Any, hours: Any) -> None:
    bench.songs(1)
    hours(0.1)
    assert bench.score("--time-budget", "1h") == 0


def test_more_failures_than_allowed_keep_the_answers_of_the_batch(bench: Any, script: Any, monkeypatch: Any) -> None:
    """Of five songs in a batch the first two fail; the other three were paid for."""
    from musicflamingo_cli.records import Failure

    plain = FakeEngine.reply

    def reply(self: FakeEngine, requests: Any) -> Any:
        failed = Failure("engine", "engine_error", "no")
        return [failed if r.song_id in ("song-0", "song-1") else plain(self, [r])[0] for r in requests]

    monkeypatch.setattr(FakeEngine, "reply", reply)
    bench.songs(5)
    assert bench.score("--max-failures", 1, "--batch-size", 5) == 1
    assert "more than --max-failures allows" in bench.stderr()
    assert entries(bench) == 5

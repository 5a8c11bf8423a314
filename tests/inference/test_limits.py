from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from musicflamingo_cli.errors import NotNow, TooManyFailures, UsageError
from musicflamingo_cli.inference.limits import Limits, Pace, end_of, parse_failures
from musicflamingo_cli.inference.shards import in_shard, parse_shard


@pytest.mark.parametrize(
    ("text", "seconds"), [("7h", 25200), ("90m", 5400), ("1h30m", 5400), ("1.5h", 5400), ("2d", 172800), ("30s", 30)]
)
def test_a_budget_counts_from_now(text: str, seconds: float) -> None:
    end = end_of(None, text)
    assert end is not None and end - time.time() == pytest.approx(seconds, abs=2)


@pytest.mark.parametrize("text", ["", "h", "7", "7x", "-1h", "0h", "1h2", "²h"])
def test_a_budget_that_can_not_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--time-budget"):
        end_of(None, text)


def test_a_clock_time_is_the_next_one() -> None:
    now = datetime.now().astimezone().replace(second=0, microsecond=0)
    for minutes, days in ((-2, 1), (2, 0)):
        clock = now + timedelta(minutes=minutes)
        end = end_of(f"{clock:%H:%M}", None)
        assert end is not None
        assert datetime.fromtimestamp(end).astimezone() - clock in (timedelta(days=days), timedelta(0))
        assert end > time.time()


def test_a_date_and_the_earlier_of_two_ends() -> None:
    assert end_of("2026-11-21T06:30", None) == datetime(2026, 11, 21, 6, 30).astimezone().timestamp()
    end = end_of("2099-01-01T00:00", "1h")
    assert end is not None and end < time.time() + 3700


@pytest.mark.parametrize("text", ["6:3x", "25:00", "soon", "2026-13-01T00:00"])
def test_a_clock_time_that_can_not_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--deadline"):
        end_of(text, None)


def test_a_batch_that_would_not_fit_is_not_begun() -> None:
    pace = Pace(time.time() + 100)
    pace.check()
    pace.done(10)
    pace.check()
    pace.done(90)
    with pytest.raises(NotNow):
        pace.check()
    with pytest.raises(NotNow):
        Pace(time.time() - 1).check()


@pytest.mark.parametrize(
    ("text", "parsed"), [("5%", (0.05, True)), ("100", (100.0, False)), ("0", (0.0, False)), (None, (None, False))]
)
def test_allowed_failures(text: str | None, parsed: tuple[float | None, bool]) -> None:
    assert parse_failures(text) == parsed


@pytest.mark.parametrize("text", ["", "%", "-1", "101%", "1.5", "nan", "inf", "many"])
def test_allowed_failures_that_can_not_be_read(text: str) -> None:
    with pytest.raises(UsageError, match="--max-failures"):
        parse_failures(text)


def test_one_failure_more_than_allowed_ends_the_run() -> None:
    limits = Limits(failures=0.05, failures_are_share=True)
    limits.check_failures(5, 100, Counter())
    with pytest.raises(TooManyFailures, match=r"6 of 100 songs failed \(timeout 4, not_found 2\)"):
        limits.check_failures(6, 100, Counter(not_found=2, timeout=4))
    with pytest.raises(TooManyFailures):
        Limits(failures=0).check_failures(1, 100, Counter())
    Limits().check_failures(100, 100, Counter())


def test_every_row_is_in_exactly_one_shard() -> None:
    shards = [parse_shard(f"{i}/3") for i in (1, 2, 3)]
    ids: list[str | None] = [f"song-{n}" for n in range(300)]
    for song_id in [*ids, None, "", "\ud800"]:
        assert [in_shard(song_id, shard) for shard in shards].count(True) == 1
    sizes = [sum(in_shard(song_id, shard) for song_id in ids) for shard in shards]
    assert min(sizes) > 70


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/", "/4", "a/b", "1/0", "-1/4"])
def test_a_shard_that_can_not_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--shard"):
        parse_shard(text)


def test_a_clock_time_is_right_on_the_night_when_the_clocks_change(monkeypatch: pytest.MonkeyPatch) -> None:
    class Evening(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Evening:
            return cls(2026, 10, 24, 22, 0, tzinfo=tz)

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        monkeypatch.setattr("musicflamingo_cli.inference.limits.datetime", Evening)
        assert end_of("06:30", None) == datetime(2026, 10, 25, 5, 30, tzinfo=UTC).timestamp()
    finally:
        monkeypatch.undo()
        time.tzset()

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from musicflamingo_cli.errors import TooManyFailures, UsageError
from musicflamingo_cli.inference.limits import Ends, Limits, Pace, end_of, parse_failures
from musicflamingo_cli.inference.shards import in_shard, parse_shard


@pytest.mark.parametrize(
    ("text", "seconds"), [("7h", 25200), ("90m", 5400), ("1h30m", 5400), ("1.5h", 5400), ("2d", 172800), ("30s", 30)]
)
def test_a_budget_counts_from_now(text: str, seconds: float) -> None:
    assert end_of(None, text).left() == pytest.approx(seconds, abs=2)


@pytest.mark.parametrize("text", ["", "h", "7", "7x", "-1h", "0h", "1h2", "²h"])
def test_a_budget_that_can_not_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--time-budget"):
        end_of(None, text)


@pytest.mark.parametrize("form", ["%H:%M", "%H:%M:%S", " %H:%M:%S "])
def test_a_clock_time_is_the_next_one(form: str) -> None:
    now = datetime.now().astimezone().replace(second=0, microsecond=0)
    for minutes, days in ((-2, 1), (2, 0)):
        clock = now + timedelta(minutes=minutes)
        end = end_of(clock.strftime(form), None).wall
        assert end is not None
        assert datetime.fromtimestamp(end).astimezone() - clock in (timedelta(days=days), timedelta(0))
        assert end > time.time()


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-11-21T06:30", datetime(2026, 11, 21, 6, 30).astimezone()),
        ("2026-11-21 06:30:15", datetime(2026, 11, 21, 6, 30, 15).astimezone()),
        ("2026-11-21T06:30:15Z", datetime(2026, 11, 21, 6, 30, 15, tzinfo=UTC)),
        ("2026-11-21T06:30+02:00", datetime(2026, 11, 21, 4, 30, tzinfo=UTC)),
    ],
)
def test_a_date_and_time(text: str, when: datetime) -> None:
    assert end_of(text, None).wall == when.timestamp()


def test_seconds_of_a_clock_time_count() -> None:
    early, late = end_of("06:30", None).wall, end_of("06:30:59", None).wall
    assert early is not None and late is not None and (late - early) % 86400 == 59


def test_the_earlier_of_two_ends_counts() -> None:
    assert end_of("2099-01-01T00:00", "1h").left() == pytest.approx(3600, abs=2)
    assert end_of("2020-01-01T00:00", "1h").left() < 0
    assert end_of(None, None).left() == float("inf")


def test_a_budget_does_not_heed_the_wall_clock_and_a_deadline_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock is set two hours on, and two hours back."""
    deadline = (datetime.now().astimezone() + timedelta(hours=3)).isoformat()
    ends, budget = end_of(deadline, None), end_of(None, "1h")
    now = time.time()
    for hours in (2, -2):
        monkeypatch.setattr(time, "time", lambda hours=hours: now + 3600 * hours)
        assert budget.left() == pytest.approx(3600, abs=5)
        assert ends.left() == pytest.approx(3600 * (3 - hours), abs=5)
    monkeypatch.undo()
    steady = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: steady + 7200)
    assert budget.left() == pytest.approx(-3600, abs=5)
    assert ends.left() == pytest.approx(3 * 3600, abs=5)


@pytest.mark.parametrize("text", ["6:3x", "25:00", "06:30:60x", "06:61", "", "soon", "2026-13-01T00:00"])
def test_a_clock_time_that_can_not_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--deadline"):
        end_of(text, None)


def within(seconds: float) -> Ends:
    return Ends(monotonic=time.monotonic() + seconds)


def test_until_a_batch_is_known_one_song_is_begun() -> None:
    pace = Pace(within(100))
    assert pace.fits(1, 1200) and not pace.fits(2, 2)
    assert not Pace(within(-1)).fits(1, 1) and Pace(within(-1)).over()
    assert Pace(Ends()).fits(64, 1e6) and not Pace(Ends()).over()


@pytest.mark.parametrize(
    ("songs", "audio", "seconds", "fits"),
    [
        (8, 800, 10, True),  # what took 10 s takes 12 at most, and 5 are kept free
        (4, 400, 10, True),
        (16, 1600, 10, True),  # twice as much: 24 s
        (8, 1600, 10, True),  # as many songs, each twice as long
        (80, 800, 10, False),  # ten times as many: 120 s
        (8, 8000, 10, False),
        (8, 800, 80, False),
        (1, 100, 99, True),  # a song alone needs no margin
        (1, 100, 101, False),
    ],
)
def test_a_batch_takes_no_longer_than_an_earlier_one_lets_expect(
    songs: int, audio: float, seconds: float, fits: bool
) -> None:
    pace = Pace(within(100.5))
    pace.done(8, 800, seconds)
    assert pace.fits(songs, audio) is fits


def test_the_batch_that_promises_most_counts() -> None:
    pace = Pace(within(100.5))
    pace.done(1, 100, 20)
    assert not pace.fits(16, 1600)
    pace.done(8, 800, 25)
    assert pace.fits(16, 1600) and pace.fits(1, 100)


@pytest.mark.parametrize(("budget", "songs"), [(20.0, 14), (3.0, 2), (1.2, 1)])
def test_little_time_is_not_eaten_up_by_its_margin(budget: float, songs: int) -> None:
    pace = Pace(within(budget))
    pace.done(1, 100, 1.0)
    assert pace.fits(songs, 100.0 * songs)


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
        assert end_of("06:30", None).wall == datetime(2026, 10, 25, 5, 30, tzinfo=UTC).timestamp()
    finally:
        monkeypatch.undo()
        time.tzset()

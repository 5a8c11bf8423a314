import io
import sys
import time
from dataclasses import replace

import pytest

from musicflamingo_cli import progress as progress_module
from musicflamingo_cli.progress import Progress, progress_line
from musicflamingo_cli.watch import Tick


def test_a_line_of_progress_tells_the_rates_since_the_line_that_it_is_held_to() -> None:
    before = Tick("listening", 90_000, 100_000, cached=90_000)
    now = Tick("listening", 90_060, 100_000, cached=90_000, failed=1, audio_seconds=36_000.0, tokens=6_000)
    assert progress_line(now, before, 600.0) == (
        "listening 90060/100000 songs, 360 songs/h, 60.0 h of audio/h, 10 tokens/s, 90000 cached, 1 failed, "
        "ETA 27:36:40"
    )
    assert progress_line(replace(now, unit="question"), before, 600.0).startswith(
        "listening 90060/100000 questions, 360 questions/h,"
    )


def test_what_the_cache_held_does_not_speed_up_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """90 000 songs go by in the first minute, then one a minute: an hour later, 9 940 minutes are left."""
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(progress_module, "LINE_SECONDS", 60.0)
    progress = Progress()
    progress.tick(Tick("listening", 0, 100_000))
    for minute in range(61):
        clock[0] += 60.0
        progress.tick(Tick("listening", 90_000 + minute, 100_000, cached=90_000))
    last = capsys.readouterr().err.splitlines()[-1]
    assert "60 songs/h" in last and last.endswith("ETA 165:40:00")


def test_the_time_left_that_a_tick_tells_counts_before_the_rate(capsys: pytest.CaptureFixture[str]) -> None:
    before = Tick("listening", 0, 40)
    assert progress_line(Tick("listening", 20, 40, left_seconds=90.0), before, 1.0).endswith("ETA 01:30")
    assert progress_line(Tick("listening", 20, 40, left_seconds=float("inf")), before, 1.0).endswith("ETA ?")


def test_a_short_run_tells_a_line_at_each_tenth(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """40 songs of 2 s: a tenth takes 8 s."""
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    progress = Progress()
    progress.tick(Tick("loading", 0, 40, model="some/model"))
    for number in range(41):
        progress.tick(Tick("listening", number, 40))
        clock[0] += 2.0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "loading some/model"
    assert [line.split()[1] for line in lines[1:]] == [f"{n}/40" for n in range(4, 41, 4)]


@pytest.mark.parametrize("stage", ["loading", "listening", "writing"])
def test_a_terminal_shows_each_stage_by_its_name(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr("sys.stderr", Terminal())
    with Progress() as progress:
        for done in (0, 10, 20):
            progress.tick(Tick(stage, done, 40, cached=3, left_seconds=90.0, model="{0}\x1b[2J"))  # type: ignore[arg-type]
            clock[0] += 30.0
        shown = sys.stderr.getvalue()  # type: ignore[attr-defined]
    if stage == "loading":
        assert "loading {0}\\x1b[2J [01:00]" in shown
    else:
        assert f"{stage}:  50%" in shown and "20/40 [01:00<01:30]" in shown

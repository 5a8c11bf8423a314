import time

import pytest

from musicflamingo_cli import console
from musicflamingo_cli.console import Progress, progress_line
from musicflamingo_cli.records import Tick


def test_a_line_of_progress_tells_the_rates_since_the_line_that_it_is_held_to() -> None:
    before = Tick("listening", 90_000, 100_000, cached=90_000)
    now = Tick("listening", 90_060, 100_000, cached=90_000, failed=1, audio_seconds=36_000.0, tokens=6_000)
    assert progress_line(now, before, 600.0) == (
        "listening 90060/100000 songs, 360 songs/h, 60.0 h of audio/h, 10 tokens/s, 90000 cached, 1 failed, "
        "ETA 27:36:40"
    )


def test_what_the_cache_held_does_not_speed_up_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """90 000 songs go by in the first minute, then one a minute: an hour later, 9 940 minutes are left."""
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(console, "LINE_SECONDS", 60.0)
    progress = Progress()
    progress.tick(Tick("listening", 0, 100_000))
    for minute in range(61):
        clock[0] += 60.0
        progress.tick(Tick("listening", 90_000 + minute, 100_000, cached=90_000))
    last = capsys.readouterr().err.splitlines()[-1]
    assert "60 songs/h" in last and last.endswith("ETA 165:40:00")

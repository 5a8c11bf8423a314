import pytest

from musicflamingo_cli import views
from musicflamingo_cli.summary import Summary


def test_the_speed_is_that_of_the_audio_that_was_heard(capsys: pytest.CaptureFixture[str]) -> None:
    views.summary(Summary(audio_seconds=90.0, seconds=60.0))
    assert "60.0 s for 1.5 min of audio heard, 1.5 x realtime" in capsys.readouterr().err
    views.summary(Summary(audio_seconds=0.0, seconds=60.0))
    assert "realtime" not in capsys.readouterr().err

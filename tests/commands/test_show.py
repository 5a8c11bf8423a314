import io
import json
import sys
from typing import Any

import pytest


def test_show_tells_all_that_is_known(bench: Any) -> None:
    bench.songs(1)
    assert bench.score() == 0
    bench.capture.readouterr()
    assert bench.mfq("show", "song-0", "--cache-dir", bench.folder / "cache") == 0
    told = bench.capture.readouterr().out
    for word in ("fake with pack quality", "prompt_hash", '"production_quality":', "json", "22050 Hz", "loudness_lufs"):
        assert word in told


def test_show_as_json_is_json(bench: Any) -> None:
    bench.songs(1)
    assert bench.score() == 0
    bench.capture.readouterr()
    assert bench.mfq("show", "song-0", "--cache-dir", bench.folder / "cache", "--json") == 0
    found = json.loads(bench.capture.readouterr().out)
    assert found[0]["entry"]["song_id"] == "song-0"
    assert found[0]["answers"][0]["status"] == "ok"


def test_show_of_a_stranger_is_an_error_with_words(bench: Any) -> None:
    assert bench.mfq("show", "nobody", "--cache-dir", bench.folder / "cache") == 2
    assert "holds nothing of song 'nobody'" in bench.stderr()


def test_show_lets_no_control_sequence_through(bench: Any, script: Any) -> None:
    bench.songs(1)
    script({"default": {"reply": '{"genre": "\x1b[2J"}\x1b[31m'}})
    bench.score()
    bench.capture.readouterr()
    assert bench.mfq("show", "song-0", "--cache-dir", bench.folder / "cache") == 0
    assert "\x1b" not in bench.capture.readouterr().out


def test_show_writes_out_what_the_terminal_can_not_write(
    bench: Any, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.songs(1)
    script({"default": {"reply": "très bien"}})
    bench.score()
    plain = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(plain, encoding="ascii"))
    assert bench.mfq("show", "song-0", "--cache-dir", bench.folder / "cache") == 0
    assert rb"tr\xe8s bien" in plain.getvalue()

"""Estimates of a dry run: lengths that a manifest states, headers, and the stated figures."""

import csv

import pytest

from musicflamingo_cli.inference.batching import Batching
from musicflamingo_cli.inference.estimates import Lengths, stated_seconds, stated_time
from tests.conftest import Bench


@pytest.mark.parametrize(
    ("columns", "seconds"),
    [
        ({"duration": 215}, 215.0),
        ({"duration": " 215.5 "}, 215.5),
        ({"duration": "3:35"}, 215.0),
        ({"duration": "1:02:03"}, 3723.0),
        ({"duration_ms": "215000"}, 215.0),
        ({"duration": None, "length_ms": 1500}, 1.5),
        ({"duration": 215000}, None),
        ({"duration": "3:75:1"}, None),
        ({"duration": "unknown"}, None),
        ({"duration": -1}, None),
        ({"duration": 0}, None),
        ({"duration": True}, None),
        ({"duration": "nan"}, None),
        ({"duration_ms": "3:35"}, None),
        ({"title": "215"}, None),
    ],
)
def test_a_length_that_a_manifest_states(columns: dict[str, object], seconds: float | None) -> None:
    assert stated_seconds(columns) == seconds


@pytest.mark.parametrize(
    ("engine", "decode", "workers", "batch", "hours"),
    [
        ("signal", "measured", 2, None, 1970 * 180 / 50 / 2 / 3600),
        ("flamingo", "json", 1, None, 1.0),
        ("flamingo", "json", 1, 20, 1970 / 3490),
        ("flamingo", "text", 1, 7, 1970 / 604),
        ("flamingo", "scores", 1, 64, 1970 / 19_500),
        ("flamingo", "scores", 1, 4, None),
        ("fake", "text", 1, None, None),
    ],
)
def test_the_stated_figures(engine: str, decode: str, workers: int, batch: int | None, hours: float | None) -> None:
    lengths = Lengths(1200.0, songs=1970, stated=985, heard_seconds=985 * 180.0)
    found = stated_time(engine, decode, lengths, Batching(workers, batch))
    assert (found and found[0] / 3600) == (None if hours is None else pytest.approx(hours))
    assert stated_time(engine, decode, Lengths(1200.0, songs=1), Batching(workers, batch)) is None


def said(bench: Bench, *words: object, engine: str = "signal") -> str:
    assert bench.score("--dry-run", *words, engine=engine) == 0
    return " ".join(bench.capture.readouterr().out.split())


def test_a_dry_run_before_the_first_run_estimates_and_says_from_what(bench: Bench) -> None:
    bench.tone("here.wav", seconds=36.0)
    with bench.manifest.with_suffix(".csv").open("w") as file:
        rows = [["id", "audio", "Duration"], ["a", "https://x.test/a.mp3", "2:00"], ["b", "https://x.test/b.mp3", "84"]]
        csv.writer(file).writerows([*rows, ["c", "here.wav", ""], ["d", "https://x.test/d.mp3", ""]])
    manifest = bench.manifest.with_suffix(".csv")
    assert bench.mfq("score", manifest, "--dry-run", "--engine", "signal", "--no-cache", "--workers", 2) == 0
    told = " ".join(bench.capture.readouterr().out.split())
    assert "audio to hear 0.09 h, estimated: of 4 songs 2 by the manifest's column, 1 by their files' headers" in told
    assert "time 3 s, estimated: all measures at 50 x realtime a core, workers: 2" in told
    assert bench.mfq("score", manifest, "--dry-run", "--engine", "fake", "--no-cache") == 0
    assert "unknown: there was no run" in bench.capture.readouterr().out


def test_what_nothing_tells_stays_unknown(bench: Bench) -> None:
    bench.rows([{"id": "a", "audio": "https://x.test/a.mp3", "duration": 215000}])
    told = said(bench)
    assert "audio to hear unknown" in told
    assert "time unknown" in told


def test_the_rate_of_an_earlier_run_counts_before_stated_figures(bench: Bench) -> None:
    bench.songs(2)
    assert bench.score("--limit", 1, engine="signal") == 0
    bench.capture.readouterr()
    assert "estimated: at the last run's rate" in said(bench)

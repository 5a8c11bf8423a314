"""What a stretch of text is worth where a number is asked."""

from __future__ import annotations

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.reply.numbers import Scale, read_number, scale_of

SCORE = Field("production_quality", "score", low=0.0, high=1.0)
TEN = Field("rating", "score", low=1.0, high=10.0)
FREE = Field("bpm", "number")


@pytest.mark.parametrize(
    ("raw", "value", "written"),
    [
        ("0.85", 0.85, 0.85),
        (".9", 0.9, 0.9),
        ("0,85", 0.85, 0.85),
        ("1", 1.0, 1.0),
        ("0", 0.0, 0.0),
        ("-0", 0.0, 0.0),
        ("+0.5", 0.5, 0.5),
        ("8.5e-1", 0.85, 0.85),
        ("85%", 0.85, 85.0),
        ("85 %", 0.85, 85.0),
        ("85 percent", 0.85, 85.0),
        ("100%", 1.0, 100.0),
        ("8/10", 0.8, 8.0),
        ("8.5 / 10", 0.85, 8.5),
        ("8,5/10", 0.85, 8.5),
        ("17/20", 0.85, 17.0),
        ("4 out of 5", 0.8, 4.0),
        ("3 out of 4", 0.75, 3.0),
        ("8 (out of 10)", 0.8, 8.0),
        ("0.8/1.0", 0.8, 0.8),
        ("**0.8**", 0.8, 0.8),
        (" `0.8` ", 0.8, 0.8),
    ],
)
def test_reads(raw: str, value: float, written: float) -> None:
    reading = read_number(raw, SCORE)
    assert (reading.value, reading.written, reading.reason) == (value, written, None)
    assert reading.rescaled == (value != written)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "missing"),
        ("null", "missing"),
        ("high", "not_a_number"),
        ("NaN", "not_a_number"),
        ("true", "not_a_number"),
        ("Infinity", "not_a_number"),
        ("eight out of ten", "not_a_number"),
        ("...", "placeholder"),
        ("<0.0-1.0>", "placeholder"),
        ("number", "placeholder"),
        ("8", "out_of_range"),
        ("-0.5", "out_of_range"),
        ("150%", "out_of_range"),
        ("12/10", "out_of_range"),
        ("1e999", "out_of_range"),
        ("0.", "ambiguous"),
        ("0.8 max", "ambiguous"),
        ("0.3 (weight)", "ambiguous"),
        ("0.77 (a keeper)", "ambiguous"),
        ("0.0 to 1.0", "ambiguous"),
        ("0.7-0.9", "ambiguous"),
        ("0.7–0.9", "ambiguous"),
        ("0.8 0.9", "ambiguous"),
        ("0.8 or 0.9", "ambiguous"),
        ("0.8 ± 0.1", "ambiguous"),
        ("0.8+", "ambiguous"),
        ("0.8?", "ambiguous"),
        ("~0.8", "ambiguous"),
        ("about 0.8", "ambiguous"),
        ("> 0.8", "ambiguous"),
        ("0.8 because it is clean", "ambiguous"),
        ("8/10 to 9/10", "ambiguous"),
        ("1/0", "ambiguous"),
        ("0.8/0.9", "ambiguous"),
        ("0.8 out of 0.9", "ambiguous"),
        ("4/4", "ambiguous"),
        ("6/8", "ambiguous"),
        ("1.2.3", "ambiguous"),
        ("1,000", "ambiguous"),
        ("0.85/0.9", "ambiguous"),
        ("0.85 / 0.9", "ambiguous"),
        ("0.8 out of 0.9", "ambiguous"),
        ("0.8/10", "unclear_scale"),
        ("0.85%", "unclear_scale"),
        ("0.8 out of 5", "unclear_scale"),
        ("4 stars", "ambiguous"),
        ("0x1", "ambiguous"),
        ("٠.٨", "not_a_number"),
    ],
)
def test_leaves_out(raw: str, reason: str) -> None:
    reading = read_number(raw, SCORE)
    assert (reading.value, reading.reason) == (None, reason)


def test_an_assumed_scale_is_for_bare_numbers_of_scores() -> None:
    assert read_number("8", SCORE, assume=10).value == 0.8
    assert read_number("8", SCORE, assume=10).rescaled
    assert read_number("0.8", SCORE, assume=10).value == 0.08
    assert read_number("80%", SCORE, assume=10).value == 0.8
    assert read_number("12", SCORE, assume=10).reason == "out_of_range"
    assert read_number("8", FREE, assume=10).value == 8.0


def test_other_ranges() -> None:
    assert read_number("7.5", TEN).value == 7.5
    assert read_number("7.5/10", TEN).value == 7.5
    assert read_number("3/5", TEN).reason == "unclear_scale"
    assert read_number("128.5", FREE).value == 128.5
    assert read_number("128 BPM", FREE).reason == "ambiguous"
    assert read_number("50%", FREE).reason == "unclear_scale"


def test_only_bare_ones_and_noughts_are_whole() -> None:
    assert [read_number(raw, SCORE).whole for raw in ("1", "0", "+1", "1.0", "100%", "5/5")] == [
        *(True, True, True),
        *(False, False, False),
    ]
    assert not read_number("1", TEN).whole


@pytest.mark.parametrize(
    ("note", "scale"),
    [
        ("0-1", Scale(0.0, 1.0)),
        ("0.0 to 1.0", Scale(0.0, 1.0)),
        ("out of 10", Scale(0.0, 10.0)),
        ("between 0 and 10", Scale(0.0, 10.0)),
        ("0..100", Scale(0.0, 100.0)),
        ("max. 10", Scale(0.0, 10.0)),
        ("/5", Scale(0.0, 5.0)),
        ("%", Scale(0.0, 100.0)),
        ("1-10", Scale(1.0, 10.0)),
        ("-1 to 1", Scale(-1.0, 1.0)),
        ("float", Scale()),
        ("weight: 30%", None),
        ("vocals", None),
        ("2", None),
    ],
)
def test_scales_of_notes(note: str, scale: Scale | None) -> None:
    assert scale_of(note) == scale


@pytest.mark.parametrize(
    ("raw", "scale", "value"),
    [
        ("8", Scale(0.0, 10.0), 0.8),
        ("1", Scale(0.0, 10.0), 0.1),
        ("0.8", Scale(0.0, 1.0), 0.8),
        ("0.8", Scale(0.0, 10.0), None),
        ("8", Scale(1.0, 10.0), None),
        ("80%", Scale(0.0, 10.0), 0.8),
    ],
)
def test_a_stated_scale_holds_for_bare_numbers(raw: str, scale: Scale, value: float | None) -> None:
    assert read_number(raw, SCORE, scale).value == value


@pytest.mark.parametrize("raw", ["8/0", "1e999/1e999", "8/1e999", "8 out of 0.0"])
def test_nothing_is_out_of_nought_or_of_no_end(raw: str) -> None:
    assert read_number(raw, SCORE).value is None
    assert read_number("8", SCORE, Scale(0.0, 0.0)).value is None
    assert read_number("8", SCORE, Scale(0.0, float("inf"))).value is None

"""What a stretch of text is worth where a number from 0 to 1 is asked."""

from __future__ import annotations

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.numbers import read_number
from musicflamingo_cli.scoring.scales import Scale, scale_of

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
        ("17/20", 0.85, 17.0),
        ("4 out of 5", 0.8, 4.0),
        ("4 out of 5 stars", 0.8, 4.0),
        ("0.8. The drop at 1:30 is huge", 0.8, 0.8),
        ("0.8, with 1 guitar", 0.8, 0.8),
        ("8 (out of 10)", 0.8, 8.0),
        ("0.8/1.0", 0.8, 0.8),
        ("5.1/10", 0.51, 5.1),
        ("0.85 very clean", 0.85, 0.85),
        ("0.85, three guitars", 0.85, 0.85),
        ("0.85 at 120 BPM with 808s", 0.85, 0.85),
        ("0.85 (85%)", 0.85, 0.85),
        ("0.85 (weight 0.3)", 0.85, 0.85),
        ("0.8 (0-1 scale)", 0.8, 0.8),
        ("7 on a scale of 0 to 10", 0.7, 7.0),
        ("about 0.8", 0.8, 0.8),
        ("**0.8**", 0.8, 0.8),
        ("０．８５", 0.85, 0.85),
    ],
)
def test_reads(raw: str, value: float, written: float) -> None:
    reading = read_number(raw, SCORE, cut=False)
    assert (reading.value, reading.written, reading.reason) == (value, written, None)
    assert reading.rescaled == (value != written)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "missing"),
        ("high", "not_a_number"),
        ("NaN", "not_a_number"),
        ("true", "not_a_number"),
        ("Infinity", "not_a_number"),
        ("eight out of ten", "not_a_number"),
        ("8", "out_of_range"),
        ("-0.5", "out_of_range"),
        ("150%", "out_of_range"),
        ("12/10", "out_of_range"),
        ("1e999", "ambiguous"),
        ("1e400/1e400", "ambiguous"),
        ("0.8 max", "not_a_number"),
        ("0.3 (weight)", "not_a_number"),
        ("0.5 (default)", "not_a_number"),
        ("0.0 to 1.0", "ambiguous"),
        ("0.7-0.9", "ambiguous"),
        ("0.7–0.9", "ambiguous"),
        ("0.8 0.9", "ambiguous"),
        ("0.8, maybe 0.9", "ambiguous"),
        ("0.8 or 0.9", "ambiguous"),
        ("0.8 ± 0.1", "ambiguous"),
        ("0.8+", "ambiguous"),
        ("0.3*x", "ambiguous"),
        ("8/10 to 9/10", "ambiguous"),
        ("1/0", "ambiguous"),
        ("1.2.3", "ambiguous"),
        ("1,000", "ambiguous"),
        ("0." + "8" * 80, "ambiguous"),
        ("1. The mix is clean", "ambiguous"),
        ("1 of the best", "ambiguous"),
        ("> 0.8", "not_a_number"),
        ("4 stars", "not_a_number"),
        ("0.5 dB too loud", "not_a_number"),
        ("0.1 higher than before", "not_a_number"),
        ("0x1", "not_a_number"),
        ("0.8x", "not_a_number"),
        ("0.8 on a scale of 1 to 10", "unclear_scale"),
        ("0.9 on a 10-point scale", "unclear_scale"),
    ],
)
def test_leaves_out(raw: str, reason: str) -> None:
    reading = read_number(raw, SCORE, cut=False)
    assert (reading.value, reading.reason) == (None, reason)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("0.8", None),
        ("0.", None),
        ("0,", None),
        ("1/", None),
        ("1/1", None),
        ("4 out of", None),
        ("0.8 to", None),
        ("0.8-", None),
        ("1 ", None),
        ("1_", None),
        ("0.0 ", None),
        ("8e-", None),
        ("[0.8, ", None),
        ("0.8\n", 0.8),
        ("0.8 ", 0.8),
        ("0.8,", 0.8),
        ("0.8.", 0.8),
        ("0.8 (cle", 0.8),
        ("0.8 (crisp dru", 0.8),
        ("0.8 with wide dr", 0.8),
        ("0.8 (", None),
        ("0.8 (voc", None),
        ("0.8 (in the in", None),
        ("0.8 (8", None),
        ("1 (cle", None),
        ("1\n", 1.0),
        ("8/10\n", 0.8),
        ("85%", 0.85),
    ],
)
def test_at_the_end_of_an_unfinished_text(raw: str, value: float | None) -> None:
    assert read_number(raw, SCORE, cut=True).value == value


def test_an_assumed_scale_is_for_bare_numbers_of_scores() -> None:
    assert read_number("8", SCORE, False, assume=10).value == 0.8
    assert read_number("8", SCORE, False, assume=10).rescaled
    assert read_number("0.8", SCORE, False, assume=10).value == 0.08
    assert read_number("80%", SCORE, False, assume=10).value == 0.8
    assert read_number("12", SCORE, False, assume=10).reason == "out_of_range"
    assert read_number("8", FREE, False, assume=10).value == 8.0


def test_other_ranges() -> None:
    assert read_number("7.5", TEN, False).value == 7.5
    assert read_number("7.5/10", TEN, False).value == 7.5
    assert read_number("3/5", TEN, False).reason == "unclear_scale"
    assert read_number("128 BPM", FREE, False).value == 128.0
    assert read_number("50%", FREE, False).reason == "unclear_scale"


@pytest.mark.parametrize(
    ("label", "scale"),
    [
        ("0-1", Scale(own=True)),
        ("0.0 to 1.0", Scale(own=True)),
        ("out of 10", Scale(10.0)),
        ("0-100", Scale(100.0)),
        ("/5", Scale(5.0)),
        ("%", Scale(100.0)),
        ("1-10", Scale(unclear=True)),
        ("weight: 30%", Scale()),
        ("clarity", Scale()),
    ],
)
def test_scales_of_labels(label: str, scale: Scale) -> None:
    assert scale_of(label, SCORE) == scale

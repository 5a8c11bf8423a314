import math
from fractions import Fraction

import pytest

from musicflamingo_cli.records import Answer, Distribution, Field, FieldAnswer, Reply, Rules
from musicflamingo_cli.scoring.distributions import moments, with_distributions
from musicflamingo_cli.scoring.scorer import read_reply

MOOD = Field("mood", "text")
QUALITY = Field("quality", "score", low=0.0, high=1.0, weight=0.75)
JOY = Field("joy", "score", low=0.0, high=1.0, weight=0.25)
PARSED = Answer(
    {
        "mood": FieldAnswer("calm", "json"),
        "quality": FieldAnswer(0.85, "json", written=0.85),
        "joy": FieldAnswer(0.9, "json", written=0.9),
    },
    "ok",
)
SURE = Distribution((0.8, 0.85, 0.9), (0.2, 0.4, 0.2), 0.8, 0.85)
"""Mean .85; variance (.25 x .05^2) x 2 = .00125."""
NOISE = Distribution((0.8, 0.85, 0.9), (0.1, 0.2, 0.1), 0.4, 0.85)
FIELDS = (MOOD, QUALITY, JOY)


def test_the_expected_value_is_normalised_by_the_mass_on_numbers():
    skewed = Distribution((0.0, 0.5, 1.0), (0.3, 0.0, 0.3), 0.6, 0.0)
    got = with_distributions(PARSED, {"quality": skewed}, FIELDS).fields["quality"]
    assert got.value == pytest.approx(0.5)
    assert (got.obtained, got.written, got.mass) == ("distribution", 0.0, 0.6)
    assert got.std == pytest.approx(0.5)


def test_mean_and_deviation_by_hand():
    assert moments(SURE) == (pytest.approx(0.85), pytest.approx(math.sqrt(0.00125)))


def test_fields_without_a_distribution_stay_as_parsed():
    got = with_distributions(PARSED, {"quality": SURE}, FIELDS)
    assert got.fields["joy"] == PARSED.fields["joy"]
    assert got.fields["mood"] == PARSED.fields["mood"]
    assert (got.status, got.reason) == ("ok", None)
    assert list(got.fields) == ["mood", "quality", "joy"]


def test_too_little_mass_is_no_score_and_says_so():
    got = with_distributions(PARSED, {"quality": NOISE, "joy": SURE}, FIELDS)
    field = got.fields["quality"]
    assert (field.value, field.obtained, field.reason, field.mass) == (None, None, "low_number_mass", 0.4)
    assert field.expected == pytest.approx(0.85)
    assert (got.status, got.reason) == ("partial", "low_number_mass")


@pytest.mark.parametrize("score_from", ["expected", "written"])
def test_the_threshold_itself_passes_and_holds_for_both_figures(score_from):
    passed = with_distributions(PARSED, {"quality": NOISE}, FIELDS, min_number_mass=0.4, score_from=score_from)
    assert passed.fields["quality"].value == pytest.approx(0.85)
    failed = with_distributions(PARSED, {"quality": NOISE}, FIELDS, min_number_mass=0.41, score_from=score_from)
    assert failed.fields["quality"].value is None


def test_the_written_figure_can_be_asked_for():
    spread = Distribution((0.0, 0.9), (0.3, 0.7), 1.0, 0.9)
    got = with_distributions(PARSED, {"quality": spread}, FIELDS, score_from="written").fields["quality"]
    assert (got.value, got.obtained, got.written) == (0.9, "json", 0.9)
    assert got.expected == pytest.approx(0.63)


def test_no_mass_at_all_is_never_a_number_even_without_a_threshold():
    nothing = Distribution((0.0, 1.0), (0.0, 0.0), 0.0, 1.0)
    got = with_distributions(PARSED, {"quality": nothing}, FIELDS, min_number_mass=0.0).fields["quality"]
    assert (got.value, got.expected, got.std, got.reason) == (None, None, None, "low_number_mass")


def test_a_distribution_that_is_not_finite_is_no_score():
    broken = Distribution((0.0, 1.0), (math.nan, 0.5), math.nan, 1.0)
    assert with_distributions(PARSED, {"quality": broken}, FIELDS).fields["quality"].value is None


def test_every_asked_score_lost_is_a_failed_answer():
    got = with_distributions(PARSED, {"quality": NOISE, "joy": NOISE}, (QUALITY, JOY))
    assert (got.status, got.reason) == ("failed", "low_number_mass")


def test_a_score_that_the_parser_missed_is_filled_from_its_distribution():
    missed = Answer({**PARSED.fields, "quality": FieldAnswer(reason="missing")}, "partial", "missing")
    got = with_distributions(missed, {"quality": SURE}, FIELDS)
    assert got.fields["quality"].value == pytest.approx(0.85)
    assert (got.status, got.reason) == ("ok", None)


def test_names_that_were_not_asked_and_text_fields_are_left_alone():
    got = with_distributions(PARSED, {"loudness": SURE, "mood": SURE}, FIELDS)
    assert got == PARSED


def test_the_mean_never_leaves_the_range_by_rounding():
    spread = Distribution((0.0, 0.1, 0.2, 1.0), (0.0, 0.0, 0.0, 0.7), 0.7, 1.0)
    assert moments(spread) == (1.0, 0.0)


def test_a_reason_that_no_field_has_any_more_goes():
    parsed = Answer(
        {
            "mood": FieldAnswer(reason="missing"),
            "quality": FieldAnswer(reason="out_of_range", written=8.0),
            "joy": FieldAnswer(0.9, "json", written=0.9),
        },
        "partial",
        "out_of_range",
    )
    got = with_distributions(parsed, {"quality": SURE}, FIELDS)
    assert (got.status, got.reason) == ("partial", "missing")
    assert with_distributions(parsed, {"joy": SURE}, FIELDS).reason == "out_of_range"


def test_moments_are_those_of_exact_arithmetic_and_one_value_has_no_spread() -> None:
    grid = tuple(step / 100 for step in range(101))
    for middle, width in [(0, 0.3), (7, 3.0), (70, 1.0), (70, 40.0), (100, 9.0)]:
        chances = tuple(0.99 * math.exp(-(((step - middle) / width) ** 2)) / width / 2 for step in range(101))
        mass = sum(map(Fraction, chances))
        mean = sum(Fraction(p) * Fraction(v) for p, v in zip(chances, grid, strict=True)) / mass
        variance = sum(Fraction(p) * (Fraction(v) - mean) ** 2 for p, v in zip(chances, grid, strict=True)) / mass
        exact = pytest.approx((float(mean), math.sqrt(variance)), abs=2e-15)
        assert moments(Distribution(grid, chances, float(mass))) == exact
    alone = tuple(0.99 if step == 70 else 0.0 for step in range(101))
    assert moments(Distribution(grid, alone, 0.99)) == (0.7, 0.0)


@pytest.mark.parametrize(("scores", "joy"), [({}, 0.08), ({"quality": SURE}, 0.8)])
def test_an_assumed_scale_is_not_that_of_a_reply_held_to_the_schema(scores, joy):
    reply = Reply('{"mood": "calm", "quality": 0.85, "joy": 0.8}', scores=scores)
    answer = read_reply(reply, "", FIELDS, Rules(assume_scale=10.0))
    assert answer.fields["joy"].value == pytest.approx(joy)

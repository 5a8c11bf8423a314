"""What may follow a number that is a score, and what makes it doubtful, in prose and in strings of JSON alike."""

from __future__ import annotations

import json

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.answers import parse_reply


def quality(text: str, fields: tuple[Field, ...]) -> float | str | None:
    return parse_reply(text, fields, "", "stop").fields["production_quality"].value


READABLE = (
    *("0.8", "**0.8**", "`0.8`", "0.8.", "0.8!", "0.8 - clean mix with 3 guitars", "**0.8** (very polished)"),
    *("0.8 – clean", "0.8, with a wide stereo image", "0.8. The mix is clean.", "0.8; clean", "0.8: clean and wide"),
    *("0.8 because the mix is clean", "0.8 very clean", "0.8 thanks to crisp mastering", "0.8 highly polished"),
    *("0.8 given the genre", "0.8 in terms of clarity", "0.8 for its clarity", "0.8 - not perfect, but good"),
    *("0.8 (above average)", "0.8 (80%)", "0.8 (8/10)", "0.8 = 80%", "8/10 = 0.8", "0.8 (on a 0-1 scale)"),
    *("0.8 on a scale from 0 to 1", "0.8 (weight: 0.3)", "0.8 — I would say 0.8", "0.8 # clean mix", "0.8 -- clean"),
    *("0.8🎵", "🔥0.8🔥", "0.8 ✨ great", "0.8👍🏽", "0.8❤️", "8/10 - great", "80% because it is clean", "8\\/10"),
)
BROKEN = (
    *("0.XX", "0.x", "0.eight", "0;82", "0'82", "0 .82", "0. 82", "0·82", "0_82", "0°82", "0\u200b.82", "0..82"),
    *("0.8²", "0.8½", "0.8⭐", "1️⃣", "1🔟", "0.8❌", "0.8…", "0.8 ->", "0.8 = x", "0.8 ± 0.1", "1-", "1–", "~~0.8~~"),
)
OTHER_UNIT = (
    *("1 on ten", "1 (10 max)", "1 of ten", "1 von 10", "1 sur 10", "1 (von 10)", "1分", "1 pt", "1 tenth", "1‰"),
    *("1 (ten being best)", "1 (10 = best)", "1 (in %)", "1 in percent", "1 (0 worst, 10 best)", "1 (Likert)"),
    *("0.8 of 10", "0.8 (max. 10)", "0.8 hours", "0.8 dB", "0.8 kg", "1 with max of 10", "1 [1-5]", "1 // out of ten"),
)
NO_SCORE = (
    *("8/10 tracks are clean", "8 out of 10 listeners", "3/4 time", "30% of total", "90% of the mix is clean"),
    *("100% analog", "50% louder", "80% vocals", "1 = poor, 5 = great", "0.8 is typical for the genre", "0.8?"),
    *("0.8? No.", "0.8 would be too high", "0.8, no", "0.8. No.", "0.8 (wrong)", "0.8 (default)", "0.8 - example"),
    *("0.8 (vocals)", "0.8 for the intro", "0.8 in the demo", "0.8 per song", "0.8 and up", "0.8 if remastered"),
    *("0.8 unless remixed", "0.8 was the old value", "0.8 (genre average)", "0.8 (?)", "0.8 (not sure)"),
)


@pytest.mark.parametrize("said", READABLE)
def test_reads(said: str, fields: tuple[Field, ...]) -> None:
    assert quality(f"- **Production Quality:** {said}\n", fields) == 0.8
    if "\\" not in said:
        assert quality(json.dumps({"production_quality": said}, ensure_ascii=False), fields) == 0.8


@pytest.mark.parametrize("said", [*BROKEN, *OTHER_UNIT, *NO_SCORE])
def test_leaves_out(said: str, fields: tuple[Field, ...]) -> None:
    assert quality(f"- **Production Quality:** {said}\n", fields) is None
    assert quality(f"Production quality is {said}\n", fields) is None
    assert quality(json.dumps({"production_quality": said}, ensure_ascii=False), fields) is None


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("0\\.82", 0.82),
        ("0&#46;82", 0.82),
        ("0&period;82", 0.82),
        ("0&comma;82", 0.82),
        ("0&middot;82", None),
        ("1\\/10", 0.1),
        ("1\\%", 0.01),
        ("1&#47;10", 0.1),
        ("1&frasl;10", 0.1),
        ("1&ndash;10", None),
        ("1&percnt;", 0.01),
        ('1 "out of 10"', 0.1),
        ("1, out of 10", 0.1),
        ("1 (/10)", 0.1),
        ("1 (of 10)", 0.1),
        ("1 [0-10]", 0.1),
        ("1 (scale 0-10)", 0.1),
        ("1 of 10", None),
    ],
)
def test_units_that_are_written_apart(said: str, value: float | None, fields: tuple[Field, ...]) -> None:
    assert quality(f"Production quality: {said}\n", fields) == value


@pytest.mark.parametrize(
    "text",
    [
        "Production quality: 0.\n82\n",
        "Production quality: 0\n.82\n",
        "Production quality: 1\nout of 10\n",
        "Production quality: 1\n/10\n",
        'Production quality: "0"."82"\n',
        "Production quality: `0`.`82`\n",
        "production_quality:\n  score: 1\n  max: 10\n",
    ],
)
def test_leaves_out_what_goes_on_below(text: str, fields: tuple[Field, ...]) -> None:
    assert quality(text, fields) is None


@pytest.mark.parametrize(
    "after",
    [
        *("\nCorrection: 0.8", "\nActually, 0.8.", "\nWait, make that 0.8", "\n(edit: 0.8)", "\n0.8", "\n-> 0.8"),
        *("\nI'd change it to 0.8", "\nFinal: 0.8", ". Actually 0.8.", " - no, 0.8", "\nTypo: 0.8", "\nSorry, 0.8"),
        *("\nI think production quality could be 0.8", "\nProduction quality should be 0.8"),
    ],
)
def test_a_correction_leaves_no_number(after: str, fields: tuple[Field, ...]) -> None:
    assert quality(f"Production quality: 0.6{after}\n", fields) is None


def test_a_final_score_below_a_list_takes_nothing_away(fields: tuple[Field, ...]) -> None:
    assert quality("Content enjoyment: 0.7\nProduction quality: 0.8\n\nFinal score: 0.75\n", fields) == 0.8

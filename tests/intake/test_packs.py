from pathlib import Path

import pytest

from musicflamingo_cli.engines.signal import losses
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.packs import load_pack, pack_hash, pack_names
from musicflamingo_cli.measures import Measures

SCORE = '[[fields]]\nname = "a"\nkind = "score"\nlow = 0.0\nhigh = 1.0\nweight = 1.0\n'


def write(folder: Path, toml: str, prompt: str = "Rate it.") -> str:
    (folder / "pack.toml").write_text(toml)
    (folder / "prompt.md").write_text(prompt)
    return str(folder)


def test_the_packs_of_the_house() -> None:
    assert {"quality", "technical"} <= set(pack_names())


def test_the_quality_pack_has_the_eleven_keys_and_their_weights() -> None:
    pack = load_pack("quality")
    assert [f.name for f in pack.fields if f.kind == "text"] == [
        "genre",
        "tempo",
        "key",
        "instruments",
        "production_style",
        "mood",
    ]
    assert {f.name: f.weight for f in pack.fields if f.kind == "score"} == {
        "content_usefulness": 0.15,
        "production_quality": 0.30,
        "content_enjoyment": 0.25,
        "production_complexity": 0.10,
        "overall_recommendation_score": 0.20,
    }
    assert all(f'"{f.name}"' in pack.template for f in pack.fields)


def test_the_quality_prompt_has_no_example_that_could_be_echoed() -> None:
    template = load_pack("quality").template
    assert "{" not in template and "<sound>" not in template


def test_the_technical_pack_asks_two_scores_and_shows_measures() -> None:
    pack = load_pack("technical")
    scores = {f.name: f.weight for f in pack.asked if f.kind == "score"}
    assert scores == {"production_quality": 0.75, "production_complexity": 0.25}
    assert {f.name for f in pack.asked if f.kind == "number"} == {f"loss_{name}" for name in losses(Measures())}
    assert all(f.kind == "measure" for f in pack.fields if f not in pack.asked)


def test_a_folder_of_ones_own_with_places_and_a_system_prompt(tmp_path: Path) -> None:
    (tmp_path / "system.md").write_text("You hear {artist}.")
    pack = load_pack(write(tmp_path, 'name = "mine"\n' + SCORE, 'Rate {title} as {"a": 0.5} {not a place} {}.'))
    assert (pack.name, pack.columns, pack.system) == ("mine", ("title", "artist"), "You hear {artist}.")


def test_weights_and_meanings_are_not_in_the_hash(tmp_path: Path) -> None:
    one = load_pack(write(tmp_path, SCORE))
    other = load_pack(write(tmp_path, SCORE.replace("weight = 1.0", 'weight = 2.0\nmeaning = "x"')))
    wider = load_pack(write(tmp_path, SCORE.replace("high = 1.0", "high = 10.0")))
    assert pack_hash(one) == pack_hash(other) != pack_hash(wider)


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("", "at least one"),
        ("fields = 3", "at least one"),
        ("nonsense = [", r"pack\.toml: Invalid value"),
        (SCORE + SCORE, "'a' stands there twice"),
        (SCORE.replace('"a"', '"A b"'), "all lower case"),
        (SCORE.replace('"score"', '"vibe"'), "kinds: score"),
        (SCORE.replace("high = 1.0", "high = -1.0"), "low below high"),
        (SCORE.replace("high = 1.0\n", ""), "low and high"),
        (SCORE.replace("weight = 1.0", "weight = -1.0"), "none below 0"),
        (SCORE.replace("weight = 1.0", "weight = nan"), "is no number"),
        (SCORE.replace("weight = 1.0", "weight = true"), "is no number"),
        (SCORE.replace("weight = 1.0", "weigth = 1.0"), "unknown key 'weigth'"),
        (SCORE.replace("weight = 1.0", ""), "no overall score"),
        (SCORE + '[[fields]]\nname="b"\nkind="measure"\nmeasure="vibes"', "measures: loudness_lufs"),
    ],
)
def test_a_broken_pack_is_refused_with_words(tmp_path: Path, toml: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        load_pack(write(tmp_path, toml))


def test_an_unknown_pack_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="quality, technical"):
        load_pack("qualty")


def test_an_empty_prompt_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"prompt\.md is empty"):
        load_pack(write(tmp_path, SCORE, " \n"))

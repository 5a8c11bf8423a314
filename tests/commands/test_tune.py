"""`mfq tune` as a user types it, and its file as the other commands read it."""

import hashlib
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats

from musicflamingo_cli.cli import main

SONGS = 200
RANDOM = np.random.default_rng(5)
COLUMNS = {name: RANDOM.random(SONGS) for name in ("a", "b", "c")}
IDS = [f"s{n:03}" for n in range(SONGS)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three scores, the overall their mean, and labels of 1 to 5 that are 1 + 3 a + b."""
    monkeypatch.chdir(tmp_path)
    write_scores(COLUMNS, overall_quality_score=np.mean(list(COLUMNS.values()), axis=0))
    write_labels(1 + 3 * COLUMNS["a"] + COLUMNS["b"])


def write_scores(columns: dict[str, Any], **more: Any) -> None:
    fields = [{"name": name, "kind": "score", "low": 0.0, "high": 1.0} for name in columns]
    card = json.dumps({"settings": {"fields": fields}})
    table = pa.table({"song_id": IDS, **columns, **more})
    pq.write_table(table.replace_schema_metadata({"mfq.run": card}), "scores.parquet")


def write_labels(labels: Any, **more: list[str]) -> None:
    names = ",".join(["song_id", "rating", *more])
    rows = zip(IDS, map(repr, np.asarray(labels).tolist()), *more.values(), strict=False)
    Path("labels.csv").write_text("\n".join([names, *map(",".join, rows)]) + "\n")


def tuned(*options: str, code: int = 0) -> dict[str, Any]:
    words = ["tune", "scores.parquet", "labels.csv", "--label", "rating", "--resamples", "200", *options]
    assert main(words) == code
    return tomllib.loads(Path("weights.toml").read_text("utf-8")) if Path("weights.toml").exists() else {}


def test_the_weights_are_those_that_the_labels_were_made_with(capsys: pytest.CaptureFixture[str]) -> None:
    file = tuned()
    assert file["weights"] == {"a": 0.75, "b": 0.25, "c": 0.0}
    assert file["ranges"] == {"a": [0, 1], "b": [0, 1], "c": [0, 1]}
    held = file["held_out"]
    assert held["tuned"][0] == pytest.approx(1)
    mean = np.mean(list(COLUMNS.values()), axis=0)
    labels = 1 + 3 * COLUMNS["a"] + COLUMNS["b"]
    assert held["today"][0] == pytest.approx(scipy.stats.spearmanr(mean, labels).statistic, abs=1e-6)
    assert held["gain"][1] > 0 and held["over"] == "overall_quality_score" and held["doubts"] == []
    assert held["error"] < 0.05 < held["error_of_mean"]
    assert "the tuned score ranks better than overall_quality_score by" in capsys.readouterr().out


def test_the_map_goes_from_a_score_to_the_labels_scale() -> None:
    """A score of 0.5 is (3 a + b) / 4, so its label is 1 + 4 * 0.5."""
    label = tuned()["label"]
    assert np.interp([0.25, 0.5, 0.75], label["score"], label["value"]) == pytest.approx([2, 3, 4], abs=0.02)
    assert label["value"] == sorted(label["value"])


def test_the_map_has_the_corners_of_a_stair_alone() -> None:
    write_labels(1 + 4 * (COLUMNS["a"] > 0.5))
    label = tuned("--columns", "a,c", "--fit", "ranks", "--force")["label"]
    assert label["value"][0] == 1 and label["value"][-1] == 5
    assert all(label["value"].count(value) <= 2 for value in set(label["value"]))


def test_the_songs_are_counted_and_hashed_and_those_without_a_score_are_not_among_them() -> None:
    columns = {**COLUMNS, "b": [None, *COLUMNS["b"][1:]]}
    write_scores(columns)
    file = tuned("--force")
    assert file["songs"]["count"] == SONGS - 1
    assert file["songs"]["sha256"] == hashlib.sha256("".join(f"{one}\n" for one in IDS[1:]).encode()).hexdigest()
    assert file["held_out"]["over"] == "the mean of the columns"


def test_a_fold_is_judged_by_the_other_groups() -> None:
    """Of two artists one is rated by a, the other by b; so each one's songs get the other's weights."""
    first = np.arange(SONGS) < SONGS // 2
    write_labels(np.where(first, COLUMNS["a"], COLUMNS["b"]), artist=["x" if one else "y" for one in first])
    file = tuned("--group", "artist", "--columns", "a,b", "--force")
    ours, theirs = np.where(first, COLUMNS["a"], COLUMNS["b"]), np.where(first, COLUMNS["b"], COLUMNS["a"])
    assert file["held_out"]["folds"] == 2
    assert file["held_out"]["tuned"][0] == pytest.approx(scipy.stats.spearmanr(theirs, ours).statistic, abs=1e-6)


def test_ranks_make_nothing_of_an_outlier() -> None:
    """One rating of a million: by values it decides, by ranks it is the highest of 200."""
    labels = 1 + 3 * COLUMNS["a"] + COLUMNS["b"]
    labels[int(np.argmin(COLUMNS["a"]))] = 1e6
    write_labels(labels)
    by_values, by_ranks = (tuned("--fit", fit, "--force")["weights"]["a"] for fit in ("values", "ranks"))
    assert by_values < 0.1 and by_ranks == pytest.approx(0.75, abs=0.05)


def test_a_column_of_another_scale_says_it_and_what_lies_outside_is_missing() -> None:
    write_scores({"a": COLUMNS["a"]}, stars=1 + 9 * COLUMNS["b"], overall_quality_score=COLUMNS["c"])
    options = ["--columns", "a,stars"]
    tuned(*options, code=2)
    file = tuned(*options, "--scale", "stars=1:10")
    assert file["weights"] == pytest.approx({"a": 0.75, "stars": 0.25}, abs=1e-5)
    assert file["ranges"]["stars"] == [1.0, 10.0]
    cut = tuned(*options, "--scale", "stars=1:5.5", "--force")
    assert cut["songs"]["count"] == int((COLUMNS["b"] <= 0.5).sum())


def test_a_loss_counts_by_what_it_leaves_and_so_does_any_column_whose_less_is_better() -> None:
    """Labels are 1 + 3 a - the loss, and then 1 + 3 a - hiss / 10: a weighs three times as much as 1 - loss."""
    write_scores(
        {"a": COLUMNS["a"]}, loss_noise=COLUMNS["b"], hiss=10 * COLUMNS["b"], overall_quality_score=COLUMNS["c"]
    )
    write_labels(1 + 3 * COLUMNS["a"] - COLUMNS["b"])
    by_loss = tuned("--columns", "a,loss_*")
    assert by_loss["weights"] == {"a": 0.75, "loss_noise": 0.25}
    assert by_loss["ranges"]["loss_noise"] == [1.0, 0.0]
    assert tuned("--columns", "a,hiss", "--scale", "hiss=10:0")["weights"] == {"a": 0.75, "hiss": 0.25}
    pq.write_table(pa.table({"song_id": ["x"], "a": [0.8], "hiss": [4.0]}), "new.parquet")
    assert main(["merge", "--with", "n=new.parquet", "--combine", "weights.toml", "-o", "out.parquet"]) == 0
    assert pq.read_table("out.parquet")["quality"].to_pylist() == [pytest.approx(0.75 * 0.8 + 0.25 * 0.6)]


def test_fewer_than_150_labels_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write_labels((1 + 3 * COLUMNS["a"] + COLUMNS["b"])[:149])
    assert tuned(code=2) == {}
    assert "no weights written: 149 labelled songs have every column; 150 are needed" in capsys.readouterr().err
    assert tuned("--force")["held_out"]["doubts"] == ["149 labelled songs have every column; 150 are needed"]


def test_a_gain_that_may_be_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write_labels(np.mean(list(COLUMNS.values()), axis=0) + RANDOM.normal(0, 0.2, SONGS))
    assert tuned(code=2) == {}
    assert "no weights written: no gain is sure" in capsys.readouterr().err
    (doubt,) = tuned("--force")["held_out"]["doubts"]
    assert doubt.startswith("no gain is sure")


@pytest.mark.parametrize(
    ("labels", "options", "says"),
    [
        (-COLUMNS["a"], ["--columns", "a,overall_quality_score"], "rises with rating: there is nothing to weigh"),
        (np.full(SONGS, 3.0), [], "too few, or all alike"),
        (COLUMNS["a"], ["--columns", "a"], "weights need two columns or more"),
        (COLUMNS["a"], ["--columns", "a,nope"], "no column 'nope'"),
        (COLUMNS["a"], ["--scale", "aa=0:1"], "--scale aa: it is not weighed (columns: a, b, c)"),
        (COLUMNS["a"], ["--seed", "-1"], "'--seed'"),
        (COLUMNS["a"], ["--scale", "a=0:10"], "--scale a: it is known to go from 0 to 1"),
        (COLUMNS["a"], ["--scale", "a=rank"], "say --scale name=worst:best"),
    ],
)
def test_what_can_not_be_weighed_is_refused(
    labels: Any, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_labels(labels)
    assert tuned(*options, code=2) == {}
    assert says in capsys.readouterr().err


def test_a_column_that_no_labelled_song_has_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    write_scores({**COLUMNS, "b": pa.nulls(SONGS, pa.float64()), "c": np.full(SONGS, 7.0)})
    assert tuned("--force", code=2) == {}
    assert "no labelled song has a number in its range in b, c" in capsys.readouterr().err


def test_standard_output_is_the_file_and_nothing_else(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    tuned("-o", "-")
    out, err = capsysbinary.readouterr()
    assert tomllib.loads(out.decode())["weights"] == {"a": 0.75, "b": 0.25, "c": 0.0}
    assert b"the tuned score ranks better" in err


def test_score_reads_the_file(bench: Any, script: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    """Weights of 3 and 1 over two scores of a song: (3 * 0.8 + 0.4) / 4 = 0.7."""
    names = ("production_quality", "content_enjoyment")
    write_scores(dict(zip(names, (COLUMNS["a"], COLUMNS["b"]), strict=True)))
    assert tuned("--force")["weights"] == {"production_quality": 0.75, "content_enjoyment": 0.25}
    bench.songs(1)
    script({"default": {"reply": json.dumps(dict(zip(names, (0.8, 0.4), strict=True)))}})
    assert bench.score() == 0
    assert bench.score("--offline", "--weights", Path("weights.toml").absolute()) == 0
    assert bench.result()[0]["overall_quality_score"] == 0.7
    newer = Path("weights.toml").read_text("utf-8").replace("version = 1", "version = 2")
    Path("newer.toml").write_text(newer, "utf-8")
    assert bench.score("--offline", "--weights", Path("newer.toml").absolute()) == 2
    stars = Path("weights.toml").read_text("utf-8").replace("[0.0, 1.0]", "[1.0, 5.0]")
    Path("stars.toml").write_text(stars, "utf-8")
    assert bench.score("--offline", "--weights", Path("stars.toml").absolute()) == 2
    assert "was weighed from [1.0, 5.0], but goes from [0.0, 1.0]" in capsys.readouterr().err


@pytest.fixture
def sources() -> list[str]:
    """Two tables with a column of one name, and a file that weighs both of them: 3 parts to 1."""
    mine, theirs = ([0.8, 0.4], [10.0, 5.5])
    pq.write_table(pa.table({"song_id": ["x", "y"], "a": mine}), "mine.parquet")
    pq.write_table(pa.table({"song_id": ["y", "x"], "a": theirs[::-1]}), "theirs.parquet")
    weights = '[weights]\n"a" = 0.75\n"a_theirs" = 0.25\n[ranges]\n"a" = [0.0, 1.0]\n"a_theirs" = [1.0, 10.0]\n'
    Path("both.toml").write_text(f"version = 1\n{weights}")
    return ["--with", "mine=mine.parquet", "--with", "theirs=theirs.parquet", "--combine", "both.toml"]


def quality(*words: str) -> list[float | None]:
    assert main(["merge", *words, "-o", "out.parquet"]) == 0
    found: list[float | None] = pq.read_table("out.parquet")["quality"].to_pylist()
    return found


def test_merge_weighs_the_columns_that_the_output_has(sources: list[str]) -> None:
    """x: .75 * .8 + .25 * 1; y: .75 * .4 + .25 * .5."""
    assert quality(*sources) == [0.85, 0.425]
    pq.write_table(pa.table({"song_id": ["y"], "a": [0.4]}), "songs.parquet")
    assert quality("songs.parquet", *sources[2:], "--as", "quality") == [0.425]


def test_merge_takes_no_plain_name_that_may_be_of_the_other_table(
    sources: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    swapped = [*sources[2:4], *sources[:2], *sources[4:]]
    assert main(["merge", *swapped, "-o", "out.parquet"]) == 2
    assert "Tune all of a, a_mine together" in capsys.readouterr().err
    Path("both.toml").write_text('version = 1\n[weights]\n"a" = 1.0\n[ranges]\n"a" = [0.0, 1.0]\n')
    assert main(["merge", *sources, "-o", "out.parquet"]) == 2
    assert "which table's is 'a'? Tune all of a, a_theirs together" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "version = 2\n[weights]\na = 1.0\n[ranges]\na = [0, 1]\n",
        "version = 1\n[weights]\na = 0.0\n[ranges]\na = [0, 1]\n",
        "version = 1\n[weights]\na = 1.0\n[ranges]\na = [1, 1]\n",
        "version = 1\n[weights]\na = 1.0\n[ranges]\na = [nan, 1]\n",
        "version = 1\n[weights]\na = 1.0\nb = -1.0\n[ranges]\na = [0, 1]\nb = [0, 1]\n",
        "version = 1\n[weights]\na = 1.0\nb = nan\n[ranges]\na = [0, 1]\nb = [0, 1]\n",
        "version = 1\n[weights]\na = inf\n[ranges]\na = [0, 1]\n",
        "version = 1\n[weights]\na = 1.0\n[ranges]\nb = [0, 1]\n",
        "version = 1\nweights = 3\n",
        "nonsense",
    ],
)
def test_merge_refuses_another_file(sources: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("both.toml").write_text(text)
    assert main(["merge", *sources, "-o", "out.parquet"]) == 2
    assert "--combine both.toml" in capsys.readouterr().err

"""`mfq eval` through the command line."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats

from musicflamingo_cli.cli import main
from musicflamingo_cli.evaluation.evaluate import evaluate
from musicflamingo_cli.evaluation.records import EvalOptions

SONGS = 120


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Scores that follow a rating with some noise, an older table that does so less, and the rating in four forms."""
    random = np.random.default_rng(0)
    truth = random.random(SONGS)
    ids = [f"s{i}" for i in range(SONGS)]

    def scores(noise: float) -> list[float]:
        return [float(v) for v in np.clip(truth + random.normal(0, noise, SONGS), 0, 1).round(3)]

    columns: dict[str, Any] = {
        "song_id": ids,
        "overall_quality_score": [None, *scores(0.1)[1:]],
        "production_quality": random.random(SONGS).tolist(),
        "loudness_lufs": random.normal(-14, 2, SONGS).tolist(),
        "genre": ["rock" if i % 3 else "pop" for i in range(SONGS)],
    }
    pq.write_table(pa.table(columns), tmp_path / "scores.parquet")
    pq.write_table(pa.table({"song_id": ids, "overall_quality_score": scores(0.6)}), tmp_path / "old.parquet")
    ratings = [[max(1, min(5, round(1 + 4 * t + e))) for e in random.normal(0, 0.5, 3)] for t in truth]
    mean = [float(np.mean(r)) for r in ratings]
    lines = (f"{i},{m}\n" for i, m in zip(ids, mean, strict=True))
    (tmp_path / "mean.csv").write_text("song_id,rating\n" + "".join(lines))
    rows = [(i, rater, r) for i, each in zip(ids, ratings, strict=True) for rater, r in enumerate(each)]
    (tmp_path / "rows.csv").write_text("song_id,rater,rating\n" + "".join(f"{i},{k},{r}\n" for i, k, r in rows))
    lists = [{"data_path": f"/root/of/others/{i}.wav", "rating": r} for i, r in zip(ids, ratings, strict=True)]
    (tmp_path / "lists.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lists))
    better = [(ids[a], ids[b]) for a in range(0, SONGS, 2) for b in range(1, SONGS, 2) if mean[a] > mean[b]]
    (tmp_path / "pairs.csv").write_text("winner,loser\n" + "".join(f"{a},{b}\n" for a, b in [*better, ("s0", "gone")]))
    return tmp_path


def found(folder: Path, labels: str, *options: str) -> dict[str, Any]:
    place = folder / "found.json"
    names = [str(folder / "scores.parquet"), str(folder / labels), "--resamples", "100", "-o", str(place)]
    assert main(["eval", *names, *options]) == 0
    answer: dict[str, Any] = json.loads(place.read_text("utf-8"))
    return answer


def test_the_forms_of_labels_give_the_same_order(tables: Path) -> None:
    forms = (("mean.csv",), ("rows.csv",), ("lists.jsonl", "--label-id", "data_path:stem"))
    rho = [found(tables, *form, "--columns", "overall_quality_score")["columns"][0] for form in forms]
    assert len({one["statistics"]["spearman"]["value"] for one in rho}) == 1
    assert all((one["songs"], one["missing"]) == (SONGS - 1, 1) for one in rho)


def test_a_good_score_beats_its_baselines_and_not_the_raters(tables: Path) -> None:
    answer = found(tables, "rows.csv")
    by_name = {one["column"]: one for one in answer["columns"]}
    assert list(by_name) == ["overall_quality_score", "loudness_lufs", "shuffled"]
    assert [one["baseline"] for one in by_name.values()] == [False, True, True]
    rho = by_name["overall_quality_score"]["statistics"]["spearman"]
    assert rho["low"] < rho["value"] < rho["high"]
    assert rho["low"] > max(by_name[name]["statistics"]["spearman"]["high"] for name in ("loudness_lufs", "shuffled"))
    (ceiling,) = answer["ceilings"]
    assert ceiling["songs"] == SONGS and ceiling["ratings"] == 3 * SONGS
    assert 0.5 < ceiling["alpha"] < ceiling["reliability"] < ceiling["best"] < 1
    assert ceiling["best"] == pytest.approx(math.sqrt(ceiling["reliability"]))


def test_two_tables_are_set_against_each_other(tables: Path) -> None:
    (one,) = found(tables, "mean.csv", "--against", str(tables / "old.parquet"))["differences"]
    assert one["spearman"]["low"] > 0
    assert one["songs"] == SONGS - 1


def test_two_columns_are_set_against_each_other_in_words(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--against", "production_quality"]
    answer = found(tables, "mean.csv", *options)
    (one,), rho = answer["differences"], answer["columns"][0]["statistics"]["spearman"]["value"]
    scores = pq.read_table(tables / "scores.parquet")["production_quality"].to_pylist()[1:]
    labels = [float(line.split(",")[1]) for line in (tables / "mean.csv").read_text().splitlines()[2:]]
    assert one["spearman"]["value"] == pytest.approx(rho - scipy.stats.spearmanr(scores, labels).statistic)
    names = [str(tables / "scores.parquet"), str(tables / "mean.csv"), "--resamples", "100"]
    assert main(["eval", *names, *options]) == 0
    says = f"overall_quality_score ranks better than production_quality by {one['spearman']['value']:.3f} for rating"
    assert says in capsys.readouterr().out


def test_columns_may_be_a_pattern_over_all_that_hold_numbers(tables: Path) -> None:
    names = [one["column"] for one in found(tables, "mean.csv", "--columns", "*")["columns"]]
    assert names == ["overall_quality_score", "production_quality", "loudness_lufs", "shuffled"]


def test_json_goes_to_standard_output(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(tables / "scores.parquet"), str(tables / "mean.csv"), "--resamples", "100"]
    assert main(["eval", *names, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["matched"] == SONGS


def test_a_group_that_is_rated_beyond_its_scores_is_warned_of(tables: Path) -> None:
    """Pop is rated 2 higher than rock for the same score; what the curve of all takes for the score's doing is lost."""
    rows = pq.read_table(tables / "scores.parquet").to_pylist()
    shifted = (
        f"{r['song_id']},{4 * (r['overall_quality_score'] or 0) + 2 * (r['genre'] == 'pop')},{r['song_id']}\n"
        for r in rows
    )
    (tables / "shifted.csv").write_text("song_id,rating,artist\n" + "".join(shifted))
    rock, pop = found(tables, "shifted.csv", "--per", "genre", "--group", "artist")["groups"]
    assert 1.5 < pop["shift"]["value"] - rock["shift"]["value"] <= 2
    assert pop["warnings"] == [f"its songs are rated {pop['shift']['value']:.2f} higher than their scores say"]
    assert rock["warnings"] == [f"its songs are rated {-rock['shift']['value']:.2f} lower than their scores say"]


def test_the_line_of_the_threshold_keeps_the_songs_that_it_says(
    tables: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    (one,) = found(tables, "mean.csv", "--good", "rating >= 3.5", "--precision", "0.8")["thresholds"]
    assert one["lower"] >= 0.8 and one["precision"] >= one["lower"] > one["base"]
    monkeypatch.chdir(tables)
    assert main(shlex.split(one["command"])[1:]) == 0
    kept = pq.read_table("kept.parquet")
    assert kept.num_rows == one["kept"] > 0
    assert min(kept["overall_quality_score"].to_pylist()) == one["at"]


def test_what_filter_takes_for_missing_is_neither_judged_nor_kept(tables: Path) -> None:
    rows = pq.read_table(tables / "scores.parquet").to_pylist()
    rows[1]["overall_quality_score"], rows[2]["overall_quality_score"] = math.nan, 7.0
    pq.write_table(pa.Table.from_pylist(rows), tables / "scores.parquet")
    answer = found(tables, "mean.csv", "--good", "rating >= 1", "--precision", "0.5")
    assert [(one["songs"], one["missing"]) for one in answer["columns"][:1]] == [(SONGS - 3, 3)]
    assert answer["thresholds"][0]["kept"] == SONGS - 3


def test_a_precision_that_no_score_reaches_is_said(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(tables / "scores.parquet"), str(tables / "mean.csv"), "--resamples", "100"]
    assert main(["eval", *names, "--columns", "production_quality", "--good", "rating >= 4.9"]) == 0
    assert "No production_quality reaches a precision of 0.9" in capsys.readouterr().out


def test_groups_are_told_apart_and_warned_of(tables: Path) -> None:
    groups = found(tables, "mean.csv", "--per", "genre", "--columns", "production_quality")["groups"]
    assert [(one["group"], one["songs"]) for one in groups] == [("rock", 80), ("pop", 40)]
    assert all("its order is no better than chance" in one["warnings"] for one in groups)


def test_pairs_count_how_often_the_winner_is_first(tables: Path) -> None:
    answer = found(tables, "pairs.csv", "--pairs", "--columns", "overall_quality_score")
    assert (answer["unmatched"], answer["some_unmatched"]) == (1, ["gone"])
    scores = {
        row["song_id"]: row["overall_quality_score"] for row in pq.read_table(tables / "scores.parquet").to_pylist()
    }
    pairs = [line.split(",") for line in (tables / "pairs.csv").read_text().splitlines()[1:-1]]
    points = [
        (np.sign(scores[a] - scores[b]) + 1) / 2 for a, b in pairs if scores[a] is not None and scores[b] is not None
    ]
    assert answer["columns"][0]["statistics"]["accuracy"]["value"] == pytest.approx(np.mean(points))


def test_pairs_are_drawn_by_group(tables: Path) -> None:
    """All pairs of one person are one draw, so with one person there is no spread."""
    pairs = [
        f"{line},{'anna' if n else 'by'}" for n, line in enumerate((tables / "pairs.csv").read_text().splitlines())
    ]
    (tables / "by.csv").write_text("\n".join(pairs) + "\n")
    options = ["--pairs", "--columns", "production_quality"]
    alone, together = (found(tables, "by.csv", *options, *more)["columns"][0] for more in ([], ["--group", "by"]))
    accuracy = together["statistics"]["accuracy"]
    assert accuracy["value"] == alone["statistics"]["accuracy"]["value"]
    assert accuracy["low"] == accuracy["high"] == pytest.approx(accuracy["value"])


def test_a_page_and_text(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(tables / "scores.parquet"), str(tables / "rows.csv"), "--resamples", "100"]
    page = tables / "e.html"
    assert main(["eval", *names, "-o", str(page), "--good", "rating >= 4", "--per", "genre"]) == 0
    assert "Agreement with rating" in page.read_text("utf-8")
    assert main(["eval", *names]) == 0
    assert "overall_quality_score  119  1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--label", "nope"], "no column 'nope'"),
        (["--columns", "genre"], "column 'genre' holds no numbers"),
        (["--good", "rating"], "say a label and a limit, such as 'rating >= 4'"),
        (["--good", "other >= 4"], "say a label and a limit, such as 'rating >= 4'"),
        (["--good", "rating >= 1.2.3"], "say a label and a limit, such as 'rating >= 4'"),
        (["--good", "rating >= ."], "say a label and a limit, such as 'rating >= 4'"),
        (["--good", ""], "say a label and a limit, such as 'rating >= 4'"),
        (["--label", "song_id"], "no song that is in scores.parquet has a number in 'song_id'"),
        (["--against", "genre"], "column 'genre' holds no numbers"),
        (["--against", "mean.csv"], "--against mean.csv: it has no column overall_quality_score"),
        (["--pairs", "--good", "rating >= 4"], "--good has no meaning with --pairs"),
        (["--pairs", "--label", "rating"], "--label has no meaning with --pairs"),
        (["--text", "genre", "--label", "rating:tempo", "--per", "genre"], "--per has no meaning with --text"),
        (["--text", "genre", "--label", "rating:tempo", "--pairs"], "--pairs has no meaning with --text"),
        (["--seed", "-1"], "'--seed'"),
        (["--label-id", "song_id:x"], "stands stem"),
        (["--label-id", "song_id:99999999999999999999"], "stands stem"),
        (["-o", "found.parquet"], "a page (.html), text (.txt) or .json"),
        (["--on", "genre"], "has ids more than once"),
    ],
)
def test_what_can_not_be_asked_is_refused(
    tables: Path,
    options: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("a bootstrap was begun")

    monkeypatch.setattr("musicflamingo_cli.evaluation.statistics.bootstrap", never)
    monkeypatch.chdir(tables)
    assert main(["eval", "scores.parquet", "mean.csv", *options]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("limit", "good"),
    [("rating>=4", 2), ("rating = 4", 1), (" rating == 4. ", 1), ("rating > +4e0", 1), ("rating < .5e1", 3)],
)
def test_a_limit_is_any_number_behind_a_comparison(tables: Path, limit: str, good: int) -> None:
    (tables / "four.csv").write_text("song_id,rating\ns1,2\ns2,3\ns3,4\ns4,5\n")
    (one,) = found(tables, "four.csv", "--good", limit)["thresholds"]
    assert one["base"] == good / 4


def test_a_name_of_a_label_may_hold_a_comparison(tables: Path) -> None:
    (tables / "odd.csv").write_text("song_id,a > b\ns1,2\ns2,3\ns3,4\ns4,5\n")
    (one,) = found(tables, "odd.csv", "--good", "a > b >= 4")["thresholds"]
    assert one["base"] == 2 / 4


def test_groups_that_are_too_small_are_told_of(tables: Path) -> None:
    answer = found(tables, "mean.csv", "--per", "song_id")
    assert answer["groups"] == []
    assert "--per song_id: no group has 20 songs with both, so none is judged" in answer["notes"]


def test_progress_over_groups_goes_one_way(tables: Path) -> None:
    told: list[tuple[int, int]] = []
    options = EvalOptions(per="genre", resamples=100)
    names = (str(tables / "scores.parquet"), str(tables / "mean.csv"))
    evaluate(*names, options, lambda done, total: told.append((done, total)))
    assert told == [(n, 100) for n in range(1, 101)] + [(n, 200) for n in range(1, 201)]


def test_of_two_songs_no_column_is_better(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tables / "two.csv").write_text("song_id,rating\ns1,2\ns2,3\n")
    names = [str(tables / "scores.parquet"), str(tables / "two.csv"), "--resamples", "100"]
    assert main(["eval", *names, "--against", "production_quality"]) == 0
    assert "overall_quality_score and production_quality can't be told apart by rating" in capsys.readouterr().out


def test_a_song_is_not_better_than_itself(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tables / "same.csv").write_text("winner,loser\ns1,s2\ns3,s3\n")
    assert main(["eval", str(tables / "scores.parquet"), str(tables / "same.csv"), "--pairs"]) == 2
    assert "same.csv: winner and loser are both 's3'" in capsys.readouterr().err


def test_two_paths_that_come_to_one_id_are_refused(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = tables / "twice.csv"
    labels.write_text("path,rating\na/s1.wav,1\nb/s1.wav,5\n")
    assert main(["eval", str(tables / "scores.parquet"), str(labels), "--label-id", "path:stem"]) == 2
    assert "makes one id 's1' of a/s1.wav and b/s1.wav" in capsys.readouterr().err


def test_labels_of_other_songs_are_refused_with_some_of_them(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tables / "others.csv").write_text("song_id,rating\nx,1\ny,2\n")
    assert main(["eval", str(tables / "scores.parquet"), str(tables / "others.csv")]) == 2
    assert "(not there: x, y)" in capsys.readouterr().err


def test_no_figure_in_json_is_no_number(tables: Path) -> None:
    (tables / "flat.csv").write_text("song_id,rating\n" + "".join(f"s{i},3\n" for i in range(SONGS)))
    answer = found(tables, "flat.csv")
    assert all(
        value is None or math.isfinite(value)
        for one in answer["columns"]
        for figures in one["statistics"].values()
        for value in figures.values()
    )

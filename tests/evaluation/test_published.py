"""Published ratings in the forms that they lie in: made small, with the names and shapes of the real ones."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main

SONGS = 30
IDS = [f"{n:03}" for n in range(SONGS)]
MEANS = [1 + 4 * n / (SONGS - 1) for n in range(SONGS)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def found(ids: list[str], labels: str, *options: str) -> dict[str, Any]:
    """Evaluate scores that rise with the songs' numbers."""
    overall = [n / SONGS for n in range(SONGS)]
    pq.write_table(pa.table({"song_id": ids, "overall_quality_score": overall}), "scores.parquet")
    assert main(["eval", "scores.parquet", labels, *options, "--resamples", "100", "-o", "found.json"]) == 0
    answer: dict[str, Any] = json.loads(Path("found.json").read_text("utf-8"))
    return answer


def lines(rows: list[dict[str, Any]], name: str = "labels.jsonl") -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return name


def rho(answer: dict[str, Any]) -> float:
    return float(answer["columns"][0]["statistics"]["spearman"]["value"])


def test_audiobox_has_ten_ratings_an_axis_under_a_path_of_another_root() -> None:
    """One id is found in no folder of ours: it is counted and named, not guessed."""
    rows = [
        {"data_path": f"/your_path/MUSDB18/test/{n}/mixture.wav", "Production_Quality": [m] * 9 + [m + 0.5]}
        for n, m in zip(IDS, MEANS, strict=True)
    ]
    ids = [f"{n}/mixture.wav" for n in IDS[:-1]] + ["elsewhere/mixture.wav"]
    answer = found(ids, lines(rows), "--label", "Production_Quality", "--label-id", "data_path:2")
    assert rho(answer) == pytest.approx(1)
    assert (answer["matched"], answer["unmatched"], answer["some_unmatched"]) == (29, 1, ["029/mixture.wav"])
    assert answer["ceilings"][0]["ratings"] == 10 * (SONGS - 1)


def test_audiomos_names_its_systems_inside_the_ids() -> None:
    """Three systems of ten songs: whole systems are drawn, so an interval is wider than of songs."""
    ids = [f"audiomos2025-track2-sys{int(n) % 3}v1wm-utt{n}" for n in IDS]
    noisy = [m + 3 * (int(n) % 3) for n, m in zip(IDS, MEANS, strict=True)]
    rows = [{"data_path": i, "Content_Enjoyment": [m, m + 1]} for i, m in zip(ids, noisy, strict=True)]
    common = ["--label", "Content_Enjoyment", "--label-id", "data_path"]
    by_system = found(ids, lines(rows), *common, "--group", "data_path:sys[0-9]+")
    assert by_system["notes"] == []
    told = found(ids, lines(rows), *common, "--per", "data_path:sys[0-9]+")
    assert told["groups"] == []  # ten songs a system are too few
    columns = [one["statistics"]["spearman"] for one in (by_system["columns"][0], told["columns"][0])]
    assert columns[0]["value"] == columns[1]["value"] and columns[0]["low"] != columns[1]["low"]


@pytest.mark.parametrize("raters", [False, True])
def test_songeval_has_its_axes_in_a_record_or_in_one_of_each_rater(raters: bool) -> None:
    rows = []
    for n, m in zip(IDS, MEANS, strict=True):
        scores = {"Coherence": 3, "Musicality": m}
        record = {"annotation": [scores, scores]} if raters else {"aesthetic_scores": scores}
        rows.append({"file_name": f"mp3/{n}.mp3", "gender": "female", **record})
    label = f"{'annotation' if raters else 'aesthetic_scores'}.Musicality"
    answer = found(IDS, lines(rows), "--label", label, "--label-id", "file_name:stem")
    assert rho(answer) == pytest.approx(1)
    assert len(answer["ceilings"]) == raters


def test_musiceval_has_its_path_inside_the_audio() -> None:
    names = [f"audiomos2025-track1-S{int(n) % 4:03}_P{n}.wav" for n in IDS]
    audio = [{"bytes": b"RIFF", "path": name} for name in names]
    pq.write_table(
        pa.table({"audio": audio, "overall quality": MEANS, "textual alignment": MEANS[::-1]}), "test.parquet"
    )
    ids = [name.removesuffix(".wav") for name in names]
    answer = found(
        ids, "test.parquet", *("--label", "overall quality", "--label", "textual alignment"),
        *("--label-id", "audio.path:stem", "--group", "audio.path:S[0-9]+"),
    )  # fmt: skip
    values = {one["label"]: one["statistics"]["spearman"]["value"] for one in answer["columns"] if not one["baseline"]}
    assert values == {"overall quality": pytest.approx(1), "textual alignment": pytest.approx(-1)}


def test_a_field_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    labels = lines([{"id": n, "scores": {"Musicality": m}} for n, m in zip(IDS, MEANS, strict=True)])
    pq.write_table(pa.table({"song_id": IDS, "overall_quality_score": MEANS}), "scores.parquet")
    assert main(["eval", "scores.parquet", labels, "--label", "scores.Clarity"]) == 2
    assert "labels.jsonl: no column 'scores.Clarity'" in capsys.readouterr().err

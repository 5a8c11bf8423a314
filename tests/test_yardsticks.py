"""Scores that lie too close to tell songs apart are said to: in a report and in the summary of a run."""

import json
import struct
import wave
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main
from musicflamingo_cli.intake.packs import load_pack
from musicflamingo_cli.score_stats import narrow

CLOSE = "such scores hardly tell songs apart"


@pytest.mark.parametrize(
    ("songs", "ends", "span", "warns"),
    [
        (40, (0.80, 0.82), (0.0, 1.0), True),
        (20, (0.80, 0.84), (0.0, 1.0), True),
        (19, (0.80, 0.82), (0.0, 1.0), False),
        (40, (0.80, 0.85), (0.0, 1.0), False),
        (40, (4.0, 4.1), (1.0, 5.0), True),
        (40, (4.0, 4.2), (1.0, 5.0), False),
    ],
)
def test_a_narrow_column(songs: int, ends: tuple[float, float], span: tuple[float, float], warns: bool) -> None:
    told = narrow("mos", songs, {0.05: ends[0], 0.95: ends[1]}, *span)
    assert (told is not None) is warns
    if told:
        assert f"for 90% of {songs} songs" in told


@pytest.mark.parametrize(("songs", "step", "warns"), [(40, 0.0005, True), (40, 0.005, False), (5, 0.0005, False)])
def test_a_report_says_so(
    songs: int, step: float, warns: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "t.parquet"
    overall = [0.75 + step * i for i in range(songs)]
    pq.write_table(pa.table({"song_id": [str(i) for i in range(songs)], "overall_quality_score": overall}), table)
    assert main(["report", str(table)]) == 0
    assert (CLOSE in " ".join(capsys.readouterr().out.split())) is warns


def test_a_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    fields = [f.name for f in load_pack("quality").fields if f.kind == "score"]
    script = {}
    for i in range(24):
        with wave.open(f"{i:02}.wav", "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(struct.pack("<1600h", *range(i, i + 1600)) * 10)
        script[f"{i:02}.wav"] = {"reply": dict.fromkeys(fields, round(0.8 + i / 1000, 3))}
    Path("script.json").write_text(json.dumps(script))
    monkeypatch.setenv("MFQ_FAKE_SCRIPT", "script.json")
    main(["score", ".", "--engine", "fake", "--workers", "1", "--no-cache", "-o", "s.parquet"])
    told = capsys.readouterr().err
    assert f"warning: {fields[0]} lies between 0.8012 and 0.8218 for 90% of 24 songs" in told, told

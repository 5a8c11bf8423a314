"""The sample songs are what their manifest says: music that decodes, in five formats, with its damaged twins."""

from __future__ import annotations

import html
import importlib.util
import json
import re
import shlex
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import av
import pytest
import soundfile

from musicflamingo_cli.cli import main

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "sample"
ROWS = [json.loads(line) for line in (SAMPLE / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
CLEAN = [row for row in ROWS if row["damage"] is None]
TWINS = [row for row in ROWS if row["damage"] is not None]
PITCH_CLASSES = {"C": 0, "D": 2, "Eb": 3, "E": 4, "F": 5, "F#": 6, "G": 7, "A": 9, "B": 11}


def ids(rows: list[dict[str, object]]) -> list[str]:
    return [str(row["id"]) for row in rows]


def decoded_seconds(path: Path) -> float:
    """Seconds of audio that are really there."""
    with av.open(str(path)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
        return samples / container.streams.audio[0].rate


def test_manifest_rows_name_files_and_have_unique_ids() -> None:
    keys = {"id", "title", "audio", "composer", "genre", "known_tempo_bpm", "known_key", "damage", "twin_of"}
    assert all(set(row) == keys for row in ROWS)
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    named = {row["audio"] for row in ROWS}
    audio = {path.name for path in SAMPLE.iterdir() if path.suffix in {".wav", ".flac", ".mp3", ".ogg", ".m4a"}}
    assert named == audio


def test_the_labels_say_which_songs_are_clean_and_whose_twins_they_are() -> None:
    rows = [line.split(",") for line in (SAMPLE / "labels.csv").read_text("utf-8").splitlines()]
    told = [[row["id"], str(int(row["damage"] is None)), row["twin_of"] or row["id"]] for row in ROWS]
    assert rows == [["id", "clean", "song"], *told]


def test_there_is_enough_of_everything() -> None:
    assert len(CLEAN) >= 12
    assert {Path(row["audio"]).suffix for row in CLEAN} == {".wav", ".flac", ".mp3", ".ogg", ".m4a"}
    assert len({row["damage"] for row in TWINS}) >= 6
    assert {row["known_key"].split()[1] for row in CLEAN} == {"major", "minor"}
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) <= 5_000_000


@pytest.mark.parametrize("row", CLEAN, ids=ids(CLEAN))
def test_a_clean_song_lasts_10_to_40_seconds(row: dict[str, str]) -> None:
    assert 10 <= decoded_seconds(SAMPLE / row["audio"]) <= 40


@pytest.mark.parametrize("row", TWINS, ids=ids(TWINS))
def test_a_twin_keeps_what_is_known_of_its_song(row: dict[str, str]) -> None:
    (original,) = (other for other in CLEAN if other["id"] == row["twin_of"])
    for key in ("composer", "genre", "known_tempo_bpm", "known_key"):
        assert row[key] == original[key]
    seconds = decoded_seconds(SAMPLE / row["audio"])
    share = 0.5 if row["damage"] == "cut_off" else 1.0
    assert seconds == pytest.approx(share * decoded_seconds(SAMPLE / original["audio"]), abs=0.2)


def test_the_cut_off_file_promises_more_than_it_holds() -> None:
    (row,) = (row for row in TWINS if row["damage"] == "cut_off")
    assert soundfile.info(SAMPLE / row["audio"]).duration > 1.9 * decoded_seconds(SAMPLE / row["audio"])


@pytest.fixture(scope="module")
def notation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_notation", ROOT / "scripts" / "score_notation.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses looks its module up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("row", CLEAN, ids=ids(CLEAN))
def test_a_score_says_what_the_manifest_says_and_ends_on_its_tonic(row: dict[str, str], notation: ModuleType) -> None:
    song = tomllib.loads((SAMPLE / "scores" / f"{row['id']}.toml").read_text(encoding="utf-8"))
    assert song["tempo_bpm"] == row["known_tempo_bpm"]
    assert song["key"] == row["known_key"]
    lowest = []
    for part in song["part"]:
        notes = notation.parse_part(part, song["beats_per_bar"], song.get("pickup_beats", 0))
        if "drums" not in part:
            lowest += [(note.start + note.length, -note.pitch - part.get("transpose", 0)) for note in notes]
    assert -max(lowest)[1] % 12 == PITCH_CLASSES[song["key"].split()[0]]


@pytest.mark.parametrize(
    ("bar", "message"), [("C4q D4 E4", "3 beats instead of 4"), ("C4q H4 E4 F4", "no note"), ("C4w q", "no note")]
)
def test_a_slip_of_the_pen_is_an_error(bar: str, message: str, notation: ModuleType) -> None:
    with pytest.raises(ValueError, match=message):
        notation.parse_melody(bar, 4.0, 0.0, 0.0)


def test_a_written_line_becomes_notes(notation: ModuleType) -> None:
    notes = notation.parse_melody("A4q. C#5+E5e -q r | Bb3et B3 C4 G9h.|", 4.0, 0.0, 0.0)
    assert [(note.start, note.length, note.pitch) for note in notes[:3]] == [
        (0, 1.5, 69),
        (1.5, 1.5, 73),
        (1.5, 1.5, 76),
    ]
    assert [note.pitch for note in notes[3:]] == [58, 59, 60, 127]
    assert [note.start for note in notes[3:]] == pytest.approx([4, 4 + 1 / 3, 4 + 2 / 3, 5])


def test_chord_tones_lie_above_their_floor(notation: ModuleType) -> None:
    assert notation.chord_tones("Am7b5", 55) == [55, 57, 60, 63]
    with pytest.raises(ValueError, match="no chord"):
        notation.chord_tones("Hsus", 55)


FUNNEL = (ROOT / "docs" / "start.md").read_text("utf-8").partition("```text\n")[2].partition("\n```")[0]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the signal engine's table of the sample songs."""
    table = tmp_path_factory.mktemp("scored") / "scores.jsonl"
    manifest = str(SAMPLE / "manifest.jsonl")
    assert main(["score", manifest, "--engine", "signal", "--no-cache", "--workers", "2", "-o", str(table)]) == 0
    return table


def test_the_docs_show_what_the_demo_prints(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {row["song_id"]: row for row in map(json.loads, scored.read_text("utf-8").splitlines())}
    assert main(["filter", str(scored), "--min", "0.6", "--dry-run"]) == 0
    assert capsys.readouterr().err.strip().splitlines()[-4:] == FUNNEL.splitlines()
    pattern = r"^    ([a-z0-9-]+) +(ok) +([\d.]+) +([\d.]+) +([\d.]+)(?: +(\w+))?$"
    shown = re.findall(pattern, (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert len(shown) == 12
    for song_id, status, *scores, flag in shown:
        row = found[song_id]
        names = ("overall_quality_score", "production_quality", "production_complexity")
        assert [row[name] for name in names] == pytest.approx([float(score) for score in scores], abs=0.005)
        assert (row["status"], row["audio_flags"]) == (status, [flag] if flag else [])


def test_the_page_of_the_evaluation_is_as_the_docs_tell(scored: Path, tmp_path: Path) -> None:
    """The command of docs/evaluate.md, and the line that its page prints: 13 clean songs and two damaged ones."""
    text = (ROOT / "docs" / "evaluate.md").read_text("utf-8")
    command = text[text.index("mfq eval data/out") :].partition("\n```")[0].replace("\\\n", "")
    places = {"data/out/scores.parquet": scored, "data/sample/labels.csv": SAMPLE / "labels.csv"}
    words = [str(places.get(word, word)) for word in shlex.split(command)[1:-1]]
    page, kept = tmp_path / "eval.html", tmp_path / "kept.jsonl"
    assert main([*words, str(page), "--resamples", "100"]) == 0
    told = page.read_text("utf-8")
    assert "15 songs in all" in told
    line = shlex.split(html.unescape(told.partition("<pre>")[2].partition("</pre>")[0]))
    assert main([*line[1:-1], str(kept)]) == 0
    songs = {json.loads(row)["song_id"] for row in kept.read_text("utf-8").splitlines()}
    assert songs - {row["id"] for row in CLEAN} == {"bach-cello-suite-1-very-quiet", "korobeiniki-cut-off"}
    assert len(songs) == len(CLEAN) + 2

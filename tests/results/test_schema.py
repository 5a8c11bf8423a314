import math
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from musicflamingo_cli.measures import Measures
from musicflamingo_cli.records import (
    Answer,
    Failure,
    Field,
    FieldAnswer,
    Fingerprint,
    LoadedAudio,
    Outcome,
    Pack,
    RejectedRow,
    Reply,
    Score,
    Song,
)
from musicflamingo_cli.results.outcome_rows import RunFacts, outcome_row, rejected_row
from musicflamingo_cli.results.schema import HEAD, TableForm, column_type, kept_cells

FACTS = RunFacts("fake", "m", "r", "abc", "text", datetime(2026, 11, 20, tzinfo=UTC))
QUALITY = Pack("q", "1", (Field("genre", "text"), Field("good", "score", "", 0, 1, 1)), "Rate.")
SHOWING = Pack(
    "t", "1", (Field("good", "score", "", 0, 1, 1), Field("bpm", "measure", measure="tempo_bpm")), "Measure."
)
SONG = Song(3, "id", "a.wav", "/x/a.wav", "T", {"year": 1959, "genre": ["a", 1]})
HEARD = LoadedAudio(
    Fingerprint("/x/a.wav", 1, 2, "00"),
    audio_seconds=10.0,
    sample_rate=44100,
    channels=2,
    flags=("clipped",),
    measures=Measures(loudness_lufs=-14.0, tempo_bpm=120.0, true_peak_dbtp=math.inf),
    used_seconds=5.0,
)


def built(form: TableForm, row: dict[str, object]) -> dict[str, object]:
    found: dict[str, object] = pa.Table.from_pylist([row], schema=form.schema()).to_pylist()[0]
    assert set(row) <= set(found)
    return found


def test_fixed_columns_come_first_then_measures_the_packs_and_the_kept() -> None:
    form = TableForm(QUALITY, {"year": pa.int64(), "genre": pa.string()})
    names = form.schema().names
    assert names[: len(HEAD)] == list(HEAD)
    assert names[-6:] == ["genre", "genre_detail", "good", "good_detail", "year", "manifest_genre"]
    assert "measured_tempo_bpm" in names and "tempo_bpm" not in names
    assert len(set(names)) == len(names)


def test_a_measure_that_the_pack_shows_stands_once() -> None:
    names = TableForm(SHOWING, {}).schema().names
    assert "bpm" in names and "measured_tempo_bpm" not in names and "loudness_lufs" in names


def test_a_scored_song() -> None:
    form = TableForm(QUALITY, {"year": pa.int64(), "genre": pa.string()})
    fields = {"genre": FieldAnswer("jazz", "json"), "good": FieldAnswer(0.7, "distribution", None, 0.8, 0.7, 0.1, 0.99)}
    outcome = Outcome(SONG, HEARD, Reply("{}", "stop", 10, 5, 0.5), Answer(fields, "ok"), Score(0.7, 1.0))
    row = built(form, {**outcome_row(outcome, form.rows(), FACTS), **kept_cells(SONG.columns, form)})
    assert (row["status"], row["reason"], row["overall_quality_score"]) == ("ok", None, 0.7)
    assert (row["genre"], row["good"], row["year"], row["manifest_genre"]) == ("jazz", 0.7, 1959, '["a",1]')
    assert row["good_detail"] == {"obtained": "distribution", "written": 0.8, "expected": 0.7, "std": 0.1, "mass": 0.99}
    assert (row["truncated"], row["used_seconds"], row["engine_seconds"]) == (True, 5.0, 0.5)
    assert (row["loudness_lufs"], row["measured_tempo_bpm"], row["true_peak_dbtp"]) == (-14.0, 120.0, None)


def test_a_shown_measure_has_its_detail() -> None:
    form = TableForm(SHOWING, {})
    row = built(form, outcome_row(Outcome(SONG, HEARD, failure=Failure("engine", "x", "y")), form.rows(), FACTS))
    assert row["bpm"] == 120.0
    assert row["bpm_detail"] == {"obtained": "measured", "written": 120.0, "expected": None, "std": None, "mass": None}
    assert (row["status"], row["reason"], row["error"]) == ("failed", "x", "y")


def test_a_rejected_row_keeps_what_the_manifest_says() -> None:
    form = TableForm(QUALITY, {"year": pa.int64()})
    row = built(
        form, rejected_row(RejectedRow(7, "skipped", "no_audio", "no audio", "id", None, "T"), form.rows(), FACTS)
    )
    assert (row["manifest_row"], row["song_id"], row["title"]) == (7, "id", "T")
    assert (row["status"], row["reason"], row["good"], row["engine"]) == ("skipped", "no_audio", None, "fake")


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        ({bool}, pa.bool_()),
        ({int}, pa.int64()),
        ({int, float}, pa.float64()),
        ({int, str}, pa.string()),
        ({bool, int}, pa.string()),
        (set(), pa.string()),
        ({list}, pa.string()),
    ],
)
def test_kept_columns_are_typed_by_what_they_hold(seen: set[type], kind: pa.DataType) -> None:
    assert column_type(seen) == kind

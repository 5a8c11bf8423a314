"""`mfq score` with the fake engine, as a user runs it."""

import csv
import json
import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

GOOD = {
    "genre": "jazz",
    "tempo": "around 120 BPM",
    "key": "Eb minor",
    "instruments": "piano",
    "production_style": "dry",
    "mood": "calm",
    "content_usefulness": 0.85,
    "production_quality": 0.92,
    "content_enjoyment": 0.78,
    "production_complexity": 0.65,
    "overall_recommendation_score": 0.82,
}
CHANGING = ("scored_at", "engine_seconds", "cached")


def same_rows(bench: Any) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in CHANGING} for row in bench.result()]


def test_every_song_becomes_a_row_in_manifest_order(bench: Any, asked: Callable[[], list[str]]) -> None:
    bench.songs(5)
    assert bench.score() == 0
    rows = bench.result()
    assert [row["song_id"] for row in rows] == [f"song-{n}" for n in range(5)]
    assert [row["manifest_row"] for row in rows] == [1, 2, 3, 4, 5]
    assert {row["status"] for row in rows} == {"ok"}
    assert sorted(asked()) == sorted(row["song_id"] for row in rows)
    assert rows[0]["audio_seconds"] == pytest.approx(2.0)
    assert rows[0]["engine"] == "fake" and rows[0]["prompt"] == "quality" and rows[0]["decode_mode"] == "text"


def test_the_overall_is_the_weighted_mean(bench: Any, script: Callable[..., None]) -> None:
    bench.songs(1)
    script({"default": {"reply": json.dumps(GOOD)}})
    assert bench.score() == 0
    row = bench.result()[0]
    assert row["overall_quality_score"] == 0.8275
    assert row["coverage"] == 1.0
    assert row["genre"] == "jazz"
    assert (row["tempo"], row["tempo_bpm"], row["key_tonic"], row["key_mode"]) == (
        "around 120 BPM",
        120.0,
        "Eb",
        "minor",
    )
    assert row["production_quality"] == 0.92
    assert row["production_quality_detail"]["obtained"] == "json"
    assert row["production_quality_detail"]["written"] == 0.92


def test_weights_are_changed_without_asking_again(
    bench: Any, script: Callable[..., None], asked: Callable[[], list[str]]
) -> None:
    bench.songs(1)
    script({"default": {"reply": json.dumps(GOOD)}})
    assert bench.score() == 0
    assert bench.score("--weights", "production_quality=1,content_enjoyment=1") == 0
    assert bench.result()[0]["overall_quality_score"] == pytest.approx(0.85)
    assert len(asked()) == 1


def test_a_second_run_asks_nothing_and_gives_the_same_table(
    bench: Any, asked: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.songs(3)
    assert bench.score() == 0
    first = same_rows(bench)
    monkeypatch.setattr("musicflamingo_cli.engines.fake.FakeEngine.load", None)
    assert bench.score() == 0
    assert same_rows(bench) == first
    assert [row["cached"] for row in bench.result()] == [True] * 3
    assert len(asked()) == 3


def test_refresh_asks_again_and_no_cache_keeps_nothing(bench: Any, asked: Callable[[], list[str]]) -> None:
    bench.songs(2)
    assert bench.score("--no-cache") == 0
    assert not (bench.folder / "cache").exists()
    assert bench.score() == 0
    assert bench.score("--refresh") == 0
    assert len(asked()) == 6


def test_a_changed_song_is_heard_again_and_only_it(bench: Any, asked: Callable[[], list[str]]) -> None:
    bench.songs(3)
    assert bench.score() == 0
    bench.tone("1.wav", hertz=500.0, seconds=3.0)
    assert bench.score() == 0
    assert asked()[3:] == ["song-1"]


def test_a_touched_or_moved_song_is_not_heard_again(bench: Any, asked: Callable[[], list[str]]) -> None:
    bench.songs(2)
    assert bench.score() == 0
    (bench.folder / "0.wav").touch()
    (bench.folder / "1.wav").rename(bench.folder / "moved.wav")
    bench.rows([{"id": "song-0", "audio": "0.wav"}, {"id": "song-1", "audio": "moved.wav"}])
    assert bench.score() == 0
    assert len(asked()) == 2
    assert bench.score("--verify-audio") == 0
    assert len(asked()) == 2


def test_a_reply_that_can_not_be_read_is_asked_twice_and_no_more_and_stays_null(
    bench: Any, script: Callable[..., None], asked: Callable[[], list[str]]
) -> None:
    bench.songs(2)
    script({"song-0": {"garbage": True}})
    assert bench.score() == 1
    rows = bench.result()
    assert [row["status"] for row in rows] == ["failed", "ok"]
    assert rows[0]["overall_quality_score"] is None and rows[0]["reason"]
    assert bench.score() == 1
    assert sorted(asked()) == ["song-0", "song-0", "song-1"]


def test_a_missing_dimension_leaves_the_overall_null_unless_allowed(bench: Any, script: Callable[..., None]) -> None:
    bench.songs(1)
    script({"default": {"reply": json.dumps({k: v for k, v in GOOD.items() if k != "content_usefulness"})}})
    assert bench.score() == 0
    row = bench.result()[0]
    assert (row["status"], row["overall_quality_score"]) == ("partial", None)
    assert row["coverage"] == pytest.approx(0.85)
    assert bench.score("--min-coverage", "0.8") == 0
    expected = (0.92 * 0.30 + 0.78 * 0.25 + 0.65 * 0.10 + 0.82 * 0.20) / 0.85
    assert bench.result()[0]["overall_quality_score"] == pytest.approx(expected)


def test_trouble_with_songs_becomes_rows_with_reasons(bench: Any) -> None:
    bench.songs(1)
    (bench.folder / "text.mp3").write_text("this is no music at all, only words and words")
    (bench.folder / "empty.wav").write_bytes(b"")
    lines = [
        json.dumps({"id": "song-0", "audio": "0.wav"}),
        json.dumps({"id": "text", "audio": "text.mp3"}),
        json.dumps({"id": "empty", "audio": "empty.wav"}),
        json.dumps({"id": "gone", "audio": "gone.wav"}),
        json.dumps({"id": "none", "audio": None}),
        json.dumps({"audio": "0.wav"}),
        "{broken",
        json.dumps({"id": "song-0", "audio": "gone.wav"}),
    ]
    bench.manifest.write_text("\n".join(lines))
    assert bench.score() == 1
    rows = bench.result()
    assert [(r["song_id"], r["status"], r["reason"]) for r in rows] == [
        ("song-0", "ok", None),
        ("text", "failed", "not_audio"),
        ("empty", "failed", "empty_file"),
        ("gone", "failed", "not_found"),
        ("none", "skipped", "no_audio"),
        (None, "failed", "no_id"),
        (None, "failed", "bad_row"),
    ]
    assert all(row["overall_quality_score"] is None for row in rows[1:])
    assert "line 7" in rows[6]["error"]
    told = bench.stderr()
    assert "repeated ids left out" in told and "song-0" in told
    assert "failed not_found: 1" in told


def test_a_vanished_file_fails_but_its_reply_is_not_lost(bench: Any, asked: Callable[[], list[str]]) -> None:
    bench.songs(1)
    assert bench.score() == 0
    before = same_rows(bench)
    (bench.folder / "0.wav").rename(bench.folder / "away.wav")
    assert bench.score() == 1
    assert bench.result()[0]["reason"] == "not_found"
    (bench.folder / "away.wav").rename(bench.folder / "0.wav")
    assert bench.score() == 0
    assert same_rows(bench) == before
    assert len(asked()) == 1


def test_offline_reads_neither_audio_nor_engine(bench: Any, asked: Callable[[], list[str]]) -> None:
    bench.songs(3)
    assert bench.score("--limit", 2) == 0
    (bench.folder / "0.wav").unlink()
    assert bench.score("--offline") == 1
    assert [(r["status"], r["reason"]) for r in bench.result()] == [
        ("ok", None),
        ("ok", None),
        ("failed", "not_cached"),
    ]
    assert len(asked()) == 2


def test_offline_with_other_settings_says_what_is_cached(bench: Any) -> None:
    bench.songs(1)
    assert bench.score("--offline") == 2
    assert "holds no replies" in bench.stderr()


def test_a_batch_that_does_not_fit_is_halved_to_one(
    bench: Any, script: Callable[..., None], asked: Callable[[], list[str]]
) -> None:
    bench.songs(6)
    script({"default": {"out_of_memory_above": 2}, "song-3": {"out_of_memory_above": 0}})
    assert bench.score("--batch-size", 6) == 1
    reasons = {row["song_id"]: row["reason"] for row in bench.result() if row["reason"]}
    assert reasons == {"song-3": "out_of_memory"}
    assert sorted(asked()) == ["song-0", "song-1", "song-2", "song-4", "song-5"]
    script({})
    assert bench.score() == 0
    assert len(asked()) == 6


def test_limit_keep_and_the_title(bench: Any) -> None:
    bench.songs(3, genre="=cmd()", year=1959, bpm=120.5)
    assert bench.score("--limit", 2, "--keep", "title,genre,year,bpm") == 0
    rows = bench.result()
    assert len(rows) == 2
    assert (rows[0]["title"], rows[0]["manifest_genre"]) == ("Song 0", "=cmd()")
    assert (rows[0]["year"], rows[0]["bpm"]) == (1959, 120.5)
    assert pq.read_schema(bench.table).names[-3:] == ["manifest_genre", "year", "bpm"]


def test_the_dry_run_counts_and_loads_nothing(bench: Any, asked: Callable[[], list[str]]) -> None:
    bench.songs(3)
    assert bench.score("--limit", 1) == 0
    bench.capture.readouterr()
    assert bench.score("--dry-run") == 0
    told = " ".join(bench.capture.readouterr().out.split())
    assert "rows 3" in told and "cached 1" in told and "to do 2" in told and "audio to hear 0.00 h" in told
    assert len(asked()) == 1


def test_the_other_formats(bench: Any, script: Callable[..., None]) -> None:
    bench.songs(2)
    script({"default": {"reply": json.dumps({**GOOD, "genre": "=1+1"})}, "song-1": {"garbage": True}})
    for suffix in ("jsonl", "csv", "json"):
        assert bench.score("-o", bench.folder / f"out.{suffix}") == 1
    lines = [json.loads(line) for line in (bench.folder / "out.jsonl").read_text().splitlines()]
    assert [line["overall_quality_score"] for line in lines] == [0.8275, None]
    with (bench.folder / "out.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    assert [cell["genre"] for cell in cells] == ["'=1+1", ""]
    old = json.loads((bench.folder / "out.json").read_text())
    assert list(old) == ["song-0"]
    assert old["song-0"]["title"] == "Song 0"
    assert len(old["song-0"]["scores"]) == 6 and old["song-0"]["scores"]["overall_quality_score"] == 0.8275


def test_the_table_carries_its_run_card_and_no_nan(bench: Any) -> None:
    bench.songs(2)
    assert bench.score() == 0
    schema = pq.read_schema(bench.table)
    card = json.loads(schema.metadata[b"mfq.run"])
    assert card["settings"]["engine"] == "fake" and card["counts"]["rows"] == 2
    table = pq.read_table(bench.table)
    for name in table.column_names:
        if pa.types.is_floating(table.schema.field(name).type):
            assert not any(v is not None and math.isnan(v) for v in table[name].to_pylist()), name


def test_the_summary_says_how_the_scores_lie_and_that_equal_ones_can_not_rank(bench: Any, script: Any) -> None:
    bench.songs(5)
    replies = [f'{{"production_quality": {q}}}' for q in (0.2, 0.8, 0.8, 0.8, 0.8)]
    script({f"song-{n}": {"reply": reply} for n, reply in enumerate(replies)})
    assert bench.score("--min-coverage", "0.3") == 0
    told = bench.stderr()
    assert "production_quality is 0.8 for 80% of 5 songs: such scores cannot rank" in told
    (line,) = [line for line in told.splitlines() if line.startswith("production_quality  ")]
    told = " ".join(line.split())
    assert told == "production_quality 5 0.680 0.240 0.200 0.320 0.800 0.800 0.800 2 0.8 (80%)"
    stated = json.loads(pq.read_schema(bench.table).metadata[b"mfq.run"])["counts"]["scores"]["production_quality"]
    assert (stated["minimum"], stated["top_value"], stated["top_share"]) == (0.2, 0.8, 0.8)
    assert stated["quantiles"]["0.05"] == pytest.approx(0.32)


def test_the_older_names_of_options(bench: Any) -> None:
    bench.songs(1)
    words = ("--engine", "fake", "--cache-dir", bench.folder / "c", "--model-id", "x/y", "--max-tokens", 99)
    assert bench.mfq("score", "--input", bench.manifest, "--output", bench.table, *words) == 0
    assert len(bench.result()) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--engine", "nobody"], "--engine nobody: it is flamingo, signal or fake"),
        (["--prompt", "nothing"], "no pack 'nothing'"),
        (["--format", "xml"], "--format xml: it is parquet, jsonl, csv or json"),
        (["--retry", "some"], "transient, unreadable or all"),
        (["--weights", "nothing=1"], "nothing"),
        (["--weights", "production_quality=0"], "weight"),
        (["--limit", "0"], "limit"),
        (["--no-such-flag"], "no-such-flag"),
        (["-o", "no/such/folder/x.parquet"], "there is no folder"),
        (["--offline", "--refresh"], "exclude"),
    ],
)
def test_wrong_use_exits_2_with_words_and_leaves_no_table(bench: Any, words: list[str], says: str) -> None:
    bench.songs(1)
    assert bench.score(*words) == 2
    told = bench.stderr()
    assert says in told and "Traceback" not in told
    assert not bench.table.exists()


def test_a_manifest_that_is_not_there_exits_2(bench: Any) -> None:
    assert bench.score() == 2
    assert "songs.jsonl" in bench.stderr()


def test_a_field_that_would_hide_a_column_is_refused(bench: Any) -> None:
    bench.songs(1)
    pack = bench.folder / "mine"
    pack.mkdir()
    (pack / "prompt.md").write_text("Rate.")
    (pack / "pack.toml").write_text('[[fields]]\nname="status"\nkind="score"\nlow=0\nhigh=1\nweight=1\n')
    assert bench.score("--prompt", pack) == 2
    assert "'status'" in bench.stderr()


def test_a_failed_write_keeps_the_older_table(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.songs(1)
    assert bench.score() == 0
    before = bench.table.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("musicflamingo_cli.results.write.formats.pq.ParquetWriter.write_table", full)
    assert bench.score() == 4
    assert "scores.parquet: No space left" in bench.stderr()
    assert bench.table.read_bytes() == before
    assert list(bench.folder.glob(".*.part")) == []


def test_hostile_text_does_not_reach_the_terminal(bench: Any) -> None:
    bench.songs(1)
    bench.rows([{"id": "a\x1b[31m\u202eb", "audio": "0.wav", "title": "\x1b]0;x\x07"}])
    assert bench.score() == 0
    told = bench.stderr()
    assert "\x1b" not in told and "\u202e" not in told
    assert bench.result()[0]["song_id"] == "a\x1b[31m\u202eb"


def test_a_device_is_written_to_and_stays_a_device(bench: Any) -> None:
    import os
    import threading

    bench.songs(1)
    pipe = bench.folder / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    assert bench.score("-o", pipe, "--format", "jsonl") == 0
    reader.join(10)
    assert json.loads(got[0])["song_id"] == "song-0"
    assert pipe.is_fifo()


def test_no_cache_goes_with_a_cache_dir_in_the_environment(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.songs(1)
    monkeypatch.setenv("MFQ_CACHE_DIR", str(bench.folder / "elsewhere"))
    assert bench.score("--no-cache") == 0
    assert not (bench.folder / "elsewhere").exists()


def test_offline_never_shows_the_answer_of_other_audio(bench: Any) -> None:
    bench.songs(2)
    assert bench.score("--limit", 1) == 0
    bench.rows([{"id": "song-0", "audio": "1.wav"}])
    assert bench.score("--offline") == 1
    assert bench.result()[0]["reason"] == "not_cached"


def test_measures_that_were_not_asked_for_are_not_shown(bench: Any) -> None:
    bench.songs(1)
    assert bench.score() == 0
    first = same_rows(bench)
    assert bench.score("--measure") == 0
    assert bench.result()[0]["bandwidth_hz"] is not None
    assert bench.score() == 0
    assert same_rows(bench) == first


def test_a_row_says_what_is_missing(bench: Any, script: Callable[..., None]) -> None:
    bench.songs(1)
    script({"default": {"reply": {**GOOD, "production_quality": 8, "mood": None}}})
    assert bench.score() == 0
    row = bench.result()[0]
    assert row["status"] == "partial"
    assert "production_quality (out_of_range)" in row["error"] and "mood (" in row["error"]


def test_a_folder_at_the_place_of_an_entry_is_put_aside(bench: Any) -> None:
    bench.songs(1)
    assert bench.score() == 0
    entry = next((bench.folder / "cache").glob("*/??/song-0.json"))
    entry.unlink()
    entry.mkdir()
    assert bench.score() == 0
    assert entry.is_file()


@pytest.mark.parametrize(
    "rule", [{"song-0": {"delay_seconds": "x"}}, {"song-0": {"nonsense": 1}}, {"song-0": {"hang": 1}}, []]
)
def test_a_fake_script_of_the_wrong_form_is_refused(bench: Any, script: Callable[..., None], rule: Any) -> None:
    bench.songs(1)
    script(rule)
    assert bench.score() == 2
    assert "MFQ_FAKE_SCRIPT" in bench.stderr()

"""What a report says of a table: mfq's own, older ones and those of strangers."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.report.build import build_report
from musicflamingo_cli.results.report.page import render_page
from musicflamingo_cli.results.report.records import Report, ReportOptions
from musicflamingo_cli.results.report.songs import player_url
from tests.results.report.report_tables import CARD, detail, five_songs, many_songs, write


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return build_report(write(tmp_path / "t.parquet", five_songs(), CARD), ReportOptions())


def test_what_is_counted(report: Report) -> None:
    assert report.rows == 5
    assert report.status == {"ok": 3, "failed": 1, "partial": 1}
    assert report.reasons == [("failed", "not_audio", 1, "e"), ("partial", "missing", 1, "c")]
    assert report.flags == {"clipped": 2, "very_quiet": 1}
    assert report.repairs == {"single_quotes": 2}
    assert report.endings == {"stop": 3, "(none)": 1, "length": 1}
    assert dict(report.facts) == {"songs": "5", "with a score": "3 (60.0%)", "of music": "4.0 min"}
    assert report.missing == []


def test_losses_are_shown_apart_the_dearest_first(tmp_path: Path) -> None:
    rows = {"song_id": ["a", "b"], "production_quality": [0.5, 0.9]}
    lost = {"loss_hum": [0.0, 0.2], "loss_noise": [0.5, 0.1], "loss_clicks": [0.0, 0.0]}
    found = build_report(write(tmp_path / "t.parquet", pa.table(rows | lost)), ReportOptions())
    assert [(one.name, one.mean, one.maximum) for one in found.losses] == [
        ("loss_noise", pytest.approx(0.3), 0.5),
        ("loss_hum", pytest.approx(0.1), 0.2),
    ]
    assert [one.name for one in found.spreads] == ["production_quality"]
    page = render_page(found)
    assert '<h2 id="h-losses">Losses</h2>' in page and "0.300" in page


def test_what_scores_were_obtained_from(report: Report) -> None:
    assert report.obtained == {
        "production_quality": {"json": 3, "(none)": 1, "prose": 1},
        "content_enjoyment": {"(none)": 2, "json": 2, "repaired": 1},
    }


def test_groups_are_the_genres_of_the_manifest(report: Report) -> None:
    assert report.group == "manifest_genre"
    assert [(g.name, g.songs, g.scored, g.high) for g in report.groups] == [
        ("rock", 3, 2, 1),
        ("(none)", 1, 0, 0),
        ("jazz", 1, 1, 1),
    ]
    assert report.groups[0].quartiles == pytest.approx((0.375, 0.55, 0.725))
    assert report.groups[1].mean is None


def test_best_worst_and_most_uncertain(report: Report) -> None:
    best, worst, uncertain = report.songs
    assert [s.song_id for s in best.songs] == ["a", "b"]
    assert [s.song_id for s in worst.songs] == ["d"]
    assert [s.song_id for s in uncertain.songs] == ["b", "d", "a"]
    assert uncertain.songs[0].note == "spread 0.200"
    assert uncertain.songs[0].player == "https://example.org/b.mp3"
    assert best.songs[0].texts == [("mood", "bright")]
    assert best.songs[0].scores == [("production_quality", 0.8, 0.01), ("content_enjoyment", 1.0, 0.01)]


def test_without_a_spread_the_partial_songs_are_uncertain(tmp_path: Path) -> None:
    columns = {k: v for k, v in five_songs().items() if not k.endswith("_detail")}
    report = build_report(write(tmp_path / "t.parquet", columns, CARD), ReportOptions())
    assert [(s.song_id, s.note) for s in report.songs[2].songs] == [("c", "coverage 60%")]
    assert "coverage" in report.songs[2].basis


def test_a_foreign_table_says_what_it_lacks(tmp_path: Path) -> None:
    report = build_report(write(tmp_path / "t.parquet", {"id": [1, 2, 3], "rating": [0.1, 0.5, 0.9]}), ReportOptions())
    assert report.rank == "rating"
    told = " ".join(report.missing)
    for what in ("run card", "column status", "_detail", "genres", "column audio"):
        assert what in told


def test_without_an_overall_score_the_first_score_ranks(tmp_path: Path) -> None:
    columns = five_songs()
    columns["overall_quality_score"] = pa.nulls(5, pa.float64())
    report = build_report(write(tmp_path / "t.parquet", columns, CARD), ReportOptions())
    assert report.rank == "production_quality"
    assert any("production_quality ranks the songs here" in told for told in report.missing)


ODD: dict[str, dict[str, Any]] = {
    "no rows": {"song_id": pa.array([], pa.string()), "overall_quality_score": pa.array([], pa.float64())},
    "only ids": {"song_id": ["a", "b"]},
    "a score that is text": {"song_id": ["a"], "overall_quality_score": ["0.5"]},
    "a score that is a list": {"song_id": ["a"], "overall_quality_score": pa.array([[0.5]])},
    "whole numbers": {"song_id": [1, 2], "overall_quality_score": [1, 2], "status": [1, None]},
    "one song": {"song_id": ["a"], "overall_quality_score": [0.5]},
    "no song has a score": {"song_id": ["a", "b"], "overall_quality_score": pa.nulls(2, pa.float64())},
    "columns of other types": {
        "song_id": [None, "a"],
        "overall_quality_score": [0.1, 0.2],
        "coverage": ["x", "y"],
        "audio_flags": ["clipped", None],
        "repairs": pa.array([[1], None]),
        "finish_reason": pa.array([["a"], None]),
        "cached": ["yes", "no"],
        "title": [1.5, 2.5],
        "audio": [1, 2],
        "genre": pa.array([["rock"], None]),
        "x": [0.5, 0.6],
        "x_detail": ["{}", None],
    },
    "names that differ in case": {"song_id": ["a", "b"], "Score": [0.1, 0.2], "score": [0.3, 0.2], "SCORE": [1.0, 2.0]},
    "odd names": {
        "song_id": ["a", "b"],
        "a\nb": [0.1, 0.2],
        "": [0.3, 0.2],
        'q"; drop': [1.0, 2.0],
        "x" * 500: [0.1, 0.9],
    },
    "large values": {"song_id": ["a", "b"], "overall_quality_score": [-1e90, 1e90]},
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_table_gives_a_report(name: str, tmp_path: Path) -> None:
    table = write(tmp_path / "t.parquet", ODD[name])
    other = write(tmp_path / "old.parquet", five_songs(), CARD)
    page = render_page(build_report(table, ReportOptions(against=other)))
    assert "</html>" in page
    turned = build_report(other, ReportOptions(against=table))
    assert turned.comparison is not None


ODD_CARDS = (
    "{",
    "[]",
    {"settings": [1]},
    {"settings": "x", "versions": 3},
    {"settings": {"fields": 3, "weights": [], "manifest": 1}},
    {"settings": {"fields": [1, {"kind": "score", "name": 3, "low": "a"}], "prompt": ["x"], "engine": {"a": None}}},
)


@pytest.mark.parametrize("card", ODD_CARDS)
def test_an_odd_run_card_gives_a_report(card: object, tmp_path: Path) -> None:
    table = write(tmp_path / "t.parquet", five_songs(), card)
    page = render_page(build_report(table, ReportOptions(against=table)))
    assert "</html>" in page


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (ReportOptions(score="prodution_quality"), "did you mean production_quality"),
        (ReportOptions(group="gener"), "no column 'gener' for --group"),
        (ReportOptions(score="title"), "can't rank songs"),
        (ReportOptions(memory="much"), "--memory-limit"),
        (ReportOptions(against="nowhere.parquet"), "nowhere.parquet"),
    ],
)
def test_what_can_not_be_done_is_said(options: ReportOptions, said: str, tmp_path: Path) -> None:
    table = write(tmp_path / "t.parquet", five_songs(), CARD)
    with pytest.raises(UsageError, match=said):
        build_report(table, options)


def test_a_score_of_another_range_is_cut_at_its_own(tmp_path: Path) -> None:
    columns = {"song_id": list("abcde"), "stars": [1.0, 2.0, 3.8, 4.0, 5.0], "genre": ["rock"] * 5}
    table = write(tmp_path / "t.parquet", columns)
    report = build_report(table, ReportOptions(score="stars", against=table))
    assert report.groups[0].high == 3, "0.7 of the way from 1 to 5 is 3.8"
    assert report.comparison is not None
    assert [border for border, _, _ in report.comparison.crossing] == pytest.approx([2.2, 2.6, 3.0, 3.4, 3.8, 4.2, 4.6])


def test_entries_that_are_no_rows_are_told(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"a": {"scores": {"overall_quality_score": 0.5}}, "b": []}')
    told = " ".join(build_report(str(tmp_path / "t.json"), ReportOptions()).missing)
    assert "Left out, being no rows: 1 (the first, key b: holds [])" in told


def test_csv_and_json_lines_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("song_id,overall_quality_score,genre\na,0.5,rock\nb,,jazz\n")
    (tmp_path / "t.jsonl").write_text('{"song_id":"a","overall_quality_score":0.5}\n{"song_id":"b"}\n')
    for name in ("t.csv", "t.jsonl"):
        report = build_report(str(tmp_path / name), ReportOptions())
        assert (report.rows, report.rank, report.spreads[0].count) == (2, "overall_quality_score", 1)


def test_a_large_table_gives_no_larger_a_page(tmp_path: Path) -> None:
    few = render_page(build_report(write(tmp_path / "few.parquet", many_songs(1000), CARD), ReportOptions()))
    many = render_page(build_report(write(tmp_path / "many.parquet", many_songs(100_000), CARD), ReportOptions()))
    assert len(many) < 600_000
    assert len(many) < 1.5 * len(few)


@pytest.mark.parametrize(
    ("audio", "played"),
    [
        ("song.wav", True),
        ("./song.wav", True),
        ("absent.wav", False),
        ("", False),
        (None, False),
        ("..", False),
        ("a\x00b", False),
        ("x" * 5000, False),
        ("https://example.org/a.mp3?x=1&y=2", True),
        ("HTTP://example.org/a.mp3", True),
        ("https://name:secret@example.org/a.mp3", False),
        ("http:///a.mp3", False),
        ("http://[", False),
        ("javascript:alert(1)", False),
        ("data:audio/wav;base64,AAAA", False),
        ("file:///etc/hostname", False),
        ("s3://bucket/a.mp3", False),
        ("javascript://%0aalert(1)", False),
        ("https://name@example.org/a.mp3", False),
        ("https://example.org/a\u202eb.mp3", False),
        ("https://example.org/a\nb.mp3", False),
        ("https://example.org/民 謡.mp3", True),
        ("Artist: Title.mp3", True),
    ],
)
def test_only_what_a_browser_may_play_is_played(audio: str | None, played: bool, tmp_path: Path) -> None:
    for name in ("song.wav", "Artist: Title.mp3"):
        (tmp_path / name).write_bytes(b"RIFF")
    assert (player_url(audio, [tmp_path]) is not None) == played


def test_a_local_name_becomes_a_quoted_url(tmp_path: Path) -> None:
    name = 'so#ng "1" <é>.wav'
    (tmp_path / name).write_bytes(b"RIFF")
    found = player_url(name, [tmp_path]) or ""
    assert found.startswith("file:///")
    assert found.endswith("/so%23ng%20%221%22%20%3C%C3%A9%3E.wav")


def test_captions_are_shown_though_nothing_ranks_them(tmp_path: Path) -> None:
    card = {"settings": {"pack": "caption", "fields": [{"name": "caption", "kind": "text"}]}}
    columns = {
        "song_id": list("abc"),
        "overall_quality_score": pa.nulls(3, pa.float64()),
        "text": ["A waltz.", '{"caption": "A march."}', None],
        "caption": ["A waltz.", "A march.", None],
        "caption_detail": detail(["prose", "json", None], [None] * 3),
    }
    report = build_report(write(tmp_path / "t.parquet", columns, card), ReportOptions(songs=2))
    (first,) = report.songs
    assert (report.rank, report.spreads, first.heading) == (None, [], "First")
    assert [(song.song_id, song.overall) for song in first.songs] == [("a", None), ("b", None)]
    assert first.songs[0].texts == [("caption", "A waltz.")]
    assert [name for name, _ in first.songs[1].texts] == ["text", "caption"]
    assert "A waltz." in render_page(report)


def test_the_score_that_merge_combined_is_one_and_so_are_those_of_a_second_source(tmp_path: Path) -> None:
    columns = five_songs() | {
        "title_aes": list("abcde"),
        "status_aes": list("abcde"),
        "overall_quality_score_aes": [0.1] * 5,
        "production_quality_aes": [0.2] * 5,
        "quality": [0.3] * 5,
        "bpm": [120.0] * 5,
    }
    report = build_report(write(tmp_path / "t.parquet", columns, CARD), ReportOptions())
    assert [s.name for s in report.spreads] == [
        *("overall_quality_score", "production_quality", "content_enjoyment"),
        *("overall_quality_score_aes", "production_quality_aes", "quality"),
    ]
    assert (report.spreads[4].low, report.spreads[4].high) == (0.0, 1.0)
    assert report.songs[0].songs[0].texts == [("mood", "bright")]


def test_measures_have_histograms_and_rank_nothing(tmp_path: Path) -> None:
    columns = five_songs() | {
        "loudness_lufs": [-14.0, -9.0, -30.5, None, None],
        "tempo_bpm": [1.0] * 5,
        "measured_tempo_bpm": [120.0] * 5,
        "bandwidth_hz": ["a"] * 5,
    }
    report = build_report(write(tmp_path / "t.parquet", columns, CARD), ReportOptions())
    assert [(s.name, unit, s.count) for s, unit in report.measures] == [
        ("loudness_lufs", "LUFS", 3),
        ("measured_tempo_bpm", "BPM", 5),
    ]
    assert report.measures[0][0].quantiles[0.5] == -14.0
    assert report.warnings == ()
    assert "loudness_lufs" not in [s.name for s in report.spreads]
    assert "half below -14.0" in render_page(report)


def test_files_that_were_not_made_alike_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    for i, weight in enumerate((0.5, 0.5, 0.6)):
        settings = {**CARD["settings"], "shard": f"{i + 1}/3", "weights": {"production_quality": weight}}
        write(folder / f"{i}.parquet", five_songs(), {"settings": settings})
    alike = build_report(str(folder), ReportOptions())
    assert any("they differ in weights." in told for told in alike.missing)
    (folder / "2.parquet").unlink()
    alike = build_report(str(folder), ReportOptions())
    assert alike.rows == 10
    assert alike.missing == []
    assert "shard" not in alike.card["settings"]


def test_repeated_ids_are_told_as_in_the_run_card(tmp_path: Path) -> None:
    card = {**CARD, "counts": {"rows": 5, "repeated_ids": 3}}
    report = build_report(write(tmp_path / "t.parquet", five_songs(), card), ReportOptions())
    assert ("repeated ids left out", "3") in report.facts

"""Two runs over the same songs."""

from pathlib import Path

import pytest

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.report.build import build_report
from musicflamingo_cli.results.report.compare import differing
from musicflamingo_cli.results.report.page import render_page
from musicflamingo_cli.results.report.records import Comparison, ReportOptions
from musicflamingo_cli.results.report.text import report_lines
from tests.results.report.report_tables import write

OLD = {
    "song_id": ["a", "b", "c", "d", "gone"],
    "title": ["A", "B", "C", "D", "Gone"],
    "status": ["ok", "ok", "ok", "failed", "ok"],
    "overall_quality_score": [0.1, 0.5, 0.9, None, 0.4],
}
NEW = {
    "song_id": ["new", "d", "c", "b", "a"],
    "title": ["New", "D", "C", "B", "A"],
    "status": ["ok", "ok", "failed", "ok", "ok"],
    "overall_quality_score": [0.3, 0.8, None, 0.75, 0.2],
}


def compared(new: dict[str, list[object]], old: dict[str, list[object]], folder: Path) -> Comparison:
    older = write(folder / "old.parquet", old)
    found = build_report(write(folder / "new.parquet", new), ReportOptions(against=older)).comparison
    assert found is not None
    return found


def test_what_moved_by_hand(tmp_path: Path) -> None:
    found = compared(NEW, OLD, tmp_path)
    assert (found.both, found.only_old, found.only_new) == (4, 1, 1)
    assert (found.gained, found.lost) == (1, 1)
    assert found.status == [("failed", "ok", 1), ("ok", "failed", 1)]
    (moved,) = found.scores
    assert moved.songs == 2
    assert (moved.mean_old, moved.mean_new, moved.mean_change) == pytest.approx((0.3, 0.475, 0.175))
    assert moved.rank_correlation is None
    assert {border: (more, fewer) for border, more, fewer in found.crossing} == {
        0.3: (1, 1),
        0.4: (1, 1),
        0.5: (1, 1),
        0.6: (2, 1),
        0.7: (2, 1),
        0.8: (1, 1),
        0.9: (0, 1),
    }
    assert [(song, title) for song, title, _, _ in found.movers] == [("b", "B"), ("a", "A")]
    assert sorted(found.pairs) == [(0.1, 0.2), (0.5, 0.75)]


def test_the_order_of_the_songs_is_compared(tmp_path: Path) -> None:
    ids = [str(i) for i in range(50)]
    scores = [i / 50 for i in range(50)]
    old = {"song_id": ids, "overall_quality_score": scores}
    same = compared({"song_id": ids[::-1], "overall_quality_score": [s**3 for s in scores[::-1]]}, old, tmp_path)
    turned = compared({"song_id": ids, "overall_quality_score": scores[::-1]}, old, tmp_path)
    assert same.scores[0].rank_correlation == pytest.approx(1.0)
    assert turned.scores[0].rank_correlation == pytest.approx(-1.0)


def test_a_repeated_id_counts_once(tmp_path: Path) -> None:
    new = {"song_id": ["a", "a", None, "b"], "overall_quality_score": [0.1, 0.9, 0.5, 0.2]}
    found = compared(new, {"song_id": ["b", "a", "b"], "overall_quality_score": [0.2, 0.1, 0.9]}, tmp_path)
    assert (found.both, found.only_new, found.only_old) == (2, 0, 0)
    assert sorted(found.pairs) == [(0.1, 0.1), (0.2, 0.2)]


def test_ids_of_other_types_meet(tmp_path: Path) -> None:
    old = {"id": [1.0, 2.0], "overall_quality_score": [0.1, 0.2]}
    assert compared({"song_id": ["1", "2"], "overall_quality_score": [0.1, 0.2]}, old, tmp_path).both == 2


def test_without_a_common_score_there_is_nothing_to_rank(tmp_path: Path) -> None:
    found = compared(NEW, {"song_id": ["a"], "other": [0.1]}, tmp_path)
    assert (found.both, list(found.scores), list(found.pairs)) == (1, [], [])


def test_a_table_without_ids_can_not_be_compared(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column song_id or id to compare songs by"):
        compared(NEW, {"overall_quality_score": [0.1]}, tmp_path)


def test_settings_that_differ_are_named() -> None:
    old = {"settings": {"model": "a", "revision": "1", "prompt": "long"}, "versions": {"torch": "2.6"}}
    new = {"settings": {"model": "a", "revision": "2", "prompt": "longer"}, "versions": {"torch": "2.7", "numpy": "2"}}
    assert differing(old, new) == [("revision", "1", "2"), ("torch", "2.6", "2.7"), ("numpy", "(none)", "2")]


def test_what_makes_runs_incomparable_is_said(tmp_path: Path) -> None:
    cards = [{"settings": {"engine": "flamingo", "pack": pack, "prompt_hash": pack}} for pack in ("quality", "other")]
    older = write(tmp_path / "old.parquet", OLD, cards[0])
    same = build_report(write(tmp_path / "a.parquet", NEW, cards[0]), ReportOptions(against=older)).comparison
    other = build_report(write(tmp_path / "b.parquet", NEW, cards[1]), ReportOptions(against=older)).comparison
    assert same is not None
    assert other is not None
    assert list(same.cautions) == []
    assert "The runs differ in pack, prompt_hash:" in other.cautions[0]


def test_without_a_common_song_nothing_is_compared(tmp_path: Path) -> None:
    older = write(tmp_path / "old.parquet", OLD)
    new = {**NEW, "song_id": [f"other-{i}" for i in range(5)]}
    report = build_report(write(tmp_path / "new.parquet", new), ReportOptions(against=older))
    assert report.comparison is not None
    assert (report.comparison.both, report.comparison.only_new, report.comparison.only_old) == (0, 5, 5)
    page, text = render_page(report), "\n".join(report_lines(report, 100))
    assert "do their ids mean the same?" in page
    assert "do their ids mean the same?" in text
    assert "What moved" not in page
    assert "rank correlation" not in text


def test_a_threshold_is_crossed_by_the_songs_that_reach_it(tmp_path: Path) -> None:
    found = compared(
        {"song_id": ["a", "b"], "overall_quality_score": [0.7, 0.7 - 1e-9]},
        {"song_id": ["a", "b"], "overall_quality_score": [0.1, 0.1]},
        tmp_path,
    )
    assert {border: more for border, more, _ in found.crossing}[0.7] == 1

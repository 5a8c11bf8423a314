"""The printed form: no line is wider than asked, whatever stands in it."""

from pathlib import Path

import pytest

from musicflamingo_cli.results.report import build_report, report_lines
from musicflamingo_cli.results.report_records import ReportOptions
from musicflamingo_cli.results.report_text import columns_of, cut, fit
from tests.results.report_tables import CARD, five_songs, many_songs, write
from tests.results.test_report_page import HOSTILE_CARD, hostile_columns


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_asked(width: int, tmp_path: Path) -> None:
    tables = [
        write(tmp_path / "a.parquet", five_songs(), CARD),
        write(tmp_path / "b.parquet", hostile_columns(), HOSTILE_CARD),
        write(tmp_path / "c.parquet", many_songs(500), CARD),
    ]
    for table in tables:
        lines = report_lines(build_report(table, ReportOptions(against=tables[0])), width)
        assert max(columns_of(line) for line in lines) <= width
        assert not any(one < " " for line in lines for one in line)


def test_it_prints_summary_quantiles_sweep_and_histograms(tmp_path: Path) -> None:
    lines = report_lines(build_report(write(tmp_path / "t.parquet", five_songs(), CARD), ReportOptions()), 100)
    text = "\n".join(lines)
    assert lines[0].startswith("5 rows: ")
    assert "  failed not_audio                           1    20.0%  such as e" in lines
    assert "threshold on overall_quality_score (kept: at least the threshold; share of all 5 rows)" in lines
    assert f"      0.7{2:>14}    40.0%  {'#' * 26}" in lines
    assert "overall_quality_score (3 songs)" in lines
    assert "best, by overall_quality_score, highest first" in lines
    for row in ("overall_quality_score", "production_quality", "content_enjoyment"):
        assert f"  {row}" in text


def test_wide_characters_take_two_columns() -> None:
    assert columns_of("民謡") == 4
    assert columns_of("e\u0301") == 1
    assert fit("民謡", 5) == "民謡 "
    assert cut("民謡民謡民謡", 8) == "民謡..."
    assert cut("a\tb\x1b\n", 9) == "a b  "


def test_a_terminal_without_unicode_gets_the_same_lines_written_out(tmp_path: Path) -> None:
    columns = five_songs() | {"title": ["民謡", "é", "\u202eturned", "d", "e"]}
    report = build_report(write(tmp_path / "t.parquet", columns, CARD), ReportOptions())
    lines = report_lines(report, 60, "ascii")
    assert all(line.isascii() for line in lines)
    assert max(map(len, lines)) <= 60
    assert any("\\u6c11\\u8b21" in line for line in lines)
    assert not any("\u202e" in line for line in report_lines(report, 60))


def test_a_narrow_terminal_loses_columns_and_no_figures(tmp_path: Path) -> None:
    table = write(tmp_path / "t.parquet", five_songs(), CARD)
    report = build_report(table, ReportOptions(against=table))
    lines = report_lines(report, 40)
    figures = [line for line in lines if line.startswith(("  overall_quality_score", "  ok", "    rank"))]
    assert figures
    assert not any(line.endswith("...") for line in figures)
    (heads,) = [line for line in lines if "songs" in line and "mean" in line and "50%" in line]
    assert heads.split() == ["songs", "mean", "50%"]

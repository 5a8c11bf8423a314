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

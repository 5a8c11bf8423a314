"""The printed form: no line is wider than asked, whatever stands in it."""

import re
from pathlib import Path
from typing import Any

import pytest

from musicflamingo_cli.results.report.build import build_report
from musicflamingo_cli.results.report.page import render_page
from musicflamingo_cli.results.report.records import ReportOptions
from musicflamingo_cli.results.report.text import columns_of, cut, fit, report_lines
from tests.results.report.report_tables import CARD, five_songs, many_songs, write
from tests.results.report.test_page import HOSTILE_CARD, hostile_columns


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
    place = next(i for i, line in enumerate(lines) if line.startswith("threshold on"))
    assert [line.rstrip("# ") for line in lines[place + 1 : place + 5]] == [
        "    0 to 0.2             3    60.0%",
        "  0.3 to 0.7             2    40.0%",
        "  0.8 to 0.9             1    20.0%",
        "           1             0     0.0%",
    ]
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


def narrow() -> dict[str, Any]:
    """Six songs whose scores differ in the third place and go against each other, some named by their ids alone."""
    up = [0.851, 0.852, 0.853, 0.854, 0.855, 0.859]
    return {
        "song_id": [f"song-{n}" for n in range(6)],
        "title": ["song-0", None, None, "Last but two", None, None],
        "status": ["ok"] * 6,
        "overall_quality_score": up,
        "production_quality": up[::-1],
        "content_enjoyment": [0.9, 0.1, 0.5, 0.5, 0.1, 0.9],
        "loudness_lufs": [-1e-5, 1e-5, -1e-5, 1e-5, 0.0, -0.0],
    }


def test_a_narrow_spread_has_bins_of_its_own(tmp_path: Path) -> None:
    report = build_report(write(tmp_path / "t.parquet", narrow(), CARD), ReportOptions())
    spread = report.spreads[0]
    assert spread.edges == [0.851, 0.8515, 0.852, 0.8525, 0.853, 0.8535, 0.854, 0.8545, 0.855, *spread.edges[9:]]
    assert spread.edges[-2:] == [0.859, 0.8595]
    assert spread.counts == [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]
    assert report.spreads[2].edges[0] == 0.0
    assert report.spreads[2].edges[-1] == 1.0


def test_correlations_are_printed_and_thresholds_that_keep_the_same_are_folded(tmp_path: Path) -> None:
    lines = report_lines(build_report(write(tmp_path / "t.parquet", narrow(), CARD), ReportOptions()), 100)
    place = lines.index("correlations (Spearman, 6 songs)")
    assert lines[place + 1].split() == ["-1.00", "overall_quality_score", "production_quality"]
    assert {line.split()[0] for line in lines[place + 2 : place + 4]} == {"+0.00"}
    place = next(i for i, line in enumerate(lines) if line.startswith("threshold on"))
    assert [line.split()[:4] for line in lines[place + 1 : place + 3]] == [
        ["0", "to", "0.8", "6"],
        ["0.9", "to", "1", "0"],
    ]


def test_no_zero_has_a_sign_and_no_id_stands_twice(tmp_path: Path) -> None:
    report = build_report(write(tmp_path / "t.parquet", narrow(), CARD), ReportOptions())
    text = "\n".join(report_lines(report, 100))
    assert not re.search(r"(?<![\w-])-0(?:\.0*)?(?![\w.-])", text)
    assert "   0.851  song-0" in text.splitlines()
    page = render_page(report)
    assert not re.search(r">-0(?:\.0*)?<", page)
    cards = re.findall(r"<h4>.*?</div>", page, re.DOTALL)
    assert len(cards) == 6
    assert [len(re.findall(r"song-\d|Last but two", card)) for card in cards].count(2) == 1

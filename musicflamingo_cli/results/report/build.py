"""A table of scores as a report: the whole road from a table to what is shown of it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.report.card import whole_card
from musicflamingo_cli.results.report.columns import Columns, Dimension, columns_of, measures_of, missing_of, rank_order
from musicflamingo_cli.results.report.compare import compare
from musicflamingo_cli.results.report.counts import count_by, count_listed, facts, groups, obtained, reasons
from musicflamingo_cli.results.report.figures import Counted, correlation, count_values, spread
from musicflamingo_cli.results.report.page import check_packages, render_page
from musicflamingo_cli.results.report.records import Comparison, Report, ReportOptions, Spread, Sweep
from musicflamingo_cli.results.report.songs import song_lists
from musicflamingo_cli.results.report.sweep import sweep
from musicflamingo_cli.results.report.text import text_lines
from musicflamingo_cli.results.sandbox import Limits, Sandbox, work_folder
from musicflamingo_cli.results.tables.open import OVERALL, Reading, open_table
from musicflamingo_cli.results.tables.table import naming_damage
from musicflamingo_cli.results.write.formats import check_output, output

VIEW = "new"
SUFFIXES = (".html", ".htm")


def report_lines(report: Report, width: int, encoding: str = "utf-8") -> list[str]:
    """Return a report as text that `encoding` can hold, no line wider than `width` columns."""
    return text_lines(report, width, encoding)


def write_report(name: str, path: str, options: ReportOptions) -> Report:
    """Write a report as one HTML page, whole or not at all; `-` is standard output. Returns what it shows.

    Raises:
        UsageError: as `build_report`; for a path that is no place for a page; without the extra `report`.
        OutputError: if the page can't be written.
    """
    if path != "-" and Path(path).suffix.lower() not in SUFFIXES:
        raise UsageError(f"-o {path}: the report is a page; call it something.html")
    check_output(path, "html", [n for n in (name, options.against) if n])
    check_packages()
    report = build_report(name, options)
    page = render_page(report)
    with output(path) as file:
        file.write(page.encode("utf-8"))
    return report


def build_report(name: str, options: ReportOptions) -> Report:
    """Read a table of any form and return what there is to show of it, in bounded memory.

    Raises:
        UsageError: for a table that can't be read, or a column that was named and isn't there.
    """
    with work_folder() as work:
        table = open_table(name, work, Reading(nulls=options.nulls))
        columns = columns_of(table, options)
        old = _old(options, work)
        tables = [table, *([old.table] if old else [])]
        for one in tables:
            one.verify()
        files = [path for one in tables for path in one.files]
        with naming_damage(tables), Sandbox(work, files, Limits(options.memory)) as sandbox:
            _view(sandbox, columns, VIEW)
            return _report(sandbox, columns, old, options)


def _report(sandbox: Sandbox, columns: Columns, old: Columns | None, options: ReportOptions) -> Report:
    rows = columns.table.rows
    counted = _counted(sandbox, columns)
    rank = next((counted[d.name].ranged for d in rank_order(columns, options.score) if d.name in counted), None)
    shown = [counted[d.name] for d in columns.dimensions if d.name in counted]
    found, left = groups(sandbox, columns, VIEW, rank)
    card, unlike = whole_card(columns.table)
    kept = sweep(sandbox, columns, VIEW, counted[rank.name], rows) if rank else None
    varied = [c.dimension.name for c in shown if len(c.values) > 1]
    return Report(
        name=columns.table.name,
        rows=rows,
        card=card,
        facts=facts(sandbox, columns, VIEW, rank),
        missing=[*unlike, *missing_of(columns), *_empty(columns, counted, rank), *_outside(counted, kept)],
        rank=rank.name if rank else None,
        status=count_by(sandbox, columns, VIEW, "status"),
        reasons=reasons(sandbox, columns, VIEW),
        flags=count_listed(sandbox, columns, VIEW, "audio_flags"),
        repairs=count_listed(sandbox, columns, VIEW, "repairs"),
        endings=count_by(sandbox, columns, VIEW, "finish_reason"),
        spreads=[spread(c) for c in shown],
        measures=_measures(sandbox, columns),
        sweep=kept,
        correlation=correlation(sandbox, columns, VIEW, varied, rows),
        obtained=obtained(sandbox, columns, VIEW),
        group=columns.group,
        groups=found,
        groups_left=left,
        songs=song_lists(sandbox, columns, VIEW, rank, options),
        comparison=_comparison(sandbox, columns, old, rank),
        made_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        versions={"mfq": version("musicflamingo-cli"), "python": platform.python_version()},
    )


def _view(sandbox: Sandbox, columns: Columns, view: str) -> None:
    everything = range(len(columns.table.schema.names))
    sandbox.run(f"CREATE TEMP VIEW {view} AS {columns.table.relation(sandbox, everything, columns.prefix)}")


def _counted(sandbox: Sandbox, columns: Columns) -> dict[str, Counted]:
    found = ((d.name, count_values(sandbox, columns, VIEW, d)) for d in columns.dimensions)
    return {name: counted for name, counted in found if counted is not None}


def _measures(sandbox: Sandbox, columns: Columns) -> list[tuple[Spread, str]]:
    found = ((count_values(sandbox, columns, VIEW, one), unit) for one, unit in measures_of(columns))
    return [(replace(spread(counted), warning=None), unit) for counted, unit in found if counted is not None]


def _outside(counted: Mapping[str, Counted], kept: Sweep | None) -> list[str]:
    """Say how many values of the ranking score lie outside its range: `mfq filter` keeps none of them."""
    if kept is None or kept.scored == counted[kept.name].total:
        return []
    one, songs = counted[kept.name].dimension, counted[kept.name].total - kept.scored
    return [
        f"{songs:,} songs have {kept.name} outside {one.low:g} to {one.high:g}: such a score counts as missing, "
        "and no threshold keeps it."
    ]


def _empty(columns: Columns, counted: Mapping[str, Counted], rank: Dimension | None) -> list[str]:
    """Say which scores have no value at all, and who ranks in their place."""
    told = []
    empty = [d.name for d in columns.dimensions if d.name not in counted]
    if empty and columns.table.rows:
        told.append(f"No song has a value of {', '.join(empty)}.")
    if rank is not None and OVERALL in empty:
        told.append(f"There is no overall score, so {rank.name} ranks the songs here.")
    return told


def _old(options: ReportOptions, work: Path) -> Columns | None:
    if options.against is None:
        return None
    staged = work / "against"
    staged.mkdir()
    return columns_of(open_table(options.against, staged, Reading(nulls=options.nulls)), ReportOptions(), "b")


def _comparison(sandbox: Sandbox, columns: Columns, old: Columns | None, rank: Dimension | None) -> Comparison | None:
    if old is None:
        return None
    _view(sandbox, old, "old")
    return compare(sandbox, columns, old, rank)

"""A table of scores as a report: the whole road from a table to what is shown of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.report.compare import compare
from musicflamingo_cli.results.report.counts import count_by, count_listed, count_obtained, facts, groups, reasons
from musicflamingo_cli.results.report.figures import correlation, spread_of, sweep
from musicflamingo_cli.results.report.page import check_packages, render_page
from musicflamingo_cli.results.report.records import Report, ReportOptions, Spread, Sweep
from musicflamingo_cli.results.report.songs import song_lists
from musicflamingo_cli.results.report.view import Score, View, view_of
from musicflamingo_cli.results.run_card import card_of, part_of
from musicflamingo_cli.results.sandbox import Limits, Sandbox, work_folder
from musicflamingo_cli.results.tables.open import open_table
from musicflamingo_cli.results.tables.table import OVERALL, Reading, Table, naming_damage
from musicflamingo_cli.results.write.formats import check_output, output

SUFFIXES = (".html", ".htm")
NOT_ALIKE = ("shard", "manifest", "audio_root")
"""Settings in which the files of one table may differ."""


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
        how = Reading(nulls=options.nulls)
        new, old = view_of(open_table(name, work, how), options, "new"), None
        if options.against is not None:
            older = work / "against"
            older.mkdir()
            old = view_of(open_table(options.against, older, how), ReportOptions(), "old")
        tables = [view.table for view in (new, old) if view]
        for table in tables:
            table.verify()
        files = [path for table in tables for path in table.files]
        with naming_damage(tables), Sandbox(work, files, Limits(options.memory)) as sandbox:
            new.create(sandbox)
            if old:
                old.create(sandbox)
            return _report(sandbox, new, old, options)


def _report(sandbox: Sandbox, view: View, old: View | None, options: ReportOptions) -> Report:
    found = [(one, spread_of(sandbox, view, one)) for one in view.scores]
    spreads = {one.name: spread for one, spread in found if spread}
    rank = _rank(view, spreads, options.score)
    measures = [(spread_of(sandbox, view, one), unit) for one, unit in view.measures]
    losses = [replace(one, warning=None) for one in (spread_of(sandbox, view, fault) for fault in view.losses) if one]
    kept = sweep(sandbox, view, rank, spreads[rank.name]) if rank else None
    grouped, more_groups = groups(sandbox, view, rank)
    card, unlike = _whole_card(view.table)
    return Report(
        name=view.table.name,
        rows=view.table.rows,
        card=card,
        facts=facts(sandbox, view, rank),
        missing=[*unlike, *_missing(view), *_unscored(view, spreads, rank, kept)],
        rank=rank.name if rank else None,
        status=count_by(sandbox, view, "status"),
        reasons=reasons(sandbox, view),
        flags=count_listed(sandbox, view, "flags"),
        repairs=count_listed(sandbox, view, "repairs"),
        endings=count_by(sandbox, view, "finish_reason"),
        spreads=list(spreads.values()),
        losses=sorted((one for one in losses if one.maximum > 0), key=lambda one: -one.mean),
        measures=[(replace(spread, warning=None), unit) for spread, unit in measures if spread],
        sweep=kept,
        correlation=correlation(sandbox, view, [one for one, spread in found if spread and spread.distinct > 1]),
        obtained=count_obtained(sandbox, view),
        group=view.group,
        groups=grouped,
        groups_left=more_groups,
        songs=song_lists(sandbox, view, rank, options),
        comparison=compare(sandbox, view, old, rank) if old else None,
    )


def _rank(view: View, spreads: dict[str, Spread], wanted: str | None) -> Score | None:
    """Return the score that ranks: the one named, else the overall, else the first that has values; with a range."""
    scores = sorted(view.scores, key=lambda one: one.name != OVERALL)
    rank = next((one for one in scores if one.name in spreads and wanted in (None, one.name)), None)
    if rank is None or rank.low is not None:
        return rank
    low, high = spreads[rank.name].low, spreads[rank.name].high
    return replace(rank, low=low, high=high) if low < high else rank


def _whole_card(table: Table) -> tuple[dict[str, Any], list[str]]:
    """Return the run card as far as it holds for all of a table, and a sentence if its files were not made alike."""
    card = dict(table.card)
    cards = [found for part in table.parts if (found := card_of(part.schema))]
    settings = [part_of(one, "settings") for one in cards]
    keys = dict.fromkeys(key for one in settings for key in one)
    differ = [key for key in keys if any(one.get(key) != settings[0].get(key) for one in settings)]
    if differ or "merged" in card:
        card["settings"] = {k: v for k, v in part_of(card, "settings").items() if k != "shard"}
    told = [str(key) for key in differ if key not in NOT_ALIKE]
    if len(cards) < len(table.parts) and cards:
        told.append("whether there is a run card at all")
    first = f"Its files were not made alike; they differ in {', '.join(told)}. The run card is that of the first."
    return card, [first] if told else []


def _missing(view: View) -> list[str]:
    """Return what the table does not tell, a sentence each."""
    told = {
        "No run card in the file: engine, model, settings and versions are not known.": not view.table.card,
        "No column of scores: nothing to rank by (--score names one).": not view.scores,
        "No column status: what failed, and why, is not known.": not view.has("status"),
        "No column reason: why songs failed is not known.": view.has("status") and not view.has("reason"),
        "No <field>_detail columns: what the scores were obtained from is not known.": (
            bool(view.scores) and not {one.name for one in view.scores} & set(view.fields)
        ),
        "No column of genres (keep the manifest's with mfq score --keep genre, or name one with --group).": (
            view.group is None
        ),
        "No column song_id: songs are named by their row.": view.id_name is None,
        "No column audio: nothing can be played.": not view.has("audio"),
    }
    found = [sentence for sentence, is_so in told.items() if is_so]
    if rejects := view.table.rejects:
        first = rejects[0]
        found.append(f"Left out, being no rows: {len(rejects):,} (the first, {first.place}: {first.error}).")
    if view.left:
        found.append(f"Too many columns of numbers to show: {', '.join(view.left[:8])} and others were left out.")
    return found


def _unscored(view: View, spreads: dict[str, Spread], rank: Score | None, kept: Sweep | None) -> list[str]:
    """Say which scores have no value at all, who ranks in their place, and how many values are out of range."""
    told = []
    empty = [one.name for one in view.scores if one.name not in spreads]
    if empty and view.table.rows:
        told.append(f"No song has a value of {', '.join(empty)}.")
    if rank and OVERALL in empty:
        told.append(f"There is no overall score, so {rank.name} ranks the songs here.")
    if rank and kept and (outside := spreads[rank.name].count - kept.scored):
        low, high = rank.ends
        told.append(
            f"{outside:,} songs have {rank.name} outside {low:g} to {high:g}: such a score counts as "
            "missing, and no threshold keeps it."
        )
    return told

"""`mfq rank` on one page: songs -> pairs -> cache (inference) -> strengths -> table."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.extras import install_command
from musicflamingo_cli.inference.pairs import seconds_for
from musicflamingo_cli.pipeline import Run, filling, opened
from musicflamingo_cli.quality_scores import scores_of
from musicflamingo_cli.ranking.contest import Contest, RankOptions
from musicflamingo_cli.ranking.table import rank_rows, write_ranks
from musicflamingo_cli.results.write.formats import format_of
from musicflamingo_cli.run_context import RunContext, open_run
from musicflamingo_cli.score_options import ScoreOptions
from musicflamingo_cli.summary import Summary
from musicflamingo_cli.watch import Tick, Watch


def rank(options: ScoreOptions, wanted: RankOptions, watch: Watch | None = None) -> Summary:
    """Rank a manifest's songs into a table. Raises `MfqError` if that can't be done, or the table not be written."""
    form = format_of(options.outputs.table, options.outputs.form)
    if form == "json":
        raise UsageError("a ranking is a table of rows; write it as .parquet, .jsonl or .csv")
    reads = [wanted.scores] if wanted.scores else []
    with opened(_of_pairs(options), form, watch or Watch(), pair=True, reads=reads) as run:
        contest = _contest(run.context, run.name, wanted, run.summary.notes)
        with run.ending_early() as ended:
            _ask(run, contest, wanted.pairs)
        contest.read()
        rows = rank_rows(run.context, contest)
        _count(run.summary, contest, rows)
        write_ranks(run, contest, wanted, rows, form)
        run.finish(ended)
        return run.summary


def plan(options: ScoreOptions, wanted: RankOptions) -> list[tuple[str, int]]:
    """Say what `rank` would do, as far as that can be known: which pairs come next depends on the answers."""
    with ExitStack() as stack:
        context = open_run(_of_pairs(options), stack, pair=True)
        contest = _contest(context, "", wanted, [])
        cached, answered = 0, True
        while answered and not context.lookup.refresh and contest.choose(wanted.pairs - contest.spent):
            contest.read()
            now = sum(one.cached for one in contest.found.values())
            cached, answered = now, now > cached
        scan = context.manifest.scan
        return [
            ("rows", context.rows_total),
            ("  without audio", scan.skipped),
            ("  unreadable", scan.rejected),
            ("songs", len(contest.songs)),
            ("  with a score", int(np.sum(~np.isnan(contest.scores)))),
            ("answers cached", cached),
            ("to ask, at most", 2 * contest.possible(wanted.pairs) - cached),
        ]


def _of_pairs(options: ScoreOptions) -> ScoreOptions:
    """Return options in which the engine hears as much at once as two songs, each no longer than allowed, take."""
    settings = options.settings
    if settings.max_audio_seconds is None:
        return options
    return replace(options, settings=replace(settings, max_audio_seconds=seconds_for(settings.max_audio_seconds)))


def _contest(context: RunContext, run: str, wanted: RankOptions, notes: list[str]) -> Contest:
    """Return the songs before any pair is asked; add to `notes` which of them have no score, and why.

    Raises:
        UsageError: there is nothing to compare.
    """
    if find_spec("scipy") is None:
        raise UsageError(f"mfq rank needs scipy: {install_command('signal')}")
    songs = list(context.songs())
    if len(songs) < 2:
        count = "1 song" if songs else "no song"
        raise UsageError(f"{context.manifest.name} holds {count} that can be heard; a pair takes two")
    if wanted.scores is None:
        return Contest(context, run, songs, np.full(len(songs), np.nan))
    known, others = scores_of(wanted.scores, wanted.by)
    scores = np.array([known.get(song.song_id, np.nan) for song in songs])
    unscored = Counter(others.get(song.song_id, "not in it") for song in songs if song.song_id not in known)
    why = ", ".join(f"{count} {reason}" for reason, count in unscored.most_common())
    said = f"--scores {wanted.scores}: it has no {wanted.by} for"
    if np.isnan(scores).all():
        raise UsageError(f"{said} any song of {context.manifest.name} ({why})")
    if unscored:
        notes.append(f"{said} {unscored.total()} of {len(songs)} songs ({why})")
    return Contest(context, run, songs, scores)


def _ask(run: Run, contest: Contest, pairs: int) -> None:
    """Ask the pairs, round by round: which come next is known when those before are answered."""
    options, told, before = run.context.options, run.watch.on_tick, Tick("listening", 0, 0)
    total = 2 * contest.possible(pairs)
    run.watch = replace(run.watch, on_tick=lambda tick: told(tick.after(before, total)))
    limits = replace(options.limits, failures=None)  # They count songs, which are known at the end.
    with nullcontext(None) if options.cache.offline else filling(run, limits) as runner:
        while questions := contest.choose(pairs - contest.spent):
            if runner is not None:
                before = runner.fill(questions, len(questions)).after(before, total)
            contest.read()
    run.summary.audio_seconds = before.audio_seconds


def _count(summary: Summary, contest: Contest, rows: list[dict[str, Any]]) -> None:
    """Say what was done."""
    summary.rows = len(rows)
    for row in rows:
        summary.status[row["status"]] += 1
        if row.get("reason"):
            summary.reasons[row["status"], row["reason"]] += 1
    summary.preview, summary.pack = rows, None
    figures = contest.figures()
    summary.cached, summary.answered = figures["cached"], figures["answers"] - figures["cached"]
    both, decided, changed = (figures[name] for name in ("compared", "decided", "changed_with_order"))
    notes = summary.notes
    notes.append(
        f"{figures['asked']} pairs in both orders: {decided} decided, {changed} tied by answers that changed with the "
        f"order, {both - decided - changed} tied otherwise, {figures['asked'] - both} without both answers"
    )
    if sided := figures["first_preferred"] + figures["second_preferred"]:
        share = figures["first_preferred"] / sided
        notes.append(f"the first of the two was preferred in {share:.0%} of the {sided} answers that took a side")
    if changed > decided:
        notes.append("warning: most answers follow the order of the songs; this ranking says little beyond its prior")
    if contest.groups > 1 and np.isnan(contest.scores).all():
        notes.append(
            f"warning: the pairs part the songs into {contest.groups} groups that none of them links, so that nothing "
            "is known between these: ask more (--pairs), or give --scores"
        )

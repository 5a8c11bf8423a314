"""`mfq report`: look at a table of scores."""

from typing import Annotated

import typer

from musicflamingo_cli.commands.options import NullValues

WIDTH = 100
"""Columns of the printed form where there is no terminal."""


def report(  # noqa: PLR0913 - a command's options
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="A table of scores: Parquet, a folder of it, CSV or JSON lines.")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", show_default="print text", help="The page, one HTML file; - for stdout."
        ),
    ] = None,
    against: Annotated[str | None, typer.Option(metavar="FILE", help="An older table, to show what moved.")] = None,
    score: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", show_default="the overall score", help="The column that ranks songs."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="COLUMN", show_default="the genre", help="The column of the groups.")
    ] = None,
    songs: Annotated[
        int, typer.Option(min=0, max=200, metavar="N", help="How many best, worst and most uncertain songs.")
    ] = 10,
    audio_root: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER", show_default="the manifest's", help="Folder that relative audio paths start from."
        ),
    ] = None,
    null_values: NullValues = None,
    memory_limit: Annotated[
        str, typer.Option(metavar="SIZE", help="What the queries may use before they go to disk.")
    ] = "2GB",
) -> int:
    """Turn a table of scores into one page to look at, or print it as text.

    Examples:
        mfq report scores.parquet
        mfq report scores.parquet --against last-week.parquet -o report.html
    """
    import shutil
    import sys

    from musicflamingo_cli import console
    from musicflamingo_cli.nulls import null_words
    from musicflamingo_cli.results.report.build import build_report, write_report
    from musicflamingo_cli.results.report.records import ReportOptions
    from musicflamingo_cli.results.report.text import report_lines

    options = ReportOptions(against, score, group, songs, audio_root, memory_limit, null_words(null_values))
    if output is None:
        columns = shutil.get_terminal_size((WIDTH, 24)).columns
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        found = build_report(table, options)
        for line in report_lines(found, columns, encoding):
            console.data(console.safe(line))
    else:
        found = write_report(table, output, options)
    if found.comparison is not None and found.comparison.few_match:
        console.note(found.comparison.few_match)
    if output not in (None, "-"):
        console.note(f"report: {output}")
    return 0

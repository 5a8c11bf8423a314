"""`mfq filter`: which songs a recommender may play, and why the others not."""

from typing import Annotated, Literal

import typer

from musicflamingo_cli.commands.options import NullValues

Missing = Literal["drop", "keep", "fail"]
RULES, OUT, RUN = "Rules", "Output", "Running"


def filter_(  # noqa: PLR0913 - a command's options
    songs: Annotated[
        str,
        typer.Argument(
            metavar="SONGS", help="Scores, or any catalogue: Parquet, a folder of Parquet, CSV, TSV, JSONL or JSON."
        ),
    ],
    scores: Annotated[
        str | None, typer.Option(metavar="FILE", help="Table of scores that is joined to SONGS; its columns are added.")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", show_default="song_id, else id", help="Id column, or songs_column=scores_column."
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Kept rows; the suffix tells the format.", rich_help_panel=OUT
        ),
    ] = None,
    minimum: Annotated[
        list[str] | None,
        typer.Option(
            "--min", metavar="COLUMN=N", help="0.4 (overall), or column=0.5. Repeatable.", rich_help_panel=RULES
        ),
    ] = None,
    maximum: Annotated[
        list[str] | None,
        typer.Option("--max", metavar="COLUMN=N", help="As --min, from above. Repeatable.", rich_help_panel=RULES),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SQL",
            help="SQL expression over the columns, true for rows to keep. Repeatable.",
            rich_help_panel=RULES,
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="The best N of what is left; ties by song_id.", rich_help_panel=RULES),
    ] = None,
    top_percent: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=100.0,
            metavar="PERCENT",
            help="The best share of what is left, rounded up.",
            rich_help_panel=RULES,
        ),
    ] = None,
    by: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column that --top and --top-percent rank by.", rich_help_panel=RULES)
    ] = "overall_quality_score",
    per: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Column: --top, --top-percent and the funnel per value.", rich_help_panel=RULES
        ),
    ] = None,
    null_values: NullValues = None,
    missing: Annotated[
        Missing, typer.Option(help="What becomes of rows that a rule can't judge.", rich_help_panel=RULES)
    ] = "drop",
    form: Annotated[
        Literal["parquet", "csv", "jsonl", "json"] | None,
        typer.Option(
            "--format",
            show_default="by the suffix",
            help="What the tables are written as; json is id to scores.",
            rich_help_panel=OUT,
        ),
    ] = None,
    partition_by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Write a Hive-partitioned folder by this column.", rich_help_panel=OUT),
    ] = None,
    dropped: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Every song not kept, with drop_reason and drop_reasons.", rich_help_panel=OUT
        ),
    ] = None,
    ids: Annotated[
        str | None, typer.Option(metavar="FILE", help="The kept ids, one a line.", rich_help_panel=OUT)
    ] = None,
    report_json: Annotated[
        str | None, typer.Option(metavar="FILE", help="The funnel as JSON; - for stdout.", rich_help_panel=OUT)
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Print kept and dropped at each threshold of this column.", rich_help_panel=OUT
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only the funnel; write no table.", rich_help_panel=RUN)
    ] = False,
    if_changed: Annotated[
        bool, typer.Option("--if-changed", help="Leave outputs that would stay equal untouched.", rich_help_panel=RUN)
    ] = False,
    expect_min_rows: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="With fewer kept, write nothing and exit 1.", rich_help_panel=RUN),
    ] = None,
    memory_limit: Annotated[
        str,
        typer.Option(
            metavar="SIZE", help="Memory that the join may use; beyond it, it spills to disk.", rich_help_panel=RUN
        ),
    ] = "4GB",
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, max=1024, metavar="N", show_default="all cores", help="Threads of the join.", rich_help_panel=RUN
        ),
    ] = None,
) -> int:
    """Keep the songs that pass every rule, in their order, and say why each other one was dropped.

    Examples:
        mfq filter scores.parquet --min 0.6 -o kept.parquet --dropped dropped.parquet
        mfq filter songs.parquet --scores scores.parquet --where "genre <> 'spoken'" --ids allow.txt
    """
    from musicflamingo_cli import console
    from musicflamingo_cli.errors import UsageError
    from musicflamingo_cli.nulls import null_words
    from musicflamingo_cli.results.filter.options import FilterOptions
    from musicflamingo_cli.results.filter.rules import Rule, parse_bound
    from musicflamingo_cli.results.filter.run import filter_table
    from musicflamingo_cli.results.sandbox import Limits
    from musicflamingo_cli.results.write.formats import STDOUT

    if not (output or dropped or ids or report_json or dry_run or sweep):
        raise UsageError("name an output (-o kept.parquet), or ask for --dry-run or --sweep COLUMN")
    rules: list[Rule] = []
    for words in minimum or ():
        rules.append(Rule("min", *parse_bound(words, "--min")))
    for words in maximum or ():
        rules.append(Rule("max", *parse_bound(words, "--max")))
    rules += [Rule("where", expression=expression) for expression in where or ()]
    if top_percent is not None:
        rules.append(Rule("top_percent", by, top_percent, per=per))
    if top is not None:
        rules.append(Rule("top", by, float(top), per=per))
    options = FilterOptions(
        songs=songs,
        rules=tuple(rules),
        missing=missing,
        per=per,
        sweep=sweep,
        scores=scores,
        on=on,
        output=output,
        form=form,
        partition_by=partition_by,
        dropped=dropped,
        ids=ids,
        report=report_json,
        dry_run=dry_run,
        if_changed=if_changed,
        expect_min_rows=expect_min_rows,
        nulls=null_words(null_values),
        limits=Limits(memory_limit, threads),
    )
    found = filter_table(options)
    for line in (*found.notes, *found.funnel):
        console.note(line)
    say = console.note if {output, report_json, ids, dropped} & set(STDOUT) else console.data
    for line in found.sweep:
        say(line)
    return 0

"""`mfq merge`: shards and reruns into one table, or scores of several sources into a catalogue."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from musicflamingo_cli.commands.options import NullValues

if TYPE_CHECKING:
    from musicflamingo_cli.results.merge.options import Normalise, Source

Missing = Literal["null", "renormalise"]
SHARDS, SOURCES, OUT = "Shards and reruns", "Sources", "Output"


def merge(  # noqa: PLR0913 - a command's options
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TABLE...", help="Scores of one kind, later ones winning ties; or, with --with, one catalogue."
        ),
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The table; its suffix tells the format.", rich_help_panel=OUT
        ),
    ] = "merged.parquet",
    form: Annotated[
        Literal["parquet", "csv", "jsonl", "json"] | None,
        typer.Option(
            "--format",
            show_default="by the suffix",
            help="What the table is written as; json is id to scores.",
            rich_help_panel=OUT,
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", show_default="song_id, else id", help="Id column, or songs_column=sources_column."
        ),
    ] = None,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="NAME=TABLE",
            help="name=table, or name=table:column. Repeatable.",
            rich_help_panel=SOURCES,
        ),
    ] = None,
    combine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=WEIGHT,...", help="Weights: mf=0.6,aes=0.4, or a file of mfq tune.", rich_help_panel=SOURCES
        ),
    ] = None,
    as_: Annotated[
        str, typer.Option("--as", metavar="COLUMN", help="Column of the combined score.", rich_help_panel=SOURCES)
    ] = "quality",
    scale: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SCALE",
            help="name=low:high or name=rank. Known for mfq's scores and Audiobox.",
            rich_help_panel=SOURCES,
        ),
    ] = None,
    missing: Annotated[
        Missing, typer.Option(help="What the combined score is where a source lacks the song.", rich_help_panel=SOURCES)
    ] = "null",
    input_: Annotated[
        str | None,
        typer.Option(
            "--input", metavar="FILE", help="Audiobox's input file, whose lines give the ids.", rich_help_panel=SOURCES
        ),
    ] = None,
    normalise: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=rank", help="rank (all scores) or column=rank, into <column>_rank.", rich_help_panel=SOURCES
        ),
    ] = None,
    per: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Rank within each value of this column.", rich_help_panel=SOURCES),
    ] = None,
    allow_mixed: Annotated[
        bool,
        typer.Option(
            "--allow-mixed", help="Merge other engines, models, prompts and weights too.", rich_help_panel=SHARDS
        ),
    ] = False,
    conflicts: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Rows of songs with two different ok scores.", rich_help_panel=SHARDS),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse conflicts.", rich_help_panel=SHARDS)] = False,
    null_values: NullValues = None,
    rejects: Annotated[
        str | None, typer.Option(metavar="FILE", help="What is no row, with the reason.", rich_help_panel=OUT)
    ] = None,
    report_json: Annotated[
        str | None, typer.Option(metavar="FILE", help="What was found, as JSON.", rich_help_panel=OUT)
    ] = None,
    if_changed: Annotated[
        bool, typer.Option("--if-changed", help="Leave outputs that would stay equal untouched.", rich_help_panel=OUT)
    ] = False,
    memory_limit: Annotated[
        str, typer.Option(metavar="SIZE", help="Memory that the join may use; beyond it, it spills.")
    ] = "4GB",
    threads: Annotated[
        int | None, typer.Option(min=1, max=1024, metavar="N", show_default="all cores", help="Threads of the join.")
    ] = None,
) -> int:
    """Merge shards and reruns into one row a song, or join scores of several sources to a catalogue.

    Examples:
        mfq merge scores-1.parquet scores-2.parquet -o scores.parquet
        mfq merge songs.parquet --with mf=scores.parquet --with aes=aes.jsonl --combine mf=0.6,aes=0.4
    """
    from musicflamingo_cli import console
    from musicflamingo_cli.errors import UsageError
    from musicflamingo_cli.nulls import null_words
    from musicflamingo_cli.results.merge.combine import parse_combination, parse_scale
    from musicflamingo_cli.results.merge.options import MergeOptions
    from musicflamingo_cli.results.merge.run import merge_tables
    from musicflamingo_cli.results.sandbox import Limits

    if not tables and not with_:
        raise UsageError(
            "name the tables: mfq merge TABLE... -o out.parquet, or mfq merge songs.parquet --with mf=TABLE"
        )
    if not with_ and (combine or scale or input_):
        raise UsageError("--combine, --scale and --input are about sources; name them with --with name=table")
    if with_ and (conflicts or strict):
        raise UsageError("--conflicts and --strict are about shards; they don't go with --with")
    if per and not normalise:
        raise UsageError("--per goes with --normalise rank")
    combination = parse_combination(combine, as_, missing) if combine else None
    options = MergeOptions(
        tables=tuple(tables or ()),
        output=output,
        form=form,
        on=on,
        sources=tuple(_source(words) for words in with_ or ()),
        combination=combination,
        scales=dict(parse_scale(words) for words in scale or ()),
        audiobox_input=input_,
        normalise=_normalise(normalise, per),
        conflicts=conflicts,
        rejects=rejects,
        report=report_json,
        strict=strict,
        allow_mixed=allow_mixed,
        if_changed=if_changed,
        nulls=null_words(null_values),
        limits=Limits(memory_limit, threads),
    )
    for line in merge_tables(options).lines:
        console.note(line)
    return 0


def _source(words: str) -> "Source":
    """Read `name=table` or `name=table:column`."""
    from musicflamingo_cli.errors import UsageError
    from musicflamingo_cli.results.merge.combine import NAME
    from musicflamingo_cli.results.merge.options import Source

    name, equals, table = words.partition("=")
    if not equals or not NAME.match(name) or not table:
        raise UsageError(f"--with {words}: say --with name=table, or name=table:column")
    place, colon, column = table.rpartition(":")
    if colon and place and column and not Path(table).exists():
        return Source(name, place, column)
    return Source(name, table)


def _normalise(wanted: list[str] | None, per: str | None) -> "Normalise | None":
    from musicflamingo_cli.errors import UsageError
    from musicflamingo_cli.results.merge.options import Normalise

    if not wanted:
        return None
    columns = []
    for words in wanted:
        column, _, how = words.rpartition("=")
        if how != "rank":
            raise UsageError(f"--normalise {words}: say rank, or column=rank")
        columns += [column] if column else []
    return Normalise(tuple(columns), per)

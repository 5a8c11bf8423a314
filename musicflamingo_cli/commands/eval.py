"""`mfq eval`: set a table of scores against labels."""

from typing import Annotated

import typer

from musicflamingo_cli.commands import options


def eval_(  # noqa: PLR0913 - a command's options
    scores: options.ScoresTable,
    labels: Annotated[
        str,
        typer.Argument(metavar="LABELS", help="A table of ratings: a row a song, a row a rater, or a list in a cell."),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", show_default="print text", help="A page (.html), text (.txt) or .json."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON in place of text.")] = False,
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            show_default="the only column of numbers",
            help="A column of LABELS, or column.field; with --text also what it says, as bpm:tempo. May repeat.",
        ),
    ] = None,
    on: options.ScoresId = None,
    label_id: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN[:PART]",
            show_default="song_id or id",
            help="Column of the id in LABELS; of a path, :stem takes the name without suffix, :2 the last two parts.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN,...",
            show_default="every score",
            help="Columns of SCORES that are judged; '*' is any number.",
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column of SCORES that says a tempo, key or genre. May repeat."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(metavar="COLUMN[:PATTERN]", help="What belongs together and is drawn together: artist, system."),
    ] = None,
    per: Annotated[
        str | None, typer.Option(metavar="COLUMN[:PATTERN]", help="Judge within each value of a column too.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="FILE|COLUMN", help="Another table or column: which ranks better?")
    ] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="LABELS holds pairs: columns winner and loser.")] = False,
    good: Annotated[
        str | None, typer.Option(metavar="LIMIT", help="Find a threshold: 'rating >= 4' says which songs are good.")
    ] = None,
    precision: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Share of kept songs that must be good.")
    ] = 0.9,
    resamples: options.Resamples = 1000,
    seed: options.Seed = 0,
) -> int:
    """Tell how well scores agree with people's ratings, and which threshold they allow.

    Examples:
        mfq eval scores.parquet ratings.csv --label rating --good 'rating >= 4'
        mfq eval scores.parquet ratings.csv --against last-week.parquet --group artist -o eval.html
    """
    from musicflamingo_cli import console
    from musicflamingo_cli.evaluation.evaluate import evaluate
    from musicflamingo_cli.evaluation.output import check_place, json_text, write_evaluation
    from musicflamingo_cli.evaluation.records import EvalOptions
    from musicflamingo_cli.evaluation.text import text_lines
    from musicflamingo_cli.progress import counter

    if output is not None:
        check_place(output, [name for name in (scores, labels, against) if name])
    asked = EvalOptions(
        labels=tuple(label or ()),
        on=on,
        label_id=label_id,
        columns=tuple(name for name in (columns or "").split(",") if name),
        group=group,
        per=per,
        against=against,
        pairs=pairs,
        texts=tuple(text or ()),
        good=good,
        precision=precision,
        resamples=resamples,
        seed=seed,
    )
    with counter("resamples") as told:
        found = evaluate(scores, labels, asked, told)
    if json:
        console.data(json_text(found))
    elif output is None:
        for line in text_lines(found):
            console.data(console.safe(line))
    if output is not None:
        write_evaluation(found, output)
        console.note(f"evaluation: {output}")
    return 0

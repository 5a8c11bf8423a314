"""`mfq tune`: fit the weights of scores to labels."""

import math
from typing import Annotated, Literal

import typer

from musicflamingo_cli.commands import options


def tune(  # noqa: PLR0913 - a command's options
    scores: options.ScoresTable,
    labels: Annotated[str, typer.Argument(metavar="LABELS", help="A table of ratings, as for mfq eval.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="The weights.")] = "weights.toml",
    label: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", show_default="the only column of numbers", help="The column of LABELS."),
    ] = None,
    on: options.ScoresId = None,
    label_id: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN[:PART]", show_default="song_id or id", help="Column of the id in LABELS, as for mfq eval."
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="COLUMN,...", show_default="every score but the overall", help="What is weighed."),
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=WORST:BEST", help="Range of a column. Known for mfq's scores. May repeat."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(metavar="COLUMN[:PATTERN]", help="What stays in one fold and is drawn together: artist, system."),
    ] = None,
    fit: Annotated[
        Literal["values", "ranks"], typer.Option(help="Least squares to the labels' values, or to their ranks.")
    ] = "values",
    force: Annotated[bool, typer.Option("--force", help="Write weights that are no gain for sure.")] = False,
    resamples: options.Resamples = 1000,
    seed: options.Seed = 0,
) -> int:
    """Fit weights to people's ratings, and say what they gain on songs that they were not made from.

    Examples:
        mfq tune scores.parquet ratings.csv --label rating --group artist -o weights.toml
        mfq tune both.parquet ratings.csv --columns production_quality,clap --scale clap=-1:1 --fit ranks
    """
    from musicflamingo_cli import console
    from musicflamingo_cli.errors import UsageError
    from musicflamingo_cli.evaluation.records import TuneOptions
    from musicflamingo_cli.evaluation.text import tuning_lines
    from musicflamingo_cli.evaluation.tune import fit_weights
    from musicflamingo_cli.evaluation.weights_file import write_weights
    from musicflamingo_cli.progress import counter
    from musicflamingo_cli.results.write.formats import STDOUT, check_output

    check_output(output, "toml", [scores, labels])
    asked = TuneOptions(
        labels=(label,) if label else (),
        on=on,
        label_id=label_id,
        columns=tuple(name for name in (columns or "").split(",") if name),
        group=group,
        resamples=resamples,
        seed=seed,
        fit=fit,
        ranges=dict(_range(words) for words in scale or ()),
    )
    with counter("resamples") as told:
        found = fit_weights(scores, labels, asked, told)
    tell = console.note if output in STDOUT else console.data
    for line in tuning_lines(found):
        tell(console.safe(line))
    if found.doubts and not force:
        raise UsageError(f"no weights written: {'; '.join(found.doubts)}; --force writes them all the same")
    write_weights(found, output)
    console.note(f"weights: {output}")
    return 0


def _range(words: str) -> tuple[str, tuple[float, float]]:
    """Read `clap=-1:1`, or `noise=1:0` where less is better."""
    from musicflamingo_cli.errors import UsageError

    name, _, ends = words.rpartition("=")
    try:
        worst, best = map(float, ends.split(":"))
    except ValueError:
        worst = best = 0.0
    if not name or worst == best or not math.isfinite(worst - best):
        raise UsageError(f"--scale {words}: say --scale name=worst:best, two numbers")
    return name, (worst, best)

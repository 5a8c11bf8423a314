"""`mfq status`: how a run is going, or how the last one went."""

from typing import Annotated

import typer

from musicflamingo_cli.commands.options import CacheDir, cache_folder


def status(
    where: Annotated[
        str | None,
        typer.Argument(
            metavar="WHERE",
            show_default="the cache folder",
            help="A cache folder, a folder of such, or the file of --stats.",
        ),
    ] = None,
    cache_dir: CacheDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> int:
    """Print how a run is going, or how the last one went: counts, rates, memory.

    Examples:
        mfq status
        mfq status stats.json --json
    """
    from musicflamingo_cli import inspection, views

    views.status(inspection.status_of(where or cache_folder(cache_dir)), as_json=as_json)
    return 0

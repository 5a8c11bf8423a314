"""`mfq status`: how a run is going, or how the last one went."""

from __future__ import annotations

from typing import Annotated

import typer


def status(
    where: Annotated[
        str, typer.Argument(metavar="WHERE", help="A cache folder, a folder of such, or the file of --stats.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> int:
    """Print how a run is going, or how the last one went: counts, rates, memory."""
    from musicflamingo_cli import console, enquiries

    console.status(enquiries.status_of(where), as_json=as_json)
    return 0

"""`mfq show`: everything that the cache knows of one song."""

from typing import Annotated

import typer

from musicflamingo_cli.commands.options import CacheDir, cache_folder


def show(
    song_id: Annotated[str, typer.Argument(metavar="ID", help="The song's id, as in the manifest.")],
    cache_dir: CacheDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> int:
    """Print everything known of one song: settings, raw reply, how each field was obtained, measures.

    Examples:
        mfq show song-1
        mfq show song-1 --cache-dir data/cache --json
    """
    from musicflamingo_cli import inspection, views
    from musicflamingo_cli.errors import UsageError

    root = cache_folder(cache_dir)
    found = inspection.known_of(song_id, root)
    if not found:
        raise UsageError(f"the cache {root} holds nothing of song '{song_id}' (another one: --cache-dir)")
    views.song(found, as_json=as_json)
    return 0

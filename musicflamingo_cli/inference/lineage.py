"""One cache folder, one commit: replies of two commits of a repository never stand in one folder.

A branch such as `main` moves, and is downloaded again. Before its first download nobody knows the commit, so that the
folder's name can't hold it: it is noted beside `run.json` when the model is first loaded, and holds for later runs.
"""

from __future__ import annotations

from pathlib import Path

from musicflamingo_cli.engines.base import Engine, pin, provenance
from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.files import read_regular, write_whole

NAME = "commit.txt"


def load_as_before(engine: Engine, folder: Path) -> None:
    """Load an engine's model: the commit that a cache folder was filled with, where one is noted; else note it.

    Raises like `Engine.load`, and `OutputError` if the note can't be written.
    """
    noted = _noted(folder)
    if noted is not None:
        pin(engine, noted)
    engine.load()
    commit = provenance(engine).get("commit")
    if isinstance(commit, str) and commit != noted:
        try:
            write_whole(folder / NAME, f"{commit}\n".encode(), within=folder.parent)
        except OSError as problem:
            raise OutputError(f"cache file {folder / NAME}: {problem.strerror}") from None


def _noted(folder: Path) -> str | None:
    """Return the commit of a folder's replies; None where there are no entries yet, which hold nobody to anything."""
    try:
        noted = read_regular(folder / NAME, 1000, within=folder.parent).decode("ascii").strip()
    except (OSError, ValueError):
        return None
    return noted if noted and next(folder.glob("[0-9a-f][0-9a-f]/*.json"), None) else None

"""One cache folder, one commit or one set of weights: replies of two never stand in one folder.

A branch such as `main` moves, and is downloaded again. Before its first download nobody knows the commit, so that the
folder's name can't hold it: it is noted beside `run.json` when the model is first loaded, and holds for later runs.
"""

from __future__ import annotations

from pathlib import Path

from musicflamingo_cli.engines.base import Engine
from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.files import read_regular, write_whole

NAME = "commit.txt"
WEIGHTS = "weights.txt"
"""The digest of all weights, in a folder that an earlier version named by a digest of some."""


def load_as_before(engine: Engine, folder: Path) -> None:
    """Load an engine's model: the commit that a cache folder was filled with, where one is noted; else note it.

    Raises like `Engine.load`, and `OutputError` if the note can't be written.
    """
    noted = _noted(folder)
    if noted is not None:
        engine.pin(noted)
    engine.load()
    commit = engine.provenance.get("commit")
    if isinstance(commit, str) and commit != noted:
        _note(folder / NAME, commit)


def noted_weights(folder: Path) -> str | None:
    """Return the digest of the weights that a cache folder was taken over with, if it was."""
    return _text(folder / WEIGHTS)


def note_weights(folder: Path, digest: str) -> None:
    """Hold a cache folder that is taken over to these weights from now on. Raises `OutputError`."""
    if noted_weights(folder) is None:
        _note(folder / WEIGHTS, digest)


def _note(path: Path, text: str) -> None:
    try:
        write_whole(path, f"{text}\n".encode(), within=path.parent.parent)
    except OSError as problem:
        raise OutputError(f"cache file {path}: {problem.strerror}") from None


def _text(path: Path) -> str | None:
    try:
        return read_regular(path, 1000, within=path.parent.parent).decode("ascii").strip() or None
    except (OSError, ValueError):
        return None


def _noted(folder: Path) -> str | None:
    """Return the commit of a folder's replies; None where there are no entries yet, which hold nobody to anything."""
    noted = _text(folder / NAME)
    return noted if noted and next(folder.glob("[0-9a-f][0-9a-f]/*.json"), None) else None

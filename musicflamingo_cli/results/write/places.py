"""Where outputs may stand: beside what is there, never in place of a folder or of what is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.write.formats import STDOUT


def check_folder(name: str) -> None:
    """Refuse to replace a folder that holds anything but partitions. Raises `UsageError`."""
    target = Path(name).resolve()
    if target.exists() and not target.is_dir():
        raise UsageError(f"-o {name} is a file; --partition-by writes a folder")
    for path in sorted(target.rglob("*")):
        pieces = path.relative_to(target).parts
        ours = len(pieces) == 2 and "=" in pieces[0] and pieces[1].startswith("part-") and path.suffix == ".parquet"
        if path.is_symlink() or (path.is_file() and not ours):
            raise UsageError(f"-o {name} holds {'/'.join(pieces)}, which is no partition; name another folder")


def check_outputs(
    outputs: Sequence[tuple[str, str | None]], inputs: Sequence[str | None], *, folder: str | None = None
) -> None:
    """Refuse an output without a folder, that is a folder, or that is an input or another output.

    Args:
        outputs: Flags and the names after them.
        inputs: What is read.
        folder: The flag whose output is a folder.

    Raises:
        UsageError: With the flag and the name.
    """
    seen = {Path(name).resolve(): f"the input {name}" for name in inputs if name}
    for flag, name in outputs:
        if name is None:
            continue
        straight = name in STDOUT
        place = Path("-") if straight else Path(name).resolve()
        if not straight and not place.parent.is_dir():
            raise UsageError(f"{flag} {name}: there is no folder {place.parent}; make it first")
        if not straight and place.is_dir() and flag != folder:
            raise UsageError(f"{flag} {name} is a folder; name a file in it")
        clash = next((what for path, what in seen.items() if path == place or path in place.parents), None)
        if clash and not (place.exists() and not place.is_file() and not place.is_dir()):
            raise UsageError(f"{flag} {name}: that is {clash}, or in it; name another place")
        seen[place] = f"the output of {flag}"

"""How long a file says that it is, from its header alone."""

from __future__ import annotations

from contextlib import closing

from musicflamingo_cli.intake.audio.decoders import open_reader
from musicflamingo_cli.intake.audio.fingerprint import open_regular
from musicflamingo_cli.intake.audio.formats import sniff
from musicflamingo_cli.intake.reasons import Unheard


def expected_seconds(path: str) -> float | None:
    """Return about how many seconds of audio a file holds, or None if its header doesn't tell. Decodes nothing."""
    try:
        with open_regular(path) as (fd, status):
            form = sniff(fd, status.st_size)
            if form is None:
                return None
            with closing(open_reader(form.libraries[0], fd, form)) as reader:
                return reader.expected / reader.sample_rate if reader.expected else None
    except (Unheard, ImportError, OSError, MemoryError, ValueError):
        return None

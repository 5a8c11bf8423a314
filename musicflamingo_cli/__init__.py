"""mfq: quality scores and captions for a catalogue of songs.

>>> from musicflamingo_cli import score_songs
>>> table = score_songs("songs/", engine="signal")  # doctest: +SKIP
"""

TYPE_CHECKING = False  # As type checkers read it; `typing` is not imported: see `processes`.

if TYPE_CHECKING:
    from typing import Any

    from musicflamingo_cli.api import score_songs
    from musicflamingo_cli.recommender import QualityFilter
    from musicflamingo_cli.scoring.reply.parse import parse_reply

__all__ = ["QualityFilter", "parse_reply", "score_songs"]
_HOMES = {
    "QualityFilter": "musicflamingo_cli.recommender",
    "parse_reply": "musicflamingo_cli.scoring.reply.parse",
    "score_songs": "musicflamingo_cli.api",
}


def __getattr__(name: str) -> "Any":
    """Import a public name when it is first asked for, so that `import musicflamingo_cli` costs nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("musicflamingo-cli")
    if name not in _HOMES:  # As for every submodule that is imported from here.
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Name what `__getattr__` imports too, for notebooks that complete words."""
    return sorted({*globals(), *__all__, "__version__"})

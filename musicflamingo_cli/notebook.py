"""`score_songs`: what `mfq score` does, for people in a notebook."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicflamingo_cli import pipeline
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.runs import ScoreOptions

if TYPE_CHECKING:
    import pandas as pd


def score_songs(
    songs: str | Path | pd.DataFrame | Iterable[Mapping[str, Any]],
    *,
    engine: str = "signal",
    cache_dir: str | Path | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Score songs and return the table, one row per song in their order, as `mfq score` would write it.

    Args:
        songs: a manifest, folder, glob or audio file by name; or rows with an id and an audio column, as a DataFrame
            or as mappings. Relative audio paths in rows start from the current folder.
        engine: who listens, as in `mfq score --engine`.
        cache_dir: where replies are kept; None keeps none.
        options: the further fields of `ScoreOptions`, e.g. ``prompt="technical"``, ``keep=("genre",)``, ``workers=4``.

    Raises:
        UsageError: the songs or an option can't be used as given.
        EngineError: the engine could not run.
    """
    import pandas as pd

    unknown = sorted(set(options) - set(ScoreOptions.__slots__))
    if unknown:
        raise UsageError(f"score_songs has no option '{unknown[0]}' (options: {', '.join(ScoreOptions.__slots__)})")
    with tempfile.TemporaryDirectory(prefix="mfq-") as folder:
        table = Path(folder) / "scores.parquet"
        if isinstance(songs, str | Path):
            manifest = str(songs)
        else:
            rows = songs.to_dict("records") if isinstance(songs, pd.DataFrame) else songs
            manifest = str(_write_rows(rows, Path(folder) / "songs.jsonl"))
            options.setdefault("audio_root", str(Path.cwd()))
        asked = ScoreOptions(manifest, str(table), engine=engine, **options)
        cache = None if cache_dir is None else str(Path(cache_dir).expanduser())
        pipeline.score(replace(asked, form="parquet", cache_dir=cache))
        return pd.read_parquet(table)


def _write_rows(rows: Iterable[Mapping[Any, Any]], path: Path) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({str(k): v for k, v in row.items()}, default=str) + "\n")
    return path

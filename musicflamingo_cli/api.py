"""`score_songs`: what `mfq score` does, for people in a notebook."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicflamingo_cli import pipeline
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.run_card import CARD_KEY
from musicflamingo_cli.score_options import OPTIONS, score_options

KNOWN = OPTIONS - {"output", "form"}
"""What `score_songs` can be told."""

if TYPE_CHECKING:
    import pandas as pd


def score_songs(
    songs: str | Path | pd.DataFrame | Iterable[Mapping[str, Any]],
    *,
    engine: str = "flamingo",
    cache_dir: str | Path | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Score songs and return the table, one row per song in their order, as `mfq score` would write it.

    Args:
        songs: a manifest, folder, glob or audio file by name; or rows with an id and an audio column, as a DataFrame
            or as mappings. Relative audio paths in rows start from the current folder.
        engine: who listens, as in `mfq score --engine`.
        cache_dir: where replies are kept; None keeps none.
        options: as on the command line, with ``_`` for ``-``: ``prompt="technical"``, ``keep="genre"``, ``workers=4``,
            ``weights={"production_quality": 1}``, ``min_coverage=0.8``, ... The run card is in ``attrs["mfq.run"]``.

    Raises:
        UsageError: the songs or an option can't be used as given.
        EngineError: the engine could not run.
    """
    import pandas as pd
    import pyarrow.parquet as pq

    unknown = sorted(set(options) - KNOWN)
    if unknown:
        raise UsageError(f"score_songs has no option '{unknown[0]}' (options: {', '.join(sorted(KNOWN))})")
    weights = options.get("weights")
    if isinstance(weights, Mapping):
        options["weights"] = ",".join(f"{name}={value}" for name, value in weights.items())
    with tempfile.TemporaryDirectory(prefix="mfq-") as folder:
        table = Path(folder) / "scores.parquet"
        if isinstance(songs, str | Path):
            manifest = str(songs)
        else:
            rows = songs.to_dict("records") if isinstance(songs, pd.DataFrame) else songs
            manifest = str(_write_rows(rows, Path(folder) / "songs.jsonl"))
            options.setdefault("audio_root", str(Path.cwd()))
        cache = None if cache_dir is None else str(Path(cache_dir).expanduser())
        options |= {"output": str(table), "form": "parquet", "engine": engine, "cache_dir": cache}
        pipeline.score(score_options(manifest, options))
        frame = pd.read_parquet(table)
        card = pq.read_metadata(table).metadata.get(CARD_KEY.encode())
        frame.attrs[CARD_KEY] = json.loads(card) if card else None
        return frame


def _write_rows(rows: Iterable[Mapping[Any, Any]], path: Path) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            if not isinstance(row, Mapping):
                raise UsageError(f"a song is a mapping with an id and an audio column, not {row!r:.80}")
            file.write(json.dumps({str(k): v for k, v in row.items()}, default=str) + "\n")
    return path

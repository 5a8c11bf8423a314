"""Compare `mfq filter` with the same join, order and Parquet write typed straight into DuckDB.

The tables are made here: songs in the order of their rows, scores in another order, a missing score in every 17th row.
Both sides run as processes of their own, in turns; the figures are the best of `--rounds`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

SONGS = """
COPY (SELECT 'song-' || lpad(((i * 7919) % {n})::VARCHAR, 9, '0') AS song_id, 'Title of ' || i AS title,
      ['rock', 'pop', 'jazz', 'spoken', 'folk', NULL][1 + (i * 31) % 6] AS genre,
      30 + (i * 17 % 3000) / 10.0 AS duration,
      (i * 13 % 100000)::INT AS play_count, TIMESTAMP '2024-01-01' + INTERVAL (i % 1000000) SECOND AS created_at,
      'user-' || (i % 50000) AS user_id, (i % 3) = 0 AS is_public FROM range({n}) t(i)) TO '{path}' (FORMAT parquet)
"""
SCORES = """
COPY (SELECT 'song-' || lpad(((i * 104729 + 5) % {n})::VARCHAR, 9, '0') AS song_id, 'ok' AS status,
      CASE WHEN i % 17 = 0 THEN NULL ELSE (hash(i) % 1000) / 1000.0::DOUBLE END AS overall_quality_score,
      1.0::DOUBLE AS coverage, (hash(i + 1) % 100) / 100.0::DOUBLE AS content_usefulness,
      (hash(i + 2) % 100) / 100.0::DOUBLE AS production_quality,
      (hash(i + 3) % 100) / 100.0::DOUBLE AS content_enjoyment,
      (hash(i + 4) % 100) / 100.0::DOUBLE AS production_complexity,
      (hash(i + 5) % 100) / 100.0::DOUBLE AS overall_recommendation_score, 'flamingo' AS engine,
      -14 + (hash(i + 6) % 1000) / 100.0::DOUBLE AS loudness_lufs FROM range({n}) t(i)) TO '{path}' (FORMAT parquet)
"""
STATEMENT = """
import duckdb
c = duckdb.connect()
c.execute("SET memory_limit = '{memory}'; SET threads = {threads}; SET temp_directory = '{folder}/spill'")
c.execute('''COPY (SELECT s.* EXCLUDE (file_row_number), c.* EXCLUDE (song_id)
    FROM read_parquet('{folder}/songs.parquet', file_row_number = true) s
    LEFT JOIN read_parquet('{folder}/scores.parquet') c USING (song_id)
    WHERE overall_quality_score >= 0.4 ORDER BY s.file_row_number) TO '{folder}/duckdb.parquet' (FORMAT parquet)''')
"""


def timed(command: list[str]) -> tuple[float, float, int]:
    """Run a command; return its wall-clock and CPU seconds and its peak memory in MB."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        raise SystemExit(process.stderr.read().decode() if process.stderr else "a command failed")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def main() -> None:
    """Print seconds, memory and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mfq-bench-") as folder:
        songs, scores, kept = (str(Path(folder) / f"{name}.parquet") for name in ("songs", "scores", "kept"))
        connection = duckdb.connect()
        connection.execute(SONGS.format(n=chosen.rows, path=songs))
        connection.execute(SCORES.format(n=chosen.rows, path=scores))
        connection.close()
        straight = STATEMENT.format(folder=folder, memory=chosen.memory, threads=chosen.threads)
        words = ["filter", songs, "--scores", scores, "--min", "0.4", "-o", kept, "--memory-limit", chosen.memory]
        words += ["--threads", str(chosen.threads)]
        ours = f"import sys; from musicflamingo_cli.cli import main; sys.exit(main({words!r}))"
        found: dict[str, list[tuple[float, float, int]]] = {"duckdb": [], "mfq filter": []}
        for _ in range(chosen.rounds):
            found["duckdb"].append(timed([sys.executable, "-c", straight]))
            found["mfq filter"].append(timed([sys.executable, "-c", ours]))
        same = pq.read_metadata(kept).num_rows == pq.read_metadata(Path(folder) / "duckdb.parquet").num_rows
        for name, runs in found.items():
            wall, cpu, memory = min(runs)
            print(f"{name:<11} {chosen.rows} rows  {wall:7.2f} s  {cpu:7.2f} s of CPU  {memory:6d} MB")
        ratio = min(found["mfq filter"])[0] / min(found["duckdb"])[0]
        print(f"ratio {ratio:.2f} (goal: at most 1.2); the same number of rows kept: {same}")


if __name__ == "__main__":
    main()

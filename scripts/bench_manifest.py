"""Rows a second and peak memory of the manifest reader, for each form at two sizes, beside the bare parser.

    python scripts/bench_manifest.py [ROWS]

Each measurement runs in a process of its own: a first pass and one pass over the rows. The baseline is what the
standard library or pyarrow takes to read the same file once and do nothing with it.
"""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

SMALL = 1_000
LARGE = 1_000_000


def rows(count: int) -> Iterator[dict[str, object]]:
    for number in range(count):
        yield {
            "id": f"song-{number:09d}",
            "title": f"Title {number % 5000} é",
            "audio": f"audio/{number % 256:02x}/{number:09d}.mp3",
            "genre": "electronic",
            "plays": number * 7 % 100_003,
            "duration": number % 400 + 0.25,
        }


def write_jsonl(path: Path, count: int) -> None:
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows(count))


def write_packed(path: Path, count: int) -> None:
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.writelines(json.dumps(row) + "\n" for row in rows(count))


def write_json(path: Path, count: int) -> None:
    with path.open("w") as file:
        file.write('{"songs": [')
        file.writelines(("," if number else "") + json.dumps(row) for number, row in enumerate(rows(count)))
        file.write("]}")


def write_csv(path: Path, count: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(next(rows(1))))
        writer.writeheader()
        writer.writerows(rows(count))


def write_parquet(path: Path, count: int) -> None:
    import pandas as pd

    pd.DataFrame(list(rows(count))).to_parquet(path)


def bare_jsonl(path: Path) -> int:
    with path.open() as file:
        return sum(1 for line in file if json.loads(line))


def bare_packed(path: Path) -> int:
    with gzip.open(path, "rt") as file:
        return sum(1 for line in file if json.loads(line))


def bare_json(path: Path) -> int:
    import ijson

    with path.open("rb") as file:
        return sum(1 for _ in ijson.items(file, "songs.item", use_float=True))


def bare_csv(path: Path) -> int:
    with path.open(newline="") as file:
        return sum(1 for _ in csv.DictReader(file))


def bare_parquet(path: Path) -> int:
    import pyarrow.parquet as pq

    batches = pq.ParquetFile(path).iter_batches(columns=["id", "title", "audio"])
    return sum(len(batch.to_pylist()) for batch in batches)


FORMS: dict[str, tuple[Callable[[Path, int], None], Callable[[Path], int]]] = {
    "songs.jsonl": (write_jsonl, bare_jsonl),
    "songs.jsonl.gz": (write_packed, bare_packed),
    "songs.json": (write_json, bare_json),
    "songs.csv": (write_csv, bare_csv),
    "songs.parquet": (write_parquet, bare_parquet),
}


def peak_mib() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(path: str) -> None:
    """In a child: seconds of the first pass and of the rows, rows, peak MiB."""
    from musicflamingo_cli.intake.manifest.manifest import ManifestOptions, open_manifest

    start = time.perf_counter()
    with open_manifest(path, ManifestOptions()) as manifest:
        opened = time.perf_counter()
        count = sum(1 for _ in manifest.rows())
    print(json.dumps([opened - start, time.perf_counter() - opened, count, peak_mib()]))


def measure_bare(path: str) -> None:
    start = time.perf_counter()
    count = FORMS[Path(path).name][1](Path(path))
    print(json.dumps([time.perf_counter() - start, count, peak_mib()]))


def in_child(what: str, path: Path) -> list[float]:
    done = subprocess.run([sys.executable, __file__, what, str(path)], capture_output=True, text=True, check=True)
    values: list[float] = json.loads(done.stdout)
    return values


def main(large: int) -> None:
    print(f"{'form':16} {'rows':>9} {'first pass':>12} {'rows pass':>12} {'peak':>9} {'bare parser':>12} {'ratio':>6}")
    for name, (write, _) in FORMS.items():
        peaks = []
        for count in (SMALL, large):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / name
                write(path, count)
                first, second, read, peak = in_child("measure", path)
                bare = in_child("bare", path)[0]
            if read != count:
                raise SystemExit(f"{name}: {read} rows instead of {count}")
            peaks.append(peak)
            print(
                f"{name:16} {count:9} {count / first:10.0f}/s {count / second:10.0f}/s {peak:5.0f} MiB "
                f"{count / bare:10.0f}/s {bare / second:6.2f}"
            )
        print(f"{'':16} {large} rows take {peaks[1] - peaks[0]:.0f} MiB more than {SMALL}")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        {"measure": measure, "bare": measure_bare}[sys.argv[1]](sys.argv[2])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else LARGE)

"""Memory, file handles, threads and children of `mfq score` as the catalogue grows.

    python scripts/bench_resources.py [--rows 1000000] [--songs 10000]

Memory is the sum over the run and its children, resident (what is shared counted in each), at its peak: of a dry run
and of a run whose rows all fail at once, for missing files, at 1 000 rows and at `--rows`. Over `--songs` tiny songs
with the fake engine the run is looked at as it goes; what it holds near the end is set beside what it held near the
beginning. At most 200 MB more, nothing held that grows, nothing left in the folder of temporary files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

SMALL = 1_000
MOST_MB = 200.0
EVERY_SECONDS = 0.1
CODE = "import sys; from musicflamingo_cli.cli import main; sys.exit(main())"


@dataclass(frozen=True, slots=True)
class Look:
    """What a run and its children held at one moment."""

    megabytes: float
    handles: int
    threads: int
    children: int


def family(pid: int) -> Iterator[int]:
    """Yield a process and all that it started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def look(pid: int) -> Look | None:
    """Look at a run; None where it just ended."""
    try:
        pids = list(family(pid))
        pages = sum(int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in pids)
        own = Path(f"/proc/{pid}")
        return Look(
            pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
            len(list((own / "fd").iterdir())),
            len(list((own / "task").iterdir())),
            len(pids) - 1,
        )
    except OSError:
        return None


def watched(root: Path, *words: str) -> tuple[int, list[Look]]:
    """Run `mfq score` on a manifest in `root` and return its exit code and what was seen of it."""
    command = [sys.executable, "-c", CODE, "score", *words, "--engine", "fake", "--cache-dir", "cache", "-o", "t.jsonl"]
    null = subprocess.DEVNULL
    temporary = root / "tmp"
    temporary.mkdir(exist_ok=True)
    run = subprocess.Popen(command, cwd=root, stdout=null, stderr=null, env=os.environ | {"TMPDIR": str(temporary)})
    seen = []
    while run.poll() is None:
        if (now := look(run.pid)) is not None:
            seen.append(now)
        time.sleep(EVERY_SECONDS)
    if list(temporary.iterdir()):
        raise SystemExit(f"{words}: something is left in the folder of temporary files")
    return run.returncode, seen


def peak(count: int, *words: str) -> float:
    """Return the peak memory, MB, of a run over so many missing files."""
    with tempfile.TemporaryDirectory(prefix="mfq-bench-") as folder:
        root = Path(folder)
        with (root / "songs.jsonl").open("w") as manifest:
            for n in range(count):
                row = {"id": f"song-{n:07d}", "audio": f"missing/{n}.mp3", "title": f"Song {n % 5000}"}
                manifest.write(json.dumps(row) + "\n")
        code, seen = watched(root, "songs.jsonl", *words)
    if code != (0 if "--dry-run" in words else 1):
        raise SystemExit(f"{count} rows {words}: exit code {code}")
    return max(now.megabytes for now in seen)


def memory(rows: int) -> bool:
    """Compare small and large manifests, print, and return True if all is within bounds."""
    well = True
    for name, words in (("dry run", ("--dry-run",)), ("missing files", ())):
        small, large = peak(SMALL, *words), peak(rows, *words)
        well = well and large - small <= MOST_MB
        print(f"{name}: {SMALL} rows {small:.0f} MB, {rows} rows {large:.0f} MB, {large - small:+.0f} MB", flush=True)
    return well


def flat(songs: int) -> bool:
    """Hear so many songs, print what was held, and return True if nothing grew."""
    with tempfile.TemporaryDirectory(prefix="mfq-bench-") as folder:
        root = Path(folder)
        generator = np.random.default_rng(1)
        with (root / "songs.jsonl").open("w") as manifest:
            for n in range(songs):
                soundfile.write(root / f"{n}.wav", generator.normal(0, 0.1, 4410).astype(np.float32), 8000)
                manifest.write(json.dumps({"id": f"song-{n}", "audio": f"{n}.wav"}) + "\n")
        code, seen = watched(root, "songs.jsonl", "--workers", "1")
    if code != 0:
        raise SystemExit(f"{songs} songs: exit code {code}")
    quarter = len(seen) // 4
    early, late = seen[quarter : 2 * quarter], seen[2 * quarter : 3 * quarter]
    well = True
    for name in (
        "handles",
        "threads",
        "children",
        "megabytes",
    ):  # files are open for a moment: some handles more or less
        before, after = (max(getattr(now, name) for now in part) for part in (early, late))
        well = well and after <= before + {"megabytes": 25, "handles": 4}.get(name, 1)
        print(f"{songs} songs, {name}: {before:.0f} in the second quarter, {after:.0f} in the third", flush=True)
    return well


def main() -> int:
    """Measure, print, and return 1 if something grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--songs", type=int, default=10_000)
    asked = parser.parse_args()
    well = [memory(asked.rows), flat(asked.songs)]
    print("all within bounds" if all(well) else "something grew")
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())

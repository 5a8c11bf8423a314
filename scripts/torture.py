"""Kill `mfq score` at random, many times, and count every broken promise.

A 40-song run with a slow fake engine is killed by SIGKILL after a random time, started again, until it completes; then
the cache is thrown away and it starts over, until so many kills were given. After each kill: the table is absent, or
the older whole one, or the new whole one, and no cache entry is torn. After each completed run: its table equals that
of a run that was never killed, no song was asked for twice but the batch that was in the model at a kill, no part
file is left. Children are gone within 5 s of each kill.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import soundfile

from musicflamingo_cli.cache_entry import decode_entry

SONGS, BATCH = 40, 4
CODE = "import sys; from musicflamingo_cli.cli import main; sys.exit(main())"
CHANGING = ("scored_at", "engine_seconds", "cached")


class Torture:
    """One folder, its runs and what they broke."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.random = root, random.Random(seed)
        self.violations: Counter[str] = Counter()
        self.kills = self.completed = 0
        generator = np.random.default_rng(seed)
        rows = []
        for number in range(SONGS):
            soundfile.write(root / f"{number}.wav", generator.normal(0, 0.1, 12000).astype(np.float32), 8000)
            rows.append(json.dumps({"id": f"song-{number}", "audio": f"{number}.wav"}))
        (root / "songs.jsonl").write_text("\n".join(rows))
        (root / "script.json").write_text(json.dumps({"default": {"delay_seconds": 0.03}}))

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start a run over the cache and table of that name."""
        words = ["score", "songs.jsonl", "--engine", "fake", "--batch-size", str(BATCH), "--workers", "1"]
        words += ["-o", f"{name}.parquet", "--cache-dir", f"{name}-cache"]
        log = {"MFQ_FAKE_SCRIPT": "script.json", "MFQ_FAKE_LOG": f"{name}.log"}
        null = subprocess.DEVNULL
        return subprocess.Popen(
            [sys.executable, "-c", CODE, *words], cwd=self.root, env=os.environ | log, stdout=null, stderr=null
        )

    def table(self, name: str) -> list[dict[str, Any]] | None:
        """Return the table's rows without what may change; None if there is none."""
        path = self.root / f"{name}.parquet"
        if not path.exists():
            return None
        try:
            rows = pq.read_table(path).to_pylist()
        except OSError:
            self.violations["torn table"] += 1
            return None
        return [{k: v for k, v in row.items() if k not in CHANGING} for row in rows]

    def one(self, whole: list[dict[str, Any]], kills: int) -> None:
        """Kill and resume one run until it completes; `kills` are left to give."""
        shutil.rmtree(self.root / "t-cache", ignore_errors=True)
        (self.root / "t.log").unlink(missing_ok=True)
        given = 0
        while True:
            run = self.start("t")
            try:
                limit = self.random.uniform(0.05, 3.0) if given < kills else 600.0
                code = run.wait(limit)
                if code != 0:
                    self.violations[f"exit code {code}"] += 1
                break
            except subprocess.TimeoutExpired:
                self.kill(run)
                given += 1
                found = self.table("t")
                if found is not None and found != whole:
                    self.violations["another table"] += 1
                self.check_entries()
        self.completed += 1
        if self.table("t") != whole:
            self.violations["another table at the end"] += 1
        asked = Counter(json.loads(line)["song_id"] for line in (self.root / "t.log").read_bytes().splitlines())
        if sum(asked.values()) - SONGS > given * BATCH or len(asked) != SONGS:
            self.violations["paid too much"] += 1
        self.violations["part files"] += len(list(self.root.rglob("*.part")))

    def kill(self, run: subprocess.Popen[bytes]) -> None:
        """Kill a run and see to it that its children go."""
        children = descendants(run.pid)
        run.send_signal(signal.SIGKILL)
        run.wait()
        self.kills += 1
        end = time.monotonic() + 5
        while any(alive(child) for child in children):
            if time.monotonic() > end:
                self.violations["children left"] += 1
                return
            time.sleep(0.02)

    def check_entries(self) -> None:
        """Every file that has an entry's name holds a whole entry."""
        for path in (self.root / "t-cache").glob("*/??/*.json"):
            raw = path.read_bytes()
            if decode_entry(raw, path.stem) is None:
                self.violations["torn entry"] += 1


def alive(pid: int) -> bool:
    """True if a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def descendants(pid: int) -> list[int]:
    """Return the children of a process."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def main() -> int:
    """Torture, print, and return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mfq-torture-") as folder:
        torture = Torture(Path(folder), asked.seed)
        if torture.start("whole").wait() != 0:
            print("the run without kills failed")
            return 1
        whole = torture.table("whole")
        assert whole is not None
        while torture.kills < asked.kills:
            torture.one(whole, min(25, asked.kills - torture.kills))
            print(
                f"{torture.kills} kills, {torture.completed} runs, violations: {dict(+torture.violations)}", flush=True
            )
    broken = sum(torture.violations.values())
    print(f"kills {torture.kills}, completed runs {torture.completed}, violations {broken}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

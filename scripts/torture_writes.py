"""Let every file operation of a short `mfq score` fail once, at each place in turn, and count every broken promise.

A three-song run with the fake engine, which keeps a cache, a table, statistics and a log, is started again and again:
its Nth file operation (opening, writing, syncing, renaming, making a folder) fails with ENOSPC, EDQUOT, EIO, EROFS or
EMFILE, once or from then on, for all N. Each time the exit code is not 0 or the table is whole, the message names a
path and shows no traceback, the older table is untouched unless the new one is whole, no part file is left after the
rerun without faults, and that completes, equals the run that never failed, and asks for no song twice but the one in
the model.
"""

from __future__ import annotations

import argparse
import builtins
import errno
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import soundfile

SONGS = 3
CHANGING = ("scored_at", "engine_seconds", "cached")
NUMBERS = ("ENOSPC", "EDQUOT", "EIO", "EROFS", "EMFILE")
OLDER = b"the table of the night before"


class Faults:
    """Counts this process's file operations under a folder and lets some of them fail."""

    def __init__(self, root: str, at: int, number: int, stays: bool) -> None:
        """Operation `at` (from 1) fails with `number`; `stays`: so do all after it."""
        self._root, self._at, self._number, self._stays = f"{os.path.realpath(root)}/", at, number, stays
        self._guard = threading.Lock()
        self._open = io.open
        self.count = 0

    def meet(self, kind: str, path: object) -> None:
        """Count an operation on a path or descriptor, and fail if it is its turn."""
        is_open = isinstance(path, int)
        name = str(Path(f"/proc/self/fd/{path}").readlink()) if is_open else os.fsdecode(path)  # type: ignore[arg-type]
        if not os.path.realpath(name).startswith(self._root) or name.startswith("pipe:"):
            return
        with self._guard:
            self.count += 1
            count = self.count
        if count == self._at or (self._stays and count > self._at > 0):
            sys.stderr.write(f"<{kind} {name}>\n")
            raise OSError(self._number, os.strerror(self._number), name)

    def install(self) -> None:
        """Put the counted operations in the place of the real ones."""
        for name in ("open", "write", "pwrite", "ftruncate", "fsync", "replace", "rename", "mkdir", "link", "truncate"):
            setattr(os, name, self._counted(name, getattr(os, name)))
        io.open = builtins.open = self._opened  # type: ignore[assignment]

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(path: Any, *words: Any, **more: Any) -> Any:
            self.meet(name, path)
            return real(path, *words, **more)

        return counted

    def _opened(self, file: Any, mode: str = "r", *words: Any, **more: Any) -> Any:
        if not isinstance(file, int):
            self.meet("open", file)
        if "b" not in mode or not set(mode) & set("wax+") or more.get("opener"):
            return self._open(file, mode, *words, **more)
        faults = self

        class Raw(io.FileIO):
            def write(self, data: Any) -> int:
                faults.meet("write", self.fileno())
                return super().write(data)

        raw = Raw(file, mode.replace("b", ""))
        unbuffered = 0 in (more.get("buffering"), *words[:1])
        return raw if unbuffered else (io.BufferedRandom if "+" in mode else io.BufferedWriter)(raw)


def child(words: list[str]) -> int:
    """Run `mfq` with faults: ROOT AT ERRNO STAYS, then its own words. Prints the count of operations."""
    from musicflamingo_cli.cli import main as mfq

    faults = Faults(words[0], int(words[1]), getattr(errno, words[2]), words[3] == "stays")
    faults.install()
    code = mfq(words[4:])
    sys.stderr.write(f"<{faults.count} operations>\n")
    return code


class Torture:
    """One folder, its runs and what they broke."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.violations: Counter[str] = Counter()
        self.tried = 0
        generator = np.random.default_rng(1)
        rows = []
        (root / "tmp").mkdir()
        for number in range(SONGS):
            soundfile.write(root / f"{number}.wav", generator.normal(0, 0.1, 12000).astype(np.float32), 8000)
            rows.append(json.dumps({"id": f"song-{number}", "audio": f"{number}.wav"}))
        (root / "songs.jsonl").write_text("\n".join(rows))
        self.whole = self._without_faults()

    def operations(self) -> int:
        """Return how many file operations a run makes."""
        self._clean()
        told = self._run(0, "EIO", "once").stderr
        return int(told.rsplit("<", 1)[1].split()[0])

    def one(self, at: int, number: str, stays: str) -> None:
        """Let one operation fail, judge what came of it, and run again."""
        self._clean()
        (self.root / "t.parquet").write_bytes(OLDER)
        done = self._run(at, number, stays)
        self.tried += 1
        table = self.root / "t.parquet"
        older = table.read_bytes() == OLDER
        found = None if older else self._table("t.parquet")
        wrong = []
        if found is not None and found != self.whole and not self._honest(found, done.returncode):
            wrong.append("another table")
        if done.returncode == 0 and found != self.whole:
            wrong.append("exit code 0")
        if done.returncode not in (0, 1, 2, 3, 4):
            wrong.append(f"exit code {done.returncode}")
        told = "\n".join(line for line in done.stderr.splitlines() if line.startswith("mfq: "))
        if "Traceback" in done.stderr or "internal error" in done.stderr or "Exception" in done.stderr:
            wrong.append("a traceback")
        if done.returncode > 1 and not any(name in told for name in ("t-cache", "t.", "songs.jsonl", ".wav", "tmp")):
            wrong.append("no path named")
        before = self._asked()
        again = self._run(0, "EIO", "once")
        if again.returncode != 0 or self._table("t.parquet") != self.whole:
            wrong.append("the rerun differs")
        if len(self._asked()) > SONGS + 1 or len(before) > SONGS:
            wrong.append("paid too much")
        if list(self.root.rglob("*.part")):
            wrong.append("part files")
        if list((self.root / "tmp").iterdir()):
            wrong.append("temporary files")
        self.violations.update(wrong)
        if wrong:
            print(f"operation {at}, {number}, {stays}: {', '.join(wrong)}; exit {done.returncode}\n{done.stderr}")

    def _honest(self, found: list[dict[str, Any]], code: int) -> bool:
        """True if each row is what it should be or says that it failed, and the exit code does too."""
        pairs = zip(found, self.whole, strict=True)
        return code == 1 and all(row == right or row["status"] == "failed" for row, right in pairs)

    def _clean(self) -> None:
        shutil.rmtree(self.root / "t-cache", ignore_errors=True)
        for name in ("t.parquet", "t.json", "t.jsonl", "t.log"):
            (self.root / name).unlink(missing_ok=True)

    def _without_faults(self) -> list[dict[str, Any]]:
        self._clean()
        done = self._run(0, "EIO", "once")
        if done.returncode != 0:
            raise SystemExit(f"the run without faults failed: {done.stderr}")
        whole = self._table("t.parquet")
        assert whole is not None
        return whole

    def _run(self, at: int, number: str, stays: str) -> subprocess.CompletedProcess[str]:
        words = ["score", "songs.jsonl", "--engine", "fake", "--batch-size", "1", "--workers", "1", "-o", "t.parquet"]
        words += ["--cache-dir", "t-cache", "--stats", "t.json", "--log-file", "t.jsonl"]
        command = [sys.executable, __file__, "--child", str(self.root), str(at), number, stays, *words]
        environment = os.environ | {
            "MFQ_FAKE_LOG": str(self.root.parent / f"{self.root.name}.log"),
            "TMPDIR": str(self.root / "tmp"),
        }
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    def _asked(self) -> list[str]:
        log = self.root.parent / f"{self.root.name}.log"
        return log.read_text().splitlines() if log.exists() else []

    def _table(self, name: str) -> list[dict[str, Any]] | None:
        try:
            rows = pq.read_table(self.root / name).to_pylist()
        except OSError:
            return None
        return [{k: v for k, v in row.items() if k not in CHANGING} for row in rows]


def main() -> int:
    """Torture, print, and return 1 if a promise was broken."""
    if sys.argv[1:2] == ["--child"]:
        return child(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="only every so many operations")
    parser.add_argument("--first", type=int, default=1, help="the first operation that fails")
    parser.add_argument("--shift", type=int, default=0, help="other error numbers at the same operations")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mfq-torture-") as folder:
        root = Path(folder) / "work"
        root.mkdir()
        torture = Torture(root)
        count = torture.operations()
        for turn, at in enumerate(range(asked.first, count + 1, asked.every), asked.shift):
            (Path(folder) / "work.log").unlink(missing_ok=True)
            torture.one(at, NUMBERS[turn % len(NUMBERS)], "stays" if turn // len(NUMBERS) % 2 else "once")
    broken = sum(torture.violations.values())
    print(f"operations {count}, faults {torture.tried}, violations {broken} {dict(torture.violations) or ''}".rstrip())
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

"""What README says of cron, systemd, Slurm and make, run as those would run it, as far as that can be done without."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

README = (Path(__file__).resolve().parent.parent / "README.md").read_text("utf-8")
PLACE = "/srv/music"
BARE = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "mfq"}
"""What cron gives a job, but for the home."""


def block(title: str) -> str:
    """Return the indented text that follows a line."""
    after = README.split(f"\n{title}", 1)[1].split("\n\n", 1)[1]
    return "\n".join(line.removeprefix("    ") for line in re.split(r"\n(?=\S)", after)[0].split("\n")).rstrip()


@pytest.fixture
def place(bench: Any) -> Path:
    """Return a folder with songs and a `.venv` in which `mfq` is."""
    bench.songs(3)
    folder: Path = bench.folder
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    mfq = programs / "mfq"
    package = Path(__file__).resolve().parent.parent
    code = f"import sys\nsys.path.insert(0, {str(package)!r})\nfrom musicflamingo_cli.cli import run\nrun()\n"
    mfq.write_text(f"#!{sys.executable}\n{code}")
    mfq.chmod(0o755)
    return folder


def run(command: str, place: Path, **more: str) -> None:
    """Run a command with nearly nothing around it."""
    around = BARE | {"HOME": str(place)} | more
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace(PLACE, str(place))],
        cwd="/",
        env=around,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def ids(table: Path) -> list[str]:
    return [row["song_id"] for row in pq.read_table(table).to_pylist()]


def test_the_crontab_line(place: Path) -> None:
    line = block("crontab")
    fields = line.split(maxsplit=5)
    assert len(line.splitlines()) == 1 and all(re.fullmatch(r"[\d*]+", field) for field in fields[:5])
    command = fields[5]
    assert not re.search(r"(?<!\\)%", command)  # cron takes it as the end of the command
    run(command.replace("\\%", "%"), place)
    assert ids(place / "scores.parquet") == ["song-0", "song-1", "song-2"]
    assert json.loads((place / "mfq.jsonl").read_text().splitlines()[-1])["event"] == "done"


def test_the_systemd_units(place: Path) -> None:
    service, timer = block("systemd").split("\n\n")
    (command,) = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
    (home,) = re.findall(r"^WorkingDirectory=(.*)$", service, re.MULTILINE)
    run(f"cd {home} && exec {shlex.join(shlex.split(command))}", place)
    assert ids(place / "scores.parquet") == ["song-0", "song-1", "song-2"]
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        for name, text in (("mfq.service", service), ("mfq.timer", timer)):
            (place / name).write_text(text.replace(PLACE, str(place)) + "\n")
        units = [str(place / "mfq.service"), str(place / "mfq.timer")]
        done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False)
        assert "mfq." not in done.stderr, done.stderr


def test_the_slurm_array(place: Path) -> None:
    script = block("Slurm")
    (first, last) = re.findall(r"^#SBATCH --array=(\d+)-(\d+)$", script, re.MULTILINE)[0]
    for number in range(int(first), int(last) + 1):
        run(f"cd {place}\n{script}", place, SLURM_ARRAY_TASK_ID=str(number))
    found = [song for table in place.glob("scores-*.parquet") for song in ids(table)]
    assert sorted(found) == ["song-0", "song-1", "song-2"]
    merge = block("and when all are done")
    run(f"cd {place} && {merge}", place)
    assert sorted(ids(place / "scores.parquet")) == ["song-0", "song-1", "song-2"]


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_the_make_rule(place: Path) -> None:
    (place / "Makefile").write_text(block("make:") + "\n")
    run(f"cd {place} && make", place)
    assert ids(place / "scores.parquet") == ["song-0", "song-1", "song-2"]
    assert "up to date" in subprocess.run(["make"], cwd=place, capture_output=True, text=True, check=True).stdout
    os.utime(place / "songs.jsonl")
    run(f"cd {place} && make", place)

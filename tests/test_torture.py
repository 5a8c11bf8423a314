"""A small share of `make torture`, and of the measurements of `make bench` that can fail."""

import re
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


def run(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / name), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_ten_kills_break_no_promise() -> None:
    done = run("torture.py", "--kills", "10", "--seed", "7")
    assert done.returncode == 0, done.stdout + done.stderr
    # On a fast machine a run may complete before its tenth kill, and the last kills fall on a second one.
    assert re.search(r"^kills 10, completed runs [1-9]\d*, violations 0$", done.stdout, re.MULTILINE), done.stdout


def test_some_failing_writes_break_no_promise() -> None:
    done = run("torture_writes.py", "--every", "23", "--first", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"faults [4-9], violations 0$", done.stdout, re.MULTILINE), done.stdout


def test_nothing_grows_with_the_catalogue() -> None:
    done = run("bench_resources.py", "--rows", "3000", "--songs", "1500")
    assert done.returncode == 0, done.stdout + done.stderr

"""A small share of `make torture`."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "torture.py"


def test_ten_kills_break_no_promise() -> None:
    command = [sys.executable, str(SCRIPT), "--kills", "10", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kills 10, completed runs 1, violations 0" in done.stdout

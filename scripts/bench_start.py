"""What `mfq --help` costs beside a Typer program of two empty commands: CPU time of both, in one run.

    python scripts/bench_start.py [--repeat 15]

Should stay below 1.3.
"""

import argparse
import resource
import statistics
import subprocess
import sys

BARE = """
import typer
app = typer.Typer(add_completion=False)
app.command("one")(lambda: None)
app.command("two")(lambda: None)
app()
"""
OURS = "from musicflamingo_cli.__main__ import run; run()"


def seconds(code: str) -> float:
    """Return the CPU time of a program's `--help`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-P", "-c", code, "--help"], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=15)
    pairs = [(seconds(BARE), seconds(OURS)) for _ in range(parser.parse_args().repeat)]
    bare, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"mfq --help {ours * 1000:.0f} ms, a bare Typer program {bare * 1000:.0f} ms: {ours / bare:.2f} x")


if __name__ == "__main__":
    main()

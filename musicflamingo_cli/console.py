"""The only room that prints. Data goes to stdout; progress, summaries and errors go to stderr."""

from __future__ import annotations

import os
import re
import sys
import traceback
from dataclasses import dataclass
from typing import Any

from musicflamingo_cli.errors import OutputError

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def safe(text: object) -> str:
    """Return text in which nothing can steer a terminal: control and direction characters are written out."""
    return CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), str(text))


def data(text: str) -> None:
    """Write a line of data to stdout; what its encoding lacks is written out."""
    if sys.stdout is None:
        raise OutputError("could not write standard output: it is closed")
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        raise
    except OSError as problem:
        raise OutputError(f"could not write standard output: {problem.strerror}") from None


@dataclass(slots=True)
class Voice:
    """How much stderr tells."""

    quiet: bool = False
    """Only errors."""
    verbose: bool = False
    """Details too."""


_VOICE = Voice()


def speak(*, quiet: bool = False, verbose: bool = False) -> None:
    """Choose how much stderr tells from now on."""
    _VOICE.quiet, _VOICE.verbose = quiet, verbose


def draws() -> bool:
    """Return whether stderr is a terminal on which something may be drawn over and over."""
    return sys.stderr is not None and sys.stderr.isatty() and not _VOICE.quiet


def detail(text: str) -> None:
    """Write a line to stderr that only `--verbose` asks for."""
    if _VOICE.verbose:
        _tell(text)


def note(text: str) -> None:
    """Write a line to stderr, over any progress bar; with `--quiet`, nothing."""
    if not _VOICE.quiet:
        _tell(text)


def _tell(text: str) -> None:
    if sys.stderr is None:
        return
    try:
        lines = "\n".join(map(safe, text.split("\n")))
        if bars := sys.modules.get("tqdm"):
            bars.tqdm.write(lines, file=sys.stderr)
        else:
            sys.stderr.write(f"{lines}\n")
            sys.stderr.flush()
    except (OSError, ValueError):
        return


def error(text: str) -> None:
    """Write an error to stderr: what, where and what to do."""
    _tell(f"mfq: {text}")


def usage_error(problem: Any) -> int:
    """Write a wrong use of the command line to stderr; return its exit code."""
    context = getattr(problem, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context is not None else ""
    if problem.format_message():
        error(f"{problem.format_message()}{hint}")
    return int(getattr(problem, "exit_code", 2))


def internal_error(problem: Exception) -> int:
    """Write an error of ours to stderr; return its exit code. MFQ_DEBUG=1 or `-v` shows where it came from."""
    if os.environ.get("MFQ_DEBUG") or _VOICE.verbose:
        traceback.print_exception(problem)
    error(f"internal error: {type(problem).__name__}: {problem} (MFQ_DEBUG=1 shows where); what was answered is kept")
    return 4

"""The command line: the table of verbs, and the one frame that turns trouble into an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Annotated

import typer

from musicflamingo_cli import console
from musicflamingo_cli.commands.filter import filter_
from musicflamingo_cli.commands.score import score
from musicflamingo_cli.commands.show import show
from musicflamingo_cli.errors import MfqError

CLICK_ERROR = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
"""Base of Typer's usage errors. Typer carries its own copy of click in some versions, so it is found, not imported."""
STOPS = {signal.SIGTERM: 143, signal.SIGHUP: 129}

app = typer.Typer(
    name="mfq",
    help="Quality scores and captions for a catalogue of songs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(score)
app.command()(show)
app.command("filter")(filter_)


class Stopped(BaseException):
    """A signal asked the run to end; `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        console.data(f"mfq {version('musicflamingo-cli')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Quality scores and captions for a catalogue of songs."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (0 to 4, 75, or 128 + a signal). Never raises, never exits."""
    command = typer.main.get_command(app)
    arguments = list(sys.argv[1:] if argv is None else argv)
    old = {number: signal.signal(number, _stop) for number in STOPS} if _is_main_thread() else {}
    try:
        code = command.main(args=arguments, prog_name="mfq", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except MfqError as problem:
        console.error(str(problem))
        return problem.exit_code
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, typer.Abort):
        console.error("interrupted; what was answered is in the cache, and the same command goes on from there")
        return 130
    except Stopped as stop:
        console.error("stopped; what was answered is in the cache, and the same command goes on from there")
        return stop.code
    except BrokenPipeError:
        _drop_stdout()
        return 4
    except Exception as problem:
        if isinstance(problem, CLICK_ERROR):
            return console.usage_error(problem)
        return console.internal_error(problem)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def run() -> None:
    """Run `main` as the console script `mfq`."""
    code = main()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _drop_stdout()
        code = code or 4
    sys.exit(code)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(STOPS[signal.Signals(number)])


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _drop_stdout() -> None:
    """Point standard output at nothing, so that the interpreter's last flush can't fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

"""The command line: the table of verbs, and the one frame that turns trouble into an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from musicflamingo_cli import console
from musicflamingo_cli.commands.caption import caption
from musicflamingo_cli.commands.doctor import doctor
from musicflamingo_cli.commands.eval import eval_
from musicflamingo_cli.commands.filter import filter_
from musicflamingo_cli.commands.merge import merge
from musicflamingo_cli.commands.rank import rank
from musicflamingo_cli.commands.report import report
from musicflamingo_cli.commands.score import score
from musicflamingo_cli.commands.show import show
from musicflamingo_cli.commands.status import status
from musicflamingo_cli.commands.tune import tune
from musicflamingo_cli.commands.verbs import CLICK_ERROR, Verb, Verbs
from musicflamingo_cli.errors import MfqError, NotNow, Stopped, UsageError
from musicflamingo_cli.processes import leave_out_pandas, stand_ready
from musicflamingo_cli.signals import CODES, Stops, command_line, program

app = typer.Typer(
    name="mfq",
    cls=Verbs,
    help="Quality scores and captions for a catalogue of songs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=Verb)(score)
app.command(cls=Verb)(caption)
app.command(cls=Verb)(rank)
app.command(cls=Verb)(doctor)
app.command(cls=Verb)(report)
app.command(cls=Verb)(show)
app.command(cls=Verb)(status)
app.command("eval", cls=Verb)(eval_)
app.command(cls=Verb)(tune)
app.command("filter", cls=Verb)(filter_)
app.command(cls=Verb)(merge)


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
    console.speak()
    command = typer.main.get_command(app)
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == sys.argv[1:]:  # It is the program, in which nobody hands a DataFrame to pyarrow.
        leave_out_pandas()
    again = f"to go on: {command_line([program() if argv is None else 'mfq', *arguments])}"
    try:
        with Stops(console.note, again) as stops:
            code = command.main(args=arguments, prog_name="mfq", standalone_mode=False, obj=stops)
        return code if isinstance(code, int) else 0
    except NotNow as problem:
        console.error(f"{problem}\n{again}")
        return problem.exit_code
    except MfqError as problem:
        console.error(str(problem))
        return problem.exit_code
    except SystemExit as end:  # a shell that asks for completions
        return int(end.code or 0)
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, typer.Abort, Stopped) as stop:
        console.error(f"stopped; what was answered is in the cache\n{again}")
        return stop.code if isinstance(stop, Stopped) else 130
    except BrokenPipeError:
        _drop_stdout()
        return 4
    except Exception as problem:
        if isinstance(problem, CLICK_ERROR):
            return console.usage_error(problem)
        if isinstance(problem, FileNotFoundError) and _is_nowhere():
            console.error("the working folder was removed; call mfq from another one")
            return UsageError.exit_code
        return console.internal_error(problem)


def run() -> None:
    """Run `main` as the program; `__main__` calls this once it stands ready."""
    stand_ready()
    code = main()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _drop_stdout()
        code = code or 4
    if code in CODES.values():
        os._exit(code)  # What was interrupted may be an extension's own affair, and crash when modules are torn down.
    sys.exit(code)


def _is_nowhere() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd() asks the same
    except FileNotFoundError:
        return True
    return False


def _drop_stdout() -> None:
    """Point standard output at nothing, so that the interpreter's last flush can't fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
